"""Exact probabilities of noise, and the chi-square test that draws follow them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

Probabilities = NDArray[np.float64]


def discrete_gaussian(sigma: float, reach: int) -> Probabilities:
    """P(z) for z = -reach ... reach, as good as all of it where reach is over 9 sigma."""
    z = np.arange(-reach, reach + 1)
    weights = np.exp(-(z**2) / (2 * sigma**2))
    return np.asarray(weights / weights.sum())


def discrete_laplace(scale: float, reach: int) -> Probabilities:
    """P(z) for z = -reach ... reach: (1 - q) / (1 + q) q^|z| with q = exp(-1 / scale)."""
    q = np.exp(-1 / scale)
    return np.asarray((1 - q) / (1 + q) * q ** np.abs(np.arange(-reach, reach + 1)))


def exponential_choice(scores: NDArray[np.int64], scale: float) -> Probabilities:
    """P(k) of the exponential mechanism: exp(score_k / scale), normalised."""
    weights = np.exp((scores - scores.max()) / scale)
    return np.asarray(weights / weights.sum())


def p_value(draws: NDArray[np.int64], expected: Probabilities, first: int = 0) -> float:
    """How likely draws at least as far from the exact probabilities are, by Pearson's chi-square.

    Args:
        draws: shape (n,).
        expected: of the values first, first + 1, ...; what lies beyond counts with the ends.
        first: see above.
    """
    places = np.clip(draws - first, 0, len(expected) - 1)
    seen = np.bincount(places, minlength=len(expected)).astype(float)
    wanted = len(draws) * expected / expected.sum()
    # neighbours together until ten draws are expected
    group = np.floor(np.cumsum(wanted) / 10 - 1e-9).astype(int)
    group = np.unique(group, return_inverse=True)[1]
    seen, wanted = np.bincount(group, seen), np.bincount(group, wanted)
    if wanted[-1] < 5 and len(wanted) > 1:
        seen[-2] += seen[-1]
        wanted[-2] += wanted[-1]
        seen, wanted = seen[:-1], wanted[:-1]
    return float(chi2.sf(np.sum((seen - wanted) ** 2 / wanted), len(wanted) - 1))
