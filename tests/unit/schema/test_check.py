import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabsynth.errors import SchemaError
from tabsynth.schema.check import Violation, check, storage_type
from tabsynth.schema.model import FieldSchema, TableSchema


def schema_of(*fields: dict[str, Any], **table: Any) -> TableSchema:
    return TableSchema.model_validate({"fields": list(fields), **table})


def one(field: dict[str, Any], values: Any) -> tuple[list[Any], dict[str, int]]:
    """Checked values of one column, and the count of each rule it breaks."""
    raw = pa.table(
        {"x": values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values)}
    )
    data, violations = check(raw, schema_of({"name": "x", **field}))
    assert data.schema.field("x").type == storage_type(
        FieldSchema.model_validate({"name": "x", **field})
    )
    assert all(v.column == "x" for v in violations)
    return data.column("x").to_pylist(), {v.rule: v.count for v in violations}


@pytest.mark.parametrize(
    ("field", "texts", "values", "broken"),
    [
        (
            {"type": "integer"},
            ["+5", "-3", " 7 ", "7.0", "7.", "007", ""],
            [5, -3, 7, 7, 7, 7, None],
            0,
        ),
        ({"type": "integer"}, ["1e3", "0x1F", "7.5", "1 000", "-", "٣"], [None] * 6, 6),
        (
            {"type": "integer"},
            [
                "9223372036854775807",
                "-9223372036854775808",
                "9223372036854775808",
                "0" * 5000 + "1",
            ],
            [2**63 - 1, -(2**63), None, 1],
            1,
        ),
        (
            {"type": "integer", "groupChar": ","},
            ["1,234", "12,34,567", "1,2", "12"],
            [1234, 1234567, None, 12],
            1,
        ),
        (
            {"type": "number"},
            ["1.5", "-.5", "2.", "+3e-2", "1E3"],
            [1.5, -0.5, 2.0, 0.03, 1000.0],
            0,
        ),
        ({"type": "number"}, ["inf", "-Infinity", "nan", "1e999", "1,5", ""], [None] * 6, 5),
        (
            {"type": "number", "missingValues": ["nan", "-1"]},
            ["nan", "-1", "-1.0"],
            [None, None, -1.0],
            0,
        ),
        (
            {"type": "number", "decimalChar": ",", "groupChar": "."},
            ["1.234,5", "1234,5", "1.5", "-0,25", "1.234.567"],
            [1234.5, 1234.5, None, -0.25, 1234567.0],
            1,
        ),
        ({"type": "number", "decimalChar": ","}, ["1,5", "1.5"], [1.5, None], 1),
        (
            {"type": "number", "tabsynth": {"decimals": 2}},
            ["0.126", "1e300", "-2.5"],
            [0.13, 1e300, -2.5],
            0,
        ),
        ({"type": "boolean"}, ["true", "0", "TRUE", "yes"], [True, False, True, None], 1),
        (
            {"type": "boolean", "trueValues": ["ja"], "falseValues": ["nein"]},
            ["ja", "nein", "true"],
            [True, False, None],
            1,
        ),
        ({"type": "string"}, ["a", "", " b ", "ä"], ["a", None, " b ", "ä"], 0),
        ({"type": "string", "missingValues": ["?"]}, ["a", "", "?"], ["a", "", None], 0),
    ],
)
def test_texts_are_read(
    field: dict[str, Any], texts: list[str], values: list[Any], broken: int
) -> None:
    got, rules = one(field, texts)
    assert got == values
    assert rules == ({"type": broken} if broken else {})


