"""Contribution bounds: of each entity so many records of a table are learnt from, and no more."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tabsynth.database import NO_PARENT, Database
from tabsynth.entities import Owners, below, few_of_each
from tabsynth.errors import SchemaError
from tabsynth.relations.ties import Places
from tabsynth.schema.database import DatabaseSchema
from tabsynth.table import Table


def bounds_of(schema: DatabaseSchema, entity: str) -> dict[str, int]:
    """By table, the most records of one entity that count.

    `max_records_per_unit` of the entity table bounds every table below it that has no bound of its
    own.

    Args:
        schema: of the database.
        entity: the table of the people or things to protect.
    """
    every = schema.tables[entity].tabsynth.max_records_per_unit
    found = {}
    for name in sorted(set(schema.tables) - {entity}):
        own = schema.tables[name].tabsynth.max_records_per_unit
        bound = every if own is None and name in below(schema, entity) else own
        if bound is not None:
            found[name] = bound
    return found


def bounded(database: Database, entity: str, rng: np.random.Generator) -> Database:
    """The records that count, under the bounds that the schema declares.

    In each table that is bounded, those of one entity are picked at random, whatever they hold.
    Records without an entity are left out there, and so is everywhere what hangs from a record that
    is left out.

    Args:
        database: all records.
        entity: see `bounds_of`.
        rng: picks.

    Returns:
        A database whose keys all lead to a record; the same one if nothing is bounded.

    Raises:
        SchemaError: a bounded table from which no key, or keys by several ways, lead to the entity,
            and that names no privacy unit.

    Privacy: reads keys and privacy units alone.
    """
    schema = database.schema
    bounds = bounds_of(schema, entity)
    if not bounds:
        return database
    owners = {name: _owners(database, name, entity) for name in bounds}
    kept: dict[str, NDArray[np.bool_]] = {}
    for name in schema.parents_first:
        keep = np.ones(database.tables[name].num_rows, bool)
        for key in schema.foreign_keys[name]:
            if key.parent != name:
                keep &= _stays(database.parents(name, key), kept[key.parent])
        if name in bounds:
            keep &= _picked(np.where(keep, owners[name], NO_PARENT), bounds[name], rng)
        kept[name] = _without_lost(database, name, keep)
    tables: Mapping[str, Table] = {
        name: table.take(np.flatnonzero(kept[name])) for name, table in database.tables.items()
    }
    return Database(schema, tables)


def _owners(database: Database, table: str, entity: str) -> Places:
    """A number for each record's entity; `NO_PARENT` for a record without one."""
    own = database.tables[table]
    unit = own.schema.tabsynth.privacy_unit
    if unit is not None:
        known = own.column(unit).is_valid().to_numpy(zero_copy_only=False)
        return np.where(known, own.units, NO_PARENT)
    ways = Owners(database, frozenset({entity})).above(table)
    if len(ways) != 1:
        raise SchemaError(
            f"table {table!r}", expected=f"one way along its keys to {entity!r}, as the records of "
            "each there are bounded", got=f"{len(ways)} ways" if ways else "none",
            remedy="name the column that says whose a record is in tabsynth.privacy_unit of the "
            "table, or delete max_records_per_unit",
        )  # fmt: skip
    return ways[0]


def _picked(owners: Places, most: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    keep = np.zeros(len(owners), bool)
    keep[few_of_each(owners, most, rng.permutation(len(owners)))] = True
    keep &= owners != NO_PARENT
    return keep


def _stays(parents: Places, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whose parent stays, or who has none."""
    stays: NDArray[np.bool_] = np.append(kept, True)[parents]
    return stays


def _without_lost(database: Database, name: str, keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without records that refer to one of their own table that is left out."""
    own = [k for k in database.schema.foreign_keys[name] if k.parent == name]
    above = [database.parents(name, key) for key in own]
    while True:
        left = keep.copy()
        for places in above:
            left &= _stays(places, keep)
        if np.array_equal(left, keep):
            return keep
        keep = left
