"""Log-odds of classes as sums of symmetric trees: weighing, drawing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

GRID: Final = 2048
NEVER: Final = -(2**15)
UNSPLIT: Final = 255
BLOCK: Final = 8_192

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Forest:
    """For each of several groups of records, what its classes weigh, and trees that add to it.

    All nodes of one level of a tree ask the same question, so a record's leaf is the number that
    its answers spell in binary. Weights are natural logarithms in 2,048ths.

    Args:
        start: shape (groups, K), the weight of every class before any question is asked; NEVER
            where it is not to be drawn.
        first: shape (groups + 1,), group g has the trees from `first[g]` to `first[g + 1]`.
        feature: shape (trees, depth), the predictor that each level asks.
        cut: shape (trees, depth), up to which bin of it the answer is no.
        value: shape (trees, 2 ** depth, K), what each leaf adds.
    """

    start: NDArray[np.int16]
    first: NDArray[np.int32]
    feature: NDArray[np.int16]
    cut: NDArray[np.uint8]
    value: NDArray[np.int16]

    @property
    def groups(self) -> int:
        """How many groups of records."""
        return len(self.start)

    @property
    def classes(self) -> int:
        """K."""
        return int(self.start.shape[1])

    def draw(
        self, group: NDArray[np.int64], predictors: NDArray[np.uint8], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """One class per record.

        Args:
            group: shape (records,).
            predictors: shape (records, predictors), bins.
            rng: the only source of randomness.
        """
        chance = rng.random(len(group), dtype=np.float32)
        drawn = np.empty(len(group), np.int64)
        for rows, weights in self._weights(group, predictors):
            # many times faster than a cumulative sum over the first axis
            for below, here in pairwise(weights):
                np.add(below, here, out=here)
            aim = chance[rows] * weights[-1]
            drawn[rows] = np.count_nonzero(weights[:-1] <= aim, axis=0)
        # rounding may lead beyond the last class that is ever drawn
        return np.minimum(drawn, self._last[group])

    def probability(
        self, group: NDArray[np.int64], predictors: NDArray[np.uint8], chosen: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """How probable the chosen class of each record is, shape (records,)."""
        share = np.empty(len(group))
        for rows, weights in self._weights(group, predictors):
            own = weights[chosen[rows], np.arange(len(rows))]
            share[rows] = own / weights.sum(axis=0, dtype=np.float64)
        return share

    @cached_property
    def _start(self) -> Floats:
        logs = self.start.astype(np.float32) / GRID
        return np.where(self.start == NEVER, -np.inf, logs).astype(np.float32)

    @cached_property
    def _value(self) -> Floats:
        return self.value.astype(np.float32) / np.float32(GRID)

    @cached_property
    def _last(self) -> NDArray[np.int64]:
        drawn = self.start != NEVER
        last: NDArray[np.int64] = self.classes - 1 - np.argmax(drawn[:, ::-1], axis=1)
        return last

    def _weights(
        self, group: NDArray[np.int64], predictors: NDArray[np.uint8]
    ) -> Iterator[tuple[NDArray[np.intp], Floats]]:
        """Rows, and what their classes weigh, shape (K, rows); block by block to stay in cache."""
        order = np.argsort(group, kind="stable") if self.groups > 1 else np.arange(len(group))
        plain = self.first[1:] == self.first[:-1]
        if plain.any():
            rows, known = order[plain[group[order]]], np.exp(self._start.T)
            for start in range(0, len(rows), BLOCK):
                block = rows[start : start + BLOCK]
                yield block, known.take(group[block], axis=1)
        ends = np.searchsorted(group[order], np.arange(self.groups + 1))
        for g in np.flatnonzero(~plain):
            trees = range(self.first[g], self.first[g + 1])
            twice = self._in_twos(trees)
            for start in range(ends[g], ends[g + 1], BLOCK):
                block = order[start : min(start + BLOCK, ends[g + 1])]
                yield block, self._of_group(self._start[g], trees, twice, predictors[block])

    def _in_twos(self, trees: range) -> Floats:
        """What a leaf of a tree and one of the next add, shape (pairs, leaves * leaves, K).

        All are multiples of a 2,048th; so sums below 8,192 are exact, in any order.
        """
        value = self._value[trees.start : trees.stop]
        if len(trees) % 2:
            value = np.concatenate([value, np.zeros_like(value[:1])])
        both = value[0::2, :, None] + value[1::2, None, :]
        return both.reshape(len(both), -1, self.classes)

    def _of_group(
        self, first: Floats, trees: range, twice: Floats, predictors: NDArray[np.uint8]
    ) -> Floats:
        total = np.repeat(first[None], len(predictors), axis=0)
        columns = np.ascontiguousarray(predictors.T)
        leaf = np.zeros((2 * len(twice), len(predictors)), np.uint8)
        for level in range(self.feature.shape[1]):
            asked = columns[self.feature[trees.start : trees.stop, level]]
            leaf <<= 1
            leaf[: len(trees)] |= asked > self.cut[trees.start : trees.stop, level, None]
        place = (leaf[0::2].astype(np.intp) << self.feature.shape[1]) | leaf[1::2]
        added = np.empty_like(total)
        for both, fallen in zip(twice, place, strict=True):
            total += both.take(fallen, axis=0, out=added, mode="clip")
        # sums over classes are many times faster with records side by side
        turned = np.ascontiguousarray(total.T)
        turned -= turned.max(axis=0)
        return np.exp(turned, out=turned)

    def state(self) -> tuple[list[int], dict[str, NDArray[Any]]]:
        """Sizes, and arrays."""
        sizes = [*self.value.shape, self.groups]
        arrays: dict[str, NDArray[Any]] = {
            "start": self.start, "first": self.first, "feature": self.feature, "cut": self.cut,
            "value": self.value,
        }  # fmt: skip
        return sizes, arrays

    @classmethod
    def restore(cls, sizes: list[int], arrays: dict[str, NDArray[Any]], predictors: int) -> Forest:
        """The forest that `state` describes.

        Raises:
            ValueError: parts that do not fit together.
        """
        trees, leaves, classes, groups = (int(size) for size in sizes)
        depth = max(leaves, 1).bit_length() - 1
        wanted = {
            "start": (np.int16, (groups, classes)), "first": (np.int32, (groups + 1,)),
            "feature": (np.int16, (trees, depth)), "cut": (np.uint8, (trees, depth)),
            "value": (np.int16, (trees, leaves, classes)),
        }  # fmt: skip
        if min(groups, classes) < 1 or leaves != 1 << depth:
            raise ValueError("expected at least one group, one class and whole trees")
        for name, (kind, shape) in wanted.items():
            if arrays[name].dtype != kind or arrays[name].shape != shape:
                raise ValueError("expected trees in their own types and sizes")
        found = cls(**{name: arrays[name] for name in wanted})
        if np.all(found.start == NEVER, axis=1).any():
            raise ValueError("expected a class to draw in every group")
        if found.first[0] or found.first[-1] != trees or np.any(np.diff(found.first) < 0):
            raise ValueError("expected every tree in one group")
        if trees and depth and not 0 <= found.feature.min() <= found.feature.max() < predictors:
            raise ValueError("expected a predictor for every question")
        return found


def leaf_of(
    columns: NDArray[np.uint8], feature: NDArray[np.int16], cut: NDArray[np.uint8]
) -> NDArray[np.intp]:
    """The leaf of a symmetric tree that each record falls in, shape (records,).

    Args:
        columns: shape (predictors, records), bins.
        feature: shape (depth,).
        cut: shape (depth,).
    """
    leaf = np.zeros(columns.shape[1], np.uint8)
    for f, c in zip(feature, cut, strict=True):
        leaf <<= 1
        leaf |= columns[f] > c
    return leaf.astype(np.intp)
