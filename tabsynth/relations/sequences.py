"""Children of one parent, one after the other: the next given the last, and the time between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.entities import rank_in_group
from tabsynth.relations.columns import Columns
from tabsynth.relations.matching import NOBODY
from tabsynth.relations.ties import Places
from tabsynth.relations.views import Seen, View
from tabsynth.schema.check import storage_type
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.synthesizers.protocol import ModelState
from tabsynth.table import Table

# columns of the last event that the next one is told, its time and the gap before it aside
REMEMBERED: Final = 6
# children of a parent know of each other where there are so many on average
SEVERAL: Final = 1.05

Units = NDArray[np.int64]


@dataclass(frozen=True)
class Time:
    """When the events of a parent happen.

    Args:
        column: their date or time.
        gap: name of the time since the last event, in days or microseconds; drawn instead.
        since: column of the context that tells the gap before the last event.
        view: levels of gaps.
        end: the last time that may come; the fifth last of the source.
    """

    column: str
    gap: str
    since: str
    view: View
    end: int


@dataclass(frozen=True)
class Sequence:
    """How a child follows another one of its parent.

    Args:
        columns: draws children after the first.
        before: columns of their context that tell of the last child, and what each is among those
            seen of the table's records.
        time: when they come; None where their order is all there is.
    """

    columns: Columns
    before: tuple[tuple[str, str], ...]
    time: Time | None

    def told(self, last: Seen, gaps: Units, first: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        """The columns of the context that tell of the last events.

        Args:
            last: what is seen of these.
            gaps: time before each.
            first: which are the first of their parents.
        """
        told: dict[str, NDArray[Any]] = {n: last.levels[source] for n, source in self.before}
        if self.time is None:
            return told
        return {**told, self.time.since: gap_levels(self.time.view, self.time.gap, gaps, first)}

    @property
    def told_of(self) -> set[str]:
        """Columns of the context that tell of the last child."""
        return {*(() if self.time is None else (self.time.since,)), *(n for n, _ in self.before)}

    def state(self) -> ModelState:
        """All that it is."""
        time = self.time
        settings: dict[str, Any] = {"before": [list(pair) for pair in self.before], "time": None}
        parts = {"columns": self.columns.state()}
        if time is not None:
            parts["view"] = time.view.state()
            settings["time"] = {
                "column": time.column, "gap": time.gap, "since": time.since, "end": time.end,
            }  # fmt: skip
        arrays: dict[str, NDArray[Any]] = {}
        weights: dict[str, NDArray[Any]] = {}
        for name, state in parts.items():
            settings[name] = state.settings
            arrays |= {f"{name}.{key}": array for key, array in state.arrays.items()}
            weights |= {f"{name}.{key}": array for key, array in state.weights.items()}
        return ModelState(settings, arrays, weights)

    @classmethod
    def restore(
        cls,
        settings: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        weights: Mapping[str, NDArray[Any]],
        *,
        synthesizer: str,
    ) -> Sequence:
        """The sequence that `state` describes.

        Raises:
            ValueError: parts that do not fit together.
        """
        own = [
            {n.removeprefix(f"{part}."): a for n, a in held.items() if n.startswith(f"{part}.")}
            for part in ("columns", "view") for held in (arrays, weights)
        ]  # fmt: skip
        columns = Columns.restore(settings["columns"], own[0], own[1], synthesizer=synthesizer)
        told = settings["time"]
        time = None
        if told is not None:
            gap = str(told["gap"])
            view = View.restore(settings["view"], own[2])
            if gap not in columns.model.schema.names or view.codec.schema.names != (gap,):
                raise ValueError("expected events with a time between them")
            time = Time(str(told["column"]), gap, str(told["since"]), view, int(told["end"]))
        sequence = cls(columns, tuple((str(a), str(b)) for a, b in settings["before"]), time)
        if not sequence.told_of <= set(columns.context):
            raise ValueError("expected events that follow others")
        return sequence


def gap_levels(view: View, name: str, gaps: Units, first: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Levels of gaps, from 1; 0 where there is none, as the event is the first."""
    table = Table(view.codec.schema, pa.table({name: pa.array(gaps, pa.int64())}))
    level = view.see(table).levels[name] + 1
    return np.where(first, 0, level)


