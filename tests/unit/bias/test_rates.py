"""Intervals cover, adjustments agree with statsmodels, chance is not flagged and gaps are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, binom
from statsmodels.stats.multitest import multipletests

from tabsynth.bias.rates import (
    Tally,
    adjust,
    benjamini_hochberg,
    gap,
    holm,
    impact,
    shares,
    tally,
)


def counted(counts: list[int], hits: list[int]) -> Tally:
    return Tally(np.array(counts), np.array(hits), np.array(counts))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("looks", [1, 2, 7, 40])
def test_adjusted_p_values_are_those_of_statsmodels(looks: int) -> None:
    p = np.round(rng(looks).random(looks) ** 3, 2)
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])
    np.testing.assert_allclose(benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1])


def test_each_family_is_adjusted_on_its_own() -> None:
    p = [np.array([0.01, 0.04]), np.array([]), np.array([0.02, 0.03]), np.array([0.5])]
    found = adjust(p, [False, False, True, True])
    np.testing.assert_allclose(found[0], [0.02, 0.04])
    assert len(found[1]) == 0
    np.testing.assert_allclose(found[2], [0.045, 0.045])
    np.testing.assert_allclose(found[3], [0.5])


def test_tally_leaves_missing_outcomes_out_and_counts_people_once() -> None:
    codes = np.array([0, 0, 0, 1, 1])
    outcome = np.array([1.0, 0.0, np.nan, 1.0, 1.0])
    found = tally(codes, 3, outcome, np.array([7, 7, 8, 9, 10]))
    assert found.counts.tolist() == [2, 2, 0]
    assert found.hits.tolist() == [1, 2, 0]
    assert found.units.tolist() == [1, 2, 0]
    assert np.isnan(found.rates[2])


def test_intervals_are_jeffreys_and_hold_the_rate() -> None:
    found = counted([20, 10, 10], [6, 0, 10])
    low, high = found.intervals()
    assert (low[0], high[0]) == pytest.approx(beta.ppf([0.025, 0.975], 6.5, 14.5))
    assert low[1] == 0 and high[2] == 1
    assert (low <= found.rates).all() and (found.rates <= high).all()


def test_records_of_few_people_say_less() -> None:
    many = Tally(np.array([400]), np.array([100]), np.array([400]))
    few = Tally(np.array([400]), np.array([100]), np.array([40]))
    assert np.subtract(*few.intervals()[::-1]) > 2.5 * np.subtract(*many.intervals()[::-1])


def test_intervals_cover_as_often_as_they_say() -> None:
    draws, rate = 2000, 0.07
    hits = rng().binomial(60, rate, draws)
    low, high = counted([60] * draws, hits.tolist()).intervals()
    # Jeffreys covers 93 to 97 % here; three standard errors of 2,000 draws are 1.5 %
    assert 0.92 < np.mean((low <= rate) & (rate <= high)) < 0.985


def test_shares_sum_to_one_within_their_intervals() -> None:
    value, low, high = shares(np.array([90, 10, 0]))
    assert value.sum() == pytest.approx(1)
    assert (low <= value).all() and (value <= high).all()
    assert high[2] > 0


def test_the_yardstick_is_neither_small_nor_without_a_hit() -> None:
    assert counted([29, 100, 100], [29, 60, 50]).yardstick == 1
    # 40 of 4,000 are less than 2 %
    assert counted([40, 2000, 1960], [40, 900, 1000]).yardstick == 2
    assert counted([100, 100], [0, 0]).yardstick is None
    assert counted([20, 5], [10, 1]).yardstick is None


def test_a_planted_ratio_is_found_and_covered() -> None:
    found = impact(counted([2000, 2000], [1000, 500]), rng())
    assert found is not None and found.yardstick == 0
    assert found.ratios[1] == pytest.approx(0.5)
    assert 0.45 < found.low[1] < 0.5 < found.high[1] < 0.55
    assert found.below[1] < 1e-6
    even = impact(counted([2000, 2000], [1000, 990]), rng())
    assert even is not None and even.below[1] > 0.99


def test_at_four_fifths_exactly_the_flag_is_rare() -> None:
    """At the boundary at most 5 % are below; 300 draws, so up to 9 % (three standard errors)."""
    random = rng(1)
    alarms = 0
    for _ in range(300):
        hits = random.binomial(500, [0.5, 0.4])
        found = impact(counted([500, 500], hits.tolist()), random, yardstick=0)
        assert found is not None
        alarms += found.below[1] < 0.05 and found.high[1] < 0.8
    assert alarms <= 27


def test_gaps_of_equal_groups_are_within_chance() -> None:
    """P-values below 0.05 in about 5 % of 300 null draws, at most 9 %."""
    random = rng(2)
    p = []
    for _ in range(300):
        hits = random.binomial([40, 80, 300, 600], 0.3)
        found = gap(counted([40, 80, 300, 600], hits.tolist()), random)
        assert found is not None and found.low <= found.value <= found.high
        p.append(found.p)
    assert 0.01 <= np.mean(np.array(p) < 0.05) <= 0.09


def test_a_planted_gap_is_beyond_chance_whatever_the_number_of_looks() -> None:
    tallied = counted([500, 500, 10], [250, 150, 10])
    found = gap(tallied, rng(), looks=200)
    assert found is not None
    assert found.value == pytest.approx(0.2)
    assert (found.highest, found.lowest) == (0, 1)
    assert found.chance < 0.1
    assert holm(np.array([found.p] + [1.0] * 199)).min() < 0.05


def test_no_gap_without_two_groups() -> None:
    assert gap(counted([100, 29], [10, 20]), rng()) is None


def test_persons_of_unequally_many_records_are_no_gap() -> None:
    """Of one record each, or of as many each, the persons counted: now 29 % had p below 0.05."""
    small = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        sizes = np.minimum(1 + random.geometric(0.3, 180) ** 2, 60)
        whose = np.repeat(np.arange(180), sizes)
        ill = (random.random(180) < 0.3)[whose].astype(float)
        found = gap(tally(whose % 3, 3, ill, whose), random)
        assert found is not None
        small += found.p <= 0.05
    assert small <= binom.ppf(0.999, 100, 0.05)


def test_equally_many_records_a_person_are_worth_the_persons() -> None:
    whose = np.repeat(np.arange(90), 4)
    found = tally(whose % 2, 2, np.ones(360), whose)
    assert found.units.tolist() == [45, 45]
    assert found.independent.tolist() == [45.0, 45.0]
    heavy = tally(np.zeros(130, int), 1, np.ones(130), np.minimum(np.arange(130), 30))
    assert heavy.units.tolist() == [31]
    assert heavy.independent[0] == pytest.approx(130**2 / (30 + 100**2))


def test_forty_groups_that_are_alike_are_seldom_flagged() -> None:
    """The highest of forty rates is high by chance: 23 of 100 tables had a group below 0.8."""
    flagged = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        found = counted([30] * 40, random.binomial(30, 0.3, 40).tolist())
        measured = impact(found, random)
        assert measured is not None
        others = np.arange(40) != measured.yardstick
        alarm = (holm(measured.below[others]) < 0.05) & (measured.high[others] < 0.8)
        flagged += bool(alarm.any())
    assert flagged <= binom.ppf(0.999, 100, 0.05)


def test_a_group_far_below_forty_others_is_flagged() -> None:
    found = impact(counted([500] * 40, [250] * 39 + [100]), rng())
    assert found is not None
    assert found.below[39] < 0.001 and found.high[39] < 0.8
