"""Writing to MySQL and MariaDB: INSERT of many records, and one RENAME in the end.

Their statements that make tables cannot be undone. So new tables are made under names of their own,
filled, and given their keys, which the server checks. Then one RENAME TABLE moves the old tables
away and the new ones in: it happens as a whole or not at all, also when the server is killed (since
MySQL 8.0 and MariaDB 10.6). Tables of a run that was killed are taken away by the next one: a lock
of the server, which goes with its connection, says that nobody else is at work on them. Records are
appended in one transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from tabsynth.errors import OutputError
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.keys import ForeignKey
from tabsynth.stores.ddl import Plan
from tabsynth.stores.dialects import Engine, quoted
from tabsynth.stores.loading import require_mode, staging_names, tables_there, written
from tabsynth.stores.protocol import Mode
from tabsynth.stores.reflection import STAGED
from tabsynth.stores.rows import blocks, insert_values

# what does not fit is an error; texts are written with backslashes
_SESSION: Final = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'",
    "SET SESSION time_zone = '+00:00'",
    "SET NAMES utf8mb4",
)


@contextmanager
def writing_mysql(
    engine: sa.Engine, where: str, schema: DatabaseSchema, mode: Mode
) -> Iterator[ValuesWriter]:
    """See `Store.writing`."""
    with written(where):
        connection = engine.connect()
    try:
        dialect: Any = engine.dialect
        kind: Engine = "mariadb" if dialect.is_mariadb else "mysql"
        plan = Plan(schema, kind)
        driver: Any = connection.connection.driver_connection
        with written(where):
            for statement in _SESSION:
                driver.query(statement)
            _lock(driver, where)
            _drop(driver, [name for name in _tables(driver) if STAGED.fullmatch(name)])
            there = tables_there(connection, where)
        require_mode(plan.schema, there, mode, where)
        if mode == "append":
            yield from _appending(driver, plan, where)
        else:
            yield from _staging(connection, plan, there, where)
    finally:
        # the server rolls back what was not committed, and gives the lock free
        with suppress(Exception):
            connection.invalidate()
            connection.close()


class ValuesWriter:
    """INSERT statements of many records each.

    Args:
        driver: the connection of PyMySQL.
        plan: of the tables.
        called: the tables' names for now.
        where: how messages name the database.
    """

    def __init__(self, driver: Any, plan: Plan, called: dict[str, str], where: str) -> None:
        self._driver, self._plan, self._called, self._where = driver, plan, called, where

    def write(self, table: str, data: pa.Table) -> None:
        """See `DatabaseWriter.write`."""
        schema = self._plan.schema.tables[table]
        names = ", ".join(quoted(name, self._plan.engine) for name in schema.names)
        into = quoted(self._called[table], self._plan.engine)
        start = f"INSERT INTO {into} ({names}) VALUES ".encode()
        for block in blocks(data, schema):
            for rows in insert_values(block, schema):
                with written(f"{self._where}: table {table!r}"):
                    self._driver.query(start + rows)


def _staging(
    connection: sa.Connection, plan: Plan, there: DatabaseSchema, where: str
) -> Iterator[ValuesWriter]:
    called = staging_names(plan.schema)
    driver: Any = connection.connection.driver_connection
    try:
        with written(where):
            for name in plan.order:
                driver.query(plan.create(name, keys=True, called=called[name]))
            driver.query("START TRANSACTION")
        yield ValuesWriter(driver, plan, called, where)
        with written(where):
            driver.query("COMMIT")
            for name in plan.order:
                for statement in plan.foreign(name, called=called, own=called[name]):
                    driver.query(statement)
            old = {name: f"{called[name]}_old" for name in called if name in there.tables}
            moves = [*old.items(), *((staged, name) for name, staged in called.items())]
            pairs = ", ".join(f"{_name(a)} TO {_name(b)}" for a, b in moves)
            driver.query(f"RENAME TABLE {pairs}")
    except BaseException:
        _clean(connection, list(called.values()))
        raise
    # all is there; what is left of the old tables the next run would take away as well
    with suppress(Exception):
        _drop(driver, list(old.values()))


def _clean(connection: sa.Connection, names: list[str]) -> None:
    """Take unfinished tables away, by another connection where this one is lost."""
    try:
        driver: Any = connection.connection.driver_connection
        driver.query("ROLLBACK")
        _drop(driver, names)
    except Exception:
        # where this fails as well, the next run does it
        with suppress(Exception), connection.engine.connect() as another:
            driver = another.connection.driver_connection
            driver.query("SET SESSION lock_wait_timeout = 10")
            _drop(driver, names)


def _appending(driver: Any, plan: Plan, where: str) -> Iterator[ValuesWriter]:
    trees = [n for n in plan.order if any(k.parent == n for k in plan.schema.foreign_keys[n])]
    with written(where):
        _require_transactions(driver, plan, where)
        if trees:
            # a record may come before the one that it refers to; so keys are asked in the end
            driver.query("SET SESSION foreign_key_checks = 0")
        driver.query("START TRANSACTION")
    yield ValuesWriter(driver, plan, {name: name for name in plan.order}, where)
    with written(where):
        for name in plan.order if trees else ():
            for key in plan.schema.foreign_keys[name]:
                _require_parents(driver, name, key, where)
        driver.query("COMMIT")


def _require_parents(driver: Any, table: str, key: ForeignKey, where: str) -> None:
    pairs = [(_name(a), _name(b)) for a, b in zip(key.fields, key.references, strict=True)]
    same = " AND ".join(f"parent.{other} = child.{own}" for own, other in pairs)
    present = " AND ".join(f"child.{own} IS NOT NULL" for own, _ in pairs)
    (lost,) = _rows(
        driver,
        f"SELECT EXISTS (SELECT 1 FROM {_name(table)} AS child LEFT JOIN {_name(key.parent)} "
        f"AS parent ON {same} WHERE {present} AND parent.{pairs[0][1]} IS NULL)",
    )[0]
    if lost:
        raise OutputError(
            f"{where}: table {table!r}", expected="a parent for every record",
            got="records whose parent is not there",
            remedy="write parents too, and check the foreign keys; nothing was changed there",
        )  # fmt: skip


def _require_transactions(driver: Any, plan: Plan, where: str) -> None:
    kinds = dict(
        _rows(
            driver,
            "SELECT table_name, engine FROM information_schema.tables "
            "WHERE table_schema = DATABASE()",
        )
    )
    for name in plan.order:
        if str(kinds.get(name)).lower() != "innodb":
            raise OutputError(
                f"{where}: table {name!r}", expected="a table that knows transactions",
                got=f"one of the storage engine {kinds.get(name)}",
                remedy="change it to InnoDB, or write to another database",
            )  # fmt: skip


def _lock(driver: Any, where: str) -> None:
    (database,) = _rows(driver, "SELECT DATABASE()")[0]
    name = hashlib.sha256(str(database).encode()).hexdigest()[:32]
    (taken,) = _rows(driver, f"SELECT GET_LOCK('tabsynth:{name}', 0)")[0]
    if not taken:
        raise OutputError(
            where, expected="a database that nobody else writes to",
            got="another run of tabsynth at work on it", remedy="let it end first",
        )  # fmt: skip


def _tables(driver: Any) -> list[str]:
    return [name for (name,) in _rows(driver, "SHOW TABLES")]


def _drop(driver: Any, names: list[str]) -> None:
    if names:
        # they refer to each other alone
        driver.query("SET SESSION foreign_key_checks = 0")
        driver.query(f"DROP TABLE IF EXISTS {', '.join(map(_name, names))}")
        driver.query("SET SESSION foreign_key_checks = 1")


def _rows(driver: Any, query: str) -> list[tuple[Any, ...]]:
    with driver.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def _name(name: str) -> str:
    return quoted(name, "mysql")
