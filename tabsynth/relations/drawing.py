"""The records of one table: born from their parents, drawn, given keys and further parents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.errors import DataError
from tabsynth.generators import generate
from tabsynth.persons import Persons, belonging
from tabsynth.relations.choosing import other_parents, own_parents
from tabsynth.relations.counts import dealt, towards
from tabsynth.relations.distinct import exchanged, keys_to_keep, numbered, told_apart
from tabsynth.relations.drawn import Drawn, taken
from tabsynth.relations.matching import NOBODY
from tabsynth.relations.own_columns import own_columns
from tabsynth.relations.representing import FEW, POOL, representative
from tabsynth.relations.table_model import TableModel
from tabsynth.relations.ties import is_unique, may_lack
from tabsynth.relations.views import Seen, joined, passed_on, seen_of
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.generator import Personal


def draw_table(
    model: TableModel,
    schema: DatabaseSchema,
    drawn: Mapping[str, Drawn],
    *,
    scale: float,
    salt: int,
    rng: np.random.Generator,
) -> Drawn:
    """Draw the records of one table.

    Args:
        model: of the table.
        schema: of the database.
        drawn: the tables before it, among them all that its keys lead to.
        scale: how many times as many roots as in the source.
        salt: of the persons of the whole database.
        rng: the only source of randomness.

    Raises:
        DataError: keys with fewer values than records, or constraints that hardly any record keeps.
    """
    born = _born(model, schema, drawn, scale=scale, rng=rng)
    few = model.ties.main is None and 0 < born.rows < FEW and bool(model.extras.counts)
    many = Drawn(born.rows * POOL) if few else born
    records = _with_columns(model, schema, many, drawn=drawn, rng=rng)
    if few and records.seen is not None:
        chosen = representative(records.seen, records.counts, born.rows, rng)
        records = records.take(chosen)
    made = {f.field.name: f.values(records.rows, rng) for f in model.fresh}
    records = records.having(made)
    for relation in model.ties.others:
        parents = drawn[relation.key(schema).parent]
        records = other_parents(model, schema, records, relation, parents=parents, rng=rng)
        records = exchanged(model, schema, records, relation, parents=parents, rng=rng)
        if not may_lack(schema, relation):
            got = records.parents[relation.index] != NOBODY
            records = records.take(np.flatnonzero(got))
    records = numbered(model, records)
    fixed = schema.key_columns(model.name)
    keys = [k for k in keys_to_keep(schema, model.name) if set(k) <= set(records.columns)]
    records = told_apart(records, model.schema, keys, fixed)
    records = _invented(model, schema, records, drawn=drawn, salt=salt, rng=rng)
    for relation in model.ties.own:
        records = own_parents(model, schema, records, relation, rng=rng)
    keys = [k for k in keys_to_keep(schema, model.name) if set(k) <= set(records.columns)]
    return _without_lost(told_apart(records, model.schema, keys, fixed), model, rows=records.rows)


def _without_lost(records: Drawn, model: TableModel, *, rows: int) -> Drawn:
    """The records, where none was left out that another one may be led to."""
    if model.ties.own and records.rows < rows:
        raise DataError(
            f"table {model.name!r}", expected="a key over a reference to its own table that can be"
            " kept", got="records that repeat each other in it",
            remedy="leave the unique key out of the schema",
        )  # fmt: skip
    return records


def _born(
    model: TableModel,
    schema: DatabaseSchema,
    drawn: Mapping[str, Drawn],
    *,
    scale: float,
    rng: np.random.Generator,
) -> Drawn:
    """Records with their main parents, as many as these have children, and those without one."""
    rooms = [f.room for f in model.fresh if f.room is not None]
    roots = round(model.roots * scale)
    roots = max(roots, 1) if model.roots else 0
    main = model.ties.main
    if main is None:
        return Drawn(min([roots, *rooms]))
    key = main.key(schema)
    parents = drawn[key.parent]
    counts = parents.counts.get(main)
    total = round(model.means.get(main.index, 0.0) * parents.rows)
    if counts is None:
        counts = dealt(parents.rows, total, rng, most=1 if is_unique(schema, main) else None)
    elif is_unique(schema, main):
        counts = np.minimum(counts, 1)
    places = np.repeat(np.arange(parents.rows), towards(counts, total, rng))
    places = np.append(places, np.full(roots, NOBODY)) if roots else places
    if rooms and len(places) > min(rooms):
        places = np.sort(rng.permutation(places)[: min(rooms)])
    columns = {
        own: taken(parents.columns[other], places)
        for own, other in zip(key.fields, key.references, strict=True)
    }
    lineage = {table: np.append(above, NOBODY)[places] for table, above in parents.lineage.items()}
    return Drawn(len(places), columns, lineage={**lineage, key.parent: places},
                 parents={main.index: places})  # fmt: skip


def _with_columns(
    model: TableModel,
    schema: DatabaseSchema,
    born: Drawn,
    *,
    drawn: Mapping[str, Drawn],
    rng: np.random.Generator,
) -> Drawn:
    """The records with the columns that are learnt, and what children ask about them."""
    main = model.ties.main
    above: Seen | None = None
    if main is not None:
        seen = drawn[main.key(schema).parent].seen
        above = None if seen is None else seen.take(born.parents[main.index])
    own, learnt = own_columns(model, born, above, rng=rng)
    frame: dict[str, NDArray[np.int64]] = {}
    if learnt is not None:
        names = [name for name in model.extras.drawn if name in learnt.schema.names]
        frame = {name: _as_numbers(learnt.column(name)) for name in names}
    counts = {r: frame[name] for r, name in model.extras.counts.items() if name in frame}
    passed = None if above is None or main is None else passed_on(above, main.key(schema).parent)
    seen = Seen({}, {}) if learnt is None else seen_of(model.view, learnt)
    return replace(born.having(own), frame=frame, counts=counts, seen=joined(seen, passed))


def _invented(
    model: TableModel,
    schema: DatabaseSchema,
    records: Drawn,
    *,
    drawn: Mapping[str, Drawn],
    salt: int,
    rng: np.random.Generator,
) -> Drawn:
    """The records with personal data and what else is neither learnt nor a key."""
    own = {name for relation in model.ties.own for name in relation.key(schema).fields}
    alone = {key[0] for key in schema.unique_keys(model.name) if len(key) == 1}
    persons = sum(table.rows for table in drawn.values()) + np.arange(records.rows)
    main = model.ties.main
    above = drawn[main.key(schema).parent] if model.followed and main is not None else None
    places = np.full(records.rows, NOBODY)
    if above is not None and main is not None:
        places = records.parents[main.index]
        persons = np.where(places == NOBODY, persons, np.append(above.persons, 0)[places])
    columns: dict[str, pa.Array] = {}
    together = belonging(model.schema.fields)
    for field in model.schema.fields:
        if field.name in records.columns or field.name in own or field.is_modelled:
            continue
        if field.tabsynth.free_text == "drop":
            continue
        generator, kind = field.tabsynth.generator, together.get(field.name)
        if kind is not None and isinstance(generator, Personal):
            people = Persons(generator.locale, salt)
            made = people.column(kind, persons, numbered=field.name in alone)
        else:
            made = generate(field, records.rows, start=0, rng=rng)
        if field.name in model.followed and above is not None:
            same = taken(above.columns[model.followed[field.name]], places)
            made = pc.coalesce(same.cast(made.type), made)
        columns[field.name] = made
    return replace(records.having(columns), persons=persons)


def _as_numbers(column: pa.Array) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    return numbers
