"""Whom an attack is tried on, which columns the attacker knows, and how he reads numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.comparison import Comparison, at_most
from tabsynth.entities import few_of_each
from tabsynth.learners import numbers, shared_codes
from tabsynth.schema.model import Role, TableSchema
from tabsynth.table import Table

GROUPS: Final = 20
# of whom nobody may hold more than a part of the records that are looked at
LEAST_PEOPLE: Final = 20

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Parties:
    """Whom an attack is tried on, and what the attacker holds; modelled columns only.

    Args:
        members: training records, at most one of each privacy unit.
        controls: records that the synthesizer never saw, likewise.
        synthetic: the synthetic table.
        reference: other records of the population.
    """

    members: Table
    controls: Table
    synthetic: Table
    reference: Table

    @property
    def schema(self) -> TableSchema:
        """Of all four tables."""
        return self.synthetic.schema

    def seen_through(self, names: Sequence[str]) -> list[Table]:
        """Members, controls, synthetic and reference records with some columns only."""
        tables = (self.members, self.controls, self.synthetic, self.reference)
        return [seen_through(t, names) for t in tables]


def parties(comparison: Comparison, name: str, *, most: int, held: int = 50_000) -> Parties:
    """The parties of one attack.

    Args:
        comparison: real and synthetic records.
        name: of the attack, for its random choices.
        most: members, and controls, to try at most; drawn at random.
        held: records of the synthetic table and of the reference that the attacker searches at
            most; a leak in a record left out is not seen.

    Privacy: reads all real records.
    """
    rng = comparison.rng(name)
    members, controls = (
        t.take(some_of_each_unit(t, most, rng)) for t in (comparison.train, comparison.control)
    )
    drawn, known = (
        t.take(np.sort(rng.permutation(t.num_rows)[:held]))
        for t in (comparison.synthetic, comparison.auxiliary)
    )
    return Parties(members.modelled, controls.modelled, drawn.modelled, known.modelled)


def some_of_each_unit(table: Table, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions of one random record of each privacy unit, at most `most` of them, ascending.

    Several records of one person are no independent attempts.
    """
    order = rng.permutation(table.num_rows)
    first = np.unique(table.units[order], return_index=True)[1]
    return np.sort(rng.permutation(order[first])[:most])


def of_so_many_people(
    tables: tuple[Table, Table], records: tuple[int, int], rng: np.random.Generator
) -> tuple[Table, Table]:
    """Both tables, or about so many of their records, alike in how many a person has.

    Where records of one table's persons were left out and not those of the other's, these would
    differ in how much a person adds to a statistic, and that would look like memory. So people are
    drawn, and of somebody with very many records the same number in both tables.

    Args:
        tables: of one schema; a person of the one is none of the other.
        records: of each table, about, at most.
        rng: of people and records.
    """
    first, second = tables
    if first.num_rows <= records[0] and second.num_rows <= records[1]:
        return tables
    if first.owners is None:
        return at_most(first, records[0], rng), at_most(second, records[1], rng)
    cap = max(1, min(records) // LEAST_PEOPLE)
    rows = [few_of_each(t.units, cap, rng.permutation(t.num_rows)) for t in tables]
    owners = [np.unique(t.units[own], return_inverse=True)[1] for t, own in zip(tables, rows,
              strict=True)]  # fmt: skip
    people = [int(own.max(initial=-1)) + 1 for own in owners]
    each = sum(map(len, rows)) / max(sum(people), 1)
    first, second = (
        t.take(own[np.isin(whose, rng.permutation(size)[: max(1, int(most / each))])])
        for t, own, whose, size, most in zip(tables, rows, owners, people, records, strict=True)
    )
    return first, second


def seen_through(table: Table, names: Sequence[str]) -> Table:
    """The table with those columns only."""
    kept = {
        "fields": tuple(table.schema.field(n) for n in names),
        "primary_key": (),
        "unique_keys": (),
    }
    return table.select(table.schema.model_copy(update=kept))


def columns_with(schema: TableSchema, role: Role) -> list[str]:
    """Modelled columns that have the role."""
    return [f.name for f in schema.modelled_fields if f.tabsynth.role == role]


def secrets(comparison: Comparison, *, most: int, besides: Sequence[str] = ()) -> list[str]:
    """The columns that an attacker would learn about a person.

    Args:
        comparison: its schema may declare columns as sensitive.
        most: columns to name where none is declared.
        besides: columns that are no secrets.

    Returns:
        The modelled columns declared sensitive; where there are none, the target and others at
        random, in the order of the schema.
    """
    schema = comparison.train.schema
    declared = [n for n in columns_with(schema, "sensitive") if n not in besides]
    if declared:
        return declared
    names = [n for n in schema.modelled_names if n not in besides]
    order = [names[i] for i in comparison.rng("secrets").permutation(len(names))]
    # the target comes first
    chosen = sorted(order, key=lambda n: n != comparison.target)[:most]
    return [n for n in names if n in chosen]


def levels(tables: list[Table], name: str, *, held: list[Table]) -> list[Codes]:
    """One column in several tables as an attacker would read it: equal codes for like values.

    Args:
        tables: of one schema.
        name: the column.
        held: tables of the attacker; their quantiles cut numbers into 20 groups, and a value that
            a twentieth of the records share is a group of its own.

    Returns:
        Codes from 0, -1 for missing values.
    """
    columns = [t.column(name) for t in tables]
    if tables[0].schema.field(name).is_categorical:
        return shared_codes(columns)
    known = np.concatenate([numbers(t.column(name)) for t in held])
    cuts = _cuts(known[~np.isnan(known)])
    values = [numbers(c) for c in columns]
    return [
        np.where(np.isnan(v), -1, np.searchsorted(cuts, v, side="right")).astype(np.int64)
        for v in values
    ]


def _cuts(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(values):
        return np.empty(0)
    quantiles, times = np.unique(
        np.quantile(values, np.linspace(0, 1, GROUPS + 1), method="nearest"), return_counts=True
    )
    shared = quantiles[times > 1]
    cuts = np.concatenate([quantiles[1:-1], shared, np.nextafter(shared, np.inf)])
    distinct: NDArray[np.float64] = np.unique(cuts)
    return distinct
