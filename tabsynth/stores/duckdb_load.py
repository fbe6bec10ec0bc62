"""Writing to DuckDB: from Arrow, in one transaction, or to a new file that appears whole.

A file that is not there is written beside its place and renamed in the end. In one that is there
all is one transaction: what is not committed is undone when the block fails, and is never read from
the file after the process was killed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from tabsynth.errors import OutputError
from tabsynth.io.atomic import atomic_path
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.keys import ForeignKey
from tabsynth.stores.ddl import Plan
from tabsynth.stores.dialects import quoted
from tabsynth.stores.loading import require_mode, written
from tabsynth.stores.protocol import Mode
from tabsynth.stores.rows import blocks

_BLOCK = "tabsynth_block"
_WAITING = "tabsynth_waiting"


@contextmanager
def writing_duckdb(
    path: Path, where: str, schema: DatabaseSchema, mode: Mode, *, there: DatabaseSchema
) -> Iterator[ArrowWriter]:
    """See `Store.writing`.

    Args:
        path: of the file.
        where: how messages name it.
        schema: of the tables to write.
        mode: what to do with tables that are there.
        there: these tables.
    """
    plan = Plan(schema, "duckdb")
    require_mode(plan.schema, there, mode, where)
    with ExitStack() as stack:
        place = path
        if not path.exists():
            place = stack.enter_context(atomic_path(path))
            # DuckDB makes its files itself, and opens no empty one
            place.unlink()
            stack.callback(Path(os.fspath(place) + ".wal").unlink, missing_ok=True)
        with written(where):
            connection = stack.enter_context(duckdb.connect(str(place)))
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("BEGIN")
            if mode == "replace":
                for name in reversed(there.parents_first):
                    if name in plan.schema.tables:
                        connection.execute(f"DROP TABLE {quoted(name, 'duckdb')}")
            if mode != "append":
                for name in plan.order:
                    connection.execute(plan.create(name, keys=True))
        writer = ArrowWriter(connection, plan, where)
        yield writer
        writer.finish()
        with written(where):
            connection.execute("COMMIT")


class ArrowWriter:
    """INSERT from Arrow tables.

    Args:
        connection: in a transaction.
        plan: of the tables.
        where: how messages name the database.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, plan: Plan, where: str) -> None:
        self._connection, self._plan, self._where = connection, plan, where
        self._waiting: str | None = None

    def write(self, table: str, data: pa.Table) -> None:
        """See `DatabaseWriter.write`."""
        if table != self._waiting:
            self.finish()
        schema = self._plan.schema.tables[table]
        into = quoted(table, "duckdb")
        names = ", ".join(quoted(name, "duckdb") for name in schema.names)
        with written(f"{self._where}: table {table!r}"):
            if self._own_keys(table):
                # a record is taken only after the one that it refers to
                if self._waiting is None:
                    self._connection.execute(
                        f"CREATE TEMP TABLE {_WAITING} AS SELECT {names} FROM {into} LIMIT 0"
                    )
                    self._waiting = table
                into = _WAITING
            for block in blocks(data, schema):
                self._connection.register(_BLOCK, block)
                self._connection.execute(
                    f"INSERT INTO {into} ({names}) SELECT {names} FROM {_BLOCK}"
                )
                self._connection.unregister(_BLOCK)

    def finish(self) -> None:
        """Let records in that wait for those that they refer to, generation by generation."""
        table, self._waiting = self._waiting, None
        if table is None:
            return
        where = f"{self._where}: table {table!r}"
        schema = self._plan.schema.tables[table]
        names = ", ".join(quoted(name, "duckdb") for name in schema.names)
        ready = " AND ".join(_is_ready(key, table) for key in self._own_keys(table))
        with written(where):
            while True:
                self._connection.execute(
                    f"CREATE OR REPLACE TEMP TABLE {_WAITING}_next AS "
                    f"SELECT *, {ready} AS tabsynth_ready FROM {_WAITING} AS waiting"
                )
                (found,) = self._one(f"SELECT count(*) FROM {_WAITING}_next WHERE tabsynth_ready")
                if not found:
                    break
                self._connection.execute(
                    f"INSERT INTO {quoted(table, 'duckdb')} ({names}) "
                    f"SELECT {names} FROM {_WAITING}_next WHERE tabsynth_ready"
                )
                self._connection.execute(
                    f"CREATE OR REPLACE TEMP TABLE {_WAITING} AS "
                    f"SELECT {names} FROM {_WAITING}_next WHERE NOT tabsynth_ready"
                )
            (left,) = self._one(f"SELECT count(*) FROM {_WAITING}")
            self._connection.execute(f"DROP TABLE {_WAITING}")
            self._connection.execute(f"DROP TABLE {_WAITING}_next")
        if left:
            raise OutputError(
                where, expected="records that refer to one that DuckDB has already",
                got=f"{left:,} without a parent there, or that refer to themselves or in a circle",
                remedy="check the foreign key, or write to another engine; nothing was changed",
            )  # fmt: skip

    def _own_keys(self, table: str) -> list[ForeignKey]:
        return [k for k in self._plan.schema.foreign_keys[table] if k.parent == table]

    def _one(self, query: str) -> tuple[int, ...]:
        row = self._connection.execute(query).fetchone()
        return (0,) if row is None else row


def _is_ready(key: ForeignKey, table: str) -> str:
    """A condition that the record which a key leads to is in the table, or that there is none."""
    pairs = [(quoted(a, "duckdb"), quoted(b, "duckdb"))
             for a, b in zip(key.fields, key.references, strict=True)]  # fmt: skip
    absent = " OR ".join(f"waiting.{own} IS NULL" for own, _ in pairs)
    same = " AND ".join(f"there.{other} = waiting.{own}" for own, other in pairs)
    into = quoted(table, "duckdb")
    return f"({absent} OR EXISTS (SELECT 1 FROM {into} AS there WHERE {same}))"
