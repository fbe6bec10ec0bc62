"""The SQL that makes the tables of a database's schema, with their keys and rules."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

from tabsynth.errors import SchemaError
from tabsynth.schema.constraint import Unique
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.keys import ForeignKey
from tabsynth.schema.model import FieldSchema
from tabsynth.stores.checks import column_checks, table_checks
from tabsynth.stores.dialects import COLLATIONS, Engine, column_type, is_mysql, quoted

# what an engine keeps of a name: PostgreSQL would cut it without an error
_LONGEST: Final[dict[Engine, int]] = {"postgresql": 63, "mysql": 64, "mariadb": 64}
# engines that add foreign keys to a table that is there; in the others they stand in it
_ALTERING: Final[tuple[Engine, ...]] = ("postgresql", "mysql", "mariadb")


def ddl(schema: DatabaseSchema, engine: Engine) -> str:
    """Statements that make empty tables: types, keys, and the rules that the engine can keep.

    Columns that are left out of synthetic tables (`free_text: drop`) are left out. Whatever was
    read from records, and is listed as observed, becomes no rule.

    Args:
        schema: of the database.
        engine: whose SQL.

    Raises:
        SchemaError: names that the engine does not keep or tell apart, or keys in a circle where it
            cannot have them.
    """
    plan = Plan(schema, engine)
    made = [plan.create(name, keys=True) for name in plan.order]
    added = chain.from_iterable(plan.foreign(name) for name in plan.order)
    return "".join(f"{statement};\n\n" for statement in [*made, *added])


class Plan:
    """The statements that make tables, one by one.

    Args:
        schema: of the database.
        engine: whose SQL.

    Raises:
        SchemaError: as of `ddl`.
    """

    def __init__(self, schema: DatabaseSchema, engine: Engine) -> None:
        self.schema, self.engine = emitted(schema), engine
        _require_names(self.schema, engine)

    @property
    def order(self) -> tuple[str, ...]:
        """Names of the tables in the order in which they are made."""
        if self.engine == "duckdb":
            return self.schema.parents_first
        return tuple(self.schema.tables)

    def create(self, table: str, *, keys: bool, called: str | None = None) -> str:
        """The statement that makes a table.

        Args:
            table: its name in the schema.
            keys: whether primary and unique keys stand in it.
            called: another name to make it under.
        """
        schema, engine = self.schema.tables[table], self.engine
        lines = [self._column(table, field) for field in schema.fields]
        lines += [f"CHECK ({condition})" for condition in table_checks(schema, engine)]
        if keys:
            lines += self.unique(table)
        if engine not in _ALTERING:
            lines += [self._foreign(table, key) for key in self.schema.foreign_keys[table]]
        tail = ""
        if is_mysql(engine):
            tail = f" ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={COLLATIONS[engine]}"
        body = ",\n  ".join(lines)
        return f"CREATE TABLE {quoted(called or table, engine)} (\n  {body}\n){tail}"

    def unique(self, table: str) -> list[str]:
        """Primary and unique keys, as they stand in a table or are added to it."""
        primary = self.schema.tables[table].primary_key
        return [
            ("PRIMARY KEY " if place == 0 and key == primary else "UNIQUE ") + self._names(key)
            for place, key in enumerate(self._unique_keys(table))
        ]

    def foreign(
        self, table: str, *, called: dict[str, str] | None = None, own: str | None = None
    ) -> Iterator[str]:
        """The statements that add foreign keys, where they do not stand in the table.

        Args:
            table: its name in the schema.
            called: other names under which tables were made.
            own: the table's other name.
        """
        if self.engine not in _ALTERING:
            return
        for key in self.schema.foreign_keys[table]:
            name = quoted(own or table, self.engine)
            yield f"ALTER TABLE {name} ADD {self._foreign(table, key, called)}"

    def _column(self, table: str, field: FieldSchema) -> str:
        primary = self.schema.tables[table].primary_key
        kind = column_type(self._referred(table, field.name), self.engine,
                           keyed=field.name in self._keyed(table))  # fmt: skip
        parts = [quoted(field.name, self.engine), kind]
        if field.declares("required") or field.name in primary:
            parts.append("NOT NULL")
        elif kind.startswith("TIMESTAMP") and is_mysql(self.engine):
            parts.append("NULL DEFAULT NULL")
        if checks := column_checks(field, self.engine):
            # MariaDB takes one for a column
            parts.append(f"CHECK ({' AND '.join(checks)})")
        return " ".join(parts)

    def _referred(self, table: str, column: str) -> FieldSchema:
        """The field whose type a column has: its own, or the one that its key leads to."""
        seen: set[tuple[str, str]] = set()
        while (table, column) not in seen:
            seen.add((table, column))
            for key in self.schema.foreign_keys[table]:
                if column in key.fields:
                    column = key.references[key.fields.index(column)]
                    table = key.parent
                    break
        return self.schema.tables[table].field(column)

    def _keyed(self, table: str) -> set[str]:
        keys = [*self._unique_keys(table), *(k.fields for k in self.schema.foreign_keys[table])]
        return set(chain.from_iterable(keys))

    def _unique_keys(self, table: str) -> list[tuple[str, ...]]:
        """Sets of columns, each once whatever its order; the primary key first."""
        rules = self.schema.tables[table].tabsynth.constraints
        ours = [c.columns for c in rules if isinstance(c, Unique) and not c.observed]
        found: dict[frozenset[str], tuple[str, ...]] = {}
        for key in [*self.schema.unique_keys(table), *ours]:
            found.setdefault(frozenset(key), key)
        return list(found.values())

    def _foreign(self, table: str, key: ForeignKey, called: dict[str, str] | None = None) -> str:
        # in the order of the parent's own key, which some engines ask for
        parent = {frozenset(k): k for k in self._unique_keys(key.parent)}
        order = parent[frozenset(key.references)]
        fields = tuple(key.fields[key.references.index(name)] for name in order)
        name = quoted((called or {}).get(key.parent, key.parent), self.engine)
        return f"FOREIGN KEY {self._names(fields)} REFERENCES {name} {self._names(order)}"

    def _names(self, names: tuple[str, ...]) -> str:
        return "(" + ", ".join(quoted(name, self.engine) for name in names) + ")"


def emitted(schema: DatabaseSchema) -> DatabaseSchema:
    """The same database without the columns that are left out of synthetic tables."""
    if all(table.emitted.names == table.names for table in schema.tables.values()):
        return schema
    tables = {}
    for name, table in schema.tables.items():
        kept = table.emitted
        keys = [k for k in table.foreign_keys if _within(k, name, schema)]
        tables[name] = kept.model_copy(
            update={
                "primary_key": table.primary_key if _all(table.primary_key, kept.names) else (),
                "unique_keys": tuple(k for k in table.unique_keys if _all(k, kept.names)),
                "foreign_keys": tuple(keys),
            }
        )
    return DatabaseSchema(tables, schema.paths, schema.name)


def _within(descriptor: dict[str, object], child: str, schema: DatabaseSchema) -> bool:
    key = ForeignKey.parse(descriptor, child=child)
    own, parent = schema.tables[child].emitted, schema.tables[key.parent].emitted
    return _all(key.fields, own.names) and _all(key.references, parent.names)


def _all(key: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return set(key) <= set(names)


def _require_names(schema: DatabaseSchema, engine: Engine) -> None:
    """Refuse names that the engine would cut, or take for one another."""
    groups = {"the database": tuple(schema.tables)}
    groups |= {f"table {name!r}": table.names for name, table in schema.tables.items()}
    for where, names in groups.items():
        for name in names:
            size = len(name.encode() if engine == "postgresql" else name)
            if size > _LONGEST.get(engine, size) or "\0" in name or name != name.rstrip():
                raise SchemaError(
                    where, expected=f"names that {engine} keeps",
                    got=f"{name[:20]!r}, which is too long, or ends in a space",
                    remedy="shorten the name in the schema",
                )  # fmt: skip
        tables = where == "the database"
        if engine == "postgresql" or (tables and is_mysql(engine)):
            continue
        if len({name.lower() for name in names}) < len(names):
            raise SchemaError(
                where, expected=f"names that {engine} tells apart",
                got="two that differ in capitals alone", remedy="rename one in the schema",
            )  # fmt: skip
