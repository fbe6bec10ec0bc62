"""What every store does before records are written, and what it says when they are not taken."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa

from tabsynth.errors import OutputError
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.model import FieldSchema
from tabsynth.stores.failures import explained
from tabsynth.stores.protocol import Mode
from tabsynth.stores.reflection import reflect

# what a driver says of a record that breaks a rule; the driver's own words quote the record
_KNOWN: Final = (
    (r"\b53100\b|\b53400\b|\b58030\b|\((1021|1026|1114|3)\b|disk is full|disk full"
     r"|no space left|file too large|maximum size|size limit|out of memory error: failed to",
     "a full disk, or a limit on size", "free space or choose another place"),
    # SQLite's words where a file may not grow
    (r"disk I/O error", "a disk that cannot be written, or a limit on the size of files",
     "check the disk, or choose another place"),
    (r"\b23505\b|\(1062\b|UNIQUE constraint failed|duplicate key|primary key or unique",
     "records that repeat a key, or one that is there already",
     "check the keys; to add to tables that are there, begin above their keys"),
    (r"\b23503\b|\((1452|1451|1216|1217)\b|foreign key",
     "records whose parent is not there", "write parents too, and check the foreign keys"),
    (r"\b23514\b|\((3819|4025)\b|CHECK constraint", "records that break a CHECK",
     "compare the rules of the schema with those of the table"),
    (r"\b23502\b|\(1048\b|\(1364\b|NOT NULL constraint", "records without a value that they need",
     "compare the schema with the table, or fill the column"),
    (r"\b22001\b|\((1406|1265)\b", "texts that are longer than their column",
     "give the column a larger maxLength in the schema"),
    (r"\b22003\b|\b22008\b|\((1264|1292|1690)\b|out of range|Conversion Error",
     "values that do not fit the type of their column",
     "correct the bounds of the column in the schema"),
    (r"\b22021\b|\b22P05\b|\(1366\b|invalid byte sequence|cannot contain NUL",
     "texts with characters that the database does not keep", "take them out of the records"),
    (r"\b42501\b|\((1044|1142|1227|1370)\b|permission denied|readonly database|read-only",
     "no permission to write there", "have the right granted, or choose another place"),
    (r"\b2BP01\b", "views or tables that depend on a table to be replaced",
     "drop them first, or write to another database"),
    (r"\b42P07\b|\(1050\b|already exists", "something of that name that is there already",
     "replace it, or write to another database"),
    (r"\b40001\b|\b40P01\b|\((1205|1213)\b|database (table )?is locked",
     "a database that another program writes to", "let that program end first"),
)  # fmt: skip
_DRIVERS: Final = ("duckdb", "psycopg", "pymysql", "sqlalchemy", "sqlite3", "_duckdb")


@contextmanager
def written(where: str) -> Iterator[None]:
    """Turn what a driver raises inside the block into an `OutputError` of one line.

    Raises:
        OutputError: whatever the driver raised. Its own words are not passed on, since they quote
            records and statements.
    """
    try:
        yield
    except Exception as error:
        # by name, since some of them need not be installed
        if not isinstance(error, OSError) and type(error).__module__.split(".")[0] not in _DRIVERS:
            raise
        got, remedy = _explained(error)
        raise OutputError(
            where, expected="a database that takes the records", got=got,
            remedy=f"{remedy}; nothing was changed there",
        ) from None  # fmt: skip


def require_absent(names: Collection[str], there: Collection[str], where: str) -> None:
    """Refuse to make tables that are there.

    Raises:
        OutputError: one is.
    """
    found = [name for name in names if name in there]
    if found:
        raise OutputError(
            where, expected="none of the tables to be there",
            got=", ".join(repr(name) for name in found[:5]) + (" and more" if found[5:] else ""),
            remedy="append to them or replace them if you can, or choose another database",
        )  # fmt: skip


def require_replaceable(schema: DatabaseSchema, there: DatabaseSchema, where: str) -> None:
    """Refuse to replace tables that others refer to.

    Raises:
        OutputError: a table that is not among those to write has a key to one of them.
    """
    for name in there.tables:
        keys = () if name in schema.tables else there.foreign_keys[name]
        for key in keys:
            if key.parent in schema.tables:
                raise OutputError(
                    f"{where}: table {key.parent!r}",
                    expected="no other table to refer to one that is replaced",
                    got=f"a foreign key of {name!r}",
                    remedy="replace that table too, or drop its key",
                )  # fmt: skip


def require_same(schema: DatabaseSchema, there: DatabaseSchema, where: str) -> None:
    """Refuse to append to tables that differ from the schema.

    Columns of the same name must have the same type. A column that only the table has must allow
    missing values.

    Raises:
        OutputError: a table is not there or differs; the message names its columns.
    """
    for name, table in schema.tables.items():
        if name not in there.tables:
            raise OutputError(
                where, expected=f"the table {name!r} to append to", got="none of that name",
                remedy="create the tables first, or write to another database",
            )  # fmt: skip
        found = {f.name: f for f in there.tables[name].fields}
        wrong = [
            f"{f.name!r} is not there" if f.name not in found else _difference(f, found[f.name])
            for f in table.fields
        ]
        wrong += [
            f"{f.name!r} needs a value and is not in the schema"
            for f in found.values()
            if f.name not in table.names and f.constraints.required
        ]
        if told := [words for words in wrong if words]:
            raise OutputError(
                f"{where}: table {name!r}", expected="the columns of the schema",
                got="; ".join(told[:5]) + ("; and more" if told[5:] else ""),
                remedy="write to another database, or make the schema anew from this one",
            )  # fmt: skip


def tables_there(connection: sa.Connection, where: str) -> DatabaseSchema:
    """The tables of a database that may have none."""
    if not sa.inspect(connection).get_table_names():
        return DatabaseSchema({}, {})
    return reflect(connection, where)


def staging_names(schema: DatabaseSchema) -> dict[str, str]:
    """A name for each table until it is whole."""
    run = secrets.token_hex(4)
    return {name: f"tabsynth_{run}_{place}" for place, name in enumerate(schema.tables)}


def require_mode(schema: DatabaseSchema, there: DatabaseSchema, mode: Mode, where: str) -> None:
    """Refuse what a mode does not allow; see `Mode`.

    Raises:
        OutputError: tables that are there, are not there, or differ.
    """
    if mode == "create":
        require_absent(tuple(schema.tables), tuple(there.tables), where)
    elif mode == "append":
        require_same(schema, there, where)
    else:
        require_replaceable(schema, there, where)


def _difference(own: FieldSchema, other: FieldSchema) -> str | None:
    kinds = [_kind(own), _kind(other)]
    # an engine may keep whole numbers in a column of numbers, and truths as 0 and 1
    wider = {("integer", "number"), ("boolean", "integer")}
    if kinds[0] == kinds[1] or (own.type, other.type) in wider:
        return None
    return f"{own.name!r} is of type {kinds[1]} there and {kinds[0]} in the schema"


def _kind(field: FieldSchema) -> str:
    return field.type + (" with a time zone" if field.tabsynth.timezone else "")


def _explained(error: BaseException) -> tuple[str, str]:
    origin = getattr(error, "orig", None) or error
    code = getattr(origin, "sqlstate", None)
    if type(origin).__module__.startswith("pymysql"):
        # its own number says more
        code = f"({next(iter(origin.args), '')}"
    # where there is a code the words are not looked at, as they can hold a record's
    text = code or str(origin)
    for pattern, got, remedy in _KNOWN:
        if re.search(pattern, text, re.IGNORECASE):
            return got, remedy
    return explained(error)
