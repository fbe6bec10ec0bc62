from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, rankdata

from tabsynth.attacks.omnibus import Permutations, Suspects, mean_ranks, top_weights


def suspects(rng: np.random.Generator, *, shift: float = 0.0, per_unit: int = 1) -> Suspects:
    persons = 240
    own = rng.normal(size=(persons, 2))
    member = np.arange(persons) < 180
    own[member] += shift
    return Suspects(
        scores=np.repeat(own, per_unit, axis=0),
        isolated=np.repeat(rng.random(persons) < 0.2, per_unit),
        member=np.repeat(member, per_unit),
        units=np.repeat(np.arange(persons), per_unit),
    )


def p_of(found: Suspects, seed: int) -> float:
    deals = Permutations(found, np.random.default_rng(seed))
    return deals.p_value(deals.observed)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40))
def test_mean_ranks_are_those_of_scipy(scores: list[int]) -> None:
    values = np.array(scores, float)
    np.testing.assert_allclose(mean_ranks(values), rankdata(values))


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=200), st.sampled_from([0.01, 0.1, 0.5]))
def test_the_top_is_as_large_as_asked_and_takes_the_highest(
    scores: list[int], share: float
) -> None:
    values = np.array(scores, float)
    weights = top_weights(mean_ranks(values), share)
    assert np.isclose(weights.sum(), share * len(values))
    assert weights.min() >= 0
    assert weights.max() <= 1
    order = np.argsort(values, kind="stable")
    assert (np.diff(weights[order]) >= -1e-12).all()


def test_without_a_leak_p_values_are_small_as_often_as_they_say() -> None:
    # 200 tries at 0.05: more than 19 happen once in 150 times, by the binomial law
    small = sum(p_of(suspects(np.random.default_rng(i)), i) <= 0.05 for i in range(200))
    assert binom.cdf(small, 200, 0.05) < 0.993
    assert small > 1  # and it is not a test that never rejects


def test_a_person_with_many_records_counts_once() -> None:
    # dealt record by record, copies of one score would look like evidence
    p = [p_of(suspects(np.random.default_rng(i), per_unit=12), i) for i in range(60)]
    assert sum(x <= 0.05 for x in p) <= binom.ppf(0.995, 60, 0.05)


def test_a_leak_is_found_whoever_comes_first() -> None:
    found = suspects(np.random.default_rng(5), shift=1.0)
    assert p_of(found, 0) == 1 / 1000
    order = np.random.default_rng(1).permutation(len(found.member))
    mixed = Suspects(found.scores[order], found.isolated[order], found.member[order],
                     found.units[order])  # fmt: skip
    assert p_of(mixed, 0) == 1 / 1000


def test_scores_that_never_differ_say_nothing() -> None:
    found = suspects(np.random.default_rng(0))
    flat = Suspects(np.zeros_like(found.scores), found.isolated, found.member, found.units)
    assert p_of(flat, 0) == 1.0


def test_members_that_score_low_are_no_leak() -> None:
    assert p_of(suspects(np.random.default_rng(3), shift=-1.5), 0) > 0.5


def test_one_record_of_each_person_is_left_for_intervals() -> None:
    found = suspects(np.random.default_rng(0), per_unit=12)
    persons = found.one_of_each_unit(np.random.default_rng(1))
    assert len(np.unique(found.units)) == len(persons.units)
    assert sorted(persons.units) == sorted(set(found.units))
    for unit, member, scores in zip(persons.units, persons.member, persons.scores, strict=True):
        rows = found.units == unit
        assert (found.member[rows] == member).all()
        assert (found.scores[rows] == scores).all(axis=1).any()
