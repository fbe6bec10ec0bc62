"""Test databases keep all that their schema declares."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tabsynth.database import Database
from tabsynth.errors import SchemaError, UsageError
from tabsynth.mock.records import BLOCK, Mock
from tabsynth.mock.writing import parse_rows, write_mock
from tabsynth.schema.database import (
    DatabaseSchema,
    load_database_schema,
    parse_database_schema,
)
from tabsynth.stores.address import open_store

SHOP = Path(__file__).parents[3] / "schemas" / "examples" / "shop.yaml"


def package(**tables: dict[str, Any]) -> DatabaseSchema:
    resources = [{"name": name, "schema": schema} for name, schema in tables.items()]
    return parse_database_schema({"resources": resources})


def column(name: str, kind: str = "integer", **rules: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "constraints": rules}


def key(fields: Any, parent: str, references: Any) -> dict[str, Any]:
    return {"fields": fields, "reference": {"resource": parent, "fields": references}}


def made(schema: DatabaseSchema, *, edge_cases: bool = False, **rows: int) -> Database:
    mock = Mock.of(schema, rows, seed=3, edge_cases=edge_cases)
    raw = {
        name: pa.concat_tables([*mock.blocks(name), mock.edge_records(name)[0]])
        for name in mock.rows
    }
    return Database.checked(raw, schema, where="mock")


PARENTS = {
    "a": {"fields": [column("id")], "primaryKey": "id"},
    "b": {"fields": [column("x"), column("y", "string", maxLength=3)], "primaryKey": ["x", "y"]},
}


def test_a_link_table_has_no_pair_twice_and_can_be_full() -> None:
    link = {
        "fields": [column("a"), column("x"), column("y", "string")],
        "primaryKey": ["a", "x", "y"],
        "foreignKeys": [key("a", "a", "id"), key(["x", "y"], "b", ["x", "y"])],
    }
    full = made(package(**PARENTS, link=link), a=7, b=11, link=77)
    assert full.tables["link"].num_rows == 77
    with pytest.raises(SchemaError, match="at most 77 records"):
        Mock.of(package(**PARENTS, link=link), {"a": 7, "b": 11, "link": 78}, seed=0)


def test_children_are_skewed_and_every_parent_may_have_some() -> None:
    child = {
        "fields": [column("id"), column("a", required=True)],
        "primaryKey": "id",
        "foreignKeys": [key("a", "a", "id")],
    }
    schema = package(a=PARENTS["a"], child=child)
    database = made(schema, a=20, child=4_000)
    places = database.parents("child", schema.foreign_keys["child"][0])
    counts = sorted((places == p).sum() for p in range(20))
    assert counts[0] > 0
    assert counts[-1] > 4 * counts[0]


def test_one_to_one_self_references_and_optional_parents() -> None:
    child = {
        "fields": [column("id"), column("a", unique=True), column("boss"), column("maybe")],
        "primaryKey": "id",
        "foreignKeys": [
            key("a", "a", "id"), {"fields": "boss", "reference": {"fields": "id"}},
            key("maybe", "a", "id"),
        ],
    }  # fmt: skip
    schema = package(a=PARENTS["a"], child=child)
    database = made(schema, a=300)
    assert database.tables["child"].num_rows == 300
    boss = database.parents("child", schema.foreign_keys["child"][1])
    assert all(parent < place for place, parent in enumerate(boss))
    maybe = database.parents("child", schema.foreign_keys["child"][2])
    assert 0 < (maybe < 0).sum() < 100


def test_lines_are_numbered_within_their_parent() -> None:
    database = made(load_database_schema(SHOP), orders=200)
    lines = database.tables["lines"].data.to_pydict()
    first: dict[str, int] = {}
    for order, line in zip(lines["order"], lines["line"], strict=True):
        assert line == first.get(order, 0) + 1
        first[order] = line


def test_a_person_has_one_name() -> None:
    customers = made(load_database_schema(SHOP), customers=50).tables["customers"]
    for name, email in zip(
        customers.column("name").to_pylist(), customers.column("email").to_pylist(), strict=True
    ):
        assert email.split(".")[0] == name.split()[0].lower()
        assert email.split(".")[1] == name.split()[-1].lower()


@pytest.mark.parametrize(
    ("schema", "rows", "words"),
    [
        ({"fields": [column("c", "boolean", unique=True)]}, 3, "at most 2 records"),
        ({"fields": [column("c", "string", unique=True, pattern=r"\d")]}, 11, "at most 10 records"),
        ({"fields": [column("c", "string", pattern="(a|b)+")]}, 1, "pattern of literals"),
        ({"fields": [column("c", "string", pattern="ab", minLength=3)]}, 1, "minLength"),
        (
            {"fields": [column("c", required=True), column("id")], "primaryKey": "id",
             "foreignKeys": [{"fields": "c", "reference": {"fields": "id"}}]}, 1, "self reference",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(schema: dict[str, Any], rows: int, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        Mock.of(package(t=schema), {"t": rows}, seed=0)


def test_keys_in_a_circle_are_refused() -> None:
    circle = {
        name: {"fields": [column("id"), column("o")], "primaryKey": "id",
               "foreignKeys": [key("o", other, "id")]}
        for name, other in (("p", "q"), ("q", "p"))
    }  # fmt: skip
    with pytest.raises(SchemaError, match="circle"):
        Mock.of(package(**circle), {}, seed=0)


def test_rows_are_tables_of_the_schema() -> None:
    assert parse_rows(["a=3", "b=0"]) == {"a": 3, "b": 0}
    for pairs in (["a"], ["a=x"], ["a=-1"], ["a=1", "a=2"]):
        with pytest.raises(UsageError):
            parse_rows(pairs)
    with pytest.raises(UsageError, match="tables of the schema"):
        Mock.of(load_database_schema(SHOP), {"nowhere": 1}, seed=0)


def test_a_block_is_the_same_whatever_else_is_drawn() -> None:
    schema = load_database_schema(SHOP)
    mock = Mock.of(schema, {"customers": BLOCK + 10}, seed=5)
    again = Mock.of(schema, {"customers": BLOCK + 10}, seed=5)
    other = Mock.of(schema, {"customers": BLOCK + 10}, seed=6)
    whole = list(mock.blocks("customers"))
    assert [b.num_rows for b in whole] == [BLOCK, 10]
    last = again.records("customers", BLOCK, 10, rng=again.stream("customers", 1))
    assert last.equals(whole[1])
    assert not list(other.blocks("customers"))[1].equals(whole[1])


def test_edge_cases_are_valid_marked_and_loaded_with_rules_on(tmp_path: Path) -> None:
    schema, marks = load_database_schema(SHOP), tmp_path / "edges.csv"
    for name in ("one", "two"):
        store = open_store(f"sqlite:///{tmp_path / name}.db")
        written = write_mock(
            store, schema, {"customers": 20}, seed=1, mode="create", edge_cases_file=marks
        )
    made(schema, edge_cases=True, customers=20)
    with (
        closing(sqlite3.connect(tmp_path / "one.db")) as one,
        closing(sqlite3.connect(tmp_path / "two.db")) as two,
    ):
        assert list(one.iterdump()) == list(two.iterdump())
        assert one.execute("PRAGMA foreign_key_check").fetchall() == []
        assert one.execute("SELECT count(*) FROM lines").fetchone() == (written["lines"],)
        rows = list(csv.DictReader(marks.read_text(encoding="utf-8").splitlines()))
        assert {"leap day", "maximum", "minimum", "emoji", "maximum length"} <= {
            row["case"] for row in rows
        }
        for row in rows:
            if row["table"] == "categories" and row["case"] == "maximum length":
                query = "SELECT length(label) FROM categories WHERE id = ?"
                assert one.execute(query, (int(row["key"]),)).fetchone() == (20,)
                break
        else:
            raise AssertionError("no label of maximum length")


TYPES = st.sampled_from(["integer", "number", "boolean", "string", "date", "datetime", "time"])


@st.composite
def schemas(draw: st.DrawFn) -> DatabaseSchema:
    tables: dict[str, dict[str, Any]] = {}
    for place in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["integer", "string", "date"]))
        fields, keys = [column("id", kind)], []
        for other in list(tables):
            if draw(st.booleans()):
                parent = tables[other]["fields"][0]["type"]
                fields.append(column(f"of_{other}", parent, required=draw(st.booleans())))
                keys.append(key(f"of_{other}", other, "id"))
        for number in range(draw(st.integers(0, 4))):
            rules: dict[str, Any] = {"required": draw(st.booleans())}
            what = draw(TYPES)
            if what == "string":
                rules["maxLength"] = draw(st.integers(0, 30))
            if what in ("integer", "number"):
                low = draw(st.integers(-50, 50))
                rules |= {"minimum": low, "maximum": low + draw(st.integers(0, 90))}
            fields.append(column(f"c{number}", what, **rules))
        tables[f"t{place}"] = {"fields": fields, "primaryKey": "id", "foreignKeys": keys}
        ordered = [f["name"] for f in fields if f["type"] == "datetime"]
        if len(ordered) > 1:
            tables[f"t{place}"]["tabsynth"] = {
                "constraints": [{"kind": "inequality", "columns": ordered[:2]}]
            }
    return package(**tables)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(schema=schemas(), rows=st.integers(0, 40), edge_cases=st.booleans())
def test_any_schema_is_kept_and_loads(
    schema: DatabaseSchema, rows: int, edge_cases: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    database = made(schema, edge_cases=edge_cases, t0=rows)
    assert database.tables["t0"].num_rows >= rows
    place = tmp_path_factory.mktemp("mock") / "t.db"
    marks = place.with_suffix(".csv") if edge_cases else None
    store = open_store(f"sqlite:///{place}")
    written = write_mock(store, schema, {"t0": rows}, seed=3, mode="create", edge_cases_file=marks)
    assert written == {name: table.num_rows for name, table in database.tables.items()}
