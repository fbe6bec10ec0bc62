"""What metrics that learn have in common: features for tree learners, and how they run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tabsynth.schema.columns import spelled_out
from tabsynth.table import Table

LEAF: Final = 20


def one_thread() -> AbstractContextManager[object]:
    """Within it, learners use one thread.

    Boosted trees meet after every column of every node; on tables of a few ten thousand records two
    threads then wait for each other far longer than they work (13 times slower on a busy machine).
    """
    limited: AbstractContextManager[object] = threadpool_limits(1)
    return limited


def features(tables: list[Table]) -> tuple[list[NDArray[np.float64]], NDArray[np.bool_]]:
    """Numbers for tree learners: one array of shape (records, columns) per table.

    Args:
        tables: of one schema; categories are coded by frequency over all tables together.

    Returns:
        The arrays, missing being NaN, and which columns are categorical. Beyond 254 categories the
        rarest share a code, since the learner takes 255.
    """
    schema = tables[0].schema
    categorical = np.array([f.is_categorical for f in schema.fields])
    arrays = [np.empty((t.num_rows, len(schema.fields))) for t in tables]
    for position, field in enumerate(schema.fields):
        columns = [t.column(field.name) for t in tables]
        coded = _category_codes(columns) if field.is_categorical else map(numbers, columns)
        for array, codes in zip(arrays, coded, strict=True):
            array[:, position] = codes
    return arrays, categorical


def learnable(records: NDArray[np.float64], categorical: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The features of records to learn from, with 0 for numbers that hardly anybody has.

    Boosted trees break on a number that is missing throughout what they cut into bins. A leaf of
    theirs holds 20 records, so a number that fewer have is of no use to them anyway.

    Args:
        records: shape (records, columns), as `features` makes them.
        categorical: which columns are categories.
    """
    few = ~categorical & (np.count_nonzero(~np.isnan(records), axis=0) < LEAF)
    return np.where(few, 0.0, records) if few.any() else records


def shared_codes(columns: list[pa.Array]) -> list[NDArray[np.int64]]:
    """Codes of one column in several tables: equal for equal values, -1 for missing ones."""
    plain = [spelled_out(c) for c in columns]
    together = pa.chunked_array(plain).combine_chunks().dictionary_encode()
    codes = together.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.split(codes, np.cumsum([len(c) for c in columns])[:-1])


def _category_codes(columns: list[pa.Array]) -> list[NDArray[np.float64]]:
    codes = np.concatenate(shared_codes(columns))
    counts = np.bincount(codes[codes >= 0])
    rank = np.empty(len(counts), np.float64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    values = np.where(codes < 0, np.nan, np.minimum(np.append(rank, 0), 253)[codes])
    return np.split(values, np.cumsum([len(c) for c in columns])[:-1])


def numbers(column: pa.Array) -> NDArray[np.float64]:
    """The values of a column of numbers or moments, NaN for missing; shape (records,)."""
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    elif pa.types.is_temporal(column.type):
        column = column.cast(pa.int64())
    present = column.is_valid().to_numpy(zero_copy_only=False)
    values = column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.float64)
    return np.where(present, values, np.nan)
