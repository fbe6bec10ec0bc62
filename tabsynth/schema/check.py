"""Check a raw table against its schema and bring it to storage types, in one pass per column.

A column of texts is parsed once per distinct text. A fact that the schema lists as observed was
read from records and binds nothing: values beyond it are no violation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tabsynth.schema.columns import Values, mask, read_values
from tabsynth.schema.model import FieldExtension, FieldSchema, TableSchema
from tabsynth.schema.parse import expectation, parse_texts, storage_type
from tabsynth.schema.pseudonym import pseudonyms

__all__ = ["Violation", "check", "storage_type"]

_SENTENCES: Final = {
    "absent": ("is missing from the data", "is missing from the data"),
    "undeclared": ("is not in the schema", "is not in the schema"),
    "type": ("{n} record is not {words}", "{n} records are not {words}"),
    "required": ("{n} record lacks a value", "{n} records lack a value"),
    "unique": ("{n} record repeats an earlier value", "{n} records repeat an earlier value"),
    "minimum": ("{n} record is below {words}", "{n} records are below {words}"),
    "maximum": ("{n} record exceeds {words}", "{n} records exceed {words}"),
    "pattern": ("{n} record does not match {words}", "{n} records do not match {words}"),
    "minLength": ("{n} record is shorter than {words}", "{n} records are shorter than {words}"),
    "maxLength": ("{n} record is longer than {words}", "{n} records are longer than {words}"),
    "categories": ("{n} record is outside the {words}", "{n} records are outside the {words}"),
    "primaryKey": ("{n} record breaks the {words}", "{n} records break the {words}"),
    "constraint": ("{n} record breaks {words}", "{n} records break {words}"),
}


@dataclass(frozen=True)
class Violation:
    """One way in which one column breaks the schema.

    Args:
        column: its name; None for the table as a whole.
        rule: absent, undeclared, type, required, unique, minimum, maximum, pattern, minLength,
            maxLength, categories, primaryKey or constraint.
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
        text = form.format(n=f"{self.count:,}", words=self.expected)
        return text if self.column is None else f"column {self.column!r}: {text}"


def check(raw: pa.Table, schema: TableSchema) -> tuple[pa.Table, tuple[Violation, ...]]:
    """Parse every column to its storage type and list what breaks the schema.

    Args:
        raw: columns of texts as read from CSV, or typed columns.
        schema: what they must be.

    Returns:
        The table in the schema's order and storage types, a value that could not be parsed being
        null, and the violations by column and rule, empty when all is well.

    Raises:
        SchemaError: a format in the schema is not a strptime format, or there is no key for
            pseudonyms that are to be made.

    Privacy: reads every record; violations carry counts and the schema's own words, never values.
    """
    violations: list[Violation] = []
    columns: list[pa.ChunkedArray] = []
    for field in schema.fields:
        if field.name not in raw.column_names:
            # what is left out of synthetic tables is not missed in them
            if field.tabsynth.free_text != "drop":
                violations.append(Violation(field.name, "absent", raw.num_rows, "a column"))
            columns.append(pa.chunked_array([pa.nulls(raw.num_rows, storage_type(field))]))
            continue
        column = raw.column(raw.column_names.index(field.name))
        values = read_values(column, field, schema.markers(field))
        if (key := field.tabsynth.pseudonym) is not None:
            where = f"column {field.name!r}"
            values = _with(values, pseudonyms(values.values, key, where=where))
        kept, found = _apply_rules(values, field)
        violations.extend(found)
        columns.append(_stored(kept, field))
    undeclared = [name for name in raw.column_names if name not in schema.names]
    violations.extend(Violation(n, "undeclared", raw.num_rows, "no column") for n in undeclared)
    data = pa.Table.from_arrays(columns, names=list(schema.names))
    violations.extend(_key_violations(data, schema, violations))
    return data, tuple(violations)


def _apply_rules(column: Values, field: FieldSchema) -> tuple[Values, list[Violation]]:
    found = [("type", column.count(column.broken), expectation(field))]
    if field.tabsynth.decimals is not None:
        column = _with(column, _rounded(column.values, field.tabsynth.decimals))
    column, beyond = _apply_bounds(column, field)
    found += beyond + _text_rules(column, field) + _category_rule(column, field)
    if field.constraints.required and "required" not in field.tabsynth.observed:
        missing = mask(column.values.is_null()) & ~column.broken
        found.append(("required", column.count(missing), "a value"))
    if field.constraints.unique:
        present = column.count(column.values.is_valid())
        repeated = present - int(pc.count_distinct(column.values, mode="only_valid").as_py())
        found.append(("unique", repeated, "each value once"))
    return column, [Violation(field.name, rule, n, words) for rule, n, words in found if n]


