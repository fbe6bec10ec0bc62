"""What was read from the records of a database, counted by whose they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.database import Database
from tabsynth.encoding.freeze import MIN_COUNT, facts_of_many
from tabsynth.entities import Owners
from tabsynth.schema.check import check
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.schema.rounding import outward
from tabsynth.table import Table

Places = NDArray[np.int64]

_WITHHELD = "no text is shared by the records of 5 others; it is withheld as free text"


def facts_of_owners(table: Table, owners: Sequence[Places]) -> TableSchema:
    """The schema without categories and bounds that were read from records of too few owners.

    Args:
        table: the records.
        owners: places of parents and of those above, one kind after the other; -1 for none.
    """
    schema = table.schema
    for places in owners:
        schema = facts_of_many(Table(schema, table.data, each_alone(places)))
    return schema


def each_alone(places: Places) -> Places:
    """The same with a number of its own for each record that has no owner."""
    return np.where(places < 0, places.max(initial=0) + 1 + np.arange(len(places)), places)


def counted_by_owner(schema: DatabaseSchema, raw: Mapping[str, pa.Table]) -> DatabaseSchema:
    """A schema whose facts were read record by record, as if they had been read owner by owner.

    Observed categories stay if 5 owners have them. Observed bounds become the fifth smallest and
    largest value of different owners, rounded outward, with at least 10 owners. A text column of
    which no category stays is withheld. Declared facts stay.

    Args:
        schema: with keys and observed facts.
        raw: the records of every table, as read.

    Privacy: reads every record; the schema holds less of them than before.
    """
    tables = {
        name: Table(table, check(raw[name], table)[0]) for name, table in schema.tables.items()
    }
    owners = Owners.of(Database(schema, tables))
    found = {name: _recounted(table, owners.above(name)) for name, table in tables.items()}
    return DatabaseSchema(found, schema.paths, schema.name)


def _recounted(table: Table, owners: Sequence[Places]) -> TableSchema:
    if not owners or not table.num_rows:
        return table.schema
    known = [each_alone(places) for places in owners]
    counted = facts_of_owners(table, owners)
    fields, notes = [], []
    for before, after in zip(table.schema.fields, counted.fields, strict=True):
        if before.categories and not after.categories:
            notes.append(f"column {before.name!r}: {_WITHHELD}")
        column = table.column(before.name)
        fields.append(_rebounded(before, _withheld(before, after), column, known))
    ours = counted.tabsynth.model_copy(update={"notes": (*counted.tabsynth.notes, *notes)})
    update = {"fields": tuple(fields), "tabsynth": ours}
    return TableSchema.model_validate(counted.model_copy(update=update).descriptor())


def _withheld(before: FieldSchema, after: FieldSchema) -> FieldSchema:
    """The field as free text, if it had categories and none is left."""
    if not before.categories or after.categories:
        return after
    observed = tuple(fact for fact in after.tabsynth.observed if fact != "categories")
    ours = after.tabsynth.model_copy(update={"observed": observed, "free_text": "replace"})
    return after.model_copy(update={"categories": None, "tabsynth": ours})


def _rebounded(
    before: FieldSchema, after: FieldSchema, column: pa.Array, owners: Sequence[Places]
) -> FieldSchema:
    """The field with the observed bounds that it had, read anew."""
    observed, field = before.tabsynth.observed, after
    for name in ("minimum", "maximum"):
        if name not in observed:
            continue
        up = name == "maximum"
        ends = [_fifth(column, places, up=up) for places in owners]
        if any(end is None for end in ends):
            continue
        bound = outward(min(ends) if up else max(ends), up=up)
        descriptor = field.model_dump(by_alias=True, exclude_defaults=True)
        written = bound.isoformat() if isinstance(bound, (dt.date, dt.time)) else bound
        descriptor.setdefault("constraints", {})[name] = written
        ours = descriptor.setdefault("tabsynth", {})
        ours["observed"] = [f for f in observed if f in {*ours.get("observed", ()), name}]
        try:
            field = FieldSchema.model_validate(descriptor)
        except ValueError:
            # a declared bound on the other side, which records break
            continue
    return field


def _fifth(column: pa.Array, owners: Places, *, up: bool) -> Any:
    """The fifth smallest or largest value, one of each owner; None where there are too few."""
    known = column.is_valid().to_numpy(zero_copy_only=False)
    values, ids = column.drop_null(), owners[known]
    order = pc.array_sort_indices(values, order="descending" if up else "ascending").to_numpy()
    first = np.unique(ids[order], return_index=True)[1]
    if len(first) < 2 * MIN_COUNT:
        return None
    return values[int(order[np.sort(first)[MIN_COUNT - 1]])].as_py()
