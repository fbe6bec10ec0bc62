from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tabsynth.constraints.combining import combined
from tabsynth.constraints.plan import Plan
from tabsynth.constraints.rules import broken
from tabsynth.errors import ConditionError
from tabsynth.schema.check import storage_type
from tabsynth.schema.constraint import Inequality, Unique
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.table import Table
from tests.constrained import constrained, schema_of

NUMBERS = [
    {"name": "a", "type": "integer"},
    {"name": "b", "type": "number", "tabsynth": {"decimals": 2}},
    {"name": "c", "type": "number", "tabsynth": {"decimals": 1}},
    {"name": "x", "type": "number"},
    {"name": "y", "type": "number"},
]
MOMENTS = [
    {"name": "a", "type": "date"},
    {"name": "b", "type": "date", "constraints": {"required": True}},
    {"name": "p", "type": "datetime"},
    {"name": "q", "type": "datetime"},
    {"name": "t", "type": "time"},
    {"name": "u", "type": "time"},
]
FLAGS = [
    {"name": "f", "type": "boolean"},
    {"name": "g", "type": "integer"},
    {"name": "h", "type": "number"},
]
TEXTS = [{"name": "s"}, {"name": "d", "type": "date"}, {"name": "n", "type": "integer"}]
CASES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "whole and decimal": (NUMBERS, [{"kind": "inequality", "columns": ["a", "b", "c"]}]),
    "strictly": (NUMBERS, [{"kind": "inequality", "columns": ["c", "a", "b"], "strict": True}]),
    "floats": (NUMBERS, [{"kind": "inequality", "columns": ["x", "y"]}]),
    "strict floats": (NUMBERS, [{"kind": "inequality", "columns": ["x", "y"], "strict": True}]),
    "float and decimal": (NUMBERS, [{"kind": "inequality", "columns": ["x", "b", "y"]}]),
    "dates": (MOMENTS, [{"kind": "inequality", "columns": ["a", "b"]}]),
    "moments": (MOMENTS, [{"kind": "inequality", "columns": ["p", "q"], "strict": True}]),
    "times": (MOMENTS, [{"kind": "inequality", "columns": ["t", "u"]}]),
    "steps": (NUMBERS, [{"kind": "increment", "column": "b", "step": 0.25, "offset": 0.1}]),
    "steps of floats": (NUMBERS, [{"kind": "increment", "column": "x", "step": 0.3}]),
    "weeks": (MOMENTS, [{"kind": "increment", "column": "b", "step": 7, "offset": "2024-01-01"}]),
    "quarters": (MOMENTS, [{"kind": "increment", "column": "p", "step": 900}]),
    "sum": (NUMBERS, [{"kind": "total", "total": "b", "parts": ["a", "c"]}]),
    "balance": (NUMBERS, [{"kind": "total", "total": "b", "parts": ["c"], "minus": ["a"]}]),
    "rounded sum": (NUMBERS, [{"kind": "total", "total": "c", "parts": ["a", "b"]}]),
    "sum of floats": (NUMBERS, [{"kind": "total", "total": "x", "parts": ["y", "b"]}]),
    "one of": (FLAGS, [{"kind": "one_hot", "columns": ["f", "g", "h"]}]),
    "allowed": (
        TEXTS,
        [{"kind": "combinations", "columns": ["s", "d", "n"],
          "allowed": [["é\"[", "2024-02-29", 1], [None, "1970-01-01", None], ["", None, -7]]}],
    ),
    "sum and steps": (
        NUMBERS,
        [{"kind": "total", "total": "b", "parts": ["a", "c"]},
         {"kind": "increment", "column": "a", "step": 5}],
    ),
    "chains that meet": (
        NUMBERS,
        [{"kind": "inequality", "columns": ["a", "b"]},
         {"kind": "inequality", "columns": ["c", "a"]}],
    ),
}  # fmt: skip


