"""A database as one table of its entities, in which their children stand as aggregates.

Every attack that knows how to go at a table can then go at an entity through its children: the
number of an account's orders, their mean amount, the share of the commonest kind, the first and the
last date. Which columns there are is decided from the training records once, for all databases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.database import NO_PARENT, Database
from tabsynth.entities import Descent, Places, descents
from tabsynth.learners import numbers
from tabsynth.relational.apart import own_column, own_fields
from tabsynth.schema.columns import spelled_out
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.keys import ForeignKey
from tabsynth.schema.model import Constraints, FieldExtension, FieldSchema, TableSchema
from tabsynth.schema.parse import storage_type
from tabsynth.table import Table

# an aggregate that fewer entities have, or a category that fewer have, gets no column
BEHIND: Final = 10
CATEGORIES: Final = 3
MOST: Final = 48

What = Literal["number", "only", "mean", "share", "first", "last"]


@dataclass(frozen=True)
class Source:
    """A column of records below an entity, or of another parent of them.

    Args:
        field: the column.
        key: of the records, where the column is its parent's; None where it is their own.
    """

    field: FieldSchema
    key: ForeignKey | None = None

    def read(self, database: Database, table: str) -> pa.Array:
        """Its values for the records of a table."""
        if self.key is None:
            return database.tables[table].column(self.field.name)
        places = database.parents(table, self.key)
        column = database.tables[self.key.parent].column(self.field.name)
        return column.take(pa.array(places, mask=places == NO_PARENT))


@dataclass(frozen=True)
class Aggregate:
    """One column of the entities that comes from below them.

    Args:
        field: what it is in their table.
        descent: where from.
        what: how; `only` where no training entity has two children.
        source: of what; None for their number.
        category: whose share it is.
    """

    field: FieldSchema
    descent: Descent
    what: What
    source: Source | None = None
    category: Any = None


@dataclass(frozen=True)
class Plan:
    """Columns of an entity.

    Args:
        entity: its table.
        own: columns of that table.
        below: aggregates of other tables.
    """

    entity: str
    own: tuple[FieldSchema, ...]
    below: tuple[Aggregate, ...]

    @property
    def schema(self) -> TableSchema:
        """Of the table that `flatten` makes."""
        return TableSchema(fields=(*self.own, *(a.field for a in self.below)))


def plan_entities(train: Database, entity: str) -> Plan:
    """Which columns the entities have.

    Args:
        train: the training records.
        entity: name of the table.

    Returns:
        The table's own columns, then the numbers of children and grandchildren, then aggregates
        of their columns, nearest first and at most 48 in all. The attacker of the linkability
        attack holds the own columns on one side and what hangs from the entity on the other.

    Privacy: reads all training records. Columns hold no category in their names but declared ones.
    """
    own = tuple(_known(field) for field in own_fields(train.schema, entity))
    counts: list[Aggregate] = []
    others: list[Aggregate] = []
    for descent in descents(train.schema, entity):
        owners = descent.owners(train)
        size = train.tables[entity].num_rows
        many = _counts(owners, size)
        if np.count_nonzero(many) < BEHIND:
            continue
        name = f"{descent.label}: number"
        counts.append(Aggregate(FieldSchema(name=name, type="integer"), descent, "number"))
        for source in _sources(train.schema, descent, entity):
            values = source.read(train, descent.table)
            beside = "" if source.key is None else f"{source.key.parent}."
            label = f"{descent.label}.{beside}{source.field.name}"
            others += _aggregates(label, descent, source, values=values, owners=owners, many=many)
    taken = {field.name for field in own}
    below = [a for a in (*counts, *others) if a.field.name not in taken]
    return Plan(entity, own, tuple(below[: max(MOST - len(own), 1)]))


def flatten(database: Database, plan: Plan) -> Table:
    """The entities of a database, one record each.

    Args:
        database: training, holdout or synthetic records; the same columns for all.
        plan: as `plan_entities` made it.
    """
    table = database.tables[plan.entity]
    columns = [own_column(table, field) for field in plan.own]
    owners: dict[Descent, Places] = {}
    for aggregate in plan.below:
        if aggregate.descent not in owners:
            owners[aggregate.descent] = aggregate.descent.owners(database)
        columns.append(_column(database, aggregate, owners[aggregate.descent], table.num_rows))
    return Table(plan.schema, pa.table(columns, names=list(plan.schema.names)))


def _known(field: FieldSchema) -> FieldSchema:
    """What somebody who is listed in the entities' table may be recognised by."""
    if field.tabsynth.role is not None or not field.is_modelled:
        return field
    ours = field.tabsynth.model_copy(update={"role": "quasi-identifier"})
    return field.model_copy(update={"tabsynth": ours})


def _sources(schema: DatabaseSchema, descent: Descent, entity: str) -> list[Source]:
    """Columns of the records, and of children also what their other parents are."""
    found = [Source(field) for field in own_fields(schema, descent.table) if field.is_modelled]
    if len(descent.steps) > 1:
        return found
    for key in schema.foreign_keys[descent.table]:
        if key != descent.steps[-1][1] and key.parent not in (descent.table, entity):
            fields = own_fields(schema, key.parent)
            found += [Source(field, key) for field in fields if field.is_modelled]
    return found


