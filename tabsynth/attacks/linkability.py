"""Linkability: does the synthetic table tie together what two sources know of one person?

Threat model: the attacker holds the synthetic table and two lists of people from elsewhere, one
with some columns of a person's record and one with the others. He looks up the synthetic record
nearest to each part, and takes the parts for one person's where both lead to the same record. He
succeeds when they do. That can happen for people who were never in the training table, by chance or
since the columns depend on each other; only what happens more often to members is a leak.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tabsynth.attacks.knowledge import columns_with, parties
from tabsynth.attacks.neighbours import Points, Space, nearest
from tabsynth.attacks.trials import Outcomes, Trials, advantage
from tabsynth.comparison import Comparison, no_figure
from tabsynth.report.model import Result

ATTEMPTS: Final = 5_000
NEIGHBOURS: Final = (1, 5)


def linkability(comparison: Comparison) -> list[Result]:
    """Members whose two parts lead to the same synthetic record, minus the same for controls.

    Returns:
        `linkability` for the nearest record of each part and for a common one among the five
        nearest: a difference of shares within -1 and 1, lower is better, 0 without a leak. The
        baseline is that of an attacker with the reference table in the synthetic one's place. The
        parts are the quasi-identifiers and the other columns; where none is declared, two random
        halves of the columns.

    Privacy: reads all real records; not differentially private.

    Source: Giomi et al. (2023), doi:10.56553/popets-2023-0055.
    """
    held = parties(comparison, "linkability", most=ATTEMPTS)
    first, second, what = _parts(comparison)
    sides = (held.members, held.controls, held.synthetic)
    if not first or not second or not min(t.num_rows for t in sides):
        needed = "needs two columns, training, control and synthetic records"
        n = held.members.num_rows + held.controls.num_rows
        return [no_figure("linkability", "privacy", unit="share", n=n, method=needed)]
    space = Space.of([held.synthetic, held.reference])
    members, controls, drawn, known = (space.points(t) for t in (*sides, held.reference))
    people = members.followed_by(controls)
    linked = _linked(people, drawn, first, second)
    without = _linked(members, known, first, second)
    return [
        advantage(
            Trials(
                "linkability",
                members=hits[: len(members)],
                controls=hits[len(members) :],
                baseline=alone,
                method=f"share for whom {what} lead to one synthetic record; up to {ATTEMPTS:,} "
                "members and as many controls",
                group="the nearest record" if k == 1 else f"one of the {k} nearest records",
            ),
            seed=comparison.seed,
        )
        for k, hits, alone in zip(NEIGHBOURS, linked, without, strict=True)
    ]


def _parts(comparison: Comparison) -> tuple[list[str], list[str], str]:
    """Two disjoint sets of columns that together are all of them, and what they are."""
    schema = comparison.train.schema
    names = list(schema.modelled_names)
    first = set(columns_with(schema, "quasi-identifier"))
    what = "the quasi-identifiers and the other columns"
    if not first or len(first) == len(names):
        order = comparison.rng("linkability columns").permutation(len(names))
        first = {names[i] for i in order[: len(names) // 2]}
        what = "two random halves of the columns"
    return [n for n in names if n in first], [n for n in names if n not in first], what


def _linked(people: Points, among: Points, first: list[str], second: list[str]) -> list[Outcomes]:
    """For each number of neighbours, whose two parts have a neighbour in common."""
    places = [
        nearest(people.columns(part), among.columns(part), max(NEIGHBOURS))[1]
        for part in (first, second)
    ]
    same = places[0][:, :, None] == places[1][:, None, :]
    return [np.asarray(same[:, :k, :k].any(axis=(1, 2))) for k in NEIGHBOURS]
