"""Commands read tables of databases, and show no secret of an address."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from tabsynth import modelfile
from tabsynth.schema.database import load_database_schema
from tests.e2e.scene import Run, snapshot

DDL = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, city VARCHAR(10));
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customers(id),
  day DATE, amount DECIMAL(10, 2) CHECK (amount BETWEEN 0 AND 500),
  state VARCHAR(10) CHECK (state IN ('new', 'paid', 'sent')));
CREATE TABLE seats (room INTEGER, seat INTEGER, kind VARCHAR(3), PRIMARY KEY (room, seat));
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("shop") / "shop.db"
    rng = np.random.default_rng(0)
    connection = sqlite3.connect(path)
    connection.executescript(DDL)
    people = [(i, f"city {i % 5}") for i in range(100)]
    connection.executemany("INSERT INTO customers VALUES (?, ?)", people)
    orders = [
        (i, int(rng.integers(100)), f"2024-{rng.integers(1, 13):02}-01",
         round(float(rng.gamma(2, 20)), 2), ("new", "paid", "sent")[rng.integers(3)])
        for i in range(300)
    ]  # fmt: skip
    connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", orders)
    seats = [(i, j, "abc"[(i + j) % 3]) for i in range(12) for j in range(12)]
    connection.executemany("INSERT INTO seats VALUES (?, ?, ?)", seats)
    connection.commit()
    connection.close()
    return f"sqlite:///{path}"


def test_a_schema_is_what_the_database_declares(tabsynth: Run, shop: str, tmp_path: Path) -> None:
    done = tabsynth("db", "schema", shop, "-o", tmp_path / "declared.yaml")
    assert done.code == 0
    assert "3 tables, 1 foreign keys" in done.out
    declared = load_database_schema(tmp_path / "declared.yaml")
    assert not any(f.tabsynth.observed for t in declared.tables.values() for f in t.fields)
    assert tabsynth("db", "schema", shop, "-o", tmp_path / "seen.json", "--infer").code == 0
    seen = load_database_schema(tmp_path / "seen.json").tables["customers"].field("city")
    assert seen.domain == tuple(f"city {i}" for i in range(5))
    assert "categories" in seen.tabsynth.observed


def test_a_table_of_a_database_is_fitted_like_a_file(
    tabsynth: Run, shop: str, tmp_path: Path
) -> None:
    made = ["fit", f"{shop}#orders", "-o", tmp_path / "m", "--seed", "1",
            "--synthesizer", "independent"]  # fmt: skip
    done = tabsynth(*made)
    assert done.code == 0
    schema = modelfile.load(tmp_path / "m").schema
    assert schema.field("id").is_generated
    # who ordered is not learnt
    assert schema.field("customer").is_generated
    assert schema.field("amount").tabsynth.decimals == 2
    assert tabsynth("fit", f"{shop}#seats", "-o", tmp_path / "n", "--seed", "1").code == 0
    assert tabsynth("sample", tmp_path / "n", "-o", tmp_path / "s.csv", "-n", "50").code == 0
    checked = tabsynth("schema", "infer", f"{shop}#seats", "-o", tmp_path / "seats.yaml")
    assert checked.code == 0
    assert tabsynth("schema", "check", tmp_path / "seats.yaml", f"{shop}#seats").code == 0
    assert tabsynth("schema", "check", tmp_path / "seats.yaml", tmp_path / "s.csv").code == 0
    judged = tabsynth("evaluate", "--train", f"{shop}#seats", "--holdout", f"{shop}#seats",
                      "--synthetic", tmp_path / "s.csv", "-o", tmp_path / "e")  # fmt: skip
    assert judged.code == 4
    assert "holdout: expected records that are not in train" in judged.err


def test_a_fit_under_a_budget_takes_what_is_declared(
    tabsynth: Run, shop: str, tmp_path: Path
) -> None:
    budget = ["--epsilon", "1", "--source-id", "s", "--ledger", tmp_path / "l.sqlite"]
    refused = tabsynth("fit", f"{shop}#orders", *budget, "-o", tmp_path / "m")
    assert refused.code == 5
    assert "'id'" not in refused.err
    assert "'day' (no minimum" in refused.err or "'day' (no categories)" in refused.err
    assert not (tmp_path / "l.sqlite").exists()


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("#nothing", "table 'nothing'"),
        ("", "expected one table"),
        ("postgresql://me:hush@nowhere.invalid/db#t", "postgresql://nowhere.invalid/db: expected"),
        ("mysql://me:hush@127.0.0.1:1/db?a=hush#t", "mysql://127.0.0.1:1/db: expected"),
        ("postgresql://me:hu/sh@host/db#t", "postgresql://...: expected"),
        ("postgresql://me:1234#hush@host/db", "postgresql://...: expected"),
        ("oracle://me:hush@host/db#t", "oracle://...: expected"),
    ],
)
def test_what_cannot_be_read_is_one_line_without_a_secret(
    tabsynth: Run, shop: str, tmp_path: Path, address: str, where: str
) -> None:
    url = address if "://" in address else shop + address
    before = snapshot(tmp_path)
    for command in ("fit", "run"):
        done = tabsynth(command, url, "-o", tmp_path / "out")
        assert done.code == (2 if where == "expected one table" else 4)
        assert where in done.err
        assert "hush" not in done.err + done.out
        assert "me:" not in done.err
    assert snapshot(tmp_path) == before


def test_the_database_that_is_read_is_not_written_over(
    tabsynth: Run, shop: str, tmp_path: Path
) -> None:
    path = Path(shop.removeprefix("sqlite:///"))
    before = path.read_bytes()
    for arguments in (["db", "schema", shop], ["fit", f"{shop}#orders"]):
        assert tabsynth(*arguments, "-o", path).code == 2
    assert path.read_bytes() == before


def test_checks_declare_the_domain_of_a_private_fit(tabsynth: Run, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "p.db")
    connection.executescript("""CREATE TABLE visits (id INTEGER PRIMARY KEY,
      ward TEXT CHECK (ward IN ('a', 'b', 'c')), age INTEGER CHECK (age BETWEEN 0 AND 120))""")
    rng = np.random.default_rng(0)
    rows = [(i, "abc"[rng.integers(3)], int(rng.integers(120))) for i in range(300)]
    connection.executemany("INSERT INTO visits VALUES (?, ?, ?)", rows)
    # neither a value of another type nor bytes that are no text stop a fit that may not tell
    connection.execute("PRAGMA ignore_check_constraints = 1")
    connection.execute("INSERT INTO visits VALUES (300, CAST(x'ff' AS TEXT), 'unknown')")
    connection.commit()
    connection.close()
    url = f"sqlite:///{tmp_path / 'p.db'}#visits"
    budget = ["--epsilon", "1", "--source-id", "s", "--ledger", tmp_path / "l.sqlite"]
    done = tabsynth("fit", url, *budget, "--synthesizer", "mst", "-o", tmp_path / "m")
    assert done.code == 0, done.err
    schema = modelfile.load(tmp_path / "m").schema
    assert schema.field("ward").domain == ("a", "b", "c")
    assert schema.field("age").bounds == (0, 120)
    # without a budget both are told
    plain = tabsynth("fit", url, "-o", tmp_path / "n")
    assert plain.code == 4
    assert "unknown" not in plain.err
    assert not (tmp_path / "n").exists()
