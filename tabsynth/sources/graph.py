"""Columns grown one after the other along the graph of what depends on what."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.schema.parse import storage_type
from tabsynth.sources.parameters import Floats
from tabsynth.sources.specification import Specification
from tabsynth.sources.values import Drawing
from tabsynth.table import Table

# stands in a table without columns, which could not say how many records it has
_NOBODY = FieldSchema(name="record", type="boolean")

Columns = Mapping[str, pa.Array]


@dataclass(frozen=True)
class Graph:
    """The drawn columns of a specification and what each needs."""

    specification: Specification

    @property
    def order(self) -> tuple[str, ...]:
        """Names of the columns, each after those that it depends on."""
        return self.specification.order

    def grown(
        self,
        columns: Columns,
        names: Collection[str],
        rows: int,
        *,
        rng: np.random.Generator,
        wishes: Table | None = None,
    ) -> tuple[dict[str, pa.Array], Floats]:
        """Records with more columns: drawn, or set and weighed where they are wished for.

        Args:
            columns: those that are there already.
            names: those to be there; what they depend on is among them.
            rows: how many records.
            rng: the only source of randomness.
            wishes: values of some columns, shape (rows,); null where free.

        Returns:
            The columns, without missing values; and the logarithm of how probable the wishes are
            in each record, shape (rows,).
        """
        grown, log_weight = dict(columns), np.zeros(rows)
        for name in self.order:
            if name not in names or name in grown:
                continue
            drawing = self.drawing(name, grown, rows)
            if wishes is None or name not in wishes.schema.names:
                grown[name] = _stored(drawing.draw(rng), drawing.column.field)
                continue
            values, log_mass = _wished(drawing, wishes.column(name), rng)
            grown[name] = values
            log_weight += log_mass
        return grown, log_weight

    def drawing(self, name: str, columns: Columns, rows: int) -> Drawing:
        """One column, ready to be drawn for records with these columns."""
        column = self.specification.drawn[name]
        return Drawing(column, self._table(column.parents, columns, rows))

    def hidden(self, name: str, columns: Columns) -> Floats | None:
        """How probable it is that values of a column are not recorded; None where they all are."""
        column = self.specification.drawn[name]
        if column.missing == 0:
            return None
        rows = len(columns[name])
        parents = self._table(column.parents, columns, rows)
        return Drawing(column, parents).hidden(self._table(column.hidden_by, columns, rows))

    def needed(self, names: Collection[str]) -> frozenset[str]:
        """Columns that decide how probable values of these columns are, themselves among them."""
        found: set[str] = set()
        left = [*names, *(n for name in names for n in self.specification.drawn[name].hidden_by)]
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += self.specification.drawn[name].parents
        return frozenset(found)

    @cached_property
    def fields(self) -> dict[str, FieldSchema]:
        """The columns' fields by name."""
        return {name: column.field for name, column in self.specification.drawn.items()}

    def _table(self, names: Collection[str], columns: Columns, rows: int) -> Table:
        ordered = [name for name in self.order if name in names]
        fields = tuple(self.fields[name] for name in ordered) or (_NOBODY,)
        arrays = [columns[name] for name in ordered] or [pa.nulls(rows, pa.bool_())]
        # checked when the specification was read
        schema = TableSchema.model_construct(fields=fields)
        return Table(schema, pa.Table.from_arrays(arrays, names=[f.name for f in fields]))


def _wished(drawing: Drawing, wish: pa.Array, rng: np.random.Generator) -> tuple[pa.Array, Floats]:
    """A column with its wishes met, and how probable they are."""
    field = drawing.column.field
    kind = pa.string() if field.type == "string" else storage_type(field)
    wish, known = wish.cast(kind), wish.is_valid()
    if wish.null_count:
        wish = pc.if_else(known, wish, _stored(drawing.draw(rng), field).cast(kind))
    values = _stored(wish, field)
    log_mass = np.where(known.to_numpy(zero_copy_only=False), drawing.log_mass(values), 0.0)
    return values, log_mass


def _stored(values: pa.Array, field: FieldSchema) -> pa.Array:
    if field.type == "string" and not pa.types.is_dictionary(values.type):
        return values.dictionary_encode()
    return values
