"""Conditions on records that can only be simulated: those that meet them are kept.

A category is met by an equal one. A number is met by one that lies nearby, within a twentieth of
the column's spread, and then set to the wanted one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.errors import ConditionError
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.schema.parse import storage_type
from tabsynth.sources.aggregates import numbers
from tabsynth.sources.weighing import codes_of
from tabsynth.synthesizers.odds import Odds, distinct, require_reached
from tabsynth.table import Table

NEAR: Final = 0.05
FEWEST: Final = 5_000
EACH: Final = 4
MORE: Final = 3
MOST: Final = 200_000

Draw = Callable[[int], Table]


def met(given: Table, schema: TableSchema, draw: Draw, rng: np.random.Generator) -> Table:
    """A record under each condition.

    Args:
        given: one condition per record; a missing cell is free.
        schema: of the records.
        draw: simulates so many.
        rng: the only source of randomness.

    Raises:
        ConditionError: a condition that no simulated record meets.
    """
    _require_known(given, schema)
    first, which = distinct([codes_of(given.column(name)) for name in given.schema.names])
    wanted = np.bincount(which)
    pool, good = _pool(given, first, draw, least=wanted, start=EACH * given.num_rows)
    require_reached(np.array([len(g) > 0 for g in good]))
    chosen = np.zeros(given.num_rows, np.intp)
    for kind, own in enumerate(good):
        # a record comes twice only where there are too few
        some = rng.choice(own, wanted[kind], replace=len(own) < wanted[kind])
        chosen[np.flatnonzero(which == kind)] = some
    records = pool.take(chosen)
    columns = [
        _set(records.column(f.name), given.column(f.name), f)
        if f.name in given.schema.names
        else records.column(f.name)
        for f in schema.fields
    ]
    return Table(schema, pa.Table.from_arrays(columns, names=list(schema.names)))


def asked(given: Table, schema: TableSchema, n: int, draw: Draw) -> Odds:
    """How probable conditions are, and about how many simulated records will stand behind each."""
    _require_known(given, schema)
    first, which = distinct([codes_of(given.column(name)) for name in given.schema.names])
    pool, good = _pool(given, first, draw, least=np.ones(len(first), int), start=FEWEST)
    share, alone = np.array([len(g) for g in good]) / pool.num_rows, np.zeros(len(first))
    with np.errstate(divide="ignore"):
        for kind, place in enumerate(first):
            each = [_good(pool, given, int(place), (name,)).mean() for name in given.schema.names]
            alone[kind] = np.sum(np.log(each))
        probable = np.log(share)
    records = np.bincount(which) * (n if given.num_rows == 1 else 1)
    effective = np.minimum(share * MOST / records, 1.0)
    return Odds(probable[which], alone[which], effective[which])


def _pool(
    given: Table, first: NDArray[np.intp], draw: Draw, *, least: NDArray[Any], start: int
) -> tuple[Table, list[NDArray[np.intp]]]:
    """Simulated records, and which of them meet each condition, as many as each needs."""
    pool = draw(min(max(FEWEST, start), MOST))
    while True:
        good = [np.flatnonzero(_good(pool, given, int(place))) for place in first]
        enough = all(len(g) >= n for g, n in zip(good, least, strict=True))
        if enough or pool.num_rows >= MOST:
            return pool, good
        more = draw(min(MORE * pool.num_rows, MOST - pool.num_rows))
        both = pa.concat_tables([pool.data, more.data]).unify_dictionaries().combine_chunks()
        pool = Table(pool.schema, both)


def _good(
    pool: Table, given: Table, place: int, names: tuple[str, ...] | None = None
) -> NDArray[np.bool_]:
    """Which records of the pool meet one condition."""
    found = np.ones(pool.num_rows, bool)
    for name in given.schema.names if names is None else names:
        wanted = given.column(name)[place]
        if not wanted.is_valid:
            continue
        found &= _near(pool.column(name), wanted, pool.schema.field(name))
    return found


def _near(column: pa.Array, wanted: Any, field: FieldSchema) -> NDArray[np.bool_]:
    if field.type in ("string", "boolean") or field.domain is not None:
        equal = pc.equal(column.cast(pa.string()), str(wanted.cast(pa.string()).as_py()))
        return np.asarray(equal.fill_null(False).to_numpy(zero_copy_only=False), bool)
    values = numbers(column)
    own = numbers(pa.array([wanted.as_py()], wanted.type))[0]
    spread = np.nanstd(values) if (~np.isnan(values)).any() else 0.0
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(values - own) <= NEAR * spread)


def _set(column: pa.Array, wanted: pa.Array, field: FieldSchema) -> pa.Array:
    if field.type == "string":
        filled = pc.if_else(wanted.is_valid(), wanted.cast(pa.string()), column.cast(pa.string()))
        return filled.dictionary_encode()
    return pc.if_else(wanted.is_valid(), wanted.cast(storage_type(field)), column)


def _require_known(given: Table, schema: TableSchema) -> None:
    for name in given.schema.names:
        if name not in schema.names:
            raise ConditionError(
                f"given {name!r}", expected="a column that the simulator writes",
                got="another column", remedy="leave the condition out",
            )  # fmt: skip
