"""Orders for cells that have none: categories, and where "missing" belongs among numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import POOLED, Codes
from tabsynth.synthesizers.latent import LatentColumn

SWEEPS: Final = 3
SHRINK: Final = 10.0


def lay_out(
    codes: Sequence[Codes], margins: Sequence[NDArray[np.float64]], ordered: Sequence[bool]
) -> list[LatentColumn]:
    """Place every column's cells along its latent scale so that the order carries dependence.

    Categories are ordered by the quantification that maximises the sum of squared correlations with
    the scores of all other columns, found by alternating over the columns. Numbers keep their own
    order; "missing" (their last cell) goes where records with it stand on average.

    Args:
        codes: per column, shape (records,).
        margins: per column, shape (cells,), missing last.
        ordered: per column, whether the cells before the last have an order of their own.

    Source: alternating least-squares optimal scaling, Gifi (1990), Nonlinear Multivariate Analysis,
        chapter 3; de Leeuw, Young and Takane (1976), doi:10.1007/BF02296971.
    """
    first = [
        np.arange(len(p)) if keep else np.argsort(-p, kind="stable")
        for p, keep in zip(margins, ordered, strict=True)
    ]
    columns = [LatentColumn(order, p[order]) for order, p in zip(first, margins, strict=True)]
    if len(columns) < 2:
        return columns
    scores = np.column_stack([_scores(c, k) for c, k in zip(columns, codes, strict=True)])
    for sweep in range(SWEEPS):
        for j, (code, share) in enumerate(zip(codes, margins, strict=True)):
            if ordered[j] and (sweep or not share[-1]):
                continue
            means = _means(code, len(share), np.delete(scores, j, axis=1))
            if ordered[j]:
                order = _insert_missing(share, means)
            else:
                order = np.argsort(quantify(means, share), kind="stable")
            columns[j] = LatentColumn(order, share[order])
            scores[:, j] = _scores(columns[j], code)
    return columns


def _scores(column: LatentColumn, codes: Codes) -> NDArray[np.float32]:
    """Scores of records, scaled to variance 1."""
    by_cell = column.scores
    spread = np.sqrt(np.sum(column.share * by_cell[column.order] ** 2))
    return (by_cell / (spread or 1.0)).astype(np.float32)[codes]


def _means(codes: Codes, cells: int, others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean scores of the other columns within each cell, shrunk to 0 where records are few."""
    slots = np.where(codes == POOLED, cells, codes)
    counts = np.bincount(slots, minlength=cells + 1)[:cells]
    sums = np.empty((cells, others.shape[1]))
    for other in range(others.shape[1]):
        sums[:, other] = np.bincount(slots, others[:, other], cells + 1)[:cells]
    means: NDArray[np.float64] = sums / (counts + SHRINK)[:, None]
    return means


def quantify(means: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Projection of the cells on the direction in which they differ most, shape (cells,).

    Args:
        means: shape (cells, others), mean scores of other columns.
        share: shape (cells,), probability of each cell.
    """
    gram = (means * share[:, None]).T @ means
    _, vectors = np.linalg.eigh(gram)
    direction = vectors[:, -1]
    # an eigenvector's sign is arbitrary; fix it so that the same table gives the same model
    sign = np.sign(direction[np.argmax(np.abs(direction))])
    quantification: NDArray[np.float64] = means @ (sign * direction)
    return quantification


def _insert_missing(share: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.int64]:
    """The natural order with "missing" where its records' mean scores point to."""
    present = np.arange(len(share) - 1)
    if not share[present].any():
        return np.arange(len(share))
    own = LatentColumn(present, share[present] / share[present].sum()).scores[:-1]
    slopes = (share[present] * own) @ means[present]
    strength = slopes @ slopes
    target = (slopes @ means[-1]) / strength if strength > 1e-4 else -np.inf
    return np.insert(present, int(np.searchsorted(own, target)), len(share) - 1)
