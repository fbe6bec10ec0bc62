"""Parameters of distributions: numbers, expressions of other columns, or tables by category."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import AfterValidator, Discriminator, Tag, field_validator
from pydantic import Field as Setting

from tabsynth.constraints.evaluation import calculated
from tabsynth.errors import SchemaError
from tabsynth.schema.expression import parse_expression
from tabsynth.schema.generator import Strict
from tabsynth.table import Table

Floats: TypeAlias = NDArray[np.float64]
_TRUTHS: Final = {True: "true", False: "false"}


def _expression(text: str) -> str:
    parse_expression(text)
    return text


class Exp(Strict):
    """The exponential of an expression: for what must lie above 0."""

    exp: str

    _parses = field_validator("exp")(_expression)


class Logistic(Strict):
    """1 / (1 + exp(-x)) of an expression: for probabilities."""

    logistic: str

    _parses = field_validator("logistic")(_expression)


class Lookup(Strict):
    """A parameter for each value of another column.

    Args:
        by: a column of categories or truth values.
        values: a parameter for each of them, as text.
        otherwise: for those that are not listed.
    """

    by: str
    values: dict[str, Parameter]
    otherwise: Parameter | None = None

    @field_validator("values", mode="before")
    @classmethod
    def _by_text(cls, values: Any) -> Any:
        return by_text(values)


def by_text(values: Any) -> Any:
    """A mapping with its keys as texts, as YAML reads `1` and `true` as other things."""
    if not isinstance(values, Mapping):
        return values
    return {_TRUTHS[k] if isinstance(k, bool) else str(k): v for k, v in values.items()}


def _form(value: Any) -> str | None:
    """Which of the forms of a parameter was written, so that what is wrong in it can be said."""
    if isinstance(value, (bool, int, float)):
        return "number"
    if isinstance(value, str):
        return "expression"
    for form in ("exp", "logistic"):
        if form in value if isinstance(value, Mapping) else hasattr(value, form):
            return form
    return "table" if isinstance(value, (Mapping, Lookup)) else None


Number: TypeAlias = Annotated[float, Setting(strict=True, allow_inf_nan=False)]
Text: TypeAlias = Annotated[str, AfterValidator(_expression)]
_FORMS: Final = Discriminator(
    _form,
    custom_error_type="parameter",
    custom_error_message="expected a number, an expression, or a mapping with exp, logistic, "
    "or by and values",
)
Parameter: TypeAlias = Annotated[
    Annotated[Number, Tag("number")]
    | Annotated[Text, Tag("expression")]
    | Annotated[Exp, Tag("exp")]
    | Annotated[Logistic, Tag("logistic")]
    | Annotated[Lookup, Tag("table")],
    _FORMS,
]
Lookup.model_rebuild()


def expressions(parameter: Parameter) -> Iterator[str]:
    """The texts of the expressions in a parameter."""
    if isinstance(parameter, str):
        yield parameter
    elif isinstance(parameter, (Exp, Logistic)):
        yield parameter.exp if isinstance(parameter, Exp) else parameter.logistic
    elif isinstance(parameter, Lookup):
        for inner in (*parameter.values.values(), parameter.otherwise):
            if inner is not None:
                yield from expressions(inner)


def lookups(parameter: Parameter) -> Iterator[Lookup]:
    """The tables in a parameter, outermost first."""
    if isinstance(parameter, Lookup):
        yield parameter
        for inner in (*parameter.values.values(), parameter.otherwise):
            if inner is not None:
                yield from lookups(inner)


def involved(parameter: Parameter) -> set[str]:
    """Names of the columns that a parameter depends on."""
    found = {name for text in expressions(parameter) for name in parse_expression(text).columns}
    return found | {table.by for table in lookups(parameter)}


def evaluated(parameter: Parameter, columns: Table) -> Floats:
    """A parameter's value for each record, shape (records,); NaN where it is unknown.

    Args:
        parameter: as the specification writes it.
        columns: the columns that it depends on.

    Raises:
        SchemaError: an expression that is no number.
    """
    rows = columns.num_rows
    if isinstance(parameter, (int, float)):
        return np.full(rows, float(parameter))
    if isinstance(parameter, str):
        return _numbers(parameter, columns)
    # what overflows is refused with the distribution's parameter
    with np.errstate(over="ignore"):
        if isinstance(parameter, Exp):
            return np.asarray(np.exp(_numbers(parameter.exp, columns)))
        if isinstance(parameter, Logistic):
            return np.asarray(1 / (1 + np.exp(-_numbers(parameter.logistic, columns))))
    return _looked_up(parameter, columns)


def _numbers(text: str, columns: Table) -> Floats:
    found = calculated(text, columns)
    if found.kind not in ("number", "truth"):
        raise SchemaError(
            f"`{text}`", expected="an expression that is a number", got=f"a {found.kind}",
            remedy="correct the expression",
        )  # fmt: skip
    return np.where(found.known, np.asarray(found.values, float), np.nan)


def _looked_up(table: Lookup, columns: Table) -> Floats:
    words = columns.column(table.by).cast(pa.string()).dictionary_encode()
    codes = words.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    found = np.full(columns.num_rows, np.nan)
    for code, word in enumerate(words.dictionary.to_pylist()):
        inner = table.values.get(word, table.otherwise)
        if inner is None:
            continue
        rows = np.flatnonzero(codes == code)
        constant = isinstance(inner, (int, float))
        found[rows] = inner if constant else evaluated(inner, columns.take(rows))
    return found
