"""Cells of one column laid out along a standard normal scale."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from tabsynth.encoding.codec import POOLED, Codes, code_dtype
from tabsynth.synthesizers.margins import require_shares

REACH: Final = 6.5
HERMITE_TERMS: Final = 24


@dataclass(frozen=True)
class LatentColumn:
    """Which stretch of the latent normal variable stands for which cell.

    Args:
        order: shape (C,), the cell at each position along the scale.
        share: shape (C,), probability of the cell at each position.
    """

    order: NDArray[np.int64]
    share: NDArray[np.float64]

    def __post_init__(self) -> None:
        require_shares(self.share)
        cells = np.arange(len(self.share))
        if self.order.dtype.kind != "i" or not np.array_equal(np.sort(self.order), cells):
            raise ValueError("expected every cell once")

    @cached_property
    def share_by_cell(self) -> NDArray[np.float64]:
        """Probability of each cell, by cell."""
        shares = np.empty_like(self.share)
        shares[self.order] = self.share
        return shares

    @cached_property
    def edges(self) -> NDArray[np.float64]:
        """Ends between neighbouring positions, shape (C + 1,), from -inf to inf."""
        below = np.cumsum(self.share)
        inner = np.clip(below[:-1] / below[-1], 0.0, 1.0)
        edges = np.concatenate([[-np.inf], ndtri(inner), [np.inf]])
        # a cell without records at either end must not catch the last rounding error
        last = np.flatnonzero(self.share)[-1]
        edges[last + 1 :] = np.inf
        return edges

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """Mean of the latent variable within each cell, by cell, with a 0 for POOLED at the end."""
        density = _normal_density(self.edges)
        with np.errstate(divide="ignore", invalid="ignore"):
            by_position = np.where(self.share > 0, -np.diff(density) / self.share, 0.0)
        scores = np.zeros(len(self.order) + 1)
        scores[self.order] = by_position
        return scores

    @cached_property
    def hermite(self) -> NDArray[np.float64]:
        """Coefficients 1..HERMITE_TERMS of the score function in normalised Hermite polynomials."""
        density = _normal_density(self.edges)
        finite = np.where(np.isfinite(self.edges), self.edges, 0.0)
        by_position = self.scores[self.order]
        previous, current = np.zeros_like(finite), np.ones_like(finite)
        terms = np.empty(HERMITE_TERMS)
        for m in range(1, HERMITE_TERMS + 1):
            # integral of h_m phi over a cell = -(h_{m-1} phi at its ends) / sqrt(m)
            terms[m - 1] = by_position @ -np.diff(current * density) / np.sqrt(m)
            following = (finite * current - np.sqrt(m - 1) * previous) / np.sqrt(m)
            previous, current = current, following
        return terms

    @cached_property
    def _positions(self) -> NDArray[np.int64]:
        positions = np.empty(len(self.order), np.int64)
        positions[self.order] = np.arange(len(self.order))
        return positions

    def interval(self, codes: Codes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Ends of the stretch of each code, each of shape (records,); POOLED is the whole line."""
        position = self._positions[np.maximum(codes, 0)]
        free = codes == POOLED
        low = np.where(free, -np.inf, self.edges[position])
        return low, np.where(free, np.inf, self.edges[position + 1])

    @cached_property
    def _guide(self) -> tuple[NDArray[np.float32], Codes, NDArray[np.bool_]]:
        size = min(65536, 4096 * max(1, len(self.order) // 16))
        grid = np.linspace(-REACH, REACH, size + 1, dtype=np.float32)
        inner = self.edges[1:-1].astype(np.float32)
        below = np.searchsorted(inner, grid[:-1], side="right")
        above = np.searchsorted(inner, grid[1:], side="right")
        cells = self.order.astype(code_dtype(len(self.order)))
        return inner, cells[below], below != above

    def cells(self, latent: NDArray[np.float32]) -> Codes:
        """The cell of each latent value, shape (records,).

        A guide table answers where one grid step lies within one cell; the few others are searched.
        """
        inner, guide, mixed = self._guide
        scaled = (latent + np.float32(REACH)) * np.float32(len(guide) / (2 * REACH))
        step = np.clip(scaled, 0, len(guide) - 1).astype(np.int32)
        cells: Codes = guide[step]
        doubtful = np.flatnonzero(mixed[step])
        if len(doubtful):
            place = np.searchsorted(inner, latent[doubtful], side="right")
            cells[doubtful] = self.order[place]
        return cells


def _normal_density(z: NDArray[np.float64]) -> NDArray[np.float64]:
    density: NDArray[np.float64] = np.exp(-0.5 * np.square(z)) / np.sqrt(2 * np.pi)
    return density
