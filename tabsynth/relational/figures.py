"""Figures of relations: keys that lead nowhere, numbers of children, children with their parents.

Distances are total variations. Where both parts of the real records have parents of their own, the
holdout is what the synthetic records are held to, and the training records are the reference.
Where there is no holdout, or the parents are the same records in both (a list of towns), they are
held to the training records, and the reference is a bootstrap of these: families drawn again. For
pairs of columns the same parents do no harm, since the children differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.database import NO_PARENT, Database
from tabsynth.metrics.figure import Measure
from tabsynth.metrics.variation import (
    GROUPS,
    UNIT,
    Levels,
    Variation,
    cuts_of,
    joint_levels,
    levels_of,
    mean_variation,
    variation,
    variation_results,
    worst_tenth,
)
from tabsynth.relational.apart import own_fields
from tabsynth.report.model import Result
from tabsynth.schema.columns import spelled_out
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.keys import ForeignKey
from tabsynth.schema.model import Constraints, FieldSchema, TableSchema
from tabsynth.table import Table

DRAWS: Final = 5
EXACT: Final = 20
# numbers of children of fewer parents have no distribution worth the name
FEWEST: Final = 30
MOST_CHILDREN: Final = 50_000
MOST_PAIRS: Final = 200
LISTED: Final = 40
HELD_OUT: Final = "against the holdout; the reference is train"
BOOTSTRAP: Final = (
    "against train, as there is no holdout with parents of its own; the reference is a bootstrap "
    "of train's families"
)

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Relation:
    """A child's table and one of its keys."""

    child: str
    key: ForeignKey

    @property
    def label(self) -> str:
        """What it is called in results."""
        return f"{self.child}.{', '.join(self.key.fields)} → {self.key.parent}"


def relations_of(schema: DatabaseSchema) -> list[Relation]:
    """All foreign keys of a database."""
    return [Relation(child, key) for child, keys in schema.foreign_keys.items() for key in keys]


@dataclass(frozen=True)
class Judged:
    """The databases of one relation.

    Args:
        relation: which.
        train: real records that were fitted.
        against: real records that the synthetic ones are held to.
        synthetic: what was drawn.
        rng: of every random draw.
    """

    relation: Relation
    train: Database
    against: Database
    synthetic: Database
    rng: np.random.Generator

    @property
    def held_out(self) -> bool:
        """Whether that is the holdout."""
        return self.against is not self.train

    @property
    def method(self) -> str:
        """What the figures are held to, in words."""
        return HELD_OUT if self.held_out else BOOTSTRAP

    def places(self, database: Database) -> Places:
        """Parents of the children."""
        return database.parents(self.relation.child, self.relation.key)

    def parents(self, database: Database) -> int:
        """How many parents there are."""
        return database.tables[self.relation.key.parent].num_rows


def relation_results(
    train: Database, synthetic: Database, holdout: Database | None, *, seed: int
) -> list[Result]:
    """Figures of every relation, and their means.

    Returns:
        `orphans`: the share of children whose key leads nowhere; any fails.
        `children_per_parent_tv` and `parent_child_tv` (every column of a child with every one of
        its parent, numbers cut at train's 20 quantiles): distances within 0 and 1, lower is better;
        the baseline deals the children out to parents at random. Intervals are jackknives over
        families.

    Privacy: reads all records; not differentially private.
    """
    relations = relations_of(train.schema)
    results = [_orphans(relation, synthetic) for relation in relations]
    cardinalities: list[tuple[Judged, list[Variation]]] = []
    pairs: list[tuple[Judged, list[Variation]]] = []
    for place, relation in enumerate(relations):
        rng = np.random.default_rng([seed, *b"relations", place])
        judged = Judged(relation, train, holdout or train, synthetic, rng)
        if _is_empty(judged):
            continue
        pairs.append((judged, _pairs(judged)))
        if holdout is not None and _shared(relation, train, holdout):
            judged = replace(judged, against=train)
        many = min(judged.parents(d) for d in (train, judged.against, synthetic))
        cardinalities.append((judged, [_cardinality(judged)] if many >= FEWEST else []))
    results += _results("children_per_parent_tv", cardinalities, seed)
    return results + _results("parent_child_tv", pairs, seed)


