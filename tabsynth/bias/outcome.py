"""What counts as the favourable outcome of a target, and which records have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.bias.groups import texts
from tabsynth.errors import UsageError
from tabsynth.learners import numbers
from tabsynth.table import Table


@dataclass(frozen=True)
class Outcome:
    """A favourable outcome, decided on one table and read from any of its schema.

    Args:
        target: the column.
        words: what is favourable, such as `income is >50K`.
        stated: whether a person chose it; else we did.
        value: the favourable class, for classes.
        floor: the favourable numbers lie above this, for numbers.
        inclusive: whether the floor itself is favourable.
    """

    target: str
    words: str
    stated: bool
    value: str | None = None
    floor: float | None = None
    inclusive: bool = False

    @property
    def is_numeric(self) -> bool:
        """Whether the target is a number, cut in two for rates."""
        return self.floor is not None

    def of(self, table: Table) -> NDArray[np.float64]:
        """1 for a favourable outcome, 0 for another, NaN for a missing one; shape (records,)."""
        column = table.column(self.target)
        if self.floor is None:
            found = texts(column)
            missing = found.is_null().to_numpy(zero_copy_only=False)
            equal = np.array(found.fill_null("").to_numpy(zero_copy_only=False) == self.value)
            return np.where(missing, np.nan, equal)
        known = numbers(column)
        above = known >= self.floor if self.inclusive else known > self.floor
        return np.where(np.isnan(known), np.nan, above)


def favourable_outcome(
    tables: Sequence[Table], target: str, favourable: str | None = None
) -> Outcome | None:
    """Decide what is favourable.

    Args:
        tables: the real records.
        target: a column of theirs.
        favourable: the favourable class, or the least favourable number; by default true, the last
            of ordered categories, the rarer of two classes, the commonest of more, and numbers
            above the median.

    Returns:
        The outcome; None where the target has fewer than 2 values.

    Raises:
        UsageError: `favourable` is no class of the target, or no number.
    """
    field = tables[0].schema.field(target)
    columns = [t.column(target) for t in tables]
    kinds = pa.chunked_array([texts(c) for c in columns]).drop_null().value_counts().to_pylist()
    counts = {k["values"]: k["counts"] for k in kinds}
    if favourable is not None:
        classes = field.is_categorical or len(counts) <= 2
        return _stated(target, favourable, counts if classes else None, columns)
    if len(counts) < 2:
        return None
    if field.is_categorical:
        declared = [str(c) for c in field.domain or () if str(c) in counts]
        if field.type == "boolean":
            value = "true"
        elif field.categories_ordered and declared:
            value = declared[-1]
        else:
            ranked = sorted(counts, key=lambda v: (counts[v], v))
            value = ranked[0] if len(ranked) == 2 else ranked[-1]
        return Outcome(target, f"{target} is {value}", stated=False, value=value)
    known = np.concatenate([numbers(c) for c in columns])
    known = known[~np.isnan(known)]
    if len(counts) == 2:
        words = f"{target} is the larger of its two values"
        return Outcome(target, words, stated=False, floor=float(known.min()))
    middle = float(np.median(known))
    if not (known > middle).any():
        # half or more have the largest value: then that one is favourable
        words = f"{target} at its largest"
        return Outcome(target, words, stated=False, floor=middle, inclusive=True)
    return Outcome(target, f"{target} above its median", stated=False, floor=middle)


def _stated(
    target: str, favourable: str, counts: dict[str, int] | None, columns: Sequence[pa.Array]
) -> Outcome:
    if counts is not None:
        for value in (favourable, favourable.lower()):
            if value in counts:
                return Outcome(target, f"{target} is {value}", stated=True, value=value)
        wanted = f"a value of column {target!r}"
    elif pa.types.is_temporal(columns[0].type):
        wanted = "no value, since the target is a moment: those after the median count"
    else:
        try:
            floor = float(favourable)
        except ValueError:
            floor = float("nan")
        if np.isfinite(floor):
            words = f"{target} at least {favourable}"
            return Outcome(target, words, stated=True, floor=floor, inclusive=True)
        wanted = f"a number, the least favourable one of {target!r}"
    raise UsageError(
        "--favourable",
        expected=wanted,
        got=repr(favourable),
        remedy="name another, or leave it out",
    )
