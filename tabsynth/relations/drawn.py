"""Records of one table that have been drawn, with all that their children ask about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.relations.counts import Counts
from tabsynth.relations.ties import Places, Relation
from tabsynth.relations.views import Seen
from tabsynth.schema.columns import spelled_out
from tabsynth.schema.model import TableSchema
from tabsynth.schema.parse import storage_type


@dataclass(frozen=True)
class Drawn:
    """Records, while they are made and after.

    Args:
        rows: how many.
        columns: those that are there already, by name.
        frame: columns that were drawn beside the table's own, by name.
        counts: children by relation in which the table is the parent, as far as they are known.
        seen: what children see of the records.
        lineage: by table above, the place of each record's ancestor there; -1 where it has none.
        parents: by key, the place of each record's parent; -1 where it has none.
        persons: a number for the invented person that each record is about.
    """

    rows: int
    columns: Mapping[str, pa.Array] = field(default_factory=dict)
    frame: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    counts: Mapping[Relation, Counts] = field(default_factory=dict)
    seen: Seen | None = None
    lineage: Mapping[str, Places] = field(default_factory=dict)
    parents: Mapping[int, Places] = field(default_factory=dict)
    persons: Places = field(default_factory=lambda: np.empty(0, np.int64))

    def having(self, columns: Mapping[str, pa.Array]) -> Drawn:
        """The same records with more columns, or others."""
        return replace(self, columns={**self.columns, **columns})

    def tied(self, index: int, places: Places) -> Drawn:
        """The same records with their parents by one key."""
        return replace(self, parents={**self.parents, index: places})

    def take(self, rows: NDArray[np.intp]) -> Drawn:
        """Some of the records."""
        at = pa.array(rows)
        return Drawn(
            len(rows),
            {name: column.take(at) for name, column in self.columns.items()},
            {name: values[rows] for name, values in self.frame.items()},
            {relation: counts[rows] for relation, counts in self.counts.items()},
            None if self.seen is None else self.seen.take(rows),
            {table: places[rows] for table, places in self.lineage.items()},
            {index: places[rows] for index, places in self.parents.items()},
            self.persons[rows] if len(self.persons) else self.persons,
        )

    def table(self, schema: TableSchema) -> pa.Table:
        """The records with the columns of a schema; those that are left out are missing."""
        columns = [
            self.columns[f.name] if f.name in self.columns else pa.nulls(self.rows, storage_type(f))
            for f in schema.fields
        ]
        return pa.Table.from_arrays(columns, names=list(schema.names))


def taken(column: pa.Array, places: Places) -> pa.Array:
    """Values at some places of a column, missing where a place is negative."""
    return column.take(pa.array(places, mask=places < 0))


def classes(*sides: Sequence[pa.Array]) -> list[NDArray[np.int64]]:
    """For each side, a number per record, equal where records agree in all columns.

    Args:
        sides: the same columns on each side. A record with a missing value agrees with none of
            another side; its number is negative and its own side's.
    """
    lengths = [len(side[0]) for side in sides]
    number = np.zeros(sum(lengths), np.int64)
    lost = np.zeros(sum(lengths), bool)
    for parts in zip(*sides, strict=True):
        plain = [spelled_out(part) for part in parts]
        both = pa.concat_arrays([part.cast(plain[0].type) for part in plain])
        codes = both.dictionary_encode().indices
        lost |= codes.is_null().to_numpy(zero_copy_only=False)
        own = codes.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        # numbers stay below the number of records
        _, number = np.unique(number * (int(own.max(initial=0)) + 1) + own, return_inverse=True)
    split = np.split(number, np.cumsum(lengths)[:-1])
    apart = np.split(lost, np.cumsum(lengths)[:-1])
    return [
        np.where(without, -1 - side, own)
        for side, (own, without) in enumerate(zip(split, apart, strict=True))
    ]
