"""Mixtures of normal distributions on a weighted histogram: the modes of a column of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIZES: Final = (1, 2, 3, 5, 8)
STEPS: Final = 60
# beyond that many records more modes would follow every heap of the histogram
TRUSTED: Final = 2_000
NARROWEST: Final = 1e-3


@dataclass(frozen=True)
class Mixture:
    """Modes by their place.

    Args:
        center: shape (modes,), increasing.
        scale: shape (modes,), standard deviations.
        weight: shape (modes,), adds up to 1.
    """

    center: Floats
    scale: Floats
    weight: Floats

    def log_density(self, at: Floats) -> Floats:
        """Logarithm of the weighted density of each mode, shape (places, modes)."""
        z = (at[:, None] - self.center) / self.scale
        log: Floats = np.log(self.weight / self.scale) - 0.5 * z * z - 0.5 * np.log(2 * np.pi)
        return log


def fit_mixture(at: Floats, count: Floats) -> Mixture:
    """The mixture of 1 to 8 modes that describes a histogram best.

    Args:
        at: shape (bars,), at least one; finite.
        count: shape (bars,), records in each bar.

    Source: expectation maximisation; the number of modes by the criterion of Schwarz (1978),
        doi:10.1214/aos/1176344136, on at most 2,000 records. Xu et al. (2019), arXiv:1907.00503,
        section 4.2, fit a variational mixture to every record; a histogram has the same moments.
    """
    share = count / count.sum()
    records = min(float(count.sum()), TRUSTED)
    tried = [_expect(at, share, k) for k in SIZES if k <= max(1, int(np.count_nonzero(count)) // 4)]
    return min(tried, key=lambda m: _criterion(m, at, share, records))


def _expect(at: Floats, share: Floats, modes: int) -> Mixture:
    running = np.cumsum(share)
    starts = np.searchsorted(running, (np.arange(modes) + 0.5) / modes).clip(max=len(at) - 1)
    middle = float(share @ at)
    spread = float(np.sqrt(share @ (at - middle) ** 2))
    least = max(NARROWEST * float(np.ptp(at)), NARROWEST)
    found = Mixture(
        at[starts], np.full(modes, max(spread / modes, least)), np.full(modes, 1 / modes)
    )
    for _ in range(STEPS if modes > 1 else 1):
        log = found.log_density(at)
        part = np.exp(log - log.max(axis=1, keepdims=True))
        part *= (share / part.sum(axis=1))[:, None]
        weight = part.sum(axis=0) + 1e-12
        center = at @ part / weight
        variance = ((at[:, None] - center) ** 2 * part).sum(axis=0) / weight
        found = Mixture(center, np.sqrt(np.maximum(variance, least**2)), weight / weight.sum())
    order = np.argsort(found.center, kind="stable")
    return Mixture(found.center[order], found.scale[order], found.weight[order])


def _criterion(mixture: Mixture, at: Floats, share: Floats, records: float) -> float:
    log = mixture.log_density(at)
    top = log.max(axis=1)
    likelihood = share @ (top + np.log(np.exp(log - top[:, None]).sum(axis=1)))
    parameters = 3 * len(mixture.weight) - 1
    return float(-2 * records * likelihood + parameters * np.log(records))
