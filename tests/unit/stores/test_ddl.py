"""The SQL of a schema is taken by the engine that it is for, and its rules hold there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import duckdb
import pytest

from tabsynth.errors import SchemaError
from tabsynth.schema.database import DatabaseSchema, parse_database_schema
from tabsynth.stores.ddl import ddl
from tabsynth.stores.dialects import ENGINES
from tests.database_zoo import ZOO
from tests.servers import Server, connection

ENGINES_HERE = ("sqlite", "duckdb", "postgresql", "mariadb")


def one(field: dict[str, Any], *others: dict[str, Any], **table: Any) -> DatabaseSchema:
    schema = {"fields": [field, *others], **table}
    return parse_database_schema({"resources": [{"name": "t", "schema": schema}]})


@pytest.fixture(params=ENGINES_HERE)
def engine(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def run(engine: str, request: pytest.FixtureRequest) -> Iterator[Callable[[str], None]]:
    """Run a statement in a new database of an engine."""
    with ExitStack() as stack:
        if engine == "sqlite":
            opened: Any = stack.enter_context(closing(sqlite3.connect(":memory:")))
        elif engine == "duckdb":
            opened = stack.enter_context(duckdb.connect())
        else:
            server: Server = request.getfixturevalue(engine)
            name = server.database().rpartition("/")[2]
            opened = stack.enter_context(connection(server, name)).cursor()
        yield opened.execute


def statements(schema: DatabaseSchema, engine: Any) -> list[str]:
    return [part for part in ddl(schema, engine).split(";\n\n") if part]


def test_every_engine_takes_its_own(engine: Any, run: Callable[[str], None]) -> None:
    for make in ZOO.values():
        for statement in statements(make().schema, engine):
            run(statement)


FIELDS: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "bounds": ({"type": "integer", "constraints": {"minimum": 0, "maximum": 9}},
               ["0", "9", "NULL"], ["-1", "10"]),
    "half bounds": ({"type": "number", "constraints": {"minimum": 0.5}}, ["0.5", "7"], ["0.4"]),
    "days": ({"type": "date", "constraints": {"maximum": "2020-02-29"}},
             ["'2020-02-29'", "NULL"], ["'2020-03-01'"]),
    "times": ({"type": "time", "constraints": {"minimum": "08:30:00"}},
              ["'08:30:00'"], ["'08:29:59'"]),
    "moments": ({"type": "datetime", "constraints": {"minimum": "2020-01-01T00:00:00"}},
                ["'2020-01-01 00:00:00'"], ["'2019-12-31 23:59:59'"]),
    "required": ({"constraints": {"required": True}}, ["''"], ["NULL"]),
    "categories": ({"categories": ["it's", "B"]}, ["'it''s'", "'B'", "NULL"], ["'b'", "'x'"]),
    "numbers of a list": ({"type": "integer", "categories": [1, 3]}, ["3"], ["2"]),
    "lengths": ({"constraints": {"minLength": 2, "maxLength": 3}},
                ["'ab'", "'äöü'"], ["'a'", "'abcd'"]),
    "pattern": ({"constraints": {"pattern": r"[A-C]\d{2}-[]x^]".replace("[]", r"[\]")}},
                ["'A12-]'", "'C00-^'", "NULL"], ["'D12-]'", "'a12-]'", "'A12-]x'", "'xA12-]'"]),
}  # fmt: skip


def test_rules_of_a_field_hold(engine: Any, run: Callable[[str], None]) -> None:
    for name, (field, good, bad) in FIELDS.items():
        check(name, one({"name": "x", **field}), good, bad, engine=engine, run=run)


def check(
    name: str, schema: DatabaseSchema, good: list[str], bad: list[str], *, engine: Any, run: Any
) -> None:
    """Good rows are taken, each into an empty table, and bad ones are not."""
    for statement in statements(schema, engine):
        run(statement)
    for row in good:
        run(f"INSERT INTO t VALUES ({row})")
        run("DELETE FROM t")
    for row in bad:
        with pytest.raises(Exception, match=r"(?i)constraint|null|long|duplicate"):
            run(f"INSERT INTO t VALUES ({row})")
            pytest.fail(f"{name}: {engine} takes {row}")
    run("DROP TABLE t")


RULES: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "inequality": ({"kind": "inequality", "columns": ["a", "b", "c"]},
                   ["1, 1, 2", "1, NULL, 2", "NULL, NULL, NULL"], ["2, 1, 3", "3, NULL, 2"]),
    "strict": ({"kind": "inequality", "columns": ["a", "b"], "strict": True},
               ["1, 2, 0"], ["1, 1, 0"]),
    "total": ({"kind": "total", "total": "a", "parts": ["b", "c"]},
              ["3, 1, 2", "3, NULL, 1"], ["4, 1, 2"]),
    "increment": ({"kind": "increment", "column": "a", "step": 5, "offset": 2},
                  ["7, 0, 0", "-3, 0, 0", "NULL, 0, 0"], ["6, 0, 0"]),
    "one of several": ({"kind": "one_hot", "columns": ["a", "b"]},
                       ["1, 0, 5", "NULL, NULL, 5"], ["1, 1, 5", "0, 0, 5", "1, NULL, 5"]),
    "exclusive": ({"kind": "exclusive", "columns": ["a", "b"], "required": True},
                  ["1, NULL, 0", "NULL, 1, 0"], ["1, 1, 0", "NULL, NULL, 0"]),
    "combinations": ({"kind": "combinations", "columns": ["a", "b"],
                      "allowed": [[1, 2], [None, 3]]},
                     ["1, 2, 0", "NULL, 3, 0"], ["1, 3, 0", "NULL, 2, 0", "1, NULL, 0"]),
    "expression": ({"kind": "expression", "expression": "a * b > -3 and not (c in (4, 5))"},
                   ["3037000500, 3037000500, 3", "NULL, 1, NULL"], ["1, -3, 0", "1, 1, 5"]),
    "chain": ({"kind": "expression", "expression": "0 <= a < b or c is null"},
              ["0, 1, 1", "5, 1, NULL"], ["1, 1, 1", "-1, 1, 1"]),
    "unique": ({"kind": "unique", "columns": ["a", "b"]}, ["1, 2, 3), (1, NULL, 3"],
               ["1, 2, 3), (1, 2, 4"]),
}  # fmt: skip


def test_rules_between_columns_hold(engine: Any, run: Callable[[str], None]) -> None:
    numbers = [{"name": name, "type": "integer"} for name in "abc"]
    for name, (rule, good, bad) in RULES.items():
        schema = one(*numbers, tabsynth={"constraints": [rule]})
        check(name, schema, good, bad, engine=engine, run=run)


@pytest.mark.parametrize("written", ENGINES)
def test_what_was_read_from_records_is_no_rule(written: Any) -> None:
    schema = one(
        {"name": "a", "type": "integer", "constraints": {"minimum": 3, "maximum": 77,
         "required": True}, "tabsynth": {"observed": ["minimum", "maximum", "required"]}},
        {"name": "b", "categories": ["secret"], "tabsynth": {"observed": ["categories"]}},
        {"name": "c", "type": "number", "tabsynth": {"decimals": 1, "observed": ["decimals"]}},
        tabsynth={"constraints": [
            {"kind": "inequality", "columns": ["a", "c"], "observed": True}]},
    )  # fmt: skip
    text = ddl(schema, written)
    for fact in ("CHECK", "77", "secret", "NOT NULL", "NUMERIC", "SMALLINT", "smallint"):
        assert fact not in text


def test_integers_are_as_wide_as_their_bounds_and_keys_as_what_they_lead_to() -> None:
    schema = ZOO["trees"]().schema
    text = ddl(schema, "postgresql")
    assert '"id" smallint' in text
    assert '"boss" smallint' in text
    assert '"number" bigint' in text
    assert '"n" bigint' in text
    assert '"c" varchar(2)' in text


def test_columns_that_are_left_out_are_left_out() -> None:
    note = {"name": "note", "tabsynth": {"free_text": "drop"}}
    text = ddl(one({"name": "a", "type": "integer"}, note, uniqueKeys=[["a", "note"]]), "sqlite")
    assert "note" not in text
    assert "UNIQUE" not in text


def test_names_that_an_engine_does_not_keep_are_refused() -> None:
    long = one({"name": "ü" * 32})
    with pytest.raises(SchemaError, match="names that postgresql keeps"):
        ddl(long, "postgresql")
    assert ddl(long, "mariadb")
    twice = one({"name": "Id"}, {"name": "ID"})
    assert ddl(twice, "postgresql")
    with pytest.raises(SchemaError, match="differ in capitals alone"):
        ddl(twice, "sqlite")
