"""What a workflow refuses before any work."""

from __future__ import annotations

from collections.abc import Sequence

from tabsynth.errors import DataError, SchemaError, UsageError, require_list, unknown
from tabsynth.modelfile import Fitted
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table


def require_modelled(schema: TableSchema) -> None:
    """Refuse a table of which nothing would be learnt.

    Raises:
        DataError: every column is invented or withheld.
    """
    if not schema.modelled_fields:
        raise DataError(
            "data", expected="at least one column to model", got="only generated or text columns",
            remedy="check roles and generators in the schema",
        )  # fmt: skip


def require_generated_keys(schema: TableSchema) -> None:
    """Refuse keys that would be drawn from a model: it cannot promise that no value comes twice.

    Raises:
        SchemaError: there is one.
    """
    generated = {f.name for f in schema.fields if f.is_generated}
    keys: list[tuple[str, ...]] = [
        (f.name,) for f in schema.fields if f.constraints.unique and f.is_modelled
    ]
    if schema.primary_key:
        keys.append(schema.primary_key)
    for key in keys:
        if not generated & set(key):
            raise SchemaError(
                f"column {', '.join(map(repr, key))}", expected="a generator for a unique column",
                got="one that would be modelled",
                remedy="add a generator (sequence, uuid or pattern), or drop unique and primaryKey",
            )  # fmt: skip


def check_target(target: str | None, schema: TableSchema) -> None:
    """Refuse a target that is not a modelled column, before any work.

    Raises:
        UsageError: it is not.
    """
    if target is not None and target not in schema.modelled_names:
        raise unknown("--target", target, schema.modelled_names, remedy="name a modelled column")


def check_protected(protected: Sequence[str], schema: TableSchema) -> None:
    """Refuse protected columns that are not modelled, before any work.

    Raises:
        UsageError: one is not, or they are no list.
    """
    require_list("--protected", protected)
    for name in protected:
        if name not in schema.modelled_names:
            raise unknown(
                "--protected", name, schema.modelled_names, remedy="name modelled columns"
            )


def check_strata(
    strata: Sequence[str], protected: Sequence[str], target: str | None, schema: TableSchema
) -> None:
    """Refuse strata that are not modelled, or that would compare nothing, before any work.

    Raises:
        UsageError: one is not a modelled column or is the target, they are no list, or there are
            strata without protected columns and target.
    """
    require_list("--strata", strata)
    known = [name for name in schema.modelled_names if name != target]
    for name in strata:
        if name not in known:
            remedy = "name modelled columns other than the target"
            raise unknown("--strata", name, known, remedy=remedy)
    if strata and not (protected and target):
        raise UsageError(
            "--strata", expected="--protected and --target beside it", got="strata alone",
            remedy="name the groups and the outcome to compare within strata",
        )  # fmt: skip


def check_deep(deep: Sequence[int] | None, model: Fitted | None, train: Table) -> None:
    """Refuse shadow fits that cannot be made.

    Raises:
        UsageError: there is no model to make again, or no record at one of the positions.
    """
    if deep is None:
        return
    if model is None:
        raise UsageError("--deep", expected="the model that made the synthetic table",
                         got="none", remedy="name it with --model")  # fmt: skip
    if model.certificate is not None:
        raise UsageError(
            "--deep", expected="a model that was fitted without a privacy budget",
            got="one whose shadow fits would cost its budget many times over",
            remedy="leave it out; the certificate bounds what such an attack can find",
        )  # fmt: skip
    if any(not 0 <= place < train.num_rows for place in deep):
        raise UsageError("--deep-record", expected="a training record, counted from 0",
                         got="one that is not there", remedy="correct the number")  # fmt: skip
