"""Coarse cells for tables of several columns: few enough to stand out of the noise."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import NumericCodec
from tabsynth.synthesizers.histograms import Histograms, Kept
from tabsynth.synthesizers.projection import Floats

# a column's records are cut into about so many parts, and what is left between its frequent values
# into a few more
PARTS: Final = 32
PARTS_BETWEEN: Final = 10
# never more coarse cells than about that, unless asked for fewer
MOST: Final = 256

Groups = NDArray[np.int64]


def coarse_groups(histograms: Histograms, *, least: float, most: int = MOST) -> list[Groups]:
    """The coarse cell of each kept cell, per column.

    A cell of many records is alone; neighbours of few are put together until they have enough.
    Where cells have no order, all that have too few are together.

    Args:
        histograms: of the columns.
        least: records that a cell must have to stand apart, above 0; a few times the noise in a
            cell of what will be measured.
        most: cells without an order at most; of those in order, half as many stand apart, and
            those between are in `PARTS` at most.

    Returns:
        Per column shape (kept cells,), numbered from 0 without a gap.
    """
    return [_groups(kept, histograms.total, least, most) for kept in histograms.columns]


def _groups(kept: Kept, total: float, least: float, most: int) -> Groups:
    counts = kept.counts
    present = min(len(counts), kept.codec.cells - 1)
    if not kept.codec.ordered:
        return _apart(counts, counts >= least, most)
    # values that stand out are apart where others are in blocks; elsewhere any value is one
    blocks = kept.place[-1] + 1 < len(kept.place)
    width = max(total / PARTS, least)
    apart = counts[:present] >= (least if blocks else width)
    if isinstance(kept.codec, NumericCodec) and blocks:
        apart &= kept.codec.atom | (counts[:present] >= width)
    apart = _foremost(counts[:present], apart, most // 2)
    groups = _neighbours(counts[:present], apart, min(width, total), least)
    if len(counts) == present:
        return groups
    if counts[-1] < least and groups.max() == 0:
        return np.zeros(len(counts), np.int64)
    return np.append(groups, groups.max() + 1)


def _foremost(counts: Floats, apart: NDArray[np.bool_], most: int) -> NDArray[np.bool_]:
    """Of cells that stand apart those of most records, where there are too many."""
    if np.count_nonzero(apart) <= most:
        return apart
    return np.asarray(apart & (counts > np.partition(counts, -most)[-most]), np.bool_)


def _apart(counts: Floats, apart: NDArray[np.bool_], most: int) -> Groups:
    """Cells in a group each, and the others in one."""
    alone = np.flatnonzero(apart)
    alone = alone[np.argsort(-counts[alone], kind="stable")][: most - 1]
    groups = np.full(len(counts), len(alone), np.int64)
    groups[alone] = np.arange(len(alone))
    return groups


def _neighbours(counts: Floats, apart: NDArray[np.bool_], width: float, least: float) -> Groups:
    """Cells apart in a group each, the others with their neighbours, numbered in order."""
    others = np.flatnonzero(~apart)
    enough = max(2 * least, min(width, counts[others].sum() / PARTS_BETWEEN))
    label = np.empty(len(counts), np.int64)
    label[apart] = np.arange(np.count_nonzero(apart))
    number, mass, first = np.count_nonzero(apart), 0.0, int(np.count_nonzero(apart))
    for cell in others.tolist():
        label[cell] = number
        mass += counts[cell]
        if mass >= enough:
            number, mass = number + 1, 0.0
    # a last group of few goes with the one before
    if number > first and mass < enough / 2:
        label[label == number] = number - 1
    centre = np.bincount(label, np.arange(len(counts))) / np.maximum(np.bincount(label), 1)
    return np.asarray(np.argsort(np.argsort(centre, kind="stable"))[label], np.int64)
