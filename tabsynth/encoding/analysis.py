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
    """Distinct values of one column with how often each occurs, and how often none does.

    Args:
        values: shape (different,).
        counts: records with each.
        missing: records without a value.
        holders: places in `values`, and whose record it is there: each pair once; None where each
            record is a person's own.
    """

    values: pa.Array
    counts: NDArray[np.int64]
    missing: int
    holders: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    @property
    def persons(self) -> NDArray[np.int64]:
        """How many persons have each value; shape (different,)."""
        if self.holders is None:
            return self.counts
        return np.bincount(self.holders[0], minlength=len(self.values))

    def people(self, which: NDArray[np.bool_]) -> int:
        """How many persons have one of these values; `which` has shape (different,)."""
        if self.holders is None:
            return int(self.counts[which].sum())
        return len(np.unique(self.holders[1][which[self.holders[0]]]))

    def frequent(self, fewest: int) -> list[str]:
        """Values that so many persons have, as texts; the most frequent first."""
        texts = self.values.cast(pa.string()).to_pylist()
        listed = zip((-self.counts).tolist(), texts, self.persons.tolist(), strict=True)
        return [text for _, text, persons in sorted(listed) if persons >= fewest]

    def behind(self, order: NDArray[np.intp], fewest: int) -> NDArray[np.int64]:
        """Records behind each value, so that any `fewest` in a row are of as many persons.

        Of a value that so many persons have, all records count. Elsewhere a person's record counts
        for nothing where another one of the same person stands near before it.

        Args:
            order: the values in a row: places of `values`.
            fewest: how many records are enough.

        Returns:
            Shape (different,), in that order.
        """
        if self.holders is None:
            return self.counts[order]
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        enough = self.persons >= fewest
        rare = ~enough[self.holders[0]]
        value, person = place[self.holders[0][rare]], self.holders[1][rare]
        row = np.argsort(value, kind="stable")
        while (near := _near_before(person[row], fewest)).any():
            row = row[~near]
        alone = np.bincount(value[row], minlength=len(order))
        return np.where(enough[order], self.counts[order], alone)


@dataclass(frozen=True)
class Analysis:
    """What one or more partitions say about their columns; transient, never saved.

    Args:
        schema: of the modelled columns.
        rows: records.
        persons: whose records they are, as many as there are.
        columns: one for each column.
    """

    schema: TableSchema
    rows: int
    persons: int
    columns: tuple[ColumnCounts, ...]


def analyze(table: Table) -> Analysis:
    """Count the values of every modelled column of one partition.

    Privacy: holds every distinct value of the partition; keep it in memory only.
    """
    schema, owners = table.schema.modelled, table.owners
    columns = tuple(count(table.data.column(f.name), owners) for f in schema.fields)
    persons = table.num_rows if owners is None else len(np.unique(owners))
    return Analysis(schema, table.num_rows, persons, columns)


def merge(first: Analysis, second: Analysis) -> Analysis:
    """The analysis of two partitions together; associative and commutative.

    Raises:
        ValueError: partitions of different schemas, or one in which persons have several records:
            who they are in another is not known.
    """
    if first.schema != second.schema:
        raise ValueError("expected two partitions of one schema")
    if any(c.holders is not None for c in (*first.columns, *second.columns)):
        raise ValueError("expected records that are each a person's own")
    columns = tuple(map(_add, first.columns, second.columns))
    rows = first.rows + second.rows
    return Analysis(first.schema, rows, first.persons + second.persons, columns)


def merged(analyses: Iterable[Analysis]) -> Analysis:
    """The analysis of all partitions together."""
    return reduce(merge, analyses)


def count(column: pa.ChunkedArray, owners: NDArray[np.int64] | None) -> ColumnCounts:
    """What one column holds, and whose records hold it where that is known."""
    present = column.drop_null()
    if pa.types.is_floating(present.type):
        # -0.0 and 0.0 are one value; so they must be one key
        present = pc.add(present, 0.0)
    if owners is not None:
        known = column.is_valid().to_numpy()
        return _count_holders(present.combine_chunks(), owners[known], column.null_count)
    counted = pc.value_counts(present)
    values = spelled_out(counted.field("values"))
    counts = counted.field("counts").to_numpy(zero_copy_only=False).astype(np.int64)
    return ColumnCounts(values, counts, column.null_count)


def _count_holders(present: pa.Array, owners: NDArray[np.int64], missing: int) -> ColumnCounts:
    column = spelled_out(present).dictionary_encode()
    values, places = column.dictionary, column.indices.to_numpy().astype(np.int64)
    counts = np.bincount(places, minlength=len(values))
    return ColumnCounts(values, counts, missing, held_by(places, owners))


def held_by(
    places: NDArray[np.int64], owners: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each place with each of its owners, once.

    Args:
        places: what a record holds; shape (records,), at least 0.
        owners: whose it is; shape (records,), at least 0.
    """
    span = int(owners.max(initial=0)) + 1
    pairs = np.unique(places * span + owners)
    return pairs // span, pairs % span


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


def _near_before(persons: NDArray[np.int64], reach: int) -> NDArray[np.bool_]:
    """Which have the same person less than `reach` places before; shape (records,)."""
    order = np.argsort(persons, kind="stable")
    found = np.zeros(len(persons), bool)
    again = (np.diff(persons[order]) == 0) & (np.diff(order) < reach)
    found[order[1:]] = again
    return found
