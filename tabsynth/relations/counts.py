"""How many children each parent has, and how many all of them have together."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
_ROUNDS: Final = 50


def towards(counts: Counts, total: int, rng: np.random.Generator) -> Counts:
    """Counts whose sum is near a total, each of them one that some parent had before.

    Parents drawn at random take over another parent's count, where that leads towards the total;
    so counts that nobody had do not arise.

    Args:
        counts: shape (parents,).
        total: the sum that is wanted; it is not passed.
        rng: picks the parents.
    """
    counts = counts.copy()
    for _ in range(_ROUNDS):
        gap = total - int(counts.sum())
        if gap == 0 or not len(counts):
            break
        takers, givers = rng.permutation(len(counts)), rng.permutation(len(counts))
        change = counts[givers] - counts[takers]
        useful = (change * np.sign(gap) > 0) & (np.abs(change) <= abs(gap))
        takers, change = takers[useful], change[useful]
        within = np.abs(np.cumsum(change)) <= abs(gap)
        # the first that would pass the total ends the round
        some = int(np.argmin(within)) if not within.all() else len(within)
        if not some:
            break
        counts[takers[:some]] += change[:some]
    return counts


def exactly(
    counts: Counts, total: int, rng: np.random.Generator, *, most: int | None = None
) -> Counts:
    """Counts whose sum is a total, or as near to it as `most` lets them come.

    Args:
        counts: shape (parents,).
        total: the sum that is wanted.
        rng: picks the parents that get one more or one fewer.
        most: of one parent.
    """
    counts = counts if most is None else np.minimum(counts, most)
    counts = towards(counts, total, rng).copy()
    while len(counts):
        gap = total - int(counts.sum())
        if gap == 0:
            break
        free = counts > 0 if gap < 0 else np.ones(len(counts), bool)
        if gap > 0 and most is not None:
            free = counts < most
        open_ = np.flatnonzero(free)
        if not len(open_):
            break
        chosen = rng.permutation(open_)[: abs(gap)]
        counts[chosen] += int(np.sign(gap))
    return counts


def dealt(parents: int, total: int, rng: np.random.Generator, *, most: int | None = None) -> Counts:
    """Counts of parents of which nothing is known: each child picks one of them at random.

    Args:
        parents: how many.
        total: children.
        rng: the only source of randomness.
        most: of one parent.
    """
    if not parents:
        return np.zeros(0, np.int64)
    counts = np.bincount(rng.integers(0, parents, total), minlength=parents)
    return counts if most is None else exactly(counts, total, rng, most=most)


def three_digits(mean: float) -> float:
    """A mean as it stands in a model: too coarse to tell whether one record more was there."""
    return float(f"{mean:.3g}")
