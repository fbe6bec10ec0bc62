"""The public domain of a table: the cells that queries are asked about, from the schema alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import CategoryCodec, Codec, ColumnCodec, NumericCodec, native_limits
from tabsynth.errors import PrivacyError, UndeclaredDomainError
from tabsynth.schema.model import FieldSchema, TableSchema

# a column of at most so many possible values has a cell for each; their noise takes about a second
FINEST: Final = 100_000
# a column of more is cut into so many intervals of one width
INTERVALS: Final = 4096
# differences of whole numbers within this reach stay inside 64 bits
REACH: Final = 2**62 - 1

Groups = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Domain:
    """What is publicly known about each modelled column, and how finely it is asked about.

    Args:
        codec: the fine cells of the modelled columns, declared in the schema. A column that must
            hold a value has no records in its missing cell, its last.
        groups: per column the coarse cell of each fine cell, shape (fine_sizes[j],); None asks
            about fine cells.
    """

    codec: Codec
    groups: tuple[Groups | None, ...]

    @classmethod
    def declared(cls, schema: TableSchema) -> Self:
        """The fine cells that a schema declares.

        Categories, and both values of a boolean, are cells. A number, date or time has a cell per
        possible value where its bounds allow at most FINEST of them, else INTERVALS cells of one
        width, or those between its cut points. Missing is the last cell.

        Args:
            schema: of the table; only what a person declared counts, never what was observed.

        Raises:
            UndeclaredDomainError: naming every column that lacks a declared domain, or whose
                generator nobody declared.
            PrivacyError: no modelled column, or bounds further apart than numbers reach.

        Privacy: reads no record.
        """
        if not schema.modelled_fields:
            raise PrivacyError(
                "schema",
                expected="at least one modelled column",
                got="none",
                remedy="model a column: remove its generator or free_text",
            )
        lacking = [(f.name, lack) for f in schema.fields if (lack := _lack(f))]
        if lacking:
            raise UndeclaredDomainError(tuple(lacking))
        schema = schema.declared
        columns = tuple(_cells(field) for field in schema.modelled_fields)
        return cls(Codec(schema.modelled, columns), (None,) * len(columns))

    @property
    def schema(self) -> TableSchema:
        """The modelled columns."""
        return self.codec.schema

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return self.schema.names

    @cached_property
    def nullable(self) -> tuple[bool, ...]:
        """Per column whether a value may be missing: its last fine cell then stands for missing."""
        return tuple(not f.declares("required") for f in self.schema.fields)

    @cached_property
    def fine_sizes(self) -> tuple[int, ...]:
        """Fine cells per column that records can be in, missing included where it can occur."""
        columns = zip(self.codec.columns, self.nullable, strict=True)
        return tuple(column.cells - (not nullable) for column, nullable in columns)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Cells per column that queries are asked about."""
        return tuple(
            fine if groups is None else int(groups.max()) + 1
            for fine, groups in zip(self.fine_sizes, self.groups, strict=True)
        )

    def coarsened(self, groups: Sequence[Groups]) -> Domain:
        """The same columns in coarser cells.

        Args:
            groups: per column the new cell of each present cell, shape (sizes[j],), numbered from 0
                with none left out. They must come from public facts or released measurements.

        Raises:
            ValueError: maps of another shape or with a number left out.
        """
        if len(groups) != len(self.sizes):
            raise ValueError("expected one map per column")
        combined: list[Groups] = []
        for own, new, size in zip(self.groups, groups, self.sizes, strict=True):
            if new.shape != (size,) or not np.array_equal(np.unique(new), np.arange(new.max() + 1)):
                raise ValueError("expected a new cell for each cell, numbered from 0 without a gap")
            combined.append(new if own is None else new[own])
        return Domain(self.codec, tuple(combined))

    def words(self) -> list[str]:
        """The public assumption about each column, in a sentence."""
        rows = zip(self.codec.columns, self.nullable, strict=True)
        return [_words(column, nullable) for column, nullable in rows]