@pytest.mark.parametrize(
    ("field", "texts", "values", "broken"),
    [
        (
            {"type": "date"},
            [
                "2020-02-29",
                "2021-02-29",
                "0001-01-01",
                "9999-12-31",
                "0000-01-01",
                "2020-1-1",
                "1969-12-31",
            ],
            [
                dt.date(2020, 2, 29),
                None,
                dt.date(1, 1, 1),
                dt.date(9999, 12, 31),
                None,
                None,
                dt.date(1969, 12, 31),
            ],
            3,
        ),
        (
            {"type": "date", "format": "%d/%m/%Y"},
            ["29/02/2020", "31/04/2020", "1/2/1900"],
            [dt.date(2020, 2, 29), None, dt.date(1900, 2, 1)],
            1,
        ),
        (
            {"type": "date", "format": "%d %b %Y"},
            ["03 Mar 1950", "31 Apr 2020", "03 Mar"],
            [dt.date(1950, 3, 3), None, None],
            2,
        ),
        (
            {"type": "date", "format": "any"},
            ["20200131", "2020-01-31", "31/01/2020"],
            [dt.date(2020, 1, 31)] * 2 + [None],
            1,
        ),
        (
            {"type": "datetime"},
            [
                "2020-01-01T10:11:12.5",
                "2020-01-01 10:11",
                "2020-01-01",
                "1850-06-01T00:00:00.000001",
                "2020-01-01T24:00",
            ],
            [
                dt.datetime(2020, 1, 1, 10, 11, 12, 500000),
                dt.datetime(2020, 1, 1, 10, 11),
                dt.datetime(2020, 1, 1),
                dt.datetime(1850, 6, 1, 0, 0, 0, 1),
                None,
            ],
            1,
        ),
        (
            {"type": "datetime"},
            ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00+01:00"],
            [None, None],
            2,
        ),
        (
            {"type": "datetime", "format": "%m/%d/%Y %I:%M %p"},
            ["12/31/1999 11:59 PM", "31/12/1999 11:59 PM"],
            [dt.datetime(1999, 12, 31, 23, 59), None],
            1,
        ),
        (
            {"type": "time"},
            ["10:00", "23:59:59.999999", "24:00", "1:00"],
            [dt.time(10), dt.time(23, 59, 59, 999999), None, None],
            2,
        ),
    ],
)
def test_moments_are_read(
    field: dict[str, Any], texts: list[str], values: list[Any], broken: int
) -> None:
    got, rules = one(field, texts)
    assert got == values
    assert rules == ({"type": broken} if broken else {})


def test_zoned_datetimes_are_instants() -> None:
    field = {"type": "datetime", "tabsynth": {"timezone": "Europe/Berlin"}}
    texts = [
        "2020-01-01T00:00:00",  # wall time
        "2020-01-01T00:00:00Z",
        "2020-06-01T00:00:00+0530",
        "2021-10-31T02:30:00",  # shown twice: the earlier
        "2021-03-28T02:30:00",  # skipped: after the gap
    ]
    got, rules = one(field, texts)
    instants = [value.astimezone(dt.UTC).replace(tzinfo=None) for value in got]
    assert instants == [
        dt.datetime(2019, 12, 31, 23),
        dt.datetime(2020, 1, 1),
        dt.datetime(2020, 5, 31, 18, 30),
        dt.datetime(2021, 10, 31, 0, 30),
        dt.datetime(2021, 3, 28, 1),
    ]
    assert rules == {}


@given(st.datetimes(min_value=dt.datetime(1, 1, 2), max_value=dt.datetime(9999, 12, 30)))
def test_any_moment_reads_back(moment: dt.datetime) -> None:
    assert one({"type": "datetime"}, [moment.isoformat()]) == ([moment], {})
    assert one({"type": "date"}, [moment.date().isoformat()]) == ([moment.date()], {})
    assert one({"type": "time"}, [moment.time().isoformat()]) == ([moment.time()], {})
    numeric = {"type": "datetime", "format": "%d.%m.%Y %H:%M:%S"}
    whole = moment.replace(microsecond=0)
    text = f"{whole:%d.%m.}{whole.year:04d}{whole: %H:%M:%S}"
    assert one(numeric, [text]) == ([whole], {})


@given(st.lists(st.integers(min_value=-(2**63), max_value=2**63 - 1), min_size=1))
def test_any_integer_reads_back(numbers: list[int]) -> None:
    assert one({"type": "integer"}, [str(n) for n in numbers]) == (numbers, {})


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_any_float_reads_back(numbers: list[float]) -> None:
    assert one({"type": "number"}, [repr(n) for n in numbers]) == (numbers, {})


