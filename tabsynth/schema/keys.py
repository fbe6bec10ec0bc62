"""Keys between tables, as a Table Schema writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ForeignKey:
    """Columns of one table (the child) that name a record of a table (the parent).

    Args:
        fields: the child's columns, in the order of `references`.
        parent: name of the parent's table; the child's own for a self reference.
        references: the parent's columns: its primary key, or a unique one.
    """

    fields: tuple[str, ...]
    parent: str
    references: tuple[str, ...]

    @classmethod
    def parse(cls, descriptor: Mapping[str, Any], *, child: str) -> ForeignKey:
        """A key from its descriptor in a table schema.

        Args:
            descriptor: `{"fields": ..., "reference": {"resource": ..., "fields": ...}}`, as in
                https://datapackage.org/standard/table-schema/#foreignKeys; no resource, or an
                empty one, is the table itself.
            child: name of the table that has the key.

        Raises:
            ValueError: another form.
        """
        reference = descriptor.get("reference")
        if not isinstance(reference, Mapping):
            raise ValueError("expected a foreign key to have a reference")
        fields, references = _names(descriptor.get("fields")), _names(reference.get("fields"))
        parent = reference.get("resource") or child
        if not fields or not isinstance(parent, str) or len(fields) != len(references):
            raise ValueError("expected a foreign key to name as many fields on both sides")
        if len(set(fields)) < len(fields) or len(set(references)) < len(references):
            raise ValueError("expected a foreign key to name each field once")
        return cls(fields, parent, references)

    def descriptor(self, *, child: str) -> dict[str, Any]:
        """The descriptor of which `parse` makes this key."""
        resource = {} if self.parent == child else {"resource": self.parent}
        return {
            "fields": list(self.fields),
            "reference": {**resource, "fields": list(self.references)},
        }


def _names(fields: Any) -> tuple[str, ...]:
    if isinstance(fields, str):
        return (fields,)
    if isinstance(fields, Iterable) and not isinstance(fields, Mapping):
        names = tuple(fields)
        if all(isinstance(name, str) for name in names):
            return names
    raise ValueError("expected the fields of a foreign key to be names")
