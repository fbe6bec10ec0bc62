"""DiSCO and repU: what a few known columns give away, as statistical offices measure it.

Threat model: the attacker holds the synthetic table and knows the quasi-identifiers of a person
who he believes is in the training table. He succeeds when they occur once in the synthetic table
and the person is the only one to have them (repU: he would take that record for the person's), or
when all synthetic records that have them agree on a column, rightly (DiSCO: he reads it off).

Both happen for people who were never in the training table too, as far as the columns depend on
each other in the population. Only what happens more often to members is a leak.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.attacks.knowledge import Parties, columns_with, levels, parties, secrets
from tabsynth.attacks.trials import Outcomes, Trials, advantage
from tabsynth.comparison import Comparison, no_figure
from tabsynth.intervals import Z95, wilson
from tabsynth.matching import combined, once
from tabsynth.report.model import Result

MOST: Final = 200_000
KEYS: Final = 4
SECRETS: Final = 8

Codes = NDArray[np.int64]


def disco(comparison: Comparison) -> list[Result]:
    """The measures repU and DiSCO for members and for controls, and their differences.

    Returns:
        `repu`: share of training records whose keys no other training record has and exactly one
        synthetic record has. `disco`, for each sensitive column: share of training records whose
        keys stand in the synthetic table with one value only, the right one. Both are within 0 and
        1, lower is better; the reference is the same for records that were never in train, each
        put among the training records in its turn. `repu_advantage` and `disco_advantage`: members
        minus controls; the baseline is that of the reference table in the synthetic one's place.

        Keys are the quasi-identifiers; where none is declared, four columns at random. Where no
        column is declared sensitive, the target and up to seven others. Numbers are cut into 20
        groups, as the source advises; missing is a value.

    Privacy: reads all real records; not differentially private.

    Source: Raab, Nowok and Dibben (2024), Practical privacy metrics for synthetic data,
        arXiv:2406.16826; the versions for records never seen are ours.
    """
    held = parties(comparison, "disco", most=MOST, held=MOST)
    keys = _keys(comparison)
    about = [n for n in secrets(comparison, most=SECRETS, besides=keys) if n not in keys]
    if not keys or not min(held.members.num_rows, held.controls.num_rows):
        needed = "needs columns that an attacker could know, training and control records"
        n = held.members.num_rows + held.controls.num_rows
        return [no_figure("repu", "privacy", unit="share", n=n, method=needed)]
    coded = combined([_levels(held, name) for name in keys])
    given = f"keys {', '.join(keys)}"
    results = _figures(
        "repu", [_replicated(coded, by) for by in (2, 3)], method=f"{given}; once in each table"
    )
    for name in about:
        values = _levels(held, name)
        found = [_read_off(coded, values, by) for by in (2, 3)]
        method = f"{given}; one synthetic value, the right one"
        results += _figures("disco", found, method=method, column=name)
    return [r.model_copy(update={"seed": comparison.seed}) for r in results]


def _keys(comparison: Comparison) -> list[str]:
    schema = comparison.train.schema
    declared = columns_with(schema, "quasi-identifier")
    if declared:
        return declared
    closed = {*columns_with(schema, "sensitive"), comparison.target}
    names = [n for n in schema.modelled_names if n not in closed]
    # something must be left to learn about
    size = min(KEYS, max(len(names) - 1, 1)) if not closed - {None} else min(KEYS, len(names))
    picked = comparison.rng("disco keys").permutation(len(names))[:size]
    return [names[i] for i in np.sort(picked)]


def _levels(held: Parties, name: str) -> list[Codes]:
    """A column of members, controls, synthetic and reference records."""
    attackers = [held.synthetic, held.reference]
    return levels([held.members, held.controls, *attackers], name, held=attackers)


def _replicated(keys: list[Codes], by: int) -> list[Outcomes]:
    """Members whose keys nobody else in train has, and controls likewise; once in the other."""
    members, controls = keys[:2]
    single = once(keys[by])
    alone = [np.isin(members, once(members)), ~np.isin(controls, members)]
    return [
        own & np.isin(part, single) for own, part in zip(alone, (members, controls), strict=True)
    ]


def _read_off(keys: list[Codes], values: list[Codes], by: int) -> list[Outcomes]:
    """Whose keys come with one value only in the table at that position, the right one."""
    size = max(int(v.max(initial=0)) for v in values) + 2
    pairs = [k * size + v + 1 for k, v in zip(keys, values, strict=True)]
    distinct = np.unique(pairs[by])
    owners, counts = np.unique(distinct // size, return_counts=True)
    certain = distinct[np.isin(distinct // size, owners[counts == 1])]
    return [np.isin(part, certain) for part in pairs[:2]]


def _figures(
    name: str, found: list[list[Outcomes]], *, method: str, column: str | None = None
) -> list[Result]:
    (members, controls), (known, _) = found
    low, high = wilson(int(members.sum()), len(members), Z95)
    literal = Result(
        name=name,
        family="privacy",
        column=column,
        value=float(members.mean()),
        ci_low=low,
        ci_high=high,
        reference=float(controls.mean()),
        unit="share",
        n=len(members),
        method=f"{method}; Wilson interval; the reference is that of records never seen",
        status="diagnostic",
    )
    trials = Trials(f"{name}_advantage", members, controls, method, baseline=known, column=column)
    return [literal, advantage(trials)]
