"""The order of a chain's columns."""

from __future__ import annotations

import numpy as np

from tabsynth.synthesizers.ordering import (
    RECORDS,
    _likelihood,
    behind_their_sources,
    order_of_columns,
)


def pick(classes: list[np.ndarray], cells: list[int]) -> list[int]:
    return order_of_columns(classes, cells, np.random.default_rng(0))


def test_no_tried_order_makes_held_out_records_more_likely() -> None:
    rng = np.random.default_rng(1)
    number = rng.integers(0, 16, 5000)
    flag = (number + rng.normal(0, 3, 5000) > 8).astype(np.int64)
    word = (number // 4 + 4 * flag) % 5
    classes, cells = [flag, number, word], [3, 17, 6]
    found = pick(classes, cells)
    shuffled = np.column_stack(classes)[np.random.default_rng(0).permutation(5000)]
    table = shuffled[:RECORDS].astype(np.float32)
    tried = {order: _likelihood(table, order) for order in ((0, 1, 2), (1, 2, 0))}
    assert tried[tuple(found)] == max(tried.values())
    assert len(set(tried.values())) == 2


def test_a_few_or_many_columns_or_few_records_keep_the_tables_order() -> None:
    rng = np.random.default_rng(2)
    assert pick([rng.integers(0, 3, 500) for _ in range(2)], [9, 2]) == [0, 1]
    assert pick([rng.integers(0, 3, 500) for _ in range(65)], list(range(65))) == list(range(65))
    assert pick([rng.integers(0, 3, 12) for _ in range(4)], [4, 3, 2, 1]) == [0, 1, 2, 3]


def test_it_is_an_order_of_all_columns_also_where_one_is_constant() -> None:
    rng = np.random.default_rng(3)
    classes = [np.zeros(RECORDS + 5, np.int64), *(rng.integers(0, 4, RECORDS + 5) for _ in "abc")]
    assert sorted(pick(classes, [1, 5, 5, 5])) == [0, 1, 2, 3]


def test_a_column_stands_behind_the_one_that_fixes_it() -> None:
    assert behind_their_sources([0, 1, 2, 3], {}) == [0, 1, 2, 3]
    assert behind_their_sources([0, 1, 2, 3], {0: 2}) == [1, 2, 0, 3]
    # one fixes another that fixes a third
    assert behind_their_sources([0, 1, 2, 3], {0: 1, 1: 3}) == [2, 3, 1, 0]
    # a source that waits itself
    assert behind_their_sources([0, 1, 2, 3], {0: 2, 1: 0}) == [2, 0, 1, 3]
