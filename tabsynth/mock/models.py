"""Columns of a test database that come from models of single tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np
import pyarrow as pa

from tabsynth.errors import SchemaError, unknown
from tabsynth.modelfile import Fitted
from tabsynth.schema.check import storage_type
from tabsynth.schema.columns import spelled_out
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.table import Table

# what a column of a model may become in the table
_FITTING: Final = {("integer", "number"), ("date", "string"), ("boolean", "string")}


def require_tables(schema: DatabaseSchema, models: Mapping[str, Fitted]) -> None:
    """Refuse models of tables that are not there.

    Raises:
        UsageError: one is not.
    """
    for name in models:
        if name not in schema.tables:
            remedy = "name a table of the schema, as in orders=orders.tabsynth"
            raise unknown("--model", name, list(schema.tables), remedy=remedy)


def columns_of(
    fitted: Fitted, table: str, schema: TableSchema, decided: Collection[str]
) -> tuple[str, ...]:
    """The columns of a table that a model draws: its learnt ones, save keys and what is invented.

    Args:
        fitted: the model.
        table: the table's name.
        schema: of the table.
        decided: columns whose values follow from keys.

    Raises:
        SchemaError: a column of the model that the table lacks or has as another type, or no column
            that it could draw.
    """
    found = []
    for own in fitted.schema.modelled_fields:
        if own.name not in schema.names:
            raise _unlike(table, own, "none")
        field = schema.field(own.name)
        if field.name in decided or not field.is_modelled:
            continue
        if own.type != field.type and (own.type, field.type) not in _FITTING:
            raise _unlike(table, own, f"type {field.type}")
        found.append(own.name)
    if not found:
        raise SchemaError(
            f"table {table!r}", expected="a column that its model draws",
            got="keys and invented columns alone", remedy="leave --model out for this table",
        )  # fmt: skip
    return tuple(found)


def with_model(
    made: Table, fitted: Fitted, names: Collection[str], rng: np.random.Generator
) -> Table:
    """Records with those columns drawn anew from a model, together.

    Args:
        made: the records.
        fitted: the model.
        names: the columns, as `columns_of` gives them; those that `made` lacks are passed over.
        rng: the only source of randomness.
    """
    wanted = [name for name in made.schema.names if name in names]
    if not wanted or not made.num_rows:
        return made
    drawn = fitted.draw(made.num_rows, rng=rng)
    data = made.data
    for name in wanted:
        place = data.column_names.index(name)
        field = made.schema.field(name)
        data = data.set_column(place, name, _as_stored(drawn.column(name), field))
    return Table(made.schema, data)


def _as_stored(values: pa.Array, field: FieldSchema) -> pa.Array:
    kind, plain = storage_type(field), spelled_out(values)
    if pa.types.is_dictionary(kind):
        return plain.cast(kind.value_type).dictionary_encode()
    return plain.cast(kind)


def _unlike(table: str, own: FieldSchema, got: str) -> SchemaError:
    return SchemaError(
        f"table {table!r}: column {own.name!r}", expected=f"{own.type}, as its model draws",
        got=got, remedy="correct the schema, or make the model for this table",
    )  # fmt: skip
