"""How columns that are not learnt are made: keys, numbers within groups, what follows a parent."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.database import NO_PARENT, Database
from tabsynth.entities import rank_in_group
from tabsynth.errors import DataError
from tabsynth.relations.drawn import classes, taken
from tabsynth.relations.fresh import Fresh, fresh_values
from tabsynth.relations.table_model import Numbered
from tabsynth.relations.ties import Places, Ties
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.generator import Personal
from tabsynth.schema.keys import ForeignKey
from tabsynth.table import Table

# share of records whose personal column says what the parent's does, from which it follows it
_FOLLOWS: Final = 0.5


def fresh_columns(
    schema: DatabaseSchema, table: Table, name: str, *, besides: Collection[str]
) -> tuple[Fresh, ...]:
    """How columns are made of which no value may come twice, and that name nobody else.

    Args:
        schema: of the database.
        table: the records.
        name: of the table.
        besides: columns that are made otherwise.
    """
    foreign = {field for key in schema.foreign_keys[name] for field in key.fields}
    alone = {key[0] for key in schema.unique_keys(name) if len(key) == 1}
    made = []
    for field in table.schema.fields:
        if field.name in foreign or field.name in besides:
            continue
        generator = field.tabsynth.generator
        if isinstance(generator, Personal) and generator.what in ("email", "user_name"):
            # a person's, with a number
            continue
        if field.name in alone:
            made.append(fresh_values(field, table.column(field.name)))
    return tuple(made)


def numbered_columns(schema: DatabaseSchema, table: Table, name: str) -> tuple[Numbered, ...]:
    """Whole numbers that count 1, 2, 3 (or from 0) within the rest of a key of several columns.

    Args:
        schema: of the database.
        table: the records.
        name: of the table.
    """
    foreign = {field for key in schema.foreign_keys[name] for field in key.fields}
    found: dict[str, Numbered] = {}
    for key in schema.unique_keys(name):
        own = [n for n in key if n not in foreign]
        rest = tuple(n for n in key if n in foreign)
        if len(own) != 1 or not rest or table.schema.field(own[0]).type != "integer":
            continue
        column = table.column(own[0])
        if column.null_count or not table.num_rows:
            continue
        number = column.to_numpy(zero_copy_only=False)
        (group,) = classes([table.column(n) for n in rest])
        order = np.argsort(number, kind="stable")
        rank = np.empty(len(order), np.int64)
        rank[order] = rank_in_group(group[order])
        first = int(number.min())
        if first in (0, 1) and np.array_equal(number, rank + first):
            found.setdefault(own[0], Numbered(own[0], rest, first))
    return tuple(found.values())


def order_of_records(
    schema: DatabaseSchema, table: Table, name: str, numbered: tuple[Numbered, ...]
) -> NDArray[np.intp]:
    """An order of the records in which those of one parent follow each other.

    It is that of a column that numbers them, else of the first column of dates, else of a primary
    key of whole numbers, else that in which they stand.

    Args:
        schema: of the database.
        table: the records.
        name: of the table.
        numbered: what `numbered_columns` found.
    """
    keys = schema.key_columns(name)
    moments = [f.name for f in table.schema.fields
               if f.type in ("date", "datetime") and f.name not in keys]  # fmt: skip
    primary = table.schema.primary_key
    whole = [n for n in primary if table.schema.field(n).type == "integer" and len(primary) == 1]
    chosen = [*(n.column for n in numbered), *moments, *whole][:1]
    if not chosen:
        return np.arange(table.num_rows)
    column = table.column(chosen[0])
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    values = column.cast(pa.int64()).fill_null(2**62).to_numpy(zero_copy_only=False)
    return np.argsort(values, kind="stable")


def depths(
    parents: Places, name: str, key: ForeignKey, *, may_lack: bool
) -> tuple[NDArray[np.int64], bool]:
    """How many records stand above each by a key to the own table.

    Args:
        parents: places of the records' parents.
        name: of the table.
        key: the key.
        may_lack: whether a record may have no parent.

    Returns:
        Depths, 0 for the first; and whether the first lead to themselves. Where records lead round
        in a circle and may do without a parent, they count as the first.

    Raises:
        DataError: records that all need a parent and lead round.
    """
    rows = np.arange(len(parents))
    alone = parents == rows
    depth = np.where(alone | (parents == NO_PARENT), 0, -1)
    level = 0
    while True:
        above = np.append(depth, -1)[parents] == level
        fresh = above & (depth < 0)
        if not fresh.any():
            break
        level += 1
        depth[fresh] = level
    if np.any(depth < 0) and not may_lack:
        raise DataError(
            f"foreign key {', '.join(key.fields)}",
            expected=f"records of {name!r} that lead up to one which leads to itself",
            got="some that lead round in a circle", remedy="let the first lead to themselves",
        )  # fmt: skip
    selfish = bool(alone.sum() > np.count_nonzero(parents == NO_PARENT))
    return np.maximum(depth, 0), selfish


def followed_columns(
    database: Database, name: str, ties: Ties, main: Places | None
) -> dict[str, str]:
    """Personal columns that say what one of the same kind says of the main parent.

    Args:
        database: the records.
        name: of the table.
        ties: of the table.
        main: places of the main parents.
    """
    if ties.main is None or main is None:
        return {}
    parent = ties.main.key(database.schema).parent
    own, above = database.tables[name], database.tables[parent]
    found: dict[str, str] = {}
    for field in own.schema.fields:
        for other in above.schema.fields:
            kinds = [f.tabsynth.generator for f in (field, other)]
            if not all(isinstance(k, Personal) for k in kinds) or field.constraints.unique:
                continue
            if getattr(kinds[0], "what", "") != getattr(kinds[1], "what", None):
                continue
            said = own.column(field.name)
            equal = pc.equal(said, taken(above.column(other.name), main)).fill_null(False)
            if len(said) and pc.sum(equal).as_py() >= _FOLLOWS * len(said):
                found.setdefault(field.name, other.name)
    return found