def _aggregates(
    label: str, descent: Descent, source: Source, *, values: pa.Array, owners: Places,
    many: NDArray[np.int64],
) -> list[Aggregate]:  # fmt: skip
    """Columns of an entity from one column of its children; none where few have a value."""
    field = source.field
    here = owners != NO_PARENT
    present = values.is_valid().to_numpy(zero_copy_only=False) & here
    if len(np.unique(owners[present])) < BEHIND:
        return []
    ours = FieldExtension(timezone=field.tabsynth.timezone)
    if many.max() == 1:
        free = Constraints(enum=field.constraints.enum)
        renamed = field.model_copy(update={"name": label, "constraints": free})
        return [Aggregate(renamed, descent, "only", source)]
    if field.is_categorical:
        return _shares(label, descent, source, values=values, owners=owners)
    if field.type in ("date", "datetime"):
        ends: tuple[What, ...] = ("first", "last")
        return [
            Aggregate(FieldSchema(name=f"{label}: {end}", type=field.type, tabsynth=ours),
                      descent, end, source)
            for end in ends
        ]  # fmt: skip
    spread = float(np.nanstd(_means(numbers(values), owners, len(many))))
    # sums depend on the order of records in their last digits, means that are told must not
    decimals = int(np.clip(3 - np.floor(np.log10(spread)), 0, 9)) if spread > 0 else 6
    rounded = FieldExtension(decimals=decimals)
    mean = FieldSchema(name=f"{label}: mean", type="number", tabsynth=rounded)
    return [Aggregate(mean, descent, "mean", source)]


def _shares(
    label: str, descent: Descent, source: Source, *, values: pa.Array, owners: Places
) -> list[Aggregate]:
    declared = source.field.declares("categories") or source.field.type == "boolean"
    counted = sorted(
        (
            (int(np.count_nonzero(owners[same] != NO_PARENT)), str(value), value)
            for value in spelled_out(values).unique().drop_null().to_pylist()
            for same in [_equal(values, value)]
            if len(np.unique(owners[same & (owners != NO_PARENT)])) >= BEHIND
        ),
        key=lambda row: (-row[0], row[1]),
    )
    # of two categories one tells of the other
    chosen = counted[: max(1, min(CATEGORIES, len(counted) - 1))]
    return [
        Aggregate(
            FieldSchema(
                name=f"{label}: share of {text if declared else f'commonest {rank}'}",
                type="number", tabsynth=FieldExtension(decimals=6),
            ),
            descent, "share", source, value,
        )
        for rank, (_, text, value) in enumerate(chosen, 1)
    ]  # fmt: skip


def _column(database: Database, aggregate: Aggregate, owners: Places, size: int) -> pa.Array:
    if aggregate.source is None:
        return pa.array(_counts(owners, size))
    values = aggregate.source.read(database, aggregate.descent.table)
    if aggregate.what == "only":
        rows = np.full(size, NO_PARENT)
        held = np.flatnonzero(owners != NO_PARENT)[::-1]
        rows[owners[held]] = held
        return values.take(pa.array(rows, mask=rows == NO_PARENT))
    if aggregate.what == "share":
        found = _equal(values, aggregate.category).astype(np.float64)
        return _numbers(_means(found, owners, size), aggregate.field)
    if aggregate.what == "mean":
        return _numbers(_means(numbers(values), owners, size), aggregate.field)
    return _end(numbers(values), owners, size, aggregate)


def _counts(owners: Places, size: int) -> NDArray[np.int64]:
    return np.bincount(owners[owners != NO_PARENT], minlength=size).astype(np.int64)


def _means(values: NDArray[np.float64], owners: Places, size: int) -> NDArray[np.float64]:
    """Means over the children that have a value; NaN where none has."""
    held = (owners != NO_PARENT) & ~np.isnan(values)
    n = np.bincount(owners[held], minlength=size)
    sums = np.bincount(owners[held], weights=values[held], minlength=size)
    return np.where(n > 0, sums / np.maximum(n, 1), np.nan)


def _numbers(values: NDArray[np.float64], field: FieldSchema) -> pa.Array:
    rounded = np.round(values, field.tabsynth.decimals or 0)
    return pa.array(rounded, mask=np.isnan(rounded))


def _end(values: NDArray[np.float64], owners: Places, size: int, aggregate: Aggregate) -> pa.Array:
    first = aggregate.what == "first"
    held = (owners != NO_PARENT) & ~np.isnan(values)
    found = np.full(size, np.inf if first else -np.inf)
    (np.minimum if first else np.maximum).at(found, owners[held], values[held])
    absent = np.isinf(found)
    whole = np.where(absent, 0, found).astype(np.int64)
    kind = storage_type(aggregate.field)
    plain = pa.array(whole, mask=absent)
    return (plain.cast(pa.int32()) if pa.types.is_date32(kind) else plain).cast(kind)


def _equal(values: pa.Array, value: Any) -> NDArray[np.bool_]:
    plain = spelled_out(values)
    known = pa.array([value], plain.type)
    found = pc.is_in(plain, value_set=known)
    same: NDArray[np.bool_] = found.to_numpy(zero_copy_only=False)
    return same
