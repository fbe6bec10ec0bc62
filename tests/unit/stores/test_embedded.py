"""Embedded databases and folders are reflected and read."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from tabsynth.database import Database
from tabsynth.errors import DataError, SchemaError
from tabsynth.stores.address import open_store

SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, born DATE, vip BOOLEAN,
  credit DECIMAL(10, 2), seen TIMESTAMP);
CREATE TABLE "Order" ("Order No" INTEGER PRIMARY KEY, "select" INTEGER NOT NULL REFERENCES
  customers(id), state VARCHAR, UNIQUE ("select", state));
CREATE VIEW nobody AS SELECT id FROM customers WHERE 1 = 0;
INSERT INTO customers VALUES (1, 'Ada', '1815-12-10', true, 10.25, '2020-01-01 10:00:00'),
  (2, 'Bob', NULL, false, 3, NULL);
INSERT INTO "Order" VALUES (7, 1, 'new'), (8, 2, NULL);
"""


@pytest.fixture(params=["sqlite", "duckdb"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = tmp_path / "shop.db"
    if request.param == "sqlite":
        connection = sqlite3.connect(path)
        connection.executescript(SHOP)
        connection.commit()
        connection.close()
    else:
        with duckdb.connect(str(path)) as duck:
            duck.execute(SHOP)
    return f"{request.param}:///{path}"


def test_tables_keys_and_types_are_those_that_are_declared(address: str) -> None:
    schema = open_store(address).reflect()
    assert set(schema.tables) == {"customers", "Order"}
    customers = schema.tables["customers"]
    kinds = {f.name: f.type for f in customers.fields}
    assert kinds == {"id": "integer", "name": "string", "born": "date", "vip": "boolean",
                     "credit": "number", "seen": "datetime"}  # fmt: skip
    assert customers.primary_key == ("id",)
    assert customers.field("credit").tabsynth.decimals == 2
    assert customers.field("name").constraints.required
    assert not any(f.tabsynth.observed for f in customers.fields)
    (key,) = schema.foreign_keys["Order"]
    assert (key.fields, key.parent, key.references) == (("select",), "customers", ("id",))
    assert schema.tables["Order"].unique_keys == (("select", "state"),)


def test_what_is_read_keeps_what_is_declared(address: str) -> None:
    with open_store(address).snapshot() as store:
        schema = store.reflect()
        raw = {n: pa.Table.from_batches(store.read(n, t)) for n, t in schema.tables.items()}
    database = Database.checked(raw, schema, where="shop")
    customers = database.tables["customers"].to_pandas()
    assert customers["credit"].tolist() == [10.25, 3.0]
    assert str(customers["seen"][0]) == "2020-01-01 10:00:00"
    assert database.tables["Order"].column("Order No").to_pylist() == [7, 8]


def test_a_table_or_column_that_is_gone_is_named(address: str) -> None:
    store = open_store(address)
    schema = store.reflect()
    with pytest.raises(DataError, match="table 'gone': expected the table to be there"):
        list(store.read("gone"))
    with pytest.raises(DataError, match="expected the column 'id' to be there"):
        list(store.read("Order", schema.tables["customers"]))


@pytest.mark.parametrize("name", ["sqlite", "duckdb"])
def test_files_that_are_no_database_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, but long enough to be looked at " * 100)
    for path, got in (("missing", "no such file"), ("", "a folder"), ("text", "no database")):
        with pytest.raises(DataError, match=got):
            open_store(f"{name}:///{tmp_path / path}").reflect()
    assert not (tmp_path / "missing").exists()


def test_files_of_a_folder_are_tables(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,u\n2,v\n")
    (tmp_path / "b.jsonl").write_text('{"z": 1.5}\n')
    (tmp_path / "readme.txt").write_text("nothing")
    store = open_store(str(tmp_path))
    schema = store.reflect()
    assert dict(schema.paths) == {"a": "a.csv", "b": "b.jsonl"}
    assert pa.Table.from_batches(store.read("a")).to_pydict() == {"x": ["1", "2"], "y": ["u", "v"]}


def test_a_number_column_that_holds_texts_is_read_as_texts(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "t.db")
    connection.execute("CREATE TABLE t (a INTEGER, b REAL)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", [(1, 1.5), ("SECRET", 2), (None, 3)])
    connection.commit()
    connection.close()
    store = open_store(f"sqlite:///{tmp_path / 't.db'}")
    raw = pa.Table.from_batches(store.read("t"))
    assert raw.to_pydict() == {"a": ["1", "SECRET", None], "b": [1.5, 2.0, 3.0]}
    with pytest.raises(DataError, match="column 'a': 1 record is not an integer") as refused:
        Database.checked({"t": raw}, store.reflect(), where="t")
    assert "SECRET" not in str(refused.value)


def test_keys_that_lead_nowhere_are_left_out_and_noted(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "t.db")
    connection.executescript("""
      CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES b(id), name TEXT);
      CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a,
        gone INTEGER REFERENCES gone(id), loose TEXT REFERENCES a(name),
        twice INTEGER GENERATED ALWAYS AS (id * 2));""")
    connection.close()
    schema = open_store(f"sqlite:///{tmp_path / 't.db'}").reflect()
    assert [k.fields for k in schema.foreign_keys["b"]] == [("a",)]
    notes = " ".join(schema.tables["b"].tabsynth.notes)
    assert "foreign key gone: left out, as it leads to 'gone', which is not among" in notes
    assert "foreign key loose: left out, as it leads to columns of 'a' that are not" in notes
    assert "column 'twice': computed by the database; left out" in notes
    # keys may lead round in a circle; who needs an order is told
    with pytest.raises(SchemaError, match="a circle among the tables 'a', 'b'"):
        _ = schema.parents_first
