"""Raw records to codes of the public domain: each record on its own, silently, without an error.

Whatever a record holds, only its own codes depend on it. So a table and the same table with one
record more differ in the codes of that record alone, which is what every sensitivity rests on.
"""

from __future__ import annotations

import os
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.encoding.codec import POOLED, CategoryCodec, ColumnCodec, NumericCodec, native_numbers
from tabsynth.entities import few_of_each
from tabsynth.errors import DataError, PrivacyError
from tabsynth.privacy.domain import Domain
from tabsynth.privacy.journal import Journal
from tabsynth.privacy.noise import NoiseSource, OpenDPNoise
from tabsynth.privacy.private_table import PrivateTable
from tabsynth.privacy.spending import Account
from tabsynth.schema.columns import Values, is_text, read_values, spelled_out
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.schema.parse import convert, value_type

# what reading one value may raise
_UNREADABLE: Final = (pa.ArrowException, ValueError, OverflowError, TypeError)


def admit(
    raw: pa.Table,
    schema: TableSchema,
    account: Account,
    *,
    domain: Domain | None = None,
    noise: NoiseSource | None = None,
    journal: Journal | None = None,
) -> PrivateTable:
    """Put raw records behind the door.

    A number outside its bounds becomes the nearest bound, or missing where the schema says
    `out_of_range: missing`. A text outside the categories becomes the category `other`, else
    missing, else the first category; a text that is no value likewise (a number's first cell).
    With a privacy unit, at most `max_records_per_unit` records of each are kept, drawn uniformly;
    records without one are left out, as nobody could be held to a bound by them.

    Args:
        raw: columns as read from a file, texts or typed values; further columns are not looked at.
        schema: of the table.
        account: debited by every answer.
        domain: what `Domain.declared(schema)` returns, where it is known already.
        noise: OpenDP's exact integers by default.
        journal: keeps answers, for a fit that may have to go on later.

    Raises:
        UndeclaredDomainError: naming every column that lacks a declared domain.
        DataError: a modelled column is not in the table.
        PrivacyError: the privacy unit's column is not in the table, or one of `privacy_unit` and
            `max_records_per_unit` is declared without the other.

    Privacy: reads every record; errors depend on the schema and the names of columns alone.
    """
    domain = Domain.declared(schema) if domain is None else domain
    unit, bound = unit_bound(schema)
    require_columns(raw, domain.names, unit)
    raw = raw.select([*domain.names, *([unit] if unit and unit not in domain.names else [])])
    if unit is not None:
        raw = raw.take(pa.array(kept_records(raw.column(unit), schema, bound)))
    codes = [
        record_codes(raw.column(c.field.name), c, schema, nullable=nullable)
        for c, nullable in zip(domain.codec.columns, domain.nullable, strict=True)
    ]
    return PrivateTable(
        codes, domain, account, noise=OpenDPNoise() if noise is None else noise, journal=journal,
        unit_bound=bound,
    )  # fmt: skip


def record_codes(
    column: pa.ChunkedArray, codec: ColumnCodec, schema: TableSchema, *, nullable: bool
) -> NDArray[np.int32]:
    """The fine cell of each record of one raw column, shape (records,); see `admit`.

    Args:
        column: texts, or values of any Arrow type.
        codec: the column's fine cells.
        schema: of the table.
        nullable: whether the column may be missing.
    """
    field = codec.field
    values, places = distinct(column)
    read = read_each(values, field, schema.markers(field))
    if isinstance(codec, CategoryCodec):
        return _category_cells(read, codec, nullable)[places]
    return _number_cells(read, codec, nullable)[places]


def kept_records(column: pa.ChunkedArray, schema: TableSchema, bound: int) -> NDArray[np.int64]:
    """Places of the records that stay: at most `bound` per privacy unit, drawn uniformly.

    The draw takes nothing from the records but whose they are, and each unit's draw nothing from
    others, so one unit changes nothing but its own records.

    Args:
        column: the unit of each record; see `units_of`.
        schema: of the table.
        bound: at least 1.
    """
    owners = units_of(column, schema)
    order = np.frombuffer(os.urandom(8 * len(owners)), np.uint64)
    kept = few_of_each(owners, bound, order)
    return kept[owners[kept] >= 0]


def units_of(column: pa.ChunkedArray, schema: TableSchema) -> NDArray[np.int64]:
    """A number for the privacy unit of each record, -1 for none, shape (records,).

    Two spellings of one value of the column's type, as 7 and 07 of an integer, are one unit: taken
    for two, a person would have twice the records that the noise hides. What is no such value is
    the unit of its text.

    Args:
        column: the unit of each record; null, NaN and missing-value markers are no unit.
        schema: of the table.
    """
    unit = schema.field(str(schema.tabsynth.privacy_unit))
    values, places = distinct(column)
    texts, typed = (
        read_each(values, field, schema.markers(unit)).values.dictionary_encode()
        for field in (FieldSchema(name="unit"), unit)
    )
    # numbers of values first, those of further texts behind them
    further = pc.add(texts.indices.cast(pa.int64()), len(typed.dictionary))
    found = pc.coalesce(typed.indices.cast(pa.int64()), further)
    number = pc.if_else(texts.is_valid(), found, -1)
    of_values: NDArray[np.int64] = number.to_numpy(zero_copy_only=False)
    return of_values[places]


