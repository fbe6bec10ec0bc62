"""Noise against its exact probabilities: OpenDP, diffprivlib as second source, and the seeded one.

A true source fails one of these tests with a chance of one in a million.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest

from tabsynth.errors import BudgetError
from tabsynth.privacy.accounting import gaussian_cost, selection_cost
from tabsynth.privacy.calibration import scale_for, sigma_for
from tabsynth.privacy.noise import OpenDPNoise, SeededNoise
from tabsynth.privacy.second_noise import DiffprivlibNoise
from tests.exact import discrete_gaussian, discrete_laplace, exponential_choice, p_value
from tests.private import private

ALARM = 1e-6
SOURCES = [OpenDPNoise(), DiffprivlibNoise(), SeededNoise(3)]
# the slower sources draw less
DRAWS = {OpenDPNoise: 40_000, DiffprivlibNoise: 12_000, SeededNoise: 100_000}
each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda s: type(s).__name__)


def values(n: int) -> Any:
    """What noise is added to: numbers small and large, that it must not depend on."""
    return np.resize(np.array([0, 7, -(2**40), 2**50], np.int64), n)


def noise_of(source: Any, mechanism: str, scale: float, n: int) -> Any:
    added_to = values(n)
    drawn = getattr(source, mechanism)(added_to, scale)
    assert drawn.dtype == np.int64
    assert drawn.shape == (n,)
    return drawn - added_to


@each_source
@pytest.mark.parametrize("sigma", [0.4, 1.7, 23.5])
def test_gaussian_noise_has_its_exact_probabilities(source: Any, sigma: float) -> None:
    reach = math.ceil(10 * sigma)
    drawn = noise_of(source, "gaussian", sigma, DRAWS[type(source)])
    assert p_value(drawn, discrete_gaussian(sigma, reach), -reach) > ALARM
    assert p_value(drawn[::4], discrete_gaussian(sigma, reach), -reach) > ALARM


@each_source
@pytest.mark.parametrize("scale", [0.3, 4.0, 60.0])
def test_laplace_noise_has_its_exact_probabilities(source: Any, scale: float) -> None:
    reach = math.ceil(30 * scale)
    drawn = noise_of(source, "laplace", scale, DRAWS[type(source)])
    assert p_value(drawn, discrete_laplace(scale, reach), -reach) > ALARM
    assert p_value(drawn[::4], discrete_laplace(scale, reach), -reach) > ALARM


@each_source
def test_draws_of_one_release_are_independent(source: Any) -> None:
    drawn = noise_of(source, "gaussian", 0.8, DRAWS[type(source)])
    one = discrete_gaussian(0.8, 3)
    places = np.clip(drawn + 3, 0, 6)
    pairs = places[0::2] * 7 + places[1::2]
    assert p_value(pairs, np.outer(one, one).ravel()) > ALARM


@each_source
@pytest.mark.parametrize(
    ("scores", "scale"), [([0, 3, 3, -2, 7], 2.5), ([-(2**40), -(2**40) + 1], 0.7), ([5], 1.0)]
)
def test_a_choice_has_its_exact_probabilities(source: Any, scores: list[int], scale: float) -> None:
    given = np.array(scores, np.int64)
    drawn = np.array([source.choose(given, scale) for _ in range(6000)])
    assert len(scores) == 1 or p_value(drawn, exponential_choice(given, scale)) > ALARM
    assert set(drawn.tolist()) <= set(range(len(scores)))


class HalfNoise(SeededNoise):
    def gaussian(self, values: Any, sigma: float) -> Any:
        return super().gaussian(values, sigma / 2)


class Rounded(SeededNoise):
    """A continuous normal draw, rounded: not the discrete Gaussian."""

    def gaussian(self, values: Any, sigma: float) -> Any:
        return values + np.rint(self._rng.normal(0, sigma, values.shape)).astype(np.int64)

    def choose(self, scores: Any, scale: float) -> int:
        """Scores as if monotone: twice as steep."""
        return super().choose(scores, scale / 2)


def test_wrong_noise_is_found_out() -> None:
    for wrong, sigma in ((HalfNoise(0), 1.7), (Rounded(0), 0.4)):
        reach = math.ceil(10 * sigma)
        drawn = noise_of(wrong, "gaussian", sigma, 100_000)
        assert p_value(drawn, discrete_gaussian(sigma, reach), -reach) < ALARM
    scores = np.array([0, 3, 3, -2, 7], np.int64)
    drawn = np.array([Rounded(0).choose(scores, 2.5) for _ in range(6000)])
    assert p_value(drawn, exponential_choice(scores, 2.5)) < ALARM


@pytest.mark.evidence
@each_source
@pytest.mark.parametrize("sigma", [0.2, 0.5, 1.0, 3.3, 40.0, 1234.5])
def test_gaussian_noise_at_length(source: Any, sigma: float) -> None:
    # diffprivlib takes time in proportion to sigma
    n = int(1e6 / (10 + sigma)) if isinstance(source, DiffprivlibNoise) else 1_000_000
    reach = math.ceil(10 * sigma) + 2
    assert p_value(
        noise_of(source, "gaussian", sigma, n), discrete_gaussian(sigma, reach), -reach
    ) > (ALARM)


@pytest.mark.parametrize("sensitivity", [1.0, math.sqrt(15), 12345.678])
@pytest.mark.parametrize("rho", [1e-9, 0.024, 7.3])
def test_the_charge_covers_what_opendps_own_proof_says(sensitivity: float, rho: float) -> None:
    noise = OpenDPNoise()
    sigma = sigma_for(noise, sensitivity, rho)
    assert noise.gaussian_cost(sensitivity, sigma) <= rho
    # its proof and the closed form agree but for rounding up
    assert gaussian_cost(sensitivity, sigma) == pytest.approx(rho, rel=1e-9)
    assert noise.gaussian_cost(sensitivity, sigma) >= gaussian_cost(sensitivity, sigma) * (
        1 - 1e-12
    )


@pytest.mark.parametrize("sensitivity", [1, 65536, 7 * 65536])
@pytest.mark.parametrize("rho", [1e-9, 0.024, 7.3])
def test_a_choices_charge_covers_what_opendps_own_proof_says(sensitivity: int, rho: float) -> None:
    noise = OpenDPNoise()
    scale = scale_for(noise, sensitivity, rho)
    assert noise.choice_cost(sensitivity, scale) <= rho
    assert selection_cost(sensitivity, scale) == pytest.approx(rho, rel=1e-9)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan])
def test_scales_that_are_none_are_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="noise scale"):
        OpenDPNoise().gaussian(np.zeros(1, np.int64), scale)


def test_a_budget_too_small_for_any_noise_is_refused_unpaid() -> None:
    table = private([(0,)], 2, rho=1.0, noise=OpenDPNoise())
    for rho in (1e-40, 5e-324):
        with pytest.raises(BudgetError, match="grant a larger epsilon"):
            table.marginals([(0,)], rho=rho, stage="s")
    assert table.remaining == 1.0


def test_only_exact_noise_from_the_system_is_certified() -> None:
    assert [s.certified for s in SOURCES] == [True, False, False]
    assert "NO PRIVACY" in SeededNoise(0).name
    assert "NO CERTIFICATE" in DiffprivlibNoise().name
    assert OpenDPNoise().name.startswith("opendp 0.")


def test_a_seed_reaches_the_seeded_source_alone() -> None:
    zeros = np.zeros(50, np.int64)
    assert np.array_equal(SeededNoise(1).gaussian(zeros, 9.0), SeededNoise(1).gaussian(zeros, 9.0))
    np.random.default_rng(0)
    one, other = (OpenDPNoise().gaussian(zeros, 9.0) for _ in range(2))
    # alike with a chance below 10^-60
    assert not np.array_equal(one, other)


def test_the_second_source_leaves_no_half_loaded_package_behind() -> None:
    DiffprivlibNoise().laplace(np.zeros(1, np.int64), 1.0)
    assert "diffprivlib.mechanisms" in sys.modules
    assert "diffprivlib" not in sys.modules
