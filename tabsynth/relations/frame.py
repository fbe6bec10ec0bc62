"""The columns from which one table is learnt: its own, what is given, and what is drawn beside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.constraints.plan import Plan
from tabsynth.constraints.rules import broken
from tabsynth.constraints.training import learnable, require_kept
from tabsynth.database import NO_PARENT
from tabsynth.encoding.analysis import analyze
from tabsynth.encoding.freeze import MIN_COUNT, freeze
from tabsynth.relations.columns import Columns
from tabsynth.relations.counts import Counts
from tabsynth.relations.guarding import repeats
from tabsynth.relations.own_columns import place_among_siblings
from tabsynth.relations.sequences import (
    REMEMBERED,
    Sequence,
    Time,
    Units,
    are_several,
    gap_levels,
    previous_of,
    time_column,
    units_of,
    with_gap,
)
from tabsynth.relations.table_model import Extras, learnt_schema
from tabsynth.relations.ties import Places, Relation
from tabsynth.relations.views import (
    FEWEST,
    Seen,
    View,
    apart,
    column_of_levels,
    field_of_levels,
    seen_of,
)
from tabsynth.schema.keys import ForeignKey
from tabsynth.schema.model import Constraints, FieldSchema, TableSchema
from tabsynth.schema.parse import storage_type
from tabsynth.synthesizers.predictors import dependence
from tabsynth.synthesizers.protocol import Synthesizer
from tabsynth.table import Table

# columns of a further parent by which it is chosen
ATTRIBUTES: Final = 6
# with more children on average, parents stand for groups, and nobody is the tenth of a group
LARGE: Final = 20
# levels that are told apart where columns are compared
_COMPARED: Final = 128


@dataclass
class Frame:
    """Columns while they are gathered.

    Args:
        own: the table's own columns as a synthesizer learns them; missing in records that are
            left out.
        kept: places of the records that are learnt from.
        rows: how many records there are.
        extras: what the other columns are.
        fields: of the other columns, by name.
        arrays: the other columns, by name.
        main: places of the main parents, where there are such.
        previous: place of the record before each among its siblings; -1 for the first.
        view: how the records are seen by others, once that was asked.
        seen: the records as others see them, once that was asked.
    """

    own: Table | None
    kept: NDArray[np.intp]
    rows: int
    extras: Extras = field(default_factory=Extras)
    fields: dict[str, FieldSchema] = field(default_factory=dict)
    arrays: dict[str, pa.Array] = field(default_factory=dict)
    main: Places | None = None
    previous: Places = field(default_factory=lambda: np.empty(0, np.int64))
    view: View | None = None
    seen: Seen = field(default_factory=lambda: Seen({}, {}))

    @classmethod
    def start(cls, table: Table, learnt: tuple[str, ...], *, places: bool) -> Frame:
        """The frame with the table's own columns alone.

        Args:
            table: the records.
            learnt: columns that are learnt.
            places: whether pairs of coordinates are learnt as places.

        Raises:
            DataError: records that break declared constraints, or that do not let these be learnt.
        """
        everyone = np.arange(table.num_rows)
        if not learnt:
            return cls(None, everyone, table.num_rows)
        own = table.select(learnt_schema(table.schema, learnt, places=places))
        require_kept(own, where="records")
        plan = Plan.of(own.schema)
        left_out = np.zeros(table.num_rows, bool)
        for constraint in own.schema.tabsynth.constraints:
            if constraint.observed:
                left_out |= broken(constraint, own)
        kept = np.flatnonzero(~left_out)
        columns, _ = learnable(plan, own)
        at = np.full(table.num_rows, -1)
        at[kept] = np.arange(len(kept))
        data = columns.data.take(pa.array(at, mask=at < 0)) if left_out.any() else columns.data
        return cls(Table(columns.schema, data), kept, table.num_rows)

    def leave_out_repeats(self, owners: Collection[Places]) -> None:
        """Leave out records that make a value of few parents seem frequent; see `repeats`."""
        if self.own is not None and owners:
            self.kept = self.kept[~repeats(self.own, list(owners))[self.kept]]

    def add_context(
        self, above: Seen, parent: str, main: Places, *, order: NDArray[np.intp]
    ) -> None:
        """What is seen of the main parent, and the place among its children.

        Args:
            above: what is seen of the main parent of each record.
            parent: its table.
            main: places of these parents.
            order: of the records.
        """
        pairs = []
        for source, size in above.sizes.items():
            name = self._add(f"{parent}.{source}", above.levels[source], size)
            pairs.append((name, source))
        self.main, self.previous = main, previous_of(main, order)
        place = np.empty(len(main), np.int64)
        place[order] = place_among_siblings(main[order])
        # how far it goes would tell of a single parent with very many children
        reached = np.bincount(place, minlength=2)[1:]
        last = int(np.count_nonzero(reached >= MIN_COUNT))
        if place.any() and np.count_nonzero(place) / reached[0] > LARGE:
            last = 0
        placed = self._add("place", np.minimum(place, last), last + 1) if last > 1 else None
        self.extras = replace(self.extras, parent=tuple(pairs), place=placed)

    def add_presence(self, relation: Relation, key: ForeignKey, parents: Places) -> None:
        """Whether records have a parent, where some have none."""
        if np.any(parents == NO_PARENT):
            name = self._add(f"has {', '.join(key.fields)}", parents != NO_PARENT, -2)
            presence = {**self.extras.presence, relation.index: name}
            self.extras = replace(self.extras, presence=presence)

    def add_counts(self, counts: Mapping[Relation, tuple[str, Counts]]) -> None:
        """Numbers of children, by relation and with what it is called.

        Where too few parents share any of them, none is learnt, and children are dealt out.
        """
        for relation, (label, number) in counts.items():
            if not _has_cells(number):
                continue
            rules = Constraints(required=True, minimum=0)
            name = self._field(FieldSchema(name=f"number of {label}", type="integer",
                                           constraints=rules), number)  # fmt: skip
            self.extras = replace(self.extras, counts={**self.extras.counts, relation: name})

    def add_same(
        self, relation: Relation, key: ForeignKey, table: str, same: NDArray[np.bool_]
    ) -> None:
        """Whether a further parent has the main one's ancestor in a table."""
        name = self._add(f"{', '.join(key.fields)}: same {table}", same, -2)
        self.extras = replace(self.extras, same={**self.extras.same, relation.index: (name, table)})

    def add_depth(self, relation: Relation, key: ForeignKey, depth: NDArray[np.int64]) -> None:
        """How many records stand above each."""
        name = self._add(f"depth by {', '.join(key.fields)}", depth, int(depth.max(initial=0)) + 1)
        self.extras = replace(self.extras, depth={**self.extras.depth, relation.index: name})

    def add_attributes(self, relation: Relation, key: ForeignKey, seen: Seen) -> None:
        """What a further parent is like: the columns that say most of the records."""
        chosen = self._most_telling(seen)
        label = ", ".join(key.fields)
        pairs = tuple(
            (self._add(f"{label}: {source}", seen.levels[source], seen.sizes[source]), source)
            for source in chosen
        )
        attributes = {**self.extras.attributes, relation.index: pairs}
        self.extras = replace(self.extras, attributes=attributes)

    def see(self) -> Seen:
        """The records as their children see them: numbers of children, then the own columns."""
        own = self.own
        names = list(self.extras.counts.values())
        fields = [self.fields[name] for name in names]
        arrays: list[pa.Array] = [self.arrays[name] for name in names]
        if own is not None:
            fields += own.schema.fields
            arrays += [own.column(name) for name in own.schema.names]
        if fields:
            schema = TableSchema(fields=tuple(fields))
            table = Table(schema, pa.Table.from_arrays(arrays, names=list(schema.names)))
            self.view = View.of(table.take(self.kept))
            self.seen = seen_of(self.view, table)
        return self.seen

    def fit(
        self, synthesizer: Synthesizer, rng: np.random.Generator
    ) -> tuple[Columns | None, Sequence | None]:
        """Learn the columns, and how records of one parent follow each other in time.

        Returns:
            No columns where there are none to draw, or too few records; no sequence where order is
            no matter, or where too few records follow others.

        Raises:
            DataError: see `Synthesizer.fit`.
        """
        table = self._table()
        if table is None or len(self.kept) < FEWEST:
            return None, None
        context = self.extras.context
        followers = self._followers()
        later, starting = (self.kept[followers[self.kept] == f] for f in (True, False))
        if min(len(later), len(starting)) < FEWEST * FEWEST:
            whole = table if len(self.kept) == self.rows else table.take(self.kept)
            return Columns.fit(whole, context, synthesizer=synthesizer, rng=rng), None
        columns = Columns.fit(table.take(starting), context, synthesizer=synthesizer, rng=rng)
        return columns, self._sequence(table, later, synthesizer=synthesizer, rng=rng)

    def _followers(self) -> NDArray[np.bool_]:
        """Which records follow another one of their parent, where that says something of them."""
        nobody = np.zeros(self.rows, bool)
        if self.own is None or self.main is None or self.extras.place is None:
            return nobody
        return self.previous != NO_PARENT if are_several(self.main) else nobody

    def _sequence(
        self,
        table: Table,
        later: NDArray[np.intp],
        *,
        synthesizer: Synthesizer,
        rng: np.random.Generator,
    ) -> Sequence:
        assert self.own is not None
        column = time_column(self.own.take(self.kept))
        others = [name for name in self.own.schema.names if name != column]
        fields, arrays, before = [], [], []
        taken = set(table.schema.names)
        for source in [*(() if column is None else (column,)), *others][:REMEMBERED]:
            name = apart(f"last {source}", taken)
            taken.add(name)
            fields.append(field_of_levels(name, self.seen.sizes[source]))
            arrays.append(column_of_levels(self.seen.levels[source][self.previous[later]]))
            before.append((name, source))
        time, events = None, table.take(later)
        if column is not None:
            time, since, gaps = self._gaps(table, column, later, taken)
            fields.append(field_of_levels(time.since, int(time.view.bins[0].max()) + 2))
            arrays.append(column_of_levels(since))
            events = with_gap(events, column, time.gap, gaps)
        names = [field.name for field in fields]
        schema = TableSchema(fields=(*fields, *events.schema.fields))
        data = pa.Table.from_arrays(
            [a.cast(storage_type(f)) for a, f in zip(arrays, fields, strict=True)]
            + [events.column(name) for name in events.schema.names],
            names=list(schema.names),
        )
        context = (*self.extras.context, *names)
        columns = Columns.fit(Table(schema, data), context, synthesizer=synthesizer, rng=rng)
        return Sequence(columns, tuple(before), time)

    def _gaps(
        self, table: Table, column: str, later: NDArray[np.intp], taken: set[str]
    ) -> tuple[Time, NDArray[np.int64], Units]:
        """Times of events, the level of the gap before the last one of each, and that before it."""
        gap, since = apart(f"time since the last {column}", taken), apart("time before", taken)
        units, last = units_of(table.column(column)), self.previous
        gaps = np.where(last == NO_PARENT, 0, units - units[last])
        view = _view_of_gaps(gap, gaps[later])
        first = last[last[later]] == NO_PARENT
        levels = gap_levels(view, gap, gaps[last[later]], first)
        end = int(np.sort(units[self.kept])[-MIN_COUNT])
        return Time(column, gap, since, view, end), levels, gaps[later]

    def _table(self) -> Table | None:
        """All columns; None where there are none to draw."""
        drawn = (*(() if self.own is None else self.own.schema.names), *self.extras.drawn)
        if not drawn:
            return None
        names = [*self.extras.context, *(n for n in drawn if n in self.fields)]
        fields = [self.fields[name] for name in names]
        arrays = [self.arrays[name] for name in names]
        if self.own is not None:
            fields += self.own.schema.fields
            arrays += [self.own.column(name) for name in self.own.schema.names]
        schema = TableSchema(fields=tuple(fields))
        return Table(schema, pa.Table.from_arrays(arrays, names=list(schema.names)))

    def _add(self, name: str, levels: NDArray[np.integer] | NDArray[np.bool_], size: int) -> str:
        return self._field(field_of_levels(name, size), np.asarray(levels, np.int64))

    def _field(self, column: FieldSchema, values: NDArray[np.int64]) -> str:
        taken = {*self.fields, *(() if self.own is None else self.own.schema.names)}
        name = apart(column.name, taken)
        self.fields[name] = column.model_copy(update={"name": name})
        self.arrays[name] = column_of_levels(values).cast(storage_type(column))
        return name

    def _most_telling(self, seen: Seen) -> list[str]:
        """The columns that go most with those that are there, the most telling first."""
        sources = list(seen.sizes)
        mine = [*self.extras.context, *self.extras.presence.values()]
        known = [self.arrays[name].to_numpy(zero_copy_only=False) for name in mine]
        known += list(self.seen.levels.values())
        if not sources or not known or not self.rows:
            return sources[:ATTRIBUTES]
        codes = [np.minimum(np.abs(seen.levels[s]), _COMPARED - 1) for s in sources]
        codes += [np.minimum(k, _COMPARED - 1) for k in known]
        same = np.arange(_COMPARED, dtype=np.uint8)
        strength = dependence(codes, [same] * len(codes))[: len(sources), len(sources) :]
        return sorted(sources, key=lambda s: -float(strength[sources.index(s)].sum()))[:ATTRIBUTES]


def _has_cells(number: Counts) -> bool:
    """Whether some numbers are shared by so many records that one may be emitted."""
    if len(number) < FEWEST:
        return False
    field = FieldSchema(name="number", type="integer")
    table = Table(TableSchema(fields=(field,)), pa.table({"number": pa.array(number, pa.int64())}))
    return freeze(analyze(table)).columns[0].cells > 1


def _view_of_gaps(name: str, gaps: Units) -> View:
    field = FieldSchema(name=name, type="integer")
    table = Table(TableSchema(fields=(field,)), pa.table({name: pa.array(gaps, pa.int64())}))
    view = View.of(table)
    assert view is not None
    return view