def unit_bound(schema: TableSchema) -> tuple[str | None, int]:
    """The privacy unit's column and how many of its records are used; None and 1 for records."""
    unit, bound = schema.tabsynth.privacy_unit, schema.tabsynth.max_records_per_unit
    if (unit is None) != (bound is None):
        raise PrivacyError(
            "schema",
            expected="privacy_unit and max_records_per_unit together, or neither",
            got="the one without the other",
            remedy="declare under `tabsynth` of the table how many records of one unit may count,"
            " or, where nobody has more than one record, neither",
        )
    return unit, bound or 1


def require_columns(raw: pa.Table, names: tuple[str, ...], unit: str | None) -> None:
    """Refuse a table without the columns that are needed, by their names alone.

    Args:
        raw: columns as read from a file.
        names: of the modelled columns.
        unit: the privacy unit's column, None without one.

    Raises:
        DataError: a modelled column is not there.
        PrivacyError: the privacy unit's column is not there.
    """
    absent = [name for name in names if name not in raw.column_names]
    if absent:
        raise DataError(
            "data",
            expected="every modelled column of the schema",
            got=f"no {', '.join(map(repr, absent))}",
            remedy="correct the names in the schema, or give the whole table",
        )
    if unit is not None and unit not in raw.column_names:
        raise PrivacyError(
            "data",
            expected=f"the privacy unit's column {unit!r}",
            got="no such column",
            remedy="give it, or declare no privacy_unit where each record is another person's",
        )


def distinct(column: pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.int64]]:
    """The distinct raw values of a column, null among them, and which each record has."""
    values = spelled_out(column).combine_chunks()
    try:
        encoded = values.dictionary_encode(null_encoding="encode")
    except pa.ArrowNotImplementedError:
        # nested values and nulls: by their type alone, every record for itself
        return values, np.arange(len(values))
    places = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return encoded.dictionary, places


def read_each(raw: pa.Array, field: FieldSchema, markers: tuple[str, ...]) -> Values:
    """Raw values as the field's values, null where they are none; each by itself.

    Many at once where that works. Should one of them make a step fail, each is taken alone, so that
    it spoils no other.
    """
    try:
        read = read_values(pa.chunked_array([_plain(raw, field)]), field, markers)
    except _UNREADABLE:
        if len(raw) <= 1:
            return Values(pa.nulls(len(raw), value_type(field)), np.ones(len(raw), bool))
        alone = [read_each(raw.slice(place, 1), field, markers) for place in range(len(raw))]
        values = pa.concat_arrays([one.values for one in alone])
        return Values(values, np.concatenate([one.broken for one in alone]))
    if read.codes is None:
        return read
    places = np.concatenate([*read.codes, np.empty(0, np.int32)])
    return Values(read.values.take(pa.array(places)), read.broken[places])


def _plain(raw: pa.Array, field: FieldSchema) -> pa.Array:
    """The values themselves where their type converts, else their texts, each by itself.

    A whole float is written without its point, whether or not its neighbours are whole.

    Raises:
        pa.ArrowException: one of them has no text.
    """
    if is_text(raw.type) or convert(raw.slice(0, 0), field) is not None:
        return raw
    if pa.types.is_nested(raw.type):
        return pa.nulls(len(raw), pa.string())
    if not pa.types.is_floating(raw.type):
        return raw.cast(pa.string())
    floats = raw.cast(pa.float64())
    whole = pc.and_(pc.equal(pc.floor(floats), floats), pc.less(pc.abs(floats), 2.0**63))
    whole_texts = pc.if_else(whole, floats, None).cast(pa.int64()).cast(pa.string())
    texts = pc.coalesce(whole_texts, floats.cast(pa.string()))
    return pc.if_else(pc.is_nan(floats), None, texts)


def _category_cells(read: Values, codec: CategoryCodec, nullable: bool) -> NDArray[np.int32]:
    cells = codec.encode(pa.chunked_array([read.values])).astype(np.int32)
    other = codec.field.tabsynth.other
    elsewhere = codec.missing_cell if nullable else 0
    if other is not None:
        elsewhere = codec.categories.index(other)
    cells[(cells == POOLED) | read.broken] = elsewhere
    return cells if nullable else np.where(cells == codec.missing_cell, elsewhere, cells)


def _number_cells(read: Values, codec: NumericCodec, nullable: bool) -> NDArray[np.int32]:
    whole = codec.low.dtype.kind == "i"
    units, missing = native_numbers(read.values, codec.field, whole=whole)
    first, last = codec.low[0], codec.high[-1]
    cells = np.searchsorted(codec.low, np.clip(units, first, last), side="right") - 1
    if nullable and codec.field.tabsynth.out_of_range == "missing":
        missing = missing | (units < first) | (units > last)
    return np.where(missing, codec.missing_cell if nullable else 0, cells).astype(np.int32)
