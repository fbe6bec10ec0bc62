"""A database as the straight line takes it: reflected, read, completed and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa

from tabsynth.database import Database
from tabsynth.schema.complete import complete
from tabsynth.schema.database import DatabaseSchema
from tabsynth.stores.folder import FolderStore
from tabsynth.stores.protocol import Source
from tabsynth.stores.tables import read_whole

Say = Callable[[str], object]


def read_database(
    store: Source, schema: DatabaseSchema | None = None, *, say: Say = lambda _: None
) -> Database:
    """All records of a store, checked.

    Args:
        store: a database, or a folder of files.
        schema: what the tables are, taken as it is; by default what the store declares, completed
            by what the records show (marked as observed).
        say: called with a line before each table.

    Raises:
        DataError: a store that cannot be read, or records that break the schema or its keys.
        SchemaError: a Data Package that is malformed.

    Privacy: reads every record; what enters the schema is said at `tabsynth.schema.infer.infer`.
    """
    with store.snapshot() as held:
        declared = held.reflect() if schema is None else schema
        raw = read_tables(held, declared, say=say)
    # the Data Package of a folder is a person's own, and without one all is inferred already
    if schema is None and not isinstance(store, FolderStore):
        declared = completed(declared, raw)
    return Database.checked(raw, declared, where=store.where)


def read_tables(
    store: Source, schema: DatabaseSchema, *, say: Say = lambda _: None
) -> dict[str, pa.Table]:
    """The records of every table of a schema as they are stored, unchecked."""
    raw = {}
    for name, table in schema.tables.items():
        say(f"reading {name}")
        raw[name] = read_whole(store, name, table)
    return raw


def read_found(store: Source, schema: DatabaseSchema) -> dict[str, pa.Table]:
    """What a store holds of the tables of a schema, with all their columns, whatever they are.

    Args:
        store: a database or a folder, perhaps without some of the tables or columns.
        schema: whose tables are looked for.

    Raises:
        DataError: a store that cannot be read at all.
    """
    with store.snapshot() as held:
        there = held.reflect().tables
        return {
            name: read_whole(held, name, there[name]) for name in schema.tables if name in there
        }


def completed(schema: DatabaseSchema, raw: Mapping[str, pa.Table]) -> DatabaseSchema:
    """A declared schema with what the records show where it says nothing, marked as observed.

    Args:
        schema: as a database declares it.
        raw: the records of every table.
    """
    tables = {}
    for name, table in schema.tables.items():
        foreign = {column for key in schema.foreign_keys[name] for column in key.fields}
        tables[name] = complete(table, raw[name], keys=foreign)
    return DatabaseSchema(tables, schema.paths, schema.name)
