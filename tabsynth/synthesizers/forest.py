"""Trees whose leaves hold shares of classes: walking down them, drawing, weighing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

GRID: Final = (1 << 16) - 1
UNSPLIT: Final = 255
BLOCK: Final = 8_192


@dataclass(frozen=True)
class Forest:
    """Several trees for each of several groups of records, and the classes in their leaves.

    The root of tree t for group g is node t * groups + g. A node's children stand side by side,
    behind it. A leaf is its own child.

    Args:
        groups: groups of records, each with trees of its own.
        trees: trees per group; they count alike.
        classes: K.
        feature: shape (nodes,), the predictor that is asked.
        cut: shape (nodes,), up to which bin of it the way goes left.
        child: shape (nodes,), the left child.
        leaf: shape (nodes,), row of `cumulative`; 0 for inner nodes.
        cumulative: shape (leaves, K - 1), shares of the classes up to each but the last, in
            65,535ths.
        depth: steps from a root to the furthest leaf.
    """

    groups: int
    trees: int
    classes: int
    feature: NDArray[np.int16]
    cut: NDArray[np.uint8]
    child: NDArray[np.int32]
    leaf: NDArray[np.int32]
    cumulative: NDArray[np.uint16]
    depth: int

    def draw(
        self, group: NDArray[np.int64], predictors: NDArray[np.uint8], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """One class per record, each from a tree picked at random.

        Args:
            group: shape (records,).
            predictors: shape (records, predictors), bins.
            rng: the only source of randomness.
        """
        tree = rng.integers(0, self.trees, len(group))
        leaves = self._leaves(tree * self.groups + group, predictors)
        chance = rng.integers(0, GRID, len(group), dtype=np.uint16)
        drawn: NDArray[np.int64] = (self.cumulative[leaves] <= chance[:, None]).sum(axis=1)
        return drawn

    def probability(
        self, group: NDArray[np.int64], predictors: NDArray[np.uint8], chosen: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """How probable the chosen class of each record is, shape (records,)."""
        total = np.zeros(len(group), np.int64)
        for tree in range(self.trees):
            leaves = self._leaves(tree * self.groups + group, predictors)
            total += self._weight(leaves, chosen)
        share: NDArray[np.float64] = total / (GRID * self.trees)
        return share

    def _weight(self, leaves: NDArray[np.int32], chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        last = self.classes - 1
        if not last:
            return np.full(len(leaves), GRID)
        rows = self.cumulative[leaves]
        at = np.arange(len(leaves))
        upper = np.where(chosen < last, rows[at, np.minimum(chosen, last - 1)], GRID)
        lower = np.where(chosen > 0, rows[at, np.maximum(chosen - 1, 0)], 0)
        return upper.astype(np.int64) - lower.astype(np.int64)

    def _leaves(self, root: NDArray[np.int64], predictors: NDArray[np.uint8]) -> NDArray[np.int32]:
        """The row of `cumulative` that each record ends in, a block at a time to stay in cache."""
        if not self.depth:
            return self.leaf[root]
        width = predictors.shape[1]
        asked = self.feature.astype(np.int32)
        found = np.empty(len(root), np.int32)
        for start in range(0, len(root), BLOCK):
            node = root[start : start + BLOCK].astype(np.int32)
            bins = predictors[start : start + BLOCK].reshape(-1)
            place = np.arange(len(node), dtype=np.int32) * np.int32(width)
            for _ in range(self.depth):
                right = bins[place + asked[node]] > self.cut[node]
                node = self.child[node] + right
            found[start : start + BLOCK] = self.leaf[node]
        return found

    def state(self) -> tuple[list[int], dict[str, NDArray[Any]]]:
        """Sizes, and arrays."""
        sizes = [self.groups, self.trees, self.classes, len(self.feature), len(self.cumulative),
                 self.depth]  # fmt: skip
        arrays: dict[str, NDArray[Any]] = {
            "feature": self.feature, "cut": self.cut, "child": self.child, "leaf": self.leaf,
            "cumulative": self.cumulative,
        }  # fmt: skip
        return sizes, arrays

    @classmethod
    def restore(cls, sizes: list[int], arrays: dict[str, NDArray[Any]], predictors: int) -> Forest:
        """The forest that `state` describes.

        Raises:
            ValueError: parts that do not fit together.
        """
        groups, trees, classes, nodes, leaves, depth = (int(size) for size in sizes)
        types = {"feature": np.int16, "cut": np.uint8, "child": np.int32, "leaf": np.int32,
                 "cumulative": np.uint16}  # fmt: skip
        if any(arrays[name].dtype != kind for name, kind in types.items()):
            raise ValueError("expected trees in their own types")
        table = arrays["cumulative"]
        if table.shape != (leaves, classes - 1):
            raise ValueError("expected shares of the classes for every leaf")
        forest = cls(groups, trees, classes, arrays["feature"], arrays["cut"], arrays["child"],
                     arrays["leaf"], table, depth)  # fmt: skip
        forest.check(nodes, predictors)
        return forest

    def check(self, nodes: int, predictors: int) -> None:
        """Refuse what is not a forest.

        Raises:
            ValueError: a child that is not behind its parent, a predictor or leaf that is not
                there, shares that fall, or a depth that no walk needs.
        """
        here = np.arange(nodes)
        parts = (self.feature, self.cut, self.child, self.leaf)
        if min(self.groups, self.trees, self.classes) < 1 or any(
            p.shape != (nodes,) for p in parts
        ):
            raise ValueError("expected trees with a root for every group")
        inner = self.child != here
        if nodes < self.groups * self.trees or not 0 <= self.depth <= nodes:
            raise ValueError("expected trees with a root for every group")
        if np.any(self.child[inner] <= here[inner]) or np.any(self.child[inner] >= nodes - 1):
            raise ValueError("expected children behind their parents")
        if inner.any() and not 0 <= self.feature.min() <= self.feature.max() < predictors:
            raise ValueError("expected a predictor for every split")
        if np.any(self.cut[~inner] != UNSPLIT):
            raise ValueError("expected leaves that end the walk")
        if self.leaf.min() < 0 or self.leaf.max() >= len(self.cumulative):
            raise ValueError("expected shares for every leaf")
        if np.any(np.diff(self.cumulative.astype(np.int32), axis=1) < 0):
            raise ValueError("expected shares that add up")
