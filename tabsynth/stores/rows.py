"""Records as the engines take them in bulk; every type in one form that all of them read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tabsynth.io.text import bytes_of, column, decoded, on_distinct, render
from tabsynth.schema.model import FieldExtension, FieldSchema, TableSchema
from tabsynth.schema.parse import storage_type

BLOCK_ROWS: Final = 65_536
# of one INSERT; servers take at least a MiB
STATEMENT_BYTES: Final = 1 << 19


def blocks(data: pa.Table, schema: TableSchema) -> Iterator[pa.Table]:
    """The columns of a schema in its storage types, in parts of few enough records."""
    kinds = pa.schema([(f.name, storage_type(f)) for f in schema.fields])
    data = data.select(kinds.names)
    if data.schema != kinds:
        data = data.cast(kinds)
    for start in range(0, data.num_rows, BLOCK_ROWS):
        yield data.slice(start, BLOCK_ROWS).unify_dictionaries()


def tab_rows(data: pa.Table, schema: TableSchema) -> pa.Buffer:
    r"""Records as lines with tabs between cells, `\N` for missing: what PostgreSQL's COPY reads."""
    cells = []
    for field in schema.fields:
        texts = _texts(column(data, field.name), field)
        if field.type == "string":
            texts = on_distinct(texts, _tab_escaped)
        cells.append(pc.fill_null(decoded(texts), r"\N"))
    return bytes_of(pc.binary_join_element_wise(*cells[:-1], _ended(cells[-1], "\n"), "\t"))


def insert_values(data: pa.Table, schema: TableSchema) -> Iterator[bytes]:
    """Records as the lists behind VALUES of MySQL's INSERT, each of a bounded size."""
    cells = []
    for field in schema.fields:
        texts = _texts(column(data, field.name), field)
        if field.type not in ("integer", "number", "boolean"):
            texts = on_distinct(texts, _quoted)
        cells.append(pc.fill_null(decoded(texts), "NULL"))
    opened = pc.binary_join_element_wise("(", cells[0], "")
    rows = pc.binary_join_element_wise(opened, *cells[1:], ",") if len(cells) > 1 else opened
    rows = _ended(rows, "),")
    ends = np.cumsum(pc.binary_length(rows).to_numpy(zero_copy_only=False), dtype=np.int64)
    start = 0
    while start < len(rows):
        before = 0 if start == 0 else int(ends[start - 1])
        stop = int(np.searchsorted(ends, before + STATEMENT_BYTES, side="right"))
        stop = max(stop, start + 1)
        yield memoryview(bytes_of(rows.slice(start, stop - start)))[:-1].tobytes()
        start = stop


def tuples(data: pa.Table, schema: TableSchema) -> Iterator[tuple[Any, ...]]:
    """Records as SQLite keeps them: numbers, and texts for dates and times."""
    columns = []
    for field in schema.fields:
        values = column(data, field.name)
        if field.type == "boolean":
            values = values.cast(pa.int8())
        elif field.type == "datetime":
            plain = FieldSchema(name=field.name, type="datetime", tabsynth=FieldExtension(
                timezone=field.tabsynth.timezone))  # fmt: skip
            # with a space, as SQLite's own functions write it
            values = pc.replace_substring(render(values, plain), "T", " ", max_replacements=1)
        elif field.type in ("date", "time"):
            values = decoded(render(values, FieldSchema(name=field.name, type=field.type)))
        columns.append(values.to_pylist())
    return zip(*columns, strict=True)


def _texts(values: pa.Array, field: FieldSchema) -> pa.Array:
    """One column as texts; instants in UTC, truths as 1 and 0."""
    if field.type == "datetime" and values.type.tz is not None:
        values = values.cast(pa.timestamp("us"))
    plain = FieldSchema(
        name=field.name, type=field.type, true_values=("1",), false_values=("0",),
        tabsynth=FieldExtension(decimals=field.tabsynth.decimals),
    )  # fmt: skip
    return render(values, plain)


def _ended(texts: pa.Array, end: str) -> pa.Array:
    return pc.binary_join_element_wise(texts, "", end)


def _tab_escaped(texts: pa.Array) -> pa.Array:
    if not pc.any(pc.match_substring_regex(texts, r"[\\\t\n\r]")).as_py():
        return texts
    for char, escape in (("\\", r"\\"), ("\t", r"\t"), ("\n", r"\n"), ("\r", r"\r")):
        texts = pc.replace_substring(texts, char, escape)
    return texts


def _quoted(texts: pa.Array) -> pa.Array:
    if pc.any(pc.match_substring_regex(texts, r"[\\']")).as_py():
        texts = pc.replace_substring(pc.replace_substring(texts, "\\", r"\\"), "'", "''")
    return pc.binary_join_element_wise("'", texts, "'", "")
