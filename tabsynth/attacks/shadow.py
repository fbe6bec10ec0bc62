"""Shadow fits: is a person's presence in the training table visible in the synthetic one?

Threat model, the strongest of all attacks here: the attacker holds the synthetic table and the
whole record of the person, knows the synthesizer and its settings, and has so many records of the
same source that he can fit many times with and without the person, and learn what tells the two
apart. He does not know which other records were fitted. No holdout is needed: a fit without the
person is the control.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.attacks.likelihood_ratio import Evidence, dealt
from tabsynth.attacks.shadow_findings import findings
from tabsynth.attacks.shadow_targets import Targets, choose
from tabsynth.attacks.shadow_views import Views
from tabsynth.comparison import Comparison, Refit, at_most, no_figure
from tabsynth.errors import InputError
from tabsynth.report.model import Result
from tabsynth.table import Table

FITS: Final = 64
MAX_FITTED: Final = 5_000
MIN_PEOPLE: Final = 50

Rows = NDArray[np.int64]
Say = Callable[[str], object]


def shadow(
    comparison: Comparison,
    *,
    targets: Sequence[int] | None = None,
    fits: int = FITS,
    say: Say = lambda _: None,
) -> list[Result]:
    """How well fits with a person are told from fits without, for people chosen to stand out.

    Args:
        comparison: real records, and the `refit` of the method.
        targets: positions of training records to be among the targets.
        fits: how many shadow fits, a multiple of 4; each target is in half of them.
        say: called with a line of progress.

    Returns:
        `deep_p`: how often in and out dealt at random look as telling as the real ones, by the
        greatest standardised AUC over targets, kinds of target and all; higher is better. The
        gate holds it where fits are as large as half of the table; beyond 10,000 records they are
        cut, a person shows more than in the whole, and it is a diagnostic.
        `deep_auc`: mean AUC over all targets (no group) and by kind; 0.5 is no leak, 1 complete.
        `deep_best_auc`: that of the most exposed target, interval for having looked at all.
        `deep_target_auc`: of each target; the group is a kind and a place in it, never a value or
        a row. No figure without `refit`, or with fewer than 50 people in the training table.

    Raises:
        UsageError: a target that is not there, or more than 20 of them.

    Privacy: reads the training records; not differentially private. A large p-value is no proof.

    Source: Stadler, Oprisanu and Troncoso (2022), arXiv:2011.07018; Carlini et al. (2022),
        arXiv:2112.03570; Houssiau et al. (2022), arXiv:2211.06550.
    """
    absent = partial(no_figure, "deep_auc", "privacy", unit="AUC", n=comparison.train.num_rows)
    if comparison.refit is None:
        return [absent(method="needs the model: `run --deep`, or `evaluate --deep --model`")]
    train = comparison.train
    if len(np.unique(train.units)) < MIN_PEOPLE or not train.schema.modelled_names:
        return [absent(method=f"needs modelled columns of at least {MIN_PEOPLE} training people")]
    rng = comparison.rng("shadow")
    chosen = choose(train, targets or (), rng)
    world = _World.of(train, chosen)
    try:
        evidence = world.evidence(comparison.refit, fits=fits, rng=rng, say=say)
    except InputError:
        return [absent(method="needs a method that can be fitted to part of the training records")]
    say("shadow fits: likelihood ratios")
    setting = f"{fits} fits, each target in half of them, beside {world.size:,} other people"
    results = findings(evidence, chosen.kinds, setting=setting, rng=rng)
    held = [r if world.is_whole else _not_held(r) for r in results]
    return [r.model_copy(update={"seed": comparison.seed}) for r in held]


def _not_held(result: Result) -> Result:
    """A p-value of fits much smaller than the real one is no reason to fail."""
    if result.name != "deep_p":
        return result
    method = f"{result.method}; the table is larger than these fits, in which a person shows more"
    return result.model_copy(update={"status": "diagnostic", "method": method})


@dataclass(frozen=True)
class _World:
    """Who may be fitted.

    Args:
        train: training records.
        targets: people asked about.
        people: positions of the records of each other person.
        owned: the same for each target.
    """

    train: Table
    targets: Targets
    people: tuple[Rows, ...]
    owned: tuple[Rows, ...]

    @classmethod
    def of(cls, train: Table, targets: Targets) -> _World:
        order = np.argsort(train.units, kind="stable")
        starts = np.flatnonzero(np.diff(train.units[order])) + 1
        owner = {int(train.units[rows[0]]): rows for rows in np.split(order, starts)}
        owned = tuple(owner.pop(int(unit)) for unit in train.units[targets.rows])
        return cls(train, targets, tuple(owner.values()), owned)

    @property
    def size(self) -> int:
        """How many of the other people are in each fit: half of them, or as many as is quick."""
        each = max(1.0, float(np.mean([len(rows) for rows in self.people])))
        return max(1, min(len(self.people) // 2, int(MAX_FITTED / each)))

    @property
    def is_whole(self) -> bool:
        """Whether fits are as large as half of the table, and not cut for time."""
        return self.size >= len(self.people) // 2

    def some(self, rng: np.random.Generator) -> Rows:
        """Records of so many of the other people, at random."""
        drawn = rng.choice(len(self.people), self.size, replace=False)
        return np.concatenate([self.people[i] for i in drawn])

    def evidence(self, refit: Refit, *, fits: int, rng: np.random.Generator, say: Say) -> Evidence:
        """Fit with and without each target, and look at what comes out."""
        targets = self.train.take(self.targets.rows).modelled
        views = Views(targets, self.train.take(self.some(rng)).modelled, rng)
        inside = dealt(fits, len(self.targets), rng)
        seeds = rng.integers(0, 2**31, fits)
        seen = []
        for i in range(fits):
            if i % 8 == 0:
                say(f"shadow fits: {i} of {fits}")
            others = self.some(rng)
            held = [rows for rows, is_in in zip(self.owned, inside[:, i], strict=True) if is_in]
            # in any order, and as many drawn whoever is in, so that neither gives anybody away
            rows = rng.permutation(np.concatenate([others, *held]))
            drawn = refit(self.train.take(rows), int(seeds[i])).modelled
            seen.append(views.of(at_most(drawn, len(others), rng), rng))
        return Evidence.of(np.array(seen), inside, rng)
