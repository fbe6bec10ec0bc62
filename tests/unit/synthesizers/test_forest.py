"""Sums of symmetric trees: weighing and drawing; and no sum of what is not a forest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tabsynth.synthesizers.forest import BLOCK, GRID, NEVER, UNSPLIT, Forest

LOG3 = round(GRID * np.log(3))


def forest(**changes: Any) -> Forest:
    """Group 0 has no tree; group 1 has two: predictor 1 above bin 4 triples class 1, twice."""
    value = np.zeros((2, 4, 2), np.int16)
    # the second level is not asked, so its answer is no
    value[:, 2, 1] = LOG3
    parts: dict[str, Any] = {
        "start": np.array([[-GRID, NEVER], [0, 0]], np.int16),
        "first": np.array([0, 0, 2], np.int32),
        "feature": np.array([[1, 0], [1, 0]], np.int16),
        "cut": np.array([[4, UNSPLIT], [4, UNSPLIT]], np.uint8),
        "value": value,
    }
    return Forest(**{**parts, **changes})


def test_probability_is_that_of_the_sum_of_trees() -> None:
    bins = np.array([[0, 4], [9, 5], [0, 5]], np.uint8)
    group = np.array([1, 1, 0])
    for chosen, wanted in ((0, [0.5, 0.1, 1.0]), (1, [0.5, 0.9, 0.0])):
        found = forest().probability(group, bins, np.full(3, chosen))
        np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_draws_follow_the_probability_over_many_blocks() -> None:
    n = 4 * BLOCK + 17
    bins = np.zeros((n, 2), np.uint8)
    group = np.arange(n) % 2
    bins[n // 2 :, 1] = 9
    drawn = forest().draw(group, bins, np.random.default_rng(0))
    assert not drawn[group == 0].any()
    # 5 standard errors: one run in a million fails
    assert abs(np.mean(drawn[: n // 2][group[: n // 2] == 1]) - 0.5) < 0.03
    assert abs(np.mean(drawn[n // 2 :][group[n // 2 :] == 1]) - 0.9) < 0.02


@pytest.mark.parametrize("live", range(3))
def test_a_class_that_is_never_drawn_is_never_drawn(live: int) -> None:
    start = np.full((1, 3), NEVER, np.int16)
    start[0, live] = -5
    sure = Forest(start, np.zeros(2, np.int32), np.empty((0, 2), np.int16),
                  np.empty((0, 2), np.uint8), np.empty((0, 4, 3), np.int16))  # fmt: skip
    drawn = sure.draw(np.zeros(200_000, np.int64), np.zeros((200_000, 1), np.uint8),
                      np.random.default_rng(0))  # fmt: skip
    assert (drawn == live).all()


def test_state_brings_a_forest_back() -> None:
    sizes, arrays = forest().state()
    back = Forest.restore(sizes, arrays, 2)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, back.state()[1][name])


@pytest.mark.parametrize(
    "changes",
    [
        {"start": np.full((2, 2), NEVER, np.int16)},
        {"start": np.zeros((2, 2), np.int64)},
        {"start": np.zeros((2, 3), np.int16)},
        {"first": np.array([0, 0, 1], np.int32)},
        {"first": np.array([0, 2, 0], np.int32)},
        {"first": np.array([-1, 0, 2], np.int32)},
        {"first": np.array([0, 2], np.int32)},
        {"feature": np.array([[2, 0], [1, 0]], np.int16)},
        {"feature": np.array([[1, -1], [1, 0]], np.int16)},
        {"feature": np.array([[1, 0]], np.int16)},
        {"cut": np.array([[4], [4]], np.uint8)},
        {"cut": np.zeros((2, 2), np.int16)},
        {"value": np.zeros((2, 3, 2), np.int16)},
        {"value": np.zeros((2, 4, 2), np.float32)},
        {"value": np.zeros((3, 4, 2), np.int16)},
    ],
)
def test_what_is_not_a_forest_is_refused(changes: dict[str, Any]) -> None:
    sizes, arrays = forest(**changes).state()
    with pytest.raises(ValueError, match="expected"):
        Forest.restore(sizes, arrays, 2)
