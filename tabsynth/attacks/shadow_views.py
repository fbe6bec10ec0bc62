"""What an attacker by shadow fits measures about each target in a synthetic table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.attacks.agreement import agreement
from tabsynth.attacks.neighbours import Points, Space, nearest
from tabsynth.learners import shared_codes
from tabsynth.table import Table

NEIGHBOURS: Final = (1, 5, 20)
ORDERS: Final = (1, 2, 3, 4)
MAX_CONDITIONS: Final = 30
MAX_QUERIES: Final = 60
ALONE: Final = 6
NEAR: Final = 0.025

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Queries:
    """Conditions that one target meets, asked of a table one, two, three and four at a time.

    Args:
        place: where the target lies.
        conditions: which of its conditions are asked, see `_met`.
        together: for each order which conditions hold together; arrays of (queries, order).
        shares: of the known records that meet them.
    """

    place: Points
    conditions: NDArray[np.int64]
    together: tuple[NDArray[np.int64], ...]
    shares: tuple[Floats, ...]

    @classmethod
    def about(cls, place: Points, known: Points, rng: np.random.Generator) -> Queries:
        """The rarest conditions that the target meets, and random choices among them."""
        met = _met(place, known)
        rarest = np.argsort(np.count_nonzero(met, axis=1), kind="stable")[:MAX_CONDITIONS]
        together = tuple(_choices(len(rarest), k, rng) for k in ORDERS if k <= len(rarest))
        # the target itself is among the known, so no share is 0
        shares = tuple(_shares(met[rarest], chosen) for chosen in together)
        return cls(place, rarest, together, shares)

    def answers(self, drawn: Points) -> list[float]:
        """How much commoner than among the known the conditions are, on average over each order.

        The 6 rarest are answered one by one as well, 1 standing for those that there are not. One
        record more raises each share by as much; so a share counts by the inverse of its
        variance, which for rare conditions is that of itself.
        """
        met = _met(self.place, drawn)[self.conditions]
        ratios = [
            _shares(met, chosen) / known
            for chosen, known in zip(self.together, self.shares, strict=True)
        ]
        rarest = np.ones(ALONE)
        rarest[: len(ratios[0])] = ratios[0][:ALONE]
        return [*(float(r.mean()) for r in ratios), *rarest]


class Views:
    """The attacker's preparations: distances, surprise and queries, from records that he knows.

    Args:
        targets: people asked about, modelled columns only.
        others: records of the same source.
        rng: of the queries.
    """

    def __init__(self, targets: Table, others: Table, rng: np.random.Generator) -> None:
        self.targets = targets
        known = Table(targets.schema, pa.concat_tables([targets.data, others.data]))
        self.space = Space.of([known])
        self.places = self.space.points(targets)
        self.weight = _surprise(targets, known, self.places.names)
        points = self.space.points(known)
        rows = np.arange(targets.num_rows)
        self.queries = [Queries.about(self.places.take(rows[[i]]), points, rng) for i in rows]

    def of(self, synthetic: Table, rng: np.random.Generator) -> Floats:
        """What a synthetic table shows about each target; shape (targets, features).

        Nearness (minus the mean distance to the nearest 1, 5 and 20 records), the most surprising
        part that one record repeats, and how much commoner than expected the target's values are,
        alone and two, three and four together, and each of the rarest.

        Source: Stadler, Oprisanu and Troncoso (2022), arXiv:2011.07018 (marginal counts); Houssiau
            et al. (2022), arXiv:2211.06550 (counts of random conditions).
        """
        drawn = self.space.points(synthetic)
        asked = np.array([q.answers(drawn) for q in self.queries])
        if not synthetic.num_rows:
            return np.column_stack([np.zeros((len(asked), len(NEIGHBOURS) + 1)), asked])
        distances = nearest(self.places, drawn, max(NEIGHBOURS))[0].astype(float)
        near = [-distances[:, :k].mean(axis=1) for k in NEIGHBOURS]
        repeated = agreement(
            [self.targets], synthetic, self.places.names, weight=self.weight, rng=rng
        )
        return np.column_stack([*near, repeated, asked])


def _surprise(targets: Table, known: Table, names: tuple[str, ...]) -> Floats:
    """Minus the logarithm of the share of known records with each value of each target."""
    columns = []
    for name in names:
        asked, seen = (c + 1 for c in shared_codes([targets.column(name), known.column(name)]))
        # the target itself is among the known
        columns.append(np.log(len(seen) / np.bincount(seen)[asked]))
    return np.column_stack(columns)


def _met(place: Points, points: Points) -> Flags:
    """Which records meet which conditions of one target; shape (conditions, records).

    For a category: the same. For a number: within 2.5 % of the ranks, and at least as far out. A
    missing value is met by missing values.
    """
    rank, ranks = place.ranks[0][:, None], np.ascontiguousarray(points.ranks.T)
    gone = np.isnan(rank) & np.isnan(ranks)
    close = np.abs(ranks - rank) <= NEAR
    beyond = np.where(rank >= 0.5, ranks >= rank, ranks <= rank)
    same = np.ascontiguousarray(points.codes.T) == place.codes[0][:, None]
    return np.concatenate([close | gone, beyond | gone, same])


def _choices(conditions: int, order: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """So many different conditions at a time; every one where there is one at a time."""
    if order == 1:
        return np.arange(conditions)[:, None]
    return np.argsort(rng.random((MAX_QUERIES, conditions)), axis=1)[:, :order]


def _shares(met: Flags, together: NDArray[np.int64]) -> Floats:
    both = met[together[:, 0]]
    for other in together.T[1:]:
        both = both & met[other]
    share: Floats = np.count_nonzero(both, axis=1) / max(both.shape[1], 1)
    return share
