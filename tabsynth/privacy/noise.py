"""Where noise comes from: exact integers from OpenDP, or, for tests alone, a seeded source.

No floating-point number is ever added to a statistic: its low-order digits would tell what it was
added to (Mironov 2012, doi:10.1145/2382196.2382264).
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any, ClassVar, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tabsynth.errors import BudgetError
from tabsynth.privacy.accounting import gaussian_cost, selection_cost

Integers = NDArray[np.int64]
# statistics and noise together stay far inside 64 bits
LARGEST_SCALE: Final = 2.0**48


class NoiseSource(Protocol):
    """Draws integer noise; what it costs is what its own proof says.

    `certified` is False where a source is not exact or can be foreseen: a fit that used it carries
    no certificate.
    """

    @property
    def name(self) -> str:
        """The library and its version, for the certificate."""
        ...

    @property
    def certified(self) -> bool:
        """Whether a privacy claim may rest on it."""
        ...

    def gaussian(self, values: Integers, sigma: float) -> Integers:
        """The values, each plus discrete Gaussian noise z: P(z) ~ exp(-z^2 / 2 sigma^2)."""
        ...

    def laplace(self, values: Integers, scale: float) -> Integers:
        """The values, each plus discrete Laplace noise z: P(z) ~ exp(-|z| / scale)."""
        ...

    def choose(self, scores: Integers, scale: float) -> int:
        """A place, k with probability proportional to exp(scores[k] / scale)."""
        ...

    def gaussian_cost(self, sensitivity: float, sigma: float) -> float:
        """Rho of `gaussian` on a vector that one unit moves by `sensitivity` in L2."""
        ...

    def choice_cost(self, sensitivity: int, scale: float) -> float:
        """Rho of `choose` on scores that one unit moves by `sensitivity` each, up or down."""
        ...


class OpenDPNoise:
    """Discrete Gaussian, discrete Laplace and noisy maximum of OpenDP.

    Exact samplers on rational numbers (Canonne, Kamath and Steinke 2020), entropy from the
    operating system; no seed reaches them. Costs come from the library's own privacy maps. About 11
    microseconds a draw, whatever the scale.
    """

    certified: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """The library and its version."""
        return f"opendp {version('opendp')}"

    def gaussian(self, values: Integers, sigma: float) -> Integers:
        """See `NoiseSource`."""
        return _released(_gaussian(_checked(sigma)), values)

    def laplace(self, values: Integers, scale: float) -> Integers:
        """See `NoiseSource`."""
        return _released(_laplace(_checked(scale)), values)

    def choose(self, scores: Integers, scale: float) -> int:
        """See `NoiseSource`."""
        return int(_noisy_maximum(_checked(scale))(scores.tolist()))

    def gaussian_cost(self, sensitivity: float, sigma: float) -> float:
        """What OpenDP's privacy map says, rounded up."""
        return _gaussian_map(sensitivity, _checked(sigma))

    def choice_cost(self, sensitivity: int, scale: float) -> float:
        """What OpenDP's privacy map says, rounded up."""
        return _maximum_map(sensitivity, _checked(scale))


class SeededNoise:
    """Noise that can be foreseen: for tests of what is computed from it, and for nothing else.

    Args:
        seed: of a pseudo-random generator.

    Privacy: none. Whoever knows the seed can subtract the noise; a fit that used it is marked.
    """

    certified: ClassVar[bool] = False

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    @property
    def name(self) -> str:
        """Says that there is no protection."""
        return "seeded pseudo-random noise, for tests only: NO PRIVACY"

    def gaussian(self, values: Integers, sigma: float) -> Integers:
        """See `NoiseSource`; by rejection from the discrete Laplace."""
        flat = values.reshape(-1)
        noise = np.zeros(len(flat), np.int64)
        open_ = np.arange(len(flat))
        width = np.floor(sigma) + 1
        while len(open_):
            drawn = self._discrete_laplace(len(open_), width)
            excess = (np.abs(drawn) - sigma * sigma / width) ** 2 / (2 * sigma * sigma)
            kept = self._rng.random(len(open_)) < np.exp(-excess)
            noise[open_[kept]] = drawn[kept]
            open_ = open_[~kept]
        return values + noise.reshape(values.shape)

    def laplace(self, values: Integers, scale: float) -> Integers:
        """See `NoiseSource`."""
        return values + self._discrete_laplace(values.size, scale).reshape(values.shape)

    def choose(self, scores: Integers, scale: float) -> int:
        """See `NoiseSource`."""
        shares = np.exp((scores - scores.max()) / scale)
        return int(self._rng.choice(len(scores), p=shares / shares.sum()))

    def gaussian_cost(self, sensitivity: float, sigma: float) -> float:
        """What the same noise would cost, could it not be foreseen."""
        return gaussian_cost(sensitivity, sigma)

    def choice_cost(self, sensitivity: int, scale: float) -> float:
        """What the same choice would cost, could it not be foreseen."""
        return selection_cost(sensitivity, scale)

    def _discrete_laplace(self, n: int, scale: float) -> Integers:
        stop = -np.expm1(-1 / scale)
        return self._rng.geometric(stop, n) - self._rng.geometric(stop, n)


def _checked(scale: float) -> float:
    if not scale > 0:
        raise ValueError("expected a noise scale above 0")
    if scale > LARGEST_SCALE:
        raise BudgetError(
            "budget",
            expected=f"one that is met by noise of at most {LARGEST_SCALE:g}",
            got="one so small that it needs more",
            remedy="grant a larger epsilon or delta",
        )
    return float(scale)


def _released(mechanism: Any, values: Integers) -> Integers:
    noisy = np.array(mechanism(values.reshape(-1).tolist()), np.int64)
    return noisy.reshape(values.shape)


@cache
def _opendp() -> Any:
    """The library, loaded when noise is first drawn: loading it takes about a second."""
    import opendp.prelude as dp

    # the mechanisms used here are among those whose proofs the library calls contributed
    dp.enable_features("contrib")
    return dp


@lru_cache(maxsize=64)
def _gaussian(sigma: float) -> Any:
    dp = _opendp()
    domain = dp.vector_domain(dp.atom_domain(T="i64"))
    return dp.m.make_gaussian(domain, dp.l2_distance(T="f64"), scale=sigma)


@lru_cache(maxsize=64)
def _laplace(scale: float) -> Any:
    dp = _opendp()
    domain = dp.vector_domain(dp.atom_domain(T="i64"))
    return dp.m.make_laplace(domain, dp.l1_distance(T="i64"), scale=scale)


@lru_cache(maxsize=64)
def _noisy_maximum(scale: float) -> Any:
    dp = _opendp()
    domain = dp.vector_domain(dp.atom_domain(T="i64"))
    # not monotonic: one unit may raise some scores and lower others
    metric = dp.linf_distance(T="i64", monotonic=False)
    return dp.m.make_noisy_max(domain, metric, dp.zero_concentrated_divergence(), scale=scale)


@lru_cache(maxsize=64)
def _gaussian_map(sensitivity: float, sigma: float) -> float:
    return float(_gaussian(sigma).map(sensitivity))


@lru_cache(maxsize=64)
def _maximum_map(sensitivity: int, scale: float) -> float:
    return float(_noisy_maximum(scale).map(sensitivity))
