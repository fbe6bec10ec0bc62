"""Records of a test database, block by block; each block follows from the schema and the seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tabsynth.constraints.plan import Plan
from tabsynth.constraints.redraw import draw_kept
from tabsynth.constraints.training import violations as broken_rules
from tabsynth.errors import SchemaError
from tabsynth.generators import generate
from tabsynth.mock.columns import MISSING, column, drawn, fitted
from tabsynth.mock.edges import Edge, edges, with_edges
from tabsynth.mock.layout import Layout
from tabsynth.mock.models import columns_of, require_tables, with_model
from tabsynth.mock.places import Places
from tabsynth.mock.sizes import sizes
from tabsynth.mock.values import absent
from tabsynth.modelfile import Fitted
from tabsynth.persons import belonging, personal_kind
from tabsynth.schema.check import check, storage_type
from tabsynth.schema.columns import spelled_out
from tabsynth.schema.constraint import Combinations, OneHot, Total, Unique
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table

BLOCK: Final = 65_536
# kinds that columns drawn by themselves would hardly ever keep
_BUILT_IN: Final = (Combinations, OneHot, Total)


@dataclass(frozen=True)
class Mock:
    """A test database that can be drawn, any block of any table by itself.

    Args:
        schema: of the database.
        layouts: rules of the keys by table, parents first.
        plans: how rules between columns are kept, by table.
        rows: records by table.
        seed: of everything.
        edges: what is special in further records, by table.
        models: of single tables, and the columns that each draws, by table.
    """

    schema: DatabaseSchema
    layouts: Mapping[str, Layout]
    plans: Mapping[str, Plan]
    rows: Mapping[str, int]
    seed: int
    edges: Mapping[str, list[Edge]]
    models: Mapping[str, tuple[Fitted, tuple[str, ...]]]

    @classmethod
    def of(
        cls,
        schema: DatabaseSchema,
        rows: Mapping[str, int],
        *,
        seed: int,
        edge_cases: bool = False,
        models: Mapping[str, Fitted] | None = None,
    ) -> Mock:
        """What a database of so many records is drawn by; one block of each table is tried.

        Args:
            schema: of the database.
            rows: numbers of records that were asked for, by table.
            seed: the same seed gives the same database.
            edge_cases: whether records at the edges of what is allowed stand behind the others.
            models: of single tables, by table; what they have learnt is drawn from them, together,
                and keys and generators stay those of the schema.

        Raises:
            UsageError: a table that is not there.
            SchemaError: what cannot be kept, with what to change.
            DataError: rules that hardly any drawn record keeps.
        """
        wanted = sizes(schema, rows)
        layouts: dict[str, Layout] = {}
        extra: dict[str, list[Edge]] = {}
        for name, number in wanted.items():
            parents = {n: wanted[n] for n in layouts}
            layout = Layout.of(schema, name, parents=parents, rows=number, seed=seed)
            if edge_cases:
                found = [e for e in edges(schema.tables[name]) if not layout.decides(e.column)]
                try:
                    layout = Layout.of(
                        schema, name, parents=parents, rows=number + len(found), seed=seed
                    )
                    extra[name] = found
                except SchemaError:
                    # there are no keys for more records than were asked for
                    extra[name] = []
            layouts[name] = layout
        plans = {name: _plan(schema.tables[name]) for name in wanted}
        require_tables(schema, models or {})
        known = {}
        for name, model in (models or {}).items():
            own, layout = schema.tables[name], layouts[name]
            decided = [column for column in own.names if layout.decides(column)]
            known[name] = (model, columns_of(model, name, own, decided))
        mock = cls(schema, layouts, plans, wanted, seed, extra, known)
        for name, number in wanted.items():
            if number:
                mock._try(name)
        return mock

    def blocks(self, table: str) -> Iterator[pa.Table]:
        """All records of a table, in blocks of at most 65,536; columns in storage types."""
        for number, start in enumerate(range(0, self.rows[table], BLOCK)):
            rows = min(BLOCK, self.rows[table] - start)
            yield self.records(table, start, rows, rng=self.stream(table, number))

    def edge_records(self, table: str) -> tuple[pa.Table, list[Edge]]:
        """The records at the edges, and what is special in each."""
        wanted = self.edges.get(table, [])
        if not wanted:
            return self.records(table, 0, 0, rng=self.stream(table, 0)), []
        rng = self.stream(table, 2**31)
        data = self.records(table, self.rows[table], len(wanted), rng=rng)
        return with_edges(data, wanted, self.schema.tables[table].emitted, self.plans[table])

    def stream(self, table: str, number: int) -> np.random.Generator:
        """The random numbers of one block."""
        place = list(self.rows).index(table)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(place, number)))

    def records(self, table: str, start: int, rows: int, *, rng: np.random.Generator) -> pa.Table:
        """The records at some places.

        Args:
            table: which.
            start: place of the first.
            rows: how many.
            rng: of all that is no key.
        """
        schema = self.schema.tables[table]
        places = np.arange(start, start + rows)
        layout = self.layouts[table]
        decided = {
            f.name: _stored(self.key(table, f.name, places), storage_type(f))
            for f in schema.emitted.fields if layout.decides(f.name)
        }  # fmt: skip
        free = self._free(table, decided, rows, rng)
        persons = self._persons(table)
        arrays = []
        for field in schema.emitted.fields:
            if field.name in decided:
                arrays.append(decided[field.name])
            elif (person := persons.get(field.name)) is not None:
                texts = fitted(
                    self._said(table, person, places),
                    field.constraints.min_length or 0, field.constraints.max_length,
                )  # fmt: skip
                if field.is_modelled and not field.declares("required"):
                    texts = absent(texts, rng.random(rows) < MISSING)
                arrays.append(_stored(texts, storage_type(field)))
            elif field.name in free:
                arrays.append(free[field.name])
            elif field.is_generated:
                arrays.append(generate(field, rows, start=start, rng=rng))
            else:
                arrays.append(column(field, rows, rng))
        return pa.Table.from_arrays(arrays, names=list(schema.emitted.names))

    def key(self, table: str, name: str, places: Places) -> pa.Array:
        """Values of a key column at some places, missing where there is no parent."""
        layout = self.layouts[table]
        for key, rule in layout.foreign.items():
            if name in key.fields:
                parents = rule.at(places)
                nobody = parents < 0
                other = key.references[key.fields.index(name)]
                if self.rows[key.parent] == 0 and key.parent != table:
                    return pa.nulls(
                        len(places), storage_type(self.schema.tables[table].field(name))
                    )
                values = self.key(key.parent, other, np.maximum(parents, 0))
                return absent(values, nobody) if nobody.any() else values
        return layout.values[name].at(layout.columns[name].at(places))

    def _said(self, table: str, kind: str, places: Places) -> pa.Array:
        """What the persons at some places are called.

        A record whose primary key is its parent's is about the parent's person.
        """
        layout = self.layouts[table]
        primary = self.schema.tables[table].primary_key
        for key, rule in layout.foreign.items():
            if key.fields != primary or key.parent == table:
                continue
            parents = rule.at(places)
            for field in self.schema.tables[key.parent].emitted.fields:
                if personal_kind(field) == kind and self.layouts[key.parent].decides(field.name):
                    return self.key(key.parent, field.name, parents)
            return self._said(key.parent, kind, parents)
        return layout.persons.column(kind, places)

    def _persons(self, table: str) -> dict[str, str]:
        """The columns that speak of a record's person; not those that rules bind or models draw."""
        rules = self.plans[table].schema.tabsynth.constraints
        bound = {name for rule in rules for name in rule.involved}
        bound |= set(self.models[table][1]) if table in self.models else set()
        found = belonging(self.schema.tables[table].emitted.fields)
        return {name: kind for name, kind in found.items() if name not in bound}

    def _free(
        self, table: str, decided: Mapping[str, pa.Array], rows: int, rng: np.random.Generator
    ) -> dict[str, pa.Array]:
        plan = self.plans[table]
        names = [name for name in plan.schema.names if name not in decided]
        if not names:
            return {}
        if not plan.schema.tabsynth.constraints:
            part = TableSchema(fields=tuple(plan.schema.field(name) for name in names))
            made = self._with_model(table, drawn(part, rows, rng), rng)
            return {name: made.column(name) for name in names}
        told = [f for f in plan.schema.fields if f.name in decided]
        given = None
        if told:
            part = TableSchema(fields=tuple(told))
            given = Table(part, pa.table({f.name: decided[f.name] for f in told}))

        def sample(n: int, conditions: Table | None) -> Table:
            made = self._with_model(table, drawn(plan.learnt, n, rng), rng)
            return made if conditions is None else _with(made, conditions)

        kept = draw_kept(plan, sample, rows, given)
        return {name: kept.column(name) for name in names}

    def _with_model(self, table: str, made: Table, rng: np.random.Generator) -> Table:
        if table not in self.models:
            return made
        model, names = self.models[table]
        return with_model(made, model, names, rng)

    def _try(self, table: str) -> None:
        """Refuse a table whose first block breaks what is declared of it."""
        schema = self.schema.tables[table]
        rows = min(BLOCK, self.rows[table])
        data = self.records(table, 0, rows, rng=self.stream(table, 0))
        read, found = check(data, schema.emitted)
        found += broken_rules(Table(schema.emitted, read))
        if found:
            raise SchemaError(
                f"table {table!r}", expected="declarations that invented records keep",
                got="; ".join(one.sentence() for one in found[:3]),
                remedy="loosen them, or give the column a generator that suits them",
            )  # fmt: skip


