"""A database in two: entities to learn from and entities to judge by, each with all of theirs.

Every record of a table below the entities is at home with one of them, the first that its keys lead
to. Of other tables, such as the clients of an account, records go with their entity where most have
one alone; tables that are looked up, such as a list of towns, stand in both parts whole.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tabsynth.database import NO_PARENT, Database
from tabsynth.entities import Places, below
from tabsynth.errors import DataError
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.keys import ForeignKey
from tabsynth.table import Table

TRAIN_SHARE: Final = 0.8
# entities that their records tie together stay together, unless that makes one lump of so many
LUMP: Final = 0.1
# of the records of a table beside the entities, how many must belong to one alone to go with it
OWN: Final = 0.5

Mask = NDArray[np.bool_]
Edges = NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """A database in two.

    Args:
        train: what may be learnt from.
        holdout: what judges the result; no entity of train is in it.
        share: of the entities, how many are in train; above 0 and below 1.
        whole: tables that stand in both parts.
        notes: what was left out or cut, in sentences; they hold counts of private records.
    """

    train: Database
    holdout: Database
    share: float
    whole: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def part(database: Database, entity: str, *, rng: np.random.Generator) -> Parts:
    """Deal the entities of a database out: 80 % to learn from, 20 % to judge by.

    Entities of one privacy unit, and entities that their records tie together (an account of two
    persons, a tree of references), stay on one side, as long as that leaves no group of more than
    a tenth of all. Where it would, a key that leads across is emptied if the source has empty ones,
    and the record is left out if not.

    Args:
        database: all records.
        entity: the table of the entities, see `tabsynth.entities.entity_table`.
        rng: deals them.

    Returns:
        Two databases whose keys all lead to a record; tables that no way leads from to the entities
        stand in both.

    Raises:
        DataError: fewer than two entities, or units, to deal out.
        SchemaError: keys that lead round in a circle.

    Privacy: reads all keys.
    """
    homes = _homes(database, entity)
    size = database.tables[entity].num_rows
    side = _dealt(_groups(homes, database.tables[entity].units, size), size, rng)
    parts, notes = [], []
    for which, name in ((True, "train"), (False, "holdout")):
        kept = {
            table: np.isin(np.arange(database.tables[table].num_rows), rows[side[owners] == which])
            for table, (rows, owners) in homes.pairs.items()
        }
        made, told = _cut(database, kept)
        parts.append(made)
        notes += [f"{name}: {line}" for line in told]
    share = float(np.count_nonzero(side[:size])) / size
    whole = frozenset(set(database.tables) - set(homes.pairs))
    return Parts(parts[0], parts[1], share, whole, tuple(notes))


@dataclass(frozen=True)
class _Homes:
    """Which entity each record is at home with.

    Args:
        pairs: by table, records and the entities whose they are; tables that stand in both parts
            are not listed.
        ties: pairs of entities that a record has in common.
        owners: how many entities there are, with those that records without one stand for.
    """

    pairs: Mapping[str, tuple[Places, Places]]
    ties: Edges
    owners: int


def _homes(database: Database, entity: str) -> _Homes:
    schema, size = database.schema, database.tables[entity].num_rows
    everybody = np.arange(size)
    ties = [np.empty((2, 0), np.int64), *_own_ties(database, entity, everybody)]
    owners = {entity: everybody}
    count = _with_children(database, entity, owners, ties, count=size)
    pairs = {table: (np.arange(len(own)), own) for table, own in owners.items()}
    looked_up = _above(schema, entity)
    while (table := _next_beside(schema, pairs, looked_up)) is not None:
        rows, own = _owners_of_parents(database, table, pairs)
        _, first, times = np.unique(rows, return_index=True, return_counts=True)
        if np.count_nonzero(times == 1) <= OWN * len(times):
            looked_up |= {table, *_above(schema, table)}
            continue
        same = np.flatnonzero(rows[1:] == rows[:-1])
        ties.append(np.stack([own[same], own[same + 1]]))
        firsts = np.full(database.tables[table].num_rows, NO_PARENT)
        firsts[rows[first]] = own[first]
        alone = np.flatnonzero(firsts == NO_PARENT)
        firsts[alone] = count + np.arange(len(alone))
        pairs[table] = np.append(rows, alone), np.append(own, firsts[alone])
        owners = {name: _firsts(*held) for name, held in pairs.items()} | {table: firsts}
        count = _with_children(database, table, owners, ties, count=count + len(alone))
        pairs |= {t: (np.arange(len(o)), o) for t, o in owners.items() if t not in pairs}
    return _Homes(pairs, np.concatenate(ties, axis=1), count)


def _next_beside(
    schema: DatabaseSchema, homed: Collection[str], looked_up: Collection[str]
) -> str | None:
    """A table beside those below the entities that records of these lead to; children first."""
    led = {key.parent for table in homed for key in schema.foreign_keys[table]}
    return next(
        (t for t in reversed(schema.parents_first) if t in led - {*homed, *looked_up}), None
    )


def _with_children(
    database: Database, top: str, owners: dict[str, Places], ties: list[Edges], *, count: int
) -> int:
    """Find the homes of all records below a table; how many owners there are then."""
    under = below(database.schema, top)
    for table in (t for t in database.schema.parents_first if t in under and t not in owners):
        own, tied = _first_owners(database, table, owners)
        own, count = _with_own_kind(database, table, own, count)
        ties += [*tied, *_own_ties(database, table, own)]
        owners[table] = own
    return count


def _firsts(rows: Places, owners: Places) -> Places:
    """The first owner of each record."""
    return owners[np.unique(rows, return_index=True)[1]]


def _above(schema: DatabaseSchema, table: str) -> set[str]:
    """Tables that the keys of a table lead to, directly or through others."""
    return {other for other in schema.tables if other != table and table in below(schema, other)}


def _first_owners(
    database: Database, table: str, owners: Mapping[str, Places]
) -> tuple[Places, list[Edges]]:
    """For each record the entity that its first key leads to, and that tied to those of others."""
    own = np.full(database.tables[table].num_rows, NO_PARENT)
    ties = []
    for key in database.schema.foreign_keys[table]:
        if key.parent == table or key.parent not in owners:
            continue
        other = np.append(owners[key.parent], NO_PARENT)[database.parents(table, key)]
        both = (own != NO_PARENT) & (other != NO_PARENT)
        ties.append(np.stack([own[both], other[both]]))
        own = np.where(own == NO_PARENT, other, own)
    return own, ties


def _with_own_kind(database: Database, table: str, own: Places, count: int) -> tuple[Places, int]:
    """Records that lead to no entity: at home where a record of their table is, else alone."""
    keys = [k for k in database.schema.foreign_keys[table] if k.parent == table]
    leads = [database.parents(table, key) for key in keys]
    own = own.copy()
    roots = own == NO_PARENT
    for places in leads:
        roots &= places == NO_PARENT
    while True:
        own[roots] = np.arange(count, count + np.count_nonzero(roots))
        count += int(np.count_nonzero(roots))
        changed = True
        while changed:
            changed = False
            for places in leads:
                found = np.append(own, NO_PARENT)[places]
                fill = (own == NO_PARENT) & (found != NO_PARENT)
                own[fill] = found[fill]
                changed |= bool(fill.any())
        # what is left goes round in a circle
        roots = own == NO_PARENT
        if not roots.any():
            return own, count
        roots[np.flatnonzero(roots)[1:]] = False


def _own_ties(database: Database, table: str, own: Places) -> list[Edges]:
    ties = []
    for key in database.schema.foreign_keys[table]:
        if key.parent == table:
            places = database.parents(table, key)
            led = places != NO_PARENT
            ties.append(np.stack([own[led], own[places[led]]]))
    return ties


def _owners_of_parents(
    database: Database, table: str, pairs: Mapping[str, tuple[Places, Places]]
) -> tuple[Places, Places]:
    """Records of a table, and the entities of the records that lead to them; each pair once."""
    rows, owners = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for child, (held, own) in pairs.items():
        for key in database.schema.foreign_keys[child]:
            if key.parent == table:
                places = database.parents(child, key)[held]
                led = places != NO_PARENT
                rows.append(places[led])
                owners.append(own[led])
    found = np.unique(np.stack([np.concatenate(rows), np.concatenate(owners)]), axis=1)
    return found[0], found[1]


def _groups(homes: _Homes, units: NDArray[np.int64], size: int) -> Places:
    """A number for each owner, the same for those that must stay together."""
    first = np.unique(units, return_index=True, return_inverse=True)
    same = np.stack([np.arange(size), first[1][first[2]]])
    whole = _components(np.concatenate([same, homes.ties], axis=1), homes.owners)
    if np.bincount(whole[:size]).max(initial=0) <= max(LUMP * size, 2):
        return whole
    return _components(same, homes.owners)


def _components(edges: Edges, count: int) -> Places:
    links = coo_array((np.ones(edges.shape[1], np.int8), (edges[0], edges[1])), (count, count))
    found: Places = connected_components(links, directed=False)[1].astype(np.int64)
    return found


def _dealt(groups: Places, size: int, rng: np.random.Generator) -> Mask:
    """Whether each owner is in train."""
    if len(np.unique(groups[:size])) < 2:
        raise DataError(
            "data", expected="at least 2 entities that nothing ties together, to keep one apart",
            got=str(len(np.unique(groups[:size]))),
            remedy="give more records, or name another --entity",
        )  # fmt: skip
    order = rng.permutation(int(groups.max()) + 1)
    entities = np.bincount(groups[:size], minlength=len(order))[order]
    taken = np.cumsum(entities) <= TRAIN_SHARE * size
    if not entities[taken].any():
        taken[: int(np.flatnonzero(entities)[0]) + 1] = True
    chosen = np.zeros(len(order), bool)
    chosen[order[taken]] = True
    return chosen[groups]


def _cut(database: Database, kept: dict[str, Mask]) -> tuple[Database, list[str]]:
    """The records that are kept, without keys that would lead to one that is not."""
    schema, notes = database.schema, []
    emptied: dict[str, dict[ForeignKey, Mask]] = {}
    for table in (t for t in schema.parents_first if t in kept):
        keys = {k: database.parents(table, k) for k in schema.foreign_keys[table]}
        optional = {k for k, places in keys.items() if (places == NO_PARENT).any()}
        before, changed = kept[table], True
        while changed:
            changed = False
            for key, places in keys.items():
                if key.parent not in kept:
                    continue
                there = np.append(kept[key.parent], True)[places]  # no parent, -1, reads the last
                lost = kept[table] & ~there
                if not lost.any():
                    continue
                changed = True
                if key in optional:
                    masks = emptied.setdefault(table, {})
                    masks[key] = masks[key] | lost if key in masks else lost
                    keys[key] = np.where(lost, NO_PARENT, places)
                else:
                    kept[table] = kept[table] & ~lost
        for key, lost in emptied.get(table, {}).items():
            notes.append(f"{np.count_nonzero(lost & kept[table]):,} keys of {table!r} to "
                         f"{key.parent!r} that lead to the other part are empty")  # fmt: skip
        if left_out := int(np.count_nonzero(before & ~kept[table])):
            notes.append(f"{left_out:,} records of {table!r} belong to both parts and are left out")
    tables = {
        name: _taken(table, kept.get(name), emptied.get(name, {}))
        for name, table in database.tables.items()
    }
    return Database(schema, tables), notes


def _taken(table: Table, kept: Mask | None, emptied: Mapping[ForeignKey, Mask]) -> Table:
    if kept is None:
        return table
    data = table.data
    for key, lost in emptied.items():
        for name in key.fields:
            field = table.schema.field(name)
            if name in table.schema.primary_key or field.declares("required"):
                continue
            rows = pa.array(np.arange(len(lost)), mask=lost)
            place = table.schema.names.index(name)
            data = data.set_column(place, name, data.column(name).take(rows))
    return Table(table.schema, data).take(np.flatnonzero(kept))
