"""Values for tables of which too few records are known to learn anything."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.generators import WITHHELD
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.schema.parse import parse_texts, storage_type
from tabsynth.table import Table

_SPAN: dict[str, tuple[int, int]] = {
    "integer": (0, 0), "number": (0, 0), "date": (10_957, 10_957), "time": (0, 0),
    "datetime": (946_684_800_000_000, 946_684_800_000_000),
}  # fmt: skip


def unlearnt(schema: TableSchema, rows: int, rng: np.random.Generator) -> Table:
    """Records made from what a schema declares, and from nothing else.

    Declared categories and truth values are drawn alike, numbers between declared bounds; what is
    left open is missing, or where it may not be, one and the same value in all records.

    Args:
        schema: the columns.
        rows: how many.
        rng: the only source of randomness.

    Privacy: reads no record, nor any fact that was read from records.
    """
    columns = [_column(field, rows, rng) for field in schema.fields]
    return Table(schema, pa.Table.from_arrays(columns, names=list(schema.names)))


def _column(field: FieldSchema, rows: int, rng: np.random.Generator) -> pa.Array:
    kind = storage_type(field)
    if field.type == "boolean":
        return pa.array(rng.integers(0, 2, rows).astype(bool))
    if field.declares("categories"):
        texts = pa.array([str(value) for value in field.domain or ()], pa.string())
        if field.type == "integer":
            texts = parse_texts(texts, field)
        return texts.take(pa.array(rng.integers(0, len(texts), rows))).cast(kind)
    if not field.declares("required"):
        return pa.nulls(rows, kind)
    if field.type == "string":
        shortest, longest = field.constraints.min_length or 0, field.constraints.max_length
        text = WITHHELD.ljust(shortest, ".")[:longest]
        return pa.array([text] * rows, pa.string()).cast(kind)
    return _numbers(field, rows, rng)


def _numbers(field: FieldSchema, rows: int, rng: np.random.Generator) -> pa.Array:
    least, most = field.bounds
    low, high = _SPAN[field.type]
    if least is not None and field.declares("minimum"):
        low, high = int(np.ceil(least)), max(high, int(np.ceil(least)))
    if most is not None and field.declares("maximum"):
        low, high = min(low, int(np.floor(most))), int(np.floor(most))
    drawn: NDArray[np.int64] = rng.integers(low, high, rows, endpoint=True)
    if field.type == "number":
        return pa.array(drawn.astype(np.float64))
    if field.type == "date":
        return pa.array(drawn.astype(np.int32)).cast(pa.date32())
    return pa.array(drawn).cast(storage_type(field))
