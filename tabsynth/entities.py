"""Which table holds the entities that are protected, what hangs from them; whose a record is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.database import NO_PARENT, Database
from tabsynth.errors import UsageError, unknown
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.generator import Personal
from tabsynth.schema.keys import ForeignKey

# attacks on fewer people show nothing; a table with fewer records is rather looked up than attacked
LOOKED_UP: Final = 200
# unless it has so many records and each only few children, as a small firm's customers have
FEWEST: Final = 20
MANY: Final = 10
DEPTH: Final = 2

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Descent:
    """A way down from the entities to the records of another table.

    Args:
        label: what its columns are called by.
        steps: tables and the keys by which they lead one step up, from the entities downward.
    """

    label: str
    steps: tuple[tuple[str, ForeignKey], ...]

    @property
    def table(self) -> str:
        """Where the way ends."""
        return self.steps[-1][0]

    def owners(self, database: Database) -> Places:
        """For each record of the last table, the place of its entity; `NO_PARENT` without one."""
        above = None
        for table, key in self.steps:
            places = database.parents(table, key)
            if above is not None:
                # no parent has no entity: its place, -1, reads what is appended
                places = np.append(above, NO_PARENT)[places]
            above = places
        assert above is not None
        return above


def entity_table(schema: DatabaseSchema, sizes: Mapping[str, int], named: str | None = None) -> str:
    """The table whose records are protected, with all that hangs from them.

    Args:
        schema: of the database.
        sizes: records by table.
        named: by a person; taken as it is.

    Returns:
        The table that is named; else the one that a declared privacy unit leads to; else, of the
        tables without a parent, that from which most tables hang. A table with fewer than 200
        records counts as no parent while others have more: it is looked up, like a list of towns.
        Not so where it has personal columns, or at least 20 records and fewer than 10 times as
        many in every table that leads to it.

    Raises:
        UsageError: a table that is not there, or privacy units of two tables and none named.
    """
    if named is not None:
        if named not in schema.tables:
            remedy = "name the table of the people to protect"
            raise unknown("--entity", named, list(schema.tables), remedy=remedy)
        return named
    declared = sorted({unit for name in schema.tables for unit in [_unit(schema, name)] if unit})
    if len(declared) == 1:
        return declared[0]
    if declared:
        raise UsageError(
            "--entity", expected="one table of people", got=f"privacy units in {len(declared)}",
            remedy=f"name one of {', '.join(declared)}",
        )  # fmt: skip
    looked_up = {name for name in schema.tables if _is_looked_up(schema, sizes, name)}
    if len(looked_up) == len(sizes):
        looked_up = set()
    free = [
        name
        for name in schema.tables
        if name not in looked_up
        and {k.parent for k in schema.foreign_keys[name]} <= {name, *looked_up}
    ]
    # a circle of keys leaves none
    return max(
        free or list(schema.tables), key=lambda name: (len(below(schema, name)), sizes[name])
    )


def owning_tables(
    schema: DatabaseSchema, sizes: Mapping[str, int], named: str | None = None
) -> frozenset[str]:
    """The tables whose records count as somebody, so that what hangs from one is that one's.

    Args:
        schema: see `entity_table`.
        sizes: see `entity_table`.
        named: see `entity_table`.

    Returns:
        All that are not merely looked up, those that declared privacy units lead to, and the
        entity table.
    """
    units = {unit for name in schema.tables for unit in [_unit(schema, name)] if unit}
    if named is not None or not units:
        units.add(entity_table(schema, sizes, named))
    return frozenset(units | {t for t in schema.tables if not _is_looked_up(schema, sizes, t)})


@dataclass(frozen=True)
class Owners:
    """Whose the records of a database are.

    Args:
        database: all records; keys may lead nowhere.
        tables: whose records count as somebody; see `owning_tables`.
    """

    database: Database
    tables: frozenset[str]
    _known: dict[str, list[tuple[str, Places]]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, database: Database, named: str | None = None) -> Owners:
        """See `owning_tables`."""
        sizes = {name: table.num_rows for name, table in database.tables.items()}
        return cls(database, owning_tables(database.schema, sizes, named))

    def above(self, table: str) -> list[Places]:
        """For each way up to one of the tables, the place there of every record's owner.

        A declared privacy unit that is no key counts as a way.

        Returns:
            Shape (records,) each; `NO_PARENT` for a record without an owner there.
        """
        own = self.database.tables[table]
        unit = own.schema.tabsynth.privacy_unit
        held = {name for key in self.database.schema.foreign_keys[table] for name in key.fields}
        found = [places for parent, places in self.ways(table) if parent in self.tables]
        if unit is not None and unit not in held and (unit,) != own.schema.primary_key:
            found.append(own.units)
        return found

    def ways(self, table: str) -> list[tuple[str, Places]]:
        """Every way up from a table, and where it leads each record; a circle is passed once."""
        if table not in self._known:
            self._known[table] = []
            found = []
            for key in self.database.schema.foreign_keys[table]:
                if key.parent == table:
                    continue
                places = self.database.parents(table, key)
                found.append((key.parent, places))
                for further, above in self.ways(key.parent):
                    # no parent has nobody above: its place, -1, reads what is appended
                    found.append((further, np.append(above, NO_PARENT)[places]))
            self._known[table] = found
        return self._known[table]


def _is_looked_up(schema: DatabaseSchema, sizes: Mapping[str, int], table: str) -> bool:
    size = sizes[table]
    if size >= LOOKED_UP:
        return False
    if any(isinstance(f.tabsynth.generator, Personal) for f in schema.tables[table].fields):
        return False
    children = [
        sizes[child]
        for child, keys in schema.foreign_keys.items()
        if child != table and any(key.parent == table for key in keys)
    ]
    return size < FEWEST or max(children, default=0) >= MANY * size


def below(schema: DatabaseSchema, table: str) -> frozenset[str]:
    """Tables whose keys lead to a table, directly or through others; without the table itself."""
    found: set[str] = set()
    front = {table}
    while front:
        front = {
            child
            for child, keys in schema.foreign_keys.items()
            if any(key.parent in front for key in keys)
        } - found - {table}  # fmt: skip
        found |= front
    return frozenset(found)


def descents(schema: DatabaseSchema, entity: str) -> tuple[Descent, ...]:
    """Ways from the entities to their children and grandchildren, nearest first."""
    ways: list[tuple[tuple[str, ForeignKey], ...]] = [()]
    found = []
    for _ in range(DEPTH):
        ways = [
            (*way, (child, key))
            for way in ways
            for child, keys in schema.foreign_keys.items()
            for key in keys
            if key.parent == (way[-1][0] if way else entity)
            and child not in {entity, *(table for table, _ in way)}
        ]
        found += ways
    tables = [way[-1][0] for way in found]
    return tuple(
        Descent(way[-1][0] if tables.count(way[-1][0]) == 1 else _told(way), way) for way in found
    )


def _told(way: tuple[tuple[str, ForeignKey], ...]) -> str:
    """A way that ends where another one does: every table with its key."""
    return " of ".join(f"{table} ({', '.join(key.fields)})" for table, key in reversed(way))


def _unit(schema: DatabaseSchema, table: str) -> str | None:
    """The table that a declared privacy unit leads to; None where it leads to none."""
    unit = schema.tables[table].tabsynth.privacy_unit
    if unit is None:
        return None
    if (unit,) == schema.tables[table].primary_key:
        return table
    return next((k.parent for k in schema.foreign_keys[table] if k.fields == (unit,)), None)


def rank_in_group(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """The how-manieth of its group each entry is, from 0, in the order of the entries."""
    order = np.argsort(group, kind="stable")
    ranked = group[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1])) if len(group) else order
    rank = np.empty(len(group), np.int64)
    sizes = np.diff(np.append(starts, len(group)))
    rank[order] = np.arange(len(group)) - np.repeat(starts, sizes)
    return rank


def few_of_each(owners: Places, most: int, order: NDArray[Any]) -> NDArray[np.intp]:
    """Places of at most so many records of each owner, ascending.

    Args:
        owners: whose each record is, shape (records,).
        most: of one owner, at least 1.
        order: shape (records,); those with the least stay.
    """
    sequence = np.argsort(order, kind="stable")
    return np.sort(sequence[rank_in_group(owners[sequence]) < most])
