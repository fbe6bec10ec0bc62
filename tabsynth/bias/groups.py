"""Groups of records: the values of a protected column, bands of a number, and intersections."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.learners import numbers
from tabsynth.schema.columns import spelled_out
from tabsynth.table import Table

ENOUGH: Final = 30
BANDS: Final = 4
FEW_VALUES: Final = 6
MAX_GROUPS: Final = 40
MISSING: Final = "(missing)"
OTHERS: Final = "(all others)"


@dataclass(frozen=True)
class _Values:
    """One group per value."""

    values: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        return self.values

    def codes(self, column: pa.Array) -> NDArray[np.int64]:
        found = texts(column).dictionary_encode()
        place = {value: code for code, value in enumerate(self.values)}
        of_value = [place.get(v, len(place) + 1) for v in found.dictionary.to_pylist()]
        codes = found.indices.fill_null(len(of_value)).to_numpy(zero_copy_only=False)
        known: NDArray[np.int64] = np.array([*of_value, len(place)], np.int64)[codes]
        return known


@dataclass(frozen=True)
class _Bands:
    """Stretches of a number between edges, each with its upper edge."""

    edges: tuple[float, ...]
    labels: tuple[str, ...]

    def codes(self, column: pa.Array) -> NDArray[np.int64]:
        values = numbers(column)
        codes = np.searchsorted(np.array(self.edges), values, side="left").astype(np.int64)
        codes[np.isnan(values)] = len(self.labels)
        return codes


@dataclass(frozen=True)
class Grouping:
    """How records fall into groups, learnt on one table and applied to any of its schema.

    Args:
        columns: one protected column, or several for their intersections.
        labels: names of the groups.
    """

    columns: tuple[str, ...]
    labels: tuple[str, ...]
    _parts: tuple[_Values | _Bands, ...]
    _cells: tuple[int, ...]

    @property
    def name(self) -> str:
        """The columns, joined as pairs of columns are in reports."""
        return " × ".join(self.columns)

    @property
    def is_intersection(self) -> bool:
        """Whether several columns make the groups."""
        return len(self.columns) > 1

    def codes(self, table: Table) -> NDArray[np.int64]:
        """The place in `labels` of each record's group; shape (records,)."""
        flat = _joint(self._parts, [table.column(name) for name in self.columns])
        # cells are in order; what is none of them is the last group
        cells = np.array([*self._cells, np.iinfo(np.int64).max])
        spot = np.searchsorted(cells, flat)
        return np.where(cells[spot] == flat, spot, len(self.labels) - 1)


def groupings(
    table: Table, protected: Sequence[str], *, beside: Sequence[Table] = ()
) -> list[Grouping]:
    """Each protected column on its own, then every two (of three columns, also all) together.

    Args:
        table: the real records that decide groups and bands.
        protected: names of columns of the table.
        beside: tables with some of these columns, whose groups are to be known too.

    Returns:
        Groupings of at most 40 groups, the largest; what is left is one group more.

    Privacy: reads the protected columns. Labels of groups are values, and rounded quartiles of
        numbers; not differentially private.
    """
    names = list(dict.fromkeys(protected))
    sets: list[tuple[str, ...]] = [(name,) for name in names]
    sets += list(combinations(names, 2))
    if len(names) == 3:
        sets.append(tuple(names))
    return [_grouping([table, *beside], columns) for columns in sets]


@dataclass(frozen=True)
class Strata:
    """How records fall into strata, learnt on real tables and applied to any of their schema."""

    columns: tuple[str, ...]
    _parts: tuple[_Values | _Bands, ...]

    @classmethod
    def of(cls, tables: Sequence[Table], columns: Sequence[str]) -> Strata:
        """Strata of those columns; numbers in 4 bands, which the first table decides."""
        names = tuple(dict.fromkeys(columns))
        return cls(names, tuple(_part(list(tables), name) for name in names))

    def codes(self, table: Table) -> NDArray[np.int64]:
        """A number per record, equal within a stratum of this table."""
        flat = _joint(self._parts, [table.column(name) for name in self.columns])
        return np.unique(flat, return_inverse=True)[1].astype(np.int64)


