"""`tabsynth db mock`, as people call it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tabsynth.cli import _run
from tabsynth.database_workflow import read_database
from tabsynth.stores.address import open_store

SHOP = Path(__file__).parents[2] / "schemas" / "examples" / "shop.yaml"


def test_a_folder_is_filled_from_a_schema_alone(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        asked = ["--rows", "customers=30", "--rows", "orders=90", "--seed", "4", "--edge-cases"]
        assert _run(["db", "mock", str(SHOP), "--to", str(folder), *asked]) == 0
    one, two = tmp_path / "one", tmp_path / "two"
    assert {p.name: p.read_bytes() for p in one.iterdir()} == {
        p.name: p.read_bytes() for p in two.iterdir()
    }
    database = read_database(open_store(str(one)))
    marks = list(csv.DictReader((tmp_path / "one.edge-cases.csv").read_text("utf-8").splitlines()))
    assert database.tables["customers"].num_rows == 30 + len(
        [mark for mark in marks if mark["table"] == "customers"]
    )


@pytest.mark.parametrize("kind", ["sqlite", "folder"])
def test_records_are_added_behind_those_that_are_there(kind: str, tmp_path: Path) -> None:
    to = str(tmp_path / "shop") if kind == "folder" else f"sqlite:///{tmp_path / 'shop.db'}"
    words = ["db", "mock", str(SHOP), "--to", to, "--rows", "customers=30", "--rows", "orders=90"]
    assert _run([*words, "--append"]) == 4
    assert not list(tmp_path.iterdir())
    assert _run([*words, "--seed", "4"]) == 0
    once = {name: t.num_rows for name, t in read_database(to).tables.items()}
    assert _run([*words, "--append", "--seed", "5"]) == 0
    # read with its keys checked, own and foreign ones
    found = read_database(to).tables
    for name in ("customers", "orders"):
        assert found[name].num_rows == 2 * once[name], name


def test_what_cannot_be_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = tmp_path / "datapackage.yaml"
    schema.write_text(
        "resources: [{name: t, schema: {fields: [{name: c, type: boolean}], primaryKey: c}}]"
    )
    for to in (str(tmp_path / "out"), f"sqlite:///{tmp_path / 'out.db'}"):
        assert _run(["db", "mock", str(schema), "--to", to, "--rows", "t=3"]) == 4
        assert "error: table 't': key c: expected at most 2 records" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["datapackage.yaml"]
    assert _run(["db", "mock", str(schema), "--to", "x", "--rows", "t"]) == 2
    assert _run(["db", "mock", str(schema), "--to", "x", "--rows", "t=1", "--create",
                 "--append"]) == 2  # fmt: skip
