"""Keys of several columns that no two records share, where drawing alone does not see to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.entities import rank_in_group
from tabsynth.relations.drawn import Drawn, classes, taken
from tabsynth.relations.matching import anyone
from tabsynth.relations.table_model import TableModel
from tabsynth.relations.ties import Relation
from tabsynth.schema.constraint import Unique
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.model import TableSchema

_ROUNDS: Final = 20


def keys_to_keep(schema: DatabaseSchema, table: str) -> list[tuple[str, ...]]:
    """Sets of columns of which no two records may agree in all; declared rules are among them."""
    rules = [c.columns for c in schema.tables[table].tabsynth.constraints if isinstance(c, Unique)]
    return list(dict.fromkeys((*schema.unique_keys(table), *rules)))


def exchanged(
    model: TableModel,
    schema: DatabaseSchema,
    records: Drawn,
    relation: Relation,
    *,
    parents: Drawn,
    rng: np.random.Generator,
) -> Drawn:
    """The records with parents exchanged among them, until fewer repeat each other.

    Each parent keeps its number of children. At first parents are exchanged that are alike in what
    says most of their children, then any.

    Args:
        model: of the table.
        records: with the columns of the key.
        schema: of the database.
        relation: a key that is part of a unique one.
        parents: all records of the parents' table.
        rng: picks who exchanges.
    """
    key = relation.key(schema)
    unique = [k for k in keys_to_keep(schema, relation.child)
              if set(key.fields) < set(k) <= set(records.columns)]  # fmt: skip
    taken_by_others = {
        name
        for index, other in enumerate(schema.foreign_keys[relation.child])
        if index != relation.index
        for name in other.fields
    }
    if not unique or taken_by_others & set(key.fields):
        return records
    places = records.parents[relation.index].copy()
    alike = _alike(model, relation, parents)
    for turn in range(_ROUNDS):
        repeats = np.flatnonzero(repeated(records, unique))
        if not len(repeats):
            break
        kind = np.append(alike if turn < _ROUNDS // 2 else np.zeros_like(alike), -1)[places]
        partners = anyone(kind[repeats], kind, rng)
        # one exchange after the other, as partners may come twice
        for one, other in zip(repeats.tolist(), partners.tolist(), strict=True):
            if places[one] >= 0 and places[other] >= 0:
                places[one], places[other] = places[other], places[one]
        columns = {own: taken(parents.columns[there], places)
                   for own, there in zip(key.fields, key.references, strict=True)}  # fmt: skip
        records = records.having(columns).tied(relation.index, places)
    return records


def _alike(model: TableModel, relation: Relation, parents: Drawn) -> NDArray[np.int64]:
    """A class of each parent: its level of the column that says most of its children."""
    for _, source in model.extras.attributes.get(relation.index, ()):
        if parents.seen is not None and source in parents.seen.levels:
            return parents.seen.levels[source]
    return np.zeros(parents.rows, np.int64)


def repeated(records: Drawn, keys: Sequence[tuple[str, ...]]) -> NDArray[np.bool_]:
    """Which records repeat an earlier one in some key; a missing value repeats nothing."""
    found = np.zeros(records.rows, bool)
    for key in keys:
        (number,) = classes([records.columns[name] for name in key])
        found |= (number >= 0) & (rank_in_group(number) > 0)
    return found


def numbered(model: TableModel, records: Drawn) -> Drawn:
    """The records with the columns that number them within groups."""
    for column in model.numbered:
        (group,) = classes([records.columns[name] for name in column.within])
        number = rank_in_group(group) + column.first
        records = records.having({column.column: pa.array(number, pa.int64())})
    return records


def told_apart(
    records: Drawn, table: TableSchema, keys: Sequence[tuple[str, ...]], fixed: frozenset[str]
) -> Drawn:
    """The records, of which none repeats another in a key.

    A whole number that is part of the key goes on beyond the largest of its group; where there is
    none, records that repeat others are left out.

    Args:
        records: with the columns of all keys.
        table: their schema.
        keys: of which no two records may agree.
        fixed: columns that must stay.
    """
    for key in keys:
        repeats = repeated(records, [key])
        if not repeats.any():
            continue
        free = [n for n in key if table.field(n).type == "integer" and n not in fixed
                and table.field(n).domain is None]  # fmt: skip
        if free:
            records = records.having({free[0]: _renumbered(records, key, free[0], repeats)})
            high = table.field(free[0]).bounds[1]
            if high is not None and table.field(free[0]).declares("maximum"):
                beyond = pc.greater(records.columns[free[0]], int(high)).fill_null(False)
                records = records.take(np.flatnonzero(~np.asarray(beyond)))
        records = records.take(np.flatnonzero(~repeated(records, [key])))
    return records


def _renumbered(
    records: Drawn, key: tuple[str, ...], column: str, repeats: NDArray[np.bool_]
) -> pa.Array:
    """The column with new numbers, beyond the largest of each group, where records repeat."""
    number = records.columns[column].fill_null(0).to_numpy(zero_copy_only=False).copy()
    others = [records.columns[name] for name in key if name != column]
    group = classes(others)[0] if others else np.zeros(records.rows, np.int64)
    # a missing part of the key repeats nothing; so all groups of repeats are whole
    largest = np.full(int(group.max(initial=0)) + 1, -(2**62))
    whole = group >= 0
    np.maximum.at(largest, group[whole], number[whole])
    number[repeats] = largest[group[repeats]] + 1 + rank_in_group(group[repeats])
    return pa.array(number, mask=np.asarray(records.columns[column].is_null()))
