"""The correlation of latent normal variables that are only seen through cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import POOLED, Codes
from tabsynth.synthesizers.latent import LatentColumn

BLOCK: Final = 1 << 17
LIMIT: Final = 0.995
SMALLEST_EIGENVALUE: Final = 1e-4


def latent_correlation(
    columns: Sequence[LatentColumn], codes: Sequence[Codes]
) -> NDArray[np.float64]:
    """Positive-definite correlation whose cells' scores have the moments seen in the records.

    The mean product of two columns' scores is a power series in their latent correlation, with the
    products of their Hermite coefficients as factors (Mehler's formula), and increases with it; so
    each pair is solved by bisection. What ties and few categories would take away from a plain
    correlation of scores is thereby given back.

    Args:
        columns: d columns.
        codes: per column, shape (records,).

    Returns:
        Shape (d, d), unit diagonal, smallest eigenvalue at least about 1e-4.

    Source: the polychoric series of Pearson (1900); shrinkage by Schäfer and Strimmer (2005),
        equation for target D, doi:10.2202/1544-6115.1175.
    """
    if len(columns) < 2:
        return np.eye(len(columns))
    return correlation_of_moments(columns, *_moments(columns, codes))


def correlation_of_moments(
    columns: Sequence[LatentColumn], moments: NDArray[np.float64], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Positive-definite correlation whose cells' scores have given moments.

    Args:
        columns: d columns, at least 2.
        moments: shape (d, d), mean products of the columns' scores.
        counts: shape (d, d), how many records each rests on, or as many as would be as sure.

    Returns:
        See `latent_correlation`.
    """
    series = np.array([c.hermite for c in columns])
    correlation = _solve(moments, series)
    np.fill_diagonal(correlation, 1.0)
    return _positive_definite(_shrink(correlation, counts))


def _moments(
    columns: Sequence[LatentColumn], codes: Sequence[Codes]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean products of scores, and how many records they rest on, over records with both cells."""
    d, rows = len(columns), len(codes[0])
    tables = [c.scores.astype(np.float32) for c in columns]
    pooled = [bool((k == POOLED).any()) for k in codes]
    products, counts = np.zeros((d, d)), np.zeros((d, d))
    for start in range(0, rows, BLOCK):
        part = [k[start : start + BLOCK] for k in codes]
        scores = np.stack([t[k] for t, k in zip(tables, part, strict=True)])
        products += scores @ scores.T
        if any(pooled):
            known = np.stack([(k != POOLED).astype(np.float32) for k in part])
            counts += known @ known.T
    if not any(pooled):
        counts[:] = rows
    return products / np.maximum(counts, 1.0), counts


def _solve(moments: NDArray[np.float64], series: NDArray[np.float64]) -> NDArray[np.float64]:
    factors = np.einsum("im,jm->mij", series, series)
    low, high = np.full_like(moments, -LIMIT), np.full_like(moments, LIMIT)
    for _ in range(30):
        middle = (low + high) / 2
        value = np.zeros_like(middle)
        for factor in factors[::-1]:
            value = (value + factor) * middle
        short = value < moments
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    # a column of one cell has no scores, hence no correlation
    informative = np.outer(series[:, 0] > 0, series[:, 0] > 0)
    return np.where(informative, (low + high) / 2, 0.0)


def _shrink(correlation: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    off = ~np.eye(len(correlation), dtype=bool)
    strength = np.sum(correlation[off] ** 2)
    noise = np.sum((1 - correlation[off] ** 2) ** 2 / np.maximum(counts[off] - 1, 1))
    weight = 1 - min(1.0, noise / strength) if strength > 0 else 0.0
    return np.where(off, weight * correlation, correlation)


def _positive_definite(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(correlation)
    if values[0] >= SMALLEST_EIGENVALUE:
        return correlation
    repaired = (vectors * np.maximum(values, SMALLEST_EIGENVALUE)) @ vectors.T
    scale = np.sqrt(np.diag(repaired))
    unit: NDArray[np.float64] = repaired / np.outer(scale, scale)
    return unit
