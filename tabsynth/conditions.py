"""Conditions as people write them, checked against a model's schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tabsynth.errors import ConditionError, unknown
from tabsynth.schema.check import check
from tabsynth.schema.model import Constraints, TableSchema
from tabsynth.table import Table, arrow_from_pandas, require_names

if TYPE_CHECKING:
    from typing import TypeAlias

    import pandas as pd

    Given: TypeAlias = Mapping[str, Any] | pd.DataFrame | pa.Table | Table


def as_given(given: Given, schema: TableSchema) -> Table:
    """Conditions as a table of some of the schema's columns.

    Args:
        given: one value per column, or a table of conditions, values or texts.
        schema: the model's.

    Returns:
        One record per condition; a missing cell is free.

    Raises:
        ConditionError: an unknown column, or a value that is not of the column's type.
    """
    if isinstance(given, Table):
        return given
    raw = _raw(given)
    for name in raw.column_names:
        if name not in schema.names:
            remedy = "see `tabsynth inspect MODEL` for the columns"
            raise unknown("given", name, schema.names, remedy=remedy, error=ConditionError)
    # bounds and keys are the model's affair; here only the type counts
    fields = tuple(
        field.model_copy(update={"constraints": Constraints(enum=field.constraints.enum)})
        for field in map(schema.field, raw.column_names)
    )
    wanted = schema.model_copy(update={"fields": fields, "primary_key": (), "unique_keys": ()})
    data, violations = check(raw, wanted)
    for violation in violations:
        raise ConditionError(
            f"given {violation.column!r}",
            expected=violation.expected,
            got="another value",
            remedy="see `tabsynth inspect MODEL` for what the column can hold",
        )
    return Table(wanted, data)


def from_texts(pairs: list[str], schema: TableSchema) -> Table:
    """Conditions from `COLUMN=VALUE` texts.

    Raises:
        ConditionError: a text without `=`, a repeated or unknown column, or no value of its type.
    """
    given: dict[str, str] = {}
    for pair in pairs:
        # the longest column name wins, since a name may itself hold an equals sign
        names = [n for n in schema.names if pair.startswith(f"{n}=")]
        name = max(names, key=len) if names else pair.partition("=")[0]
        value = pair[len(name) + 1 :]
        if "=" not in pair or name in given:
            raise ConditionError(
                "--given", expected="COLUMN=VALUE, each column once", got="something else",
                remedy="write for example --given sex=Female",
            )  # fmt: skip
        if name in schema.names and value in schema.markers(schema.field(name)):
            raise ConditionError(
                f"given {name!r}", expected="a value", got="a marker of a missing one",
                remedy="leave the condition out; a missing value cannot be given yet",
            )  # fmt: skip
        given[name] = value
    return as_given(given, schema)


def _raw(given: Mapping[str, Any] | pd.DataFrame | pa.Table) -> pa.Table:
    if isinstance(given, pa.Table):
        require_names(given.column_names)
        return given
    if isinstance(given, str):
        raise ConditionError(
            "given", expected="a mapping from columns to values, or a table", got="a text",
            remedy="write for example given={'sex': 'female'}",
        )  # fmt: skip
    if isinstance(given, Mapping):
        return pa.table({str(name): _one(str(name), value) for name, value in given.items()})
    return arrow_from_pandas(given)


def _one(name: str, value: Any) -> pa.Array:
    try:
        return pa.array([value])
    except (pa.ArrowException, UnicodeEncodeError, OverflowError):
        # their own words quote the value
        raise ConditionError(
            f"given {name!a}", expected="a number, text, date or truth value", got="another value",
            remedy="see `tabsynth inspect MODEL` for what the column can hold",
        ) from None  # fmt: skip
