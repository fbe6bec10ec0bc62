"""A record's codes depend on that record alone: whatever it brings, the others keep theirs.

Every sensitivity rests on it, and reading many values at once breaks it easily.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabsynth.privacy.domain import Domain
from tabsynth.privacy.intake import kept_records, record_codes
from tabsynth.schema.model import FieldSchema, TableExtension, TableSchema
from tests.zoo import field

NUMBERS = {"minimum": -5, "maximum": 400}
FIELDS = [
    field("text", categories=("a", "1", "1.5", "7", "true", "2020-01-01")),
    field("other", categories=("a", "1", "1.5"), tabsynth={"other": "1"}),
    field("must", categories=("1", "7"), constraints={"required": True}),
    field("whole", "integer", constraints=NUMBERS),
    field("grouped", "integer", constraints=NUMBERS, groupChar=","),
    field("must whole", "integer", constraints={**NUMBERS, "required": True}),
    field("level", "integer", categories=(1, 2, 3)),
    field("cents", "number", constraints=NUMBERS, tabsynth={"decimals": 2}),
    field("real", "number", constraints=NUMBERS, tabsynth={"out_of_range": "missing"}),
    field("comma", "number", constraints=NUMBERS, decimalChar=","),
    field("ok", "boolean"),
    field("day", "date", constraints={"minimum": "1999-01-01", "maximum": "2021-01-01"}),
    field("named day", "date", format="%d %b %Y",
          tabsynth={"cut_points": ("01 Jan 1999", "03 Mar 2020")}),
    field("moment", "datetime", constraints={"minimum": "1999-01-01", "maximum": "2021-01-01"}),
    field("zoned", "datetime", constraints={"minimum": "1999-01-01", "maximum": "2021-01-01"},
          tabsynth={"timezone": "Europe/Berlin"}),
    field("clock", "time"),
]  # fmt: skip

EDGES = [-(2**63), 2**63 - 1, 0, 1, 2, 7, -1, 2**53 + 1]
texts = st.sampled_from(
    ["", "?", "a", "1", "1.0", "1.", ".5", "1.5", "1,5", "1,000", " 7 ", "+3", "1e2", "1e999",
     "-1e-999", "9" * 25, "nan", "inf", "true", "FALSE", "2020-01-01", "2020-02-30", "0001-01-01",
     "9999-12-31", "2020-01-01T10:00:00", "2020-01-01T10:00:00+02:00", "2020-03-29T02:30:00",
     "03 Feb 2001", "24:00", "12:30", "12:30:00.123456789", "\0", "ÿ", "١", "1_0"]
) | st.text(max_size=4)  # fmt: skip
days = st.sampled_from([dt.date(1, 1, 1), dt.date(2020, 2, 29), dt.date(9999, 12, 31)])
moments = st.sampled_from([dt.datetime(1970, 1, 1, 0, 0, 1), dt.datetime(2020, 1, 1, 12, 30)])
clocks = st.sampled_from([dt.time(0), dt.time(23, 59, 59, 999999)])
RAW: list[tuple[pa.DataType, st.SearchStrategy[object]]] = [
    (pa.string(), texts),
    (pa.large_string(), texts),
    (pa.string_view(), texts),
    (pa.dictionary(pa.int8(), pa.string()), texts),
    (pa.binary(), st.binary(max_size=3)),
    (pa.int8(), st.integers(-128, 127)),
    (pa.int64(), st.sampled_from(EDGES)),
    (pa.uint64(), st.sampled_from([0, 1, 7, 2**63, 2**64 - 1])),
    (pa.float32(), st.floats(width=32)),
    (pa.float64(), st.floats() | st.sampled_from([1.0, 1.5, 7.0, 2.0**63, -0.0])),
    (pa.decimal128(20, 2), st.sampled_from([Decimal("1"), Decimal("1.50"), Decimal("-9e15")])),
    (pa.bool_(), st.booleans()),
    (pa.date32(), days),
    (pa.date64(), days),
    (pa.timestamp("s"), st.sampled_from(EDGES)),
    (pa.timestamp("ms"), st.sampled_from(EDGES)),
    (pa.timestamp("us"), moments),
    (pa.timestamp("ns"), st.sampled_from(EDGES)),
    (pa.timestamp("us", tz="UTC"), moments),
    (pa.time32("s"), st.sampled_from([dt.time(0), dt.time(23, 59, 59)])),
    (pa.time64("ns"), clocks),
    (pa.duration("s"), st.sampled_from(EDGES)),
    (pa.list_(pa.int8()), st.lists(st.integers(0, 3), max_size=2)),
    (pa.struct([("a", pa.int8())]), st.fixed_dictionaries({"a": st.integers(0, 3)})),
    (pa.null(), st.none()),
]


def invalid_text(values: list[bytes | None]) -> pa.Array:
    """A text column that a foreign file may hold: bytes that are no UTF-8."""
    return pa.array(values, pa.binary()).view(pa.string())


def codes(column: pa.Array, one: FieldSchema) -> list[int]:
    made = Domain.declared(TableSchema(fields=(one,), missing_values=("", "?", "-1")))
    coded = record_codes(
        pa.chunked_array([column]), made.codec.columns[0], made.schema, nullable=made.nullable[0]
    )
    assert all(0 <= code < made.sizes[0] for code in coded)
    return coded.tolist()


def assert_each_alone(column: pa.Array, one: FieldSchema) -> None:
    alone = [codes(column.slice(place, 1), one)[0] for place in range(len(column))]
    assert codes(column, one) == alone


@pytest.mark.parametrize("one", FIELDS, ids=lambda f: f.name)
@pytest.mark.parametrize(("kind", "values"), RAW, ids=[str(kind) for kind, _ in RAW])
@given(data=st.data())
@settings(max_examples=3, deadline=None)
def test_a_record_is_read_alike_alone_and_among_others(
    one: FieldSchema, kind: pa.DataType, values: st.SearchStrategy[object], data: st.DataObject
) -> None:
    drawn = data.draw(st.lists(st.none() | values, min_size=1, max_size=6))
    assert_each_alone(pa.array(drawn, kind), one)


@pytest.mark.parametrize("one", FIELDS, ids=lambda f: f.name)
def test_bytes_that_are_no_text_spoil_only_their_own_record(one: FieldSchema) -> None:
    assert_each_alone(invalid_text([b"1", b"\xff\xfe", None, b"a", b"2020-01-01", b"1.5"]), one)
    assert_each_alone(pa.array([b"1", b"\xff\xfe", None, b"a", b"true"], pa.binary()), one)


def test_a_fraction_does_not_change_how_whole_floats_are_written() -> None:
    text = FIELDS[0]
    assert codes(pa.array([1.0, 7.0]), text) == codes(pa.array([1.0, 7.0, 1.5]), text)[:2] == [1, 3]


@given(st.lists(st.sampled_from(["a", "b", None, ""]), max_size=12), st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_a_unit_changes_no_other_units_records(who: list[str | None], bound: int) -> None:
    """Whatever is kept, another unit's presence leaves the number kept of each unit alone."""
    schema = TableSchema(
        fields=(field("who", tabsynth={"generator": {"kind": "uuid"}}), field("x", "boolean")),
        tabsynth=TableExtension(privacy_unit="who", max_records_per_unit=bound),
    )

    def kept(owners: list[str | None]) -> dict[str, int]:
        places = kept_records(pa.chunked_array([pa.array(owners, pa.string())]), schema, bound)
        names = [owners[place] for place in places]
        return {name: names.count(name) for name in set(names)}

    whole = kept(who)
    assert set(whole) <= {"a", "b"}
    assert all(count == min(who.count(name), bound) for name, count in whole.items())
    without = kept([name for name in who if name != "a"])
    assert without == {name: count for name, count in whole.items() if name != "a"}
