"""What a declared schema leaves open, read from records and marked as observed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import pyarrow as pa

from tabsynth.schema.columns import Values, distinct, is_text, read_values, weigh
from tabsynth.schema.detect import detect
from tabsynth.schema.infer import Column, decimals_of, propose
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.schema.parse import as_texts
from tabsynth.schema.recognise import fresh

_MOMENTS: Final = ("date", "datetime", "time")
_NUMBERS_MADE: Final = "taken for personal data; its numbers are invented"


def complete(
    schema: TableSchema, raw: pa.Table, *, keys: Collection[str] = (), min_count: int = 5
) -> TableSchema:
    """A declared schema with facts from the records where it says nothing.

    Declared facts win. A text column whose texts are all dates or times becomes one, its type being
    observed; other types stay. A column whose values may not come twice gets a generator.

    Args:
        schema: as a database declares it.
        raw: the records, as read.
        keys: columns that name records of other tables; nothing is read of them.
        min_count: see `tabsynth.schema.infer.infer`.

    Privacy: as of `infer`.
    """
    fields, notes = [], []
    alone = set(schema.primary_key if len(schema.primary_key) == 1 else ())
    for field in schema.fields:
        if field.name in keys:
            fields.append(field)
            continue
        unique = field.name in alone or field.constraints.unique
        completed, remarks = _completed(
            field, raw.column(field.name), schema.markers(field), unique=unique, min_count=min_count
        )
        fields.append(completed)
        if raw.num_rows:
            notes += [f"column {field.name!r}: {remark}" for remark in remarks]
    ours = schema.tabsynth.model_copy(update={"notes": (*schema.tabsynth.notes, *notes)})
    update = {"fields": tuple(fields), "tabsynth": ours}
    return TableSchema.model_validate(schema.model_copy(update=update).descriptor())


def _completed(
    field: FieldSchema,
    raw: pa.ChunkedArray,
    markers: tuple[str, ...],
    *,
    unique: bool,
    min_count: int,
) -> tuple[FieldSchema, tuple[str, ...]]:
    if not field.is_modelled:
        return field, ()
    values = read_values(raw, field, markers)
    if unique:
        return _generated(field, values), ()
    column = Column(field, values.values, values.weights, len(raw))
    if field.domain is not None:
        return _with(field, column, {}), ()
    if field.type == "string" and field.format is None:
        column = _as_moments(field, raw) or column
    facts, notes = propose(column, min_count)
    if field.type == "integer" and facts.get("type") == "string":
        texts = as_texts(values.values.drop_null().unique())
        facts, notes = {"tabsynth": {"generator": fresh(texts)}}, (_NUMBERS_MADE,)
    if field.type == "number" and field.tabsynth.decimals is None:
        decimals = decimals_of(values.values)
        if decimals is not None:
            facts["tabsynth"] = {**facts.get("tabsynth", {}), "decimals": decimals}
    return _with(field, column, facts), notes


def _generated(field: FieldSchema, values: Values) -> FieldSchema:
    """The field with a generator of values that are not among those of the records."""
    texts = as_texts(values.values.drop_null().unique())
    if field.type not in ("string", "integer") or texts is None:
        return field
    extension = field.tabsynth.model_copy(update={"role": "identifier"})
    descriptor = field.model_copy(update={"tabsynth": extension}).model_dump(
        by_alias=True, exclude_defaults=True
    )
    descriptor.pop("categories", None)
    generator = fresh(texts)
    if field.type == "integer" and generator.get("prefix"):
        generator = {"kind": "sequence"}
    descriptor["tabsynth"]["generator"] = generator
    return FieldSchema.model_validate(descriptor)


def _as_moments(field: FieldSchema, raw: pa.ChunkedArray) -> Column | None:
    """The same column as dates or times, where all its texts are."""
    if not is_text(raw.type):
        return None
    texts, codes = distinct(raw)
    found = detect(field.name, texts)
    if found.field.type not in _MOMENTS:
        return None
    descriptor = found.field.model_dump(by_alias=True, exclude_defaults=True)
    own = field.model_dump(by_alias=True, exclude_defaults=True)
    own.get("constraints", {}).pop("maxLength", None)
    own.get("constraints", {}).pop("minLength", None)
    merged = FieldSchema.model_validate(own | descriptor)
    notes = (found.note,) if found.note else ()
    return Column(merged, found.values, weigh(texts, codes), len(raw), notes=notes)


def _with(declared: FieldSchema, column: Column, facts: dict[str, Any]) -> FieldSchema:
    """The field with those facts that it does not declare itself."""
    field = column.field
    descriptor = field.model_dump(by_alias=True, exclude_defaults=True)
    constraints, extension = descriptor.get("constraints", {}), descriptor.get("tabsynth", {})
    observed = [] if field.type == declared.type else ["type"]
    for name, value in facts.pop("tabsynth", {}).items():
        if extension.get(name) is None:
            extension[name] = value
            observed += ["decimals"] if name == "decimals" else []
    for name, value in facts.pop("constraints", {}).items():
        if name in ("minimum", "maximum") and name not in constraints and _fits(name, value, field):
            constraints[name] = value
            observed.append(name)
    if "categories" in facts:
        descriptor |= facts
        observed.append("categories")
    everyone = column.rows and int(column.counts.sum()) == column.rows
    if everyone and not constraints.get("required"):
        constraints["required"] = True
        observed.append("required")
    if observed:
        extension["observed"] = [*extension.get("observed", []), *observed]
    if extension:
        descriptor["tabsynth"] = extension
    if constraints:
        descriptor["constraints"] = constraints
    return FieldSchema.model_validate(descriptor)


def _fits(name: str, value: Any, field: FieldSchema) -> bool:
    """Whether an observed bound agrees with the declared one on the other side."""
    other = "maximum" if name == "minimum" else "minimum"
    declared = getattr(field.constraints, other)
    if declared is None:
        return True
    bounds = {name: value, other: declared}
    try:
        FieldSchema.model_validate(
            {"name": field.name, "type": field.type, "format": field.format, "constraints": bounds}
        )
    except ValueError:
        return False
    return True
