"""One link of a chain: a column, what it is drawn from, and how it is learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import POOLED, Codes
from tabsynth.synthesizers.forest import Forest
from tabsynth.synthesizers.growing import Task, grow
from tabsynth.synthesizers.predictors import BINS, binned, dependence, ranks
from tabsynth.synthesizers.stages import MAX_CLASSES, Stage, stages

Seen = Mapping[int, NDArray[np.uint8]]


@dataclass(frozen=True)
class Step:
    """One stage of a column, and the forest that makes its choice.

    Args:
        stage: the groups and choices of cells.
        forest: one group of trees for each group of the stage.
        columns: the predictors, by column.
        ranks: per predictor, an order of its bins, or None where they have one.
    """

    stage: Stage
    forest: Forest
    columns: tuple[int, ...]
    ranks: tuple[NDArray[np.uint8] | None, ...]

    def predictors(self, n: int, seen: Seen) -> NDArray[np.uint8]:
        """Shape (predictors, records)."""
        table = np.empty((len(self.columns), n), np.uint8)
        for row, (column, rank) in enumerate(zip(self.columns, self.ranks, strict=True)):
            table[row] = seen[column] if rank is None else rank[seen[column]]
        return table


@dataclass(frozen=True)
class Link:
    """A column: drawn in steps from those before it, or read off one of them.

    Args:
        column: its position in the table.
        live: shape (live cells,), the cells that are ever drawn.
        steps: from coarse to fine; none where a single cell is live or `source` is given.
        source: the earlier column that fixes it.
        table: shape (source's cells,), the live cell that each cell of `source` means.
    """

    column: int
    live: NDArray[np.int64]
    steps: tuple[Step, ...] = ()
    source: int | None = None
    table: NDArray[np.int64] | None = None

    def draw(self, n: int, drawn: Sequence[Codes], seen: Seen, rng: np.random.Generator) -> Codes:
        """Cells of n records.

        Args:
            n: how many.
            drawn: per column, the cells drawn before.
            seen: per column drawn before, its bins.
            rng: the only source of randomness.
        """
        if self.source is not None and self.table is not None:
            copied: Codes = self.live[self.table[drawn[self.source]]]
            return copied
        group = np.zeros(n, np.int64)
        for step, after in zip(self.steps, self._groups_after, strict=False):
            chosen = step.forest.draw(group, step.predictors(n, seen), rng)
            group = step.stage.moves(after)[group, chosen]
        cells: Codes = self.live[group]
        return cells

    def probability(self, cells: Codes, drawn: Sequence[Codes], seen: Seen) -> NDArray[np.float64]:
        """How probable each record's cell is, given what was drawn before; shape (records,)."""
        place = np.searchsorted(self.live, cells)
        place = np.minimum(place, len(self.live) - 1)
        share = (self.live[place] == cells).astype(np.float64)
        if self.source is not None and self.table is not None:
            return share * (self.table[drawn[self.source]] == place)
        for step in self.steps:
            group, chosen = step.stage.group[place], step.stage.choice[place]
            table = step.predictors(len(cells), seen)
            share *= step.forest.probability(group, table, chosen)
        return share

    @property
    def _groups_after(self) -> list[NDArray[np.int64]]:
        return [s.stage.group for s in self.steps[1:]] + [np.arange(len(self.live))]

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """JSON settings, and arrays named after the column."""
        name = f"{self.column}"
        settings: dict[str, Any] = {"column": self.column, "source": self.source, "steps": []}
        arrays: dict[str, NDArray[Any]] = {f"{name}.live": self.live.astype(np.int32)}
        if self.table is not None:
            arrays[f"{name}.table"] = self.table.astype(np.int32)
        for s, step in enumerate(self.steps):
            sizes, own = step.forest.state()
            ranked = [r is not None for r in step.ranks]
            settings["steps"].append(
                {"sizes": sizes, "columns": list(step.columns), "ranked": ranked}
            )
            own["group"] = step.stage.group.astype(np.int32)
            own["choice"] = step.stage.choice.astype(np.uint8)
            tables = [r for r in step.ranks if r is not None]
            own["ranks"] = np.concatenate([np.empty(0, np.uint8), *tables])
            arrays |= {f"{name}.{s}.{key}": array for key, array in own.items()}
        return settings, arrays


def restore_link(
    settings: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    cells: Sequence[int],
    before: Sequence[int],
) -> Link:
    """The link that `state` describes.

    Args:
        settings: its settings.
        arrays: all arrays of the model.
        cells: cells per column.
        before: columns that are drawn before it.

    Raises:
        ValueError: parts that do not fit together.
    """
    column, source = int(settings["column"]), settings["source"]
    live = arrays[f"{column}.live"].astype(np.int64)
    if live.ndim != 1 or not len(live) or np.any(np.diff(live) <= 0):
        raise ValueError("expected cells in increasing order")
    if live[0] < 0 or live[-1] >= cells[column]:
        raise ValueError("expected cells of the column")
    if source is not None:
        table = arrays[f"{column}.table"].astype(np.int64)
        if source not in before or table.shape != (cells[source],):
            raise ValueError("expected a cell for every cell of an earlier column")
        if table.min() < 0 or table.max() >= len(live):
            raise ValueError("expected cells that are live")
        return Link(column, live, source=int(source), table=table)
    steps = [
        _restore_step(one, {key.removeprefix(f"{column}.{s}."): array
                            for key, array in arrays.items() if key.startswith(f"{column}.{s}.")},
                      len(live), before)
        for s, one in enumerate(settings["steps"])
    ]  # fmt: skip
    groups = [s.stage.group for s in steps] + [np.arange(len(live))]
    if groups[0].any():
        raise ValueError("expected one group to begin with")
    for step, after in zip(steps, groups[1:], strict=True):
        if np.any(step.stage.moves(after)[step.stage.group, step.stage.choice] != after):
            raise ValueError("expected choices that lead to the next groups")
    return Link(column, live, tuple(steps))


def _restore_step(
    settings: Mapping[str, Any],
    arrays: dict[str, NDArray[Any]],
    live: int,
    before: Sequence[int],
) -> Step:
    columns = tuple(int(c) for c in settings["columns"])
    stage = Stage(arrays["group"].astype(np.int64), arrays["choice"].astype(np.int64))
    if any(a.shape != (live,) or a.min() < 0 for a in (stage.group, stage.choice)):
        raise ValueError("expected a choice for every cell")
    forest = Forest.restore(settings["sizes"], arrays, len(columns))
    if forest.groups != stage.groups or forest.classes != stage.classes:
        raise ValueError("expected trees for every group")
    ranked = settings["ranked"]
    table = arrays["ranks"].reshape(sum(map(bool, ranked)), BINS)
    if table.dtype != np.uint8 or len(ranked) != len(columns) or not set(columns) <= set(before):
        raise ValueError("expected predictors among the columns before")
    rows = iter(table)
    return Step(stage, forest, columns, tuple(next(rows) if r else None for r in ranked))


def learn(
    order: Sequence[int],
    codes: list[Codes],
    bins: list[NDArray[np.uint8]],
    *,
    counts: list[NDArray[np.int64]],
    ordered: Sequence[bool],
    rng: np.random.Generator,
    most: int,
    trees: int,
    leaf: int,
) -> list[Link]:
    """One link per column, in that order.

    Args:
        order: the columns.
        codes: per column, shape (records,).
        bins: per column, the bin of each cell.
        counts: per column, records per cell; cells with none are never drawn.
        ordered: per column, whether its cells have an order.
        rng: the only source of randomness.
        most: predictors per column.
        trees: trees per step.
        leaf: fewest records that fill a leaf.
    """
    seen = [binned(b, k) for b, k in zip(bins, codes, strict=True)]
    strength = dependence(codes, bins) if len(order) > most + 1 else None
    links = []
    for place, (j, own) in enumerate(zip(order, rng.spawn(len(order)), strict=True)):
        live = np.flatnonzero(counts[j])
        number = np.full(len(counts[j]) + 1, -1)
        number[live] = np.arange(len(live))
        cell = np.where(codes[j] == POOLED, -1, number[codes[j]])
        before = list(order[:place])
        fixed = _fixed_by(before, codes, cell, counts=counts, live=len(live))
        if fixed is not None:
            links.append(Link(j, live, source=fixed[0], table=fixed[1]))
            continue
        if strength is not None and len(before) > most:
            before = sorted(before, key=lambda f: -strength[j, f])[:most]
        known = np.flatnonzero(cell >= 0)
        steps = [
            _step(stage, cell, known, before, seen=seen, ordered=ordered, rng=own,
                  trees=trees, leaf=leaf)
            for stage in stages(counts[j][live], ordered=ordered[j])
        ]  # fmt: skip
        links.append(Link(j, live, tuple(steps)))
    return links


def _step(
    stage: Stage,
    cell: NDArray[np.int64],
    known: NDArray[np.intp],
    before: Sequence[int],
    *,
    seen: Sequence[NDArray[np.uint8]],
    ordered: Sequence[bool],
    rng: np.random.Generator,
    trees: int,
    leaf: int,
) -> Step:
    records = known[stage.open_groups[stage.group[cell[known]]]]
    group, chosen = stage.group[cell[records]], stage.choice[cell[records]]
    order: list[NDArray[np.uint8] | None] = []
    table = np.empty((len(before), len(records)), np.uint8)
    for row, f in enumerate(before):
        bins = seen[f][records]
        rank = None
        if not ordered[f]:
            rank = ranks(bins, group * MAX_CLASSES + chosen, stage.groups * MAX_CLASSES)
        order.append(rank)
        table[row] = bins if rank is None else rank[bins]
    task = Task(group, stage.groups, chosen, stage.classes, table, BINS)
    return Step(stage, grow(task, trees=trees, leaf=leaf, rng=rng), tuple(before), tuple(order))


def _fixed_by(
    before: Sequence[int],
    codes: Sequence[Codes],
    cell: NDArray[np.int64],
    *,
    counts: Sequence[NDArray[np.int64]],
    live: int,
) -> tuple[int, NDArray[np.int64]] | None:
    """An earlier column that fixes this one in every record, and the table from it."""
    if live < 2:
        return None
    for f in before:
        cells = len(counts[f])
        both = np.flatnonzero((codes[f] != POOLED) & (cell >= 0))
        # each combination must be seen often: else a column of many cells fixes everything
        if np.count_nonzero(counts[f]) < live or len(both) < 10 * np.count_nonzero(counts[f]):
            continue
        table = np.zeros(cells, np.int64)
        table[codes[f][both]] = cell[both]
        if np.array_equal(table[codes[f][both]], cell[both]):
            return f, table
    return None


def order_of_columns(
    codes: list[Codes],
    bins: list[NDArray[np.uint8]],
    counts: list[NDArray[np.int64]],
    *,
    ordered: Sequence[bool],
) -> list[int]:
    """The order in which columns are drawn."""
    return list(range(len(codes)))
