"""What children learn of their parents: the cells of columns, numbered, and never a value.

A value that few parents have could be shared by many children, and so seem frequent among them.
Hence the cells are those of the parents' own table, and children see nothing but their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.encoding.analysis import analyze
from tabsynth.encoding.codec import CategoryCodec, Codec
from tabsynth.encoding.freeze import MIN_COUNT, freeze
from tabsynth.schema.files import parse_schema
from tabsynth.schema.model import Constraints, FieldSchema, TableSchema
from tabsynth.synthesizers.predictors import BINS, binned, bins_of_cells
from tabsynth.synthesizers.protocol import ModelState
from tabsynth.table import Table

FEWEST: Final = 2 * MIN_COUNT
# columns that records pass on to their children, their own before those of their parents
PASSED_ON: Final = 24

Levels = NDArray[np.int64]


@dataclass(frozen=True)
class Seen:
    """Columns of some records as others see them.

    Args:
        sizes: by column, how many levels it has; negative where these have no order.
        levels: by column, the level of each record, from 0.
    """

    sizes: Mapping[str, int]
    levels: Mapping[str, Levels]

    def take(self, places: NDArray[np.int64]) -> Seen:
        """The records at those places; where one is negative, the level after the last."""
        lost = places < 0
        taken = {}
        for name, level in self.levels.items():
            padded = np.append(level, abs(self.sizes[name]))
            taken[name] = padded[np.where(lost, len(level), places)]
        sizes = {n: s + (1 if s > 0 else -1) for n, s in self.sizes.items()}
        return Seen(sizes if lost.any() else self.sizes, taken)

    def named(self, names: Mapping[str, str]) -> Seen:
        """Some of the columns, under other names."""
        return Seen(
            {new: self.sizes[old] for old, new in names.items()},
            {new: self.levels[old] for old, new in names.items()},
        )


def field_of_levels(name: str, size: int) -> FieldSchema:
    """The column in which levels are learnt."""
    if size > 0:
        return FieldSchema(name=name, type="integer")
    # whoever numbers the levels knows them all
    return FieldSchema(name=name, type="integer", categories=tuple(range(-size)))


def column_of_levels(levels: Levels) -> pa.Array:
    """Levels as a column of that field."""
    return pa.array(levels, pa.int64())


@dataclass(frozen=True)
class View:
    """How records of one table are seen by their children.

    Args:
        codec: cells of the table's own columns.
        bins: by column, the level of each cell.
    """

    codec: Codec
    bins: tuple[NDArray[np.uint8], ...]

    @classmethod
    def of(cls, table: Table) -> View | None:
        """The view of a table's records; None where nothing can be seen of them.

        Privacy: cells rest on at least 5 records of this very table; in a table of fewer than 10,
        only columns whose categories are declared are seen.
        """
        fields = tuple(_loosened(f) for f in table.schema.fields)
        if table.num_rows < FEWEST:
            fields = tuple(f for f in fields if _categories(f) is not None)
        if not fields:
            return None
        schema = TableSchema(fields=fields)
        plain = Table(schema, table.data.select(list(schema.names)))
        if table.num_rows < FEWEST:
            columns = tuple(CategoryCodec(f, _categories(f) or ()) for f in fields)
            codec = Codec(plain.schema, columns)
        else:
            codec = freeze(analyze(plain))
        bins = []
        for codes, column in zip(codec.encode(plain), codec.columns, strict=True):
            counts = np.bincount(codes[codes >= 0], minlength=column.cells)
            bins.append(bins_of_cells(counts, ordered=column.ordered))
        return cls(codec, tuple(bins))

    def see(self, table: Table) -> Seen:
        """Records as others see them.

        Args:
            table: records with the columns of the codec.
        """
        # the columns alone count here, so those of the table are as good as those of the codec
        plain = Table(self.codec.schema, table.data.select(list(self.codec.schema.names)))
        sizes: dict[str, int] = {}
        levels: dict[str, Levels] = {}
        codes = self.codec.encode(plain)
        for code, column, bins in zip(codes, self.codec.columns, self.bins, strict=True):
            size = int(bins.max()) + 1
            sizes[column.field.name] = size if column.ordered else -size
            levels[column.field.name] = binned(bins, code).astype(np.int64)
        return Seen(sizes, levels)

    def state(self) -> ModelState:
        """All that it is."""
        columns, arrays = self.codec.state()
        arrays |= {f"{j}.bins": b for j, b in enumerate(self.bins)}
        return ModelState({"schema": self.codec.schema.descriptor(), "columns": columns}, arrays)

    @classmethod
    def restore(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> View:
        """The view that `state` describes.

        Raises:
            ValueError: parts that do not fit together.
        """
        codec = Codec.restore(parse_schema(settings["schema"]), settings["columns"], arrays)
        bins = tuple(arrays[f"{j}.bins"] for j in range(len(codec.columns)))
        for column, own in zip(codec.columns, bins, strict=True):
            if own.dtype != np.uint8 or own.shape != (column.cells,) or own.max() >= BINS:
                raise ValueError("expected a level for every cell")
        return cls(codec, bins)


def seen_of(view: View | None, table: Table) -> Seen:
    """Records as others see them; nothing of them without a view."""
    return Seen({}, {}) if view is None else view.see(table)


def passed_on(seen: Seen, parent: str) -> Seen:
    """What is seen of parents, under the names by which grandchildren know it."""
    return seen.named({name: f"{parent}.{name}" for name in seen.sizes})


def joined(own: Seen, above: Seen | None) -> Seen:
    """Columns of records with those of their parents, as many as are passed on."""
    sizes, levels = dict(own.sizes), dict(own.levels)
    for name in () if above is None else above.sizes:
        if len(sizes) < PASSED_ON and above is not None and name not in sizes:
            sizes[name], levels[name] = above.sizes[name], above.levels[name]
    return Seen(sizes, levels)


def apart(name: str, taken: Sequence[str] | set[str]) -> str:
    """The name, or one like it that is not taken."""
    while name in taken:
        name += "'"
    return name


def _categories(field: FieldSchema) -> tuple[str | int | bool, ...] | None:
    if field.type == "boolean":
        return (False, True) if field.declares("type") else None
    return field.domain if field.declares("categories") else None


def _loosened(field: FieldSchema) -> FieldSchema:
    """The column without what it must hold, since a view may leave values out."""
    rules = Constraints(enum=field.constraints.enum)
    placed = {"format": None} if field.is_place else {}
    ours = field.tabsynth.model_copy(update={"role": None, "cut_points": None})
    return field.model_copy(update={"constraints": rules, "tabsynth": ours, **placed})
