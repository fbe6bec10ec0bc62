"""A drawn database, made ready to be added to tables that have records already."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.database import NO_PARENT, Database
from tabsynth.errors import DataError
from tabsynth.relations.fresh import fresh_values
from tabsynth.schema.check import check
from tabsynth.schema.columns import spelled_out
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.model import Constraints, FieldExtension, FieldSchema, TableSchema

Mask = NDArray[np.bool_]


def beyond(
    database: Database, there: Mapping[str, pa.Table], *, rng: np.random.Generator
) -> dict[str, pa.Table]:
    """The records of a database with keys that go on behind those that a store has.

    A key that the store has already is made anew, as those of a synthetic database are, but beyond
    the store's; children follow their parents. Records of a list whose keys all are declared, such
    as countries, are left out where the store has them: children lead to the ones that are there.

    Args:
        database: what is to be added.
        there: what the store holds of each table that has unique keys; at least `keyed`.
        rng: of UUIDs and the like.

    Returns:
        Columns by table.

    Raises:
        DataError: keys that are there already, where the form of the key has no others.
    """
    schema = database.schema
    moved: dict[str, pa.Table] = {}
    new: dict[str, Mask] = {}
    for name in schema.parents_first:
        data, keys = database.tables[name].data, schema.foreign_keys[name]
        for key in (k for k in keys if k.parent != name):
            data = _led(data, key.fields, moved[key.parent].select(list(key.references)),
                        database.parents(name, key))  # fmt: skip
        wanted = keyed(schema, name)
        known = pa.table({}) if wanted is None else check(there[name], wanted)[0]
        listed = _listed(schema, name)
        if listed is None:
            foreign = {field for key in keys for field in key.fields}
            data = _renewed(data, known, schema, name, kept=foreign, rng=rng)
        else:
            new[name] = ~_repeated(data, known, listed)
        for key in (k for k in keys if k.parent == name):
            data = _led(data, key.fields, data.select(list(key.references)),
                        database.parents(name, key))  # fmt: skip
        for unique in schema.unique_keys(name):
            if (_repeated(data, known, unique) & new.get(name, True)).any():
                raise DataError(
                    f"table {name!r}: key {', '.join(unique)}",
                    expected="keys that the target does not have",
                    got="some that it has, and a form that has no others",
                    remedy="write to another database, or replace the tables",
                )
        moved[name] = data
    return {
        name: data.filter(pa.array(new[name])) if name in new else data
        for name, data in moved.items()
    }


def keyed(schema: DatabaseSchema, table: str) -> TableSchema | None:
    """The columns of a table that its unique keys are made of, without any rule."""
    names = {name for key in schema.unique_keys(table) for name in key}
    free = {"constraints": Constraints(), "categories": None, "categories_ordered": False}
    fields = [
        f.model_copy(update={**free, "tabsynth": FieldExtension(timezone=f.tabsynth.timezone)})
        for f in schema.tables[table].fields
        if f.name in names
    ]
    if not fields:
        return None
    return TableSchema(fields=tuple(fields), missing_values=schema.tables[table].missing_values)


def _listed(schema: DatabaseSchema, table: str) -> tuple[str, ...] | None:
    """The primary key, where it is one column whose values are all listed."""
    primary = schema.tables[table].primary_key
    if len(primary) != 1:
        return None
    field = schema.tables[table].field(primary[0])
    return primary if field.domain is not None and not field.is_generated else None


def _led(
    data: pa.Table, fields: tuple[str, ...], parents: pa.Table, places: NDArray[np.int64]
) -> pa.Table:
    """The records with the keys of their parents."""
    for field, reference in zip(fields, parents.column_names, strict=True):
        values = parents.column(reference).take(pa.array(places, mask=places == NO_PARENT))
        data = _with(data, field, values)
    return data


def _renewed(
    data: pa.Table, known: pa.Table, schema: DatabaseSchema, table: str,
    *, kept: set[str], rng: np.random.Generator,
) -> pa.Table:  # fmt: skip
    """The records with other values in the keys that the store has some of, where there are any."""
    for unique in schema.unique_keys(table):
        if not _repeated(data, known, unique).any():
            continue
        free = [schema.tables[table].field(name) for name in unique if name not in kept]
        if len(unique) == 1 and free:
            data = _with(data, unique[0], _anew(data, known, free[0], rng))
        elif numbers := [field for field in free if field.type == "integer"]:
            data = _with(data, numbers[-1].name, _shifted(data, known, numbers[-1]))
    return data


def _anew(
    data: pa.Table, known: pa.Table, field: FieldSchema, rng: np.random.Generator
) -> pa.Array:
    """Values of the form that the store's have, and, where the form has others, none of these."""
    taken = known.column(field.name).combine_chunks()
    made = fresh_values(field, taken.cast(spelled_out(taken).type))
    # invented e-mails differ by their number: it begins behind as many as there are
    behind = 0 if made.start or not field.is_generated else known.num_rows
    made = dataclasses.replace(made, start=made.start + behind, missing=0.0)
    values = made.values(data.num_rows, rng)
    lost = data.column(field.name).is_null().combine_chunks().to_numpy(zero_copy_only=False)
    return values.take(pa.array(np.arange(data.num_rows), mask=lost))


def _shifted(data: pa.Table, known: pa.Table, field: FieldSchema) -> pa.ChunkedArray:
    """A number of a key of several columns, moved as a whole: its groups stay as they are."""
    own = data.column(field.name)
    further = pc.max(known.column(field.name)).as_py() - pc.min(own).as_py() + 1
    most = field.bounds[1] if field.declares("maximum") else None
    if most is not None and pc.max(own).as_py() + further > most:
        return own
    return pc.add(own, further)


def _with(data: pa.Table, name: str, values: pa.Array) -> pa.Table:
    place = data.column_names.index(name)
    return data.set_column(place, name, values.cast(data.schema.field(place).type))


def _repeated(data: pa.Table, known: pa.Table, key: tuple[str, ...]) -> Mask:
    """Which records have a key that the store has."""
    names = list(key)
    own = {name: spelled_out(data.column(name).combine_chunks()) for name in names}
    wanted = pa.table({**own, "tabsynth record": np.arange(data.num_rows)})
    held = pa.table({name: spelled_out(known.column(name).combine_chunks()) for name in names})
    found = wanted.join(held.group_by(names).aggregate([]), names, join_type="left semi")
    repeated = np.zeros(data.num_rows, bool)
    repeated[found.column("tabsynth record").to_numpy()] = True
    return repeated
