"""Probabilities of boxes against scipy's integral."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tabsynth.synthesizers.truncated import log_probability

LOW = np.array([[-np.inf, 0.0, 1.0], [-0.5, -np.inf, 2.0], [0.0, 0.3, -1.0]])
HIGH = np.array([[0.2, 1.0, np.inf], [np.inf, np.inf, 2.5], [0.5, np.inf, -0.5]])


def test_boxes_are_as_probable_as_the_integral_says() -> None:
    """Estimates from thousands of draws, within 3 %; the seed is fixed."""
    correlation = np.array([[1.0, 0.8, -0.3], [0.8, 1.0, 0.1], [-0.3, 0.1, 1.0]])
    found = np.exp(log_probability(correlation, LOW, HIGH, np.random.default_rng(0)))
    law = stats.multivariate_normal(np.zeros(3), correlation)
    for box in range(3):
        low, high = np.maximum(LOW[:, box], -9), np.minimum(HIGH[:, box], 9)
        truth = law.cdf(high, lower_limit=low, rng=np.random.default_rng(1))
        assert found[box] == pytest.approx(truth, rel=0.03)


def test_one_bounded_dimension_is_exact() -> None:
    low, high = np.array([[1.0, 30.0]]), np.array([[2.0, 31.0]])
    found = log_probability(np.eye(1), low, high, np.random.default_rng(0))
    assert found[0] == pytest.approx(np.log(stats.norm.cdf(2) - stats.norm.cdf(1)))
    assert found[1] == pytest.approx(stats.norm.logsf(30), rel=1e-6)


def test_boxes_far_apart_are_all_but_impossible() -> None:
    correlation = np.array([[1.0, 0.999], [0.999, 1.0]])
    low, high = np.array([[2.0], [-2.1]]), np.array([[2.1], [-2.0]])
    assert log_probability(correlation, low, high, np.random.default_rng(0))[0] < -1000
