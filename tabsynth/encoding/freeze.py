"""Deciding the cells of each column from its counts."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.encoding.analysis import Analysis, ColumnCounts, analyze, count
from tabsynth.encoding.codec import (
    POOLED,
    CategoryCodec,
    Codec,
    Codes,
    ColumnCodec,
    NumericCodec,
    native_numbers,
)
from tabsynth.encoding.squares import squares
from tabsynth.errors import DataError
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.table import Table

MIN_COUNT: Final = 5
MAX_ATOMS: Final = 2000
MAX_BINS: Final = 512
# factors of common steps (tens, dozens, weeks, hours); and how many times the fewest persons must
# be there before a factor that most values share counts
FACTORS: Final = (2, 3, 5, 7)
FEWEST_ON_LATTICE: Final = 6
# differences of whole numbers within this reach stay inside 64 bits
REACH: Final = 2**62 - 1


def freeze(analysis: Analysis, *, min_count: int = MIN_COUNT) -> Codec:
    """Decide the cells of every column.

    Args:
        analysis: counts over all records to learn from.
        min_count: fewest records behind anything that is learnt from records, and fewest persons
            where some have several.

    Raises:
        DataError: too few records, or a column of which nothing may be emitted.
        ValueError: `min_count` below 1.

    Privacy: not differentially private; every category, atom and bin end rests on at least
        `min_count` records of as many persons, or on the schema.
    """
    if min_count < 1:
        raise ValueError("expected min_count of at least 1")
    if analysis.persons < 2 * min_count:
        of = "records" if analysis.persons == analysis.rows else "privacy units"
        raise DataError(
            "data",
            expected=f"at least {2 * min_count} {of} to learn from (a run keeps a fifth apart)",
            got="fewer",
            remedy="give more records, or lower min_count if the records are not private",
        )
    columns: list[ColumnCodec] = []
    for field, counted in zip(analysis.schema.fields, analysis.columns, strict=True):
        build = _categorical_codec if field.is_categorical else _numeric_codec
        columns.append(build(field, counted, min_count))
    return Codec(analysis.schema, tuple(columns))


def freeze_table(table: Table, *, min_count: int = MIN_COUNT) -> tuple[Codec, list[Codes]]:
    """The cells of a table's columns, and per column the cell of each record; see `freeze`.

    A missing value is POOLED, as one without a cell, where fewer than `min_count` persons lack one.

    Raises:
        DataError: see `freeze`.
    """
    codec, owners = freeze(analyze(table), min_count=min_count), table.owners
    codes = codec.encode(table)
    for own, column in zip(codes, codec.columns, strict=True):
        lacking = np.flatnonzero(own == column.missing_cell)
        persons = len(lacking) if owners is None else len(np.unique(owners[lacking]))
        if persons < min_count:
            own[lacking] = POOLED
    return codec, codes


def facts_of_many(table: Table, *, min_count: int = MIN_COUNT) -> TableSchema:
    """The schema without what was read from records of perhaps fewer persons than that.

    Who proposes a schema from records does not know yet whose they are; see `Table.owners`. Then
    categories of too few persons go, and so do observed bounds.
    """
    owners = table.owners
    if owners is None:
        return table.schema
    fields = []
    for field in table.schema.fields:
        if field.categories is not None and not field.declares("categories"):
            counted = count(table.data.column(field.name), owners)
            few = set(counted.values.filter(pa.array(counted.persons < min_count)).to_pylist())
            kept = tuple(category for category in field.categories if category not in few)
            field = field.model_copy(update={"categories": kept})  # noqa: PLW2901
        bounds = {"minimum", "maximum"} & set(field.tabsynth.observed)
        limits = field.constraints.model_copy(update=dict.fromkeys(bounds))
        observed = tuple(fact for fact in field.tabsynth.observed if fact not in bounds)
        ours = field.tabsynth.model_copy(update={"observed": observed})
        fields.append(field.model_copy(update={"constraints": limits, "tabsynth": ours}))
    return table.schema.model_copy(update={"fields": tuple(fields)})


def _categorical_codec(field: FieldSchema, counted: ColumnCounts, min_count: int) -> CategoryCodec:
    total = max(int(counted.counts.sum()) + counted.missing, 1)
    enough = counted.persons >= min_count
    pooled = round(float(counted.counts[~enough].sum()) / total, 2)
    frequent = counted.values.filter(pa.array(enough)).to_pylist()
    if field.type == "boolean":
        # whoever declares a boolean declares both its values
        both = field.declares("type") or len(frequent) == 2
        return CategoryCodec(field, (False, True) if both else tuple(frequent), pooled)
    if field.declares("categories"):
        return CategoryCodec(field, field.domain or ())
    listed = [c for c in field.domain or () if c in set(frequent)]
    categories = (*listed, *sorted(set(frequent) - set(listed)))
    if not categories and field.constraints.required:
        raise DataError(
            f"column {field.name!r}",
            expected=f"at least one category seen in {min_count} records",
            got="only rarer ones, which may not be emitted",
            remedy="declare its categories, give it a generator, or mark it free_text",
        )
    return CategoryCodec(field, categories, pooled)


def _numeric_codec(field: FieldSchema, counted: ColumnCounts, min_count: int) -> NumericCodec:
    native, _ = native_numbers(counted.values, field, whole=_is_whole(counted.values, field))
    order = np.argsort(native)
    native, counts = native[order], counted.counts[order]
    behind = counted.behind(order, min_count)
    if native.dtype.kind == "i" and len(native) and (native[0] < -REACH or native[-1] > REACH):
        raise DataError(
            f"column {field.name!r}",
            expected="whole numbers within 62 bits",
            got="larger ones",
            remedy="declare it as a string or an identifier in the schema",
        )
    if field.is_place:
        return _place_codec(field, native, behind, min_count)
    is_atom = counted.persons[order] >= min_count
    if np.count_nonzero(is_atom) > MAX_ATOMS:
        is_atom &= counts > np.partition(counts[is_atom], -MAX_ATOMS)[-MAX_ATOMS]
    # a lone value without a cell would stand in the step: beside a constant 0 it would be the step
    has_bins = behind[~is_atom].sum() >= 2 * min_count
    offset, step = _lattice(native if has_bins else native[is_atom])
    if has_bins and native.dtype.kind == "i":
        offset, step = _widened(native, offset, step, counted=counted, order=order, few=min_count)
    units = (native - offset) // step if native.dtype.kind == "i" else native
    inside = ~is_atom & (behind > 0)
    low, high = _bins(units[inside], behind[inside], min_count)
    if field.constraints.required and not len(low) and not is_atom.any():
        raise _too_few(field, min_count)
    atom = np.arange(len(low) + np.count_nonzero(is_atom)) >= len(low)
    low, high = np.append(low, units[is_atom]), np.append(high, units[is_atom])
    order = np.lexsort((atom, low + (high - low) / 2))
    total = max(int(counts.sum()) + counted.missing, 1)
    pooled = 0.0 if (~atom).any() else round(float(counts[~is_atom].sum()) / total, 2)
    return NumericCodec(field, low[order], high[order], atom[order], offset, step, pooled)


def _place_codec(
    field: FieldSchema, places: NDArray[Any], counts: NDArray[np.int64], min_count: int
) -> NumericCodec:
    low, high = squares(places, counts, min_count)
    if field.constraints.required and not len(low):
        raise _too_few(field, min_count)
    return NumericCodec(field, low, high, np.zeros(len(low), bool))


def _too_few(field: FieldSchema, min_count: int) -> DataError:
    return DataError(
        f"column {field.name!r}",
        expected=f"at least one value seen in {min_count} records, or more different ones",
        got="too few, which may not be emitted",
        remedy="give more records, or lower min_count if the records are not private",
    )


def _bins(
    units: NDArray[Any], counts: NDArray[np.int64], min_count: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Ends of quantile bins of at least `min_count` records, finer towards both tails."""
    total = int(counts.sum())
    if total < 2 * min_count:
        return units[:0], units[:0]
    ends = _group_ends(counts, total, min_count)
    starts = np.append(0, ends[:-1])
    below, above = units[ends[:-1] - 1], units[starts[1:]]
    running = np.cumsum(counts)
    # the values of rank k, k + 1, n - k and n - k + 1
    ranks = [min_count, min_count + 1, total - min_count, total - min_count + 1]
    smaller, lowest, highest, larger = units[np.searchsorted(running, ranks)]
    if units.dtype.kind == "i":
        cut = below + (above - below) // 2
        # between two records where there is room, so that neither end is a record's own value
        low = np.append(smaller + (lowest - smaller + 1) // 2, cut + 1)
        high = np.append(cut, highest + (larger - highest) // 2)
    else:
        cut = below + (above - below) / 2
        low = np.append(smaller + (lowest - smaller) / 2, cut)
        high = np.append(cut, highest + (larger - highest) / 2)
    high = np.maximum(low, high)
    if len(low) == 1 and low[0] == high[0] and low[0] in units:
        # one value that too few records have: the k-th extremes give it room, or it has no cell
        low, high = np.array([smaller]), np.array([larger])
        return (low, high) if smaller < larger else (units[:0], units[:0])
    return low, high


def _group_ends(counts: NDArray[np.int64], total: int, min_count: int) -> NDArray[np.intp]:
    """Positions (exclusive) where groups of distinct values end."""
    width = max(min_count, -(-total // MAX_BINS))
    tail, size = [2 * min_count], 2 * min_count
    while size < width:
        tail.append(tail[-1] + size)
        size *= 2
    inner = np.arange(tail[-1] + width, total - tail[-1], width)
    ranks = np.unique(np.concatenate([tail, inner, total - np.array(tail)]))
    running = np.cumsum(counts)
    proposed = np.unique(np.searchsorted(running, ranks[(ranks > 0) & (ranks < total)]) + 1)
    ends: list[int] = []
    last = 0
    for end in proposed[proposed < len(counts)]:
        mass = running[end - 1]
        if mass - last >= 2 * min_count * (not ends) and mass - last >= min_count:
            ends.append(int(end))
            last = mass
    while ends and total - running[ends[-1] - 1] < 2 * min_count:
        ends.pop()
    return np.array([*ends, len(counts)], dtype=np.intp)


def _lattice(native: NDArray[Any]) -> tuple[int, int]:
    """Offset and step of the lattice that whole-number values lie on."""
    if native.dtype.kind != "i" or len(native) < 2:
        return 0, 1
    step = int(np.gcd.reduce(np.diff(native)))
    return int(native[0]) % step, step


def _widened(
    native: NDArray[np.int64], offset: int, step: int, *,
    counted: ColumnCounts, order: NDArray[np.intp], few: int,
) -> tuple[int, int]:  # fmt: skip
    """The widest lattice that all values but those of so few persons lie on.

    One amount in cents among amounts in hundreds would else stand in the step, and every other one
    would be drawn in cents.

    Args:
        native: whole numbers, sorted.
        offset: of the lattice that all of them lie on.
        step: of the same.
        counted: the values, in their own order.
        order: places of `native` there.
        few: fewer persons than that may lie elsewhere.
    """
    everyone = np.ones(len(order), bool)
    # of fewer persons, most can share a factor by chance
    if counted.people(everyone) < FEWEST_ON_LATTICE * few:
        return offset, step
    on, factor = everyone, 0
    while factor < len(FACTORS):
        by = FACTORS[factor]
        place = (native - offset) // step % by
        most = int(np.argmax(np.bincount(place[on], counted.counts[order][on], by)))
        still = on & (place == most)
        off = np.zeros(len(order), bool)
        off[order[~still]] = True
        if np.count_nonzero(still) < 2 or counted.people(off) >= few:
            factor += 1
        else:
            offset, step, on = offset + most * step, by * step, still
    return offset % step, step


def _is_whole(values: pa.Array, field: FieldSchema) -> bool:
    """Whether the column lies on a lattice of whole numbers."""
    if field.type != "number":
        return True
    if field.tabsynth.decimals is None:
        return False
    largest = pc.max(pc.abs(values)).as_py() or 0.0
    # beyond 2**53 units a float no longer tells neighbours apart
    return float(largest) * 10.0**field.tabsynth.decimals < 2**53
