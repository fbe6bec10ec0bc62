"""Before a fit: what it will cost on this machine, and what will be done about hard columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth import registry
from tabsynth.choice import PREFERRED, Choice, cost, traits
from tabsynth.encoding.freeze import MAX_ATOMS, MAX_BINS, MIN_COUNT
from tabsynth.errors import DataError
from tabsynth.hard_columns import hard_columns
from tabsynth.machine import in_words, slowness
from tabsynth.schema.model import FieldSchema
from tabsynth.synthesizers.margins import two_digits
from tabsynth.synthesizers.protocol import Cost, Size
from tabsynth.table import Table

LOOKED_AT: Final = 20_000


@dataclass(frozen=True)
class Preflight:
    """What is known before a fit.

    Args:
        choice: the synthesizer, and why it was picked where `auto` did so.
        size: of the training table.
        free: bytes of memory that are free; None where nobody knows.
        needed: what the fit will cost; None where the synthesizer does not say.
    """

    choice: Choice
    size: Size
    free: int | None
    needed: Cost | None

    def lines(self, table: Table) -> list[str]:
        """What to tell the person who holds the table, before the fit.

        Privacy: counts to two digits, of private columns; not for files.
        """
        why = [f"synthesizer {self.choice.name}: {self.choice.why}"] if self.choice.why else []
        return [*why, self.estimate(), *hard_columns(table, traits(self.choice.name))]

    def require_room(self) -> None:
        """Refuse a fit that the system would end half-way.

        Raises:
            DataError: it needs more memory than is free.
        """
        if self.needed is None or self.free is None or self.needed.memory <= self.free:
            return
        raise DataError(
            "data",
            expected=f"a fit that needs at most the {in_words(self.free)} of memory that are free",
            got=f"one by {self.choice.name} that needs about {in_words(self.needed.memory)}",
            remedy="fit a sample of the records, merge categories of columns that have very many"
            f"{self._another()}",
        )

    def _another(self) -> str:
        for name in (n for n in PREFERRED if n != self.choice.name):
            needed = cost(registry.synthesizer(name)(), self.size)
            if needed is not None and self.free is not None and needed.memory <= self.free:
                return f", or use --synthesizer {name} (about {in_words(needed.memory)})"
        return ", or use a machine with more memory"

    def estimate(self) -> str:
        """Time and memory in one line, for this machine.

        Privacy: the number of records to two digits; for the person who holds the table.
        """
        records, columns = two_digits(self.size.records), len(self.size.cells)
        what = f"{self.choice.name} on {records:,} records and {columns:,} columns"
        if self.needed is None:
            return f"{what}: time and memory are not known beforehand"
        free = "" if self.free is None else f" ({in_words(self.free)} are free)"
        spent = _duration(self.needed.seconds * slowness())
        return f"{what}: about {spent}, {in_words(self.needed.memory)} of memory{free}"


def size_of(table: Table) -> Size:
    """What the cost of a fit depends on.

    Args:
        table: the records; of a large table, 20,000 of them are looked at for numbers.

    Privacy: counts values of private columns; for the person who holds the table.
    """
    step = -(-table.num_rows // LOOKED_AT) or 1
    some = table.data.take(pa.array(np.arange(0, table.num_rows, step))) if step > 1 else table.data
    cells = [
        _categories(field, table.data.column(field.name))
        if field.is_categorical
        else _numeric_cells(some.column(field.name), table.num_rows)
        for field in table.schema.modelled_fields
    ]
    return Size(table.num_rows, tuple(c + 1 for c in cells))


def _categories(field: FieldSchema, column: pa.ChunkedArray) -> int:
    """How many values the schema declares, or `MIN_COUNT` records share."""
    if field.declares("categories"):
        return len(field.domain or ())
    return int(np.count_nonzero(value_counts(column) >= MIN_COUNT))


def _numeric_cells(some: pa.ChunkedArray, records: int) -> int:
    counts = value_counts(some)
    atoms = min(int(np.count_nonzero(counts >= MIN_COUNT)), MAX_ATOMS)
    between = int(counts[counts < MIN_COUNT].sum() / max(len(some), 1) * records)
    return atoms + min(between // MIN_COUNT, MAX_BINS)


def value_counts(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """How often each value occurs, shape (distinct values,)."""
    counts = pc.value_counts(column.drop_null()).field("counts")
    return np.asarray(counts.to_numpy(zero_copy_only=False), np.int64)


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "1 s"
    if seconds < 90:
        return f"{two_digits(round(seconds))} s"
    return f"{two_digits(round(seconds / 60))} min"
