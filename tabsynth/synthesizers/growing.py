"""Growing honest trees: one part of the records chooses the splits, another fills the leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.synthesizers.forest import GRID, Forest

MAX_DEPTH: Final = 40
FEWEST_BINS: Final = 8
SMOOTHING: Final = 8.0
LEAST_GAIN: Final = 0.5
HISTOGRAM: Final = 1 << 22
CELLS_PER_RECORD: Final = 64


@dataclass(frozen=True)
class Task:
    """Records whose class is to be predicted.

    Args:
        group: shape (records,), each group has trees of its own.
        groups: how many there are.
        chosen: shape (records,), classes 0..K-1.
        classes: K.
        predictors: shape (predictors, records), bins 0..`bins` - 1.
        bins: a power of 2, at most 256.
    """

    group: NDArray[np.int64]
    groups: int
    chosen: NDArray[np.int64]
    classes: int
    predictors: NDArray[np.uint8]
    bins: int


@dataclass
class _Part:
    """Records on their way down: which, in which node, of which class."""

    record: NDArray[np.int32]
    node: NDArray[np.int64]
    chosen: NDArray[np.int64]

    def counts(self, nodes: int, classes: int) -> NDArray[np.int64]:
        key = self.node * classes + self.chosen
        return np.bincount(key, minlength=nodes * classes).reshape(nodes, classes)

    def follow(self, right: NDArray[np.bool_], split: NDArray[np.int64]) -> _Part:
        """Those in nodes that split, in their children; `split` numbers these, -1 elsewhere."""
        place = split[self.node]
        go = np.flatnonzero(place >= 0)
        return _Part(self.record[go], 2 * place[go] + right[go], self.chosen[go])


def grow(task: Task, *, trees: int, leaf: int, rng: np.random.Generator) -> Forest:
    """Grow trees level by level, all of them at once.

    For each tree the records are dealt out at random: one half chooses the splits by the gain in
    log-likelihood of the classes, the other half fills the leaves, so that no record sits in a leaf
    because of its own class. A leaf's shares lean on its ancestors' as on `SMOOTHING` records.

    Args:
        task: what to learn.
        trees: how many.
        leaf: fewest records that fill a leaf; half as many choose a split.
        rng: the only source of randomness.

    Source: histogram trees by level as in Chen and Guestrin (2016), doi:10.1145/2939672.2939785;
        honest leaves, Athey and Imbens (2016), doi:10.1073/pnas.1510489113; shares by back-off,
        MacKay and Peto (1995), doi:10.1017/S1351324900000218.
    """
    choosing, filling = _deal(task, trees, rng)
    nodes, first = trees * task.groups, 0
    shares = _root_shares(task, filling, trees, leaf)
    features, cuts, children, leaves = [], [], [], [shares]
    for _ in range(MAX_DEPTH if len(task.predictors) else 0):
        feature, cut, gain = _best_splits(task, choosing, nodes, max(leaf // 2, 1))
        right = task.predictors[feature[filling.node], filling.record] > cut[filling.node]
        sides = np.bincount(2 * filling.node + right, minlength=2 * nodes).reshape(nodes, 2)
        splits = (gain > 0) & (sides >= leaf).all(axis=1)
        number = np.where(splits, np.cumsum(splits) - 1, -1)
        own = np.arange(first, first + nodes)
        features.append(np.where(splits, feature, 0))
        cuts.append(np.where(splits, cut, 255))
        children.append(np.where(splits, first + nodes + 2 * number, own))
        if not splits.any():
            break
        filling = filling.follow(right, number)
        right = task.predictors[feature[choosing.node], choosing.record] > cut[choosing.node]
        choosing = choosing.follow(right, number)
        first, nodes = first + nodes, 2 * int(splits.sum())
        counts = filling.counts(nodes, task.classes)
        above = np.repeat(shares[splits], 2, axis=0)
        shares = (counts + SMOOTHING * above) / (counts.sum(axis=1, keepdims=True) + SMOOTHING)
        leaves.append(shares)
    else:
        features.append(np.zeros(nodes)), cuts.append(np.full(nodes, 255))
        children.append(np.arange(first, first + nodes))
    return _forest(task, trees, (features, cuts, children, leaves))


def _deal(task: Task, trees: int, rng: np.random.Generator) -> tuple[_Part, _Part]:
    """Every tree's two parts; halves of their own, so that nobody can add them up."""
    records = len(task.group)
    masks = rng.random((trees, records), dtype=np.float32) < 0.5
    parts = []
    for mask in (masks, ~masks):
        tree, record = np.nonzero(mask)
        node = tree * task.groups + task.group[record]
        parts.append(_Part(record.astype(np.int32), node, task.chosen[record]))
    return parts[0], parts[1]


