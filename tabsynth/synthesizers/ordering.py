"""In which order a chain draws its columns, by cheap held-out likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

RECORDS: Final = 6_000
WIDEST: Final = 64
LEAF: Final = 15
SMOOTHING: Final = 10.0


def order_of_columns(
    classes: Sequence[NDArray[np.int64]], cells: Sequence[int], rng: np.random.Generator
) -> list[int]:
    """The order, of two, under which held-out records are more likely.

    Tried are the table's own and many cells first; few cells first came closer to training records
    where it was tried (`docs/architecture.md`). For each column one small tree is grown on those
    before it, on half of at most 6,000 records; the other half is scored. Tables of more than 64
    columns keep their own order.

    Args:
        classes: per column, shape (records,), few classes.
        cells: per column, how many cells it has.
        rng: picks the records.
    """
    d, records = len(classes), len(classes[0])
    own = list(range(d))
    if not 2 < d <= WIDEST or records < 4 * LEAF:
        return own
    picked = rng.permutation(records)[:RECORDS]
    table = np.column_stack([c[picked] for c in classes]).astype(np.float32)
    many_first = sorted(own, key=lambda j: -cells[j])
    return max((own, many_first), key=lambda order: _likelihood(table, order))


def behind_their_sources(order: Sequence[int], sources: Mapping[int, int]) -> list[int]:
    """The order with every column behind the one that fixes it, others where they were.

    Args:
        order: the columns.
        sources: by column, the one that fixes it; in no circle.
    """
    placed: list[int] = []
    waiting: list[int] = []

    def place(column: int) -> None:
        placed.append(column)
        for other in [w for w in waiting if sources[w] == column]:
            waiting.remove(other)
            place(other)

    for column in order:
        if column in sources and sources[column] not in placed:
            waiting.append(column)
        else:
            place(column)
    return placed


def _likelihood(table: NDArray[np.float32], order: Sequence[int]) -> float:
    """Mean log-likelihood of the second half's records."""
    return sum(_conditional(table, j, order[:place]) for place, j in enumerate(order))


def _conditional(table: NDArray[np.float32], column: int, before: Sequence[int]) -> float:
    from sklearn.tree import DecisionTreeClassifier

    half = len(table) // 2
    chosen = table[:, column].astype(np.int64)
    k = int(chosen.max()) + 1
    margin = np.bincount(chosen[:half], minlength=k) + 1.0
    margin /= margin.sum()
    if not before or k == 1:
        return float(np.log(margin[chosen[half:]]).mean())
    known = np.ascontiguousarray(table[:, list(before)])
    tree = DecisionTreeClassifier(
        criterion="log_loss", min_samples_leaf=LEAF, random_state=0,
        min_impurity_decrease=0.5 * (k - 1) / (half * np.log(2)),
    ).fit(known[:half], chosen[:half], check_input=False)  # fmt: skip
    leaf = tree.apply(known, check_input=False)
    counts = np.zeros((int(leaf.max()) + 1, k))
    np.add.at(counts, (leaf[:half], chosen[:half]), 1)
    shares = (counts + SMOOTHING * margin) / (counts.sum(axis=1, keepdims=True) + SMOOTHING)
    return float(np.log(shares[leaf[half:], chosen[half:]]).mean())
