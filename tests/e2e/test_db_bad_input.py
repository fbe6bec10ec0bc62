"""Databases that cannot be learnt or written: one line each, and nothing left behind."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import tabsynth as ts
from tests.e2e.scene import Run, snapshot
from tests.shop import shop

PEOPLE = "CREATE TABLE people (id INTEGER PRIMARY KEY, age INTEGER);"
FILLED = PEOPLE + "INSERT INTO people VALUES (1, 33), (2, 44);"
FIELDS = "fields: [{name: id, type: integer}, {name: age, type: integer}]"
PACKAGE = f"""
resources:
- name: people
  path: people.csv
  schema: {{{FIELDS}, primaryKey: id}}
- name: orders
  path: orders.csv
  schema:
    fields: [{{name: id, type: integer}}, {{name: person, type: integer}}]
    primaryKey: id
    foreignKeys: [{{fields: person, reference: {{resource: people, fields: id}}}}]
"""


def database(folder: Path, script: str) -> str:
    path = folder / "source.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return f"sqlite:///{path}"


def folder_of(folder: Path, people: str, orders: str) -> str:
    place = folder / "source"
    place.mkdir()
    (place / "datapackage.yaml").write_text(PACKAGE)
    (place / "people.csv").write_text("id,age\n" + people)
    (place / "orders.csv").write_text("id,person\n" + orders)
    return str(place)


def circle(folder: Path) -> str:
    return database(
        folder,
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES b(id), x INTEGER);"
        "CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a(id), x INTEGER);"
        "INSERT INTO a VALUES (1, NULL, 5); INSERT INTO b VALUES (1, 1, 6);",
    )


def no_records(folder: Path) -> str:
    return database(folder, PEOPLE)


def broken(folder: Path) -> str:
    (folder / "source.db").write_bytes(b"no database at all, ZQX-SECRET")
    return f"sqlite:///{folder / 'source.db'}"


BAD: dict[str, tuple[Callable[[Path], str], str]] = {
    "a circle of keys": (circle, "a circle among the tables 'a', 'b'"),
    "no records": (no_records, "expected records with columns to learn, got keys alone, or no"),
    "keys that come twice": (
        lambda f: folder_of(f, "1,33\n1,44\n2,5\n", "1,1\n"), "table 'people'"),
    "orphans": (
        lambda f: folder_of(f, "1,33\n2,44\n", "1,1\n2,7\n"), "1 records without a parent"),
    "no such host": (
        lambda f: "postgresql://me:ZQX-SECRET@host.invalid/shop", "postgresql://host.invalid/shop"),
    "no such file": (lambda f: f"duckdb:///{f}/none.db", "none.db"),
    "no such folder": (lambda f: f"{f}/none", "no such folder"),
    "no database": (broken, "source.db"),
    "another kind": (lambda f: "oracle://me:ZQX-SECRET@host/x", "that tabsynth cannot open"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_learnt_is_one_line(case: str, tmp_path: Path, tabsynth: Run) -> None:
    make, said = BAD[case]
    address = make(tmp_path)
    before = snapshot(tmp_path)
    for words in (
        ["db", "fit", address, "-o", tmp_path / "m"],
        ["db", "copy-safe", address, "--to", tmp_path / "copy", "-o", tmp_path / "r"],
    ):
        done = tabsynth(*words, "--quiet")
        done.refused()
        assert said in done.err
        assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "column", "said"),
    [("visitors", "age", "table 'visitors': expected the table to be there"),
     ("people", "height", "expected the column 'height' to be there")],
)  # fmt: skip
def test_what_is_gone_since_the_schema_was_written_is_named(
    name: str, column: str, said: str, tmp_path: Path, tabsynth: Run
) -> None:
    address = database(tmp_path, FILLED)
    package = f"resources:\n- name: {name}\n  schema: {{{FIELDS}, primaryKey: id}}\n"
    (tmp_path / "p.yaml").write_text(package.replace("name: age", f"name: {column}"))
    before = snapshot(tmp_path)
    done = tabsynth("db", "fit", address, "--schema", tmp_path / "p.yaml", "-o", tmp_path / "m",
                    "--quiet")  # fmt: skip
    done.refused()
    assert said in done.err
    assert snapshot(tmp_path) == before


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a shop whose link table holds keys alone, and with a table in the middle empty."""
    folder = tmp_path_factory.mktemp("model")
    people = "".join(f"INSERT INTO people VALUES ({i}, {20 + i % 50});" for i in range(60))
    clubs = "".join(f"INSERT INTO clubs VALUES ({i}, {i % 2});" for i in range(12))
    members = "".join(f"INSERT INTO members VALUES ({i}, {i % 12});" for i in range(60))
    address = database(
        folder,
        PEOPLE + "CREATE TABLE clubs (id INTEGER PRIMARY KEY, old INTEGER);"
        "CREATE TABLE members (person INTEGER REFERENCES people(id), club INTEGER REFERENCES "
        "clubs(id), PRIMARY KEY (person, club));"
        "CREATE TABLE visits (id INTEGER PRIMARY KEY, person INTEGER NOT NULL REFERENCES "
        "people(id), day DATE);"
        "CREATE TABLE bills (id INTEGER PRIMARY KEY, visit INTEGER NOT NULL REFERENCES visits(id), "
        "amount INTEGER);" + people + clubs + members,
    )
    fitted = ts.fit_database(ts.read_database(address), synthesizer="gaussian_copula", seed=1)
    fitted.save(folder / "m")
    return folder / "m"


