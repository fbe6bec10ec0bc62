"""Cells of a column of places: squares of a map that several records share."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# a place has so many binary digits for each coordinate
LEVELS: Final = 30
# about how many squares a map has at most
MOST: Final = 2048
# the part of a square's records that may lie in quarters too empty to be squares themselves
LOST: Final = 1 / 8


def squares(
    places: NDArray[np.int64], counts: NDArray[np.int64], min_count: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Squares that hold records, each divided for as long as its quarters hold enough.

    Whole aligned runs of 4**k places are squares (`constraints.curve`), so where squares may end is
    fixed beforehand and tells nothing. A square is divided into those of its quarters that hold
    enough records, unless more than an eighth of its records lie in the others.

    Args:
        places: shape (different,), increasing.
        counts: shape (different,), records at each.
        min_count: fewest records in a square; more where there are very many records.

    Returns:
        First and last place of every square, in increasing order; none where the records are few.
    """
    running = np.append(0, np.cumsum(counts))
    least = max(min_count, -(-int(running[-1]) // MOST))
    square, held = np.zeros(1, np.int64), running[-1:]
    found: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    if running[-1] < least:
        return places[:0], places[:0]
    for level in reversed(range(LEVELS)):
        quarter = (square[:, None] << 2) + np.arange(5)
        inside = np.diff(running[np.searchsorted(places, quarter << (2 * level))], axis=1)
        enough = inside >= least
        divided = np.where(enough, 0, inside).sum(axis=1) <= LOST * held
        first = square[~divided] << (2 * (level + 1))
        found.append((first, first + (1 << (2 * (level + 1))) - 1))
        kept = enough & divided[:, None]
        square, held = quarter[:, :4][kept], inside[kept]
    found.append((square, square))
    low, high = (np.concatenate(ends) for ends in zip(*found, strict=True))
    order = np.argsort(low)
    return low[order], high[order]