@st.composite
def tables(draw: DrawFn, schema: TableSchema) -> Table:
    """Any values of the columns that a model learns, whatever it may have learnt."""
    rows = draw(st.integers(1, 12))
    columns = {}
    for field in schema.fields:
        values = draw(st.lists(_values(field), min_size=rows, max_size=rows))
        kind = pa.string() if field.type == "string" else _plain(field)
        columns[field.name] = pa.array(values, kind).cast(storage_type(field))
    return Table(schema, pa.table(columns))


def _values(field: FieldSchema) -> st.SearchStrategy[Any]:
    decimals = field.tabsynth.decimals
    if field.domain is not None:
        some: st.SearchStrategy[Any] = st.sampled_from(field.domain)
    elif field.type == "boolean":
        some = st.booleans()
    elif field.type == "number" and decimals is None:
        some = st.floats(-1e9, 1e9)
    elif field.type == "number":
        some = st.integers(-(10**9), 10**9).map(lambda i: i / 10.0**decimals)
    elif field.type == "time":
        some = st.integers(0, 86_399_999_999)
    elif field.type == "date":
        some = st.integers(-20_000, 40_000)
    else:
        some = (
            st.integers(-(10**12), 10**12) if field.type == "datetime" else st.integers(-999, 999)
        )
    return some if field.constraints.required else st.none() | some


def _plain(field: FieldSchema) -> pa.DataType:
    kinds = {"boolean": pa.bool_(), "number": pa.float64(), "date": pa.int32()}
    return kinds.get(field.type, pa.int64())


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_values_keep_the_constraint_and_come_back(case: str, data: st.DataObject) -> None:
    schema = schema_of(CASES[case][1], CASES[case][0])
    plan = Plan.of(schema)
    assert plan.steps
    table = plan.back(data.draw(tables(plan.learnt)))
    assert table.schema == schema
    for constraint in schema.tabsynth.constraints:
        if case != "times":
            # the last time of the day has no later one: such records are drawn again
            assert not broken(constraint, table).any()
    kept = table.take((~plan.broken(table)).nonzero()[0])
    again = plan.back(plan.forward(kept))
    assert _same(again, kept)


def _same(one: Table, other: Table) -> bool:
    for field in one.schema.fields:
        left, right = one.column(field.name), other.column(field.name)
        if field.type == "number" and field.tabsynth.decimals is None:
            # a float is as near as its sum or difference with another
            pairs = zip(left.to_pylist(), right.to_pylist(), strict=True)
            close = [a is b or a == pytest.approx(b, rel=1e-6, abs=1e-4) for a, b in pairs]
            if not all(close):
                return False
        elif left.to_pylist() != right.to_pylist():
            return False
    return True


def test_a_table_of_every_kind_comes_back() -> None:
    table = constrained()
    plan = Plan.of(table.schema)
    learnt = plan.forward(table)
    assert not {"end", "city", "country", "red", "gross"} & set(learnt.schema.names)
    assert learnt.schema.tabsynth.constraints == ()
    back = plan.back(learnt)
    assert back.data.to_pydict() == table.data.to_pydict()
    assert back.schema == table.schema
    assert not plan.broken(back).any()


def test_unlisted_combinations_are_those_of_the_records() -> None:
    table = constrained()
    plan = Plan.of(table.schema)
    name = "city + country"
    texts = plan.forward(table).column(name).dictionary.to_pylist()
    assert sorted(texts) == sorted(combined(table, ("city", "country")).dictionary.to_pylist())
    assert len(texts) == 9


def test_combinations_that_share_a_column_are_kept_together() -> None:
    rules = [
        {"kind": "combinations", "columns": ["s", "d"]},
        {"kind": "combinations", "columns": ["d", "n"]},
    ]
    plan = Plan.of(schema_of(rules, TEXTS))
    assert [step.how.removed for step in plan.steps] == [("s", "d", "n")]
    assert plan.describe() == [
        "Kept by construction: known combinations of s, d; known combinations of d, n."
    ]


def test_of_two_that_need_one_column_the_order_is_drawn_again() -> None:
    rules = [
        {"kind": "inequality", "columns": ["a", "b"]},
        {"kind": "total", "total": "b", "parts": ["a", "c"]},
    ]
    plan = Plan.of(schema_of(rules, NUMBERS))
    assert plan.describe() == ["Kept by construction: b = a + c.", "Kept by drawing again: a <= b."]


