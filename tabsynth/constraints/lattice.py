"""Columns as exact whole numbers of units, so that sums and gaps lose nothing, and back."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.schema.check import storage_type
from tabsynth.schema.model import FieldSchema
from tabsynth.schema.moments import DAY, FIRST_DAY, FIRST_MOMENT, LAST_DAY, LAST_MOMENT
from tabsynth.table import Table

LARGEST: Final = 2**62
_LIMITS: Final = {
    "date": (FIRST_DAY, LAST_DAY),
    "datetime": (FIRST_MOMENT, LAST_MOMENT),
    "time": (0, DAY - 1),
}

Mask = NDArray[np.bool_]
Units = NDArray[Any]


def digits(field: FieldSchema) -> int | None:
    """Decimals of a column's units; None for a number that has no lattice."""
    return field.tabsynth.decimals if field.type == "number" else 0


def common_digits(fields: list[FieldSchema]) -> int | None:
    """The finest decimals of several columns; None where one has no lattice."""
    each = [digits(field) for field in fields]
    return None if None in each else max(d for d in each if d is not None)


def scale(field: FieldSchema) -> str:
    """What a column's values can be compared with: values of columns of the same scale."""
    if field.type == "datetime":
        return "instant" if field.tabsynth.timezone else "datetime"
    return "number" if field.type in ("integer", "number") else field.type


def read(table: Table, name: str, decimals: int | None) -> tuple[Units, Mask]:
    """A column's numbers and which are missing.

    Args:
        table: the records.
        name: a column of numbers or moments.
        decimals: of the units wanted, at least the column's own; None for plain floats.

    Returns:
        Whole numbers of units (days, microseconds, 10**-decimals), or floats; 0 where missing.
    """
    values, field = table.column(name), table.schema.field(name)
    missing = values.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_date32(values.type):
        values = values.cast(pa.int32())
    if field.type == "number":
        floats = values.fill_null(0.0).to_numpy(zero_copy_only=False)
        return (floats if decimals is None else to_units(floats, decimals)), missing
    whole = values.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    if decimals is None:
        return whole.astype(float), missing
    if decimals:
        whole = np.clip(whole, -LARGEST // 10**decimals, LARGEST // 10**decimals) * 10**decimals
    return whole, missing


def write(values: Units, missing: Mask, field: FieldSchema) -> pa.Array:
    """Numbers as a column in storage type.

    Args:
        values: units of the column's own lattice, or floats where it has none.
        missing: which are not there.
        field: the column.
    """
    mask = missing if missing.any() else None
    if field.type == "number":
        decimals = digits(field)
        return pa.array(values if decimals is None else values / 10.0**decimals, mask=mask)
    if field.type in _LIMITS:
        values = np.clip(values, *_LIMITS[field.type])
    if field.type == "date":
        return pa.array(values.astype(np.int32), mask=mask).cast(storage_type(field))
    return pa.array(values, pa.int64(), mask=mask).cast(storage_type(field))


def to_units(floats: NDArray[np.float64], decimals: int) -> NDArray[np.int64]:
    """The nearest whole numbers of 10**-decimals."""
    with np.errstate(over="ignore"):
        scaled = np.rint(floats * 10.0**decimals)
    return np.clip(scaled, -float(LARGEST), float(LARGEST)).astype(np.int64)


def outside(table: Table, name: str) -> Mask:
    """Which records break what the schema declares of a column: bounds, categories, presence."""
    field, column = table.schema.field(name), table.column(name)
    missing = column.is_null().to_numpy(zero_copy_only=False)
    found: Mask = missing & field.declares("required")
    if field.type in ("string", "boolean"):
        return found
    low, high = field.bounds
    values, _ = read(table, name, None if field.type == "number" else 0)
    if low is not None and field.declares("minimum"):
        found |= (values < low) & ~missing
    if high is not None and field.declares("maximum"):
        found |= (values > high) & ~missing
    if field.domain is not None and field.declares("categories"):
        found |= ~np.isin(values, np.array(field.domain)) & ~missing
    return found


def all_given(table: Table, names: tuple[str, ...]) -> Mask:
    """Which records have a value in each of the columns."""
    present = [table.column(name).is_valid().to_numpy(zero_copy_only=False) for name in names]
    found: Mask = np.logical_and.reduce(present)
    return found
