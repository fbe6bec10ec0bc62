"""Tables of a database taken by themselves: without the keys, which name records."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tabsynth.database import NO_PARENT, Database
from tabsynth.entities import Owners, Places
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.model import FieldExtension, FieldSchema, TableSchema
from tabsynth.table import Table


def own_fields(schema: DatabaseSchema, table: str) -> tuple[FieldSchema, ...]:
    """Columns of a table that say something of its records.

    Foreign keys are left out, and a primary key of one column that is not a text. One that is stays
    as a column that was withheld: a value of it that comes out of the source is then found.
    """
    fields = []
    single = schema.tables[table].primary_key
    foreign = {name for key in schema.foreign_keys[table] for name in key.fields}
    for field in schema.tables[table].fields:
        if field.name in foreign or field.tabsynth.free_text == "drop":
            continue
        if single != (field.name,) or not field.is_modelled:
            fields.append(field)
        elif field.type == "string":
            withheld = FieldExtension(free_text="replace")
            fields.append(FieldSchema(name=field.name, tabsynth=withheld))
    return tuple(fields)


def alone(schema: DatabaseSchema, table: str) -> TableSchema | None:
    """The schema of a table by itself; None where it has keys alone."""
    fields = own_fields(schema, table)
    return TableSchema(fields=fields) if any(f.is_modelled for f in fields) else None


def own_table(database: Database, table: str, schema: TableSchema) -> Table:
    """The records of a table under the schema that `alone` made."""
    columns = [own_column(database.tables[table], field) for field in schema.fields]
    return Table(schema, pa.table(columns, names=list(schema.names)))


def whose(database: Database, table: str, entity: str) -> Places | None:
    """A number per record of a table, equal for records of one entity; None where each is alone.

    A record without an entity stands alone; one that hangs from several is the first one's.
    """
    ways = Owners(database, frozenset({entity})).ways(table)
    found = next((places for parent, places in ways if parent == entity), None)
    if found is None:
        return None
    alone_from = database.tables[entity].num_rows
    return np.where(found == NO_PARENT, alone_from + np.arange(len(found)), found)


def own_column(table: Table, field: FieldSchema) -> pa.Array:
    """A column, as plain texts where the field is not modelled."""
    column = table.column(field.name)
    if pa.types.is_dictionary(column.type) and not field.is_modelled:
        return column.cast(pa.string())
    return column