def _plan(schema: TableSchema) -> Plan:
    """How rules between columns are kept where nothing can be learnt.

    Known combinations that are not listed bind nobody here, and keys are kept by their layout.
    """
    rules = tuple(
        c for c in schema.tabsynth.constraints
        if not isinstance(c, Unique) and not (isinstance(c, Combinations) and c.allowed is None)
    )  # fmt: skip
    Plan.of(schema)  # refuses what no table could be meant to keep
    built = tuple(c for c in rules if isinstance(c, _BUILT_IN))
    steps = Plan.of(_with_rules(schema, built)).steps
    return Plan(_with_rules(schema, rules).modelled, steps)


def _with_rules(schema: TableSchema, rules: tuple[object, ...]) -> TableSchema:
    ours = schema.tabsynth.model_copy(update={"constraints": rules})
    return schema.model_copy(update={"tabsynth": ours})


def _with(table: Table, conditions: Table) -> Table:
    """Records with the given values where there are any."""
    columns = []
    for name in table.schema.names:
        own = table.column(name)
        if name in conditions.schema.names:
            told = conditions.column(name)
            if len(told) == 1 and len(own) != 1:
                told = told.take(pa.array(np.zeros(len(own), np.int64)))
            plain = spelled_out(own)
            filled = told.cast(plain.type)
            filled = pc.coalesce(filled, plain)
            own = filled.dictionary_encode() if pa.types.is_dictionary(own.type) else filled
        columns.append(own)
    return Table(table.schema, pa.Table.from_arrays(columns, names=list(table.schema.names)))


def _stored(values: pa.Array, kind: pa.DataType) -> pa.Array:
    values = spelled_out(values)
    if pa.types.is_dictionary(kind):
        return values.cast(pa.string()).dictionary_encode()
    return values.cast(kind)
