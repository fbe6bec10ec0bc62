"""Noisy counts brought back to counts: nothing below zero, and sums that agree."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

SWEEPS: Final = 60

Floats = NDArray[np.float64]


def to_total(noisy: Floats, total: float | Floats) -> Floats:
    """The nearest counts of at least 0 that add up to a total, along the last axis.

    Small counts, which are mostly noise where many cells are empty, become 0.

    Args:
        noisy: shape (..., cells), at least one cell.
        total: at least 0, a number or shape (...).

    Source: Euclidean projection onto the simplex, Duchi et al. (2008), figure 1,
        doi:10.1145/1390156.1390191.
    """
    return np.maximum(noisy - _threshold(noisy, np.asarray(total, float))[..., None], 0.0)


def to_margins(noisy: Floats, rows: Floats, columns: Floats) -> Floats:
    """The nearest table of counts of at least 0 with given sums, by dual coordinate ascent.

    Args:
        noisy: shape (r, c).
        rows: shape (r,), sums of the rows, at least 0.
        columns: shape (c,), with the same total.

    Returns:
        Shape (r, c). Sums of columns are exact; those of rows as near as 60 sweeps come.
    """
    by_row, by_column = np.zeros(len(rows)), np.zeros(len(columns))
    for _ in range(SWEEPS):
        by_row = _threshold(noisy - by_column, rows)
        by_column = _threshold((noisy - by_row[:, None]).T, columns)
    return np.maximum(noisy - by_row[:, None] - by_column, 0.0)


def _threshold(noisy: Floats, total: Floats) -> Floats:
    """What to take off every cell so that the rest, cut at 0, adds up to the total."""
    falling = -np.sort(-noisy, axis=-1)
    excess = np.cumsum(falling, axis=-1) - total[..., None]
    ranks = np.arange(1, noisy.shape[-1] + 1)
    kept = np.maximum((falling * ranks > excess).sum(axis=-1), 1)
    taken: Floats = np.take_along_axis(excess, (kept - 1)[..., None], -1)[..., 0] / kept
    return taken