@pytest.mark.parametrize(
    ("field", "values", "expected", "broken"),
    [
        ({"type": "integer"}, pa.array([1, None], pa.int8()), [1, None], 0),
        ({"type": "integer"}, pa.array([1, 2**64 - 1], pa.uint64()), [1, None], 1),
        (
            {"type": "integer"},
            pa.array([1.0, 2.5, np.nan, np.inf, 1e19]),
            [1, None, None, None, None],
            3,
        ),
        ({"type": "integer"}, pa.array([Decimal("7.00"), Decimal("7.50")]), [7, None], 1),
        ({"type": "integer", "missingValues": ["-1"]}, pa.array([-1, 2]), [None, 2], 0),
        ({"type": "number", "missingValues": ["-1"]}, pa.array([-1.0, 2.0]), [None, 2.0], 0),
        ({"type": "number"}, pa.array([1.5, np.nan, np.inf], pa.float32()), [1.5, None, None], 1),
        ({"type": "number"}, pa.array([Decimal("1.25")]), [1.25], 0),
        ({"type": "boolean"}, pa.array([True, None]), [True, None], 0),
        ({"type": "boolean"}, pa.array([1.0, 0.0, np.nan]), [True, False, None], 0),
        ({"type": "string"}, pa.array([1.0, 2.0, None]), ["1", "2", None], 0),
        ({"type": "string"}, pa.array(["a", None]).dictionary_encode(), ["a", None], 0),
        ({"type": "string"}, pa.array(["a", "b"], pa.large_string()), ["a", "b"], 0),
        ({"type": "string"}, pa.array(["a", "b"], pa.string_view()), ["a", "b"], 0),
        ({"type": "number"}, pa.array([1.5, 2.5]).dictionary_encode(), [1.5, 2.5], 0),
        (
            {"type": "date"},
            pa.array([0, 86_400_000], pa.date64()),
            [dt.date(1970, 1, 1), dt.date(1970, 1, 2)],
            0,
        ),
        ({"type": "date"}, pa.array([0, 1], pa.timestamp("s")), [dt.date(1970, 1, 1), None], 1),
        ({"type": "date", "format": "%Y%m%d"}, pa.array([20200131]), [dt.date(2020, 1, 31)], 0),
        (
            {"type": "datetime"},
            pa.array([-1], pa.timestamp("ns")),
            [dt.datetime(1969, 12, 31, 23, 59, 59, 999999)],
            0,
        ),
        (
            {"type": "datetime"},
            pa.array([2**60, 0], pa.timestamp("s")),
            [None, dt.datetime(1970, 1, 1)],
            1,
        ),
        ({"type": "datetime"}, pa.array([0], pa.timestamp("us", "UTC")), [None], 1),
        ({"type": "datetime"}, pa.array([1], pa.date32()), [dt.datetime(1970, 1, 2)], 0),
        ({"type": "time"}, pa.array([1], pa.time32("s")), [dt.time(0, 0, 1)], 0),
        ({"type": "number"}, pa.nulls(2), [None, None], 0),
        ({"type": "string"}, pa.array([[1], None]), [None, None], 1),
        ({"type": "integer"}, pa.array([True]), [None], 1),
    ],
)
def test_typed_columns_are_converted(
    field: dict[str, Any], values: pa.Array, expected: list[Any], broken: int
) -> None:
    assert one(field, values) == (expected, {"type": broken} if broken else {})


def test_naive_typed_datetimes_are_wall_times_of_the_zone() -> None:
    field = {"type": "datetime", "tabsynth": {"timezone": "America/New_York"}}
    naive, _ = one(field, pa.array([0], pa.timestamp("s")))
    aware, _ = one(field, pa.array([0], pa.timestamp("ms", "Asia/Tokyo")))
    day, _ = one(field, pa.array([0], pa.date32()))
    assert naive[0].timestamp() == day[0].timestamp() == 5 * 3600
    assert aware[0].timestamp() == 0


