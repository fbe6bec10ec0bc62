"""Normal vectors inside boxes: draws, and how probable the boxes are."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr, ndtri

GIBBS_SWEEPS: Final = 30
MAX_PATTERNS: Final = 64
AT_ONCE: Final = 1 << 18
FEWEST: Final = 64
MOST: Final = 16_384


def truncated_normal(
    correlation: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Normal vectors with that correlation, each inside its own box; shape (d, n).

    One bounded dimension is drawn exactly, several by Gibbs sampling over truncated normals; then
    those without a bound follow from the conditional normal (beyond 64 different sets of bounded
    dimensions, Gibbs sampling draws them too).

    Args:
        correlation: shape (d, d), positive definite.
        low: shape (d, n), may be -inf.
        high: shape (d, n), may be inf.
        rng: the only source of randomness.

    Source: Geweke (1991), Efficient simulation from the multivariate normal ... subject to linear
        constraints.
    """
    free = np.isinf(low) & np.isinf(high)
    draws = np.empty(low.shape)
    # one step between a bounded dimension and a free one is small when they go together closely:
    # Gibbs sampling over both would not arrive; so each set of bounded ones is drawn on its own
    patterns, which = np.unique(free, axis=1, return_inverse=True)
    if patterns.shape[1] > MAX_PATTERNS:
        return _gibbs(correlation, low, high, rng)
    for pattern, loose in enumerate(patterns.T):
        rows = np.flatnonzero(which.ravel() == pattern)
        bounded = np.flatnonzero(~loose)
        inner = correlation[np.ix_(bounded, bounded)]
        part = np.ix_(bounded, rows)
        draws[part] = _gibbs(inner, low[part], high[part], rng)
        if loose.any():
            rest = np.flatnonzero(loose)
            draws[np.ix_(rest, rows)] = follow(correlation, bounded, rest, draws[part], rng=rng)
    return draws


def follow(
    correlation: NDArray[np.float64],
    known: NDArray[np.intp],
    free: NDArray[np.intp],
    latent: NDArray[np.float64],
    *,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """The free dimensions drawn given the known ones' values, shape (free, n).

    Args:
        correlation: shape (d, d), positive definite.
        known: places of the dimensions with values.
        free: places of the others.
        latent: shape (known, n), the values.
        rng: the only source of randomness.
    """
    across = correlation[np.ix_(known, free)]
    weights = np.linalg.solve(correlation[np.ix_(known, known)], across).T
    rest = correlation[np.ix_(free, free)] - weights @ across
    root = np.linalg.cholesky(rest + 1e-9 * np.eye(len(free)))
    noise = rng.standard_normal((len(free), latent.shape[1]))
    drawn: NDArray[np.float64] = weights @ latent + root @ noise
    return drawn


def _gibbs(
    correlation: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    d = len(low)
    if not d:
        return np.empty(low.shape)
    precision = np.linalg.inv(correlation)
    draws, _ = _in_turn(correlation, low, high, rng)
    for _ in range(GIBBS_SWEEPS if d > 1 else 0):
        for j in range(d):
            spread = 1 / np.sqrt(precision[j, j])
            pull = precision[j] @ draws - precision[j, j] * draws[j]
            mean = -pull / precision[j, j]
            inside = _between((low[j] - mean) / spread, (high[j] - mean) / spread, rng)
            draws[j] = np.clip(mean + spread * inside, low[j], high[j])
    return draws


def log_probability(
    correlation: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Estimated log-probability that a normal vector falls into each box, shape (n,).

    Exact where at most one dimension is bounded.

    Args:
        correlation: shape (d, d), positive definite.
        low: shape (d, n), may be -inf.
        high: shape (d, n), may be inf.
        rng: the only source of randomness.

    Source: Geweke (1991) as in `truncated_normal`; Hajivassiliou and McFadden (1998),
        doi:10.2307/2998576.
    """
    found = np.empty(low.shape[1])
    # few boxes are looked at more closely
    draws = int(np.clip(AT_ONCE // len(found), FEWEST, MOST))
    step = AT_ONCE // draws
    for start in range(0, len(found), step):
        some = slice(start, start + step)
        first, last = (np.repeat(ends[:, some], draws, axis=1) for ends in (low, high))
        _, log_share = _in_turn(correlation, first, last, rng)
        by_box = log_share.reshape(-1, draws)
        found[some] = logsumexp(by_box, axis=1) - np.log(draws)
    return found


def _in_turn(
    correlation: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Vectors in boxes, each dimension drawn given those before it, and the boxes' log-shares.

    Not yet from the normal distribution cut to the box: their weights are those shares.
    """
    root = np.linalg.cholesky(correlation)
    noise, log_share = np.zeros(low.shape), np.zeros(low.shape[1])
    for j, row in enumerate(root):
        mean, spread = row[:j] @ noise[:j], row[j]
        a, b = (low[j] - mean) / spread, (high[j] - mean) / spread
        noise[j] = _between(a, b, rng)
        # in the lower tail ndtr keeps its relative precision
        mirror = a > 0
        share = ndtr(np.where(mirror, -a, b)) - ndtr(np.where(mirror, -b, a))
        with np.errstate(divide="ignore"):
            log_share += np.log(np.maximum(share, 0.0))
    return np.clip(root @ noise, low, high), log_share


def _between(
    low: NDArray[np.float64], high: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Standard normals between two ends, each of shape (n,)."""
    # in the lower tail ndtr keeps its relative precision; so both ends are mirrored into it
    mirror = low > 0
    a, b = np.where(mirror, -high, low), np.where(mirror, -low, high)
    below = ndtr(a)
    drawn = ndtri(below + rng.random(len(low)) * (ndtr(b) - below))
    drawn = np.clip(np.where(np.isfinite(drawn), drawn, np.clip(0.0, a, b)), a, b)
    drawn *= np.where(mirror, -1.0, 1.0)
    return np.asarray(drawn, np.float64)
