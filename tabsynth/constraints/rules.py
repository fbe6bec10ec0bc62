"""Which records break a constraint."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tabsynth import registry
from tabsynth.constraints.combining import allowed_texts, combined
from tabsynth.constraints.evaluation import breaks
from tabsynth.constraints.lattice import Mask, Units, common_digits, digits, read
from tabsynth.constraints.places import off_the_grid
from tabsynth.errors import SchemaError
from tabsynth.schema.constraint import (
    Combinations,
    Constraint,
    Custom,
    Exclusive,
    Expression,
    Increment,
    Inequality,
    OneHot,
    Place,
    Total,
    Unique,
)
from tabsynth.schema.model import FieldSchema, to_storage
from tabsynth.table import Table

CLOSE: Final = 1e-9


def broken(constraint: Constraint, table: Table, *, known: Collection[str] | None = None) -> Mask:
    """Which records break a constraint, shape (records,); one with a missing value mostly not.

    Args:
        constraint: the rule.
        table: the records, with the columns that it names.
        known: combinations, as `combined` writes them, that are allowed where the constraint
            lists none; without them all are.
    """
    match constraint:
        case Inequality():
            return _descending(constraint, table)
        case Combinations():
            return _unknown(constraint, table, known)
        case Increment():
            return _between_steps(constraint, table)
        case OneHot():
            return _not_one(constraint, table)
        case Total():
            return _off_total(constraint, table)
        case Place():
            return off_the_grid(constraint, table)
        case Unique():
            return _repeated(constraint, table)
        case Exclusive():
            present = sum((_present(table, n).astype(int) for n in constraint.columns), 0)
            return np.asarray((present > 1) | (constraint.required & (present == 0)))
        case Expression():
            return breaks(constraint.expression, table)
        case Custom():
            return _custom(constraint, table)


def fields_of(constraint: Constraint, table: Table) -> list[FieldSchema]:
    """The fields that a constraint is about."""
    return [table.schema.field(name) for name in constraint.involved]


def stepped(constraint: Increment, field: FieldSchema) -> tuple[int, int, int]:
    """An increment in whole units: decimals of the unit, units of a step, units of the offset."""
    if field.type in ("date", "datetime", "time"):
        per = 1 if field.type == "date" else 1_000_000
        step = Decimal(str(constraint.step)) * per
        text = isinstance(constraint.offset, str)
        offset = Decimal(0)
        if text or constraint.offset:
            offset = Decimal(str(to_storage(str(constraint.offset), field)))
        return 0, int(step), int(offset)
    parts = [Decimal(str(constraint.step)), Decimal(str(constraint.offset))]
    exponents = [-int(p.as_tuple().exponent) for p in parts]
    decimals = max(0, digits(field) or 0, *exponents)
    step_units, offset_units = (int(p.scaleb(decimals)) for p in parts)
    return decimals, step_units, offset_units


def truths(table: Table, name: str) -> tuple[Mask, Mask]:
    """Whether a 0/1 or boolean column is 1, and whether it is 0."""
    column = table.column(name)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    one, zero = (pc.equal(column, value).fill_null(False) for value in (1, 0))
    return one.to_numpy(zero_copy_only=False), zero.to_numpy(zero_copy_only=False)


def summed(constraint: Total, table: Table, decimals: int | None) -> tuple[Units, Mask]:
    """What the parts of a total come to, and in which records one of them is missing."""
    parts = [read(table, name, decimals) for name in constraint.parts]
    less = [read(table, name, decimals) for name in constraint.minus]
    total: Any = sum(values for values, _ in parts) - sum(values for values, _ in less)
    return total, np.logical_or.reduce([missing for _, missing in (*parts, *less)])


def _present(table: Table, name: str) -> Mask:
    return table.column(name).is_valid().to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def _descending(constraint: Inequality, table: Table) -> Mask:
    decimals = common_digits(fields_of(constraint, table))
    base, absent = read(table, constraint.columns[0], decimals)
    found = np.zeros(table.num_rows, bool)
    for name in constraint.columns[1:]:
        values, missing = read(table, name, decimals)
        worse = values <= base if constraint.strict else values < base
        found |= worse & ~missing & ~absent
        base, absent = np.where(missing, base, values), absent & missing
    return found


def _unknown(constraint: Combinations, table: Table, known: Collection[str] | None) -> Mask:
    if constraint.allowed is not None:
        known = allowed_texts(constraint.allowed, fields_of(constraint, table))
    if known is None:
        return np.zeros(table.num_rows, bool)
    texts = combined(table, constraint.columns)
    strange = pc.invert(pc.is_in(texts.dictionary, value_set=pa.array(known, pa.string())))
    found: Mask = strange.to_numpy(zero_copy_only=False)[texts.indices.to_numpy()]
    return found


def _between_steps(constraint: Increment, table: Table) -> Mask:
    field = table.schema.field(constraint.column)
    decimals, step, offset = stepped(constraint, field)
    if digits(field) is not None:
        values, missing = read(table, constraint.column, decimals)
        found: Mask = ((values - offset) % step != 0) & ~missing
        return found
    floats, missing = read(table, constraint.column, None)
    nearest = (np.rint((floats * 10.0**decimals - offset) / step) * step + offset) / 10.0**decimals
    return (np.abs(floats - nearest) > CLOSE * np.maximum(1.0, np.abs(floats))) & ~missing


def _not_one(constraint: OneHot, table: Table) -> Mask:
    each = [truths(table, name) for name in constraint.columns]
    ones = sum((one.astype(int) for one, _ in each), 0)
    zeros = sum((zero.astype(int) for _, zero in each), 0)
    absent = sum((~_present(table, n)).astype(int) for n in constraint.columns)
    count = len(constraint.columns)
    return np.asarray(((ones != 1) | (zeros != count - 1)) & (absent != count))


def _off_total(constraint: Total, table: Table) -> Mask:
    field = table.schema.field(constraint.total)
    decimals = common_digits(fields_of(constraint, table))
    sums, absent = summed(constraint, table, decimals)
    total, missing = read(table, constraint.total, decimals)
    own = digits(field)
    if decimals is not None and own is not None:
        # the total of finer parts is their sum, rounded
        off = 2 * np.abs(total - sums) > (10 ** (decimals - own) if decimals > own else 0)
    else:
        slack = 0.5 * 10.0**-own if own is not None else 0.0
        off = np.abs(total - sums) > slack + CLOSE * np.maximum(np.abs(total), np.abs(sums))
    found: Mask = off & ~missing & ~absent
    return found


def _repeated(constraint: Unique, table: Table) -> Mask:
    present: Mask = np.logical_and.reduce([_present(table, n) for n in constraint.columns])
    codes = combined(table, constraint.columns).indices.to_numpy()
    rows = np.flatnonzero(present)
    first = np.unique(codes[rows], return_index=True)[1]
    found = present.copy()
    found[rows[first]] = False
    return found


def _custom(constraint: Custom, table: Table) -> Mask:
    rule = registry.find("constraints", constraint.name)
    found: Any = np.asarray(getattr(rule, "violations", rule)(table))
    if found.dtype != np.bool_ or found.shape != (table.num_rows,):
        raise SchemaError(
            constraint.words, expected="a truth value for each record from its violations(table)",
            got="something else", remedy="correct the package that registers it",
        )  # fmt: skip
    mask: Mask = found
    return mask
