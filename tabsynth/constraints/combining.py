"""Combinations of several columns as the categories of one, and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa

from tabsynth.errors import ModelFileError
from tabsynth.schema.check import storage_type
from tabsynth.schema.columns import spelled_out
from tabsynth.schema.constraint import Cell
from tabsynth.schema.model import FieldSchema, to_storage
from tabsynth.schema.parse import value_type
from tabsynth.table import Table


def combined(table: Table, columns: tuple[str, ...]) -> pa.DictionaryArray:
    """One text per record, equal for records that agree in all of the columns.

    Returns:
        A dictionary of different texts, each a JSON list of storage values, null for missing.
    """
    key = np.zeros(table.num_rows, np.int64)
    parts = []
    for name in columns:
        column = encoded(table.column(name))
        codes = column.indices.cast(pa.int64()).fill_null(len(column.dictionary))
        parts.append((codes.to_numpy(zero_copy_only=False), _plain(column.dictionary)))
        product = key * (len(column.dictionary) + 1) + parts[-1][0]
        # renumbering after each column keeps the product far from overflow
        key = np.unique(product, return_inverse=True)[1].astype(np.int64)
    _, first, places = np.unique(key, return_index=True, return_inverse=True)
    texts = [
        json.dumps([[*values, None][codes[row]] for codes, values in parts], ensure_ascii=False)
        for row in first
    ]
    indices = pa.array(places.astype(np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array(texts, pa.string()))


def separated(column: pa.Array, fields: list[FieldSchema]) -> dict[str, pa.Array]:
    """The columns behind a column that `combined` made; a missing text is missing in all.

    Raises:
        ModelFileError: a text that `combined` does not make.
    """
    cells = []
    for text in column.dictionary.to_pylist():
        try:
            listed = json.loads(text)
            if not isinstance(listed, list) or len(listed) != len(fields):
                raise ValueError("another number of columns")
        except (ValueError, RecursionError):
            raise _damaged() from None
        cells.append(listed)
    indices = column.indices.cast(pa.int64())
    found = {}
    for place, field in enumerate(fields):
        try:
            values = _from_plain([listed[place] for listed in cells], field)
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            raise _damaged() from None
        taken = values.take(indices)
        is_text = pa.types.is_dictionary(storage_type(field))
        found[field.name] = taken.dictionary_encode() if is_text else taken
    return found


def allowed_texts(allowed: tuple[tuple[Cell, ...], ...], fields: list[FieldSchema]) -> list[str]:
    """Combinations as a schema lists them, as the texts that `combined` makes.

    Raises:
        ValueError: a value that is not of its column's type.
    """
    rows = [
        [_written(cell, field) for cell, field in zip(cells, fields, strict=True)]
        for cells in allowed
    ]
    return [json.dumps(row, ensure_ascii=False) for row in rows]


def _written(cell: Cell, field: FieldSchema) -> Any:
    if cell is None:
        return None
    if field.type == "string":
        return str(cell)
    if field.type == "boolean":
        if not isinstance(cell, bool):
            raise ValueError(f"true or false for {field.name!r}")
        return cell
    if isinstance(cell, bool):
        raise ValueError(f"a {field.type} for {field.name!r}")
    return to_storage(cell, field)


def encoded(column: pa.Array) -> pa.DictionaryArray:
    """A column as a dictionary of different values."""
    # a dictionary may hold a text twice
    return spelled_out(column).dictionary_encode()


def _plain(values: pa.Array) -> list[Any]:
    if pa.types.is_date32(values.type):
        values = values.cast(pa.int32())
    elif pa.types.is_temporal(values.type):
        values = values.cast(pa.int64())
    elif pa.types.is_floating(values.type):
        # -0.0 is 0.0
        return [value + 0.0 for value in values.to_pylist()]
    found: list[Any] = values.to_pylist()
    return found


def _from_plain(cells: list[Any], field: FieldSchema) -> pa.Array:
    if field.type == "date":
        return pa.array(cells, pa.int32()).cast(pa.date32())
    if field.type in ("datetime", "time"):
        return pa.array(cells, pa.int64()).cast(value_type(field))
    return pa.array(cells, value_type(field))


def _damaged() -> ModelFileError:
    return ModelFileError(
        "model", expected="combinations of the columns that the schema names",
        got="something else", remedy="fit the model again or get a whole copy",
    )  # fmt: skip
