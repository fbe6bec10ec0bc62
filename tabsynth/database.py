"""A database that has been checked against its schema, keys included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.errors import DataError
from tabsynth.schema.columns import spelled_out
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.keys import ForeignKey
from tabsynth.table import Table

NO_PARENT = -1


@dataclass(frozen=True)
class Database:
    """Tables whose foreign keys all lead to a record.

    Args:
        schema: of every table, and the keys between them.
        tables: exactly the tables of the schema.
    """

    schema: DatabaseSchema
    tables: Mapping[str, Table]

    def __post_init__(self) -> None:
        if set(self.tables) != set(self.schema.tables):
            raise ValueError("expected the tables of the schema")

    @classmethod
    def checked(cls, raw: Mapping[str, pa.Table], schema: DatabaseSchema, *, where: str) -> Self:
        """Parse raw tables, and check them and the keys between them.

        Args:
            raw: columns as read, by table.
            schema: what they must be.
            where: how messages name the source; never a password.

        Raises:
            DataError: a table that is not there or breaks its schema, or keys that lead nowhere
                (orphans); the message counts them.

        Privacy: messages name tables and columns, and hold counts, never a value.
        """
        if absent := [name for name in schema.tables if name not in raw]:
            raise DataError(
                where,
                expected="every table of the schema",
                got="none called " + ", ".join(repr(name) for name in absent),
                remedy="correct the schema, or make it anew with `tabsynth db schema`",
            )
        tables = {
            name: Table.checked(raw[name], table, where=f"{where}: table {name!r}")
            for name, table in schema.tables.items()
        }
        database = cls(schema, tables)
        for name in schema.tables:
            for key in schema.foreign_keys[name]:
                orphans = int(np.count_nonzero(database._lost(name, key)))
                if orphans:
                    raise DataError(
                        f"{where}: table {name!r}: foreign key {', '.join(key.fields)}",
                        expected=f"every value in {key.parent!r}",
                        got=f"{orphans:,} records without a parent there",
                        remedy="repair them, or set the key to null where it may be missing",
                    )
        return database

    def parents(self, table: str, key: ForeignKey) -> NDArray[np.int64]:
        """For each record of a table, the place of the parent that a key of it names.

        Returns:
            Places in `key.parent`, from 0; `NO_PARENT` where a column of the key is missing.
            Shape (records of the table,).
        """
        return self._places(table, key)[0]

    def _lost(self, table: str, key: ForeignKey) -> NDArray[np.bool_]:
        places, complete = self._places(table, key)
        lost: NDArray[np.bool_] = complete & (places == NO_PARENT)
        return lost

    def _places(self, table: str, key: ForeignKey) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        own = _columns(self.tables[table], key.fields)
        other = _columns(self.tables[key.parent], key.references)
        names = [str(i) for i in range(len(own))]
        complete = np.logical_and.reduce([c.is_valid().to_numpy(zero_copy_only=False) for c in own])
        # a join keeps no order; so both sides bring their places with them
        wanted = pa.Table.from_arrays(
            [*own, pa.array(np.arange(len(complete)))], names=[*names, "child"]
        ).filter(pa.array(complete))
        held = pa.Table.from_arrays(
            [*other, pa.array(np.arange(len(other[0])))], names=[*names, "parent"]
        )
        joined = wanted.join(held, keys=names, join_type="inner")
        places = np.full(len(complete), NO_PARENT, dtype=np.int64)
        places[joined.column("child").to_numpy()] = joined.column("parent").to_numpy()
        return places, complete


def _columns(table: Table, names: tuple[str, ...]) -> list[pa.Array]:
    """Key columns as plain values, since a join does not take dictionaries."""
    return [spelled_out(table.column(name)) for name in names]
