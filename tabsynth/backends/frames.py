"""Our tables as the frames that the reference packages read, and back.

Categories, truth values and declared integers become texts; numbers, dates and moments become
numbers on the scale they are stored in. So nothing depends on what pandas can hold as a date, and
years, time zones and times of day come back as they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from tabsynth.learners import numbers
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.schema.parse import storage_type
from tabsynth.schema.sdv_metadata import to_sdv
from tabsynth.table import Table

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

TABLE: Final = "table"
# the largest floats below 2**63 and the days that a date can have
_WHOLE: Final = (-float(2**63), float(2**63 - 1024))
_DAYS: Final = (-719_162.0, 2_932_896.0)


@dataclass(frozen=True)
class Learnt:
    """What one column held when it was fitted.

    Args:
        categories: its different values as texts, None for numbers and moments.
        low: the smallest number, None for categories and without any value.
        high: the largest number, likewise.
        missing: whether a cell was missing.
    """

    categories: tuple[str, ...] | None
    low: float | None
    high: float | None
    missing: bool

    @property
    def is_empty(self) -> bool:
        """Whether no record had a value."""
        return not self.categories and self.low is None


def learn(table: Table) -> tuple[Learnt, ...]:
    """What every column holds, in the order of the schema."""
    found = []
    for field in table.schema.fields:
        column = table.column(field.name)
        missing = column.null_count > 0
        if field.is_categorical:
            different = {v for v in texts(column, field) if v is not None}
            found.append(Learnt(tuple(sorted(different)), None, None, missing))
            continue
        values = numbers(column)
        present = values[~np.isnan(values)]
        low, high = (float(present.min()), float(present.max())) if len(present) else (None, None)
        found.append(Learnt(None, low, high, missing))
    return tuple(found)


def texts(column: pa.Array, field: FieldSchema) -> list[str | None]:
    """The values of a categorical column as texts, None for missing."""
    if field.type == "boolean":
        return [None if v is None else ("true" if v else "false") for v in column.to_pylist()]
    return [None if v is None else str(v) for v in column.to_pylist()]


def to_frame(table: Table, learnt: Sequence[Learnt]) -> pd.DataFrame:
    """A frame of texts and floats; columns without any value are left out."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for field, known in zip(table.schema.fields, learnt, strict=True):
        column = table.column(field.name)
        if known.is_empty:
            continue
        if field.is_categorical:
            columns[field.name] = pd.Series(texts(column, field), dtype=object)
        else:
            columns[field.name] = pd.Series(numbers(column), dtype=np.float64)
    return pd.DataFrame(columns)


def to_metadata(schema: TableSchema, learnt: Sequence[Learnt]) -> dict[str, Any]:
    """SDV metadata of the frame that `to_frame` makes."""
    columns = to_sdv(schema)["columns"]
    described = {}
    for field, known in zip(schema.fields, learnt, strict=True):
        if known.is_empty:
            continue
        if field.is_categorical:
            order = [str(value) for value in columns[field.name].get("order", ())]
            described[field.name] = {"sdtype": "categorical"} | ({"order": order} if order else {})
        else:
            kind = "Float" if field.type == "number" else "Int64"
            described[field.name] = {"sdtype": "numerical", "computer_representation": kind}
    table = {"columns": described}
    return {"tables": {TABLE: table}, "relationships": [], "METADATA_SPEC_VERSION": "V1"}


def from_frame(
    frame: pd.DataFrame | None, rows: int, schema: TableSchema, learnt: Sequence[Learnt]
) -> Table:
    """The table that a frame of texts and floats stands for, in the schema's storage types."""
    arrays = [
        pa.nulls(rows, storage_type(field))
        if known.is_empty or frame is None
        else _categories(list(frame[field.name]), field, known.categories)
        if known.categories is not None
        else _numbers(frame[field.name].to_numpy(np.float64), field)
        for field, known in zip(schema.fields, learnt, strict=True)
    ]
    return Table(schema, pa.Table.from_arrays(arrays, names=list(schema.names)))


def _categories(values: list[Any], field: FieldSchema, known: tuple[str, ...]) -> pa.Array:
    place = {text: code for code, text in enumerate(known)}
    # whatever stands for a missing value in a frame is no text
    codes = [place[v] if isinstance(v, str) else None for v in values]
    if field.type == "string":
        return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(known))
    parsed = [text == "true" if field.type == "boolean" else int(text) for text in known]
    return pa.array([None if c is None else parsed[c] for c in codes], storage_type(field))


def _numbers(values: NDArray[np.float64], field: FieldSchema) -> pa.Array:
    missing = ~np.isfinite(values)
    values = np.where(missing, 0.0, values)
    if field.type == "number":
        places = field.tabsynth.decimals
        return pa.array(values if places is None else np.round(values, places), mask=missing)
    ends = _DAYS if field.type == "date" else _WHOLE
    whole = np.rint(np.clip(values, *ends)).astype(np.int64)
    if field.type == "date":
        return pa.array(whole.astype(np.int32), mask=missing).cast(pa.date32())
    return pa.array(whole, mask=missing).cast(storage_type(field))


def to_settings(learnt: Sequence[Learnt]) -> list[dict[str, Any]]:
    """JSON values that `from_settings` reads."""
    return [{**vars(known)} for known in learnt]


def from_settings(settings: Sequence[Mapping[str, Any]], schema: TableSchema) -> tuple[Learnt, ...]:
    """What `to_settings` wrote.

    Raises:
        ValueError: settings that do not fit the schema.
    """
    if len(settings) != len(schema.fields):
        raise ValueError("expected settings for every column")
    found = []
    for field, known in zip(schema.fields, settings, strict=True):
        listed = known["categories"]
        if (listed is not None) != field.is_categorical:
            raise ValueError("expected categories for categorical columns only")
        if listed is not None and not all(isinstance(text, str) for text in listed):
            raise ValueError("expected categories as texts")
        low, high = (None if known[k] is None else float(known[k]) for k in ("low", "high"))
        categories = None if listed is None else tuple(listed)
        found.append(Learnt(categories, low, high, bool(known["missing"])))
    return tuple(found)