def _lack(field: FieldSchema) -> str | None:
    """What a column's declared domain lacks, in words; None when it lacks nothing."""
    if field.is_generated:
        # where invented values start, and what they look like, stood in the records
        return None if field.declares("type") else "its type and generator were read from records"
    if not field.is_modelled:
        return None
    if not field.declares("type"):
        return _read(field, "type", "categories", "minimum", "maximum")
    if field.type in ("boolean", "time") or field.cuts:
        return None
    if field.declares("categories"):
        return None if field.domain else "no categories"
    if field.domain is not None:
        return _read(field, "categories")
    if field.type == "string":
        return "no categories"
    lacking = [bound for bound in ("minimum", "maximum") if not field.declares(bound)]
    if set(lacking) & set(field.tabsynth.observed):
        return _read(field, *lacking)
    return "no " + " and ".join(lacking) if lacking else None


def _read(field: FieldSchema, *facts: str) -> str:
    """Which of these facts do not count, so that a person sees all of them at once."""
    found = [fact for fact in facts if fact in field.tabsynth.observed]
    plural = len(found) > 1 or found == ["categories"]
    return f"its {' and '.join(found)} {'were' if plural else 'was'} read from records"


def _cells(field: FieldSchema) -> ColumnCodec:
    if field.type == "boolean":
        return CategoryCodec(field, (False, True))
    if field.domain is not None:
        return CategoryCodec(field, field.domain)
    low, high = _declared_bounds(field)
    if field.type != "number":
        return _whole_cells(field, int(low), int(high), [int(cut) for cut in field.cuts])
    scale = 10.0 ** (field.tabsynth.decimals or 0)
    # beyond 2**53 units a float no longer tells neighbours apart
    if field.declares("decimals") and max(abs(low), abs(high)) * scale < 2.0**53:
        units = [round(cut * scale) for cut in field.cuts]
        # of the lattice, the points within the bounds; products of floats are off by less than this
        first, last = math.ceil(low * scale - 1e-3), math.floor(high * scale + 1e-3)
        return _whole_cells(field, min(first, last), last, units)
    return _float_cells(field, float(low), float(high))


def _declared_bounds(field: FieldSchema) -> tuple[int | float, int | float]:
    """The ends of the domain on the storage scale: declared bounds, else the outer cut points."""
    first, last = native_limits(field)
    cuts, (low, high) = field.cuts, field.bounds
    if low is None or not field.declares("minimum"):
        low = cuts[0] if cuts else first
    if high is None or not field.declares("maximum"):
        high = cuts[-1] if cuts else last
    if field.type != "number":
        low, high = max(low, first), min(high, last)
        inside = low >= -REACH and high <= REACH
    else:
        inside = bool(np.isfinite(float(high) - float(low)))
    if not inside or low > high:
        raise PrivacyError(
            f"column {field.name!r}",
            expected="a minimum and maximum that the column can hold, not too far apart",
            got="others",
            remedy="declare narrower bounds",
        )
    return low, high


def _whole_cells(field: FieldSchema, low: int, high: int, cuts: list[int]) -> NumericCodec:
    """Cells of a column on the lattice of whole numbers."""
    points = high - low + 1
    if cuts:
        first = np.array(sorted({low, *(c for c in cuts if low < c < high)}), np.int64)
    else:
        width = 1 if points <= FINEST else -(-points // INTERVALS)
        first = np.arange(low, high + 1, width, dtype=np.int64)
    last = np.append(first[1:] - 1, high).astype(np.int64)
    return NumericCodec(field, first, last, first == last)


def _float_cells(field: FieldSchema, low: float, high: float) -> NumericCodec:
    """Cells of a column of real numbers."""
    cuts = [float(cut) for cut in field.cuts if low < cut < high]
    inner = np.array(cuts) if field.cuts else np.linspace(low, high, INTERVALS + 1)[1:-1]
    first = np.unique(np.append(low, inner))
    last = np.append(first[1:], high)
    return NumericCodec(field, first, last, first == last)


def _words(column: ColumnCodec, nullable: bool) -> str:
    field = column.field
    missing = "may be missing" if nullable else "is never missing"
    if isinstance(column, CategoryCodec):
        listed = ", ".join(map(str, column.categories))
        return f"{field.name} is one of {len(column.categories):,} categories ({listed}); {missing}"
    ends = column.ends()
    kind = "values" if column.atom.all() else "intervals"
    span = f"lies from {ends[0]} to {ends[1]}, asked about in {len(column.low):,} {kind}"
    return f"{field.name} {span}; {missing}"
