"""Databases that are reached through SQLAlchemy: SQLite, PostgreSQL, MySQL and MariaDB."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pyarrow as pa
import sqlalchemy as sa

from tabsynth.errors import DataError
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.model import TableSchema
from tabsynth.stores.failures import gone, told
from tabsynth.stores.mysql_load import writing_mysql
from tabsynth.stores.postgresql_load import writing_postgresql
from tabsynth.stores.protocol import DatabaseWriter, Mode
from tabsynth.stores.reflection import reflect, reflected_columns
from tabsynth.stores.selection import batches
from tabsynth.stores.sqlite_load import recover, writing_sqlite

CONNECT_SECONDS: Final = 10
# what a connection does first, so that all its reads see one moment and it writes nothing
_READ_ONLY: Final[dict[str, tuple[str, ...]]] = {
    "sqlite": ("BEGIN",),
    "postgresql": (
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
        "SET LOCAL TIME ZONE 'UTC'",
        "SET LOCAL DateStyle TO ISO",
    ),
    "mysql": (
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SET SESSION time_zone = '+00:00'",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ),
}
_READ_ONLY["mariadb"] = _READ_ONLY["mysql"]


@dataclass(frozen=True)
class SqlStore:
    """A database behind a URL.

    Args:
        url: with user and password, which nothing here shows.
        where: how messages name it.
        held: a connection that every read goes through, so that all see one moment.
    """

    url: sa.URL = field(repr=False)
    where: str
    held: sa.Connection | None = field(default=None, repr=False, compare=False)

    @contextmanager
    def snapshot(self) -> Iterator[SqlStore]:
        """The same store, of which every read inside the block sees one moment."""
        with self._reading() as connection:
            yield replace(self, held=connection)

    def reflect(self) -> DatabaseSchema:
        """See `Source.reflect`."""
        with self._reading() as connection, told(self.where):
            return reflect(connection, self.where)

    def read(
        self, table: str, schema: TableSchema | None = None, *, private: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """See `Source.read`."""
        where = f"{self.where}: table {table!r}"
        with self._reading() as connection, told(where):
            columns = reflected_columns(connection, table)
            if not columns:
                raise gone(where, "table")
            names = tuple(columns) if schema is None else schema.names
            if missing := [name for name in names if name not in columns]:
                raise gone(where, f"column {missing[0]!r}")
            wanted = {name: columns[name] for name in names}
            yield from batches(connection, table, wanted, where, schema=schema, private=private)

    def writing(self, schema: DatabaseSchema, mode: Mode) -> AbstractContextManager[DatabaseWriter]:
        """See `Store.writing`."""
        name = self.url.get_backend_name()
        if name == "sqlite":
            return writing_sqlite(
                Path(str(self.url.database)), self.where, schema, mode,
                connect=lambda place: engine_for(
                    self.url.set(database=str(place)), self.where, writing=True
                ),
            )  # fmt: skip
        engine = engine_for(self.url, self.where, writing=True)
        begin = writing_postgresql if name == "postgresql" else writing_mysql
        return begin(engine, self.where, schema, mode)

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        if self.held is not None:
            yield self.held
            return
        engine = engine_for(self.url, self.where, writing=False)
        with told(self.where, also=(TypeError, ValueError)):
            connection = engine.connect()
        try:
            with told(self.where):
                for statement in _READ_ONLY[engine.dialect.name]:
                    connection.exec_driver_sql(statement)
            yield connection
        finally:
            connection.invalidate()
            connection.close()
            engine.dispose()


def engine_for(url: sa.URL, where: str, *, writing: bool) -> sa.Engine:
    """An engine without a pool, with credentials from where the driver looks for them.

    Args:
        url: as of `SqlStore`.
        where: how messages name it.
        writing: whether an SQLite file may be written, or made.

    Raises:
        DataError: a driver that is not installed, or an SQLite file that is not there to be read.
    """
    settings: dict[str, Any] = {"poolclass": sa.NullPool, "hide_parameters": True}
    name = url.get_backend_name()
    if name == "sqlite":
        settings["creator"] = _sqlite(Path(str(url.database)), where, writing=writing)
    elif name == "postgresql":
        # of another encoding, the environment's say, some texts are errors
        options = {"connect_timeout": CONNECT_SECONDS, "client_encoding": "utf8"}
        settings["connect_args"] = options | dict(url.query)
        url = url.set(query={})
    else:
        settings["connect_args"] = _mysql_options() | dict(url.query)
        if url.password is None and "MYSQL_PWD" in os.environ:
            url = url.set(password=os.environ["MYSQL_PWD"])
        url = url.set(query={})
    try:
        return sa.create_engine(url, **settings)
    except ModuleNotFoundError:
        raise DataError(
            where, expected="the driver of this database", got="none that is installed",
            remedy="install it with `pip install 'tabsynth[sql]'`",
        ) from None  # fmt: skip


def _mysql_options() -> dict[str, Any]:
    own = Path.home() / ".my.cnf"
    return {"connect_timeout": CONNECT_SECONDS} | (
        {"read_default_file": str(own)} if own.is_file() else {}
    )


def _sqlite(path: Path, where: str, *, writing: bool) -> Any:
    if not writing and not path.is_file():
        raise DataError(
            where, expected="an SQLite file",
            got="a folder" if path.is_dir() else "no such file", remedy="check the path",
        )  # fmt: skip
    recover(path)
    place = f"file:{quote(str(path))}?mode={'rwc' if writing else 'ro'}"
    # no transactions but those that are begun in words
    return lambda: sqlite3.connect(place, uri=True, isolation_level=None, check_same_thread=False)
