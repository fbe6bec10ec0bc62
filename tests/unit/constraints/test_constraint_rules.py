from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from tabsynth.constraints.evaluation import breaks, check_expression
from tabsynth.constraints.rules import broken
from tabsynth.errors import SchemaError
from tabsynth.table import Table
from tests.constrained import CONSTRAINTS, constrained, schema_of

DAYS = [dt.date(2024, 1, 1), dt.date(2024, 3, 1), None]
FIELDS = [
    {"name": "a", "type": "integer"},
    {"name": "b", "type": "number", "tabsynth": {"decimals": 2}},
    {"name": "x", "type": "number"},
    {"name": "s"},
    {"name": "ok", "type": "boolean"},
    {"name": "day", "type": "date"},
    {"name": "last day", "type": "date"},
    {"name": "seen", "type": "datetime"},
    {"name": "clock", "type": "time"},
]
VALUES: dict[str, Any] = {
    "a": [1, 2, None],
    "b": [0.3, 2.0, 1.0],
    "x": [0.1 + 0.2, 2.0, None],
    "s": ["red", "blue", None],
    "ok": [True, False, None],
    "day": DAYS,
    "last day": [dt.date(2024, 1, 31), dt.date(2024, 2, 1), DAYS[0]],
    "seen": [dt.datetime(2024, 1, 1, 12), dt.datetime(2023, 1, 1), None],
    "clock": [dt.time(9), dt.time(18), None],
}


def table(rule: dict[str, Any] | None = None) -> Table:
    return Table.checked(pa.table(VALUES), schema_of([rule] if rule else [], FIELDS))


def found(rule: dict[str, Any]) -> list[bool]:
    made = table(rule)
    mask: list[bool] = broken(made.schema.tabsynth.constraints[0], made).tolist()
    return mask


@pytest.mark.parametrize("rule", CONSTRAINTS, ids=lambda r: r["kind"])
def test_a_table_that_keeps_a_rule_breaks_it_nowhere(rule: dict[str, Any]) -> None:
    made = constrained()
    place = CONSTRAINTS.index(rule)
    assert not broken(made.schema.tabsynth.constraints[place], made).any()


@pytest.mark.parametrize(
    ("rule", "mask"),
    [
        ({"kind": "inequality", "columns": ["day", "last day"]}, [False, True, False]),
        ({"kind": "inequality", "columns": ["b", "a"]}, [False, False, False]),
        ({"kind": "inequality", "columns": ["b", "a"], "strict": True}, [False, True, False]),
        # what stands between is missing: the ends are compared
        ({"kind": "inequality", "columns": ["b", "a", "x"]}, [True, False, False]),
        ({"kind": "increment", "column": "b", "step": 0.5}, [True, False, False]),
        ({"kind": "increment", "column": "x", "step": 0.1}, [False, False, False]),
        ({"kind": "increment", "column": "day", "step": 7, "offset": "2024-01-08"},
         [False, True, False]),
        ({"kind": "increment", "column": "a", "step": 2, "offset": 1}, [False, True, False]),
        ({"kind": "total", "total": "x", "parts": ["a", "b"]}, [True, True, False]),
        ({"kind": "total", "total": "b", "parts": ["x", "a"]}, [True, True, False]),
        ({"kind": "one_hot", "columns": ["ok", "a"]}, [True, True, False]),
        ({"kind": "exclusive", "columns": ["a", "b"]}, [True, True, False]),
        ({"kind": "exclusive", "columns": ["a", "s"], "required": True}, [True, True, True]),
        ({"kind": "unique", "columns": ["ok"]}, [False, False, False]),
        ({"kind": "combinations", "columns": ["s", "a"], "allowed": [["red", 1], [None, None]]},
         [False, True, False]),
        ({"kind": "combinations", "columns": ["s", "a"]}, [False, False, False]),
    ],
)  # fmt: skip
def test_which_records_break_a_rule(rule: dict[str, Any], mask: list[bool]) -> None:
    assert found(rule) == mask


def test_combinations_are_held_to_those_that_are_known() -> None:
    made = table({"kind": "combinations", "columns": ["s", "a"]})
    mask = broken(made.schema.tabsynth.constraints[0], made, known=['["red", 1]'])
    assert mask.tolist() == [False, True, True]


def test_repeated_records_are_those_after_the_first() -> None:
    rule = {"kind": "unique", "columns": ["a", "s"]}
    values = pa.table({"a": [1, 1, 1, None, None], "s": ["x", "x", "y", "x", "x"]})
    made = Table.checked(values, schema_of([rule], [FIELDS[0], FIELDS[3]]))
    mask = broken(made.schema.tabsynth.constraints[0], made)
    assert mask.tolist() == [False, True, False, False, False]


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("a < b", [True, True, False]),
        ("b == x", [False, False, False]),
        ("a + b * 2 - 1 <= 3", [False, True, False]),
        ("a / (a - 1) > 0", [False, False, False]),
        ("a % 2 == 1", [False, True, False]),
        ("s == 'red'", [False, True, False]),
        ("s != 'red' or a == 1", [False, False, False]),
        ("s in ('red', 'green')", [False, True, False]),
        ("s not in ('red', 'green')", [True, False, False]),
        ("a is null", [True, True, False]),
        ("a is not null", [False, False, True]),
        ("ok", [False, True, False]),
        ("not ok", [True, False, False]),
        ("ok == true", [False, True, False]),
        # one false part decides, also beside an unknown one
        ("a > 0 and b > 1.5", [True, False, True]),
        ("a > 5 or b > 5", [True, True, False]),
        ("1 <= a < 2", [False, True, False]),
        ("day < '2024-02-01'", [False, True, False]),
        ("`last day` - day == 30", [False, True, False]),
        ("day + 30 == `last day`", [False, True, False]),
        ("seen >= '2024-01-01T00:00:00'", [False, True, False]),
        ("clock < '12:00'", [False, True, False]),
        ("-a < 0", [False, False, False]),
        ("s >= 'c'", [False, True, False]),
    ],
)
def test_what_an_expression_says(text: str, mask: list[bool]) -> None:
    made = table({"kind": "expression", "expression": text})
    assert breaks(text, made).tolist() == mask


@pytest.mark.parametrize(
    "text",
    ["a + s > 1", "a", "a + 1", "s < 1", "day < 5", "day < 'soon'", "day + day > 1", "ok < true",
     "a and ok", "not a", "day < seen", "clock == day", "s + 'x' == 'yx'", "a == ok", "-s == 1",
     "day in (1, 2)", "day * 2 > 1"],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(text: str) -> None:
    with pytest.raises(SchemaError, match="correct the expression"):
        check_expression(text, table().schema)


def test_very_large_numbers_neither_wrap_nor_warn() -> None:
    fields = [FIELDS[0], FIELDS[2], FIELDS[5]]
    big = pa.table({"a": [2**62], "x": [1e308], "day": [DAYS[0]]})
    made = Table.checked(big, schema_of([], fields))
    for text, mask in (("a * a > 0", False), ("x + x > 0", False), ("a + a > a", False),
                       ("day + a > day", False), ("x * x < 1", False)):  # fmt: skip
        assert breaks(text, made).tolist() == [mask], text


def test_a_rule_that_does_not_answer_with_a_mask_is_refused() -> None:
    made = table()
    custom = {"kind": "custom", "name": "odd_answer"}
    rule = schema_of([custom], FIELDS).tabsynth.constraints[0]
    with pytest.raises(SchemaError, match="a truth value for each record"):
        broken(rule, made)
