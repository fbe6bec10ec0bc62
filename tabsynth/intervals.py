"""Intervals of shares, of differences of shares, and of areas under curves."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri

Z95: Final = float(ndtri(0.975))
Z99: Final = float(ndtri(0.995))


def wilson(hits: float, trials: int, z: float) -> tuple[float, float]:
    """Score interval of a share.

    Source: Wilson (1927), doi:10.1080/01621459.1927.10502953.
    """
    p = hits / trials
    centre = p + z**2 / (2 * trials)
    spread = z * np.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    scale = 1 + z**2 / trials
    # rounding must not push an end past the share itself
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return float(np.clip(low, 0, p)), float(np.clip(high, p, 1))


def newcombe(
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    z: float,
    *,
    scale: float = 1.0,
    either: bool = False,
) -> tuple[float, float]:
    """Interval of the difference of two shares, first minus `scale` times second.

    Args:
        first: outcomes, shape (n,).
        second: outcomes, shape (m,).
        z: quantile of the normal distribution.
        scale: what the second share counts.
        either: whether both tell of the same trials, each of which is a success of the first, of
            the second or of neither; else they are independent.

    Source: Newcombe (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<873; with a scale or of the
        same trials, Zou and Donner (2008), doi:10.1002/sim.3095.
    """
    p, q = first.mean(), second.mean()
    low_p, high_p = wilson(int(first.sum()), len(first), z)
    low_q, high_q = wilson(int(second.sum()), len(second), z)
    value = p - scale * q
    # of two outcomes of one trial the one comes at the cost of the other
    odds = p / (1 - p) * q / (1 - q) if either and max(p, q) < 1 else 0.0
    twice = 2 * float(np.sqrt(odds))
    below, above = (p - low_p, scale * (high_q - q)), (high_p - p, scale * (q - low_q))
    spread = [np.sqrt(a * a + b * b + twice * a * b) for a, b in (below, above)]
    return float(value - spread[0]), float(value + spread[1])


def clopper_pearson(hits: int, trials: int, *, level: float = 0.95) -> tuple[float, float]:
    """Exact two-sided interval of a share; (0, 1) without trials.

    Source: Clopper and Pearson (1934), doi:10.1093/biomet/26.4.404.
    """
    if trials == 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = float(betaincinv(hits, trials - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, trials - hits, 1 - tail)) if hits < trials else 1.0
    return low, high


def delong(
    positive: NDArray[np.float64],
    negative: NDArray[np.float64],
    persons: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> tuple[float, float]:
    """AUC of scores and its variance.

    Args:
        positive: scores of shape (m,) of the class that should score higher.
        negative: scores of shape (n,).
        persons: whose each positive and each negative is, by the same numbers; without, each is a
            person's own.

    Source: DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595; of persons with several
        records, Obuchowski (1997), doi:10.2307/2533958.
    """
    below = _share_below(positive, negative)
    above = 1 - _share_below(negative, positive)
    area = float(below.mean())
    if persons is not None:
        placed = np.concatenate([(below - area) / len(below), (above - area) / len(above)])
        return area, variance_of_sum(placed, np.concatenate(persons))
    return area, float(np.var(below, ddof=1) / len(below) + np.var(above, ddof=1) / len(above))


def variance_of_sum(parts: NDArray[np.float64], persons: NDArray[np.int64]) -> float:
    """Variance of a sum to which independent persons add; infinite with one person.

    Args:
        parts: what each record adds, beside what it is expected to; shape (records,).
        persons: whose each record is.
    """
    place = np.unique(persons, return_inverse=True)[1]
    each = np.bincount(place, parts)
    if len(each) < 2:
        return float("inf")
    return float(np.sum(each**2) * len(each) / (len(each) - 1))


def _share_below(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each value the share of others below it, ties counting half."""
    ordered = np.sort(others)
    left = np.searchsorted(ordered, values, side="left")
    right = np.searchsorted(ordered, values, side="right")
    share: NDArray[np.float64] = (left + right) / (2 * len(ordered))
    return share
