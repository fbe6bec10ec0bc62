"""Which parent a record is born from, and which others it is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tabsynth.database import NO_PARENT, Database
from tabsynth.errors import SchemaError
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.keys import ForeignKey

Places = NDArray[np.int64]


@dataclass(frozen=True, order=True)
class Relation:
    """One foreign key of one table.

    Args:
        child: the table that has it.
        index: its place among the keys of the child.
    """

    child: str
    index: int

    def key(self, schema: DatabaseSchema) -> ForeignKey:
        """The key itself."""
        return schema.foreign_keys[self.child][self.index]

    def label(self, schema: DatabaseSchema) -> str:
        """Such as `orders (client)`."""
        return f"{self.child} ({', '.join(self.key(schema).fields)})"


@dataclass(frozen=True)
class Ties:
    """What each foreign key of a table is to its records.

    Args:
        main: leads to the parent that a record is born from; None in a table that has no parent.
        others: lead to parents that are chosen once the record is there.
        own: lead to records of the same table.
    """

    main: Relation | None
    others: tuple[Relation, ...] = ()
    own: tuple[Relation, ...] = ()


def ties_of(database: Database, table: str) -> Ties:
    """Choose the main parent of a table's records.

    A key that every record has comes before one that some lack, one by which records have siblings
    before one by which they have none, and then the one whose parents have the fewest children:
    what siblings share is then told best.

    Args:
        database: the records.
        table: name of the child.
    """
    schema = database.schema
    own, others = [], []
    for index, key in enumerate(schema.foreign_keys[table]):
        relation = Relation(table, index)
        if key.parent == table:
            own.append(relation)
        else:
            others.append((_preference(database, relation), relation))
    for relation in own:
        _require_apart(schema, relation)
    ordered = [relation for _, relation in sorted(others)]
    return Ties(ordered[0] if ordered else None, tuple(sorted(ordered[1:])), tuple(own))


def is_unique(schema: DatabaseSchema, relation: Relation) -> bool:
    """Whether no parent may have two children by that key."""
    fields = set(relation.key(schema).fields)
    return any(set(key) <= fields for key in schema.unique_keys(relation.child))


def may_lack(schema: DatabaseSchema, relation: Relation) -> bool:
    """Whether a record may do without that parent."""
    table = schema.tables[relation.child]
    fields = [table.field(name) for name in relation.key(schema).fields]
    return not any(f.name in table.primary_key or f.declares("required") for f in fields)


def _preference(database: Database, relation: Relation) -> tuple[bool, bool, float]:
    places = database.parents(relation.child, relation.key(database.schema))
    having = places[places != NO_PARENT]
    each = len(having) / max(len(np.unique(having)), 1)
    # an only child has no siblings, whether or not a unique key says so
    return len(having) < len(places), each <= 1, round(each, 6)


def _require_apart(schema: DatabaseSchema, relation: Relation) -> None:
    key = relation.key(schema)
    taken = {
        name
        for other in schema.foreign_keys[relation.child]
        if other != key
        for name in other.fields
    }
    if set(key.fields) & (set(key.references) | taken):
        raise SchemaError(
            f"table {relation.child!r}: foreign key {', '.join(key.fields)}",
            expected="a key to its own table that shares no column with another key",
            got="one that does", remedy="leave it out of the schema",
        )  # fmt: skip