def _results(name: str, found: Sequence[tuple[Judged, list[Variation]]], seed: int) -> list[Result]:
    """The mean over all, the worst tenth, each relation, and the worst parts of them."""
    parts = [part for _, own in found for part in own]
    if not parts:
        lacking = Measure(name, UNIT, "", n=0, seed=seed)
        needed = f"needs {FEWEST} parents, children, and columns on both sides"
        return [lacking.missing(needed, column=judged.relation.label) for judged, _ in found]
    methods = list(dict.fromkeys(judged.method for judged, own in found if own))
    records = sum(j.synthetic.tables[j.relation.child].num_rows for j, own in found if own)
    whole = Measure(name, UNIT, "; or ".join(methods), n=records, seed=seed)
    results = [variation_results(whole, parts, listed=0)[0], *worst_tenth(whole, parts)]
    for judged, own in found:
        if own:
            n = judged.synthetic.tables[judged.relation.child].num_rows
            measure = replace(whole, method=judged.method, n=n)
            results.append(measure.result(mean_variation(own, judged.relation.label)))
            listed = variation_results(measure, own, listed=LISTED)[1:]
            results += listed if len(own) > 1 else []
    return results


def _orphans(relation: Relation, synthetic: Database) -> Result:
    places = synthetic.parents(relation.child, relation.key)
    table = synthetic.tables[relation.child]
    complete = np.logical_and.reduce(
        [table.column(c).is_valid().to_numpy(zero_copy_only=False) for c in relation.key.fields]
    )
    lost = int(np.count_nonzero(complete & (places == NO_PARENT)))
    return Result(
        name="orphans", family="validity", column=relation.label,
        value=lost / max(len(places), 1), reference=0.0, unit="share", n=len(places),
        method="children whose key leads to no parent; those without a key are none",
        status="fail" if lost else "ok",
    )  # fmt: skip


def _shared(relation: Relation, train: Database, holdout: Database) -> bool:
    """Whether most of the holdout's parents are train's."""
    names = [str(i) for i in range(len(relation.key.references))]
    parents = [d.tables[relation.key.parent] for d in (train, holdout)]
    first, second = (
        pa.table([spelled_out(t.column(c)) for c in relation.key.references], names=names)
        for t in parents
    )
    met = second.join(first, keys=names, join_type="left semi").num_rows
    return bool(met > second.num_rows / 2)


def _is_empty(judged: Judged) -> bool:
    databases = (judged.train, judged.against, judged.synthetic)
    return any(
        not judged.parents(d) or not d.tables[judged.relation.child].num_rows for d in databases
    )


def _cardinality(judged: Judged) -> Variation:
    """Numbers of children: each by itself where there are few, else cut at train's quantiles."""
    databases = (judged.synthetic, judged.against, judged.train)
    counts = [_children(judged.places(d), judged.parents(d)) for d in databases]
    if not judged.held_out:
        # as many parents in tables of other sizes: numbers are shares of the mean
        means = [c.mean() for c in counts]
        counts = [
            c * (means[-1] / mean) if mean else c for c, mean in zip(counts, means, strict=True)
        ]
    n = len(counts[-1])
    draws = [counts[-1][judged.rng.integers(0, n, len(counts[0]))] for _ in range(DRAWS)]
    dealt = judged.rng.integers(0, n, round(float(counts[-1].sum())))
    shuffled = np.bincount(dealt, minlength=n).astype(np.float64)
    values = np.unique(counts[-1])
    cuts = np.unique([values - 0.5, values + 0.5]) if len(values) <= EXACT else cuts_of(counts[-1])
    groups = [judged.rng.permutation(len(c)) % GROUPS for c in counts[:2]]
    return _part(
        judged, judged.relation.label,
        [np.searchsorted(cuts, c, side="right") for c in (*counts, shuffled, *draws)], groups,
    )  # fmt: skip


def _children(places: Places, parents: int) -> NDArray[np.float64]:
    return np.bincount(places[places != NO_PARENT], minlength=parents).astype(np.float64)


def _part(
    judged: Judged, label: str, levels: Sequence[Levels], groups: Sequence[Levels]
) -> Variation:
    """Synthetic, against, train, baseline and bootstraps as one part with its reference."""
    part = variation(label, levels, groups)
    value, reference, baseline, *draws = part.distances
    if not judged.held_out:
        # few families differ more when drawn again than when they are mixed; that is no scale
        reference = min(float(np.mean(draws)), baseline)
    return replace(part, distances=np.array([value, reference, baseline]))


