"""A column as a chain of choices among few classes: coarse groups of cells, then finer ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MAX_CLASSES: Final = 16


@dataclass(frozen=True)
class Stage:
    """One choice: from the group that is known so far to one of its classes.

    Args:
        group: shape (cells,), the group that each cell is in before the choice.
        choice: shape (cells,), the class of the cell within its group; 0 where it is alone.
    """

    group: NDArray[np.int64]
    choice: NDArray[np.int64]

    @property
    def groups(self) -> int:
        """How many groups there are before the choice."""
        return int(self.group.max()) + 1

    @property
    def classes(self) -> int:
        """How many classes the largest group has."""
        return int(self.choice.max()) + 1

    @property
    def open_groups(self) -> NDArray[np.bool_]:
        """Shape (groups,), whether a group leaves anything to choose."""
        return np.bincount(self.group) > 1

    def moves(self, after: NDArray[np.int64]) -> NDArray[np.int64]:
        """Shape (groups, classes): where each choice leads; `after` holds next groups."""
        table = np.zeros((self.groups, self.classes), np.int64)
        table[self.group, self.choice] = after
        return table


def stages(counts: NDArray[np.int64], *, ordered: bool) -> list[Stage]:
    """Split cells into at most 16 groups, these again, until every cell stands alone.

    A cell that makes up a sixteenth of its group has a class of its own; the others share the rest
    in runs of about equal weight, in their own order or, where they have none, by frequency.

    Args:
        counts: shape (cells,), records per cell, none of them 0.
        ordered: whether neighbouring cells belong together.
    """
    order = np.arange(len(counts)) if ordered else np.argsort(-counts, kind="stable")
    group = np.zeros(len(counts), np.int64)
    found = []
    while group.max() + 1 < len(counts):
        choice = np.zeros(len(counts), np.int64)
        for g in np.flatnonzero(np.bincount(group) > 1):
            cells = order[group[order] == g]
            choice[cells] = runs(counts[cells], MAX_CLASSES)
        found.append(Stage(group, choice))
        _, group = np.unique(group * MAX_CLASSES + choice, return_inverse=True)
    return found


def runs(counts: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Put cells, in their order, into at most `most` runs of about equal weight, heavy ones alone.

    Returns:
        Shape (cells,), the run of each cell, from 0 and without gaps; more than one where there
        are several cells.
    """
    if len(counts) <= most:
        return np.arange(len(counts))
    share = np.maximum(counts, 1e-9) / max(counts.sum(), 1e-9)
    heavy = share >= 1 / most
    # every heavy cell may cut the run that it stands in into two
    slots = max(most - 2 * int(heavy.sum()), 1)
    light = np.where(heavy, 0.0, share)
    middle = np.cumsum(light) - light / 2
    slot = np.minimum((middle / light.sum() * slots).astype(np.int64), slots - 1)
    # a run ends where the slot changes, and on both sides of a heavy cell
    ends = (np.diff(slot) > 0) | heavy[1:] | heavy[:-1]
    run = np.append(0, np.cumsum(ends))
    if run[-1] >= most or run[-1] == 0:
        run = np.arange(len(counts)) * most // len(counts)
    return run