def previous_of(main: Places, order: NDArray[np.intp]) -> Places:
    """The record before each among those of its parent, in an order; -1 for the first."""
    by_parent = order[np.argsort(main[order], kind="stable")]
    before = np.full(len(main), NOBODY)
    same = (main[by_parent[1:]] == main[by_parent[:-1]]) & (main[by_parent[1:]] != NOBODY)
    before[by_parent[1:][same]] = by_parent[:-1][same]
    return before


def are_several(main: Places) -> bool:
    """Whether enough parents have several children for these to know of each other."""
    having = main[main != NOBODY]
    return len(having) >= SEVERAL * max(len(np.unique(having)), 1)


def time_column(own: Table) -> str | None:
    """The first column of dates or times that every record has; None where there is none."""
    for field in own.schema.fields:
        if field.type in ("date", "datetime") and not own.column(field.name).null_count:
            return field.name
    return None


def units_of(column: pa.Array) -> Units:
    """Times in days or microseconds."""
    plain = column.cast(pa.int32()) if pa.types.is_date32(column.type) else column
    units: Units = plain.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    return units


def times_of(units: Units, field: FieldSchema) -> pa.Array:
    """Days or microseconds as times."""
    if field.type == "date":
        return pa.array(units.astype(np.int32)).cast(pa.date32())
    return pa.array(units, pa.int64()).cast(storage_type(field))


def followed(
    sequence: Sequence,
    parents: Places,
    first: Table,
    *,
    see: Callable[[Table], Seen],
    draw: Callable[[NDArray[np.intp], dict[str, NDArray[Any]], Units], Table],
) -> Table:
    """All events of all parents, step by step: first each parent's second, then each one's third.

    Args:
        sequence: how events follow each other.
        parents: shape (records,), those of one parent one after the other.
        first: the first events of parents and those without one; its other records do not count.
        see: what is seen of records.
        draw: the next events for some records, given what is told of the last, and when these were.

    Returns:
        A table like `first` with all records.
    """
    rank = np.where(parents == NOBODY, 0, rank_in_group(parents))
    by_rank = np.argsort(rank, kind="stable")
    starts = np.searchsorted(rank[by_rank], np.arange(int(rank.max(initial=0)) + 2))
    parts, places = [first.take(by_rank[: starts[1]])], [by_rank[: starts[1]]]
    gaps = np.zeros(len(parents), np.int64)
    for step in range(1, len(starts) - 1):
        now = by_rank[starts[step] : starts[step + 1]]
        # where in the last part each one's last event is
        at = np.searchsorted(places[-1], now - 1)
        last = parts[-1].take(at)
        column = None if sequence.time is None else sequence.time.column
        time = np.zeros(len(now), np.int64) if column is None else units_of(last.column(column))
        told = sequence.told(see(last), gaps[now - 1], np.full(len(now), step == 1))
        drawn = draw(now, told, time)
        if column is not None:
            gaps[now] = units_of(drawn.column(column)) - time
        parts.append(drawn)
        places.append(now)
    data = pa.concat_tables([part.data for part in parts])
    back = np.empty(len(parents), np.int64)
    back[np.concatenate(places)] = np.arange(len(parents))
    return Table(first.schema, data.take(pa.array(back)))


def with_gap(own: Table, column: str, gap: str, gaps: Units) -> Table:
    """Records with the time since the last event in the place of the time itself."""
    fields = tuple(
        FieldSchema(name=gap, type="integer") if f.name == column else f for f in own.schema.fields
    )
    arrays = [
        pa.array(gaps, pa.int64()) if n == column else own.column(n) for n in own.schema.names
    ]
    schema = TableSchema(fields=fields)
    return Table(schema, pa.Table.from_arrays(arrays, names=list(schema.names)))
