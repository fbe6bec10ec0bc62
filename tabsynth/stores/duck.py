"""DuckDB files, read and written as Arrow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from tabsynth.errors import DataError
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.keys import ForeignKey
from tabsynth.schema.model import TableSchema
from tabsynth.stores.declared import Declared, database_schema
from tabsynth.stores.duckdb_load import writing_duckdb
from tabsynth.stores.failures import gone, told
from tabsynth.stores.protocol import DatabaseWriter, Mode
from tabsynth.stores.types import WITHHELD, decimal, moment
from tabsynth.stores.values import BATCH, BYTES

_INTEGERS: Final = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
)  # fmt: skip
_PLAIN: Final = {
    "BOOLEAN": {"type": "boolean"}, "DATE": {"type": "date"}, "TIME": {"type": "time"},
    "FLOAT": {"type": "number"}, "DOUBLE": {"type": "number"}, "VARCHAR": {"type": "string"},
    "HUGEINT": {"type": "number"}, "UHUGEINT": {"type": "number"},
    "TIMESTAMP WITH TIME ZONE": moment(zoned=True),
    "UUID": {"type": "string", "format": "uuid", "tabsynth": {"generator": {"kind": "uuid"}}},
}  # fmt: skip
_COLUMNS: Final = """
SELECT column_name, data_type, is_nullable, column_default, is_generated
FROM duckdb_columns()
WHERE NOT internal AND schema_name = current_schema() AND database_name = current_database()
AND table_name = ? ORDER BY column_index"""
_TABLES: Final = """
SELECT table_name FROM duckdb_tables()
WHERE NOT internal AND NOT temporary
AND schema_name = current_schema() AND database_name = current_database() ORDER BY table_oid"""
_RULES: Final = """
SELECT constraint_type, constraint_column_names, expression, referenced_table,
referenced_column_names FROM duckdb_constraints()
WHERE schema_name = current_schema() AND database_name = current_database()
AND table_name = ? ORDER BY constraint_index"""


@dataclass(frozen=True)
class DuckStore:
    """A DuckDB file.

    Args:
        path: of the file.
        where: how messages name it.
        held: a connection that every read goes through, so that all see one moment.
    """

    path: Path
    where: str
    held: duckdb.DuckDBPyConnection | None = field(default=None, repr=False, compare=False)

    @contextmanager
    def snapshot(self) -> Iterator[DuckStore]:
        """The same store, of which every read inside the block sees one moment."""
        with self._connected() as connection:
            yield replace(self, held=connection)

    def reflect(self) -> DatabaseSchema:
        """See `Source.reflect`."""
        with self._connected() as connection, told(self.where):
            names = [name for (name,) in connection.execute(_TABLES).fetchall()]
            tables = {name: _declared(connection, name) for name in names}
        return database_schema(tables, engine="DuckDB", where=self.where)

    def read(
        self, table: str, schema: TableSchema | None = None, *, private: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """See `Source.read`."""
        where = f"{self.where}: table {table!r}"
        with self._connected() as connection, told(where):
            found = connection.execute(_COLUMNS, [table]).fetchall()
            kinds = {name: kind for name, kind, *_ in found}
            stored = tuple(name for name, *_, computed in found if not computed)
            if not kinds:
                raise gone(where, "table")
            names = stored if schema is None else schema.names
            if missing := [name for name in names if name not in kinds]:
                raise gone(where, f"column {missing[0]!r}")
            chosen = ", ".join(_selected(name, kinds[name], private=private) for name in names)
            records = connection.sql(f"SELECT {chosen} FROM {quoted(table)}")
            reader: pa.RecordBatchReader = records.to_arrow_reader(BATCH)
            yield from reader

    def writing(self, schema: DatabaseSchema, mode: Mode) -> AbstractContextManager[DatabaseWriter]:
        """See `Store.writing`."""
        return writing_duckdb(self.path, self.where, schema, mode, there=self._there())

    def _there(self) -> DatabaseSchema:
        """The tables of a file that may have none, or not be there."""
        if not self.path.exists():
            return DatabaseSchema({}, {})
        with self.snapshot() as seen, told(self.where):
            assert seen.held is not None
            empty = not seen.held.execute(_TABLES).fetchall()
            return DatabaseSchema({}, {}) if empty else seen.reflect()

    @contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        if self.held is not None:
            yield self.held
            return
        if not self.path.is_file():
            raise DataError(
                self.where, expected="a DuckDB file",
                got="a folder" if self.path.is_dir() else "no such file", remedy="check the path",
            )  # fmt: skip
        with told(self.where):
            connection = duckdb.connect(str(self.path), read_only=True)
        try:
            with told(self.where):
                connection.execute("SET TimeZone = 'UTC'")
            yield connection
        finally:
            connection.close()


def quoted(name: str) -> str:
    """A name as SQL writes it, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def described(kind: str) -> dict[str, Any]:
    """The field descriptor of a DuckDB type, as of `types.from_sqlalchemy`."""
    if kind in _INTEGERS:
        found: dict[str, Any] = {"type": "integer"}
    elif digits := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", kind):
        found = decimal(int(digits[1]), int(digits[2]))
    elif re.fullmatch(r"TIMESTAMP(_S|_MS|_NS)?", kind):
        found = moment(zoned=False)
    elif kind.startswith("ENUM("):
        members = re.findall(r"'((?:[^']|'')*)'", kind)
        found = {"type": "string", "categories": [m.replace("''", "'") for m in members]}
    else:
        found = _PLAIN.get(kind, WITHHELD)
    return found | {"databaseType": kind}


def _selected(name: str, kind: str, *, private: bool) -> str:
    column = quoted(name)
    if kind == "BLOB":
        return f"CASE WHEN {column} IS NOT NULL THEN '{BYTES}' END AS {column}"
    if kind in ("HUGEINT", "UHUGEINT"):
        # as doubles, the numbers of two persons could be one
        return f"CAST({column} AS {'VARCHAR' if private else 'DOUBLE'}) AS {column}"
    if described(kind)["type"] == "string" and not kind.startswith("ENUM("):
        return f"CAST({column} AS VARCHAR) AS {column}"
    return column


def _declared(connection: duckdb.DuckDBPyConnection, table: str) -> Declared:
    columns, notes = [], []
    for name, kind, nullable, default, generated in connection.execute(
        _COLUMNS, [table]
    ).fetchall():
        if generated:
            notes.append(f"column {name!r}: computed by the database; left out")
            continue
        column = {"name": name, **described(kind)}
        if not nullable:
            column["constraints"] = {"required": True}
        if default is not None and "nextval(" not in default.lower():
            column["databaseDefault"] = default
        columns.append(column)
    primary: tuple[str, ...] = ()
    unique, foreign, checks = [], [], []
    for kind, names, expression, parent, references in connection.execute(
        _RULES, [table]
    ).fetchall():
        match kind:
            case "PRIMARY KEY":
                primary = tuple(names)
            case "UNIQUE":
                unique.append(tuple(names))
            case "FOREIGN KEY":
                foreign.append(ForeignKey(tuple(names), parent, tuple(references)))
            case "CHECK":
                checks.append(expression)
    return Declared(columns, primary, unique, foreign, checks, notes)
