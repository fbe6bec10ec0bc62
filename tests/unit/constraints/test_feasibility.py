from __future__ import annotations

from typing import Any

import pytest

from tabsynth.constraints.feasibility import check_feasible
from tabsynth.errors import SchemaError
from tests.constrained import schema_of

FIELDS: list[dict[str, Any]] = [
    {"name": "low", "type": "integer", "constraints": {"minimum": 10, "maximum": 20}},
    {"name": "high", "type": "integer", "constraints": {"minimum": 0, "maximum": 10}},
    {"name": "sum", "type": "number", "constraints": {"maximum": 5}, "tabsynth": {"decimals": 1}},
    {"name": "free", "type": "number"},
    {"name": "day", "type": "date"},
    {"name": "seen", "type": "datetime"},
    {"name": "utc", "type": "datetime", "tabsynth": {"timezone": "UTC"}},
    {"name": "s"},
]


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ([{"kind": "inequality", "columns": ["low", "high"], "strict": True}], "low < high"),
        ([{"kind": "inequality", "columns": ["low", "free", "sum"]}], "low <= free <= sum"),
        ([{"kind": "inequality", "columns": ["low", "s"]}], "low <= s"),
        ([{"kind": "inequality", "columns": ["day", "seen"]}], "day <= seen"),
        ([{"kind": "inequality", "columns": ["seen", "utc"]}], "seen <= utc"),
        ([{"kind": "inequality", "columns": ["free", "high"]},
          {"kind": "inequality", "columns": ["high", "free"], "strict": True}], "high < free"),
        ([{"kind": "increment", "column": "s", "step": 1}], "s in steps of 1"),
        ([{"kind": "increment", "column": "low", "step": 0.5}], "low in steps of 0.5"),
        ([{"kind": "increment", "column": "low", "step": 50}], "low in steps of 50"),
        ([{"kind": "increment", "column": "day", "step": 7, "offset": "soon"}], "day in steps"),
        ([{"kind": "increment", "column": "day", "step": 0.5}], "day in steps of 0.5"),
        ([{"kind": "total", "total": "sum", "parts": ["low", "high"]}], "sum = low + high"),
        ([{"kind": "total", "total": "free", "parts": ["low", "day"]}], "free = low + day"),
        ([{"kind": "one_hot", "columns": ["s", "low"]}], "exactly one of s, low"),
        ([{"kind": "combinations", "columns": ["s", "low"], "allowed": [["a", "b"]]}], "s, low"),
        ([{"kind": "combinations", "columns": ["s", "low"], "allowed": [["a", 12], ["a", 12]]}],
         "s, low"),
        ([{"kind": "expression", "expression": "low > s"}], "low > s"),
        ([{"kind": "custom", "name": "nowhere"}], "custom rule nowhere"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_name(rules: list[dict[str, Any]], named: str) -> None:
    with pytest.raises(SchemaError) as caught:
        check_feasible(schema_of(rules, FIELDS))
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "inequality", "columns": ["low", "high"]},
        {"kind": "increment", "column": "low", "step": 15},
        {"kind": "increment", "column": "sum", "step": 0.1},
        {"kind": "increment", "column": "free", "step": 0.25, "offset": 0.1},
        {"kind": "increment", "column": "day", "step": 7, "offset": "2024-01-01"},
        {"kind": "total", "total": "low", "parts": ["high", "sum"]},
        {"kind": "custom", "name": "even_day"},
        {"kind": "expression", "expression": "low > high or s == 'x'"},
    ],
)
def test_what_can_be_kept_is_let_through(rule: dict[str, Any]) -> None:
    check_feasible(schema_of([rule], FIELDS))


def test_bounds_that_were_only_observed_contradict_nothing() -> None:
    seen = {"observed": ["minimum", "maximum"]}
    fields = [{**FIELDS[0], "tabsynth": seen}, {**FIELDS[1], "tabsynth": seen}]
    rule = {"kind": "inequality", "columns": ["low", "high"], "strict": True}
    check_feasible(schema_of([rule], fields))