def _with(column: Values, values: pa.Array) -> Values:
    return Values(values, column.broken, column.weights, column.codes)


def _rounded(values: pa.Array, decimals: int) -> pa.Array:
    floats = values.fill_null(0.0).to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):
        scaled = floats * 10.0**decimals
    # beyond 2**53 a float has no such digits to round
    small = np.abs(scaled) < 2.0**53
    rounded = np.where(small, np.rint(np.where(small, scaled, 0.0)) / 10.0**decimals, floats)
    return pa.array(rounded, mask=mask(values.is_null()))


def _apply_bounds(column: Values, field: FieldSchema) -> tuple[Values, list[tuple[str, int, str]]]:
    found = []
    low, high = field.bounds
    written = (field.constraints.minimum, field.constraints.maximum)
    for rule, bound, text in zip(("minimum", "maximum"), (low, high), written, strict=True):
        if bound is None or rule in field.tabsynth.observed:
            continue
        scale = _scale(column.values)
        # a declared bound may lie outside what 64 bits hold, a value cannot
        whole = not pa.types.is_floating(scale.type)
        end = min(max(bound, -(2**63)), 2**63 - 1) if whole else bound
        beyond = pc.less(scale, end) if rule == "minimum" else pc.greater(scale, end)
        if field.tabsynth.out_of_range == "error":
            found.append((rule, column.count(beyond), f"{rule} {text}"))
            continue
        limit = _at(end, column.values.type) if field.tabsynth.out_of_range == "clip" else None
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


def _text_rules(column: Values, field: FieldSchema) -> list[tuple[str, int, str]]:
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


def _category_rule(column: Values, field: FieldSchema) -> list[tuple[str, int, str]]:
    if "categories" in field.tabsynth.observed:
        return []
    allowed = field.domain if field.domain is not None else field.constraints.enum
    if allowed is None:
        return []
    # through texts, as the standard lets enumerations be written either way
    texts = pa.array([str(value) for value in allowed], pa.string())
    zone = FieldExtension(timezone=field.tabsynth.timezone)
    plain = FieldSchema(name=field.name, type=field.type, format=field.format, tabsynth=zone)
    known = parse_texts(texts, plain).cast(column.values.type)
    outside = pc.and_(column.values.is_valid(), pc.invert(pc.is_in(column.values, value_set=known)))
    return [("categories", column.count(outside), f"{len(allowed):,} declared categories")]


def _stored(column: Values, field: FieldSchema) -> pa.ChunkedArray:
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
    present = mask(column.values.is_valid())
    # markers leave the dictionary, so that no later step takes them for a category
    places = (np.cumsum(present) - 1).astype(np.int32)
    known = column.values.drop_null()
    chunks = [
        pa.DictionaryArray.from_arrays(pa.array(places[c], mask=~present[c]), known)
        for c in column.codes
    ]
    return pa.chunked_array(chunks, kind)


def _key_violations(data: pa.Table, schema: TableSchema, known: list[Violation]) -> list[Violation]:
    found = _violations_of_key(
        data, schema.primary_key, rule="primaryKey", words="primary key", known=known
    )
    for key in schema.unique_keys:
        if key != schema.primary_key:
            found += _violations_of_key(
                data, key, rule="unique", words="unique key", known=[*known, *found]
            )
    return found


def _violations_of_key(
    data: pa.Table, key: tuple[str, ...], *, rule: str, words: str, known: list[Violation]
) -> list[Violation]:
    """Values that a primary key lacks, and values that any key repeats; missing ones do not."""
    reported = {(v.column, v.rule) for v in known}
    if not key or any((name, "absent") in reported for name in key):
        return []
    column = key[0] if len(key) == 1 else None
    words = words if column else f"{words} ({', '.join(key)})"
    parts = [_key_part(data.column(name)) for name in key]
    missing = np.logical_or.reduce([mask(part.is_null()) for part in parts])
    keyed = pa.Table.from_arrays(parts, names=[str(i) for i in range(len(parts))])
    present = keyed.filter(pa.array(~missing))
    repeated = present.num_rows - present.group_by(keyed.column_names).aggregate([]).num_rows
    found = []
    nulls = int(np.count_nonzero(missing))
    if rule == "primaryKey" and nulls and not reported & {(column, "required"), (column, "type")}:
        found.append(Violation(column, rule, nulls, f"{words}: it has no value there"))
    if repeated and (column, "unique") not in reported:
        found.append(Violation(column, rule, repeated, f"{words}: it repeats an earlier one"))
    return found


def _key_part(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        return pa.chunked_array([chunk.indices for chunk in column.chunks], pa.int32())
    return column
