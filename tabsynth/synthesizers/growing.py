"""Growing honest trees: some records choose the splits, the others fill the leaves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.tree import DecisionTreeClassifier

from tabsynth.synthesizers.forest import GRID, UNSPLIT, Forest

MAX_DEPTH: Final = 40
CHOOSING: Final = 0.3
FEWEST_FILLING: Final = 5
MOST_CHOOSING: Final = 100_000
SMOOTHING: Final = 8.0
LEAST_GAIN: Final = 0.5


@dataclass(frozen=True)
class Task:
    """Records whose class is to be predicted.

    Args:
        group: shape (records,), each group has trees of its own.
        groups: how many there are.
        chosen: shape (records,), classes 0..K-1.
        classes: K.
        predictors: shape (records, predictors), bins 0..254.
    """

    group: NDArray[np.int64]
    groups: int
    chosen: NDArray[np.int64]
    classes: int
    predictors: NDArray[np.float32]


@dataclass(frozen=True)
class _Tree:
    """One tree level by level: children stand side by side, behind their parent.

    Args:
        feature: shape (nodes,), the predictor that is asked.
        cut: shape (nodes,), up to which bin the way goes left.
        child: shape (nodes,), the left child; a leaf is its own.
        shares: shape (nodes, K), of the classes.
        depth: steps from the root to the furthest leaf.
    """

    feature: NDArray[np.int64]
    cut: NDArray[np.int64]
    child: NDArray[np.int64]
    shares: NDArray[np.float64]
    depth: int


@dataclass(frozen=True)
class _Splits:
    """A tree as scikit-learn grows it: children come after their parents, -1 in leaves.

    Args:
        left: shape (nodes,).
        right: shape (nodes,).
        feature: shape (nodes,).
        cut: shape (nodes,).
        leaf: shape (filling records,), the leaf that each falls in.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    feature: NDArray[np.int64]
    cut: NDArray[np.float64]
    leaf: NDArray[np.int64]


def grow(task: Task, *, trees: int, leaf: int, rng: np.random.Generator) -> Forest:
    """Grow trees for every group.

    For each tree the records are dealt out anew: three in ten (at most 100,000) chooses the splits
    by the gain in log-likelihood of the classes, the others fill the leaves, so that no record sits
    in a leaf because of its own class. A split stays only where both sides are filled by `leaf`
    records. A node's shares lean on its parent's as on 8 records.

    Args:
        task: what to learn.
        trees: how many.
        leaf: fewest records that fill a leaf.
        rng: the only source of randomness.

    Source: Breiman, Friedman, Olshen and Stone (1984), Classification and Regression Trees; honest
        leaves, Athey and Imbens (2016), doi:10.1073/pnas.1510489113; shares by back-off, MacKay and
        Peto (1995), doi:10.1017/S1351324900000218.
    """
    order = np.argsort(task.group, kind="stable")
    ends = np.searchsorted(task.group[order], np.arange(task.groups + 1))
    parts = [order[a:b] for a, b in pairwise(ends)]
    seeds = rng.integers(0, 2**31, (task.groups, trees))
    grown: list[list[_Tree]] = []
    # its checks of parameters take longer than a small tree
    with config_context(skip_parameter_validation=True):
        for part, own in zip(parts, seeds, strict=True):
            predictors, chosen = task.predictors[part], task.chosen[part]
            grown.append(
                [_tree(predictors, chosen, task.classes, leaf=leaf, seed=int(s)) for s in own]
            )
    return _forest([group[t] for t in range(trees) for group in grown], task, trees)


