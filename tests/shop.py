"""A small shop: clients and their orders, of which no single record is unlike all others."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa

from tabsynth.database import Database
from tabsynth.schema.database import DatabaseSchema, parse_database_schema
from tabsynth.table import Table

SCHEMA: DatabaseSchema = parse_database_schema(
    {
        "resources": [
            {
                "name": "towns",
                "schema": {"fields": [{"name": "town"}, {"name": "coast", "type": "boolean"}],
                           "primaryKey": "town"},
            },
            {
                "name": "clients",
                "schema": {
                    "fields": [{"name": "id", "type": "integer"}, {"name": "town"},
                               {"name": "rich", "type": "boolean"},
                               {"name": "decade", "type": "integer"}, {"name": "sex"},
                               {"name": "member", "type": "boolean"}],
                    "primaryKey": "id",
                    "foreignKeys": [{"fields": "town",
                                     "reference": {"resource": "towns", "fields": "town"}}],
                },
            },
            {
                "name": "orders",
                "schema": {
                    "fields": [{"name": "client", "type": "integer"},
                               {"name": "amount", "type": "integer"},
                               {"name": "day", "type": "date"}, {"name": "kind"}],
                    "foreignKeys": [{"fields": "client",
                                     "reference": {"resource": "clients", "fields": "id"}}],
                },
            },
        ]
    }
)  # fmt: skip
TOWNS = pa.table({"town": list("abcd"), "coast": [True, True, False, False]})


def shop(clients: int, seed: int) -> Database:
    """Rich clients order more, and more often; orders repeat each other in every column."""
    rng = np.random.default_rng(seed)
    rich = rng.random(clients) < 0.4
    many = rng.poisson(np.where(rich, 6.0, 2.0))
    owner = np.repeat(np.arange(clients), many)
    amount = 10 * rng.integers(1, 6, len(owner)) + np.where(rich[owner], 30, 0)
    day = np.datetime64("2020-01-01") + rng.integers(0, 30, len(owner))
    tables = {
        "towns": TOWNS,
        "clients": pa.table({"id": np.arange(clients) + 1000 * seed + 1,
                             "town": rng.choice(list("abcd"), clients), "rich": rich,
                             "decade": rng.integers(2, 7, clients),
                             "sex": rng.choice(["f", "m"], clients),
                             "member": rng.random(clients) < 0.5}),
        "orders": pa.table({"client": owner + 1000 * seed + 1, "amount": amount,
                            "day": day.astype("datetime64[D]"),
                            "kind": rng.choice(["web", "shop", "phone"], len(owner))}),
    }  # fmt: skip
    return Database.checked(tables, SCHEMA, where="made")


def with_column(database: Database, table: str, column: str, values: pa.Array) -> Database:
    """The same database with other values in one column."""
    old = database.tables[table]
    place = old.schema.names.index(column)
    data = old.data.set_column(place, column, values)
    return dataclasses.replace(database, tables={**database.tables, table: Table(old.schema, data)})


def shuffled(database: Database, seed: int) -> Database:
    """The same tables, whose orders were dealt out to other clients at random."""
    rng = np.random.default_rng(seed)
    ids = database.tables["clients"].column("id").to_numpy()
    dealt = rng.choice(ids, database.tables["orders"].num_rows)
    return with_column(database, "orders", "client", pa.array(dealt))


def in_other_order(database: Database, seed: int) -> Database:
    """The same records in another order, under other keys."""
    rng = np.random.default_rng(seed)
    moved = {
        name: table.take(rng.permutation(table.num_rows)) for name, table in database.tables.items()
    }
    renamed = dataclasses.replace(database, tables=moved)
    for table, column in (("clients", "id"), ("orders", "client")):
        keys = renamed.tables[table].column(column).to_numpy() + 500_000
        renamed = with_column(renamed, table, column, pa.array(keys))
    return renamed
