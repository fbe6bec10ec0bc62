"""Columns beside the others in tables made to be trained on: sources and weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.errors import DataError
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.schema.parse import storage_type
from tabsynth.table import Table

SOURCE: Final = "_source"
GENERATION: Final = "_generation"
WEIGHT: Final = "_weight"
LABELS: Final = (SOURCE, GENERATION, WEIGHT)
Source = Literal["real", "synthetic", "simulated"]
SOURCES: Final[tuple[Source, ...]] = ("real", "synthetic", "simulated")


@dataclass(frozen=True)
class Labelled:
    """Records of one source.

    Args:
        source: the word for it.
        table: the records.
        generation: how many fits lie between them and real records: 0 for real ones; None where
            nobody counts.
        weights: how much each record counts, shape (records,); None where all count alike.
    """

    source: Source
    table: Table
    generation: int | None = None
    weights: NDArray[np.float64] | None = None


def stacked(parts: Sequence[Labelled]) -> Table:
    """All records in one table, in the order of the parts, with a column that says their source.

    Args:
        parts: of one schema, at least one; parts without records are allowed.

    Returns:
        The columns of the parts, then `_source` and, where any part has a generation, `_generation`
        (missing for parts without one); likewise `_weight`.

    Raises:
        DataError: a table has such a column already.
    """
    schema = parts[0].table.schema
    require_unlabelled(schema)
    fields = [FieldSchema(name=SOURCE, categories=SOURCES)]
    if any(part.generation is not None for part in parts):
        fields.append(FieldSchema(name=GENERATION, type="integer"))
    if any(part.weights is not None for part in parts):
        fields.append(FieldSchema(name=WEIGHT, type="number"))
    whole = schema.model_copy(update={"fields": (*schema.fields, *fields)})
    return Table(whole, pa.concat_tables([_labelled(part, fields) for part in parts]))


def unlabelled(raw: pa.Table, schema: TableSchema) -> pa.Table:
    """The columns of a table without those of ours, but for such that its schema names."""
    ours = [name for name in LABELS if name in raw.column_names and name not in schema.names]
    return raw.drop_columns(ours) if ours else raw


def require_unlabelled(schema: TableSchema, where: str = "data") -> None:
    """Refuse a table in which a column of ours stands already, before any work.

    Raises:
        DataError: it does.
    """
    for name in LABELS:
        if name in schema.names:
            raise DataError(
                f"{where}: column {name!r}", expected="a name that is free for where records "
                "come from", got="a column of that name", remedy="rename it, or leave it out",
            )  # fmt: skip


def _labelled(part: Labelled, fields: Sequence[FieldSchema]) -> pa.Table:
    data = part.table.data
    for field in fields:
        data = data.append_column(field.name, _label(part, field))
    return data


def _label(part: Labelled, field: FieldSchema) -> pa.Array:
    if field.name == WEIGHT:
        return pa.array(np.ones(part.table.num_rows) if part.weights is None else part.weights)
    value = {SOURCE: part.source, GENERATION: part.generation}.get(field.name)
    plain = pa.array([value], pa.string() if field.name == SOURCE else pa.int64())
    return plain.take(pa.array([0] * part.table.num_rows, pa.int64())).cast(storage_type(field))
