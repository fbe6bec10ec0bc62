"""Intervals hold what they say where shares are not of independent trials."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from tabsynth.intervals import Z95, newcombe


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
