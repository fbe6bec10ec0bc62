"""Honest trees: what fills a leaf did not choose it."""

from __future__ import annotations

import numpy as np
import pytest

from tabsynth.synthesizers.forest import GRID, Forest
from tabsynth.synthesizers.growing import Task, grow


def task(
    records: int = 4000, *, groups: int = 1, classes: int = 3, strength: float = 0.9, seed: int = 0
) -> Task:
    """The class is the first predictor's third, with noise; the second predictor says nothing."""
    rng = np.random.default_rng(seed)
    bins = rng.integers(0, 60, (records, 2))
    told = bins[:, 0] * classes // 60
    chosen = np.where(rng.random(records) < strength, told, rng.integers(0, classes, records))
    return Task(rng.integers(0, groups, records), groups, chosen, classes, bins.astype(np.float32))


def forest(of: Task, *, trees: int = 4, leaf: int = 20, seed: int = 1) -> Forest:
    return grow(of, trees=trees, leaf=leaf, rng=np.random.default_rng(seed))


def shares(of: Forest, bins: np.ndarray, group: int = 0) -> np.ndarray:
    n = len(bins)
    asked = np.full(n, group)
    return np.column_stack(
        [of.probability(asked, bins.astype(np.uint8), np.full(n, k)) for k in range(of.classes)]
    )


def test_a_dependence_is_learnt_and_asked_about_first() -> None:
    grown = forest(task())
    assert (grown.feature[:4] == 0).all()
    middle = np.array([[10, 0], [30, 59], [50, 30]])
    found = shares(grown, middle)
    # 0.9 and a third of the rest
    np.testing.assert_allclose(np.diag(found), 0.933, atol=0.05)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-3)


def test_noise_moves_shares_little() -> None:
    rng = np.random.default_rng(5)
    found = shares(forest(task(strength=0.0), trees=10), rng.integers(0, 60, (500, 2)))
    # leaves of 20 and the 8 of their parents: a standard error of 0.09, less for the mean of trees
    assert np.abs(found - 1 / 3).mean() < 0.06


def test_every_group_has_trees_of_its_own() -> None:
    rng = np.random.default_rng(0)
    bins = rng.integers(0, 60, (6000, 1))
    group = rng.integers(0, 2, 6000)
    high = bins[:, 0] >= 30
    chosen = np.where(group == 0, high, ~high).astype(np.int64)
    grown = forest(Task(group, 2, chosen, 2, bins.astype(np.float32)))
    low = np.array([[5]])
    assert shares(grown, low, group=0)[0, 0] > 0.95
    assert shares(grown, low, group=1)[0, 0] < 0.05


@pytest.mark.parametrize("leaf", [5, 20, 100])
def test_leaves_rest_on_as_many_records_as_were_asked_for(leaf: int) -> None:
    of = task(3000)
    grown = forest(of, trees=1, leaf=leaf)
    leaves = grown._leaves(np.zeros(3000, np.int64), of.predictors.astype(np.uint8))
    # those that chose the splits are among these; so all records are more than those that fill
    assert np.bincount(leaves)[np.unique(leaves)].min() >= leaf
    assert len(grown.cumulative) <= 3000 // leaf


def test_no_record_is_in_a_leaf_because_of_its_own_class() -> None:
    """Classes drawn at random: what leaves say of the records that grew them is no better."""
    rng = np.random.default_rng(3)
    bins = rng.integers(0, 100, (1500, 6)).astype(np.float32)
    chosen = rng.integers(0, 2, 1500)
    grown = grow(Task(np.zeros(1500, np.int64), 1, chosen, 2, bins), trees=30, leaf=5,
                 rng=np.random.default_rng(0))  # fmt: skip
    own = grown.probability(np.zeros(1500, np.int64), bins.astype(np.uint8), chosen)
    # filled by 70 % of the records, so a little memory is left; a tree with its own classes in
    # leaves of 5 would say 0.7 and more
    assert own.mean() < 0.58


def test_shares_are_of_the_classes_that_occur() -> None:
    of = task(1000, classes=3)
    only = Task(of.group, 1, np.minimum(of.chosen, 1), 3, of.predictors)
    grown = forest(only)
    assert (grown.cumulative[:, 1] == GRID).all()
    drawn = grown.draw(np.zeros(5000, np.int64), np.zeros((5000, 2), np.uint8),
                       np.random.default_rng(0))  # fmt: skip
    assert drawn.max() <= 1


@pytest.mark.parametrize("records", [0, 1, 4, 12])
def test_few_records_make_a_root_alone(records: int) -> None:
    of = task(records)
    grown = forest(of, trees=2)
    assert grown.depth == 0
    assert len(grown.child) == 2
    assert grown.draw(np.zeros(7, np.int64), np.zeros((7, 2), np.uint8),
                      np.random.default_rng(0)).shape == (7,)  # fmt: skip


def test_the_same_generator_grows_the_same_trees() -> None:
    first, second, other = (forest(task(), seed=s) for s in (1, 1, 2))
    for name, array in first.state()[1].items():
        np.testing.assert_array_equal(array, second.state()[1][name])
    assert first.state()[0] != other.state()[0] or (first.cut != other.cut).any()
