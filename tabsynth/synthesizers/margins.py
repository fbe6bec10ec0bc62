"""Shares of cells, and draws from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import POOLED, Codes


def margin(codes: Codes, cells: int) -> NDArray[np.float64]:
    """Shares of the cells among records that have one, shape (cells,); they add up to 1.

    Where no record has one, everything is missing: the last cell.
    """
    counts = np.bincount(codes[codes != POOLED], minlength=cells).astype(np.float64)
    if not counts.any():
        counts[-1] = 1.0
    return counts / counts.sum()


def draw(share: NDArray[np.float64], n: int, rng: np.random.Generator) -> Codes:
    """n cells drawn by their shares, shape (n,)."""
    edges = np.cumsum(share)
    drawn = np.searchsorted(edges, rng.random(n) * edges[-1], side="right")
    return np.minimum(drawn, np.flatnonzero(share)[-1]).astype(np.int32)