def test_tables_of_keys_alone_and_empty_ones_are_copied_as_they_are(
    model: Path, tmp_path: Path, tabsynth: Run
) -> None:
    for to in (f"sqlite:///{tmp_path}/a.db", f"duckdb:///{tmp_path}/b.db", tmp_path / "c"):
        done = tabsynth("db", "sample", model, "--to", to, "--seed", "1")
        assert done.code == 0, done.err
        found = ts.read_database(str(to)).tables
        sizes = {name: table.num_rows for name, table in found.items()}
        # sizes are kept to two digits, or to one where there are few; each club has five members
        assert sizes == {"people": 60, "clubs": 10, "members": 50, "visits": 0, "bills": 0}


def test_a_target_that_does_not_take_the_model_is_left_as_it_was(
    model: Path, tmp_path: Path, tabsynth: Run
) -> None:
    ts.write_database(f"sqlite:///{tmp_path}/shop.db", shop(5, 1))
    database(tmp_path, "CREATE TABLE people (id INTEGER PRIMARY KEY, age TEXT); " +
             "".join(f"CREATE TABLE {name} (id INTEGER);" for name in
                     ("bills", "clubs", "members", "visits")))  # fmt: skip
    before = snapshot(tmp_path)
    for to, words, said in (
        (f"sqlite:///{tmp_path}/shop.db", ["--append"], "to append to, got none of that name"),
        (
            f"sqlite:///{tmp_path}/source.db",
            ["--append"],
            "'visit' is not there; 'amount' is",
        ),
        (f"sqlite:///{tmp_path}/source.db", [], "'bills', 'clubs'"),
        (f"sqlite:///{tmp_path}/none/x.db", [], "a folder that exists"),
        ("mysql://me:ZQX-SECRET@host.invalid/shop", [], "mysql://host.invalid/shop"),
        (tmp_path / "shop.db", [], "the path of a database file"),
        (f"sqlite:///{tmp_path}/x.db", ["--scale", "0"], "a number above 0"),
    ):
        done = tabsynth("db", "sample", model, "--to", to, *words, "--quiet")
        done.refused(2 if "--scale" in words else 4)
        assert said in done.err, done.err
        assert snapshot(tmp_path) == before
