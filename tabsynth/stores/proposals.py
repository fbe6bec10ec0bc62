"""Keys of files that declare none: proposed where names say so and the values agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tabsynth.schema.check import check
from tabsynth.schema.columns import spelled_out
from tabsynth.schema.keys import ForeignKey
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.schema.recognise import words

_ID: Final = ("id", "key", "no", "nr", "number", "uuid", "code")
_READ: Final = "proposed, as the names say so and the values agree"


def with_keys(schemas: Mapping[str, TableSchema], raw: Mapping[str, pa.Table]) -> dict[str, Any]:
    """The schemas of several tables with the keys that they seem to have.

    A primary key is a column that is named `id` or after its table, without a value that is missing
    or comes twice. A foreign key is a column that is named like another table's primary key, or
    after that table, and has no value that is not there. Notes say that both were proposed.

    Args:
        schemas: as inferred, by name of the table.
        raw: the records of each.

    Privacy: reads every record; which columns are keys enters the schemas.
    """
    data = {name: check(raw[name], schema)[0] for name, schema in schemas.items()}
    keys = {name: _primary(name, schemas[name], data[name]) for name in schemas}
    found: dict[str, Any] = {}
    for name, schema in schemas.items():
        notes = list(schema.tabsynth.notes)
        fields = {field.name: field for field in schema.fields}
        foreign = []
        for column in schema.names:
            parent = _parent(column, name, keys=keys, schemas=schemas, data=data)
            if parent is None:
                continue
            key = ForeignKey((column,), parent, (str(keys[parent]),))
            foreign.append(key.descriptor(child=name))
            fields[column] = _naming(fields[column])
            notes = [note for note in notes if not note.startswith(f"column {column!r}:")]
            notes.append(f"foreign key {column}: {_READ}")
        primary = keys[name]
        if primary is not None:
            notes.append(f"primary key {primary}: {_READ}")
        ours = schema.tabsynth.model_copy(update={"notes": tuple(notes)})
        update = {"fields": tuple(fields.values()), "primary_key": (primary,) if primary else (),
                  "foreign_keys": tuple(foreign), "tabsynth": ours}  # fmt: skip
        found[name] = TableSchema.model_validate(schema.model_copy(update=update).descriptor())
    return found


def _primary(table: str, schema: TableSchema, data: pa.Table) -> str | None:
    """The column that is the primary key, by its name and values."""
    ranked = sorted(
        (field.name for field in schema.fields if field.type in ("integer", "string")),
        key=lambda column: (not _is_own(column, table), column not in schema.primary_key),
    )
    for column in ranked[:1]:
        said = words(column).split()
        named = _is_own(column, table) or (
            said and said[-1] in _ID and column in schema.primary_key
        )
        values = data.column(column)
        if named and len(values) and not values.null_count:
            distinct = pc.count_distinct(spelled_out(values)).as_py()
            return column if distinct == len(values) else None
    return None


def _parent(
    column: str,
    table: str,
    *,
    keys: Mapping[str, str | None],
    schemas: Mapping[str, TableSchema],
    data: Mapping[str, pa.Table],
) -> str | None:
    """The table that a column names records of, if there is exactly one that suits best."""
    if column == keys[table] and _is_own(column, table):
        return None
    suits: dict[str, int] = {}
    for parent, key in keys.items():
        rank = 0 if key is None else _rank(column, parent, key, itself=parent == table)
        if rank and column != (key if parent == table else None):
            suits[parent] = rank
    best = [parent for parent, rank in suits.items() if rank == max(suits.values())]
    if len(best) != 1:
        return None
    parent, key = best[0], str(keys[best[0]])
    if schemas[table].field(column).type != schemas[parent].field(key).type:
        return None
    own = spelled_out(data[table].column(column)).unique().drop_null()
    there = pc.is_in(own, value_set=spelled_out(data[parent].column(key)).combine_chunks())
    return parent if len(own) and pc.all(there).as_py() else None


def _rank(column: str, parent: str, key: str, *, itself: bool) -> int:
    """How well a column's name says that it leads to a table: 0 not at all."""
    said, entity = words(column), _singular(words(parent))
    head, _, last = said.rpartition(" ")
    if last not in _ID:
        return 0
    if itself:
        return 3 if head == "parent" or head == f"parent {entity}" else 0
    if _singular(head) == entity:
        return 3
    if said == words(key) and said not in _ID:
        return 2
    return 1 if _singular(head).endswith(f" {entity}") else 0


def _is_own(column: str, table: str) -> bool:
    """Whether a column is named `id`, or after its table."""
    said = words(column)
    head, _, last = said.rpartition(" ")
    return last in _ID and (
        last == "id" if not head else _singular(head) == _singular(words(table))
    )


def _singular(name: str) -> str:
    if name.endswith("ies"):
        return name[:-3] + "y"
    for ending, rest in (("sses", 2), ("xes", 2), ("ches", 2), ("shes", 2), ("s", 1)):
        if name.endswith(ending) and not name.endswith("ss"):
            return name[:-rest]
    return name


def _naming(field: FieldSchema) -> FieldSchema:
    """The field of a foreign key: its type and whether it may be missing, and no more."""
    descriptor = {
        "name": field.name, "type": field.type,
        "constraints": {"required": field.constraints.required},
        "missingValues": field.missing_values,
        "tabsynth": {"observed": [f for f in field.tabsynth.observed if f in ("type", "required")]},
    }  # fmt: skip
    return FieldSchema.model_validate({k: v for k, v in descriptor.items() if v is not None})
