"""Records at the edges of what a schema allows, each of them valid, and what is special in each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from tabsynth.constraints.plan import Plan
from tabsynth.mock.values import from_lattice, lattice
from tabsynth.schema.check import check, storage_type
from tabsynth.schema.generator import Personal
from tabsynth.schema.model import FieldSchema, TableSchema, to_storage
from tabsynth.table import Table

_TEXTS: Final = {
    "one character": "x",
    "combining accents": "e\u0301a\u0308o\u0302",
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea",
    "east asian": "\u6f22\u5b57\u304b\u306a",
    "quotes": 'O\'Brien "x" `y`',
    "separators": "a,b;c|d\\e%f_g",
    "spaces around": " x ",
    "word null": "NULL",
}
_DAYS: Final = {"leap day": "2024-02-29", "leap day of a century": "2000-02-29",
                "epoch": "1970-01-01", "day before the epoch": "1969-12-31",
                "last day of a century": "1999-12-31", "last day": "9999-12-31"}  # fmt: skip
_MOMENTS: Final = {
    "leap day": "2024-02-29T23:59:59.999999", "epoch": "1970-01-01T00:00:00",
    "microsecond before the epoch": "1969-12-31T23:59:59.999999",
    "end of 32 bits": "2038-01-19T03:14:07", "past 32 bits": "2038-01-19T03:14:08",
    "hour that summer time leaves out": "2024-03-31T02:30:00",
    "hour that summer time repeats": "2024-10-27T02:30:00",
    "end of a year": "2023-12-31T23:59:59.999999",
}  # fmt: skip
_TIMES: Final = {"midnight": "00:00:00", "end of the day": "23:59:59.999999"}


@dataclass(frozen=True)
class Edge:
    """What is special in one record.

    Args:
        column: which.
        case: in words.
        value: a text or number; None for a missing one.
    """

    column: str
    case: str
    value: Any


def edges(schema: TableSchema) -> list[Edge]:
    """The edges of the columns of a table that each by itself allows."""
    found = []
    for field in schema.emitted.fields:
        single = TableSchema(fields=(field,), missingValues=schema.markers(field))
        for edge in _cases(field):
            array = _array([edge.value], field)
            data, broken = check(pa.table({field.name: array}), single)
            lost = edge.value is not None and data.column(0).null_count
            if not broken and not lost:
                found.append(edge)
    return found


def with_edges(
    data: pa.Table, wanted: list[Edge], schema: TableSchema, plan: Plan
) -> tuple[pa.Table, list[Edge]]:
    """Records with an edge each, where the rules between columns allow it.

    Args:
        data: as many records as edges.
        wanted: the edges, of columns that are no keys.
        schema: of the records.
        plan: how rules between columns are kept.
    """
    columns = []
    for field in schema.fields:
        column = data.column(field.name)
        rows = [i for i, edge in enumerate(wanted) if edge.column == field.name]
        if rows:
            plain = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
            if pa.types.is_dictionary(plain.type):
                plain = plain.cast(pa.string())
            both = pa.concat_arrays([plain, _array([wanted[i].value for i in rows], field)])
            source = np.arange(len(plain))
            source[rows] = len(plain) + np.arange(len(rows))
            plain = both.take(pa.array(source))
            whole = pa.types.is_dictionary(storage_type(field))
            column = plain.dictionary_encode() if whole else plain
        columns.append(column)
    made = pa.Table.from_arrays(columns, names=list(schema.names))
    modelled = Table(plan.schema, made.select(list(plan.schema.names)))
    good = ~plan.broken(modelled) if plan.schema.names else np.ones(len(wanted), bool)
    rows = np.flatnonzero(good).tolist()
    return made.take(pa.array(rows, pa.int64())), [wanted[i] for i in rows]


def _array(values: list[Any], field: FieldSchema) -> pa.Array:
    if field.type in ("date", "datetime", "time"):
        numbers = np.array([0 if v is None else v for v in values], np.int64)
        made = from_lattice(numbers, field)
        return pa.array(
            [None if v is None else m for v, m in zip(values, made, strict=True)], made.type
        )
    kind = storage_type(field)
    return pa.array(values, pa.string() if pa.types.is_dictionary(kind) else kind)


def _cases(field: FieldSchema) -> Iterator[Edge]:
    def edge(case: str, value: Any) -> Edge:
        return Edge(field.name, case, value)

    if not field.declares("required"):
        yield edge("missing", None)
    if field.domain is not None:
        yield edge("first category", field.domain[0])
        yield edge("last category", field.domain[-1])
    elif field.type == "boolean":
        yield edge("true", True)
        yield edge("false", False)
    elif field.type == "string":
        yield from (edge(case, text) for case, text in _texts(field).items())
    elif not field.is_generated:
        yield from (edge(case, value) for case, value in _numbers(field).items())


def _texts(field: FieldSchema) -> dict[str, str]:
    if field.format not in (None, "default"):
        return {}
    if field.tabsynth.generator is not None and not isinstance(field.tabsynth.generator, Personal):
        return {}
    found = {"empty": ""} | _TEXTS
    most = field.constraints.max_length
    if most is not None and most <= 100_000:
        found["maximum length"] = "m" * most
        found["maximum length beyond ASCII"] = "\u00fc" * most
    if least := field.constraints.min_length:
        found["minimum length"] = "n" * least
    return found


def _numbers(field: FieldSchema) -> dict[str, Any]:
    bounds = field.bounds
    found: dict[str, Any] = {}
    for case, bound in zip(("minimum", "maximum"), bounds, strict=True):
        if bound is not None:
            found[case] = bound
    if field.type == "integer":
        return found | {"zero": 0, "minus one": -1, "end of 32 bits": 2**31 - 1,
                        "past 32 bits": 2**31, "largest": 2**62, "smallest": -(2**62)}  # fmt: skip
    if field.type == "number":
        decimals = field.tabsynth.decimals
        most = 1e300 if decimals is None else 10.0 ** (12 - decimals)
        least = 1e-300 if decimals is None else 10.0**-decimals
        return found | {"zero": 0.0, "smallest above zero": least, "largest": most,
                        "most negative": -most}  # fmt: skip
    texts = {"date": _DAYS, "datetime": _MOMENTS, "time": _TIMES}[field.type]
    plain = field.model_copy(update={"format": None})
    low, high = lattice(field)
    found |= {case: to_storage(text, plain) for case, text in texts.items()}
    return found | {"first of its range": low, "last of its range": high}
