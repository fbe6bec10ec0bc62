"""`db fit`, `db sample` and `db copy-safe`: from one database to another."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

import tabsynth as ts
from tabsynth import cli
from tests.database_zoo import keys
from tests.e2e.scene import Run, snapshot
from tests.servers import Server
from tests.shop import SCHEMA, shop

CLIENTS = 80


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database and a model of it."""
    folder = tmp_path_factory.mktemp("made")
    ts.write_database(f"sqlite:///{folder}/shop.db", shop(CLIENTS, 1))
    handler = signal.getsignal(signal.SIGTERM)
    words = ["db", "fit", f"sqlite:///{folder}/shop.db", "-o", f"{folder}/m", "--seed", "1",
             "--synthesizer", "gaussian_copula", "--quiet"]  # fmt: skip
    assert cli._run(words) == 0
    signal.signal(signal.SIGTERM, handler)
    return folder


def held(address: object) -> ts.Database:
    """What a store holds, with the keys and rules that it declares."""
    return ts.read_database(str(address))


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "folder"])
def test_a_database_is_filled_from_a_model(
    kind: str, made: Path, tmp_path: Path, tabsynth: Run
) -> None:
    to = str(tmp_path / "copy") if kind == "folder" else f"{kind}:///{tmp_path}/copy.db"
    done = tabsynth("db", "sample", made / "m", "--to", to, "--seed", "3", "--scale", "2")
    assert done.code == 0, done.err
    found = held(to)
    assert keys(found.schema) == keys(held(f"sqlite:///{made}/shop.db").schema)
    sizes = {name: table.num_rows for name, table in found.tables.items()}
    assert sizes["clients"] == 2 * CLIENTS
    for name, size in sizes.items():
        assert f"{name}: {size:,} records\n" in done.out
    source = shop(CLIENTS, 1)
    for table, column in (("clients", "id"), ("towns", "town")):
        own = set(found.tables[table].column(column).to_pylist())
        assert len(own) == sizes[table]
        assert not own & set(source.tables[table].column(column).to_pylist())
    # the same seed, the same records; what is there is not written over
    before = snapshot(tmp_path)
    assert tabsynth("db", "sample", made / "m", "--to", to).refused()
    assert snapshot(tmp_path) == before
    again = f"sqlite:///{tmp_path}/again.db"
    assert (
        tabsynth("db", "sample", made / "m", "--to", again, "--seed", "3", "--scale", "2").code == 0
    )
    assert (
        held(again).tables["clients"].data.to_pylist() == found.tables["clients"].data.to_pylist()
    )


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "folder"])
def test_records_are_added_behind_those_that_are_there_or_take_their_place(
    kind: str, made: Path, tmp_path: Path, tabsynth: Run
) -> None:
    to = str(tmp_path / "copy") if kind == "folder" else f"{kind}:///{tmp_path}/copy.db"
    first = ["db", "sample", made / "m", "--to", to, "--seed", "3"]
    assert tabsynth(*first).code == 0
    once = held(to).tables["orders"].num_rows
    for times in (2, 3):
        done = tabsynth(*first, "--append")
        assert done.code == 0, done.err
        assert held(to).tables["clients"].num_rows == times * CLIENTS
        assert held(to).tables["orders"].num_rows == times * once
    assert tabsynth(*first, "--replace", "--scale", "0.5").code == 0
    assert held(to).tables["clients"].num_rows == CLIENTS // 2
    assert tabsynth(*first, "--replace", "--append").refused(2) == "--create"


def test_the_statements_are_those_of_the_target(made: Path, tmp_path: Path, tabsynth: Run) -> None:
    done = tabsynth("db", "sample", made / "m", "--to", f"duckdb:///{tmp_path}/a.db",
                    "--ddl", tmp_path / "a.sql")  # fmt: skip
    assert done.code == 0, done.err
    with closing(duckdb.connect()) as empty:
        empty.execute((tmp_path / "a.sql").read_text())
        assert len(empty.execute("FROM duckdb_constraints()").fetchall()) > 3
    before = snapshot(tmp_path)
    words = ["db", "sample", made / "m"]
    # refused with what it stands beside: either both are there or none
    assert tabsynth(
        *words, "--to", f"duckdb:///{tmp_path}/a.db", "--ddl", tmp_path / "b.sql"
    ).refused()
    assert (
        tabsynth(*words, "--to", tmp_path / "f", "--ddl", tmp_path / "b.sql").refused(2) == "--ddl"
    )
    assert tabsynth(*words, "--to", f"duckdb:///{tmp_path}/b.db", "--ddl",
                    tmp_path / "none" / "b.sql").refused()  # fmt: skip
    assert tabsynth(*words, "--to", f"sqlite:///{tmp_path}/a.sql", "--ddl",
                    tmp_path / "a.sql").refused(2) == "--ddl"  # fmt: skip
    assert snapshot(tmp_path) == before


