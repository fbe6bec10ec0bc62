"""Sums of products of records' scores, each record within a ball, in whole numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# with this radius and below, sums over 2**32 records stay inside 64 bits
MAX_RADIUS: Final = 2**15
# scores beyond it are clipped first; products with a radius stay inside 64 bits
MAX_SCORE: Final = 2**20
CHUNK: Final = 1 << 16


def off_diagonal_bound(radius: int, columns: int) -> float:
    """Largest L2 norm of a vector's products, each pair of different columns once.

    For a vector x of norm r it is sqrt((r^4 - sum x_i^4) / 2), largest where all x_i^2 are equal.
    At least 1, so that one column, which has no pairs, still has a defined noise.
    """
    return max(1.0, math.nextafter(radius**2 * math.sqrt((1 - 1 / columns) / 2), math.inf))


def within_ball(vectors: NDArray[np.int64], radius: int) -> NDArray[np.int64]:
    """Whole vectors of L2 norm at most `radius`, in the direction of the given ones.

    Exact: each coordinate times radius / ceil(norm), rounded towards 0. No floating-point number
    decides whether a vector is inside.

    Args:
        vectors: shape (n, d), entries of at most MAX_SCORE.
        radius: 1 to MAX_RADIUS.
    """
    squared = np.sum(vectors * vectors, axis=1)
    norm = ceil_root(squared)[:, None]
    size = np.abs(vectors) * radius // np.maximum(norm, 1)
    shrunk = np.where(squared[:, None] > radius * radius, np.sign(vectors) * size, vectors)
    return np.asarray(shrunk, np.int64)


def ceil_root(squared: NDArray[np.int64]) -> NDArray[np.int64]:
    """The smallest whole numbers whose squares are at least the given ones, below 2**60."""
    root = np.sqrt(squared.astype(np.float64)).astype(np.int64)
    # the float is off by at most one
    root += (root * root < squared).astype(np.int64)
    root += (root * root < squared).astype(np.int64)
    over = (root > 0) & ((root - 1) * (root - 1) >= squared)
    return np.asarray(root - over, np.int64)


def second_moments(
    codes: Sequence[NDArray[np.integer[Any]]], scores: Sequence[NDArray[Any]], radius: int
) -> NDArray[np.int64]:
    """Sums over records of the products of their scores, shape (d, d), exact.

    Privacy: not private; for `PrivateTable`, which adds noise.
    """
    tables = [np.clip(np.asarray(s, np.int64), -MAX_SCORE, MAX_SCORE) for s in scores]
    total = np.zeros((len(codes), len(codes)), np.int64)
    for start in range(0, len(codes[0]), CHUNK):
        vectors = [t[c[start : start + CHUNK]] for t, c in zip(tables, codes, strict=True)]
        inside = within_ball(np.stack(vectors, axis=1), radius)
        total += inside.T @ inside
    return total
