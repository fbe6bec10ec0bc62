"""Columns that stand in for others while a model is learnt: their names and fields."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tabsynth.schema.model import FieldSchema


def free_name(wanted: str, taken: Collection[str]) -> str:
    """The wanted name, with strokes behind it while a column has it."""
    while wanted in taken:
        wanted += "'"
    return wanted


def plain_field(
    name: str,
    kind: str,
    *,
    required: bool = False,
    minimum: int | float | None = None,
    maximum: int | float | None = None,
    categories: tuple[str, ...] | None = None,
    decimals: int | None = None,
    observed: tuple[str, ...] = (),
    like: FieldSchema | None = None,
) -> FieldSchema:
    """A field of a column that stands in for others.

    Args:
        name: of the column.
        kind: its type.
        required: whether it is never missing.
        minimum: smallest value.
        maximum: largest value.
        categories: of a text.
        decimals: of a number.
        observed: which of these facts were read from records.
        like: a field whose bounds, decimals and time zone it has; it may then be missing.
    """
    if like is not None:
        rules = like.constraints.model_copy(update={"required": False, "unique": False})
        facts = tuple(fact for fact in like.tabsynth.observed if fact != "required")
        ours = like.tabsynth.model_copy(update={"observed": facts, "role": None})
        return like.model_copy(update={"name": name, "constraints": rules, "tabsynth": ours})
    rules_: dict[str, Any] = {"minimum": minimum, "maximum": maximum}
    rules_ = {key: bound for key, bound in rules_.items() if bound is not None}
    if required:
        rules_["required"] = True
    descriptor: dict[str, Any] = {"name": name, "type": kind, "constraints": rules_}
    if categories is not None:
        descriptor["categories"] = categories
    extension: dict[str, Any] = {"observed": observed}
    if decimals is not None:
        extension["decimals"] = decimals
    return FieldSchema.model_validate({**descriptor, "tabsynth": extension})