def texts(column: pa.Array) -> pa.Array:
    """The values of a column as texts; null stays null."""
    return spelled_out(column).cast(pa.string())


def _grouping(tables: list[Table], columns: tuple[str, ...]) -> Grouping:
    knowing = [t for t in tables if set(columns) <= set(t.schema.names)]
    parts = tuple(_part(tables, name) for name in columns)
    flat = [_joint(parts, [t.column(name) for name in columns]) for t in knowing]
    cells, places = np.unique(np.concatenate(flat), return_inverse=True)
    counts = np.bincount(places[: len(flat[0])], minlength=len(cells))
    largest = np.sort(cells[np.argsort(-counts, kind="stable")][:MAX_GROUPS])
    named = {int(cell): _label(parts, int(cell)) for cell in largest}
    kept = {cell: label for cell, label in named.items() if label != OTHERS}
    return Grouping(columns, (*kept.values(), OTHERS), parts, tuple(kept))


def _joint(parts: tuple[_Values | _Bands, ...], columns: list[pa.Array]) -> NDArray[np.int64]:
    """One number for the codes of all columns, the last varying fastest."""
    flat = np.zeros(len(columns[0]) if columns else 0, np.int64)
    for part, column in zip(parts, columns, strict=True):
        flat = flat * _size(part) + part.codes(column)
    return flat


def _size(part: _Values | _Bands) -> int:
    return len(part.labels) + 2


def _label(parts: tuple[_Values | _Bands, ...], cell: int) -> str:
    words: list[str] = []
    for part in reversed(parts):
        cell, code = divmod(cell, _size(part))
        words.append((*part.labels, MISSING, OTHERS)[code])
    return ", ".join(reversed(words))


def _part(tables: list[Table], name: str) -> _Values | _Bands:
    columns = [t.column(name) for t in tables if name in t.schema.names]
    field = tables[0].schema.field(name)
    found = pa.chunked_array([texts(c) for c in columns]).drop_null().value_counts().to_pylist()
    if field.is_categorical or len(found) <= FEW_VALUES:
        found.sort(key=lambda v: (-v["counts"], v["values"]))
        return _Values(tuple(sorted(v["values"] for v in found[:MAX_GROUPS])))
    values = numbers(columns[0])
    known = values[~np.isnan(values)]
    if not len(known):
        return _Values(())
    quartiles = np.quantile(known, np.arange(1, BANDS) / BANDS)
    edges = np.unique(_coarse(quartiles))
    shown = [_edge(float(edge), columns[0].type) for edge in edges]
    between = [f"over {low} to {high}" for low, high in pairwise(shown)]
    labels = (f"up to {shown[0]}", *between, f"over {shown[-1]}")
    return _Bands(tuple(float(edge) for edge in edges), labels)


def _coarse(quartiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quartiles rounded to about a tenth of their distance: an edge is to be nobody's own value."""
    spread = float(quartiles[-1] - quartiles[0])
    if spread == 0:
        spread = abs(float(quartiles[0]))
    if not (spread > 0 and np.isfinite(spread)):
        return quartiles
    step = 10.0 ** np.floor(np.log10(spread / BANDS))
    rounded: NDArray[np.float64] = np.round(quartiles / step) * step
    return rounded


def _edge(edge: float, kind: pa.DataType) -> str:
    """An edge as people write values of that column."""
    if pa.types.is_date32(kind):
        return str(dt.date(1970, 1, 1) + dt.timedelta(days=int(edge)))
    if pa.types.is_timestamp(kind):
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=int(edge))
        return moment.isoformat(" ", "minutes")
    if pa.types.is_time(kind):
        minutes = int(edge) // 60_000_000
        return f"{minutes // 60:02}:{minutes % 60:02}"
    return f"{edge:.10g}"
