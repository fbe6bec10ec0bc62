"""Intervals hold what they say where shares are not of independent trials."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from tabsynth.intervals import Z95, delong, newcombe, variance_of_sum


@pytest.mark.parametrize(("trials", "share", "scale"), [(100, 0.45, 1.0), (300, 0.15, 5.33)])
def test_two_outcomes_of_the_same_trials(trials: int, share: float, scale: float) -> None:
    """Taken for independent, 15 and 10 % of the intervals missed 0 where nothing differs."""
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(1000):
        drawn = rng.random(trials)
        second = drawn < share
        first = ~second & (drawn < share + scale * share)
        low, high = newcombe(first, second, Z95, scale=scale, either=True)
        missed += not low <= 0 <= high
    # at 95 %, more than so many happen once in a thousand times
    assert missed <= binom.ppf(0.999, 1000, 0.05)


def test_an_outcome_that_is_certain_or_never_comes() -> None:
    every, none = np.ones(50, bool), np.zeros(50, bool)
    for first, second in ((every, none), (none, every), (none, none)):
        value = float(first.mean() - second.mean())
        low, high = newcombe(first, second, Z95, either=True)
        assert (low, high) == pytest.approx(newcombe(first, second, Z95))
        assert low <= value <= high


def test_the_error_of_an_area_is_that_of_persons_who_have_records_on_both_sides() -> None:
    """Of 60 persons with up to 6 records of each class, a record's score is mostly the person's."""
    rng = np.random.default_rng(0)
    areas, variances, by_record = [], [], []
    for _ in range(300):
        person = rng.normal(size=60)
        whose = [np.repeat(np.arange(60), rng.integers(0, 7, 60)) for _ in range(2)]
        scores = [person[w] + 0.5 * rng.normal(size=len(w)) for w in whose]
        area, variance = delong(scores[0] + 0.5, scores[1], (whose[0], whose[1]))
        areas.append(area)
        variances.append(variance)
        by_record.append(delong(scores[0] + 0.5, scores[1])[1])
    # 300 draws give +-12 %
    assert np.std(areas) == pytest.approx(np.sqrt(np.mean(variances)), rel=0.2)
    assert np.std(areas) != pytest.approx(np.sqrt(np.mean(by_record)), rel=0.2)
    single = (np.arange(80), np.arange(80, 200))
    scores = [rng.normal(1, 1, 80), rng.normal(0, 1, 120)]
    assert delong(scores[0], scores[1], single) == pytest.approx(delong(*scores), rel=0.02)
    assert np.isinf(variance_of_sum(np.array([0.5, -0.5]), np.zeros(2, np.int64)))
