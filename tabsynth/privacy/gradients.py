"""Gradients of a critic, summed over records: whole numbers, each record's of one known norm.

The critic scores a record, whose cells are its only inputs, by units that take the largest of a few
linear pieces (maxout). How a unit's score changes with its weights is then plain: by 1 for each of
the record's cells at the piece that is largest, and by nothing elsewhere. So nothing needs to be
clipped or rounded, and no other record and no floating-point number has a say in it.

Source: Goodfellow et al. (2013), Maxout networks, arXiv:1302.4389; a difference of two units can
    come as near as one likes to any continuous function (there, section 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# weights of a critic are whole numbers up to this; scores stay inside 64 bits
MAX_WEIGHT: Final = 2**40
CHUNK: Final = 1 << 16


def require_weights(
    weights: Sequence[NDArray[np.int64]], sizes: Sequence[int], *, most: int
) -> None:
    """Refuse what is no critic of so many cells per column.

    Raises:
        ValueError: weights of another shape or type, beyond MAX_WEIGHT, or more than `most`.
    """
    shapes = {w.shape[1:] for w in weights}
    if [w.shape[:1] for w in weights] != [(k,) for k in sizes] or len(shapes) != 1:
        raise ValueError("expected a weight per cell of each column, for the same pieces")
    shape = shapes.pop()
    if len(shape) != 2 or not all(shape) or sum(w.size for w in weights) > most:
        raise ValueError("expected weights for one unit of one piece or more, within reach")
    if any(w.dtype != np.int64 or not -MAX_WEIGHT <= w.min() <= w.max() <= MAX_WEIGHT
           for w in weights):  # fmt: skip
        raise ValueError("expected whole weights within reach")


def largest_pieces(
    codes: Sequence[NDArray[np.integer[Any]]], weights: Sequence[NDArray[np.int64]]
) -> NDArray[np.intp]:
    """The piece of each unit that is largest for each record, the first among equals.

    Args:
        codes: per column the cell of each record, shape (records,).
        weights: per column, shape (cells, units, pieces).

    Returns:
        Shape (records, units).
    """
    scores = np.zeros((len(codes[0]), *weights[0].shape[1:]), np.int64)
    for cells, table in zip(codes, weights, strict=True):
        scores += table[cells]
    return np.asarray(np.argmax(scores, axis=2), np.intp)


def critic_gradient(
    codes: Sequence[NDArray[np.integer[Any]]], weights: Sequence[NDArray[np.int64]]
) -> list[NDArray[np.int64]]:
    """Gradients of all records' scores, each unit's by its own weights, summed.

    Args:
        codes: per column the cell of each record, shape (records,).
        weights: per column, shape (cells, units, pieces).

    Returns:
        As the weights: how many records have the cell, and the piece as their largest.

    Privacy: not private; for `PrivateTable`, which adds noise.
    """
    units, pieces = weights[0].shape[1:]
    total = [np.zeros(table.shape, np.int64) for table in weights]
    for start in range(0, len(codes[0]), CHUNK):
        some = [cells[start : start + CHUNK] for cells in codes]
        largest = largest_pieces(some, weights)
        for cells, found in zip(some, total, strict=True):
            place = (cells[:, None].astype(np.int64) * units + np.arange(units)) * pieces + largest
            np.add(
                found, np.bincount(place.ravel(), minlength=found.size).reshape(found.shape), found
            )
    return total
