"""Frozen cells: values to codes and back, without the records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.errors import ConditionError
from tabsynth.schema.check import storage_type
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.schema.moments import DAY, FIRST_DAY, FIRST_MOMENT, LAST_DAY, LAST_MOMENT
from tabsynth.schema.parse import value_type
from tabsynth.table import Table

POOLED: Final = -1
SHOWN: Final = 20
# a condition may lie so far beyond a column's ends, in spans, and still count as its outermost cell
BEYOND: Final = 0.5

Codes = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True)
class CategoryCodec:
    """Cells 0..K-1 are the categories, cell K is missing.

    Args:
        field: the column.
        categories: K values.
        pooled: share of records, to two digits, whose category is too rare to have a cell.
    """

    field: FieldSchema
    categories: tuple[str | int | bool, ...]
    pooled: float = 0.0

    ordered = False

    @property
    def cells(self) -> int:
        """How many cells, missing included."""
        return len(self.categories) + 1

    @property
    def missing_cell(self) -> int:
        """The code of a missing value."""
        return len(self.categories)

    def encode(self, column: pa.ChunkedArray) -> Codes:
        """Codes of shape (records,), POOLED where a value has no cell."""
        value_type = pa.string() if self.field.type == "string" else column.type
        value_set = pa.array(self.categories, type=value_type)
        chunks = [self._encode(chunk, value_set) for chunk in column.chunks]
        return np.concatenate(chunks) if chunks else np.empty(0, code_dtype(self.cells))

    def _encode(self, chunk: pa.Array, value_set: pa.Array) -> Codes:
        dictionary = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        found = pc.index_in(dictionary.dictionary, value_set=value_set).fill_null(POOLED)
        table = np.append(found.to_numpy(zero_copy_only=False), self.missing_cell)
        indices = dictionary.indices.fill_null(len(table) - 1).to_numpy(zero_copy_only=False)
        codes: Codes = table.astype(code_dtype(self.cells))[indices]
        return codes

    def decode(self, codes: Codes, rng: np.random.Generator) -> pa.Array:
        """Values of shape (records,) in storage type; `rng` is not used."""
        missing = codes == self.missing_cell
        mask = missing if missing.any() else None
        if self.field.type == "string":
            indices = pa.array(codes.astype(np.int32, copy=False), mask=mask)
            return pa.DictionaryArray.from_arrays(indices, self._dictionary)
        values = np.array([*self.categories, 0])[codes]
        return pa.array(values, type=storage_type(self.field), mask=mask)

    @property
    def _dictionary(self) -> pa.Array:
        return pa.array(self.categories, type=pa.string())

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """JSON settings and named arrays."""
        return {"categories": list(self.categories), "pooled": self.pooled}, {}

    def describe(self) -> str:
        """What the column can hold, in words."""
        shown = ", ".join(map(str, self.categories[:SHOWN]))
        more = ", ..." if len(self.categories) > SHOWN else ""
        listed = f": {shown}{more}" if shown else ""
        return f"{len(self.categories):,} categories{listed}{_pooled_words(self.pooled)}"

    @classmethod
    def restore(
        cls, field: FieldSchema, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> CategoryCodec:
        """The codec that `state` describes.

        Raises:
            ValueError: parts that do not fit together.
        """
        categories = tuple(settings["categories"])
        wanted = {"string": str, "boolean": bool}.get(field.type, int)
        if any(type(c) is not wanted for c in categories) or len(set(categories)) < len(categories):
            raise ValueError("expected different categories of the column's type")
        # raises where a text or number is none that Arrow can hold
        pa.array(categories, value_type(field))
        return cls(field, categories, float(settings["pooled"]))


@dataclass(frozen=True)
class NumericCodec:
    """Cells in increasing order of value, then missing.

    Values are held in *units*: integers where the column lies on a lattice (whole numbers, declared
    decimals, days, microseconds; any common step is divided out), floats otherwise.

    Args:
        field: the column.
        low: shape (C,), first unit of each cell, ends included.
        high: shape (C,), last unit of each cell; equal to `low` for an atom.
        atom: shape (C,), whether the cell is one frequent value rather than a bin.
        offset: units of the column's type that unit 0 stands for.
        step: units of the column's type between two lattice points.
        pooled: share of records, to two digits, whose value is too rare to have a cell.
    """

    field: FieldSchema
    low: NDArray[Any]
    high: NDArray[Any]
    atom: NDArray[np.bool_]
    offset: int = 0
    step: int = 1
    pooled: float = 0.0

    ordered = True

    @property
    def cells(self) -> int:
        """How many cells, missing included."""
        return len(self.low) + 1

    @property
    def missing_cell(self) -> int:
        """The code of a missing value."""
        return len(self.low)

    def encode(self, column: pa.ChunkedArray) -> Codes:
        """Codes of shape (records,), POOLED where a value has no cell."""
        chunks = [self._encode(chunk) for chunk in column.chunks]
        return np.concatenate(chunks) if chunks else np.empty(0, code_dtype(self.cells))

    def _encode(self, chunk: pa.Array) -> Codes:
        units, missing = self._units(chunk)
        codes = np.full(len(units), POOLED, code_dtype(self.cells))
        atom_cells, bin_cells = np.flatnonzero(self.atom), np.flatnonzero(~self.atom)
        if len(bin_cells):
            place = np.searchsorted(self.low[bin_cells], units, side="right") - 1
            codes = bin_cells.astype(codes.dtype)[np.maximum(place, 0)]
        if len(atom_cells):
            atoms = self.low[atom_cells]
            place = np.minimum(np.searchsorted(atoms, units), len(atoms) - 1)
            hit = (atoms[place] == units) & self._on_lattice(chunk)
            codes = np.where(hit, atom_cells.astype(codes.dtype)[place], codes)
        codes[missing] = self.missing_cell
        return codes

    def decode(self, codes: Codes, rng: np.random.Generator) -> pa.Array:
        """Values of shape (records,) in storage type, drawn uniformly within each bin."""
        missing = codes == self.missing_cell
        filler = self.low[:1] if len(self.low) else np.zeros(1, self.low.dtype)
        low, high = np.append(self.low, filler), np.append(self.high, filler)
        units = low[codes]
        inside = np.flatnonzero((low != high)[codes])
        if len(inside):
            first, last = low[codes[inside]], high[codes[inside]]
            uniform = rng.random(len(inside))
            if units.dtype.kind == "i":
                units[inside] += (uniform * (last - first + 1.0)).astype(np.int64)
            else:
                # both ends may be huge: their difference need not be a float
                units[inside] = first * (1 - uniform) + last * uniform
        return self._from_units(units, missing if missing.any() else None)

    def nearest(self, column: pa.ChunkedArray) -> Codes:
        """Codes of shape (records,), those of the nearest cell where a value has none.

        POOLED where a value lies further beyond the ends than half the column's span.
        """
        codes = self.encode(column)
        units, missing = self._units(column.combine_chunks())
        order = np.argsort(np.append(self.low, self.high), kind="stable")
        if not len(order):
            return codes
        ends = np.append(self.low, self.high)[order].astype(np.float64)
        cell = np.clip(codes, 0, len(self.low) - 1)
        inside = (codes != POOLED) & (units >= self.low[cell]) & (units <= self.high[cell])
        above = np.clip(np.searchsorted(ends, units), 1, len(ends) - 1)
        closer = np.where(units - ends[above - 1] <= ends[above] - units, above - 1, above)
        reach = (ends[-1] - ends[0]) * BEYOND
        far = (units < ends[0] - reach) | (units > ends[-1] + reach)
        near = np.where(far, POOLED, order[closer] % len(self.low))
        found: Codes = np.where(missing | inside, codes, near).astype(codes.dtype)
        return found

    def _units(self, values: pa.Array) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        whole = self.low.dtype.kind == "i"
        native, missing = native_numbers(values, self.field, whole=whole)
        return (native - self.offset) // self.step if whole else native, missing

    def _on_lattice(self, values: pa.Array) -> NDArray[np.bool_] | np.bool_:
        """Whether a unit stands for the value itself, not for one that was rounded down to it."""
        if self.step == 1:
            return np.True_
        native, _ = native_numbers(values, self.field, whole=True)
        on: NDArray[np.bool_] = (native - self.offset) % self.step == 0
        return on

    def _from_units(self, units: NDArray[Any], mask: NDArray[np.bool_] | None) -> pa.Array:
        target = storage_type(self.field)
        if self.field.type == "number":
            if units.dtype.kind == "i":
                scale = 10.0 ** (self.field.tabsynth.decimals or 0)
                units = (units * self.step + self.offset) / scale
            return pa.array(units, mask=mask)
        native = units * self.step + self.offset
        if self.field.type == "date":
            return pa.array(native.astype(np.int32), mask=mask).cast(target)
        return pa.array(native, mask=mask).cast(target)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """JSON settings and named arrays."""
        return (
            {"offset": self.offset, "step": self.step, "pooled": self.pooled},
            {"low": self.low, "high": self.high, "atom": self.atom},
        )

    def describe(self) -> str:
        """What the column can hold, in words."""
        if self.field.is_place:
            return f"points of {len(self.low):,} squares that several records share"
        atoms = int(np.count_nonzero(self.atom))
        bins = len(self.atom) - atoms
        ends = self.ends()
        span = f", from {ends[0]} to {ends[-1]}" if ends else ""
        cells = f"{atoms:,} frequent values and {bins:,} intervals{span}"
        return cells + _pooled_words(self.pooled)

    def ends(self) -> list[Any]:
        """The first and last value of the cells; none where there are no cells."""
        units = np.append(self.low[:1], self.high[-1:])
        return list(self._from_units(units, None).to_pylist())

    @classmethod
    def restore(
        cls, field: FieldSchema, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> NumericCodec:
        """The codec that `state` describes.

        Raises:
            ValueError: parts that do not fit together.
        """
        offset, step = int(settings["offset"]), int(settings["step"])
        low, high, atom = arrays["low"], arrays["high"], arrays["atom"]
        whole = low.dtype == np.int64
        if not whole and (low.dtype != np.float64 or field.type != "number"):
            raise ValueError("expected cells of the column's type")
        if high.dtype != low.dtype or atom.dtype != np.bool_ or low.ndim != 1:
            raise ValueError("expected cells in rows of one type")
        if not 1 <= step < 2**63 or abs(offset) >= 2**63:
            raise ValueError("expected a lattice within 64 bits")
        if not low.shape == high.shape == atom.shape or not np.all(low <= high):
            raise ValueError("cells that do not fit together")
        if np.any(np.diff(low[atom]) <= 0) or np.any(np.diff(low[~atom]) < 0):
            raise ValueError("expected cells in increasing order")
        first, last = native_limits(field)
        if len(low) and whole:
            units = (int(low.min()), int(high.max()))
            if not first <= units[0] * step + offset <= units[1] * step + offset <= last:
                raise ValueError("expected cells within what the column can hold")
        if not (np.all(np.isfinite(low)) and np.all(np.isfinite(high))):
            raise ValueError("expected finite cells")
        return cls(field, low, high, atom, offset, step, float(settings["pooled"]))


ColumnCodec = CategoryCodec | NumericCodec


@dataclass(frozen=True)
class Codec:
    """The frozen cells of a whole table.

    Args:
        schema: the modelled columns.
        columns: one codec per column, in order.
    """

    schema: TableSchema
    columns: tuple[ColumnCodec, ...]

    def column(self, name: str) -> ColumnCodec:
        """The codec of that column; KeyError when it is not modelled."""
        if name not in self.schema.names:
            raise KeyError(name)
        return self.columns[self.schema.names.index(name)]

    def encode(self, table: Table) -> list[Codes]:
        """Codes per column, each of shape (records,)."""
        return [c.encode(table.data.column(c.field.name)) for c in self.columns]

    def decode(
        self, codes: Iterable[Codes], rng: np.random.Generator, *, given: Table | None = None
    ) -> Table:
        """A table drawn within the cells of `codes`; given values come out as they went in."""
        arrays = [c.decode(k, rng) for c, k in zip(self.columns, codes, strict=True)]
        names = list(self.schema.names)
        if given is not None:
            for name in given.schema.names:
                position = names.index(name)
                arrays[position] = _overwrite(arrays[position], given.data.column(name))
        return Table(self.schema, pa.Table.from_arrays(arrays, names=names))

    def encode_given(self, given: Table) -> dict[str, Codes]:
        """Codes of conditions; a missing cell is free and gets POOLED.

        Numbers without a cell get the nearest.

        Raises:
            ConditionError: a column that is not modelled, an unknown category, or a number far
                outside.
        """
        codes = {}
        for name in given.schema.names:
            if name not in self.schema.names:
                raise ConditionError(
                    f"given {name!r}",
                    expected="a modelled column",
                    got="a column that is generated, left out or unknown",
                    remedy="see `tabsynth inspect MODEL` for the columns that can be given",
                )
            codec, column = self.column(name), given.data.column(name)
            if isinstance(codec, NumericCodec):
                code, unknown_is = codec.nearest(column), "one far outside"
            else:
                code, unknown_is = codec.encode(column), "one unknown or too rare"
            free = column.is_null().to_numpy()
            unknown = int(np.count_nonzero((code == POOLED) & ~free))
            if unknown:
                of = f" ({unknown:,} of {len(column):,} conditions)" if len(column) > 1 else ""
                raise ConditionError(
                    f"given {name!r}",
                    expected=f"values that the model knows ({codec.describe()})",
                    got=f"{unknown_is}{of}",
                    remedy="give others, or leave the cell empty to have it drawn",
                )
            codes[name] = np.where(free, POOLED, code)
        return codes

    def levels(self, name: str, emitted: NDArray[Any]) -> list[Any]:
        """The categories behind the emitted cells of a column, in order; none where it has none."""
        codec = self.column(name)
        if not isinstance(codec, CategoryCodec):
            return []
        return [codec.categories[k] for k in np.sort(emitted) if k != codec.missing_cell]

    def describe(self) -> list[str]:
        """What each column can hold, in words."""
        return [f"{c.field.name}: {c.field.type}, {c.describe()}." for c in self.columns]

    def state(self) -> tuple[list[dict[str, Any]], dict[str, NDArray[Any]]]:
        """JSON settings per column, and arrays named `<position>.<name>`."""
        settings: list[dict[str, Any]] = []
        arrays: dict[str, NDArray[Any]] = {}
        for position, column in enumerate(self.columns):
            own, own_arrays = column.state()
            settings.append(own)
            arrays |= {f"{position}.{name}": array for name, array in own_arrays.items()}
        return settings, arrays

    @classmethod
    def restore(
        cls,
        schema: TableSchema,
        settings: list[dict[str, Any]],
        arrays: Mapping[str, NDArray[Any]],
    ) -> Codec:
        """The codec that `state` describes.

        Raises:
            ValueError: parts that do not fit together.
        """
        columns: list[ColumnCodec] = []
        if len(settings) != len(schema.fields):
            raise ValueError("expected settings for every column")
        for position, field in enumerate(schema.fields):
            prefix = f"{position}."
            own = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
            kind = CategoryCodec if field.is_categorical else NumericCodec
            columns.append(kind.restore(field, settings[position], own))
        return cls(schema, tuple(columns))


def _pooled_words(share: float) -> str:
    if share <= 0:
        return ""
    return (
        f"; {100 * share:.0f} % of records hold a value too rare to be emitted"
        if share >= 0.01
        else ("; under 1% of records hold a value too rare to be emitted")
    )


def code_dtype(cells: int) -> type[np.signedinteger[Any]]:
    """The smallest integer type that holds that many cells."""
    return np.int16 if cells < 2**15 else np.int32


def native_limits(field: FieldSchema) -> tuple[int, int]:
    """The smallest and largest whole number that stands for a value of the column."""
    return {
        "date": (FIRST_DAY, LAST_DAY),
        "datetime": (FIRST_MOMENT, LAST_MOMENT),
        "time": (0, DAY - 1),
    }.get(field.type, (-(2**63), 2**63 - 1))


def native_numbers(
    values: pa.Array, field: FieldSchema, *, whole: bool
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Numbers, int64 when whole, and the mask of missing ones."""
    missing = values.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_date32(values.type):
        values = values.cast(pa.int32())
    if field.type == "number":
        floats = values.fill_null(0.0).to_numpy(zero_copy_only=False)
        if not whole:
            return floats, missing
        with np.errstate(over="ignore"):
            scaled = np.rint(floats * 10.0 ** (field.tabsynth.decimals or 0))
        # what is fitted stays far within these ends; a condition need not
        return np.clip(scaled, -(2.0**62), 2.0**62).astype(np.int64), missing
    return values.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), missing


def _overwrite(drawn: pa.Array, given: pa.ChunkedArray) -> pa.Array:
    """The given values where there are any; one given value stands for all."""
    plain = given.combine_chunks() if given.num_chunks != 1 else given.chunk(0)
    target = drawn.type
    if pa.types.is_dictionary(target):
        plain, drawn = plain.cast(target.value_type), drawn.cast(target.value_type)
    if len(plain) == 1 and len(drawn) != 1:
        plain = plain.take(pa.array(np.zeros(len(drawn), np.int64)))
    merged = pc.coalesce(plain, drawn)
    return merged.dictionary_encode() if pa.types.is_dictionary(target) else merged
