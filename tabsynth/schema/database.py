"""The schema of a database: a Data Package v2 of tables with keys between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PureWindowsPath
from typing import Any, Final

from tabsynth.errors import SchemaError
from tabsynth.schema.convert import from_data_package
from tabsynth.schema.files import dump, parse_text, read_text
from tabsynth.schema.keys import ForeignKey
from tabsynth.schema.model import TableSchema

PACKAGE_PROFILE: Final = "https://datapackage.org/profiles/2.0/datapackage.json"
PACKAGE_FILES: Final = ("datapackage.yaml", "datapackage.yml", "datapackage.json")


@dataclass(frozen=True)
class DatabaseSchema:
    """Tables by name, in the order of the package, and the keys between them.

    A column of a foreign key, and a primary key of one column, names records and says nothing of
    them: no synthesizer sees it. Such a column needs no generator in its table's schema; where it
    has one, fresh keys are made by it.

    Args:
        tables: schemas by name of the table.
        paths: file of each table, relative to the package's; those without one are not listed.
        name: of the package.

    Raises:
        SchemaError: a foreign key to a table or column that is not there, or to columns that are
            neither the primary key nor unique, or of columns of different types.
    """

    tables: Mapping[str, TableSchema]
    paths: Mapping[str, str]
    name: str = "database"

    def __post_init__(self) -> None:
        for table in self.tables:
            for key in self.foreign_keys[table]:
                self._require_target(table, key)

    @cached_property
    def foreign_keys(self) -> dict[str, tuple[ForeignKey, ...]]:
        """Foreign keys by name of the child, in the order of its schema."""
        keys: dict[str, tuple[ForeignKey, ...]] = {}
        for name, schema in self.tables.items():
            try:
                parsed = tuple(ForeignKey.parse(k, child=name) for k in schema.foreign_keys)
            except ValueError as error:
                raise SchemaError(
                    f"table {name!r}",
                    expected=str(error).removeprefix("expected "),
                    got="another form",
                    remedy="correct its foreignKeys",
                ) from None
            keys[name] = parsed
        return keys

    def key_columns(self, table: str) -> frozenset[str]:
        """Columns that name records: those of foreign keys, and a primary key of one column."""
        primary = self.tables[table].primary_key
        foreign = {name for key in self.foreign_keys[table] for name in key.fields}
        return frozenset(foreign | set(primary if len(primary) == 1 else ()))

    def unique_keys(self, table: str) -> tuple[tuple[str, ...], ...]:
        """Sets of columns of which no two records agree in all; the primary key first."""
        schema = self.tables[table]
        single = tuple((f.name,) for f in schema.fields if f.constraints.unique)
        keys = ((schema.primary_key,) if schema.primary_key else ()) + schema.unique_keys + single
        return tuple(dict.fromkeys(keys))

    @cached_property
    def parents_first(self) -> tuple[str, ...]:
        """Names of the tables, each after all tables that its keys lead to; self references aside.

        Raises:
            SchemaError: the keys lead round in a circle.
        """
        order: list[str] = []
        waiting = dict.fromkeys(self.tables)
        while waiting:
            ready = [
                table
                for table in waiting
                if not any(
                    k.parent in waiting and k.parent != table for k in self.foreign_keys[table]
                )
            ]
            if not ready:
                raise SchemaError(
                    self.name,
                    expected="keys that do not lead round in a circle",
                    got="a circle among the tables " + ", ".join(repr(t) for t in sorted(waiting)),
                    remedy="leave one foreign key of the circle out of the schema",
                )
            order += ready
            for table in ready:
                del waiting[table]
        return tuple(order)

    def descriptor(self) -> dict[str, Any]:
        """The JSON-ready Data Package, defaults left out."""
        resources = [
            {
                "name": name,
                "type": "table",
                **({"path": self.paths[name]} if name in self.paths else {}),
                "schema": schema.descriptor(),
            }
            for name, schema in self.tables.items()
        ]
        return {"$schema": PACKAGE_PROFILE, "name": self.name, "resources": resources}

    def _require_target(self, table: str, key: ForeignKey) -> None:
        where = f"table {table!r}: foreign key {', '.join(key.fields)}"
        problem = None
        if missing := [name for name in key.fields if name not in self.tables[table].names]:
            problem = ("columns of its table", f"{missing[0]!r}, which it has not")
        elif key.parent not in self.tables:
            problem = ("a reference to a table of the package", f"{key.parent!r}, which is not one")
        else:
            parent = self.tables[key.parent]
            if missing := [name for name in key.references if name not in parent.names]:
                problem = (f"columns of {key.parent!r}", f"{missing[0]!r}, which it has not")
            elif set(key.references) not in map(set, self.unique_keys(key.parent)):
                problem = (f"a reference to the primary key of {key.parent!r} or a unique one",
                           ", ".join(key.references))  # fmt: skip
            else:
                kinds = [
                    (self.tables[table].field(own).type, parent.field(other).type)
                    for own, other in zip(key.fields, key.references, strict=True)
                ]
                if any(own != other for own, other in kinds):
                    problem = ("the same types on both sides",
                               ", ".join(f"{own} and {other}" for own, other in kinds))  # fmt: skip
        if problem is not None:
            raise SchemaError(
                where, expected=problem[0], got=problem[1], remedy="correct its foreignKeys"
            )


def parse_database_schema(
    descriptor: Mapping[str, Any], where: str = "Data Package"
) -> DatabaseSchema:
    """A database's schema from a Data Package.

    Args:
        descriptor: the content of datapackage.json or .yaml; every resource has its schema inside.
        where: how messages name it.

    Raises:
        SchemaError: no resources, two of one name, a malformed schema, or keys that lead nowhere.
    """
    resources = descriptor.get("resources")
    if not isinstance(resources, (list, tuple)) or not resources:
        raise SchemaError(
            where,
            expected="a Data Package with resources",
            got="none",
            remedy="make one with `tabsynth db schema`",
        )
    tables: dict[str, TableSchema] = {}
    paths: dict[str, str] = {}
    for place, resource in enumerate(resources, 1):
        name = resource.get("name") if isinstance(resource, Mapping) else None
        if not isinstance(name, str) or not name or name in tables:
            raise SchemaError(
                f"{where}: resource {place}",
                expected="a name that no other resource has",
                got="one that is repeated" if name in tables else "none",
                remedy="name the resource after its table",
            )
        tables[name] = from_data_package(descriptor, resource=name, where=f"{where}: {name}")
        if isinstance(path := resource.get("path"), str):
            _require_inside(path, f"{where}: {name}")
            paths[name] = path
    named = descriptor.get("name")
    return DatabaseSchema(tables, paths, named if isinstance(named, str) and named else "database")


def _require_inside(path: str, where: str) -> None:
    """Refuse a path that leads out of the package's folder, as the standard does.

    Source: https://datapackage.org/standard/data-resource/#path-or-data.
    """
    parts = PureWindowsPath(path)
    if not path or parts.drive or parts.root or ".." in parts.parts:
        raise SchemaError(
            where, expected="a path inside the folder of the Data Package",
            got="one that leads out of it", remedy="move the file there",
        )  # fmt: skip


def load_database_schema(path: str | Path) -> DatabaseSchema:
    """Read a Data Package.

    Args:
        path: a file ending in .yaml, .yml or .json.

    Raises:
        SchemaError: it cannot be read, or is no Data Package of tables; the message says where.
    """
    path = Path(path)
    where = path.name or str(path)
    text = read_text(path, where)
    return parse_database_schema(
        parse_text(text, where, as_json=path.suffix.lower() == ".json"), where
    )


def dump_database_schema(schema: DatabaseSchema, *, as_json: bool = False) -> str:
    """The Data Package as YAML or JSON text; `load_database_schema` makes an equal one of it."""
    return dump(schema.descriptor(), as_json=as_json)
