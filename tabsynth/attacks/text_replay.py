"""Replay of texts: do runs of words that only a few people wrote come out of the synthetic table?

Threat model: the attacker holds the synthetic table and knows what a person may have written. He
looks for eight words in a row, or more, that few but that person would put so, and for whole texts
of fewer words. Runs that people never in the table wrote come out as well, by chance and by habit;
only what happens more often to training records is a leak.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabsynth.attacks.knowledge import some_of_each_unit
from tabsynth.attacks.trials import MIN_ATTEMPTS, Trials, advantage, nothing_to_try
from tabsynth.comparison import MAX_RECORDS, Comparison, at_most
from tabsynth.generators import WITHHELD
from tabsynth.intervals import Z95, wilson
from tabsynth.report.model import Result
from tabsynth.table import Table
from tabsynth.wording.runs import FEWEST, RUN, Hashes, among, holders, runs, words

Texts = list[Hashes]


def text_replay(comparison: Comparison) -> list[Result]:
    """Runs of eight words of few training records that come out, minus the same for controls.

    Returns:
        For each text column of the synthetic table that is not our placeholder throughout:
        `text_replay`, of the persons with a run of eight words (or a whole text of fewer, here and
        below) that fewer than five real persons share, the share of training records of which such
        a run comes out minus the share of control records; lower is better, 0 without a leak.
        `replayed_runs`, the share of synthetic texts with a run that some but fewer than five
        training records hold; the reference is the holdout's own share. Eight words told
        in another way are not seen.

    Privacy: reads the texts of all real records; not differentially private.
    """
    fields = comparison.train.schema.fields
    names = [f.name for f in fields if f.tabsynth.free_text is not None]
    return [r for n in names if is_written(comparison.synthetic, n) for r in _column(comparison, n)]


def is_written(table: Table, column: str) -> bool:
    """Whether the column holds texts, and not the placeholder alone or nothing."""
    return any(text != WITHHELD for text in table.column(column).drop_null().unique().to_pylist())


def _column(comparison: Comparison, name: str) -> list[Result]:
    rng = comparison.rng(f"text_replay {name}")
    real = [at_most(t, MAX_RECORDS, rng) for t in (comparison.train, comparison.control)]
    train, control, drawn, holdout = (
        _runs(t, name)
        for t in (*real, at_most(comparison.synthetic, MAX_RECORDS, rng), comparison.holdout)
    )
    # a person of the one table is none of the other
    units = np.concatenate([real[0].units, real[1].units + int(real[0].units.max()) + 1])
    found, held = holders([*train, *control], units)
    rare = found[held < FEWEST]
    emitted = np.unique(np.concatenate([np.empty(0, np.uint64), *drawn]))
    members, controls = (
        _hits([texts[i] for i in some_of_each_unit(t, t.num_rows, rng)], rare, emitted)
        for t, texts in zip(real, (train, control), strict=True)
    )
    known, by = holders(train, real[0].units)
    share = _share(name, known[by < FEWEST], drawn, holdout)
    trials = Trials(
        "text_replay", members, controls,
        method=f"persons of whom {RUN} words in a row that fewer than {FEWEST} wrote come out",
        column=name,
    )  # fmt: skip
    few = min(len(members), len(controls)) < MIN_ATTEMPTS <= min(t.num_rows for t in real)
    # what did come out, and cannot be set beside enough others, is in doubt
    if few and not members.any():
        why = f"at least {MIN_ATTEMPTS} persons with a run of words of their own"
        return [nothing_to_try(trials, why), share]
    return [advantage(trials), share]


def _runs(table: Table, name: str) -> Texts:
    return [runs(words(text or ""), whole=True) for text in table.column(name).to_pylist()]


def _hits(texts: Texts, rare: Hashes, emitted: Hashes) -> NDArray[np.bool_]:
    """Of the texts with a rare run, whether one of their rare runs is emitted."""
    own = [text[among(text, rare)] for text in texts]
    return np.array([bool(among(text, emitted).any()) for text in own if len(text)], bool)


def _share(name: str, few: Hashes, drawn: Texts, holdout: Texts) -> Result:
    replays, met = ([bool(among(text, few).any()) for text in texts] for texts in (drawn, holdout))
    low, high = wilson(sum(replays), len(replays), Z95)
    return Result(
        name="replayed_runs", family="privacy", column=name,
        value=sum(replays) / len(replays), ci_low=low, ci_high=high,
        reference=sum(met) / len(met), unit="share", n=len(replays),
        method=f"synthetic texts with {RUN} words in a row that some but fewer than {FEWEST} "
        "training records hold; Wilson interval",
        status="diagnostic",
    )  # fmt: skip
