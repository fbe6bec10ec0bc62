"""Pools of weighted particles: how many, drawn together, and which of them go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

AT_ONCE: Final = 1 << 17
# pools that are worth too little are drawn again with so many times the particles
FACTORS: Final = (1, 4, 16, 64)
FEWEST: Final = 32
PER_RECORD: Final = 4
# what a pool must be worth: so many independent particles, and so many per record
ENOUGH: Final = 8
ENOUGH_PER_RECORD: Final = 1


@dataclass(frozen=True)
class Pools:
    """Pools of particles, each for records under the same conditions.

    Args:
        kind: shape (pools,), which conditions.
        records: shape (pools,), how many are wanted.
        particles: shape (pools,), how many are drawn for them.
        exact: shape (pools,), whether nothing is weighted.
    """

    kind: NDArray[np.intp]
    records: Counts
    particles: Counts
    exact: NDArray[np.bool_]

    @classmethod
    def plan(
        cls, kind: NDArray[np.intp], records: Counts, *, exact: NDArray[np.bool_], factor: int
    ) -> Pools:
        """Pools for so many records of each kind; large ones are split.

        Args:
            kind: shape (groups,), which conditions.
            records: shape (groups,), at least 1.
            exact: shape (groups,), whether one particle per record is enough.
            factor: times as many particles as at first.
        """
        most = np.where(exact, AT_ONCE, AT_ONCE // (PER_RECORD * factor))
        pieces = -(-records // most)
        ends = np.cumsum(pieces)
        place = np.arange(int(ends[-1])) - np.repeat(ends - pieces, pieces)
        whole, parts = np.repeat(records, pieces), np.repeat(pieces, pieces)
        own = whole // parts + (place < whole % parts)
        exact = np.repeat(exact, pieces)
        weighted = factor * np.maximum(FEWEST, PER_RECORD * own)
        return cls(np.repeat(kind, pieces), own, np.where(exact, own, weighted), exact)

    def batches(self) -> Iterator[slice]:
        """Runs of pools that are drawn together, within a bound on memory."""
        batch = (np.cumsum(self.particles) - 1) // AT_ONCE
        ends = np.flatnonzero(np.diff(batch, append=-1)) + 1
        for start, end in zip(np.append(0, ends[:-1]), ends, strict=True):
            yield slice(int(start), int(end))

    def part(self, some: slice) -> Pools:
        """Only those pools."""
        return Pools(self.kind[some], self.records[some], self.particles[some], self.exact[some])

    @property
    def enough(self) -> Counts:
        """How many independent particles a pool must be worth, shape (pools,); 0 where exact."""
        return np.where(self.exact, 0, np.maximum(ENOUGH, ENOUGH_PER_RECORD * self.records))

    def expected(self, worth: NDArray[np.float64], factor: int) -> NDArray[np.float64]:
        """What pools will be worth with the first of `FACTORS` that is enough, or the last.

        Args:
            worth: shape (pools,), what they are worth now.
            factor: the one that they have now.
        """
        best = np.zeros(len(worth))
        for each in FACTORS:
            best = np.where(best < self.enough, worth * each / factor, best)
        return np.maximum(best, np.minimum(worth, 1.0))


def effective_size(weight: NDArray[np.float64], sizes: Counts) -> NDArray[np.float64]:
    """How many equally weighted particles each pool is worth, shape (pools,).

    Args:
        weight: shape (particles,), adds up to 1 in each pool.
        sizes: shape (pools,), particles per pool, at least 1.

    Source: Kong, Liu and Wong (1994), doi:10.1080/01621459.1994.10476469.
    """
    starts = np.cumsum(sizes) - sizes
    worth: NDArray[np.float64] = 1 / np.add.reduceat(np.square(weight), starts)
    return worth


def picks(
    weight: NDArray[np.float64], sizes: Counts, wanted: Counts, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Places of so many particles of each pool, picked by weight, pools after each other.

    A particle of weight w is picked w times the wanted number on average, rounded up or down.

    Args:
        weight: shape (particles,), adds up to 1 in each pool.
        sizes: shape (pools,), particles per pool, at least 1.
        wanted: shape (pools,), may be 0.
        rng: the only source of randomness.

    Source: systematic resampling, Kitagawa (1996), doi:10.1080/10618600.1996.10474692.
    """
    ends, last = np.cumsum(weight), np.cumsum(sizes)
    above = np.append(0.0, ends[last - 1])
    pool = np.repeat(np.arange(len(sizes)), wanted)
    place = np.arange(len(pool)) - np.repeat(np.cumsum(wanted) - wanted, wanted)
    step = (place + rng.random(len(sizes))[pool]) / wanted[pool]
    points = above[pool] + step * (above[pool + 1] - above[pool])
    found = np.searchsorted(ends, points, side="right")
    kept: NDArray[np.intp] = np.clip(found, (last - sizes)[pool], last[pool] - 1)
    return kept
