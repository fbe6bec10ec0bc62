"""Rules between columns that every record keeps, as they stand in a table schema."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import Field as Setting
from pydantic import (
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from tabsynth.schema.expression import parse_expression
from tabsynth.schema.generator import Strict

Cell = str | int | float | bool | None
Names = Annotated[tuple[str, ...], Setting(min_length=1)]
Several = Annotated[tuple[str, ...], Setting(min_length=2)]


class _Constraint(Strict):
    """A rule; it always names its kind.

    Args:
        observed: the rule was read from records. It is a proposal: synthetic records are made to
            keep it, but a record that does not is no violation.
    """

    observed: bool = False

    @model_serializer(mode="wrap")
    def _with_kind(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"kind": getattr(self, "kind", None), **handler(self)}

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.involved)) != len(self.involved):
            raise ValueError("expected each column once in a constraint")
        return self

    @property
    def involved(self) -> tuple[str, ...]:
        """The columns that it is about; empty where it does not say."""
        return tuple(getattr(self, "columns", ()))

    @property
    def words(self) -> str:
        """The rule in words: those of the schema, no value of any record."""
        raise NotImplementedError


class Inequality(_Constraint):
    """Each column is at most the next one; a missing value is passed over."""

    kind: Literal["inequality"] = "inequality"
    columns: Several
    strict: bool = False

    @property
    def words(self) -> str:
        """Such as `start <= end`."""
        return (" < " if self.strict else " <= ").join(self.columns)


class Combinations(_Constraint):
    """The columns together hold only combinations that are known.

    Args:
        columns: which.
        allowed: the combinations; by default those that occur in the records.
    """

    kind: Literal["combinations"] = "combinations"
    columns: Several
    allowed: tuple[tuple[Cell, ...], ...] | None = Setting(default=None, min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if any(len(cells) != len(self.columns) for cells in self.allowed or ()):
            raise ValueError("expected a value for each column in every allowed combination")
        return self

    @property
    def words(self) -> str:
        """Such as `known combinations of city, postcode`."""
        return f"known combinations of {', '.join(self.columns)}"


class Increment(_Constraint):
    """A number is `offset` plus a multiple of `step`: days for dates, seconds for moments."""

    kind: Literal["increment"] = "increment"
    column: str
    step: int | float = Setting(gt=0, lt=1e15)
    offset: int | float | str = 0

    @field_validator("step")
    @classmethod
    def _of_few_digits(cls, step: int | float) -> int | float:
        exponent = Decimal(str(step)).as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -9:
            raise ValueError("expected a step of at most 9 decimals")
        return step

    @property
    def involved(self) -> tuple[str, ...]:
        """The one column."""
        return (self.column,)

    @property
    def words(self) -> str:
        """Such as `price in steps of 0.05`."""
        return f"{self.column} in steps of {self.step:g}"


class OneHot(_Constraint):
    """Exactly one of the columns is true (or 1) in every record, or all are missing."""

    kind: Literal["one_hot"] = "one_hot"
    columns: Several

    @property
    def words(self) -> str:
        """Such as `exactly one of red, green, blue`."""
        return f"exactly one of {', '.join(self.columns)}"


class Total(_Constraint):
    """The parts sum to the total; a record with one of them missing keeps the rule.

    Args:
        total: the sum.
        parts: what is added.
        minus: what is taken away from it, such as payments from a running balance.
    """

    kind: Literal["total"] = "total"
    total: str
    parts: Names
    minus: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _several(self) -> Self:
        if len(self.involved) < 3:
            raise ValueError("expected at least two parts")
        return self

    @property
    def involved(self) -> tuple[str, ...]:
        """The total, then its parts, then those that are taken away."""
        return (self.total, *self.parts, *self.minus)

    @property
    def words(self) -> str:
        """Such as `total = net + tax`, or `balance = before + bought - paid`."""
        return f"{self.total} = {' - '.join((' + '.join(self.parts), *self.minus))}"


class Place(_Constraint):
    """Two columns are the coordinates of a point, and drawn points lie where several records do.

    Args:
        columns: both, in either order, as degrees or in any other unit that they share.
    """

    kind: Literal["place"] = "place"
    columns: tuple[str, str]

    @property
    def words(self) -> str:
        """Such as `places of latitude, longitude`."""
        return f"places of {', '.join(self.columns)}"


class Unique(_Constraint):
    """No two records agree in all of the columns; one with a missing value agrees with none."""

    kind: Literal["unique"] = "unique"
    columns: Names

    @property
    def words(self) -> str:
        """Such as `no two records alike in day, room`."""
        return f"no two records alike in {', '.join(self.columns)}"


class Exclusive(_Constraint):
    """At most one of the columns has a value; with `required`, exactly one."""

    kind: Literal["exclusive"] = "exclusive"
    columns: Several
    required: bool = False

    @property
    def words(self) -> str:
        """Such as `at most one value in phone, email`."""
        return f"{'one' if self.required else 'at most one'} value in {', '.join(self.columns)}"


class Expression(_Constraint):
    """What `tabsynth.schema.expression` can say; unknown, because of a missing value, holds."""

    kind: Literal["expression"] = "expression"
    expression: str

    @field_validator("expression")
    @classmethod
    def _parses(cls, expression: str) -> str:
        parse_expression(expression)
        return expression

    @property
    def involved(self) -> tuple[str, ...]:
        """The columns that it names."""
        return parse_expression(self.expression).columns

    @property
    def words(self) -> str:
        """The expression itself."""
        return " ".join(self.expression.split())


class Custom(_Constraint):
    """A rule in Python: an entry point of the group `tabsynth.constraints`.

    Args:
        name: of the entry point; it leads to a function, or an object with a method `violations`,
            from a `Table` to a mask of the records that break the rule.
        columns: the columns that it is about, if it is not about all.
    """

    kind: Literal["custom"] = "custom"
    name: str = Setting(min_length=1)
    columns: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Its name."""
        return f"custom rule {self.name}"


Constraint = Annotated[
    Inequality | Combinations | Increment | OneHot | Total | Place | Unique | Exclusive
    | Expression | Custom,
    Setting(discriminator="kind"),
]  # fmt: skip

# every key that some constraint has, for whoever misspells one
CONSTRAINT_KEYS: Final = {
    key: None for kind in get_args(get_args(Constraint)[0]) for key in kind.model_fields
}


def require_known(
    constraints: Collection[Constraint], names: Collection[str], modelled: Collection[str]
) -> None:
    """Refuse constraints on columns that are not there, or that no model draws.

    Raises:
        ValueError: there is one.
    """
    for constraint in constraints:
        for name in constraint.involved:
            if name not in names:
                raise ValueError(
                    f"a constraint ({constraint.kind}) names {name!r}, which is not a field"
                )
            if name not in modelled:
                raise ValueError(
                    f"a constraint ({constraint.kind}) names {name!r}, which is not modelled; take "
                    "the column's generator or free_text away, or the constraint"
                )