@pytest.mark.parametrize(
    ("field", "texts", "rules"),
    [
        ({"type": "integer", "constraints": {"minimum": 2}}, ["1", "2", "1"], {"minimum": 2}),
        ({"type": "integer", "constraints": {"maximum": 2}}, ["3", "2", ""], {"maximum": 1}),
        (
            {"type": "date", "constraints": {"minimum": "2000-01-01"}},
            ["1999-12-31", "2000-01-01"],
            {"minimum": 1},
        ),
        (
            {"type": "datetime", "constraints": {"maximum": "2000-01-01T00:00"}},
            ["2000-01-01T00:00:01"],
            {"maximum": 1},
        ),
        ({"type": "time", "constraints": {"minimum": "09:00"}}, ["08:59"], {"minimum": 1}),
        ({"constraints": {"required": True}}, ["a", "", ""], {"required": 2}),
        (
            {"type": "integer", "constraints": {"required": True}},
            ["x", "1", ""],
            {"type": 1, "required": 1},
        ),
        (
            {"type": "integer", "constraints": {"unique": True}},
            ["7", "7.0", "7", "8", "", ""],
            {"unique": 2},
        ),
        ({"constraints": {"pattern": "[a-z]+"}}, ["ab", "ab1", "ab1", ""], {"pattern": 2}),
        (
            {"constraints": {"minLength": 2, "maxLength": 3}},
            ["a", "ab", "äöüß", "äöüß"],
            {"minLength": 1, "maxLength": 2},
        ),
        ({"categories": ["a", "b"]}, ["a", "c", "c", ""], {"categories": 2}),
        ({"type": "integer", "categories": [1, 2]}, ["1", "3"], {"categories": 1}),
        (
            {"type": "number", "constraints": {"enum": [0.5, "1.5"]}},
            ["0.5", "1.50", "2"],
            {"categories": 1},
        ),
        ({"type": "boolean", "constraints": {"enum": [True]}}, ["1", "0"], {"categories": 1}),
        (
            {"type": "date", "constraints": {"enum": ["2020-01-01"]}},
            ["2020-01-01", "2020-01-02"],
            {"categories": 1},
        ),
    ],
)
def test_rules_count_records(
    field: dict[str, Any], texts: list[str], rules: dict[str, int]
) -> None:
    values, found = one(field, texts)
    assert found == rules
    broken = rules.get("type", 0)
    assert sum(v is None for v in values) == texts.count("") + broken


def test_out_of_range_decides_about_bounds() -> None:
    field = {"type": "integer", "constraints": {"minimum": 0, "maximum": 10}}
    texts = ["-5", "5", "50", ""]
    assert one(field, texts) == ([-5, 5, 50, None], {"minimum": 1, "maximum": 1})
    assert one(field | {"tabsynth": {"out_of_range": "clip"}}, texts) == ([0, 5, 10, None], {})
    assert one(field | {"tabsynth": {"out_of_range": "missing"}}, texts) == (
        [None, 5, None, None],
        {},
    )
    day = {
        "type": "date",
        "constraints": {"maximum": "2000-01-01"},
        "tabsynth": {"out_of_range": "clip"},
    }
    assert one(day, ["2000-01-02"]) == ([dt.date(2000, 1, 1)], {})
    when = {"type": "datetime", "constraints": {"minimum": "2000-01-01T00:00"}}
    when["tabsynth"] = {"out_of_range": "clip", "timezone": "UTC"}
    assert one(when, ["1999-12-31T00:00"]) == ([dt.datetime(2000, 1, 1, tzinfo=dt.UTC)], {})


def test_a_bound_beyond_64_bits_is_a_bound() -> None:
    field = {"type": "integer", "constraints": {"minimum": -(10**30), "maximum": 10**30}}
    assert one(field, ["-5", "5"]) == ([-5, 5], {})
    assert one({"type": "integer", "constraints": {"minimum": 10**30}}, ["-5"])[1] == {"minimum": 1}


