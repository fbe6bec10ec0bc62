"""Particles on their way along a chain: drawn or set column by column, weighed, resampled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import POOLED, Codes
from tabsynth.synthesizers.links import Link
from tabsynth.synthesizers.pools import Counts, effective_size, picks

SLIP: Final = 1e-7


@dataclass(frozen=True)
class Cloud:
    """Particles of several pools on their way along the chain.

    Args:
        drawn: per column, the cells of particles; empty where none are drawn yet.
        seen: per column drawn, their bins.
        kind: shape (particles,), their conditions.
        sizes: shape (pools,), particles of each pool.
        weight: shape (particles,), adds up to 1 in each pool.
        origin: shape (particles,), the particle that it was when pools were spread.
        log_probability: shape (pools,), of what was given so far.
    """

    drawn: tuple[Codes, ...]
    seen: Mapping[int, NDArray[np.uint8]]
    kind: NDArray[np.intp]
    sizes: Counts
    weight: NDArray[np.float64]
    origin: NDArray[np.intp]
    log_probability: NDArray[np.float64]

    @classmethod
    def start(cls, kind: NDArray[np.intp], columns: int) -> Cloud:
        """One particle for each pool, with nothing drawn."""
        ones, pools = np.ones(len(kind), np.int64), np.arange(len(kind))
        nothing = (np.empty(0, np.int64),) * columns
        return cls(nothing, {}, kind, ones, ones.astype(float), pools, np.zeros(len(kind)))

    def after(
        self,
        link: Link,
        bins: NDArray[np.uint8],
        wish: Codes | None,
        *,
        share: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> Cloud:
        """The particles with one more column: drawn, or set and weighed where it is wished for.

        Args:
            link: the column.
            bins: shape (cells,), the bin of each cell.
            wish: shape (particles,), POOLED where free; None where all are.
            share: shape (cells,), how probable each cell is whatever the other columns hold.
            rng: the only source of randomness.
        """
        cloud = self
        if wish is None or np.any(wish == POOLED):
            cells = link.draw(len(self.kind), self.drawn, self.seen, rng)
        if wish is not None:
            free = wish == POOLED
            cells = np.where(free, cells, wish) if free.any() else wish
            chance = link.probability(cells, self.drawn, self.seen)
            if link.source is None:
                # a leaf of few records without the given cell does not make it impossible
                chance = (1 - SLIP) * chance + SLIP * share[cells]
            cloud = self._weighed(np.where(free, 1.0, chance))
        drawn = (*self.drawn[: link.column], cells, *self.drawn[link.column + 1 :])
        return replace(cloud, drawn=drawn, seen={**self.seen, link.column: bins[cells]})

    def _weighed(self, chance: NDArray[np.float64]) -> Cloud:
        weight = self.weight * chance
        total = np.add.reduceat(weight, np.cumsum(self.sizes) - self.sizes)
        with np.errstate(divide="ignore"):
            log_probability = self.log_probability + np.log(total)
        # a pool that no particle survives goes on evenly; its probability of 0 tells
        dead = total <= 0
        scale = np.repeat(np.where(dead, 1.0, total), self.sizes)
        even = np.repeat(dead / self.sizes, self.sizes)
        return replace(self, weight=weight / scale + even, log_probability=log_probability)

    def evened(self, rng: np.random.Generator) -> Cloud:
        """The particles resampled in pools whose weights are uneven."""
        uneven = effective_size(self.weight, self.sizes) < self.sizes / 2
        if not uneven.any():
            return self
        moved = np.repeat(uneven, self.sizes)
        kept = np.where(
            moved, picks(self.weight, self.sizes, self.sizes, rng), np.arange(len(moved))
        )
        even = np.repeat(1 / self.sizes, self.sizes)
        return self._take(kept, self.sizes, np.where(moved, even, self.weight))

    def spread(self, sizes: Counts) -> Cloud:
        """So many particles from the only one of each pool."""
        cloud = self._take(
            np.repeat(np.arange(len(sizes)), sizes), sizes, np.repeat(1 / sizes, sizes)
        )
        return replace(cloud, origin=np.arange(len(cloud.kind)))

    def picked(self, records: Counts, rng: np.random.Generator) -> Cloud:
        """So many particles of each pool, picked by weight."""
        kept = picks(self.weight, self.sizes, records, rng)
        return self._take(kept, records, np.ones(len(kept)))

    def _take(self, kept: NDArray[np.intp], sizes: Counts, weight: NDArray[np.float64]) -> Cloud:
        return replace(
            self,
            drawn=tuple(k[kept] if len(k) else k for k in self.drawn),
            seen={j: b[kept] for j, b in self.seen.items()},
            kind=self.kind[kept], sizes=sizes, weight=weight, origin=self.origin[kept],
        )  # fmt: skip

    @property
    def worth(self) -> NDArray[np.float64]:
        """How many independent particles each pool rests on, shape (pools,); 0 where none is left.

        Particles that were one when the pools were spread count as one.
        """
        families = np.zeros(len(self.origin))
        np.add.at(families, self.origin, self.weight)
        worth = effective_size(families, self.sizes)
        return np.where(np.isneginf(self.log_probability), 0.0, worth)
