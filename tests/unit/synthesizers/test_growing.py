"""Boosted forests: what they learn, and that they learn nothing of single records."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tabsynth.synthesizers.forest import GRID, NEVER, Forest, leaf_of
from tabsynth.synthesizers.growing import Task, grow


def task(
    records: int = 4000, *, groups: int = 1, classes: int = 3, strength: float = 0.9, seed: int = 0
) -> Task:
    """The class is the first predictor's third, with noise; the second predictor says nothing."""
    rng = np.random.default_rng(seed)
    bins = rng.integers(0, 60, (records, 2))
    told = bins[:, 0] * classes // 60
    chosen = np.where(rng.random(records) < strength, told, rng.integers(0, classes, records))
    return Task(rng.integers(0, groups, records), groups, chosen, classes, bins.astype(np.uint8))


def forest(of: Task, *, rounds: int = 40, leaf: int = 20, seed: int = 1) -> Forest:
    return grow(of, rounds=rounds, leaf=leaf, rng=np.random.default_rng(seed))


def shares(of: Forest, bins: np.ndarray, group: int = 0) -> np.ndarray:
    n = len(bins)
    asked = np.full(n, group)
    return np.column_stack(
        [of.probability(asked, bins.astype(np.uint8), np.full(n, k)) for k in range(of.classes)]
    )


def told(of: Forest) -> np.ndarray:
    """How probable the class of each third of the first predictor is, on average over its bins."""
    bins = np.column_stack([np.arange(60), np.full(60, 30)])
    return shares(of, bins)[np.arange(60), np.arange(60) // 20].reshape(3, 20).mean(axis=1)


def test_a_dependence_is_learnt_and_asked_about_first() -> None:
    grown = forest(task())
    assert grown.feature[0, 0] == 0
    # 0.9 and a third of the rest
    np.testing.assert_allclose(told(grown), 0.933, atol=0.03)
    found = shares(grown, np.array([[10, 0], [30, 59], [50, 30]]))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_two_predictors_that_only_together_tell_are_learnt() -> None:
    rng = np.random.default_rng(4)
    bins = rng.integers(0, 60, (6000, 3))
    chosen = ((bins[:, 0] >= 20) ^ (bins[:, 1] >= 30)).astype(np.int64)
    grown = forest(Task(np.zeros(6000, np.int64), 1, chosen, 2, bins.astype(np.uint8)))
    found = shares(grown, np.array([[5, 5, 0], [5, 50, 0], [50, 5, 0], [50, 50, 0]]))
    np.testing.assert_allclose(found[:, 1], [0, 1, 1, 0], atol=0.1)


def test_noise_moves_shares_little() -> None:
    rng = np.random.default_rng(5)
    found = shares(forest(task(strength=0.0)), rng.integers(0, 60, (500, 2)))
    assert np.abs(found - 1 / 3).mean() < 0.06


def test_records_that_grew_a_forest_are_hardly_more_probable_for_it() -> None:
    """Classes drawn at random: a forest that knew its own records would say much above a half."""
    rng = np.random.default_rng(3)
    bins = rng.integers(0, 100, (1500, 6)).astype(np.uint8)
    chosen = rng.integers(0, 2, 1500)
    group = np.zeros(1500, np.int64)
    grown = forest(Task(group, 1, chosen, 2, bins), leaf=5)
    assert grown.probability(group, bins, chosen).mean() < 0.58


def test_every_group_has_trees_of_its_own() -> None:
    rng = np.random.default_rng(0)
    bins = rng.integers(0, 60, (6000, 1))
    group = rng.integers(0, 2, 6000)
    high = bins[:, 0] >= 30
    chosen = np.where(group == 0, high, ~high).astype(np.int64)
    grown = forest(Task(group, 2, chosen, 2, bins.astype(np.uint8)))
    low = np.array([[5]])
    assert shares(grown, low, group=0)[0, 0] > 0.95
    assert shares(grown, low, group=1)[0, 0] < 0.05


@pytest.mark.parametrize("leaf", [5, 20, 100])
def test_what_a_leaf_adds_rests_on_as_many_records_as_were_asked_for(leaf: int) -> None:
    of = task(3000)
    grown = forest(of, leaf=leaf)
    assert len(grown.feature)
    for feature, cut, value in zip(grown.feature, grown.cut, grown.value, strict=True):
        fallen = leaf_of(of.predictors.T, feature, cut)
        size = np.bincount(fallen, minlength=len(value))
        assert not value[size < leaf].any()


def test_what_a_leaf_adds_rests_on_as_many_persons_as_were_asked_for() -> None:
    # a person for each bin of the first predictor
    of = task(3000)
    person = of.predictors[:, 0].astype(np.int64)
    plain, grown = forest(of), forest(replace(of, person=person, fewest=25))
    lone = []
    for one in (plain, grown):
        few = 0
        for feature, cut, value in zip(one.feature, one.cut, one.value, strict=True):
            fallen = leaf_of(of.predictors.T, feature, cut)
            for leaf in np.unique(fallen[value[fallen].any(axis=1)]):
                few += len(np.unique(person[fallen == leaf])) < 25
        lone.append(few)
    assert lone[0] > 0
    assert lone[1] == 0


def test_shares_are_of_the_classes_that_occur() -> None:
    of = task(1000, classes=3)
    only = Task(of.group, 1, np.minimum(of.chosen, 1), 3, of.predictors)
    grown = forest(only)
    assert grown.start[0, 2] == NEVER
    drawn = grown.draw(np.zeros(5000, np.int64), np.zeros((5000, 2), np.uint8),
                       np.random.default_rng(0))  # fmt: skip
    assert drawn.max() <= 1


@pytest.mark.parametrize("records", [0, 1, 4, 12])
def test_few_records_have_margins_alone(records: int) -> None:
    of = task(records)
    grown = forest(of)
    assert not len(grown.feature)
    assert grown.draw(np.zeros(7, np.int64), np.zeros((7, 2), np.uint8),
                      np.random.default_rng(0)).shape == (7,)  # fmt: skip
    found = shares(grown, np.zeros((1, 2)))[0]
    counts = np.bincount(of.chosen, minlength=3) if records else np.array([1, 0, 0])
    assert (found[counts == 0] == 0).all()
    assert abs(found.sum() - 1) < 1e-6


def test_margins_stand_on_a_grid() -> None:
    of = task(5000)
    grown = forest(of, rounds=0)
    wanted = np.bincount(of.chosen) / 5000
    np.testing.assert_allclose(np.exp(grown.start[0] / GRID), wanted, rtol=1 / GRID)


def test_the_same_generator_grows_the_same_trees() -> None:
    first, second, other = (forest(task(), seed=s) for s in (1, 1, 2))
    for name, array in first.state()[1].items():
        np.testing.assert_array_equal(array, second.state()[1][name])
    assert first.value.shape != other.value.shape or (first.value != other.value).any()


def test_more_records_than_choose_the_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tabsynth.synthesizers.growing.MOST_CHOOSING", 1000)
    grown = forest(task())
    np.testing.assert_allclose(told(grown), 0.933, atol=0.03)
