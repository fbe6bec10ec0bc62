"""The model of private measurements: a tree of cliques of coarse cells, with finer ones inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import POOLED, Codec, Codes
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.clique_tree import CliqueTree
from tabsynth.synthesizers.histograms import Histograms
from tabsynth.synthesizers.junction import Clique
from tabsynth.synthesizers.margins import require_shares, two_digits
from tabsynth.synthesizers.odds import Odds, log_unrelated
from tabsynth.synthesizers.projection import Floats
from tabsynth.synthesizers.protocol import ModelState
from tabsynth.table import Table

# what is public is never impossible: each cell of a column shares in this part of it evenly
EVEN: Final = 1e-6
# how much of its columns' independent product each table keeps
INDEPENDENT: Final = 1e-7


@dataclass(frozen=True)
class CliqueModel:
    """Cells of columns in coarse groups, and how the groups of different columns go together.

    Args:
        codec: the cells that are emitted.
        groups: per column shape (cells,), the group of each cell, numbered from 0.
        inside: per column shape (cells,), how probable each cell is.
        tree: of the groups.
        rows: about how many records were learnt from, to two digits, from noisy sums.
        words: how the tree was found, in a sentence.
    """

    codec: Codec
    groups: tuple[NDArray[np.int64], ...]
    inside: tuple[Floats, ...]
    tree: CliqueTree
    rows: int
    words: str

    def __post_init__(self) -> None:
        columns = zip(self.codec.columns, self.groups, self.inside, self.tree.sizes, strict=True)
        for column, groups, inside, size in columns:
            require_shares(inside)
            # a column that must hold a value does without its last cell, missing
            if len(groups) not in (column.cells, column.cells - 1) or groups.shape != inside.shape:
                raise ValueError("expected a group and a share for every cell")
            if groups.dtype.kind != "i" or not np.array_equal(np.unique(groups), np.arange(size)):
                raise ValueError("expected a cell in every group")

    @property
    def schema(self) -> TableSchema:
        """The columns that `sample` returns."""
        return self.codec.schema

    @cached_property
    def _within(self) -> tuple[Floats, ...]:
        """Per column shape (cells,), how probable a cell is in its group."""
        return tuple(
            share / np.bincount(groups, share)[groups]
            for groups, share in zip(self.groups, self.inside, strict=True)
        )

    @cached_property
    def _shares(self) -> tuple[Floats, ...]:
        """Per column shape (codec's cells,), how probable each cell is."""
        shares = []
        for column, groups, within, margin in zip(
            self.codec.columns, self.groups, self._within, self.tree.margins, strict=True
        ):
            share = np.zeros(column.cells)
            share[: len(groups)] = margin[groups] * within
            shares.append(share)
        return tuple(shares)

    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        """Draw n records; conditions are met exactly, without rejection or weights."""
        fixed = {} if given is None else self._coded(given)
        wanted = {j: _grouped(self.groups[j], codes) for j, codes in fixed.items()}
        drawn = self.tree.draw(n, rng=rng, given=wanted)
        codes: list[Codes] = []
        for j, group in enumerate(drawn):
            own = self._fine(j, group, rng)
            codes.append(own if j not in fixed else np.where(fixed[j] == POOLED, own, fixed[j]))
        return self.codec.decode(codes, rng, given=given)

    def _fine(self, j: int, group: NDArray[np.int64], rng: np.random.Generator) -> Codes:
        """A cell inside each group, in proportion to its share."""
        groups = self.groups[j]
        order = np.argsort(groups, kind="stable")
        starts = np.searchsorted(groups[order], np.arange(self.tree.sizes[j] + 1))
        running = np.cumsum(np.append(0.0, self._within[j][order]))
        ends = running[starts]
        aim = ends[group] + rng.random(len(group)) * np.diff(ends)[group]
        place = np.searchsorted(running, aim, side="right") - 1
        return np.asarray(order[np.clip(place, starts[group], starts[group + 1] - 1)], np.int64)

    def _coded(self, given: Table) -> dict[int, Codes]:
        return {self.schema.names.index(x): k for x, k in self.codec.encode_given(given).items()}

    def odds(self, n: int, *, given: Table, rng: np.random.Generator) -> Odds:
        """The exact probability of conditions; see `protocol.Conditional`."""
        fixed = self._coded(given)
        joint = self.tree.log_probability(
            {j: _grouped(self.groups[j], codes) for j, codes in fixed.items()}
        )
        joint = joint + log_unrelated(fixed, self._within)
        unrelated = log_unrelated(fixed, self._shares)
        return Odds(joint, unrelated, np.full(len(joint), np.inf))

    def levels(self, column: str) -> list[Any]:
        """The values of a categorical column that the model emits; none where it has numbers."""
        shares = self._shares[self.schema.names.index(column)]
        return self.codec.levels(column, np.flatnonzero(shares))

    def state(self) -> ModelState:
        """What a model file holds of it."""
        settings, arrays = self.codec.state()
        for j, (groups, inside) in enumerate(zip(self.groups, self.inside, strict=True)):
            arrays |= {f"{j}.group": groups, f"{j}.inside": inside}
        arrays |= {f"table.{i}": table for i, table in enumerate(self.tree.tables)}
        return ModelState(
            {
                "columns": settings,
                "cliques": [list(clique) for clique in self.tree.cliques],
                "rows": self.rows,
                "words": self.words,
            },
            arrays,
        )

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> CliqueModel:
        """The model whose `state` this is.

        Raises:
            ValueError: parts that do not fit together.
        """
        settings, arrays = state.settings, state.arrays
        codec = Codec.restore(schema, settings["columns"], arrays)
        columns = range(len(codec.columns))
        groups = tuple(arrays[f"{j}.group"] for j in columns)
        cliques = tuple(tuple(int(j) for j in clique) for clique in settings["cliques"])
        tables = tuple(arrays[f"table.{i}"] for i in range(len(cliques)))
        sizes = tuple(int(g.max(initial=-1)) + 1 for g in groups)
        tree = CliqueTree(sizes, cliques, tables)
        inside = tuple(arrays[f"{j}.inside"] for j in columns)
        return cls(codec, groups, inside, tree, int(settings["rows"]), str(settings["words"]))

    def describe(self) -> list[str]:
        """Sentences about what the model holds."""
        names = self.schema.names
        cliques = "; ".join(", ".join(names[j] for j in c) for c in self.tree.cliques)
        return [
            self.words,
            f"Columns that were measured together: {cliques}.",
            *self.codec.describe(),
        ]


def assemble(
    codec: Codec,
    histograms: Histograms,
    groups: Sequence[NDArray[np.int64]],
    tree: CliqueTree,
    *,
    words: str,
) -> CliqueModel:
    """The model of measured histograms and a tree of their groups."""
    inside = tuple(with_even(kept.counts) for kept in histograms.columns)
    return CliqueModel(
        codec, tuple(groups), inside, tree, two_digits(round(histograms.total)), words
    )


def tree_of_counts(
    sizes: Sequence[int], cliques: Sequence[Clique], counts: Sequence[Floats]
) -> CliqueTree:
    """A tree of expected counts in which nothing public is impossible.

    Each table keeps a ten-millionth of its columns' independent product.

    Args:
        sizes: cells per column.
        cliques: of a tree, in order.
        counts: per clique, at least 0; shape (sizes of its columns).
    """
    margins: dict[int, Floats] = {}
    tables = []
    for clique, table in zip(cliques, counts, strict=True):
        unrelated = np.ones(())
        for axis, j in enumerate(clique):
            others = tuple(a for a in range(len(clique)) if a != axis)
            margins.setdefault(j, with_even(table.sum(axis=others)))
            unrelated = np.multiply.outer(unrelated, margins[j])
        joint = table / table.sum() if table.sum() > 0 else unrelated
        tables.append(np.asarray((1 - INDEPENDENT) * joint + INDEPENDENT * unrelated, np.float64))
    return CliqueTree(tuple(sizes), tuple(cliques), tuple(tables))


def with_even(counts: Floats) -> Floats:
    """Shares of counts of at least 0, of which one millionth is dealt out evenly."""
    total = counts.sum()
    shares = counts / total if total > 0 else np.full(len(counts), 1 / len(counts))
    mixed: Floats = (1 - EVEN) * shares + EVEN / len(counts)
    return mixed


def _grouped(groups: NDArray[np.int64], codes: Codes) -> NDArray[np.int64]:
    # a column that must hold a value cannot be given as missing: POOLED stands for free
    found = np.where(codes == POOLED, POOLED, groups[np.clip(codes, 0, len(groups) - 1)])
    return np.asarray(found, np.int64)
