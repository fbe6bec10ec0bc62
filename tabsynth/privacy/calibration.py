"""How much noise a cost pays for, by the noise source's own proof."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from tabsynth.privacy.noise import NoiseSource

# shares of a budget are floats: this much less, they cannot add up to more than the whole
SHARED: Final = 1 - 2.0**-40


def sigma_for(noise: NoiseSource, sensitivity: float, rho: float) -> float:
    """The smallest sigma whose cost, by the source's own proof, is within rho.

    Args:
        noise: whose proof.
        sensitivity: in L2, above 0.
        rho: above 0.
    """
    start = sensitivity / math.sqrt(2 * rho)
    return _smallest(start, rho, lambda sigma: noise.gaussian_cost(sensitivity, sigma))


def scale_for(noise: NoiseSource, sensitivity: int, rho: float) -> float:
    """The smallest temperature of a choice whose cost, by the source's own proof, is within rho.

    Args:
        noise: whose proof.
        sensitivity: how far one unit can move any score, above 0.
        rho: above 0.
    """
    # epsilon = sqrt(8 rho) of bounded range, which is 2 sensitivity / scale
    start = 2 * sensitivity / math.sqrt(8 * rho)
    return _smallest(start, rho, lambda scale: noise.choice_cost(sensitivity, scale))


def root_up(k: int) -> float:
    """The square root of a whole number, rounded up."""
    near = math.sqrt(k)
    return near if near.is_integer() and near * near == k else math.nextafter(near, math.inf)


def _smallest(scale: float, rho: float, cost: Callable[[float], float]) -> float:
    step = 1e-15
    while cost(scale) > rho:
        scale *= 1 + step
        step *= 2
    return scale
