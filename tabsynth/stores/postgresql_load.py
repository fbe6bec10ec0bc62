"""Writing to PostgreSQL: COPY, in one transaction.

PostgreSQL makes, renames and drops tables inside transactions. So a run is one transaction, and
whatever ends it early, on either side, is a rollback: the server does it when the connection is
gone. Nobody sees a table before the commit. Keys are made after the records are there, which is
faster, and are checked by the server before the commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from tabsynth.schema.database import DatabaseSchema
from tabsynth.stores.ddl import Plan
from tabsynth.stores.dialects import quoted
from tabsynth.stores.loading import require_mode, staging_names, tables_there, written
from tabsynth.stores.protocol import Mode
from tabsynth.stores.rows import blocks, tab_rows

_CHECKS = """
SELECT conname FROM pg_catalog.pg_constraint
WHERE contype = 'c' AND conrelid = to_regclass(%s)"""


@contextmanager
def writing_postgresql(
    engine: sa.Engine, where: str, schema: DatabaseSchema, mode: Mode
) -> Iterator[CopyWriter]:
    """See `Store.writing`."""
    plan = Plan(schema, "postgresql")
    with written(where):
        connection = engine.connect()
    try:
        with written(where):
            connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
            there = tables_there(connection, where)
        require_mode(plan.schema, there, mode, where)
        called = {name: name for name in plan.order}
        if mode == "replace":
            called = staging_names(plan.schema)
        driver: Any = connection.connection.driver_connection
        with written(where):
            if mode != "append":
                for name in plan.order:
                    driver.execute(plan.create(name, keys=False, called=called[name]))
        writer = CopyWriter(driver, plan, called, where)
        yield writer
        writer.finish()
        with written(where):
            if mode == "replace":
                _swap(driver, called, [name for name in called if name in there.tables])
            if mode != "append":
                _add_keys(driver, plan)
            driver.commit()
    finally:
        # the server rolls back what was not committed
        with suppress(Exception):
            connection.invalidate()
            connection.close()


class CopyWriter:
    """One COPY for each table, for as long as its records come.

    Args:
        driver: the connection of psycopg, in a transaction.
        plan: of the tables.
        called: the tables' names for now.
        where: how messages name the database.
    """

    def __init__(self, driver: Any, plan: Plan, called: dict[str, str], where: str) -> None:
        self._driver, self._plan, self._called, self._where = driver, plan, called, where
        self._table: str | None = None
        self._copying: Any = None
        self._copy: Any = None

    def write(self, table: str, data: pa.Table) -> None:
        """See `DatabaseWriter.write`."""
        schema = self._plan.schema.tables[table]
        if table != self._table:
            self.finish()
            names = ", ".join(quoted(name, "postgresql") for name in schema.names)
            name = quoted(self._called[table], "postgresql")
            with written(f"{self._where}: table {table!r}"):
                self._copying = self._driver.cursor().copy(f"COPY {name} ({names}) FROM STDIN")
                self._copy = self._copying.__enter__()
            self._table = table
        for block in blocks(data, schema):
            rows = tab_rows(block, schema)
            with written(f"{self._where}: table {table!r}"):
                self._copy.write(memoryview(rows))

    def finish(self) -> None:
        """End the table that is being written; the server checks what it can check now."""
        if self._copying is not None:
            with written(f"{self._where}: table {self._table!r}"):
                self._copying.__exit__(None, None, None)
        self._table = self._copying = self._copy = None


def _swap(driver: Any, called: dict[str, str], old: list[str]) -> None:
    """Put new tables in the place of old ones; from here on others wait for the old ones."""
    if old:
        driver.execute(f"DROP TABLE {', '.join(quoted(name, 'postgresql') for name in old)}")
    for name, staged in called.items():
        final = quoted(name, "postgresql")
        driver.execute(f"ALTER TABLE {quoted(staged, 'postgresql')} RENAME TO {final}")
        for (check,) in driver.execute(_CHECKS, [final]).fetchall():
            new = name[:40] + check.removeprefix(staged)
            driver.execute(
                f"ALTER TABLE {final} RENAME CONSTRAINT {quoted(check, 'postgresql')} "
                f"TO {quoted(new, 'postgresql')}"
            )


def _add_keys(driver: Any, plan: Plan) -> None:
    for name in plan.order:
        for key in plan.unique(name):
            driver.execute(f"ALTER TABLE {quoted(name, 'postgresql')} ADD {key}")
    for name in plan.order:
        for statement in plan.foreign(name):
            driver.execute(statement)
