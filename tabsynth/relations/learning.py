"""Learning a database: table by table, parents before children."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.database import NO_PARENT, Database
from tabsynth.entities import Owners
from tabsynth.errors import DataError
from tabsynth.facts import facts_of_owners
from tabsynth.relations.counts import Counts, three_digits
from tabsynth.relations.frame import Frame
from tabsynth.relations.model import DatabaseModel
from tabsynth.relations.recipes import (
    depths,
    followed_columns,
    fresh_columns,
    numbered_columns,
    order_of_records,
)
from tabsynth.relations.table_model import Extras, TableModel
from tabsynth.relations.ties import Places, Relation, Ties, may_lack, ties_of
from tabsynth.relations.views import Seen, joined, passed_on
from tabsynth.schema.database import DatabaseSchema
from tabsynth.synthesizers.gaussian_copula import GaussianCopula
from tabsynth.synthesizers.margins import two_digits
from tabsynth.synthesizers.protocol import Synthesizer
from tabsynth.synthesizers.trees import Trees
from tabsynth.table import Table

# a table that hangs from no other is learnt by trees from so many records on
SMALL: Final = 200

Say = Callable[[str], object]


@dataclass
class _Known:
    """What is known of the source while it is walked through.

    Args:
        seen: by table, its records as others see them.
        lineage: by table, the ancestors of its records, by their tables.
        owners: whose the records are.
    """

    owners: Owners
    seen: dict[str, Seen] = field(default_factory=dict)
    lineage: dict[str, dict[str, Places]] = field(default_factory=dict)


def fit_database(
    database: Database,
    *,
    synthesizer: Synthesizer,
    rng: np.random.Generator,
    entity: str | None = None,
    say: Say = lambda _: None,
) -> DatabaseModel:
    """Learn a model of a whole database.

    Args:
        database: the private records.
        synthesizer: learns the columns of each table, given those of its parents.
        rng: the only source of randomness.
        entity: the table of the people or things to protect; see `tabsynth.entities.entity_table`.
        say: called with a line before each table.

    Raises:
        UsageError: an entity table that is not there.
        SchemaError: keys that lead round in a circle of tables, or constraints that contradict each
            other.
        DataError: a table from which nothing can be learnt.

    Privacy: not differentially private. What is learnt of a table is what the synthesizer learns of
        any table; of keys, numbers of children and means are learnt, and no value.
    """
    schema = database.schema
    order = schema.parents_first
    known = _Known(Owners.of(database, entity))
    tables: dict[str, TableModel] = {}
    generators = dict(zip(sorted(order), rng.spawn(len(order)), strict=True))
    for name in order:
        say(f"learning table {name}")
        try:
            tables[name] = _table(
                database, name, known, synthesizer=synthesizer, rng=generators[name]
            )
        except DataError as error:
            raise DataError(
                f"table {name!r}: {error.where}", expected=error.expected, got=error.got,
                remedy=error.remedy,
            ) from None  # fmt: skip
    schemas = {name: tables[name].schema for name in schema.tables}
    return DatabaseModel(
        DatabaseSchema(schemas, schema.paths, schema.name), synthesizer.name, tables
    )


def _table(
    database: Database,
    name: str,
    known: _Known,
    *,
    synthesizer: Synthesizer,
    rng: np.random.Generator,
) -> TableModel:
    schema, table = database.schema, database.tables[name]
    ties = ties_of(database, name)
    synthesizer = _fitting(synthesizer, ties, table.num_rows)
    born = () if ties.main is None else (ties.main,)
    parents = {
        relation.index: database.parents(name, relation.key(schema))
        for relation in (*born, *ties.others, *ties.own)
    }
    main = None if ties.main is None else parents[ties.main.index]
    known.lineage[name] = _lineage(known, ties, database, main)
    owners = known.owners.above(name)
    table = Table(facts_of_owners(table, owners), table.data)
    numbered = numbered_columns(schema, table, name)
    fresh = fresh_columns(schema, table, name, besides={n.column for n in numbered})
    made = schema.key_columns(name) | {f.field.name for f in fresh} | {n.column for n in numbered}
    learnt = tuple(f.name for f in table.schema.modelled_fields if f.name not in made)
    frame = Frame.start(table, learnt, places=_knows_places(synthesizer))
    frame.leave_out_repeats(owners)
    selfish = _gather(frame, database, name, known, ties=ties, parents=parents,
                      order=order_of_records(schema, table, name, numbered))  # fmt: skip
    columns, sequence = frame.fit(synthesizer, rng)
    lost = table.num_rows if main is None else int(np.count_nonzero(main == NO_PARENT))
    means = {}
    for relation in (*born, *ties.others):
        having = np.count_nonzero(parents[relation.index] != NO_PARENT)
        among = database.tables[relation.key(schema).parent].num_rows
        means[relation.index] = three_digits(having / max(among, 1))
    return TableModel(
        name, table.schema, learnt, ties,
        roots=two_digits(lost) if lost else 0,
        means=means,
        columns=columns,
        extras=Extras() if columns is None else frame.extras,
        view=frame.view,
        fresh=fresh,
        numbered=numbered,
        followed=followed_columns(database, name, ties, main),
        selfish=selfish,
        places=_knows_places(synthesizer),
        sequence=sequence,
        synthesizer=synthesizer.name,
    )  # fmt: skip


def _gather(
    frame: Frame,
    database: Database,
    name: str,
    known: _Known,
    *,
    ties: Ties,
    parents: dict[int, Places],
    order: NDArray[np.intp],
) -> tuple[int, ...]:
    """Gather all columns of a table; returns the keys whose roots lead to themselves."""
    schema = database.schema
    passed = None
    if ties.main is not None:
        main, parent = parents[ties.main.index], ties.main.key(schema).parent
        above = known.seen[parent].take(main)
        frame.add_context(above, parent, main, order=order)
        passed = passed_on(above, parent)
    for relation in (*ties.others, *ties.own):
        # the first of a tree lack a parent, which their depth tells
        if relation in ties.others:
            frame.add_presence(relation, relation.key(schema), parents[relation.index])
    frame.add_counts({r: (r.label(schema), n) for r, n in _counts_below(database, name).items()})
    known.seen[name] = joined(frame.see(), passed)
    for relation in ties.others:
        parent = relation.key(schema).parent
        kin = _kin(known, name, parent, parents[relation.index])
        if kin is not None:
            frame.add_same(relation, relation.key(schema), *kin)
        frame.add_attributes(relation, relation.key(schema),
                             known.seen[parent].take(parents[relation.index]))  # fmt: skip
    selfish = []
    for relation in ties.own:
        key, places = relation.key(schema), parents[relation.index]
        depth, alone = depths(places, name, key, may_lack=may_lack(schema, relation))
        frame.add_depth(relation, key, depth)
        others = np.where(places == np.arange(len(places)), NO_PARENT, places)
        frame.add_attributes(relation, key, known.seen[name].take(others))
        if alone:
            selfish.append(relation.index)
    return tuple(selfish)


def _fitting(synthesizer: Synthesizer, ties: Ties, records: int) -> Synthesizer:
    """The synthesizer, or a copula where trees would find too few records for their leaves."""
    small = ties.main is None and records < SMALL
    return GaussianCopula() if small and isinstance(synthesizer, Trees) else synthesizer


def _knows_places(synthesizer: Synthesizer) -> bool:
    return bool(getattr(getattr(synthesizer, "traits", None), "places", False))


def _lineage(
    known: _Known, ties: Ties, database: Database, main: Places | None
) -> dict[str, Places]:
    if ties.main is None or main is None:
        return {}
    parent = ties.main.key(database.schema).parent
    above = known.lineage[parent]
    return {**{t: np.append(places, NO_PARENT)[main] for t, places in above.items()}, parent: main}


def _counts_below(database: Database, name: str) -> dict[Relation, Counts]:
    """By relation in which the table is the parent, the children of each record."""
    schema, rows = database.schema, database.tables[name].num_rows
    found = {}
    for child, keys in schema.foreign_keys.items():
        for index, key in enumerate(keys):
            if key.parent == name:
                places = database.parents(child, key)
                found[Relation(child, index)] = np.bincount(places[places >= 0], minlength=rows)
    return found


def _kin(
    known: _Known, name: str, parent: str, places: Places
) -> tuple[str, NDArray[np.bool_]] | None:
    """The nearest table above both, and which records have one ancestor there on both ways."""
    own, other = known.lineage[name], known.lineage[parent]
    both = [table for table in other if table in own]
    if not both:
        return None
    # the ancestor that is nearest comes last in a lineage
    theirs = np.append(other[both[-1]], NO_PARENT)[places]
    return both[-1], (own[both[-1]] == theirs) & (theirs != NO_PARENT)
