"""A database is checked where it is made."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from tabsynth.database import NO_PARENT, Database
from tabsynth.errors import DataError
from tabsynth.schema.database import parse_database_schema

SCHEMA = parse_database_schema(
    {
        "resources": [
            {
                "name": "lines",
                "schema": {
                    "fields": [{"name": "order"}, {"name": "year", "type": "integer"}],
                    "foreignKeys": [
                        {
                            "fields": ["year", "order"],
                            "reference": {"resource": "orders", "fields": ["year", "code"]},
                        }
                    ],
                },
            },
            {
                "name": "orders",
                "schema": {
                    "fields": [{"name": "code"}, {"name": "year", "type": "integer"}],
                    "primaryKey": ["code", "year"],
                },
            },
        ]
    }
)
ORDERS = pa.table({"code": ["a", "b", "a"], "year": [1, 1, 2]})


def made(lines: dict[str, Any], orders: pa.Table = ORDERS) -> Database:
    return Database.checked({"lines": pa.table(lines), "orders": orders}, SCHEMA, where="shop.db")


def test_every_record_finds_its_parent() -> None:
    database = made({"order": ["a", "b", None, "a", "a"], "year": [2, 1, 1, None, 1]})
    (key,) = SCHEMA.foreign_keys["lines"]
    places = database.parents("lines", key)
    assert places.tolist() == [2, 1, NO_PARENT, NO_PARENT, 0]


def test_orphans_are_counted_and_not_shown() -> None:
    with pytest.raises(DataError, match="2 records without a parent") as error:
        made({"order": ["a", "secret", "b"], "year": [2, 1, 2]})
    assert "secret" not in str(error.value)
    assert "table 'lines': foreign key year, order" in str(error.value)


def test_a_key_that_comes_twice_is_refused() -> None:
    with pytest.raises(DataError, match="table 'orders'"):
        made({"order": ["a"], "year": [1]}, pa.table({"code": ["a", "a"], "year": [1, 1]}))


def test_a_table_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match="none called 'lines'"):
        Database.checked({"orders": ORDERS}, SCHEMA, where="shop.db")


def test_empty_tables_are_tables() -> None:
    empty = pa.table({"code": pa.array([], pa.string()), "year": pa.array([], pa.int64())})
    lines = {"order": pa.array([], pa.string()), "year": pa.array([], pa.int64())}
    (key,) = SCHEMA.foreign_keys["lines"]
    assert len(made(lines, empty).parents("lines", key)) == 0
