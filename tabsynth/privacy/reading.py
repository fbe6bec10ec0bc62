"""A file of private records as raw columns, without an error that depends on what a record holds.

A table without records is read like any other. Of what may go wrong with a file as such, only that
something did is said: a message that told the line would tell of a record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tabsynth.errors import DataError
from tabsynth.io.contents import contents, view_of
from tabsynth.io.read import file_format, read_raw
from tabsynth.schema.model import TableSchema
from tabsynth.stores.place import Place, place_of
from tabsynth.stores.tables import read_whole, source_of
from tabsynth.table import require_names

if TYPE_CHECKING:
    import pandas as pd


def read_private(path: str | Path | Place, schema: TableSchema) -> pa.Table:
    """The columns of a table as they are stored, none of them checked.

    Args:
        path: ends in .csv, .csv.gz, .parquet or .jsonl, or is a table of a database. Of JSON lines,
            each line is read by itself; one that is no object is a record of missing values. Of a
            database, each value is read by itself, as of the type that its column has there.
        schema: names the columns of JSON lines, which have no header, and of a database.

    Raises:
        UsageError: a database without the name of a table.
        DataError: no such table, or a file that is no table.

    Privacy: whether a file can be read as a table is not hidden; what its records hold is.
    """
    place = place_of(path)
    if place.is_table:
        store, table = source_of(place)
        return read_whole(store, table, schema, private=True)
    path = place.text
    ending, where = file_format(path), path
    if ending == ".jsonl" and Path(path).is_file() and Path(path).stat().st_size == 0:
        return _texts(b"", schema)
    # what is wrong with a place, not with a content, may be told
    source = contents(path, where)
    if ending == ".jsonl":
        return _texts(bytes(view_of(source)), schema)
    try:
        return read_raw(path, private=True)
    except DataError:
        raise DataError(
            where, expected="a file that reads as a table", got="one that does not",
            remedy="look at it without a budget: `tabsynth schema check SCHEMA DATA` says where, "
            "and is not private",
        ) from None  # fmt: skip


def raw_columns(data: pa.Table | pd.DataFrame, schema: TableSchema) -> pa.Table:
    """The columns of a table in memory that a schema names, none of them checked.

    Args:
        data: an Arrow table, or a DataFrame; of its columns of Python objects, or of categories
            that are, each value is taken as a text by itself, as one of another type must not
            change how the others are read.
        schema: names the columns.

    Raises:
        DataError: columns that cannot be told apart by name.

    Privacy: names and types of columns are taken to be public.
    """
    if isinstance(data, pa.Table):
        require_names(data.column_names)
        return data
    names = [str(name) for name in data.columns]
    require_names(names)
    columns = {}
    for place, name in enumerate(names):
        if name not in schema.names:
            continue
        series = data.iloc[:, place]
        # Python objects, be they kept once each as categories
        stored = getattr(series.dtype, "categories", series).dtype
        try:
            columns[name] = (
                _texts_of(series, schema)
                if stored == np.dtype(object)
                else pa.array(series, from_pandas=True)
            )
        except (pa.ArrowException, UnicodeEncodeError):
            columns[name] = _texts_of(series, schema)
    return pa.table(columns)


def _texts_of(series: pd.Series[Any], schema: TableSchema) -> pa.Array:
    """Each value as a text, null where it is missing or has none."""
    truths, missing = _truths(schema)[str(series.name)], series.isna().to_numpy()
    texts = [None if m else _text(v, truths) for v, m in zip(series, missing, strict=True)]
    return pa.array(texts, pa.string())


def _truths(schema: TableSchema) -> dict[str, tuple[str, str]]:
    """By column, the texts that stand for false and true."""
    return {f.name: (f.false_values[0], f.true_values[0]) for f in schema.fields}


def _texts(data: bytes, schema: TableSchema) -> pa.Table:
    """JSON lines as columns of text, those of the schema."""
    columns: dict[str, list[str | None]] = {name: [] for name in schema.names}
    truths = _truths(schema)
    for record in _records(data):
        for name, values in columns.items():
            values.append(_text(record.get(name), truths[name]))
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _records(data: bytes) -> Iterator[Mapping[str, Any]]:
    for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        if not line.strip():
            continue
        try:
            record = json.loads(line.decode(errors="replace"))
        except (ValueError, RecursionError):
            record = None
        yield record if isinstance(record, dict) else {}


def _text(value: Any, truths: tuple[str, str]) -> str | None:
    if value is None or isinstance(value, (dict, list)):
        return None
    if isinstance(value, (bool, np.bool_)):
        return truths[bool(value)]
    try:
        # halves of characters, which JSON can write, are none in UTF-8
        return str(value).encode(errors="replace").decode()
    except Exception:
        # an integer of thousands of digits, or an object that is in no state to be shown
        return None
