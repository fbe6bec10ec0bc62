"""Two coordinates as one number: where a space-filling curve meets the point, and back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tabsynth.constraints.curve import HALF, across, along
from tabsynth.constraints.lattice import (
    Mask,
    Units,
    all_given,
    digits,
    read,
    to_units,
    write,
)
from tabsynth.constraints.naming import free_name, plain_field
from tabsynth.schema.constraint import Place
from tabsynth.schema.model import PLACE, FieldSchema, TableSchema
from tabsynth.table import Table

# what coordinates are taken to reach where the schema says no bounds: degrees
DEGREES: Final = 180.0


@dataclass(frozen=True)
class Placed:
    """A pair of coordinates as one whole number, see `curve.along`.

    The cells of that number are squares that several records share (`encoding.freeze`). A
    coordinate without the other one is learnt by itself.

    Args:
        constraint: the pair.
        fields: its columns.
        name: of the number.
        alone: for each of the columns, the name of one that holds it where the other is missing;
            None where the other never is.
    """

    constraint: Place
    fields: tuple[FieldSchema, FieldSchema]
    name: str
    alone: tuple[str | None, str | None]

    @classmethod
    def of(cls, constraint: Place, schema: TableSchema, taken: Collection[str]) -> Placed:
        """The exchange for a pair, under names that no column has."""
        first, second = map(schema.field, constraint.columns)
        name = free_name(f"place of {first.name}, {second.name}", taken)
        alone: list[str | None] = []
        for field, other in ((first, second), (second, first)):
            own = free_name(f"{field.name} without {other.name}", {*taken, name})
            alone.append(None if other.constraints.required else own)
        return cls(constraint, (first, second), name, (alone[0], alone[1]))

    @property
    def removed(self) -> tuple[str, ...]:
        """Both columns."""
        return self.constraint.columns

    @property
    def made(self) -> tuple[FieldSchema, ...]:
        """The number, and columns for coordinates that stand alone."""
        required = all(f.constraints.required for f in self.fields)
        place = plain_field(self.name, "integer", required=required)
        kept = [place.model_copy(update={"format": PLACE})]
        for field, alone in zip(self.fields, self.alone, strict=True):
            if alone is not None:
                kept.append(plain_field(alone, field.type, like=field))
        return tuple(kept)

    def settled(self, table: Table) -> Mask:
        """Conditions on both columns."""
        return all_given(table, self.removed)

    def encode(self, table: Table) -> dict[str, pa.Array]:
        """Places along the curve, and coordinates that stand alone."""
        decimals = grain(self.fields)
        x, y = (points(table, field, decimals) for field in self.fields)
        whole = self.settled(table)
        found = {self.name: pa.array(along(x, y), mask=~whole)}
        for field, alone in zip(self.fields, self.alone, strict=True):
            if alone is not None:
                found[alone] = pc.if_else(pa.array(whole), None, table.column(field.name))
        return found

    def decode(self, table: Table) -> dict[str, pa.Array]:
        """Both coordinates, each in its own decimals."""
        decimals = grain(self.fields)
        place, missing = read(table, self.name, 0)
        found: dict[str, pa.Array] = {}
        used = ~missing
        for field, alone, units in zip(self.fields, self.alone, across(place), strict=True):
            own = digits(field)
            values = units / 10.0**decimals
            column = write(values if own is None else to_units(values, own), missing, field)
            if alone is not None:
                # both alone would be a point that nobody placed: the second one stays away
                single = pc.if_else(pa.array(used), None, table.column(alone))
                used = used | single.is_valid().to_numpy(zero_copy_only=False)
                column = pc.coalesce(column, single)
            found[field.name] = column
        return found


def grain(fields: Collection[FieldSchema]) -> int:
    """Decimals of the grid: the columns' own, as far as what they reach leaves room.

    Of degrees there is room for six, which are 11 cm; below 0 where there is none.
    """
    ends = [abs(float(end)) for f in fields for end in f.bounds if end is not None]
    reach = max(ends, default=0.0) if len(ends) == 2 * len(fields) else max([*ends, DEGREES])
    own = [digits(field) for field in fields]
    most = 15 if None in own else max(d for d in own if d is not None)
    room = int(np.floor(np.log10(HALF / max(reach, 1.0))))
    return min(most, room)


def points(table: Table, field: FieldSchema, decimals: int) -> Units:
    """A coordinate in units of the grid; at its edge where it lies beyond."""
    values, _ = read(table, field.name, None)
    return np.clip(to_units(values, decimals), -HALF, HALF - 1)


def off_the_grid(constraint: Place, table: Table) -> Mask:
    """Which records lie beyond what the columns' bounds, or degrees, let expect."""
    fields = [table.schema.field(name) for name in constraint.columns]
    limit = (HALF - 1) / 10.0 ** grain(fields)
    found = np.zeros(table.num_rows, bool)
    for field in fields:
        values, missing = read(table, field.name, None)
        found |= ~missing & ~(np.abs(values) <= limit)
    return found
