"""The gap between two groups in synthetic records minus that in the holdout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.bias.groups import ENOUGH, Grouping
from tabsynth.bias.rates import tally
from tabsynth.table import Table

DRAWS: Final = 400

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class GapChange:
    """How the gap between the groups furthest apart in real records changes.

    Args:
        high: the group with the highest rate in real records.
        low: the one with the lowest.
        real: the gap in the holdout.
        value: the gap in synthetic records minus that in the holdout.
        reference: train minus holdout.
        drawn: the value in redrawn tables, shape (draws,).
        tables: synthetic tables behind it.
    """

    high: int
    low: int
    real: float
    value: float
    reference: float
    drawn: Floats
    tables: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the value."""
        low, high = np.quantile(self.drawn, [0.025, 0.975])
        return float(min(low, self.value)), float(max(high, self.value))

    @property
    def beyond(self) -> float:
        """How far the value lies beyond both 0 and the reference; 0 where it lies between."""
        return beyond(self.value, self.reference)


def beyond(value: float, reference: float) -> float:
    """How far a value lies beyond both 0 and a reference; 0 where it lies between."""
    above, below = value - max(0.0, reference), value - min(0.0, reference)
    return above if above > 0 else min(below, 0.0)


def gap_change(
    grouping: Grouping,
    tables: Sequence[Table],
    values: Sequence[Floats],
    rng: np.random.Generator,
) -> GapChange | None:
    """Compare the gap of two groups; None without two groups of 30 people in every table.

    Args:
        grouping: the groups.
        tables: train, holdout, and one or more synthetic ones.
        values: 1, 0 or NaN for each record of each of them.
        rng: of the bootstrap, which draws privacy units again.
    """
    found = [_Outcomes.of(t, grouping, v) for t, v in zip(tables, values, strict=True)]
    train, holdout, *synthetic = found
    enough = np.min([t.people for t in found], axis=0) >= ENOUGH
    if enough.sum() < 2:
        return None
    pooled = (train.hits + holdout.hits) / np.maximum(train.counts + holdout.counts, 1)
    high = int(np.argmax(np.where(enough, pooled, -1)))
    low = int(np.argmin(np.where(enough, pooled, 2)))
    pair = np.array([high, low])
    real = holdout.gap(pair)
    # each replicate takes one of the synthetic tables, so the interval covers their spread
    of_tables = np.stack([t.bootstrap(pair, rng) for t in synthetic])
    picked = of_tables[rng.integers(0, len(synthetic), DRAWS), np.arange(DRAWS)]
    return GapChange(
        high,
        low,
        real=real,
        value=float(np.mean([t.gap(pair) for t in synthetic])) - real,
        reference=train.gap(pair) - real,
        drawn=picked - holdout.bootstrap(pair, rng),
        tables=len(synthetic),
    )


@dataclass(frozen=True, eq=False)
class _Outcomes:
    """Outcomes by group of one table, and what is needed to draw its privacy units again."""

    counts: Ints
    hits: Ints
    people: Ints
    cells: Ints
    units: Ints | None

    @classmethod
    def of(cls, table: Table, grouping: Grouping, values: Floats) -> _Outcomes:
        codes = grouping.codes(table)
        name = table.schema.tabsynth.privacy_unit
        units = table.units if name is not None and name in table.schema.names else None
        found = tally(codes, len(grouping.labels), values, units)
        # two cells a group, and one for records without an outcome
        cells = np.where(np.isnan(values), 2 * len(found.counts), 2 * codes + (values == 1))
        places = None if units is None else np.unique(units, return_inverse=True)[1]
        return cls(found.counts, found.hits, found.units, cells.astype(np.int64), places)

    def gap(self, pair: Ints) -> float:
        """Rate of the first group minus that of the second."""
        rates = self.hits[pair] / self.counts[pair]
        return float(rates[0] - rates[1])

    def bootstrap(self, pair: Ints, rng: np.random.Generator) -> Floats:
        """Gaps of redrawn tables, shape (draws,); people are drawn with all their records."""
        size = 2 * len(self.counts) + 1
        if self.units is None:
            counts = np.bincount(self.cells, minlength=size)
            drawn = rng.multinomial(len(self.cells), counts / len(self.cells), DRAWS)
        else:
            people = int(self.units.max()) + 1
            drawn = np.stack(
                [
                    np.bincount(self.cells, rng.multinomial(people, np.full(people, 1 / people))
                                [self.units], minlength=size)
                    for _ in range(DRAWS)
                ]
            )  # fmt: skip
        other, hit = drawn[:, 2 * pair], drawn[:, 2 * pair + 1]
        rates = hit / np.maximum(other + hit, 1)
        gaps: Floats = rates[:, 0] - rates[:, 1]
        return gaps
