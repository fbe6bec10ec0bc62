"""Columns of one table that are learnt, drawn within what is known of the records' parents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.constraints.plan import Plan
from tabsynth.entities import rank_in_group
from tabsynth.errors import DataError
from tabsynth.relations.columns import Columns
from tabsynth.relations.drawn import Drawn
from tabsynth.relations.few import unlearnt
from tabsynth.relations.matching import NOBODY
from tabsynth.relations.sequences import Sequence, Time, Units, followed, times_of, units_of
from tabsynth.relations.table_model import TableModel
from tabsynth.relations.ties import Places
from tabsynth.relations.views import Seen, seen_of
from tabsynth.schema.check import storage_type
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table

# records that break a constraint are drawn again so often
_TRIES: Final = 200

# draws records for some of a number of places
_Draw = Callable[[NDArray[np.intp]], Table]
_Levels = NDArray[np.int64]


def own_columns(
    model: TableModel, born: Drawn, above: Seen | None, *, rng: np.random.Generator
) -> tuple[dict[str, pa.Array], Table | None]:
    """Draw the learnt columns.

    Args:
        model: of the table.
        born: records with their main parents.
        above: what is seen of these.
        rng: the only source of randomness.

    Returns:
        The table's own columns as they come out, and all drawn ones as they were learnt.

    Raises:
        DataError: constraints that hardly any drawn record keeps.
    """
    plan, columns = model.plan, model.columns
    if columns is None:
        if plan is None:
            return {}, None
        made = unlearnt(plan.schema, born.rows, rng)
        return {n: made.column(n) for n in made.schema.names}, plan.forward(made)
    known = _known(model, born, above)
    everyone = np.arange(born.rows)

    def draw(rows: NDArray[np.intp]) -> Table:
        return columns.draw(len(rows), _given(columns, known, rows), rng=rng)

    if model.sequence is None or model.ties.main is None or plan is None:
        drawn = _kept(model.name, plan, draw, everyone)
    else:
        drawn = _in_sequence(model, model.sequence, plan, born=born, known=known,
                             draw=draw, rng=rng)  # fmt: skip
    if plan is None:
        return {}, drawn
    own = plan.back(drawn.select(plan.learnt))
    return {n: own.column(n) for n in own.schema.names}, drawn


def place_among_siblings(parents: Places) -> NDArray[np.int64]:
    """The how-manieth child of its parent each record is, from 1; 0 where it has no parent."""
    return np.where(parents == NOBODY, 0, rank_in_group(parents) + 1)


def _in_sequence(
    model: TableModel,
    sequence: Sequence,
    plan: Plan,
    *,
    born: Drawn,
    known: Mapping[str, _Levels],
    draw: _Draw,
    rng: np.random.Generator,
) -> Table:
    """The first record of each parent, drawn by itself, and each other one after the last."""
    assert model.ties.main is not None and model.columns is not None
    parents = born.parents[model.ties.main.index]
    schema = model.columns.model.schema
    rank = np.where(parents == NOBODY, 0, rank_in_group(parents))
    starting = np.flatnonzero(rank == 0)
    kept = _kept(model.name, plan, draw, starting)
    # the others get a place that does not count
    filler = np.zeros(born.rows, np.int64)
    filler[starting] = np.arange(len(starting))
    first = kept.take(filler) if len(starting) else kept

    def after(now: NDArray[np.intp], told: Mapping[str, NDArray[Any]], time: Units) -> Table:
        def one(rows: NDArray[np.intp]) -> Table:
            context = {**{n: levels[now] for n, levels in known.items()}, **told}
            given = _given(sequence.columns, context, rows)
            drawn = sequence.columns.draw(len(rows), given, rng=rng)
            return _timed(sequence.time, drawn, schema, time[rows])

        return _kept(model.name, plan, one, np.arange(len(now)), time=sequence.time)

    return followed(sequence, parents, first, see=lambda table: seen_of(model.view, table),
                    draw=after)  # fmt: skip


def _timed(time: Time | None, drawn: Table, schema: TableSchema, last: Units) -> Table:
    """Children after the first in the columns of first ones, with their time."""
    arrays = []
    for field in schema.fields:
        if time is not None and field.name == time.column:
            gaps = drawn.column(time.gap).fill_null(0).to_numpy(zero_copy_only=False)
            arrays.append(times_of(last + gaps, field))
        elif field.name in drawn.schema.names:
            arrays.append(drawn.column(field.name))
        else:
            arrays.append(pa.nulls(drawn.num_rows, storage_type(field)))
    return Table(schema, pa.Table.from_arrays(arrays, names=list(schema.names)))


def _kept(
    name: str,
    plan: Plan | None,
    draw: _Draw,
    rows: NDArray[np.intp],
    *,
    time: Time | None = None,
) -> Table:
    """Records that keep the constraints and do not lie too late, others being drawn again."""

    def bad(table: Table) -> NDArray[np.bool_]:
        found = np.zeros(table.num_rows, bool)
        if plan is not None and (plan.checked or plan.steps):
            found |= plan.broken(plan.back(table.select(plan.learnt)))
        if time is not None:
            found |= units_of(table.column(time.column)) > time.end
        return found

    drawn = draw(rows)
    left = np.flatnonzero(bad(drawn))
    for _ in range(_TRIES):
        if not len(left):
            break
        again = draw(rows[left])
        source = np.arange(drawn.num_rows)
        source[left] = drawn.num_rows + np.arange(len(left))
        both = pa.concat_tables([drawn.data, again.data])
        drawn = Table(drawn.schema, both.take(pa.array(source)))
        left = left[bad(again)]
    if len(left) and time is not None and plan is not None and not plan.checked:
        # an event so late that none can follow it in time: the rest come at once
        return _at_the_end(time, drawn, left)
    if len(left):
        raise DataError(
            f"table {name!r}", expected="drawn records that keep its constraints",
            got=f"{len(left):,} that do not after {_TRIES} tries",
            remedy="declare fewer constraints",
        )  # fmt: skip
    return drawn


def _at_the_end(time: Time, drawn: Table, left: NDArray[np.intp]) -> Table:
    field = drawn.schema.field(time.column)
    units = units_of(drawn.column(field.name)).copy()
    units[left] = np.minimum(units[left], time.end)
    place = drawn.schema.names.index(field.name)
    return Table(drawn.schema, drawn.data.set_column(place, field.name, times_of(units, field)))


def _known(model: TableModel, born: Drawn, above: Seen | None) -> dict[str, _Levels]:
    """What is known of each record before it is drawn, by column of the context."""
    extras = model.extras
    known: dict[str, _Levels] = {}
    for name, source in extras.parent:
        found = None if above is None else above.levels.get(source)
        known[name] = np.zeros(born.rows, np.int64) if found is None else found
    if extras.place is not None and model.ties.main is not None:
        known[extras.place] = place_among_siblings(born.parents[model.ties.main.index])
    return known


def _given(columns: Columns, known: Mapping[str, _Levels], rows: NDArray[np.intp]) -> Table | None:
    """The context of some records, in the columns of the fit."""
    if not columns.context:
        return None
    fields, arrays = [], []
    for name in columns.context:
        field = columns.model.schema.field(name)
        levels = known[name][rows]
        if field.domain is not None:
            levels = np.minimum(levels, len(field.domain) - 1)
        fields.append(field)
        arrays.append(pa.array(levels, pa.int64()).cast(storage_type(field)))
    schema = TableSchema(fields=tuple(fields))
    return Table(schema, pa.Table.from_arrays(arrays, names=list(columns.context)))
