"""Aggregates of a table, by which simulated tables are held against a real one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.encoding.analysis import analyze
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table

Floats = NDArray[np.float64]

QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
MOST_CATEGORIES: Final = 20
MOST_PAIRS: Final = 300
# a category of fewer records is no aggregate
FEWEST: Final = 5


@dataclass(frozen=True)
class Aggregates:
    """Which aggregates are taken: of numbers mean, spread, quantiles; shares; correlations.

    Args:
        schema: of the columns.
        categories: by column, those whose shares are taken.
    """

    schema: TableSchema
    categories: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, table: Table) -> Aggregates:
        """Those that suit a real table.

        Privacy: not differentially private; names categories of at least 5 records and persons.
        """
        analysis = analyze(table)
        counted = zip(analysis.schema.fields, analysis.columns, strict=True)
        found = {
            f.name: tuple(of.frequent(FEWEST)[:MOST_CATEGORIES]) for f, of in counted
            if f.is_categorical
        }  # fmt: skip
        return cls(table.schema, found)

    @property
    def names(self) -> list[str]:
        """What each figure is, in words."""
        found: list[str] = []
        for field in self.schema.fields:
            if field.name in self.categories:
                found += [f"share of {field.name} {c}" for c in self.categories[field.name]]
            else:
                found += [f"mean of {field.name}", f"spread of {field.name}"]
                found += [f"{q:.0%} quantile of {field.name}" for q in QUANTILES]
            found.append(f"missing share of {field.name}")
        return found + [f"correlation of {a} and {b}" for a, b in self._pairs]

    @property
    def _ordered(self) -> list[str]:
        return [
            f.name for f in self.schema.fields
            if f.name not in self.categories or f.type == "boolean"
        ]  # fmt: skip

    @property
    def _pairs(self) -> list[tuple[str, str]]:
        return list(combinations(self._ordered, 2))[:MOST_PAIRS]

    def taken(self, table: Table) -> Floats:
        """The figures of a table; NaN where there is nothing to take them of."""
        figures: list[float] = []
        for field in self.schema.fields:
            column = table.column(field.name)
            if field.name in self.categories:
                texts = column.cast(pa.string())
                present = max(len(texts) - texts.null_count, 1)
                counts = {
                    c["values"]: c["counts"] for c in pc.value_counts(texts.drop_null()).to_pylist()
                }
                figures += [counts.get(c, 0) / present for c in self.categories[field.name]]
            else:
                values = numbers(column)
                values = values[~np.isnan(values)]
                empty = not len(values)
                figures += [np.nan, np.nan] if empty else [values.mean(), values.std()]
                figures += [np.nan] * len(QUANTILES) if empty else [
                    *np.quantile(values, QUANTILES)
                ]  # fmt: skip
            figures.append(column.null_count / max(len(column), 1))
        own = {name: numbers(table.column(name)) for name in self._ordered}
        figures += [_correlation(own[a], own[b]) for a, b in self._pairs]
        return np.array(figures, float)


def numbers(column: pa.Array) -> Floats:
    """A column of numbers, truth values or moments as floats; NaN where missing."""
    missing = column.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    elif not (pa.types.is_floating(column.type) or pa.types.is_boolean(column.type)):
        column = column.cast(pa.int64())
    filled = column.cast(pa.float64(), safe=False).fill_null(0.0)
    return np.where(missing, np.nan, filled.to_numpy(zero_copy_only=False))


def _correlation(first: Floats, second: Floats) -> float:
    both = ~(np.isnan(first) | np.isnan(second))
    first, second = first[both], second[both]
    if len(first) < 3 or first.std() == 0 or second.std() == 0:
        return np.nan
    return float(np.corrcoef(first, second)[0, 1])
