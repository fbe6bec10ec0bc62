"""Children and parents brought together, so that what each is like goes with the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tabsynth.entities import rank_in_group
from tabsynth.generators import hashed

Levels = NDArray[np.int64]
Places = NDArray[np.int64]
NOBODY = -1


def matched(
    wanted: Sequence[Levels],
    offered: Sequence[Levels],
    rng: np.random.Generator,
    *,
    strict: int = 0,
) -> Places:
    """A slot for each child: first those that are alike in all levels, then in all but the last.

    Args:
        wanted: levels that the children ask for, the most important first.
        offered: the same levels of the slots.
        rng: decides among equals.
        strict: in so many of the first levels child and slot must agree.

    Returns:
        Shape (children,): the place of a slot, each given once; `NOBODY` where none is left.
    """
    children, slots = (len(side[0]) if side else 0 for side in (wanted, offered))
    found = np.full(children, NOBODY)
    left, free = rng.permutation(children), rng.permutation(slots)
    for depth in range(len(wanted), strict - 1, -1):
        if not len(left) or not len(free):
            break
        own = _together([level[left] for level in wanted[:depth]], len(left))
        other = _together([level[free] for level in offered[:depth]], len(free))
        here, there = _pairs(own, other)
        found[left[here]] = free[there]
        left, free = np.delete(left, here), np.delete(free, there)
    return found


def anyone(wanted: Levels, offered: Levels, rng: np.random.Generator) -> Places:
    """For each child any record of its class, taken as often as it comes; `NOBODY` without one.

    Args:
        wanted: classes of the children.
        offered: classes of the records.
        rng: picks one.
    """
    order = np.argsort(offered, kind="stable")
    grouped = offered[order]
    first = np.searchsorted(grouped, wanted, side="left")
    size = np.searchsorted(grouped, wanted, side="right") - first
    at = first + (rng.random(len(wanted)) * size).astype(np.int64)
    if not len(order):
        return np.full(len(wanted), NOBODY)
    return np.where(size > 0, order[np.minimum(at, len(order) - 1)], NOBODY)


def _together(levels: Sequence[Levels], rows: int) -> NDArray[np.uint64]:
    key = np.zeros(rows, np.uint64)
    for level in levels:
        key = hashed(key ^ level.astype(np.uint64))
    return key


def _pairs(
    own: NDArray[np.uint64], other: NDArray[np.uint64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of equal keys on both sides, each place once."""
    _, number = np.unique(np.append(own, other), return_inverse=True)
    sides = number[: len(own)], number[len(own) :]
    spread = max(len(own), len(other)) + 1
    ranked = [side * spread + rank_in_group(side) for side in sides]
    _, here, there = np.intersect1d(ranked[0], ranked[1], assume_unique=True, return_indices=True)
    return here, there
