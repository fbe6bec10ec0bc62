"""Whom shadow fits are tried on: people who stand out, people named, and a few at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.attacks.knowledge import some_of_each_unit
from tabsynth.attacks.neighbours import Space, nearest
from tabsynth.errors import UsageError
from tabsynth.learners import numbers, shared_codes
from tabsynth.table import Table

PER_KIND: Final = 10
MAX_NAMED: Final = 20
ONE_IN: Final = 20
MAX_SEARCHED: Final = 50_000
CANDIDATES: Final = 2_000
AROUND: Final = 5
RARE: Final = 0.01

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Targets:
    """People asked about, each by one record.

    Args:
        rows: positions among the training records, one per person; shape (targets,).
        kinds: why each was chosen: `named`, `isolated`, `rare` or `random`.
    """

    rows: Rows
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)


def choose(train: Table, named: Sequence[int], rng: np.random.Generator) -> Targets:
    """The records named, and up to 10 each that are isolated, have rare values, or are random.

    Isolated is who lies farthest, on average, from the 5 nearest of the others. A value is rare
    when at most 1 % of the records share it, or lie as far out in a tail; the columns take turns.
    Of each kind there are at most one for 20 people, so that enough others remain to be fitted.

    Args:
        train: training records.
        named: positions of records to be among the targets, in the order to show them.
        rng: of the candidates and of the random ones.

    Raises:
        UsageError: a position that is not there, or more than 20 of them.

    Privacy: reads all training records. The positions are private.

    Source: Meeus, Guépin, Cretu and de Montjoye (2023), arXiv:2306.10308, equation 5, for isolation
        as the mean distance to the 5 nearest.
    """
    _check(named, train)
    units = train.units
    people = some_of_each_unit(train, MAX_SEARCHED, rng)
    each = min(PER_KIND, len(people) // ONE_IN)
    chosen: list[tuple[int, str]] = []
    taken: set[int] = set()

    def take(rows: Sequence[int] | Rows, kind: str, most: int) -> None:
        for row in rows:
            unit = int(units[row])
            if most and unit not in taken:
                taken.add(unit)
                chosen.append((int(row), kind))
                most -= 1

    known = train.modelled.take(people)
    strange = rarity(known)
    take(named, "named", MAX_NAMED)
    take(people[_isolated(known, strange, rng)], "isolated", each)
    take(people[_rarest(strange)], "rare", each)
    take(rng.permutation(people), "random", each)
    return Targets(np.array([r for r, _ in chosen], np.int64), tuple(k for _, k in chosen))


def rarity(table: Table) -> Floats:
    """Minus the logarithm of the share of records with the same value; shape (records, columns).

    For numbers it is the share that lies at least as far out on the same side of the median.
    """
    columns = []
    for field in table.schema.fields:
        column = table.column(field.name)
        if field.is_categorical:
            codes = shared_codes([column])[0] + 1
            columns.append(np.bincount(codes)[codes])
        else:
            columns.append(_tails(numbers(column)))
    return np.log(table.num_rows / np.column_stack(columns))


def _tails(values: Floats) -> Rows:
    ordered = np.sort(values[~np.isnan(values)])
    below = np.searchsorted(ordered, values, side="right")
    above = len(ordered) - np.searchsorted(ordered, values, side="left")
    missing = len(values) - len(ordered)
    return np.where(np.isnan(values), missing, np.minimum(below, above)).astype(np.int64)


def _isolated(known: Table, strange: Floats, rng: np.random.Generator) -> Rows:
    """Positions of candidates, the most isolated first."""
    order = rng.permutation(known.num_rows)
    # whoever lies far from everybody has unusual values; to measure everybody would take minutes
    candidates = order[np.argsort(-strange[order].sum(axis=1), kind="stable")][:CANDIDATES]
    points = Space.of([known]).points(known)
    distances = nearest(points.take(candidates), points, AROUND + 1)[0]
    # the nearest is the candidate itself
    return candidates[np.argsort(-distances[:, 1:].mean(axis=1), kind="stable")]


def _rarest(strange: Floats) -> list[int]:
    """Positions of records with rare values, column by column, the rarest first."""
    total = strange.sum(axis=1)
    columns = np.argsort(-strange.max(axis=0), kind="stable")
    limit = np.log(min(1 / RARE, len(strange)))
    queues = []
    for j in columns:
        rare = np.flatnonzero(strange[:, j] >= limit - 1e-9)
        queues.append(rare[np.lexsort((-total[rare], -strange[rare, j]))][: 4 * PER_KIND])
    return [int(q[i]) for i in range(4 * PER_KIND) for q in queues if i < len(q)]


def _check(named: Sequence[int], train: Table) -> None:
    where = "targets"
    if len(named) > MAX_NAMED:
        raise UsageError(
            where,
            expected=f"at most {MAX_NAMED} records",
            got=str(len(named)),
            remedy="ask about fewer at a time",
        )
    if any(not 0 <= row < train.num_rows for row in named):
        raise UsageError(
            where,
            expected="positions of training records, counted from 0",
            got="one that is not there",
            remedy="correct the number",
        )
