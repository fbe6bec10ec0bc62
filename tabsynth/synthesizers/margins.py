"""Shares of cells, and draws from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import POOLED, Codes
from tabsynth.errors import ConditionError


def margin(codes: Codes, cells: int) -> NDArray[np.float64]:
    """Shares of the cells among records that have one, shape (cells,); they add up to 1.

    Where no record has one, everything is missing: the last cell.
    """
    counts = np.bincount(codes[codes != POOLED], minlength=cells).astype(np.float64)
    if not counts.any():
        counts[-1] = 1.0
    share: NDArray[np.float64] = counts / counts.sum()
    return share


def draw(share: NDArray[np.float64], n: int, rng: np.random.Generator) -> Codes:
    """N cells drawn by their shares, shape (n,)."""
    edges = np.cumsum(share)
    drawn = np.searchsorted(edges, rng.random(n) * edges[-1], side="right")
    last = int(np.flatnonzero(share)[-1])
    codes: Codes = np.minimum(drawn, last).astype(np.int32)
    return codes


def require_shares(share: NDArray[np.float64]) -> None:
    """Refuse what is not a distribution.

    Raises:
        ValueError: not float64, negative, not finite, or not adding up to 1.
    """
    if share.dtype != np.float64 or share.ndim != 1:
        raise ValueError("expected shares in one row of 64-bit floats")
    if not (np.all(share >= 0) and abs(share.sum() - 1) < 1e-6):
        raise ValueError("expected shares that add up to 1")


def require_possible(name: str, codes: Codes, share: NDArray[np.float64]) -> None:
    """Refuse conditions on cells that the model never emits.

    Args:
        name: the column.
        codes: shape (conditions,), POOLED where free.
        share: shape (cells,).

    Raises:
        ConditionError: one of them has a share of 0.
    """
    if np.any(share[codes[codes != POOLED]] == 0):
        raise ConditionError(
            f"given {name!r}",
            expected="a value that the model can emit",
            got="one that is allowed but occurs in no record it learnt from",
            remedy="choose a value that occurs",
        )
