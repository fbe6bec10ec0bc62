"""How many records each table of a test database gets."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Final

from tabsynth.errors import UsageError, unknown
from tabsynth.schema.database import DatabaseSchema

CHILDREN: Final = 3
ALONE: Final = 100


def sizes(schema: DatabaseSchema, rows: Mapping[str, int]) -> dict[str, int]:
    """Numbers of records by table, parents first.

    A table that is not named has as many records as the parent to which a unique key of its own
    leads, else three for each record of its largest parent; without parents, a third of its largest
    child, else 100; but no more than its keys have values.

    Args:
        schema: of the database.
        rows: what was asked for, by name of the table.

    Raises:
        UsageError: a table that is not there, or fewer than no records.
        SchemaError: keys that lead round in a circle.
    """
    for name, number in rows.items():
        if name not in schema.tables:
            raise unknown("--rows", name, list(schema.tables), remedy="name tables of the schema")
        if number < 0:
            raise UsageError("--rows", expected="0 records or more", got=str(number),
                             remedy="ask for 0 or more")  # fmt: skip
    found = dict(rows)
    for name in schema.parents_first:
        if name in found:
            continue
        keys = [k for k in schema.foreign_keys[name] if k.parent != name]
        unique = set(schema.unique_keys(name))
        single = [found[k.parent] for k in keys if k.fields in unique]
        if keys:
            number = min(single) if single else CHILDREN * max(found[k.parent] for k in keys)
            found[name] = min(number, _most(schema, name, found))
            continue
        children = [
            rows[child] for child in rows
            if any(k.parent == name for k in schema.foreign_keys[child])
        ]  # fmt: skip
        number = max(1, max(children) // CHILDREN) if children else ALONE
        found[name] = min(number, _most(schema, name, found))
    return {name: found[name] for name in schema.parents_first}


def _most(schema: DatabaseSchema, table: str, found: Mapping[str, int]) -> int:
    """Records that the unique keys allow that are made of foreign keys and listed values alone."""
    own, most = schema.tables[table], sys.maxsize
    parent = {
        name: (place, found.get(key.parent, sys.maxsize))
        for place, key in enumerate(schema.foreign_keys[table]) for name in key.fields
    }  # fmt: skip
    for unique in schema.unique_keys(table):
        bases: dict[int | str, int] = {}
        for name in unique:
            field = own.field(name)
            if name in parent:
                bases[parent[name][0]] = parent[name][1]
            elif field.domain is not None or field.type == "boolean":
                bases[name] = 2 if field.domain is None else len(field.domain)
            else:
                bases[name] = sys.maxsize
        most = min(most, math.prod(bases.values()))
    return most
