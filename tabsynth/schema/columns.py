"""A raw column as values of its field's type, each with the number of records behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.schema.model import FieldSchema
from tabsynth.schema.parse import as_texts, convert, parse_texts, value_type


@dataclass(frozen=True)
class Values:
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
            condition = mask(pc.fill_null(condition, False))
        if self.weights is None:
            return int(np.count_nonzero(condition))
        return int(self.weights[condition].sum())


def read_values(column: pa.ChunkedArray, field: FieldSchema, markers: tuple[str, ...]) -> Values:
    """Parse or convert one raw column.

    Args:
        column: texts, or values of any Arrow type.
        field: what they should be.
        markers: texts that stand for a missing value.
    """
    if not is_text(column.type):
        plain = _without_nan(column)
        typed = _typed(plain, field, markers)
        if typed is not None:
            return typed
        texts = as_texts(plain)
        if texts is None:
            return Values(pa.nulls(len(plain), value_type(field)), mask(plain.is_valid()))
        column = pa.chunked_array([texts])
    texts, codes = distinct(column)
    present = without_markers(texts, markers)
    values = parse_texts(present, field)
    broken = mask(pc.and_(present.is_valid(), values.is_null()))
    return Values(values, broken, weigh(texts, codes), codes)


def is_text(kind: pa.DataType) -> bool:
    """Whether values of that type are texts, in a dictionary or not."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in tests)


def without_markers(texts: pa.Array, markers: tuple[str, ...]) -> pa.Array:
    """The same texts with null in the place of a missing-value marker."""
    return pc.if_else(pc.is_in(texts, value_set=pa.array(markers, pa.string())), None, texts)


def weigh(texts: pa.Array, codes: tuple[NDArray[np.int32], ...]) -> NDArray[np.int64]:
    """How many records have each of the distinct texts."""
    weights = np.zeros(len(texts), np.int64)
    for chunk in codes:
        weights += np.bincount(chunk, minlength=len(texts))
    return weights


def distinct(column: pa.ChunkedArray) -> tuple[pa.Array, tuple[NDArray[np.int32], ...]]:
    """The distinct texts of a column, null included, and which of them each record has.

    Returns:
        Texts of shape (distinct,), and per chunk of the column codes of shape (records,).
    """
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        dense = column.type.value_type if pa.types.is_dictionary(column.type) else pa.string()
        column = column.cast(dense).cast(pa.large_string())
    # every chunk gets the one dictionary of the whole column
    encoded = column.dictionary_encode(null_encoding="encode")
    if encoded.num_chunks == 0:
        return pa.array([], pa.string()), ()
    codes = tuple(chunk.indices.to_numpy(zero_copy_only=False) for chunk in encoded.chunks)
    return encoded.chunk(0).dictionary.cast(pa.string()), codes


def spelled_out(column: pa.Array) -> pa.Array:
    """The values themselves where a column, chunked or not, holds a dictionary of them."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _without_nan(column: pa.ChunkedArray) -> pa.Array:
    """Typed values as one array, no dictionary, null for NaN."""
    values = spelled_out(column).combine_chunks()
    if pa.types.is_floating(values.type):
        values = values.cast(pa.float64())
        values = pc.if_else(pc.is_nan(values), None, values)
    return values


def _typed(values: pa.Array, field: FieldSchema, markers: tuple[str, ...]) -> Values | None:
    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        number = FieldSchema(name=field.name, type="number")
        coded = parse_texts(pa.array(markers, pa.string()), number).drop_null()
        if len(coded):
            marked = pc.is_in(values.cast(pa.float64(), safe=False), value_set=coded)
            values = pc.if_else(marked, None, values)
    converted = convert(values, field)
    if converted is None:
        return None
    if field.type in ("date", "datetime", "time"):
        moment = field.model_copy(update={"format": None})
        coded = parse_texts(pa.array(markers, pa.string()), moment).drop_null()
        if len(coded):
            marked = pc.is_in(converted, value_set=coded)
            converted, values = (pc.if_else(marked, None, found) for found in (converted, values))
    return Values(converted, mask(pc.and_(values.is_valid(), converted.is_null())))


def mask(condition: pa.Array) -> NDArray[np.bool_]:
    """A boolean Arrow array without nulls as numpy."""
    return np.asarray(condition.to_numpy(zero_copy_only=False), bool)
