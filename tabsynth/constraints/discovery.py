"""Constraints that hold in all records, as proposals: each would often be broken by chance.

A rule that holds because two columns have nothing to do with each other's range (an age is less
than an income) says nothing. So a rule is proposed only where many records would break it if the
columns were independent, and implied ones are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tabsynth.constraints.group_discovery import combinations, exclusive, one_hot, unique
from tabsynth.constraints.number_discovery import increments, inequalities, totals
from tabsynth.constraints.rules import broken
from tabsynth.schema.constraint import Constraint, Increment, Inequality, Place, Total
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table

FEWEST_RECORDS: Final = 50


def proposed(table: Table) -> tuple[Constraint, ...]:
    """Constraints that all records keep, marked as observed.

    Args:
        table: at least 50 records, or nothing is proposed.

    Privacy: reads every record. Of values, only the step and offset of an increment enter.
    """
    table = table.modelled
    if table.num_rows < FEWEST_RECORDS:
        return ()
    sums = totals(table)
    found: list[Constraint] = [*combinations(table), *one_hot(table), *sums]
    found += [i for i in inequalities(table) if not _implied(i, sums)]
    busy = {name for constraint in found for name in constraint.involved}
    # what other columns are made of keeps its step by itself
    found += [i for i in increments(table) if i.column not in busy]
    found += [*exclusive(table), *unique(table)]
    return tuple(c for c in found if not broken(c, table).any())


def with_proposals(schema: TableSchema, table: Table) -> TableSchema:
    """The schema with the constraints that `proposed` finds, and a note that says so."""
    places = [c for c in schema.tabsynth.constraints if isinstance(c, Place)]
    placed = {name for place in places for name in place.columns}
    # what a map shows of its two columns says nothing about one of them
    found = [
        c for c in proposed(table)
        if not (isinstance(c, (Inequality, Increment, Total)) and placed & set(c.involved))
    ]  # fmt: skip
    if not found:
        return schema
    kinds = f"{len(found)} constraint{'s' if len(found) > 1 else ''}"
    note = f"{kinds} proposed, as all records keep them; delete those that need not hold"
    ours = schema.tabsynth
    ours = ours.model_copy(
        update={
            "constraints": (*ours.constraints, *found),
            "notes": (*ours.notes, note),
        }
    )
    return schema.model_copy(update={"tabsynth": ours})


def _implied(order: Inequality, sums: Sequence[Total]) -> bool:
    """Whether an order only says that a part is at most its total."""
    return any(
        order.columns[-1] == c.total and set(order.columns[:-1]) <= set(c.parts) and not c.minus
        for c in sums
    )
