"""One link of a chain: a column, what it is drawn from, and how it is learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import POOLED, Codes
from tabsynth.synthesizers.forest import Forest
from tabsynth.synthesizers.growing import Task, grow
from tabsynth.synthesizers.predictors import BINS, binned, dependence, ranks
from tabsynth.synthesizers.stages import MAX_CLASSES, Stage, stages
from tabsynth.threads import in_threads

# records of a first look, and the fewest per cell before a rule is believed
GLANCE: Final = 2_000
OFTEN: Final = 10

Seen = Mapping[int, NDArray[np.uint8]]


@dataclass(frozen=True)
class Effort:
    """How much is grown.

    Args:
        most: predictors per column.
        rounds: trees per step.
        leaf: fewest records behind a leaf.
        persons: fewest persons behind a leaf.
    """

    most: int
    rounds: int
    leaf: int
    persons: int = 1


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
        """Shape (records, predictors)."""
        table = np.empty((n, len(self.columns)), np.uint8)
        for place, (column, rank) in enumerate(zip(self.columns, self.ranks, strict=True)):
            table[:, place] = seen[column] if rank is None else rank[seen[column]]
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
        share: NDArray[np.float64] = (self.live[place] == cells).astype(np.float64)
        if self.source is not None and self.table is not None:
            share *= self.table[drawn[self.source]] == place
            return share
        for step in self.steps:
            group, chosen = step.stage.group[place], step.stage.choice[place]
            table = step.predictors(len(cells), seen)
            share *= step.forest.probability(group, table, chosen)
        return share

    @property
    def _groups_after(self) -> list[NDArray[np.int64]]:
        after = [s.stage.group for s in self.steps[1:]] + [np.arange(len(self.live))]
        return after[: len(self.steps)]

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
            own["ranks"] = np.array(tables, np.uint8).reshape(-1, BINS)
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
    if not steps and len(live) > 1:
        raise ValueError("expected steps that choose among the cells")
    groups = [s.stage.group for s in steps] + [np.arange(len(live))]
    if steps and groups[0].any():
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
    table = arrays["ranks"]
    if table.dtype != np.uint8 or table.shape != (sum(map(bool, ranked)), BINS):
        raise ValueError("expected an order for each predictor that has none")
    if len(ranked) != len(columns) or not set(columns) <= set(before):
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
    fixed: Mapping[int, tuple[int, NDArray[np.int64]]],
    rng: np.random.Generator,
    effort: Effort,
    context: int = 0,
    person: NDArray[np.int64] | None = None,
) -> list[Link]:
    """One link per column, in that order; columns are learnt side by side.

    Args:
        order: the columns.
        codes: per column, shape (records,).
        bins: per column, the bin of each cell.
        counts: per column, records per cell; cells with none are never drawn.
        ordered: per column, whether its cells have an order.
        fixed: what `fixed_columns` found; each after the one that fixes it.
        rng: the only source of randomness.
        effort: how much is grown.
        context: so many columns, first in the order, are given and get no link.
        person: shape (records,), whose each is; None where each is a person's own.
    """
    seen = [binned(b, k) for b, k in zip(bins, codes, strict=True)]
    strength = dependence(codes, bins) if len(order) > effort.most + 1 else None
    generators = dict(zip(order, rng.spawn(len(order)), strict=True))

    def link(place: int) -> Link:
        j, before = order[place], list(order[:place])
        live = np.flatnonzero(counts[j])
        number = np.full(len(counts[j]) + 1, -1)
        number[live] = np.arange(len(live))
        cell = np.where(codes[j] == POOLED, -1, number[codes[j]])
        if j in fixed:
            return Link(j, live, source=fixed[j][0], table=fixed[j][1])
        if strength is not None and len(before) > effort.most:
            before = sorted(before, key=lambda f: -strength[j, f])[: effort.most]
        known = np.flatnonzero(cell >= 0)
        steps = [
            _step(stage, cell, known, before, seen=seen, ordered=ordered, rng=generators[j],
                  effort=effort, person=person)
            for stage in stages(counts[j][live], ordered=ordered[j])
        ]  # fmt: skip
        return Link(j, live, tuple(steps))

    return in_threads(link, range(context, len(order)))


def _step(
    stage: Stage,
    cell: NDArray[np.int64],
    known: NDArray[np.intp],
    before: Sequence[int],
    *,
    seen: Sequence[NDArray[np.uint8]],
    ordered: Sequence[bool],
    rng: np.random.Generator,
    effort: Effort,
    person: NDArray[np.int64] | None,
) -> Step:
    records = known[stage.open_groups[stage.group[cell[known]]]]
    group, chosen = stage.group[cell[records]], stage.choice[cell[records]]
    order: list[NDArray[np.uint8] | None] = []
    table = np.empty((len(records), len(before)), np.uint8)
    for place, f in enumerate(before):
        bins, rank = seen[f][records], None
        if not ordered[f]:
            rank = ranks(bins, group * MAX_CLASSES + chosen, stage.groups * MAX_CLASSES)
        order.append(rank)
        table[:, place] = bins if rank is None else rank[bins]
    task = Task(group, stage.groups, chosen, stage.classes, table,
                None if person is None else person[records], effort.persons)  # fmt: skip
    return Step(
        stage,
        grow(task, rounds=effort.rounds, leaf=effort.leaf, rng=rng),
        tuple(before),
        tuple(order),
    )


def fixed_columns(
    codes: Sequence[Codes], counts: Sequence[NDArray[np.int64]], *,
    person: NDArray[np.int64] | None, fewest: int,
) -> dict[int, tuple[int, NDArray[np.int64]]]:  # fmt: skip
    """Columns that another fixes in every record, by column: that other, and the table from it.

    Args:
        codes: per column, shape (records,).
        counts: per column, records per cell; cells with none are never drawn.
        person: shape (records,), whose each is; None where each is a person's own.
        fewest: persons behind each entry of a table at least.

    Returns:
        The table has a live cell for every cell of the other column. Of two columns that fix each
        other, the first fixes the second; so there are no circles.
    """
    live = [np.flatnonzero(n) for n in counts]
    found: dict[int, tuple[int, NDArray[np.int64]]] = {}
    for j, own in enumerate(live):
        if len(own) < 2:
            continue
        number = np.full(len(counts[j]) + 1, -1)
        number[own] = np.arange(len(own))
        cell = np.where(codes[j] == POOLED, -1, number[codes[j]])
        for f, other in enumerate(live):
            if (len(other), -f) <= (len(own), -j):
                continue
            table = _table(codes[f], cell, len(counts[f]), len(other))
            known = (codes[f] != POOLED) & (cell >= 0)
            if table is not None and _held(codes[f][known], person, known) >= fewest:
                found[j] = f, table
                break
    return found


def _held(codes: Codes, person: NDArray[np.int64] | None, known: NDArray[np.bool_]) -> int:
    """By how many persons that code is held that the fewest hold."""
    if person is None:
        return int(np.unique(codes, return_counts=True)[1].min())
    pairs = np.unique(np.stack([codes, person[known]]), axis=1)
    return int(np.unique(pairs[0], return_counts=True)[1].min())


def _table(
    codes: Codes, cell: NDArray[np.int64], cells: int, live: int
) -> NDArray[np.int64] | None:
    """What each code means for a cell, where every record agrees and each is seen often."""
    for records in (slice(None, None, 1 + len(codes) // GLANCE), slice(None)):
        both = np.flatnonzero((codes[records] != POOLED) & (cell[records] >= 0))
        table = np.zeros(cells, np.int64)
        table[codes[records][both]] = cell[records][both]
        if not np.array_equal(table[codes[records][both]], cell[records][both]):
            return None
    # else a column of many cells fixes everything
    return table if len(both) >= OFTEN * live else None
