"""A small shop to write, and what a store holds of it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from tabsynth.database import Database
from tabsynth.errors import DataError
from tabsynth.schema.database import DatabaseSchema
from tabsynth.stores.address import open_store
from tabsynth.stores.protocol import Mode
from tests.database_zoo import database, sorted_rows

SECRET = "ZQX-SECRET-7731"
CUSTOMERS = {
    "fields": [
        {"name": "id", "type": "integer"},
        {"name": "name", "constraints": {"maxLength": 20}},
        {"name": "age", "type": "integer", "constraints": {"minimum": 0, "maximum": 120}},
    ],
    "primaryKey": "id",
}
ORDERS = {
    "fields": [{"name": "no", "type": "integer"}, {"name": "customer", "type": "integer"}],
    "primaryKey": "no",
    "foreignKeys": [{"fields": "customer", "reference": {"resource": "customers", "fields": "id"}}],
}
DESCRIPTOR = [{"name": "customers", "schema": CUSTOMERS}, {"name": "orders", "schema": ORDERS}]


def shop(first: int = 1, rows: int = 5, name: str = "Ada") -> Database:
    """Customers and an order of each, with keys from `first`."""
    ids = list(range(first, first + rows))
    return database(
        DESCRIPTOR,
        {
            "customers": {"id": ids, "name": [name] * rows, "age": [33] * rows},
            "orders": {"no": ids, "customer": ids},
        },
    )


def write(
    source: Database, address: str, mode: Mode = "create", *, schema: DatabaseSchema | None = None
) -> None:
    """Write all tables, in chunks of 64 records."""
    with open_store(address).writing(schema or source.schema, mode) as writer:
        for name in source.schema.parents_first:
            data = source.tables[name].data
            for start in range(0, data.num_rows, 64):
                writer.write(name, data.slice(start, 64))


def read(like: Database, address: str) -> Database:
    """The tables of a schema as a store holds them."""
    store = open_store(address)
    raw = {}
    for name, table in like.schema.tables.items():
        batches = list(store.read(name, table))
        columns: dict[str, list[Any]] = {f: [] for f in table.names}
        raw[name] = pa.Table.from_batches(batches) if batches else pa.table(columns)
    return Database.checked(raw, like.schema, where="target")


def content(address: str) -> dict[str, Any]:
    """All records of all tables of a store; nothing where it has none or is not there."""
    try:
        schema = open_store(address).reflect()
    except DataError:
        return {}
    found = read(Database(schema, {n: _empty(schema, n) for n in schema.tables}), address)
    return {name: sorted_rows(table) for name, table in found.tables.items()}


def _empty(schema: DatabaseSchema, name: str) -> Any:
    from tabsynth.table import Table

    table = schema.tables[name]
    return Table.checked(pa.table({f: pa.array([], pa.string()) for f in table.names}), table)
