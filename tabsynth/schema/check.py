"""Check a raw table against its schema and bring it to storage types, in one pass per column.

A column of texts is parsed once per distinct text. A fact that the schema lists as observed was
read from records and binds nothing: values beyond it are no violation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.schema.parse import (
    as_texts,
    convert,
    expectation,
    parse_texts,
    storage_type,
    value_type,
)

__all__ = ["Violation", "check", "storage_type"]

_SENTENCES: Final = {
    "absent": ("is missing from the data", "is missing from the data"),
    "undeclared": ("is not in the schema", "is not in the schema"),
    "type": ("{n} record is not {expected}", "{n} records are not {expected}"),
    "required": ("{n} record lacks a value", "{n} records lack a value"),
    "unique": ("{n} record repeats an earlier value", "{n} records repeat an earlier value"),
    "minimum": ("{n} record is below {expected}", "{n} records are below {expected}"),
    "maximum": ("{n} record exceeds {expected}", "{n} records exceed {expected}"),
    "pattern": ("{n} record does not match the {expected}", "{n} records do not match the {expected}"),
    "minLength": ("{n} record is shorter than {expected}", "{n} records are shorter than {expected}"),
    "maxLength": ("{n} record is longer than {expected}", "{n} records are longer than {expected}"),
    "categories": ("{n} record is outside the {expected}", "{n} records are outside the {expected}"),
    "primaryKey": ("{n} record breaks the {expected}", "{n} records break the {expected}"),
}  # fmt: skip


@dataclass(frozen=True)
class Violation:
    """One way in which one column breaks the schema.

    Args:
        column: its name; None for the table as a whole.
        rule: absent, undeclared, type, required, unique, minimum, maximum, pattern, minLength,
            maxLength, categories or primaryKey.
        count: how many records break it.
        expected: the schema's side of it, in words.
    """

    column: str | None
    rule: str
    count: int
    expected: str

    def sentence(self) -> str:
        """The violation in words, such as `column 'age': 3 records exceed maximum 120`."""
        form = _SENTENCES[self.rule][self.count != 1]
        text = form.format(n=f"{self.count:,}", expected=self.expected)
        return text if self.column is None else f"column {self.column!r}: {text}"


@dataclass(frozen=True)
class _Values:
    """A column as values that rules are checked on, each with the number of records behind it.

    Args:
        values: of the field's value type; null is missing or broken.
        broken: shape (values,), whether the raw value is not of the field's type.
        weights: records per value; None where each value is one record.
        codes: per chunk of the column, which value each record has; None likewise.
    """

    values: pa.Array
    broken: NDArray[np.bool_]
    weights: NDArray[np.int64] | None = None
    codes: tuple[NDArray[np.int32], ...] | None = None

    def count(self, condition: Any) -> int:
        """Records whose value meets a condition; null does not."""
        if not isinstance(condition, np.ndarray):
            condition = _mask(pc.fill_null(condition, False))
        if self.weights is None:
            return int(np.count_nonzero(condition))
        return int(self.weights[condition].sum())


def check(raw: pa.Table, schema: TableSchema) -> tuple[pa.Table, tuple[Violation, ...]]:
    """Parse every column to its storage type and list what breaks the schema.

    Args:
        raw: columns of texts as read from CSV, or typed columns.
        schema: what they must be.

    Returns:
        The table in the schema's order and storage types, a value that could not be parsed being
        null, and the violations by column and rule, empty when all is well.

    Raises:
        SchemaError: a format in the schema is not a strptime format.

    Privacy: reads every record; violations carry counts and the schema's own words, never values.
    """
    violations: list[Violation] = []
    columns: list[pa.ChunkedArray] = []
    for field in schema.fields:
        if field.name not in raw.column_names:
            violations.append(Violation(field.name, "absent", raw.num_rows, "a column"))
            columns.append(pa.chunked_array([pa.nulls(raw.num_rows, storage_type(field))]))
            continue
        column = raw.column(raw.column_names.index(field.name))
        values = _values(column, field, schema.markers(field))
        kept, found = _apply_rules(values, field)
        violations.extend(found)
        columns.append(_stored(kept, field))
    undeclared = [name for name in raw.column_names if name not in schema.names]
    violations.extend(Violation(n, "undeclared", raw.num_rows, "no column") for n in undeclared)
    data = pa.Table.from_arrays(columns, names=list(schema.names))
    violations.extend(_key_violations(data, schema, violations))
    return data, tuple(violations)


def _values(column: pa.ChunkedArray, field: FieldSchema, markers: tuple[str, ...]) -> _Values:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not _is_text(column.type):
        typed = _typed(column, field, markers)
        if typed is not None:
            return typed
        chunks = [as_texts(chunk) for chunk in column.chunks]
        if any(chunk is None for chunk in chunks):
            nothing = pa.nulls(len(column), value_type(field))
            return _Values(nothing, _mask(column.combine_chunks().is_valid()))
        column = pa.chunked_array(chunks, pa.string())
    texts, codes = distinct(column)
    present = pc.if_else(pc.is_in(texts, value_set=pa.array(markers, pa.string())), None, texts)
    values = parse_texts(present, field)
    broken = _mask(pc.and_(present.is_valid(), values.is_null()))
    weights = sum((np.bincount(c, minlength=len(texts)) for c in codes), np.zeros(len(texts), int))
    return _Values(values, broken, weights, codes)


def distinct(column: pa.ChunkedArray) -> tuple[pa.Array, tuple[NDArray[np.int32], ...]]:
    """The distinct texts of a column, null included, and which of them each record has.

    Returns:
        Texts of shape (distinct,), and per chunk of the column codes of shape (records,).
    """
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        column = column.cast(pa.large_string())
    encoded = column.dictionary_encode(null_encoding="encode").unify_dictionaries()
    if encoded.num_chunks == 0:
        return pa.array([], pa.string()), ()
    codes = tuple(chunk.indices.to_numpy(zero_copy_only=False) for chunk in encoded.chunks)
    return encoded.chunk(0).dictionary.cast(pa.string()), codes


def _is_text(kind: pa.DataType) -> bool:
    return any(
        test(kind)
        for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    )


def _typed(column: pa.ChunkedArray, field: FieldSchema, markers: tuple[str, ...]) -> _Values | None:
    values = column.combine_chunks()
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
    number = field.model_copy(update={"type": "number"})
    coded = parse_texts(pa.array(markers, pa.string()), number).drop_null()
    is_number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    if (is_number or pa.types.is_decimal(values.type)) and len(coded):
        marked = pc.is_in(values.cast(pa.float64(), safe=False), value_set=coded)
        values = pc.if_else(marked, None, values)
    converted = convert(values, field)
    if converted is None:
        return None
    return _Values(converted, _mask(pc.and_(values.is_valid(), converted.is_null())))


def _apply_rules(column: _Values, field: FieldSchema) -> tuple[_Values, list[Violation]]:
    found = [("type", column.count(column.broken), expectation(field))]
    if field.tabsynth.decimals is not None:
        column = _with(column, _rounded(column.values, field.tabsynth.decimals))
    column, beyond = _apply_bounds(column, field)
    found += beyond + _text_rules(column, field) + _category_rule(column, field)
    if field.constraints.required and "required" not in field.tabsynth.observed:
        missing = _mask(column.values.is_null()) & ~column.broken
        found.append(("required", column.count(missing), "a value"))
    if field.constraints.unique:
        present = column.count(column.values.is_valid())
        repeated = present - int(pc.count_distinct(column.values, mode="only_valid").as_py())
        found.append(("unique", repeated, "each value once"))
    return column, [Violation(field.name, rule, n, words) for rule, n, words in found if n]


def _with(column: _Values, values: pa.Array) -> _Values:
    return _Values(values, column.broken, column.weights, column.codes)


def _rounded(values: pa.Array, decimals: int) -> pa.Array:
    floats = values.fill_null(0.0).to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):
        scaled = floats * 10.0**decimals
    # beyond 2**53 a float has no such digits to round
    small = np.abs(scaled) < 2.0**53
    rounded = np.where(small, np.rint(np.where(small, scaled, 0.0)) / 10.0**decimals, floats)
    return pa.array(rounded, mask=_mask(values.is_null()))


def _apply_bounds(
    column: _Values, field: FieldSchema
) -> tuple[_Values, list[tuple[str, int, str]]]:
    found = []
    low, high = field.bounds
    written = (field.constraints.minimum, field.constraints.maximum)
    for rule, bound, text in zip(("minimum", "maximum"), (low, high), written, strict=True):
        if bound is None or rule in field.tabsynth.observed:
            continue
        scale = _scale(column.values)
        beyond = pc.less(scale, bound) if rule == "minimum" else pc.greater(scale, bound)
        if field.tabsynth.out_of_range == "error":
            found.append((rule, column.count(beyond), f"{rule} {text}"))
            continue
        limit = _at(bound, column.values.type) if field.tabsynth.out_of_range == "clip" else None
        column = _with(column, pc.if_else(beyond, limit, column.values))
    return column, found


def _scale(values: pa.Array) -> pa.Array:
    if pa.types.is_date(values.type):
        return values.cast(pa.int32()).cast(pa.int64())
    return values if pa.types.is_floating(values.type) else values.cast(pa.int64())


def _at(bound: int | float, kind: pa.DataType) -> pa.Scalar:
    if pa.types.is_date(kind):
        return pa.scalar(bound, pa.int32()).cast(kind)
    return pa.scalar(bound, pa.float64() if pa.types.is_floating(kind) else pa.int64()).cast(kind)


def _text_rules(column: _Values, field: FieldSchema) -> list[tuple[str, int, str]]:
    if field.type != "string":
        return []
    rules, found = field.constraints, []
    lengths = pc.utf8_length(column.values)
    if rules.min_length is not None:
        short = column.count(pc.less(lengths, rules.min_length))
        found.append(("minLength", short, f"minLength {rules.min_length}"))
    if rules.max_length is not None:
        long = column.count(pc.greater(lengths, rules.max_length))
        found.append(("maxLength", long, f"maxLength {rules.max_length}"))
    if rules.pattern is not None:
        matches = re.compile(rules.pattern).fullmatch
        texts = column.values.to_pylist()
        unlike = np.array([t is not None and matches(t) is None for t in texts], bool)
        found.append(("pattern", column.count(unlike), f"pattern {rules.pattern}"))
    return found


def _category_rule(column: _Values, field: FieldSchema) -> list[tuple[str, int, str]]:
    if "categories" in field.tabsynth.observed:
        return []
    allowed = field.domain if field.domain is not None else field.constraints.enum
    if allowed is None:
        return []
    # through texts, as the standard lets enumerations be written either way
    texts = pa.array([str(value) for value in allowed], pa.string())
    plain = field.model_copy(update={"decimal_char": ".", "group_char": None})
    known = parse_texts(texts, plain).cast(column.values.type)
    outside = pc.and_(column.values.is_valid(), pc.invert(pc.is_in(column.values, value_set=known)))
    return [("categories", column.count(outside), f"{len(allowed):,} declared categories")]


def _stored(column: _Values, field: FieldSchema) -> pa.ChunkedArray:
    kind = storage_type(field)
    if column.codes is None:
        chunks = [column.values]
        return (
            pa.chunked_array(chunks).cast(kind)
            if column.values.type != kind
            else pa.chunked_array(chunks)
        )
    if not pa.types.is_dictionary(kind):
        return pa.chunked_array([column.values.take(pa.array(c)) for c in column.codes], kind)
    present = _mask(column.values.is_valid())
    # markers leave the dictionary, so that no later step takes them for a category
    places = (np.cumsum(present) - 1).astype(np.int32)
    known = column.values.drop_null()
    chunks = [
        pa.DictionaryArray.from_arrays(pa.array(places[c], mask=~present[c]), known)
        for c in column.codes
    ]
    return pa.chunked_array(chunks, kind)


def _key_violations(data: pa.Table, schema: TableSchema, known: list[Violation]) -> list[Violation]:
    key = schema.primary_key
    reported = {(v.column, v.rule) for v in known}
    if not key or any((name, "absent") in reported for name in key):
        return []
    column = key[0] if len(key) == 1 else None
    words = "primary key" if column else f"primary key ({', '.join(key)})"
    parts = [_key_part(data.column(name)) for name in key]
    missing = np.logical_or.reduce([_mask(part.is_null()) for part in parts])
    keyed = pa.Table.from_arrays(parts, names=[str(i) for i in range(len(parts))])
    present = keyed.filter(pa.array(~missing))
    repeated = present.num_rows - present.group_by(keyed.column_names).aggregate([]).num_rows
    found = []
    nulls = int(np.count_nonzero(missing))
    if nulls and not reported & {(column, "required"), (column, "type")}:
        found.append(Violation(column, "primaryKey", nulls, f"{words}: it has no value there"))
    if repeated and (column, "unique") not in reported:
        found.append(
            Violation(column, "primaryKey", repeated, f"{words}: it repeats an earlier one")
        )
    return found


def _key_part(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        return pa.chunked_array([chunk.indices for chunk in column.chunks], pa.int32())
    return column


def _mask(condition: Any) -> NDArray[np.bool_]:
    return (
        np.asarray(condition.to_numpy(zero_copy_only=False), bool)
        if not isinstance(condition, pa.ChunkedArray)
        else np.asarray(condition.to_numpy(), bool)
    )
