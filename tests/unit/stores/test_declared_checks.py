"""CHECKs become facts and constraints, or a note; in the words of every database."""

from __future__ import annotations

from typing import Any

import pytest

from tabsynth.stores.conditions import checks_in
from tabsynth.stores.declared_checks import with_checks

COLUMNS = [
    {"name": "id", "type": "integer"},
    {"name": "age", "type": "integer"},
    {"name": "low", "type": "number"},
    {"name": "high", "type": "number"},
    {"name": "price", "type": "number", "tabsynth": {"decimals": 2}},
    {"name": "state", "type": "string"},
    {"name": "Full Name", "type": "string", "constraints": {"maxLength": 40}},
    {"name": "born", "type": "date"},
    {"name": "died", "type": "date"},
    {"name": "extra", "type": "string"},
]


def read(*checks: str) -> tuple[dict[str, Any], list[Any], list[str]]:
    columns, constraints, notes = with_checks(COLUMNS, checks, {"id"})
    return {str(c["name"]): c for c in columns}, constraints, notes


@pytest.mark.parametrize(
    ("sql", "column", "facts"),
    [
        ("age >= 0", "age", {"minimum": 0}),
        ("((age >= 0) AND (age < 150))", "age", {"minimum": 0, "maximum": 149}),
        ("(`age` > 17)", "age", {"minimum": 18}),
        ("0 <= age", "age", {"minimum": 0}),
        ("age BETWEEN 1 AND 9", "age", {"minimum": 1, "maximum": 9}),
        ("age = ANY (ARRAY[1, 2])", "age", {}),
        ("price > (0)::numeric", "price", {"minimum": 0.01}),
        ("price >= -1.5", "price", {"minimum": -1.5}),
        ("age IS NOT NULL", "age", {"required": True}),
        ("length(\"Full Name\") <= 10", "Full Name", {"maxLength": 10}),
        ("char_length((\"Full Name\")::text) > 2", "Full Name", {"maxLength": 40, "minLength": 3}),
        ("born >= '1900-01-01'", "born", {"minimum": "1900-01-01"}),
        ("(born > '1900-01-01'::date)", "born", {"minimum": "1900-01-02"}),
        ("born < CAST('2000-01-01' AS DATE)", "born", {"maximum": "1999-12-31"}),
        ("id > 0", "id", {"minimum": 1}),
        ("AGE <= 9", "age", {"maximum": 9}),
    ],
)  # fmt: skip
def test_limits_of_one_column(sql: str, column: str, facts: dict[str, Any]) -> None:
    columns, constraints, notes = read(sql)
    assert columns[column].get("constraints", {}) == facts
    assert not constraints
    assert not notes


@pytest.mark.parametrize(
    "sql",
    [
        "state IN ('new', 'it''s')",
        "((state)::text = ANY ((ARRAY['new'::character varying, 'it''s'::text])::text[]))",
        "(`state` in (_utf8mb4'new',_utf8mb4'it''s'))",
        "state = 'new' OR state = 'it''s'",
    ],
)
def test_lists_are_categories(sql: str) -> None:
    columns, constraints, notes = read(sql)
    assert columns["state"]["categories"] == ["new", "it's"]
    assert not constraints
    assert not notes


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("low <= high", {"kind": "inequality", "columns": ["low", "high"]}),
        ("died > born", {"kind": "inequality", "columns": ["born", "died"], "strict": True}),
        ("low > 0", {"kind": "expression", "expression": "low > 0"}),
        ("low + high < 2 * price",
         {"kind": "expression", "expression": "(low + high) < (2 * price)"}),
        ("state <> 'x' OR \"Full Name\" IS NOT NULL",
         {"kind": "expression",
          "expression": "(state != 'x') or (`Full Name` is not null)"}),
        ("NOT (age IN (1, 2))", {"kind": "expression", "expression": "not (age in (1, 2))"}),
    ],
)  # fmt: skip
def test_rules_between_columns(sql: str, constraint: dict[str, Any]) -> None:
    _, constraints, notes = read(sql)
    assert constraints == [constraint]
    assert not notes


@pytest.mark.parametrize(
    "sql",
    [
        "upper(state) = state", "age > (SELECT 1)", "state LIKE 'a%'", "age / 2 > 1", "nobody > 1",
        "id <> age", "age > '3'", "state ~ '^a'", "age >", "", "'\\", "(" * 500 + "age",
        "state < extra",
    ],
)  # fmt: skip
def test_what_is_not_understood_is_a_note(sql: str) -> None:
    columns, constraints, notes = read(sql)
    assert list(columns.values()) == COLUMNS
    assert not constraints
    assert len(notes) == 1
    assert notes[0].endswith("kept by the database alone")


def test_several_checks_take_the_tighter_bound_and_contradictions_are_noted() -> None:
    columns, _, notes = read("age >= 0", "age >= 18", "age >= 5", "age <= 10")
    assert columns["age"]["constraints"] == {"minimum": 18}
    assert notes == ["check age <= 10: kept by the database alone"]


def test_json_is_withheld() -> None:
    columns, _, _ = read("json_valid(`extra`)")
    assert columns["extra"]["tabsynth"] == {"free_text": "replace"}


def test_checks_are_found_in_a_statement_wherever_they_stand() -> None:
    ddl = """CREATE TABLE t (a INT CHECK (a > 0), "check" TEXT DEFAULT 'CHECK (x)',
      -- CHECK (no)
      CONSTRAINT c CHECK ((a) IN (1, 2)), b INT CHECK(b<a))"""
    assert list(checks_in(ddl)) == ["a > 0", "(a) IN (1, 2)", "b<a"]
