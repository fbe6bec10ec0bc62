"""Where each record comes from: a column beside the others in tables made to be trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa

from tabsynth.errors import DataError
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.schema.parse import storage_type
from tabsynth.table import Table

SOURCE: Final = "_source"
GENERATION: Final = "_generation"
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
    """

    source: Source
    table: Table
    generation: int | None = None


def stacked(parts: Sequence[Labelled]) -> Table:
    """All records in one table, in the order of the parts, with a column that says their source.

    Args:
        parts: of one schema, at least one; parts without records are allowed.

    Returns:
        The columns of the parts, then `_source` and, where any part has a generation, `_generation`
        (missing for parts without one).

    Raises:
        DataError: a table has such a column already.
    """
    schema = parts[0].table.schema
    require_unlabelled(schema)
    counted = any(part.generation is not None for part in parts)
    fields = [FieldSchema(name=SOURCE, categories=SOURCES)]
    if counted:
        fields.append(FieldSchema(name=GENERATION, type="integer"))
    whole = schema.model_copy(update={"fields": (*schema.fields, *fields)})
    return Table(whole, pa.concat_tables([_labelled(part, fields) for part in parts]))


def require_unlabelled(schema: TableSchema, where: str = "data") -> None:
    """Refuse a table in which a column of ours stands already, before any work.

    Raises:
        DataError: it does.
    """
    for name in (SOURCE, GENERATION):
        if name in schema.names:
            raise DataError(
                f"{where}: column {name!r}", expected="a name that is free for where records "
                "come from", got="a column of that name", remedy="rename it, or leave it out",
            )  # fmt: skip


def _labelled(part: Labelled, fields: Sequence[FieldSchema]) -> pa.Table:
    rows = part.table.num_rows
    data = part.table.data
    for field in fields:
        value = part.source if field.name == SOURCE else part.generation
        plain = pa.array([value], pa.string() if field.name == SOURCE else pa.int64())
        column = plain.take(pa.array([0] * rows, pa.int64())).cast(storage_type(field))
        data = data.append_column(field.name, column)
    return data
