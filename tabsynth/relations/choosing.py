"""Parents for records that are there already: by what each is like, and how many each one gets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tabsynth.relations.counts import dealt, exactly
from tabsynth.relations.drawn import Drawn, classes, taken
from tabsynth.relations.matching import NOBODY, anyone, matched
from tabsynth.relations.table_model import TableModel
from tabsynth.relations.ties import Places, Relation, is_unique
from tabsynth.schema.database import DatabaseSchema

Levels = NDArray[np.int64]


def other_parents(
    model: TableModel,
    schema: DatabaseSchema,
    records: Drawn,
    relation: Relation,
    *,
    parents: Drawn,
    rng: np.random.Generator,
) -> Drawn:
    """The records with a parent by one more key, and its columns.

    Records that want a parent with the same ancestor as their main one are served first, then all
    by what they want of a parent, the most telling last. Each parent gets as many children as were
    drawn for it, but for what the number of records forces.

    Args:
        model: of the records' table.
        schema: of the database.
        records: as far as they are drawn.
        relation: the key.
        parents: all records of the parents' table.
        rng: the only source of randomness.
    """
    key = relation.key(schema)
    wish = records.frame.get(model.extras.presence.get(relation.index, ""))
    children = np.arange(records.rows) if wish is None else np.flatnonzero(wish)
    shared = [(own, other) for own, other in zip(key.fields, key.references, strict=True)
              if own in records.columns]  # fmt: skip
    unique = is_unique(schema, relation)
    slots = _slots(model, parents, relation, len(children), most=1 if unique else None, rng=rng)
    must: list[tuple[Levels, Levels]] = []
    if shared:
        mine, theirs = classes(
            [records.columns[a] for a, _ in shared], [parents.columns[b] for _, b in shared]
        )
        must = [(mine[children], theirs)]
    found = np.full(len(children), NOBODY)
    free = slots
    for asking, strict, levels in _wishes(
        model, records, relation, parents=parents, children=children
    ):
        left = np.flatnonzero((found == NOBODY) & asking)
        pairs = [*must, *levels]
        if pairs:
            own, other = [a[left] for a, _ in pairs], [b[free] for _, b in pairs]
            place = matched(own, other, rng, strict=len(must) + strict)
        else:
            place = _in_order(left, free, rng)
        got = place != NOBODY
        found[left[got]] = free[place[got]]
        free = np.delete(free, place[got])
    if must and not unique:
        left = np.flatnonzero(found == NOBODY)
        found[left] = anyone(must[0][0][left], must[0][1], rng)
    places = np.full(records.rows, NOBODY)
    places[children] = found
    columns = {
        own: taken(parents.columns[other], places)
        for own, other in zip(key.fields, key.references, strict=True)
        if own not in records.columns
    }
    return records.having(columns).tied(relation.index, places)


def _wishes(
    model: TableModel, records: Drawn, relation: Relation, *, parents: Drawn, children: Places
) -> list[tuple[NDArray[np.bool_], int, list[tuple[Levels, Levels]]]]:
    """Who asks, in how many levels child and parent must agree, and the levels of both."""
    wanted = []
    for name, source in model.extras.attributes.get(relation.index, ()):
        if name in records.frame and parents.seen is not None and source in parents.seen.levels:
            wanted.append((records.frame[name][children], parents.seen.levels[source]))
    everyone = np.ones(len(children), bool)
    found = [(everyone, 0, wanted)]
    if relation.index in model.extras.same:
        name, above = model.extras.same[relation.index]
        if name in records.frame and above in records.lineage and above in parents.lineage:
            kin = (records.lineage[above][children], parents.lineage[above])
            asking = (records.frame[name][children] == 1) & (kin[0] >= 0)
            found.insert(0, (asking, 1, [kin, *wanted]))
    return found


def _slots(
    model: TableModel,
    parents: Drawn,
    relation: Relation,
    children: int,
    *,
    most: int | None,
    rng: np.random.Generator,
) -> Places:
    """A parent's place for each child that it gets."""
    counts = parents.counts.get(relation)
    if counts is None:
        counts = dealt(parents.rows, children, rng, most=most)
    return np.repeat(np.arange(parents.rows), exactly(counts, children, rng, most=most))


def _in_order(children: Places, slots: Places, rng: np.random.Generator) -> Places:
    """Any slot for each child; `NOBODY` where none is left."""
    place = np.full(max(len(children), len(slots)), NOBODY)
    place[: len(slots)] = rng.permutation(len(slots))
    return place[: len(children)]


def own_parents(
    model: TableModel,
    schema: DatabaseSchema,
    records: Drawn,
    relation: Relation,
    *,
    rng: np.random.Generator,
) -> Drawn:
    """The records with parents among themselves, one depth above; so no circle arises.

    Args:
        model: of the table.
        schema: of the database.
        records: whole but for these columns.
        relation: the key to the own table.
        rng: the only source of randomness.
    """
    key = relation.key(schema)
    depth = records.frame.get(model.extras.depth.get(relation.index, ""))
    places = np.full(records.rows, NOBODY)
    if depth is not None:
        depth = _without_gaps(depth)
        for level in range(1, int(depth.max(initial=0)) + 1):
            children, above = np.flatnonzero(depth == level), np.flatnonzero(depth == level - 1)
            places[children] = _raised(model, schema, records, relation,
                                       children=children, above=above, rng=rng)  # fmt: skip
    if relation.index in model.selfish:
        places = np.where(places == NOBODY, np.arange(records.rows), places)
    columns: Mapping[str, object] = {
        own: taken(records.columns[other], places)
        for own, other in zip(key.fields, key.references, strict=True)
    }
    return records.having(columns).tied(relation.index, places)


def _raised(
    model: TableModel,
    schema: DatabaseSchema,
    records: Drawn,
    relation: Relation,
    *,
    children: Places,
    above: Places,
    rng: np.random.Generator,
) -> Places:
    most = 1 if is_unique(schema, relation) else None
    counts = records.counts.get(relation)
    own = np.ones(len(above), np.int64) if counts is None else counts[above]
    slots = above[np.repeat(np.arange(len(above)), exactly(own, len(children), rng, most=most))]
    pairs = []
    for name, source in model.extras.attributes.get(relation.index, ()):
        if name in records.frame and records.seen is not None and source in records.seen.levels:
            pairs.append((records.frame[name][children], records.seen.levels[source][slots]))
    if pairs:
        place = matched([a for a, _ in pairs], [b for _, b in pairs], rng)
    else:
        place = _in_order(children, slots, rng)
    return np.where(place == NOBODY, NOBODY, slots[place] if len(slots) else NOBODY)


def _without_gaps(depth: Levels) -> Levels:
    """Depths that begin at 0 and leave none out, in the same order."""
    return np.unique(depth, return_inverse=True)[1].astype(np.int64)
