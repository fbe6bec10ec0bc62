"""What one person repeats in many records is rare: facts of a database are counted by owners."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pytest

from tabsynth.cli import main
from tabsynth.database import Database
from tabsynth.database_workflow import fit_database, read_database
from tabsynth.entities import Owners, owning_tables
from tabsynth.schema.database import load_database_schema, parse_database_schema

# one person of 300 writes 40 notes of one word, and earns what nobody else does
PERSONS = 300
OWNER = np.append(np.repeat(np.arange(PERSONS), 2), np.zeros(40, int))
WORD = ["common", "other"] * PERSONS + ["nobody else's"] * 40
NUMBER = [*(np.arange(2 * PERSONS) % 7 + 10).tolist(), *[987_654] * 40]
LINES = np.repeat(np.arange(len(OWNER)), 2)


@pytest.fixture(params=["sqlite", "folder"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    tables = {
        "persons": pa.table({"id": range(PERSONS), "x": [i % 3 for i in range(PERSONS)]}),
        "notes": pa.table({"id": range(len(OWNER)), "person_id": OWNER, "word": WORD,
                           "number": NUMBER}),
        "lines": pa.table({"id": range(len(LINES)), "note_id": LINES,
                           "mark": [f"m {WORD[i]}" for i in LINES]}),
    }  # fmt: skip
    if request.param == "folder":
        (tmp_path / "data").mkdir()
        for name, table in tables.items():
            pc.write_csv(table, tmp_path / "data" / f"{name}.csv")
        return str(tmp_path / "data")
    with sqlite3.connect(tmp_path / "data.db") as connection:
        connection.executescript("""
            CREATE TABLE persons (id INTEGER PRIMARY KEY, x INTEGER);
            CREATE TABLE notes (id INTEGER PRIMARY KEY, person_id INTEGER REFERENCES persons(id),
              word TEXT, number INTEGER);
            CREATE TABLE lines (id INTEGER PRIMARY KEY, note_id INTEGER REFERENCES notes(id),
              mark TEXT);""")
        for name, table in tables.items():
            places = ", ".join("?" * table.num_columns)
            rows = zip(*table.to_pydict().values(), strict=True)
            connection.executemany(f"INSERT INTO {name} VALUES ({places})", list(rows))
    connection.close()
    return f"sqlite:///{tmp_path / 'data.db'}"


def test_what_one_person_repeats_is_no_category_and_no_bound(address: str, tmp_path: Path) -> None:
    out = tmp_path / "datapackage.yaml"
    with pytest.raises(SystemExit) as ended:
        main(["db", "schema", address, "-o", str(out), "--infer"])
    assert ended.value.code == 0
    tables = load_database_schema(out).tables
    assert tables["notes"].field("word").categories == ("common", "other")
    # the word stands in 80 lines of 40 notes, and is still one person's
    assert tables["lines"].field("mark").categories == ("m common", "m other")
    number = tables["notes"].field("number").constraints
    assert (number.minimum, number.maximum) == (10, 16)
    assert "nobody" not in out.read_text(encoding="utf-8")
    assert set(tables["notes"].field("number").tabsynth.observed) >= {"minimum", "maximum"}


def test_a_text_column_of_one_persons_words_alone_is_withheld(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "data.db") as connection:
        connection.executescript("""
            CREATE TABLE persons (id INTEGER PRIMARY KEY);
            CREATE TABLE notes (id INTEGER PRIMARY KEY, person INTEGER REFERENCES persons(id),
              word TEXT);""")
        connection.executemany("INSERT INTO persons VALUES (?)", [(i,) for i in range(250)])
        rows = [(i, i % 250, f"word of {i % 250}") for i in range(2500)]
        connection.executemany("INSERT INTO notes VALUES (?, ?, ?)", rows)
    connection.close()
    schema = read_database(f"sqlite:///{tmp_path / 'data.db'}").schema.tables["notes"]
    assert schema.field("word").categories is None
    assert schema.field("word").tabsynth.free_text == "replace"
    assert any("no text is shared" in note for note in schema.tabsynth.notes)


def _customers(**ours: Any) -> Database:
    """60 customers with 3 orders each, of whom the first writes one word in 9 more."""
    owner = [*np.repeat(np.arange(60), 3).tolist(), *[0] * 9]
    word = [*["a", "b", "c"] * 60, *["nobody else's"] * 9]
    schema = parse_database_schema({"resources": [
        {"name": "customers", "schema": {
            "fields": [{"name": "id", "type": "integer"}], "primaryKey": "id"}},
        {"name": "orders", "schema": {
            "fields": [{"name": "customer", "type": "integer"}, {"name": "word"},
                       {"name": "house"}],
            "tabsynth": ours,
            "foreignKeys": [{"fields": "customer",
                             "reference": {"resource": "customers", "fields": "id"}}]}},
    ]})  # fmt: skip
    raw = {"customers": pa.table({"id": list(range(60))}),
           "orders": pa.table({"customer": owner, "word": word,
                               "house": [f"h{i // 2}" for i in owner]})}  # fmt: skip
    return Database.checked(raw, schema, where="test")


def test_customers_of_a_small_firm_are_somebody() -> None:
    """A table of fewer than 200 records was taken for a list that is looked up."""
    model = fit_database(_customers(), seed=0).model
    assert "nobody else's" not in str(model.state().settings)
    assert "nobody else's" not in str(model.schema.descriptor())


def test_a_privacy_unit_that_is_no_key_is_an_owner() -> None:
    known = Owners.of(_customers(privacy_unit="house")).above("orders")
    assert [len(np.unique(places)) for places in known] == [60, 30]


def test_who_is_named_is_somebody_whatever_the_size() -> None:
    schema = _customers().schema
    sizes = {"customers": 60, "orders": 6_000}
    assert owning_tables(schema, sizes) == {"orders"}
    assert owning_tables(schema, sizes, "customers") == {"orders", "customers"}