def test_a_model_says_what_it_is(made: Path, tmp_path: Path, tabsynth: Run) -> None:
    done = tabsynth("inspect", made / "m")
    assert done.out.startswith(
        "Synthesizer gaussian_copula; a database of 3 tables and 2 foreign keys."
    )
    assert "Not differentially private" in done.out
    body = json.loads(tabsynth("inspect", made / "m", "--json").out)
    assert body["format"] == "tabsynth-database-model"
    assert body["default_rows"]["clients"] == CLIENTS
    assert str(made) not in json.dumps(body)
    assert tabsynth("sample", made / "m", "-o", tmp_path / "t.csv").refused() == str(made / "m")
    url = f"sqlite:///{made}/shop.db"
    assert tabsynth("fit", f"{url}#orders", "-o", tmp_path / "one", "--seed", "1",
                    "--synthesizer", "independent").code == 0  # fmt: skip
    assert tabsynth("db", "sample", tmp_path / "one", "--to", tmp_path / "f").refused()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one"]


def test_a_fit_can_be_asked_what_it_would_do(made: Path, tmp_path: Path, tabsynth: Run) -> None:
    url = f"sqlite:///{made}/shop.db"
    done = tabsynth("db", "fit", url, "--dry-run", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert "clients: trees on 80 records" in done.out
    assert "towns: too few records to learn from" in done.out
    assert tabsynth("db", "fit", url).refused(2) == "-o"
    before = snapshot(made)
    assert tabsynth("db", "fit", url, "-o", made / "shop.db").refused(2) == "-o"
    assert (
        tabsynth("db", "fit", url, "-o", tmp_path / "m", "--epsilon", "1").refused(5) == "--epsilon"
    )
    assert tabsynth("db", "copy-safe", url, "--to", tmp_path / "c", "--epsilon", "1").refused(5)
    assert (
        tabsynth("db", "fit", url, "-o", tmp_path / "m", "--ledger", "l").refused(2) == "--ledger"
    )
    assert snapshot(made) == before
    assert not list(tmp_path.iterdir())


def test_a_target_that_refuses_a_record_is_left_as_it_was(
    made: Path, tmp_path: Path, tabsynth: Run
) -> None:
    url = f"sqlite:///{tmp_path}/strict.db"
    assert tabsynth("db", "sample", made / "m", "--to", url, "--scale", "0.1").code == 0
    with closing(sqlite3.connect(tmp_path / "strict.db")) as connection:
        # the last table to be written has a rule that the model does not know
        connection.executescript(
            "CREATE TABLE other AS SELECT * FROM orders; DROP TABLE orders; CREATE TABLE orders "
            "(client INTEGER REFERENCES clients(id), amount INTEGER CHECK (amount < 80), day DATE, "
            "kind TEXT); INSERT INTO orders SELECT * FROM other WHERE amount < 80; "
            "DROP TABLE other;"
        )
    before = snapshot(tmp_path)
    done = tabsynth("db", "sample", made / "m", "--to", url, "--append", "--quiet")
    assert done.refused().endswith("strict.db: table 'orders'")
    assert "records that break a CHECK" in done.err
    assert snapshot(tmp_path) == before


def test_a_safe_copy_in_one_command(made: Path, tmp_path: Path, tabsynth: Run) -> None:
    url, to = f"sqlite:///{made}/shop.db", f"duckdb:///{tmp_path}/safe.db"
    before = snapshot(made)
    done = tabsynth("db", "copy-safe", url, "--to", to, "-o", tmp_path / "r", "--seed", "1",
                    "--synthesizer", "independent", "--entity", "clients",
                    "--junit", tmp_path / "r" / "junit.xml")  # fmt: skip
    assert done.code == 3, done.err
    assert "verdict: inconclusive\n" in done.out
    assert f"clients: {CLIENTS} records\n" in done.out
    assert "judged by each of clients" in done.out
    names = {"report.html", "report.json", "model.tabsynth", "junit.xml"}
    assert {p.name for p in (tmp_path / "r").iterdir()} == names
    assert held(to).tables["clients"].num_rows == CLIENTS
    body = json.loads((tmp_path / "r" / "report.json").read_text())
    assert body["provenance"]["entity"] == "clients"
    assert str(made) not in json.dumps(body)
    # the source is no target, under whatever name
    assert tabsynth("db", "copy-safe", url, "--to", f"sqlite:///{made}/../{made.name}/shop.db",
                    "--quiet").refused()  # fmt: skip
    assert snapshot(made) == before


def test_what_stands_on_a_server_is_copied_to_another(
    postgresql: Server, mariadb: Server, tmp_path: Path, tabsynth: Run
) -> None:
    source, target = postgresql.database(), mariadb.database()
    ts.write_database(source, shop(CLIENTS, 1))
    made = ["db", "fit", source, "-o", tmp_path / "m", "--seed", "1",
            "--synthesizer", "independent"]  # fmt: skip
    done = tabsynth(*made)
    assert done.code == 0, done.err
    done.shows_no_secret()
    for to in (target, postgresql.database()):
        for further in ([], ["--append"], ["--replace"]):
            done = tabsynth("db", "sample", tmp_path / "m", "--to", to, *further, "--seed", "2",
                            "--ddl", tmp_path / "tables.sql")  # fmt: skip
            assert done.code == 0, done.err
            found = held(to)
            assert keys(found.schema) == keys(SCHEMA)
            twice = 2 if further == ["--append"] else 1
            assert found.tables["clients"].num_rows == twice * CLIENTS
    again = mariadb.url(target.rpartition("/")[2])
    assert tabsynth("db", "copy-safe", target, "--to", again, "--quiet").refused()
    with (tmp_path / "m").open("rb") as file:
        content = file.read()
    for secret in (b"tester", b"127.0.0.1", b"s3cret"):
        assert secret not in content
