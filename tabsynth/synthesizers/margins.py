"""Shares of cells, and draws from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import POOLED, Codes
from tabsynth.errors import ConditionError


def margin(codes: Codes, cells: int, *, min_count: int) -> NDArray[np.float64]:
    """Shares of the cells among records that have one, shape (cells,); they add up to 1.

    The last cell, missing, gets none when fewer than `min_count` records are in it. Where no record
    has a cell, everything is missing. Shares are rounded to a grid as coarse as the number of
    records to two digits, so that the exact number cannot be worked out from them.
    """
    counts = np.bincount(codes[codes != POOLED], minlength=cells)
    if counts[-1] < min_count:
        counts[-1] = 0
    total = int(counts.sum())
    if not total:
        counts[-1] = total = 1
    grid = two_digits(total)
    scaled = counts * (grid / total)
    parts = np.floor(scaled)
    largest = np.argsort(parts - scaled, kind="stable")[: round(grid - parts.sum())]
    parts[largest] += 1
    share: NDArray[np.float64] = parts / grid
    return share


def two_digits(count: int) -> int:
    """A count to two significant digits, to one below 100: too coarse to reveal one record."""
    return max(1, int(float(f"{count:.1e}" if count >= 100 else f"{count:.0e}")))


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
