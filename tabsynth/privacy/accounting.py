"""Zero-concentrated differential privacy (zCDP): what mechanisms cost, and what a total means.

A mechanism of cost rho satisfies rho-zCDP (Bun and Steinke 2016, definition 1.1); costs of
mechanisms on the same records add up (lemma 1.7), also when a later one is chosen by what an
earlier one released. Source of the mechanisms and conversions: Canonne, Kamath and Steinke,
"The Discrete Gaussian for Differential Privacy" (2020), arXiv:2004.00010, and Cesar and Rogers,
"Bounding, Concentrating, and Truncating" (2021), arXiv:2004.07223.
"""

from __future__ import annotations

import math
from typing import Final

# conversions are rounded to the safe side by more than their floating-point error
SLACK: Final = 1e-12


def epsilon_of(rho: float, delta: float) -> float:
    """The epsilon that rho-zCDP implies at `delta`, rounded up.

    The smallest, over alpha > 1, of alpha rho + log(1 - 1/alpha) - log(alpha delta) / (alpha - 1)
    (Canonne, Kamath and Steinke 2020, proposition 12, solved for epsilon). Its derivative has
    one root, where rho (alpha - 1)^2 = -log(alpha delta); any other alpha gives a valid and larger
    bound.

    Args:
        rho: at least 0.
        delta: between 0 and 1, both excluded.

    Returns:
        At least 0; smaller is more private. Increases with rho, decreases with delta.

    Raises:
        ValueError: arguments outside these ranges.
    """
    if not (rho >= 0 and 0 < delta < 1):
        raise ValueError("expected rho of at least 0 and delta between 0 and 1")
    if rho == 0:
        return 0.0
    if math.isinf(rho):
        return math.inf
    beyond = _best_order(rho, -math.log(delta))
    alpha = 1 + beyond
    # log(1 - 1/alpha) in a form that is exact for alpha near 1
    shrink = math.log(beyond) - math.log1p(beyond)
    epsilon = alpha * rho + shrink - (math.log(delta) + math.log1p(beyond)) / beyond
    return max(0.0, epsilon + SLACK * (abs(epsilon) + alpha * rho + abs(shrink)))


def _best_order(rho: float, budget: float) -> float:
    """Alpha - 1 at the minimum, by bisection on its logarithm; `budget` is log(1 / delta)."""
    # any order is valid, so the ends may be cut to what a float holds
    low, high = -700.0, min(max(budget, 1.0) + 1.0, 700.0)
    while high - low > 1e-13 * max(1.0, abs(low)):
        middle = (low + high) / 2
        beyond = math.exp(middle)
        if rho * beyond * beyond < budget - math.log1p(beyond):
            low = middle
        else:
            high = middle
    return math.exp(high)


def rho_of(epsilon: float, delta: float) -> float:
    """The largest rho whose `epsilon_of` stays within `epsilon`, rounded down.

    Args:
        epsilon: at least 0, finite.
        delta: between 0 and 1, both excluded.

    Returns:
        At least 0; `epsilon_of(rho_of(epsilon, delta), delta) <= epsilon` always.
    """
    if not (math.isfinite(epsilon) and epsilon >= 0):
        raise ValueError("expected a finite epsilon of at least 0")
    low, high = 0.0, 1.0
    while epsilon_of(high, delta) <= epsilon:
        low, high = high, 2 * high
    while True:
        middle = (low + high) / 2
        if not low < middle < high or high - low <= 1e-15 * high:
            return low
        if epsilon_of(middle, delta) <= epsilon:
            low = middle
        else:
            high = middle


def rho_of_pure(epsilon: float) -> float:
    """The cost of an epsilon-differentially private mechanism: epsilon^2 / 2.

    Source: Bun and Steinke (2016), proposition 1.4.
    """
    return epsilon * epsilon / 2


def gaussian_cost(sensitivity: float, sigma: float) -> float:
    """The cost of independent discrete Gaussian noise of parameter sigma on an integer vector.

    Args:
        sensitivity: how far one unit can move the vector, in L2.
        sigma: above 0.

    Source: Canonne, Kamath and Steinke (2020), multivariate discrete Gaussian:
        sensitivity^2 / (2 sigma^2).
    """
    ratio = sensitivity / sigma
    return ratio * ratio / 2


def selection_cost(sensitivity: float, scale: float) -> float:
    """The cost of choosing k with probability proportional to exp(score_k / scale).

    Scores that one unit moves by at most `sensitivity`, up or down and each on its own, make it
    epsilon-bounded-range with epsilon = 2 sensitivity / scale, whose cost is epsilon^2 / 8.
    The constant of monotone scores (epsilon = sensitivity / scale) is not used anywhere.

    Source: Cesar and Rogers (2021), cost of bounded range; Dong et al. (2020), arXiv:1909.13830,
        range of the exponential mechanism.
    """
    epsilon = 2 * sensitivity / scale
    return epsilon * epsilon / 8