def _root_shares(task: Task, filling: _Part, trees: int, leaf: int) -> NDArray[np.float64]:
    """Shares in the roots, shape (trees * groups, classes)."""
    everyone = np.bincount(
        task.group * task.classes + task.chosen, minlength=task.groups * task.classes
    ).reshape(task.groups, task.classes)
    everyone = np.tile(everyone, (trees, 1))
    counts = filling.counts(trees * task.groups, task.classes)
    # a root that too few records fill is filled by all of its group
    few = counts.sum(axis=1) < leaf
    counts[few] = everyone[few]
    live = everyone > 0
    live[~live.any(axis=1), 0] = True
    prior = live / live.sum(axis=1, keepdims=True)
    return np.asarray((counts + prior) / (counts.sum(axis=1, keepdims=True) + 1), np.float64)


def _best_splits(
    task: Task, part: _Part, nodes: int, least: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Per node the predictor, the cut and what they gain beyond what chance would."""
    best = np.full(nodes, -np.inf)
    feature, cut = np.zeros(nodes, np.int64), np.full(nodes, 255)
    width = task.bins
    room = min(max(CELLS_PER_RECORD * len(part.record), FEWEST_BINS), HISTOGRAM)
    while width > FEWEST_BINS and nodes * width * task.classes > room:
        width //= 2
    shift = int(np.log2(task.bins // width))
    score = np.arange(len(part.record) + 1, dtype=np.float64)
    score[1:] *= np.log(score[1:])
    total = part.counts(nodes, task.classes).astype(np.int32)
    size = total.sum(axis=1)
    alone = score[total].sum(axis=1) - score[size]
    base = part.node * (width * task.classes) + part.chosen
    for f, bins in enumerate(task.predictors):
        key = base + (bins[part.record] >> shift).astype(np.int64) * task.classes
        cells = np.bincount(key, minlength=nodes * width * task.classes)
        left = np.cumsum(
            cells.astype(np.int32).reshape(nodes, width, task.classes)[:, :-1], axis=1,
            dtype=np.int32,
        )  # fmt: skip
        on_left = left.sum(axis=2)
        node, at = np.nonzero((on_left >= least) & (size[:, None] - on_left >= least))
        if not len(node):
            continue
        one, few = left[node, at], on_left[node, at]
        other, rest = total[node] - one, size[node] - few
        gain = np.full((nodes, width - 1), -np.inf)
        gain[node, at] = (
            score[one].sum(axis=1) - score[few] + score[other].sum(axis=1) - score[rest]
        ) - alone[node]
        top = gain.argmax(axis=1)
        reached = gain[np.arange(nodes), top]
        better = reached > best
        best[better], feature[better] = reached[better], f
        cut[better] = ((top[better] + 1) << shift) - 1
    chance = LEAST_GAIN * (np.count_nonzero(total, axis=1) - 1)
    return feature, cut, best - np.maximum(chance, 1e-9)


def _forest(task: Task, trees: int, levels: tuple[list[NDArray[np.float64]], ...]) -> Forest:
    features, cuts, children, shares = levels
    child = np.concatenate(children).astype(np.int32)
    ends = child == np.arange(len(child))
    kept = np.cumsum(np.concatenate(shares)[ends], axis=1)[:, :-1]
    grid = np.clip(np.rint(kept * GRID), 0, GRID).astype(np.uint16)
    return Forest(
        groups=task.groups,
        trees=trees,
        classes=task.classes,
        feature=np.concatenate(features).astype(np.int16),
        cut=np.concatenate(cuts).astype(np.uint8),
        child=child,
        leaf=np.where(ends, np.cumsum(ends) - 1, 0).astype(np.int32),
        cumulative=grid,
        depth=len(children) - 1,
    )
