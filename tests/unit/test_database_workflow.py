"""A database is read with what its declaration leaves open seen in its records."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tabsynth.database_workflow import read_database
from tabsynth.errors import DataError
from tabsynth.schema.database import DatabaseSchema
from tabsynth.stores.address import open_store

DDL = """
CREATE TABLE people (id INTEGER PRIMARY KEY, code TEXT UNIQUE, email TEXT, since TEXT,
  height REAL, level VARCHAR(10), born DATE, age INTEGER);
CREATE TABLE details (id INTEGER PRIMARY KEY REFERENCES people(id), phone INTEGER);
CREATE TABLE "nothing" (id INTEGER PRIMARY KEY, person INTEGER REFERENCES people(id));
"""


@pytest.fixture
def address(tmp_path: Path) -> str:
    path = tmp_path / "p.db"
    connection = sqlite3.connect(path)
    connection.executescript(DDL)
    connection.executemany(
        "INSERT INTO people VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (i, f"C-{i:04}", f"p{i}@x.org", f"2020-01-{i % 28 + 1:02}", i / 4,
             f"00{i % 3}", f"19{i + 10}-01-01", i)
            for i in range(60)
        ],
    )  # fmt: skip
    connection.executemany(
        "INSERT INTO details VALUES (?, ?)", [(i, 49_170_000_000 + i * 7) for i in range(60)]
    )
    connection.commit()
    connection.close()
    return f"sqlite:///{path}"


def test_records_say_what_the_declaration_does_not(address: str) -> None:
    people = read_database(open_store(address)).tables["people"].schema
    assert people.field("since").type == "date"
    assert people.field("since").tabsynth.observed == ("type", "minimum", "maximum", "required")
    assert people.field("height").tabsynth.decimals == 2
    assert "decimals" in people.field("height").tabsynth.observed
    assert people.field("level").type == "string"
    assert people.field("level").domain == ("000", "001", "002")
    assert people.field("level").constraints.max_length == 10
    assert people.field("email").tabsynth.generator is not None
    assert people.field("born").tabsynth.observed == ("minimum", "maximum", "required")


def test_values_that_may_not_come_twice_are_generated_beyond_those_of_the_records(
    address: str,
) -> None:
    tables = read_database(open_store(address)).schema.tables
    assert tables["people"].field("id").tabsynth.generator.start == 100  # type: ignore[union-attr]
    assert tables["people"].field("code").tabsynth.generator.kind == "pattern"  # type: ignore[union-attr]
    # a key that names a record of another table is that record's
    assert tables["details"].field("id").tabsynth.generator is None
    assert tables["details"].field("phone").type == "integer"
    assert tables["details"].field("phone").is_generated


def test_a_table_without_records_stays_as_declared(address: str) -> None:
    store = open_store(address)
    database = read_database(store)
    assert database.tables["nothing"].num_rows == 0
    nothing = database.schema.tables["nothing"]
    assert nothing.foreign_keys == store.reflect().tables["nothing"].foreign_keys
    assert not any(f.tabsynth.observed for f in nothing.fields)


def test_orphans_and_a_schema_that_differs_are_refused(address: str) -> None:
    store = open_store(address)
    schema = store.reflect()
    connection = sqlite3.connect(address.removeprefix("sqlite:///"))
    connection.execute("INSERT INTO 'nothing' VALUES (1, 1000)")
    connection.commit()
    connection.close()
    with pytest.raises(DataError, match=r"foreign key person: .* got 1 records without a parent"):
        read_database(store)
    details = schema.tables["details"].model_copy(update={"foreign_keys": ()})
    with pytest.raises(DataError, match="'other': expected the table to be there"):
        read_database(store, DatabaseSchema({"other": details}, {}))
