"""Columns as predictors: cells in few bins, categories in an order that suits the target."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import POOLED, Codes
from tabsynth.synthesizers.stages import runs

BINS: Final = 128
SHRINK: Final = 5.0
COARSE: Final = 8


def bins_of_cells(counts: NDArray[np.int64], *, ordered: bool) -> NDArray[np.uint8]:
    """The bin of each cell, shape (cells,): runs of neighbours, or categories by frequency.

    Categories beyond the most frequent 127 share the last bin.
    """
    if ordered:
        return runs(counts, BINS).astype(np.uint8)
    rank = np.empty(len(counts), np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return np.minimum(rank, BINS - 1).astype(np.uint8)


def binned(bins: NDArray[np.uint8], codes: Codes) -> NDArray[np.uint8]:
    """Bins of records; a pooled value falls in its column's last bin."""
    # POOLED is -1: the last cell, missing
    found: NDArray[np.uint8] = bins[codes]
    return found


def ranks(bins: NDArray[np.uint8], outcome: NDArray[np.int64], outcomes: int) -> NDArray[np.uint8]:
    """An order of bins that have none, shape (128,), along which the outcome changes most.

    Args:
        bins: shape (records,).
        outcome: shape (records,), below `outcomes`.
        outcomes: how many.

    Source: for two outcomes every best split is a cut in this order, Fisher (1958),
        doi:10.1080/01621459.1958.10501479; for more, the first axis of correspondence analysis,
        Coppersmith, Hong and Hosking (1999), doi:10.1023/A:1009869804967.
    """
    key = bins.astype(np.int64) * outcomes + outcome
    counts = np.bincount(key, minlength=BINS * outcomes).reshape(BINS, outcomes)
    used = np.flatnonzero(counts.any(axis=1))
    counts = counts[used][:, counts.any(axis=0)]
    share = counts.sum(axis=0) / max(counts.sum(), 1)
    size = counts.sum(axis=1, keepdims=True)
    profile = ((counts + SHRINK * share) / (size + SHRINK) - share) / np.sqrt(share)
    place = np.zeros(BINS)
    place[used] = profile @ _first_axis(profile * np.sqrt(size))
    # an axis has no sign of its own; fix it so that the same table gives the same model
    place *= np.sign(place[np.argmax(np.abs(place))]) or 1.0
    rank = np.empty(BINS, np.uint8)
    rank[np.argsort(place.round(12), kind="stable")] = np.arange(BINS)
    return rank


def _first_axis(weighted: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first right singular vector, from the smaller of the two Gram matrices."""
    rows, columns = weighted.shape
    if not rows or columns <= rows:
        return np.linalg.eigh(weighted.T @ weighted)[1][:, -1] if columns else np.empty(0)
    axis: NDArray[np.float64] = np.linalg.eigh(weighted @ weighted.T)[1][:, -1] @ weighted
    return axis / max(float(np.linalg.norm(axis)), 1e-300)


def coarse(bins: NDArray[np.uint8], codes: Codes, most: int) -> NDArray[np.int64]:
    """Bins of records in at most so many classes, shape (records,)."""
    found = binned(bins, codes)
    return runs(np.bincount(found, minlength=int(bins.max()) + 1), most)[found]


def dependence(codes: list[Codes], bins: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """How strongly columns go together two by two, shape (columns, columns), from 0.

    It is the mean square contingency of columns cut to 8 classes, so that hundreds of columns
    are compared in one matrix product.
    """
    records, d = len(codes[0]), len(codes)
    table = np.zeros((records, d * COARSE), np.float32)
    at = np.arange(records)
    for j, (code, bin_) in enumerate(zip(codes, bins, strict=True)):
        known = code != POOLED
        table[at[known], j * COARSE + coarse(bin_, code, COARSE)[known]] = 1
    share = table.mean(axis=0)
    table -= share
    table /= np.sqrt(np.maximum(share, 1 / records))
    joint = (table.T @ table) / records
    blocks = np.square(joint, dtype=np.float64).reshape(d, COARSE, d, COARSE)
    strength: NDArray[np.float64] = blocks.sum(axis=(1, 3))
    return strength
