"""How many records each table of a test database gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tabsynth.errors import UsageError
from tabsynth.schema.database import DatabaseSchema

CHILDREN: Final = 3
ALONE: Final = 100


def sizes(schema: DatabaseSchema, rows: Mapping[str, int]) -> dict[str, int]:
    """Numbers of records by table, parents first.

    A table that is not named has as many records as the parent to which a unique key of its own
    leads, else three for each record of its largest parent; without parents, a third of its largest
    child, else 100.

    Args:
        schema: of the database.
        rows: what was asked for, by name of the table.

    Raises:
        UsageError: a table that is not there, or fewer than no records.
        SchemaError: keys that lead round in a circle.
    """
    for name, number in rows.items():
        if name not in schema.tables:
            raise UsageError("--rows", expected="tables of the schema", got=repr(name),
                             remedy="name one of " + ", ".join(schema.tables))  # fmt: skip
        if number < 0:
            raise UsageError("--rows", expected="0 records or more", got=str(number),
                             remedy="ask for 0 or more")  # fmt: skip
    found = dict(rows)
    for name in schema.parents_first:
        if name in found:
            continue
        parents = {k.parent: k for k in schema.foreign_keys[name] if k.parent != name}
        if parents:
            largest = max(parents, key=lambda parent: found[parent])
            unique = set(schema.unique_keys(name))
            single = [p for p, key in parents.items() if key.fields in unique]
            found[name] = found[single[0]] if single else CHILDREN * found[largest]
            continue
        children = [
            rows[child] for child in rows
            if any(k.parent == name for k in schema.foreign_keys[child])
        ]  # fmt: skip
        found[name] = max(1, max(children) // CHILDREN) if children else ALONE
    return {name: found[name] for name in schema.parents_first}
