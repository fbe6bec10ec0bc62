"""Raw values to storage values: texts and typed Arrow values, for every field type."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.schema.model import FieldSchema
from tabsynth.schema.moments import (
    DAY,
    FIRST_DAY,
    FIRST_MOMENT,
    LAST_DAY,
    LAST_MOMENT,
    SECOND,
    expected_moment,
    from_microseconds,
    on_the_wall,
    parse_moments,
)

_NUMBER: Final = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_INTEGER: Final = r"^[+-]?[0-9]+(\.0*)?$"
_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def storage_type(field: FieldSchema) -> pa.DataType:
    """The Arrow type a checked column of that field has.

    Returns:
        string: dictionary<int32, string> when modelled, else string; integer: int64; number:
        float64; boolean: bool; date: date32; datetime: timestamp[us] in the field's time zone;
        time: time64[us].
    """
    if field.type == "string":
        return pa.dictionary(pa.int32(), pa.string()) if field.is_modelled else pa.string()
    return value_type(field)


def value_type(field: FieldSchema) -> pa.DataType:
    """The storage type of single values: as `storage_type`, strings never in a dictionary."""
    if field.type == "datetime":
        return pa.timestamp("us", tz=field.tabsynth.timezone)
    return {
        "string": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "time": pa.time64("us"),
    }[field.type]


def expectation(field: FieldSchema) -> str:
    """What a value of that field must be, in words."""
    if field.type in ("date", "datetime", "time"):
        return expected_moment(field)
    return {
        "string": "a text",
        "integer": "an integer of 64 bits",
        "number": "a finite number",
        "boolean": f"one of {', '.join(field.true_values + field.false_values)}",
    }[field.type]


def parse_texts(texts: pa.Array, field: FieldSchema) -> pa.Array:
    """Values of the field's `value_type`; null where a text is none.

    Args:
        texts: shape (N,), best distinct; null stays null.
        field: what to read them as.
    """
    if field.type == "string":
        return texts
    if field.type == "integer":
        return _integers(_plain(texts, field))
    if field.type == "number":
        return _numbers(_plain(texts, field))
    if field.type == "boolean":
        return _booleans(pc.utf8_trim_whitespace(texts), field)
    return parse_moments(texts, field)


def convert(values: pa.Array, field: FieldSchema) -> pa.Array | None:
    """Typed values as the field's `value_type`, or None when only their texts can be read.

    Args:
        values: not texts; null stays null, and what the field cannot hold becomes null.
        field: what to convert them to.
    """
    kind = values.type
    if pa.types.is_null(kind):
        return values.cast(value_type(field))
    if field.type in ("integer", "number"):
        return _convert_number(values, field)
    if field.type == "boolean" and pa.types.is_boolean(kind):
        return values
    if field.type in ("date", "datetime") and (
        pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    ):
        return _convert_moment(values, field)
    if field.type == "time" and pa.types.is_time(kind):
        return values.cast(pa.time64("us"), safe=False)
    return None


def as_texts(values: pa.Array) -> pa.Array | None:
    """Any plain values as texts, whole floats without a point; None for nested values."""
    if pa.types.is_floating(values.type):
        whole = _whole_floats(values)
        if whole.null_count == values.null_count:
            values = whole
    try:
        return values.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _plain(texts: pa.Array, field: FieldSchema) -> pa.Array:
    """Trimmed number texts with groups closed up and a point for the decimal character."""
    plain = pc.utf8_trim_whitespace(texts)
    point = field.decimal_char
    if field.group_char is not None:
        group = re.escape(field.group_char)
        grouped = f"^[+-]?[0-9]{{1,3}}({group}[0-9]{{2,3}})*{group}[0-9]{{3}}([^0-9].*)?$"
        has_group = pc.match_substring(plain, field.group_char)
        closed = pc.replace_substring(plain, field.group_char, "")
        well_grouped = pc.if_else(pc.match_substring_regex(plain, grouped), closed, None)
        plain = pc.if_else(has_group, well_grouped, plain)
    if point != ".":
        plain = pc.if_else(pc.match_substring(plain, "."), None, plain)
        plain = pc.replace_substring(plain, point, ".")
    return plain


def _integers(plain: pa.Array) -> pa.Array:
    plain = pc.if_else(pc.match_substring_regex(plain, _INTEGER), plain, None)
    plain = pc.replace_substring_regex(plain, r"^\+|\.0*$", "")
    try:
        return plain.cast(pa.int64())
    except pa.ArrowInvalid:
        return pa.array([_integer(text) for text in plain.to_pylist()], pa.int64())


def _integer(text: str | None) -> int | None:
    digits = "" if text is None else text.lstrip("-0")
    if text is None or len(digits) > 19:
        return None
    number = int(digits or "0") * (-1 if text[0] == "-" else 1)
    return number if -(2**63) <= number < 2**63 else None


def _numbers(plain: pa.Array) -> pa.Array:
    plain = pc.if_else(pc.match_substring_regex(plain, _NUMBER), plain, None)
    plain = pc.replace_substring_regex(plain, r"^\+", "")
    try:
        numbers = plain.cast(pa.float64())
    except pa.ArrowInvalid:
        floats = [None if text is None else float(text) for text in plain.to_pylist()]
        numbers = pa.array(floats, pa.float64())
    return pc.if_else(pc.is_finite(numbers), numbers, None)


def _booleans(texts: pa.Array, field: FieldSchema) -> pa.Array:
    true = pc.is_in(texts, value_set=pa.array(field.true_values, pa.string()))
    false = pc.is_in(texts, value_set=pa.array(field.false_values, pa.string()))
    return pc.if_else(pc.or_(true, false), true, None)


def _convert_number(values: pa.Array, field: FieldSchema) -> pa.Array | None:
    kind = values.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return None
    if field.type == "number":
        floats = values.cast(pa.float64(), safe=False)
        return pc.if_else(pc.is_finite(floats), floats, None)
    if pa.types.is_decimal(kind):
        return None
    if pa.types.is_floating(kind):
        return _whole_floats(values)
    if pa.types.is_uint64(kind):
        values = pc.if_else(pc.less(values, pa.scalar(2**63, pa.uint64())), values, None)
    return values.cast(pa.int64())


def _whole_floats(values: pa.Array) -> pa.Array:
    floats = values.cast(pa.float64())
    low, high = pa.scalar(-(2.0**63)), pa.scalar(2.0**63)
    inside = pc.and_(pc.greater_equal(floats, low), pc.less(floats, high))
    whole = pc.and_(inside, pc.equal(pc.floor(floats), floats))
    return pc.if_else(whole, floats, None).cast(pa.int64())


def _convert_moment(values: pa.Array, field: FieldSchema) -> pa.Array:
    kind, zone = values.type, field.tabsynth.timezone
    if pa.types.is_date(kind):
        days = values.cast(pa.date32())
        if field.type == "date":
            return _inside(days, pa.int32(), FIRST_DAY, LAST_DAY)
        numbers = days.cast(pa.int32()).cast(pa.int64()).fill_null(0)
        inside = _inside(days, pa.int32(), FIRST_DAY, LAST_DAY).is_valid()
        local = from_microseconds(numbers.to_numpy(zero_copy_only=False) * DAY, _mask(inside))
        return local if zone is None else on_the_wall(local, zone)
    if field.type == "date":
        local = _microseconds(pc.local_timestamp(values) if kind.tz else values)
        midnight = pc.equal(pc.floor_temporal(local, unit="day"), local)
        return pc.if_else(midnight, local, None).cast(pa.date32())
    moments = _microseconds(values)
    if kind.tz is None:
        return moments if zone is None else on_the_wall(moments, zone)
    if zone is None:
        return pa.nulls(len(values), pa.timestamp("us"))
    return moments.cast(pa.timestamp("us", tz=zone))


def _microseconds(values: pa.Array) -> pa.Array:
    """Timestamps of any unit in microseconds, without a zone, finer digits cut off."""
    per_second = _PER_SECOND[values.type.unit]
    numbers = values.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    valid = _mask(values.is_valid())
    if per_second > SECOND:
        return from_microseconds(numbers // (per_second // SECOND), valid)
    factor = SECOND // per_second
    inside = (numbers >= FIRST_MOMENT // factor) & (numbers <= LAST_MOMENT // factor)
    return from_microseconds(np.where(inside, numbers, 0) * factor, valid & inside)


def _inside(values: pa.Array, scale: pa.DataType, low: int, high: int) -> pa.Array:
    numbers = values.cast(scale)
    inside = pc.and_(pc.greater_equal(numbers, low), pc.less_equal(numbers, high))
    return pc.if_else(inside, values, None)


def _mask(condition: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(condition.to_numpy(zero_copy_only=False), bool)