def test_names_of_made_columns_are_free() -> None:
    fields = [{"name": n, "type": "integer"} for n in ("a", "b", "b - a", "b without a")]
    plan = Plan.of(schema_of([{"kind": "inequality", "columns": ["a", "b"]}], fields))
    assert set(plan.learnt.names) == {"a", "b - a", "b - a'", "b without a", "b without a'"}


def test_a_schema_without_constraints_is_learnt_as_it_is() -> None:
    plan = Plan.of(schema_of([], NUMBERS))
    assert plan.learnt == plan.schema
    assert plan.steps == plan.unique == plan.checked == ()
    assert plan.describe() == []


def test_bounds_of_a_removed_column_still_hold() -> None:
    fields = [{"name": "a", "type": "integer"},
              {"name": "b", "type": "integer", "constraints": {"maximum": 10}}]  # fmt: skip
    plan = Plan.of(schema_of([{"kind": "inequality", "columns": ["a", "b"]}], fields))
    drawn = Table(plan.learnt, pa.table({"a": [1, 9, 5], "b - a": [3, 4, None],
                                         "b without a": pa.nulls(3, pa.int64())}))  # fmt: skip
    back = plan.back(drawn)
    assert back.column("b").to_pylist() == [4, 13, None]
    assert plan.broken(back).tolist() == [False, True, False]


def test_no_later_day_is_left_after_the_last_one() -> None:
    rule = {"kind": "inequality", "columns": ["t", "u"], "strict": True}
    plan = Plan.of(schema_of([rule], MOMENTS))
    last = 86_399_999_999
    columns = {f.name: pa.nulls(1, storage_type(f)) for f in plan.learnt.fields}
    columns |= {"t": pa.array([last], pa.time64("us")), "u - t": pa.array([3], pa.int64())}
    drawn = Table(plan.learnt, pa.table(columns))
    assert plan.broken(plan.back(drawn)).tolist() == [True]


def condition(schema: TableSchema, **values: Any) -> Table:
    from tabsynth.conditions import as_given

    return as_given(values, schema)


def test_conditions_on_all_columns_of_a_constraint_are_told_to_the_model() -> None:
    schema = constrained().schema
    plan = Plan.of(schema)
    told, wanted = plan.conditions(
        condition(schema, city="city 4", country="country 1", age=40, green=True)
    )
    assert told.data.to_pydict() == {
        "age": [40], "city + country": ['["city 4", "country 1"]'],
        "one of red, green, blue": ["green"],
    }  # fmt: skip
    assert set(wanted.schema.names) == {"city", "country", "green"}


@pytest.mark.parametrize(
    "values",
    [
        {"start": "2020-02-01", "end": "2020-01-01"},
        {"red": True, "blue": True},
        {"phone": 101, "mail": 201},
        {"age": 10, "children": 2},
        {"net": 1.0, "tax": 1.0, "gross": 3.0},
        {"price": 0.07},
        {"day": 3},
    ],
)
def test_conditions_that_break_a_constraint_are_refused(values: dict[str, Any]) -> None:
    schema = constrained().schema
    with pytest.raises(ConditionError, match="conditions that break it") as caught:
        Plan.of(schema).conditions(condition(schema, **values))
    assert all(f"'{name}'" in str(caught.value) for name in values)


def test_conditions_on_the_ends_of_a_chain_are_held_to_its_order() -> None:
    schema = schema_of([{"kind": "inequality", "columns": ["a", "b", "c"]}], NUMBERS)
    with pytest.raises(ConditionError, match="a <= b <= c"):
        Plan.of(schema).conditions(condition(schema, a=5, c=4.0))
    Plan.of(schema).conditions(condition(schema, a=5, c=5.0))


def test_what_is_checked_leaves_uniqueness_to_the_whole_table() -> None:
    plan = Plan.of(constrained().schema)
    assert [type(c) for c in plan.unique] == [Unique]
    assert Unique not in map(type, plan.checked)
    assert Inequality in map(type, plan.checked)
