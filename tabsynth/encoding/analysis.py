"""Counting what columns hold: per partition, and mergeable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.schema.columns import spelled_out
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table


@dataclass(frozen=True)
class ColumnCounts:
    """Distinct values of one column with how often each occurs, and how often none does."""

    values: pa.Array
    counts: NDArray[np.int64]
    missing: int


@dataclass(frozen=True)
class Analysis:
    """What one or more partitions say about their columns; transient, never saved."""

    schema: TableSchema
    rows: int
    columns: tuple[ColumnCounts, ...]


def analyze(table: Table) -> Analysis:
    """Count the values of every modelled column of one partition.

    Privacy: holds every distinct value of the partition; keep it in memory only.
    """
    schema = table.schema.modelled
    columns = tuple(_count(table.data.column(f.name)) for f in schema.fields)
    return Analysis(schema, table.num_rows, columns)


def merge(first: Analysis, second: Analysis) -> Analysis:
    """The analysis of two partitions together; associative and commutative.

    Raises:
        ValueError: partitions of different schemas.
    """
    if first.schema != second.schema:
        raise ValueError("expected two partitions of one schema")
    columns = tuple(map(_add, first.columns, second.columns))
    return Analysis(first.schema, first.rows + second.rows, columns)


def merged(analyses: Iterable[Analysis]) -> Analysis:
    """The analysis of all partitions together."""
    return reduce(merge, analyses)


def _count(column: pa.ChunkedArray) -> ColumnCounts:
    present = column.drop_null()
    if pa.types.is_floating(present.type):
        # -0.0 and 0.0 are one value; so they must be one key
        present = pc.add(present, 0.0)
    counted = pc.value_counts(present)
    values = spelled_out(counted.field("values"))
    counts = counted.field("counts").to_numpy(zero_copy_only=False).astype(np.int64)
    return ColumnCounts(values, counts, column.null_count)


def _add(first: ColumnCounts, second: ColumnCounts) -> ColumnCounts:
    table = pa.table(
        {
            "value": pa.chunked_array([first.values, second.values]),
            "count": np.concatenate([first.counts, second.counts]),
        }
    )
    total = table.group_by("value").aggregate([("count", "sum")])
    return ColumnCounts(
        total.column("value").combine_chunks(),
        total.column("count_sum").to_numpy(),
        first.missing + second.missing,
    )
