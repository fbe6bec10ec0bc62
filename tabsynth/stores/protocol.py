"""What every store of tables keeps to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Literal, Protocol

import pyarrow as pa

from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.model import TableSchema

# what writing does where tables of these names are, or are not: make them and refuse what is
# there; add records to what is there; put new tables in the place of what is there
Mode = Literal["create", "append", "replace"]


class DatabaseWriter(Protocol):
    """Takes the records of tables, parents before children, each table in any number of chunks."""

    def write(self, table: str, data: pa.Table) -> None:
        """Append records.

        Args:
            table: a table of the schema that the writer was opened for.
            data: columns of the schema's storage types.

        Raises:
            OutputError: the store does not take them; the message holds no value.
        """


class Source(Protocol):
    """A database, or a folder of files with a Data Package beside them, as it is read."""

    @property
    def where(self) -> str:
        """How messages name it: without user, password and options."""
        ...

    def reflect(self) -> DatabaseSchema:
        """Tables, types, keys and rules as the store declares them; no record is read for it.

        In a folder it is the Data Package. In one without, all is read from the records: types,
        and keys where names say so and the values agree.

        Raises:
            DataError: it cannot be reached or read.
        """
        ...

    def read(
        self, table: str, schema: TableSchema | None = None, *, private: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """The records of one table, in batches, so that memory stays flat.

        Args:
            table: its name.
            schema: whose columns are read, in its order; where it is None, all that the database
                does not compute itself.
            private: each value by itself, missing where the type of its column has none like it,
                so that what one record holds changes nothing of how another one is read.

        Raises:
            DataError: a table or column that is not there, or a connection that was lost.
        """
        ...

    def snapshot(self) -> AbstractContextManager[Source]:
        """The same store, of which every read inside the block sees one moment.

        A server, an SQLite and a DuckDB file keep to that; the files of a folder are not held.

        Raises:
            DataError: it cannot be reached or read.
        """
        ...


class Store(Source, Protocol):
    """A store that can be written to as well."""

    def writing(self, schema: DatabaseSchema, mode: Mode) -> AbstractContextManager[DatabaseWriter]:
        """Open the store for the records of a whole database.

        When the block succeeds all tables are there; when it does not, the store is as it was.

        Raises:
            OutputError: tables that are there already (`create`), or are not there or differ
                from the schema (`append`), or a place that cannot be written.
        """
        ...
