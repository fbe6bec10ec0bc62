"""Ordered columns as the first of them and the gaps between them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tabsynth.constraints.lattice import (
    Mask,
    Units,
    all_given,
    common_digits,
    digits,
    read,
    to_units,
    write,
)
from tabsynth.constraints.naming import free_name, plain_field
from tabsynth.schema.constraint import Inequality
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.table import Table


@dataclass(frozen=True)
class Gaps:
    """Each column but the first as its distance from the last one before it that is not missing.

    A distance is counted from the first value that the constraint allows there, in units of the
    column itself: so 0 and every number above keep the constraint.

    Args:
        constraint: the order.
        fields: the columns of it.
        names: for each column but the first, the name of its gap.
        alone: for each column but the first, the name of a column that holds its values where
            all before it are missing; None where that cannot be.
    """

    constraint: Inequality
    fields: tuple[FieldSchema, ...]
    names: tuple[str, ...]
    alone: tuple[str | None, ...]

    @classmethod
    def of(cls, constraint: Inequality, schema: TableSchema, taken: Collection[str]) -> Gaps:
        """The gaps of a constraint under names that no column has."""
        fields = tuple(map(schema.field, constraint.columns))
        names: list[str] = []
        alone: list[str | None] = []
        for place, field in enumerate(fields[1:], 1):
            own = {*taken, *names, *filter(None, alone)}
            before = fields[place - 1].name
            names.append(free_name(f"{field.name} - {before}", own))
            anchored = any(f.constraints.required for f in fields[:place])
            alone.append(None if anchored else free_name(f"{field.name} without {before}", own))
        return cls(constraint, fields, tuple(names), tuple(alone))

    @property
    def removed(self) -> tuple[str, ...]:
        """All columns but the first."""
        return self.constraint.columns[1:]

    @property
    def made(self) -> tuple[FieldSchema, ...]:
        """Gaps of at least 0, and columns that stand alone."""
        found = []
        decimals = common_digits(list(self.fields))
        for field, name, alone in zip(self.fields[1:], self.names, self.alone, strict=True):
            own = None if decimals is None else digits(field)
            found.append(
                plain_field(
                    name, "number" if decimals is None or own else "integer", minimum=0,
                    decimals=own or None,
                    required=field.constraints.required and alone is None,
                )
            )  # fmt: skip
            if alone is not None:
                found.append(plain_field(alone, field.type, like=field))
        return tuple(found)

    def encode(self, table: Table) -> dict[str, pa.Array]:
        """Gaps, and values that stand alone."""
        decimals = common_digits(list(self.fields))
        base, absent = read(table, self.fields[0].name, decimals)
        found = {}
        for field, name, alone in zip(self.fields[1:], self.names, self.alone, strict=True):
            values, missing = read(table, field.name, decimals)
            if decimals is None:
                gaps = pa.array(np.maximum(values - base, 0.0), mask=missing | absent)
            else:
                own = digits(field) or 0
                unit = 10 ** (decimals - own)
                units = values // unit - self._first(base, unit)
                gap = next(f for f in self.made if f.name == name)
                gaps = write(units, missing | absent, gap)
            found[name] = gaps
            if alone is not None:
                found[alone] = pc.if_else(pa.array(absent), table.column(field.name), None)
            base, absent = np.where(missing, base, values), absent & missing
        return found

    def decode(self, table: Table) -> dict[str, pa.Array]:
        """Each column, from the one before it and the gap."""
        decimals = common_digits(list(self.fields))
        base, absent = read(table, self.fields[0].name, decimals)
        found = {}
        for field, name, alone in zip(self.fields[1:], self.names, self.alone, strict=True):
            own = digits(field)
            gaps, missing = read(table, name, None if decimals is None else own)
            missing = missing | absent
            if decimals is None:
                values = self._floats(base, np.maximum(gaps, 0.0), own)
            else:
                unit = 10 ** (decimals - (own or 0))
                values = self._first(base, unit) + np.maximum(gaps, 0)
            column = write(values, missing, field)
            if alone is not None:
                column = pc.if_else(pa.array(absent), table.column(alone), column)
            found[field.name] = column
            built = Table(TableSchema(fields=(field,)), pa.table({field.name: column}))
            values, missing = read(built, field.name, decimals)
            base, absent = np.where(missing, base, values), absent & missing
        return found

    def settled(self, table: Table) -> Mask:
        """Conditions on all columns of the constraint."""
        return all_given(table, self.constraint.columns)

    def _first(self, base: Units, unit: int) -> Units:
        """The smallest multiple of a unit that the constraint allows after a base."""
        return base // unit + 1 if self.constraint.strict else -(-base // unit)

    def _floats(self, base: Units, gaps: Units, own: int | None) -> Units:
        """Sums that floating point does not bring below their base."""
        strict = self.constraint.strict
        if own is None:
            least: Units = np.nextafter(base, np.inf) if strict else base
            sums: Units = np.maximum(base + gaps, least)
            return sums
        units = to_units(base + gaps, own)
        for _ in range(2):
            values = units / 10.0**own
            units = units + ((values <= base) if strict else (values < base))
        return units
