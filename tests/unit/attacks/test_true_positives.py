from __future__ import annotations

import numpy as np
from scipy.stats import binom, norm

from tabsynth.attacks.omnibus import Suspects
from tabsynth.attacks.rates import epsilon_bound, share_found, untied


def test_the_interval_covers_the_true_share() -> None:
    shift = 0.7
    truth = norm.sf(norm.isf(0.01) - shift)
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        value, low, high = share_found(rng.normal(size=3000) + shift, rng.normal(size=1500))
        assert low <= value <= high
        covered += low <= truth <= high
    # at least 95 % of 200; fewer than 183 would happen once in 200 times
    assert covered >= binom.ppf(0.005, 200, 0.95)


def test_intervals_narrow_with_the_controls() -> None:
    rng = np.random.default_rng(1)
    wide, narrow = (share_found(rng.normal(size=9000), rng.normal(size=m)) for m in (100, 9000))
    assert narrow[2] - narrow[1] < (wide[2] - wide[1]) / 3
    assert wide[1] == 0.0  # 100 controls cannot bound a rate of 1 % from above
    assert narrow[2] < 0.02


def test_ties_are_broken_by_the_order_given() -> None:
    scores = np.array([1.0, 0.0, 1.0, 0.0])
    np.testing.assert_array_equal(untied(scores, np.array([3, 2, 1, 0])), [4, 2, 3, 1])


def randomised_response(epsilon: float, persons: int, rng: np.random.Generator) -> Suspects:
    """Scores that leak membership with exactly that epsilon."""
    member = np.arange(persons) < persons // 2
    honest = rng.random(persons) < np.exp(epsilon) / (1 + np.exp(epsilon))
    score = np.where(honest, member, ~member).astype(float) + rng.random(persons) * 0.1
    nobody = np.zeros(persons, bool)
    return Suspects(score[:, None], nobody, member, np.arange(persons))


def test_the_bound_of_epsilon_holds_and_is_not_idle() -> None:
    bounds = []
    for i in range(60):
        rng = np.random.default_rng(i)
        result = epsilon_bound(randomised_response(1.5, 4000, rng), rng)
        bounds.append(result.value)
    # above the truth in at most 5 % of 60
    assert sum(b > 1.5 for b in bounds) <= binom.ppf(0.995, 60, 0.05)
    assert np.median(bounds) > 1.1


def test_no_leak_refutes_no_epsilon() -> None:
    rng = np.random.default_rng(2)
    found = randomised_response(0.0, 4000, rng)
    assert epsilon_bound(found, rng).value < 0.1


def test_of_few_persons_no_epsilon_is_refuted() -> None:
    """All controls may be in the half that thresholds are not chosen on."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        member = np.arange(61) < 60
        found = Suspects(rng.normal(size=(61, 2)), ~member, member, np.arange(61))
        assert epsilon_bound(found, rng).value == 0.0
