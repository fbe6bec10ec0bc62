"""Walking down trees, drawing and weighing; and no walk through what is not a forest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tabsynth.synthesizers.forest import BLOCK, GRID, UNSPLIT, Forest


def forest(**changes: Any) -> Forest:
    """Two trees for one group: the first asks predictor 1 up to bin 4, the second is a leaf."""
    parts: dict[str, Any] = {
        "groups": 1, "trees": 2, "classes": 2,
        "feature": np.array([1, 0, 0, 0], np.int16),
        "cut": np.array([4, UNSPLIT, UNSPLIT, UNSPLIT], np.uint8),
        "child": np.array([2, 1, 2, 3], np.int32),
        "leaf": np.array([0, 0, 1, 2], np.int32),
        "cumulative": np.array([[GRID // 2], [GRID], [0]], np.uint16),
        "depth": 1,
    }  # fmt: skip
    return Forest(**{**parts, **changes})


def test_probability_is_the_mean_over_trees() -> None:
    bins = np.array([[0, 4], [0, 5]], np.uint8)
    for chosen, wanted in ((0, [0.75, 0.25]), (1, [0.25, 0.75])):
        found = forest().probability(np.zeros(2, np.int64), bins, np.full(2, chosen))
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_draws_follow_the_probability_over_many_blocks() -> None:
    n = 3 * BLOCK + 17
    bins = np.zeros((n, 2), np.uint8)
    bins[n // 2 :, 1] = 9
    drawn = forest().draw(np.zeros(n, np.int64), bins, np.random.default_rng(0))
    # 5 standard errors: one run in a million fails
    assert abs(np.mean(drawn[: n // 2] == 0) - 0.75) < 0.02
    assert abs(np.mean(drawn[n // 2 :] == 0) - 0.25) < 0.02


def test_a_class_of_share_nothing_is_never_drawn_and_one_of_all_always() -> None:
    sure = forest(cumulative=np.array([[GRID], [GRID], [GRID]], np.uint16))
    drawn = sure.draw(np.zeros(200_000, np.int64), np.zeros((200_000, 2), np.uint8),
                      np.random.default_rng(0))  # fmt: skip
    assert not drawn.any()


def test_state_brings_a_forest_back() -> None:
    sizes, arrays = forest().state()
    back = Forest.restore(sizes, arrays, 2)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, back.state()[1][name])


@pytest.mark.parametrize(
    "changes",
    [
        {"child": np.array([0, 1, 0, 3], np.int32)},
        {"child": np.array([3, 1, 2, 3], np.int32)},
        {"child": np.array([-1, 1, 2, 3], np.int32)},
        {"feature": np.array([2, 0, 0, 0], np.int16)},
        {"feature": np.array([-1, 0, 0, 0], np.int16)},
        {"cut": np.array([4, 3, UNSPLIT, UNSPLIT], np.uint8)},
        {"leaf": np.array([0, 0, 1, 3], np.int32)},
        {"leaf": np.array([0, 0, 1, -1], np.int32)},
        {"depth": 5},
        {"depth": -1},
        {"classes": 3},
        {"classes": 0},
        {"trees": 5},
        {"trees": 0},
        {"leaf": np.array([0, 0, 1, 2], np.int64)},
        {"cut": np.array([4, UNSPLIT, UNSPLIT], np.uint8)},
    ],
)
def test_what_is_not_a_forest_is_refused(changes: dict[str, Any]) -> None:
    sizes, arrays = forest(**changes).state()
    with pytest.raises(ValueError, match="expected"):
        Forest.restore(sizes, arrays, 2)


def test_shares_that_fall_are_refused() -> None:
    falling = forest(classes=3, cumulative=np.array([[9, 8], [0, 9], [0, 0]], np.uint16))
    sizes, arrays = falling.state()
    with pytest.raises(ValueError, match="add up"):
        Forest.restore(sizes, arrays, 2)
