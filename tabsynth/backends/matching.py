"""Conditions for models that draw whole records only: many are drawn, those that fit are kept.

Given categories must agree. Given numbers rarely agree to the last digit, so records count by how
near they come, and the given value takes the place of the near one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.backends.frames import Learnt, texts
from tabsynth.errors import ConditionError
from tabsynth.learners import numbers
from tabsynth.schema.columns import spelled_out
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.table import Table

FEWEST: Final = 4_000
MOST: Final = 200_000
# standard deviation of the kernel, as a share of the drawn records
BANDWIDTH: Final = 0.02
WANTED: Final = 200

Draw = Callable[[int], Table]


def check_possible(given: Table, schema: TableSchema, learnt: Sequence[Learnt]) -> None:
    """Refuse conditions that no record can meet, before any is drawn.

    Raises:
        ConditionError: a column that is not modelled, an unknown category, a number out of range.
    """
    known = dict(zip(schema.names, learnt, strict=True))
    for name in given.schema.names:
        if name not in known:
            raise ConditionError(
                f"given {name!r}", expected="a modelled column",
                got="a column that is generated, left out or unknown",
                remedy="see `tabsynth inspect MODEL` for the columns that can be given",
            )  # fmt: skip
        column = given.column(name)
        if column.null_count == len(column):
            continue
        one = known[name]
        if one.categories is not None:
            possible = {*one.categories, None}.issuperset(texts(column, schema.field(name)))
        else:
            low = np.inf if one.low is None else one.low
            high = -np.inf if one.high is None else one.high
            values = numbers(column)
            possible = bool(np.all(np.isnan(values) | ((values >= low) & (values <= high))))
        if not possible:
            raise ConditionError(
                f"given {name!r}", expected="a value that the model can emit",
                got="a value outside what it learnt",
                remedy="see `tabsynth inspect MODEL` for what the column can hold",
            )  # fmt: skip


def draw_given(draw: Draw, n: int, given: Table, rng: np.random.Generator) -> Table:
    """Records that meet conditions.

    Args:
        draw: draws that many whole records.
        n: how many.
        given: one condition for all, or one for each; a missing cell is free.
        rng: chooses among the records that fit.

    Raises:
        ConditionError: one that hardly any of 200,000 drawn records meets.
    """
    wanted = {
        name: _scale(given.column(name), given.schema.field(name)) for name in given.schema.names
    }
    different, which = _different(wanted, given.num_rows)
    which = np.zeros(n, np.int64) if given.num_rows == 1 else which
    asked = np.bincount(which, minlength=len(different))
    pool = draw(min(max(FEWEST, 2 * n), MOST))
    weights = [_weights(pool, given.schema, wanted, row) for row in different]
    while pool.num_rows < MOST and any(
        _effective(w) < min(WANTED, k) for w, k in zip(weights, asked, strict=True)
    ):
        # twice as many each time: the pool is compared with every condition again
        more = draw(min(pool.num_rows, MOST - pool.num_rows))
        pool = Table(pool.schema, pa.concat_tables([pool.data, more.data], promote_options="none"))
        pool = Table(pool.schema, pool.data.unify_dictionaries().combine_chunks())
        weights = [_weights(pool, given.schema, wanted, row) for row in different]
    chosen = np.empty(n, np.int64)
    for place, weight in enumerate(weights):
        total = weight.sum()
        if total <= 0:
            raise ConditionError(
                "given", expected=f"conditions that some of {MOST:,} drawn records meet",
                got="one that none meets", remedy="give fewer columns or commoner values",
            )  # fmt: skip
        rows = np.flatnonzero(which == place)
        chosen[rows] = rng.choice(pool.num_rows, len(rows), p=weight / total)
    return _filled(pool.take(chosen), given, n)


def _scale(column: pa.Array, field: FieldSchema) -> NDArray[np.float64] | list[str | None]:
    return texts(column, field) if field.is_categorical else numbers(column)


def _different(
    wanted: dict[str, NDArray[np.float64] | list[str | None]], rows: int
) -> tuple[list[int], NDArray[np.int64]]:
    """A row for each different condition, and which of them every row repeats."""
    seen: dict[tuple[object, ...], int] = {}
    different: list[int] = []
    which = np.empty(rows, np.int64)
    for row in range(rows):
        # NaN is not equal to itself
        key = tuple(None if v != v else v for v in (values[row] for values in wanted.values()))
        if key not in seen:
            seen[key] = len(different)
            different.append(row)
        which[row] = seen[key]
    return different, which


def _weights(
    pool: Table,
    schema: TableSchema,
    wanted: dict[str, NDArray[np.float64] | list[str | None]],
    row: int,
) -> NDArray[np.float64]:
    """How well every record of the pool meets one condition; shape (records,)."""
    weight = np.ones(pool.num_rows)
    for field in schema.fields:
        value = wanted[field.name][row]
        if value is None or value != value:
            continue
        if isinstance(value, str):
            weight *= _equal(pool.column(field.name), field, value)
            continue
        drawn = numbers(pool.column(field.name))
        present = np.sort(drawn[~np.isnan(drawn)])
        if not len(present):
            return np.zeros(pool.num_rows)
        below = np.searchsorted(present, drawn) + np.searchsorted(present, drawn, "right")
        own = np.searchsorted(present, value) + np.searchsorted(present, value, "right")
        distance = (below - own) / (2 * len(present) * BANDWIDTH)
        near = np.where(np.abs(distance) < 3, np.exp(-0.5 * distance**2), 0.0)
        weight *= np.where(np.isnan(drawn), 0.0, near)
    return weight


def _equal(column: pa.Array, field: FieldSchema, text: str) -> NDArray[np.bool_]:
    import pyarrow.compute as pc

    plain = spelled_out(column)
    value = pa.scalar({"boolean": text == "true", "integer": None}.get(field.type, text))
    if field.type == "integer":
        value = pa.scalar(int(text), pa.int64())
    return np.asarray(pc.fill_null(pc.equal(plain, value), False).to_numpy(zero_copy_only=False))


def _effective(weight: NDArray[np.float64]) -> float:
    """How many equally good records are worth as much as these (Kish)."""
    squares = float(weight @ weight)
    return float(weight.sum()) ** 2 / squares if squares else 0.0


def _filled(drawn: Table, given: Table, n: int) -> Table:
    import pyarrow.compute as pc

    arrays = []
    for field in drawn.schema.fields:
        column = drawn.column(field.name)
        if field.name in given.schema.names:
            own = given.column(field.name)
            own = own.take(pa.array(np.zeros(n, np.int64))) if len(own) == 1 else own
            if pa.types.is_dictionary(column.type):
                kind = column.type
                plain = pc.coalesce(own.cast(kind.value_type), column.cast(kind.value_type))
                column = plain.dictionary_encode().cast(kind)
            else:
                column = pc.coalesce(own.cast(column.type), column)
        arrays.append(column)
    return Table(drawn.schema, pa.Table.from_arrays(arrays, names=list(drawn.schema.names)))
