"""Constraints that cannot be meant: of columns of the wrong kind, or against each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from tabsynth import registry
from tabsynth.constraints.combining import allowed_texts
from tabsynth.constraints.evaluation import check_expression
from tabsynth.constraints.lattice import digits, scale
from tabsynth.constraints.places import grain
from tabsynth.constraints.rules import stepped
from tabsynth.errors import SchemaError
from tabsynth.schema.constraint import (
    Combinations,
    Constraint,
    Custom,
    Expression,
    Increment,
    Inequality,
    OneHot,
    Place,
    Total,
)
from tabsynth.schema.model import FieldSchema, TableSchema

ORDERED: Final = ("integer", "number", "date", "datetime", "time")


def check_feasible(schema: TableSchema) -> None:
    """Refuse constraints that no table could be meant to keep.

    Raises:
        SchemaError: columns of the wrong kind, constraints that contradict each other or the bounds
            of their columns, or a custom rule that is not installed.
    """
    for constraint in schema.tabsynth.constraints:
        fields = [schema.field(name) for name in constraint.involved]
        match constraint:
            case Inequality():
                _check_order(constraint, fields)
            case Increment():
                _check_steps(constraint, fields[0])
            case Total():
                _check_total(constraint, fields)
            case Place():
                _check_place(constraint, fields)
            case OneHot():
                _require(constraint, fields, ("boolean", "integer", "number"))
            case Combinations() if constraint.allowed is not None:
                _check_allowed(constraint, fields)
            case Expression():
                check_expression(constraint.expression, schema)
            case Custom():
                _check_installed(constraint)
    _check_circles(schema.tabsynth.constraints)


def _fault(constraint: Constraint, expected: str, got: str) -> SchemaError:
    return SchemaError(
        f"constraint `{constraint.words}`", expected=expected, got=got,
        remedy="correct the constraint, or the columns it names",
    )  # fmt: skip


def _require(constraint: Constraint, fields: list[FieldSchema], kinds: Sequence[str]) -> None:
    for field in fields:
        if field.type not in kinds:
            raise _fault(constraint, f"columns of type {', '.join(kinds)}",
                         f"column {field.name!r} of type {field.type}")  # fmt: skip


def _declared(field: FieldSchema) -> tuple[float, float]:
    """The bounds that a person stated, on the scale of storage."""
    low, high = field.bounds
    return (
        low if low is not None and field.declares("minimum") else -math.inf,
        high if high is not None and field.declares("maximum") else math.inf,
    )


def _check_order(constraint: Inequality, fields: list[FieldSchema]) -> None:
    _require(constraint, fields, ORDERED)
    scales = {scale(field) for field in fields}
    if len(scales) > 1:
        raise _fault(constraint, "columns of one kind", " beside ".join(sorted(scales)))
    for place, lower in enumerate(fields):
        for upper in fields[place + 1 :]:
            least, most = _declared(lower)[0], _declared(upper)[1]
            if least > most or (constraint.strict and least == most):
                raise _fault(
                    constraint, "bounds that leave room for it",
                    f"a minimum of {lower.name!r} beyond the maximum of {upper.name!r}",
                )  # fmt: skip


def _check_place(constraint: Place, fields: list[FieldSchema]) -> None:
    _require(constraint, fields, ("integer", "number"))
    if any(field.is_categorical for field in fields):
        raise _fault(constraint, "columns of numbers", "one of categories")
    if grain(fields) < 0:
        raise _fault(constraint, "bounds within half a billion", "wider ones")


def _check_steps(constraint: Increment, field: FieldSchema) -> None:
    _require(constraint, [field], ORDERED)
    try:
        decimals, step, offset = stepped(constraint, field)
    except (ValueError, ArithmeticError):
        raise _fault(constraint, "an offset that the column can hold", "another text") from None
    own = digits(field)
    coarse = own is not None and field.type in ("integer", "number") and decimals > own
    if step < 1 or coarse:
        raise _fault(constraint, "a step and an offset that the column's decimals can show",
                     "finer ones")  # fmt: skip
    if step >= 2**62 or abs(offset) >= 2**62:
        raise _fault(constraint, "a step and an offset within 62 bits", "larger ones")
    unit = 10**decimals if field.type in ("integer", "number") else 1
    low, high = _declared(field)
    if math.isfinite(low) and math.isfinite(high):
        first = -((offset - round(low * unit)) // step)
        if first * step + offset > round(high * unit):
            raise _fault(constraint, "bounds of the column that leave room for a step", "none")


def _check_total(constraint: Total, fields: list[FieldSchema]) -> None:
    _require(constraint, fields, ("integer", "number"))
    total, *ends = map(_declared, fields)
    added = len(constraint.parts)
    parts = [*ends[:added], *((-high, -low) for low, high in ends[added:])]
    if sum(low for low, _ in parts) > total[1] or sum(high for _, high in parts) < total[0]:
        raise _fault(constraint, "bounds that leave room for it",
                     "parts whose bounds cannot reach those of the total")  # fmt: skip


def _check_allowed(constraint: Combinations, fields: list[FieldSchema]) -> None:
    try:
        texts = allowed_texts(constraint.allowed or (), fields)
    except ValueError:
        raise _fault(constraint, "values of the columns' types", "others") from None
    if len(set(texts)) < len(texts):
        raise _fault(constraint, "each combination once", "one twice")


def _check_installed(constraint: Custom) -> None:
    try:
        found = registry.find("constraints", constraint.name)
    except registry.UnknownNameError as error:
        raise SchemaError(
            f"constraint `{constraint.words}`", expected="a rule that is installed here",
            got="an unknown name", remedy=f"install what registers it ({error})",
        ) from None  # fmt: skip
    if not callable(getattr(found, "violations", found)):
        raise _fault(constraint, "a function, or an object with a method violations", "neither")


def _check_circles(constraints: Sequence[Constraint]) -> None:
    """Refuse columns that come strictly before themselves."""
    after: dict[str, dict[str, Inequality]] = {}
    for constraint in constraints:
        if isinstance(constraint, Inequality):
            for lower, upper in zip(constraint.columns, constraint.columns[1:], strict=False):
                edges = after.setdefault(lower, {})
                if upper not in edges or constraint.strict:
                    edges[upper] = constraint
    for lower, edges in after.items():
        for upper, constraint in edges.items():
            if constraint.strict and _leads(upper, lower, after):
                raise _fault(
                    constraint, "an order of the columns",
                    f"constraints by which {lower!r} comes before itself",
                )  # fmt: skip


def _leads(start: str, end: str, after: dict[str, dict[str, Inequality]]) -> bool:
    seen, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name == end:
            return True
        if name not in seen:
            seen.add(name)
            waiting.extend(after.get(name, ()))
    return False
