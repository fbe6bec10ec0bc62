"""What a record's other columns say about its text: cells of columns, and values as texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.encoding.analysis import analyze
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.table import Table
from tabsynth.wording.runs import FEWEST

MAX_CATEGORIES: Final = 50
_QUARTERS: Final = (0.25, 0.5, 0.75)

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Cells:
    """The cells of one column.

    Args:
        column: its name.
        categories: values that enough records share, as texts; none for numbers.
        cuts: quartiles to two digits, on the storage scale; none for categories.
    """

    column: str
    categories: tuple[str, ...] = ()
    cuts: tuple[float, ...] = ()

    @property
    def count(self) -> int:
        """How many cells; the last one is for whatever else there is, and for missing values."""
        return (len(self.categories) or len(self.cuts) + 1) + 1

    def state(self) -> dict[str, Any]:
        """Plain values for the model file."""
        return {"column": self.column, "categories": list(self.categories), "cuts": list(self.cuts)}

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Cells:
        """The same from the model file."""
        categories, cuts = map(str, state["categories"]), map(float, state["cuts"])
        return cls(str(state["column"]), tuple(categories), tuple(cuts))

    def codes(self, values: pa.ChunkedArray) -> Codes:
        """The cell of each value, shape (records,)."""
        if self.categories:
            places = pc.index_in(values.cast(pa.string()), pa.array(self.categories))
            return np.asarray(places.fill_null(self.count - 1).to_numpy(), np.int64)
        numbers = _numbers(values)
        codes = np.searchsorted(np.array(self.cuts), numbers, side="right")
        return np.where(np.isnan(numbers), self.count - 1, codes)


def cells_of(table: Table) -> tuple[Cells, ...]:
    """The cells of every modelled column that has more than one.

    Privacy: categories that at least `FEWEST` persons share, the 50 most frequent; quartiles to two
        digits.
    """
    found = []
    analysis = analyze(table)
    for field, counted in zip(analysis.schema.fields, analysis.columns, strict=True):
        if field.is_categorical:
            frequent = counted.frequent(FEWEST)[:MAX_CATEGORIES]
            cells = Cells(field.name, categories=tuple(frequent))
        else:
            cells = _cuts(field, table.data.column(field.name))
        if cells.count > 2:
            found.append(cells)
    return tuple(found)


def _cuts(field: FieldSchema, column: pa.ChunkedArray) -> Cells:
    numbers = _numbers(column)
    numbers = numbers[~np.isnan(numbers)]
    if len(numbers) < 4 * FEWEST:
        return Cells(field.name)
    cuts = {float(f"{cut:.2g}") for cut in np.quantile(numbers, _QUARTERS)}
    return Cells(field.name, cuts=tuple(sorted(cuts)))


def _numbers(values: pa.ChunkedArray) -> NDArray[np.float64]:
    kind = values.type
    if pa.types.is_date32(kind):
        values = values.cast(pa.int32())
    elif pa.types.is_temporal(kind):
        values = values.cast(pa.int64())
    numbers = values.cast(pa.float64(), safe=False).to_numpy()
    return np.asarray(numbers, np.float64)


def shown(data: pa.Table, schema: TableSchema, columns: Sequence[str]) -> dict[str, list[Any]]:
    """Values as texts would write them, a list for each column; None where one is missing."""
    return {name: _texts(data.column(name), schema.field(name)) for name in columns}


def _texts(column: pa.ChunkedArray, field: FieldSchema) -> list[str | None]:
    values = column.to_pylist()
    if field.type == "number":
        digits = field.tabsynth.decimals
        form = "{:g}" if digits is None else f"{{:.{digits}f}}"
        return [None if v is None else form.format(v) for v in values]
    return [None if v is None else str(v) for v in values]


def rows_of(columns: Mapping[str, list[Any]], count: int) -> list[dict[str, str | None]]:
    """The same, a mapping for each record."""
    names = list(columns)
    if not names:
        return [{}] * count
    return [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def information(codes: Codes, outcomes: Codes) -> float:
    """How much a column says about outcomes, in nats, less what chance would show.

    Source: the bias is that of Miller (1955), as degrees of freedom over twice the records.
    """
    if not len(codes):
        return 0.0
    _, rows = np.unique(codes, return_inverse=True)
    _, columns = np.unique(outcomes, return_inverse=True)
    shape = (int(rows.max()) + 1, int(columns.max()) + 1)
    joint = np.zeros(shape)
    np.add.at(joint, (rows, columns), 1 / len(codes))
    expected = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    there = joint > 0
    found = float(np.sum(joint[there] * np.log(joint[there] / expected[there])))
    return found - (shape[0] - 1) * (shape[1] - 1) / (2 * len(codes))