def test_observed_facts_bind_nothing() -> None:
    observed = ["minimum", "maximum", "required", "categories", "decimals"]
    number = {
        "type": "number", "constraints": {"minimum": 0, "maximum": 1, "required": True},
        "tabsynth": {"observed": observed},
    }  # fmt: skip
    assert one(number, ["-5", "5", ""]) == ([-5.0, 5.0, None], {})
    text = {"categories": ["a"], "tabsynth": {"observed": observed}}
    assert one(text, ["b"]) == (["b"], {})


def test_absent_and_undeclared_columns() -> None:
    raw = pa.table({"b": ["1"], "extra": ["x"]})
    data, violations = check(raw, schema_of({"name": "a", "type": "date"}, {"name": "b"}))
    assert data.column_names == ["a", "b"]
    assert data.column("a").to_pylist() == [None]
    assert {(v.column, v.rule) for v in violations} == {("a", "absent"), ("extra", "undeclared")}


def test_primary_keys() -> None:
    fields = ({"name": "a", "type": "integer"}, {"name": "b"})
    raw = pa.table({"a": ["1", "1", "1", ""], "b": ["x", "x", "y", "x"]})
    _, violations = check(raw, schema_of(*fields, primaryKey=["a", "b"]))
    assert [(v.column, v.rule, v.count) for v in violations] == [(None, "primaryKey", 1)] * 2
    _, violations = check(raw, schema_of(*fields, primaryKey="a"))
    assert [(v.column, v.count) for v in violations] == [("a", 1), ("a", 2)]
    unique = {"name": "a", "type": "integer", "constraints": {"unique": True, "required": True}}
    _, violations = check(raw, schema_of(unique, fields[1], primaryKey="a"))
    assert {v.rule for v in violations} == {"unique", "required"}
    _, violations = check(raw.select(["b"]), schema_of(*fields, primaryKey="a"))
    assert [v.rule for v in violations] == ["absent"]


def test_markers_leave_the_dictionary() -> None:
    raw = pa.table({"x": pa.chunked_array([["?", "a"], ["b", "?"]])})
    data, _ = check(raw, schema_of({"name": "x", "missingValues": ["?"]}))
    assert data.column("x").to_pylist() == [None, "a", "b", None]
    for chunk in data.column("x").chunks:
        assert chunk.dictionary.to_pylist() == ["a", "b"]


def test_withheld_and_generated_strings_are_plain() -> None:
    for extension in ({"free_text": "replace"}, {"generator": {"kind": "uuid"}}):
        values, rules = one({"tabsynth": extension}, ["a", "a", "", "b"])
        assert (values, rules) == (["a", "a", None, "b"], {})


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize(
    "kind", ["integer", "number", "boolean", "string", "date", "datetime", "time"]
)
def test_small_tables(kind: str, rows: int) -> None:
    field = {"type": kind, "constraints": {"unique": True}}
    assert one(field, pa.array([""] * rows, pa.string())) == ([None] * rows, {})
    assert one(field, pa.chunked_array([], pa.string())) == ([], {})
    assert one(field, pa.nulls(rows)) == ([None] * rows, {})


def test_a_format_that_is_none_is_a_fault_of_the_schema() -> None:
    with pytest.raises(SchemaError, match="strptime"):
        one({"type": "date", "format": "%Q"}, ["2020-01-01"])


def test_sentences_tell_counts_and_no_values() -> None:
    assert Violation("age", "maximum", 3, "maximum 120").sentence() == (
        "column 'age': 3 records exceed maximum 120"
    )
    assert Violation("age", "maximum", 1, "maximum 120").sentence() == (
        "column 'age': 1 record exceeds maximum 120"
    )
    secret = "hunter2"
    fields = [
        {"name": kind, "type": kind, "constraints": {"unique": True}}
        for kind in ("integer", "number", "boolean", "date", "datetime", "time")
    ]
    fields.append(
        {"name": "s", "categories": ["a"], "constraints": {"pattern": "a", "maxLength": 1}}
    )
    raw = pa.table({f["name"]: [secret, secret] for f in fields} | {"t": [secret] * 2})
    _, violations = check(raw, schema_of(*fields, primaryKey="s"))
    assert len(violations) == 11
    for violation in violations:
        assert secret not in violation.sentence() + violation.expected
