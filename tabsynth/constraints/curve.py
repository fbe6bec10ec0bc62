"""A space-filling curve: points of a grid as places along one line, and back."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

# a grid of 2**30 by 2**30 points, so that places along the curve stay far inside 64 bits
LEVELS: Final = 30
HALF: Final = 1 << (LEVELS - 1)

Whole = NDArray[np.int64]


def along(x: Whole, y: Whole) -> Whole:
    """Where the curve meets points of the grid.

    The curve visits the four quarters of a square one after the other, each in the same way, but
    turned so that the next begins beside where it ends. So 4**k places from a multiple of 4**k on
    are a square, and neighbours along the curve are neighbours on the grid.

    Args:
        x: shape (points,), from -HALF to HALF - 1.
        y: the same.

    Returns:
        Shape (points,), from 0 to 4 ** LEVELS - 1.

    Source: Hilbert (1891), doi:10.1007/BF01199431.
    """
    place, swap, flip = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for level in reversed(range(LEVELS)):
        a = (((x + HALF) >> level) & 1) ^ flip
        b = (((y + HALF) >> level) & 1) ^ flip
        a, b = np.where(swap, b, a), np.where(swap, a, b)
        place = (place << 2) | ((3 * a) ^ b)
        swap, flip = swap ^ b ^ 1, flip ^ (a & (b ^ 1))
    return place


def across(place: Whole) -> tuple[Whole, Whole]:
    """The points of the grid at places along the curve; see `along`."""
    x, y = np.zeros_like(place), np.zeros_like(place)
    swap, flip = np.zeros_like(place), np.zeros_like(place)
    for level in reversed(range(LEVELS)):
        a = (place >> (2 * level + 1)) & 1
        b = a ^ ((place >> (2 * level)) & 1)
        x = (x << 1) | (np.where(swap, b, a) ^ flip)
        y = (y << 1) | (np.where(swap, a, b) ^ flip)
        swap, flip = swap ^ b ^ 1, flip ^ (a & (b ^ 1))
    return x - HALF, y - HALF
