"""From what a database declares of its tables to their schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tabsynth.errors import DataError
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.keys import ForeignKey
from tabsynth.schema.model import TableSchema
from tabsynth.schema.recognise import named_personal
from tabsynth.stores.declared_checks import with_checks


@dataclass(frozen=True)
class Declared:
    """A table as its database declares it.

    Args:
        columns: per column its field descriptor, as `tabsynth.stores.types` makes it.
        primary_key: names of columns; none where the table has no key.
        unique_keys: sets of columns of which no two records agree in all.
        foreign_keys: the keys, wherever they lead.
        checks: the SQL conditions that every record keeps.
        notes: what has no place in a schema.
    """

    columns: Sequence[Mapping[str, Any]]
    primary_key: tuple[str, ...] = ()
    unique_keys: Sequence[tuple[str, ...]] = ()
    foreign_keys: Sequence[ForeignKey] = ()
    checks: Sequence[str] = ()
    notes: Sequence[str] = field(default=())


def database_schema(
    tables: Mapping[str, Declared],
    *,
    engine: str,
    where: str,
    paths: Mapping[str, str] | None = None,
) -> DatabaseSchema:
    """The schema of tables as they are declared.

    A foreign key that leads to no table here, to no unique columns or to columns of another type is
    left out, and said so in the notes of its table.

    Args:
        tables: by name.
        engine: which database, for the source of each table.
        where: how messages name it.
        paths: files of the tables, if it is a folder.

    Raises:
        DataError: no tables.
    """
    if not tables:
        raise DataError(where, expected="tables", got="none", remedy="check the address")
    schemas = {name: _table_schema(table, engine) for name, table in tables.items()}
    alone = DatabaseSchema(schemas, paths or {})
    for name, table in tables.items():
        kept, notes = [], []
        for key in table.foreign_keys:
            reason = _astray(key, name, alone)
            if reason is None:
                kept.append(key.descriptor(child=name))
            else:
                notes.append(f"foreign key {', '.join(key.fields)}: left out, as it {reason}")
        ours = schemas[name].tabsynth
        update = {"foreign_keys": tuple(kept)}
        update["tabsynth"] = ours.model_copy(update={"notes": (*ours.notes, *notes)})  # type: ignore[assignment]
        schemas[name] = schemas[name].model_copy(update=update)
    return DatabaseSchema(schemas, paths or {})


def _astray(key: ForeignKey, child: str, schema: DatabaseSchema) -> str | None:
    """Why a key cannot stand in the schema, None where it can."""
    if key.parent not in schema.tables:
        return f"leads to {key.parent!r}, which is not among the tables"
    own, parent = schema.tables[child], schema.tables[key.parent]
    if not set(key.fields) <= set(own.names) or not set(key.references) <= set(parent.names):
        return "names a column that is not there"
    if set(key.references) not in map(set, schema.unique_keys(key.parent)):
        return f"leads to columns of {key.parent!r} that are not declared unique"
    pairs = zip(key.fields, key.references, strict=True)
    if any(own.field(a).type != parent.field(b).type for a, b in pairs):
        return f"leads to columns of {key.parent!r} of another type"
    return None


def _named_personal(column: Mapping[str, Any], keys: set[str]) -> Mapping[str, Any]:
    """A text column with a generator of personal data, where its name alone says that it is."""
    kind = named_personal(column["name"])
    taken = column["type"] != "string" or "tabsynth" in column or "categories" in column
    if kind is None or taken or column["name"] in keys:
        return column
    return {**column, "tabsynth": {"generator": {"kind": "personal", "what": kind}}}


def _table_schema(table: Declared, engine: str) -> TableSchema:
    foreign = {name for key in table.foreign_keys for name in key.fields}
    keys = foreign | set(table.primary_key if len(table.primary_key) == 1 else ())
    columns = [_named_personal(column, keys) for column in table.columns]
    fields, constraints, notes = with_checks(columns, table.checks, keys)
    extension = {"source": f"declared by {engine}", "notes": [*table.notes, *notes],
                 "constraints": constraints}  # fmt: skip
    descriptor: dict[str, Any] = {"fields": fields, "tabsynth": extension}
    if table.primary_key:
        descriptor["primaryKey"] = list(table.primary_key)
    several = []
    for key in table.unique_keys:
        if len(key) > 1:
            several.append(list(key))
        elif key != table.primary_key:
            place = [column["name"] for column in table.columns].index(key[0])
            settings = descriptor["fields"][place]
            settings["constraints"] = {**settings.get("constraints", {}), "unique": True}
    if several:
        descriptor["uniqueKeys"] = several
    return TableSchema.model_validate(descriptor)