def _pairs(judged: Judged) -> list[Variation]:
    """Every column of the child with every column of its parent."""
    child, parent = _sides(judged.train.schema, judged.relation)
    if not child or not parent:
        return []
    databases = (judged.synthetic, judged.against, judged.train)
    rows = [_some(d.tables[judged.relation.child].num_rows, judged.rng) for d in databases]
    places = [judged.places(d)[r] for d, r in zip(databases, rows, strict=True)]
    tables = [
        _joined(d, judged.relation, r, p)
        for d, r, p in zip(databases, rows, places, strict=True)
    ]  # fmt: skip
    coded, sizes = levels_of(tables[-1], tables)
    groups = [_families(p, judged.rng) for p in places[:2]]
    shuffled = coded[-1].copy()
    shuffled[:, len(child) :] = shuffled[judged.rng.permutation(len(shuffled)), len(child) :]
    again = [coded[-1][_redrawn(places[-1], judged.rng)] for _ in range(DRAWS)]
    chosen = [(i, len(child) + j) for i in range(len(child)) for j in range(len(parent))]
    if len(chosen) > MOST_PAIRS:
        picked = np.sort(judged.rng.choice(len(chosen), MOST_PAIRS, replace=False))
        chosen = [chosen[k] for k in picked]
    names = [f"{judged.relation.child}.{f.name}" for f in child]
    names += [f"{judged.relation.key.parent}.{f.name}" for f in parent]
    return [
        _part(
            judged, " × ".join(names[j] for j in pair),
            [joint_levels(t, pair, sizes) for t in (*coded, shuffled, *again)], groups,
        )
        for pair in chosen
    ]  # fmt: skip


def _sides(schema: DatabaseSchema, relation: Relation) -> list[tuple[FieldSchema, ...]]:
    """Modelled columns of the child and of its parent."""
    tables = (relation.child, relation.key.parent)
    return [tuple(f for f in own_fields(schema, t) if f.is_modelled) for t in tables]


def _joined(database: Database, relation: Relation, rows: Places, places: Places) -> Table:
    """Children with the columns of their parents, missing where there is none."""
    child, parent = _sides(database.schema, relation)
    own, other = database.tables[relation.child], database.tables[relation.key.parent]
    above = pa.array(places, mask=places == NO_PARENT)
    columns = [own.column(f.name).take(pa.array(rows)) for f in child]
    columns += [other.column(f.name).take(above) for f in parent]
    fields = [
        f.model_copy(update={"name": f"{side} {f.name}",
                             "constraints": Constraints(enum=f.constraints.enum)})
        for side, fields in (("child", child), ("parent", parent))
        for f in fields
    ]  # fmt: skip
    return Table(
        TableSchema(fields=tuple(fields)), pa.table(columns, names=[f.name for f in fields])
    )


def _some(records: int, rng: np.random.Generator) -> Places:
    if records <= MOST_CHILDREN:
        return np.arange(records)
    return np.sort(rng.choice(records, MOST_CHILDREN, replace=False))


def _families(places: Places, rng: np.random.Generator) -> Levels:
    """Groups of the jackknife: children of one parent together, those of none each alone."""
    of_parent = rng.integers(0, GROUPS, int(places.max(initial=0)) + 1)
    alone = rng.integers(0, GROUPS, len(places))
    return np.where(_is_alone(places), alone, of_parent[places])


def _redrawn(places: Places, rng: np.random.Generator) -> Places:
    """Rows of a bootstrap: families with replacement."""
    parents = int(places.max(initial=0)) + 1
    times = np.bincount(rng.integers(0, parents, parents), minlength=parents)
    alone = rng.poisson(1.0, len(places))
    return np.repeat(np.arange(len(places)), np.where(_is_alone(places), alone, times[places]))


def _is_alone(places: Places) -> NDArray[np.bool_]:
    """Who is drawn by himself: children of nobody, and all where there are hardly any families."""
    if len(np.unique(places)) < GROUPS:
        return np.ones(len(places), bool)
    return np.equal(places, NO_PARENT)
