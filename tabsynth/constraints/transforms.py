"""Constraints that hold by construction: other columns to learn, from which theirs come back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tabsynth.constraints.combining import allowed_texts, combined, separated
from tabsynth.constraints.gaps import Gaps
from tabsynth.constraints.lattice import Mask, all_given, common_digits, digits, read, write
from tabsynth.constraints.naming import free_name, plain_field
from tabsynth.constraints.places import Placed
from tabsynth.constraints.rules import stepped, summed, truths
from tabsynth.schema.constraint import (
    Combinations,
    Constraint,
    Increment,
    Inequality,
    OneHot,
    Place,
    Total,
)
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.table import Table


class Transform(Protocol):
    """Exchanges some columns for others, so that any values of those keep a constraint."""

    @property
    def constraint(self) -> Constraint:
        """What it keeps."""

    @property
    def removed(self) -> tuple[str, ...]:
        """The columns that the others stand for."""

    @property
    def made(self) -> tuple[FieldSchema, ...]:
        """The others."""

    def encode(self, table: Table) -> dict[str, pa.Array]:
        """The columns of `made`, from records that keep the constraint."""

    def decode(self, table: Table) -> dict[str, pa.Array]:
        """The columns of `removed`, from any records."""

    def settled(self, table: Table) -> Mask:
        """Which conditions, on columns of the constraint, say what `made` must be."""


@dataclass(frozen=True)
class Combined:
    """One category for each combination of the columns."""

    constraint: Combinations
    fields: tuple[FieldSchema, ...]
    name: str

    @property
    def removed(self) -> tuple[str, ...]:
        """All columns of the combination."""
        return self.constraint.columns

    @property
    def made(self) -> tuple[FieldSchema, ...]:
        """A text column; the combinations that the schema lists are declared."""
        listed = self.constraint.allowed
        texts = None if listed is None else tuple(allowed_texts(listed, list(self.fields)))
        observed = ("categories",) if self.constraint.observed and texts else ()
        return (
            plain_field(self.name, "string", required=True, categories=texts, observed=observed),
        )

    def settled(self, table: Table) -> Mask:
        """Conditions on all columns of the constraint."""
        return all_given(table, self.constraint.involved)

    def encode(self, table: Table) -> dict[str, pa.Array]:
        """Combinations as texts."""
        return {self.name: combined(table, self.removed)}

    def decode(self, table: Table) -> dict[str, pa.Array]:
        """The columns that a text stands for."""
        return separated(table.column(self.name), list(self.fields))


@dataclass(frozen=True)
class Steps:
    """How many steps a number lies from the offset."""

    constraint: Increment
    field: FieldSchema
    name: str

    @property
    def removed(self) -> tuple[str, ...]:
        """The number."""
        return (self.constraint.column,)

    @property
    def made(self) -> tuple[FieldSchema, ...]:
        """A whole number, within the bounds of the column."""
        low, high = self.field.bounds
        decimals, step, offset = stepped(self.constraint, self.field)
        unit = 10**decimals if self.field.type in ("integer", "number") else 1
        first = None if low is None else -((offset - round(low * unit)) // step)
        last = None if high is None else (round(high * unit) - offset) // step
        if first is not None and last is not None and first > last:
            # observed bounds; declared ones leave room, or the constraint is refused
            first = last = None
        known = [f for f in ("minimum", "maximum") if f in self.field.tabsynth.observed]
        return (
            plain_field(
                self.name, "integer", required=self.field.constraints.required,
                minimum=first, maximum=last, observed=tuple(known),
            ),
        )  # fmt: skip

    def settled(self, table: Table) -> Mask:
        """Conditions on all columns of the constraint."""
        return all_given(table, self.constraint.involved)

    def encode(self, table: Table) -> dict[str, pa.Array]:
        """Whole numbers of steps."""
        decimals, step, offset = stepped(self.constraint, self.field)
        values, missing = read(table, self.constraint.column, decimals)
        # a float may lie a little beside its step
        steps = (values - offset + step // 2) // step
        return {self.name: pa.array(steps, mask=missing)}

    def decode(self, table: Table) -> dict[str, pa.Array]:
        """The offset and so many steps."""
        decimals, step, offset = stepped(self.constraint, self.field)
        steps, missing = read(table, self.name, 0)
        units = steps * step + offset
        own = digits(self.field)
        if own is None:
            values = units / 10.0**decimals
        else:
            values = units // 10 ** (decimals - own)
        return {self.constraint.column: write(values, missing, self.field)}


@dataclass(frozen=True)
class Choice:
    """Which of the columns is the one."""

    constraint: OneHot
    fields: tuple[FieldSchema, ...]
    name: str

    @property
    def removed(self) -> tuple[str, ...]:
        """All columns of the group."""
        return self.constraint.columns

    @property
    def made(self) -> tuple[FieldSchema, ...]:
        """A category, named as the column that is 1."""
        declared = all(f.declares("type") for f in self.fields)
        return (
            plain_field(
                self.name, "string", categories=self.constraint.columns,
                required=any(f.constraints.required for f in self.fields),
                observed=() if declared else ("categories",),
            ),
        )  # fmt: skip

    def encode(self, table: Table) -> dict[str, pa.Array]:
        """The name of the column that is 1; missing where all are."""
        ones = np.column_stack([truths(table, name)[0] for name in self.removed])
        missing = ~ones.any(axis=1)
        indices = pa.array(ones.argmax(axis=1).astype(np.int32), mask=missing)
        return {self.name: pa.DictionaryArray.from_arrays(indices, pa.array(self.removed))}

    def decode(self, table: Table) -> dict[str, pa.Array]:
        """1 in the column that is named, 0 in the others."""
        chosen = table.column(self.name).cast(pa.string())
        kinds = {"boolean": pa.bool_(), "integer": pa.int64(), "number": pa.float64()}
        found = {}
        for field in self.fields:
            here = pc.equal(chosen, field.name)
            found[field.name] = here.cast(pa.int8()).cast(kinds[field.type])
        return found

    def settled(self, table: Table) -> Mask:
        """A condition that one column is 1 says that the others are 0."""
        ones = sum((truths(table, name)[0].astype(int) for name in self.removed), 0)
        return np.asarray(ones == 1)


@dataclass(frozen=True)
class Summed:
    """The parts without their total, which is drawn only where a part is missing.

    Args:
        constraint: the sum.
        field: the total.
        alone: name of a column for totals beside a missing part; None where no part can be missing.
        known: name of a column that says whether the total of whole parts is there; None where it
            always is.
    """

    constraint: Total
    field: FieldSchema
    parts: tuple[FieldSchema, ...]
    alone: str | None
    known: str | None

    @property
    def removed(self) -> tuple[str, ...]:
        """The total."""
        return (self.constraint.total,)

    @property
    def made(self) -> tuple[FieldSchema, ...]:
        """What cannot be told from the parts."""
        found = []
        if self.alone is not None:
            found.append(plain_field(self.alone, self.field.type, like=self.field))
        if self.known is not None:
            found.append(plain_field(self.known, "boolean"))
        return tuple(found)

    def settled(self, table: Table) -> Mask:
        """Conditions on all columns of the constraint."""
        return all_given(table, self.constraint.involved)

    def encode(self, table: Table) -> dict[str, pa.Array]:
        """The total beside missing parts, and whether it is there beside whole ones."""
        total = table.column(self.constraint.total)
        _, absent = summed(self.constraint, table, None)
        found = {}
        if self.alone is not None:
            found[self.alone] = pc.if_else(pa.array(absent), total, None)
        if self.known is not None:
            found[self.known] = pc.if_else(pa.array(absent), None, total.is_valid())
        return found

    def decode(self, table: Table) -> dict[str, pa.Array]:
        """The sum, rounded where the total has fewer decimals."""
        own, decimals = digits(self.field), common_digits([self.field, *self.parts])
        sums, absent = summed(self.constraint, table, decimals)
        missing = absent.copy()
        if self.known is not None:
            known = table.column(self.known).fill_null(True).to_numpy(zero_copy_only=False)
            missing |= ~known
        if decimals is not None and own is not None:
            unit = 10 ** (decimals - own)
            sums = (sums + unit // 2) // unit
        elif own is not None:
            sums = np.rint(sums * 10.0**own).astype(np.int64)
        total = write(sums, missing, self.field)
        if self.alone is not None:
            total = pc.if_else(pa.array(absent), table.column(self.alone), total)
        return {self.constraint.total: total}


def transform(
    constraint: Constraint, schema: TableSchema, taken: Collection[str]
) -> Transform | None:
    """What keeps a constraint by construction; None where only another draw does.

    Args:
        constraint: one that fits the schema.
        schema: of the columns that there are.
        taken: names that no column of its own may have.
    """
    field = schema.field
    match constraint:
        case Combinations(columns=columns):
            name = free_name(" + ".join(columns), taken)
            return Combined(constraint, tuple(map(field, columns)), name)
        case Inequality():
            return Gaps.of(constraint, schema, taken)
        case Increment(column=column):
            name = free_name(f"{column} in steps", taken)
            return Steps(constraint, field(column), name)
        case OneHot(columns=columns):
            name = free_name(f"one of {', '.join(columns)}", taken)
            return Choice(constraint, tuple(map(field, columns)), name)
        case Total():
            return _summed(constraint, schema, taken)
        case Place():
            return Placed.of(constraint, schema, taken)
    return None


def _summed(constraint: Total, schema: TableSchema, taken: Collection[str]) -> Transform:
    total = schema.field(constraint.total)
    parts = tuple(map(schema.field, constraint.involved[1:]))
    alone = known = None
    if not all(p.constraints.required for p in parts):
        alone = free_name(f"{total.name} beside missing parts", taken)
    if not total.constraints.required:
        known = free_name(f"{total.name} is known", taken)
    return Summed(constraint, total, parts, alone, known)
