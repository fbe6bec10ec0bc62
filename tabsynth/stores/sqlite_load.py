"""Writing to SQLite: one transaction, or a new file that appears whole.

A file that is not there is written beside its place and renamed in the end. In one that is there,
whatever it holds besides, all is one transaction: SQLite undoes it when the block fails, and, from
its journal, at the next opening after the process was killed. Keys are asked of the records before
the commit.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from tabsynth.errors import OutputError
from tabsynth.io.atomic import atomic_path
from tabsynth.schema.database import DatabaseSchema
from tabsynth.stores.ddl import Plan
from tabsynth.stores.dialects import quoted
from tabsynth.stores.loading import require_mode, tables_there, written
from tabsynth.stores.protocol import Mode
from tabsynth.stores.rows import blocks, tuples


@contextmanager
def writing_sqlite(
    path: Path, where: str, schema: DatabaseSchema, mode: Mode, *, connect: Any
) -> Iterator[RowWriter]:
    """See `Store.writing`.

    Args:
        path: of the file.
        where: how messages name it.
        schema: of the tables to write.
        mode: what to do with tables that are there.
        connect: from a path to an SQLAlchemy engine that may write it.
    """
    plan = Plan(schema, "sqlite")
    with ExitStack() as stack:
        stack.callback(recover, path)
        place = path
        if not path.exists():
            place = stack.enter_context(atomic_path(path))
            stack.callback(_remove_journal, place)
        with written(where):
            engine: sa.Engine = connect(place)
            connection = stack.enter_context(engine.connect())
            driver: Any = connection.connection.driver_connection
            # of what is appended the keys are asked in the end; all of new tables are asked below
            driver.execute(f"PRAGMA foreign_keys = {'ON' if mode == 'append' else 'OFF'}")
            driver.execute("BEGIN IMMEDIATE")
            stack.callback(_roll_back, driver)
            driver.execute("PRAGMA defer_foreign_keys = ON")
            there = tables_there(connection, where)
        require_mode(plan.schema, there, mode, where)
        with written(where):
            if mode == "replace":
                for name in plan.order:
                    driver.execute(f"DROP TABLE IF EXISTS {quoted(name, 'sqlite')}")
            if mode != "append":
                for name in plan.order:
                    driver.execute(plan.create(name, keys=True))
        yield RowWriter(driver, plan, where)
        with written(where):
            if mode != "append":
                _require_parents(driver, plan, where)
            driver.execute("COMMIT")


class RowWriter:
    """INSERT of many records at a time.

    Args:
        driver: the connection of sqlite3, in a transaction.
        plan: of the tables.
        where: how messages name the database.
    """

    def __init__(self, driver: Any, plan: Plan, where: str) -> None:
        self._driver, self._plan, self._where = driver, plan, where

    def write(self, table: str, data: pa.Table) -> None:
        """See `DatabaseWriter.write`."""
        schema = self._plan.schema.tables[table]
        names = ", ".join(quoted(name, "sqlite") for name in schema.names)
        marks = ", ".join("?" * len(schema.names))
        statement = f"INSERT INTO {quoted(table, 'sqlite')} ({names}) VALUES ({marks})"
        for block in blocks(data, schema):
            if any(block.column(name).null_count for name in schema.primary_key):
                # SQLite would invent whole numbers
                raise OutputError(
                    f"{self._where}: table {table!r}", expected="a value in every primary key",
                    got="records without a value that they need",
                    remedy="fill the column; nothing was changed there",
                )  # fmt: skip
            with written(f"{self._where}: table {table!r}"):
                self._driver.executemany(statement, tuples(block, schema))


def recover(path: Path) -> None:
    """Let SQLite undo what a run did not finish, which a connection that only reads cannot."""
    if Path(os.fspath(path) + "-journal").exists() and path.exists():
        with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _require_parents(driver: Any, plan: Plan, where: str) -> None:
    for name in plan.order:
        lost = driver.execute(f"PRAGMA foreign_key_check({quoted(name, 'sqlite')})").fetchone()
        if lost is not None:
            raise OutputError(
                f"{where}: table {name!r}", expected="a parent for every record",
                got="records whose parent is not there",
                remedy="write parents too, and check the foreign keys; nothing was changed there",
            )  # fmt: skip


def _roll_back(driver: Any) -> None:
    if driver.in_transaction:
        driver.execute("ROLLBACK")


def _remove_journal(place: Path) -> None:
    for ending in ("-journal", "-wal", "-shm"):
        Path(os.fspath(place) + ending).unlink(missing_ok=True)
