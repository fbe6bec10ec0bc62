"""Tables, types, keys and rules as a database behind SQLAlchemy declares them."""

from __future__ import annotations

import re
from typing import Any, Final

import sqlalchemy as sa

from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.keys import ForeignKey
from tabsynth.stores.conditions import checks_in
from tabsynth.stores.declared import Declared, database_schema
from tabsynth.stores.types import from_sqlalchemy

# names of tables that a run of ours has not finished, or has not taken away
STAGED: Final = re.compile(r"tabsynth_[0-9a-f]{8}_[0-9]+(_old)?")
_ENGINES: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL"}
_PARTITIONS: Final = """
SELECT relname FROM pg_catalog.pg_class
WHERE relispartition AND relnamespace = current_schema()::regnamespace"""


def reflect(connection: sa.Connection, where: str) -> DatabaseSchema:
    """The schema of all tables of the connection's default schema; see `Store.reflect`.

    What a run of ours that was killed has left of tables is left out.
    """
    inspector = sa.inspect(connection)
    names = [name for name in inspector.get_table_names() if not STAGED.fullmatch(name)]
    if connection.dialect.name == "postgresql":
        parts = {name for (name,) in connection.exec_driver_sql(_PARTITIONS)}
        names = [name for name in names if name not in parts]
    tables = {name: _declared(inspector, name) for name in names}
    dialect = connection.dialect
    engine = "MariaDB" if getattr(dialect, "is_mariadb", False) else _ENGINES[dialect.name]
    return database_schema(tables, engine=engine, where=where)


def reflected_columns(connection: sa.Connection, table: str) -> dict[str, sa.types.TypeEngine[Any]]:
    """Types by name of the columns that a table stores; none where there is no such table."""
    try:
        columns = sa.inspect(connection).get_columns(table)
    except sa.exc.NoSuchTableError:
        return {}
    return {column["name"]: column["type"] for column in columns if "computed" not in column}


def _declared(inspector: sa.Inspector, table: str) -> Declared:
    columns: list[dict[str, Any]] = []
    notes = []
    for found in inspector.get_columns(table):
        name, default = found["name"], found.get("default")
        if "computed" in found:
            notes.append(f"column {name!r}: computed by the database; left out")
            continue
        column = {"name": name, **from_sqlalchemy(found["type"])}
        if not found["nullable"]:
            column["constraints"] = {**column.get("constraints", {}), "required": True}
        if default is not None and "nextval(" not in default.lower():
            column["databaseDefault"] = default
        columns.append(column)
    primary = tuple(inspector.get_pk_constraint(table)["constrained_columns"])
    unique = [tuple(key["column_names"]) for key in inspector.get_unique_constraints(table)]
    for index in inspector.get_indexes(table):
        names = index["column_names"]
        partial = any(key.endswith("_where") for key in index.get("dialect_options", {}))
        if index["unique"] and not index.get("duplicates_constraint") and None not in names:
            if partial:
                notes.append(f"unique index {', '.join(map(str, names))}: of some records only")
            else:
                unique.append(tuple(str(name) for name in names))
    unique = list(dict.fromkeys(unique))
    foreign = [_foreign_key(inspector, key) for key in inspector.get_foreign_keys(table)]
    if inspector.dialect.name != "postgresql":
        checks = list(checks_in(_statement(inspector, table)))
    else:
        found_checks = inspector.get_check_constraints(table)
        # records that are older than such a CHECK may break it
        valid = [c for c in found_checks if not c.get("dialect_options", {}).get("not_valid")]
        checks = [str(c["sqltext"]) for c in valid]
    return Declared(columns, primary, unique, foreign, checks, notes)


def _statement(inspector: sa.Inspector, table: str) -> str:
    """The statement that makes a table; SQLAlchemy finds only some of the CHECKs in it."""
    if inspector.dialect.name != "sqlite":
        name = "`" + table.replace("`", "``") + "`"
        connection: Any = inspector.bind
        return str(connection.exec_driver_sql(f"SHOW CREATE TABLE {name}").one()[1])
    asked = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
    bind: Any = inspector.bind
    return str(bind.execute(asked, {"name": table}).scalar() or "")


def _foreign_key(inspector: sa.Inspector, key: Any) -> ForeignKey:
    parent, references = key["referred_table"], tuple(key["referred_columns"])
    if key.get("referred_schema"):
        parent = f"{key['referred_schema']}.{parent}"
    return ForeignKey(tuple(key["constrained_columns"]), parent, references)