def _tree(
    predictors: NDArray[np.float32],
    chosen: NDArray[np.int64],
    classes: int,
    *,
    leaf: int,
    seed: int,
) -> _Tree:
    present = np.bincount(chosen, minlength=classes) > 0
    present[0] |= not len(chosen)
    rng = np.random.default_rng(seed)
    chance = min(CHOOSING, MOST_CHOOSING / max(len(chosen), 1))
    drawn = rng.random(len(chosen), dtype=np.float32) < chance
    choosing, filling = np.flatnonzero(drawn), np.flatnonzero(~drawn)
    if len(filling) < FEWEST_FILLING:
        choosing, filling = choosing[:0], np.arange(len(chosen))
    least = max(round(leaf * chance), 1)
    # with hardly more records than classes there is nothing to learn
    hopeless = len(choosing) < max(2 * least, 3 * present.sum()) or len(filling) < 2 * leaf
    if hopeless or present.sum() == 1 or not predictors.shape[1]:
        return _honest(_unsplit(len(filling)), chosen[filling], present, leaf)
    tree = DecisionTreeClassifier(
        criterion="log_loss",
        max_depth=MAX_DEPTH,
        min_samples_leaf=least,
        # scikit-learn counts a gain in bits per choosing record
        min_impurity_decrease=LEAST_GAIN * (present.sum() - 1) / (len(choosing) * np.log(2)),
        random_state=int(rng.integers(2**31)),
    ).fit(predictors[choosing], chosen[choosing], check_input=False)
    grown = tree.tree_
    splits = _Splits(grown.children_left, grown.children_right, grown.feature, grown.threshold,
                     tree.apply(predictors[filling], check_input=False))  # fmt: skip
    return _honest(splits, chosen[filling], present, leaf)


def _unsplit(records: int) -> _Splits:
    none = np.full(1, -1)
    return _Splits(none, none, none, none.astype(np.float64), np.zeros(records, np.int64))


def _honest(
    splits: _Splits, chosen: NDArray[np.int64], present: NDArray[np.bool_], leaf: int
) -> _Tree:
    """The splits both sides of which are filled, and the shares of the filling records."""
    nodes, classes = len(splits.left), len(present)
    key = splits.leaf * classes + chosen
    counts = np.bincount(key, minlength=nodes * classes).reshape(nodes, classes).astype(np.float64)
    for node in np.flatnonzero(splits.left >= 0)[::-1]:
        counts[node] = counts[splits.left[node]] + counts[splits.right[node]]
    size = counts.sum(axis=1, keepdims=True)
    level, first = np.zeros(1, np.int64), 0
    shares = (counts[level] + present / present.sum()) / (size[level] + 1)
    rows: list[tuple[NDArray[np.int64], ...]] = []
    every = []
    while True:
        left, right = splits.left[level], splits.right[level]
        kept = (left >= 0) & (size[left, 0] >= leaf) & (size[right, 0] >= leaf)
        below = first + len(level)
        child = np.where(kept, below + 2 * (np.cumsum(kept) - 1), np.arange(first, below))
        cut = np.where(kept, np.floor(splits.cut[level]), UNSPLIT).astype(np.int64)
        rows.append((np.where(kept, splits.feature[level], 0), cut, child))
        every.append(shares)
        if not kept.any():
            break
        level, first = np.column_stack([left[kept], right[kept]]).ravel(), below
        above = np.repeat(shares[kept], 2, axis=0)
        shares = (counts[level] + SMOOTHING * above) / (size[level] + SMOOTHING)
    feature, cut, child = (np.concatenate(column) for column in zip(*rows, strict=True))
    return _Tree(feature, cut, child, np.concatenate(every), len(rows) - 1)


def _forest(grown: list[_Tree], task: Task, trees: int) -> Forest:
    """Trees as one: all roots first, then what is below them."""
    below = np.array([len(tree.child) - 1 for tree in grown])
    start = len(grown) + np.cumsum(below) - below
    total = len(grown) + int(below.sum())
    feature, cut = np.zeros(total, np.int16), np.zeros(total, np.uint8)
    child, shares = np.zeros(total, np.int32), np.zeros((total, task.classes))
    for root, tree in enumerate(grown):
        place = np.append(root, start[root] + np.arange(below[root]))
        feature[place], cut[place] = tree.feature, tree.cut
        child[place], shares[place] = place[tree.child], tree.shares
    ends = child == np.arange(total)
    kept = np.cumsum(shares[ends], axis=1)[:, :-1]
    return Forest(
        groups=task.groups,
        trees=trees,
        classes=task.classes,
        feature=feature,
        cut=cut,
        child=child,
        leaf=np.where(ends, np.cumsum(ends) - 1, 0).astype(np.int32),
        cumulative=np.clip(np.rint(kept * GRID), 0, GRID).astype(np.uint16),
        depth=max(tree.depth for tree in grown),
    )
