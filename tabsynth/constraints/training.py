"""What of a table breaks its constraints, and what of it a model may learn."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow.compute as pc

from tabsynth.constraints.lattice import Mask
from tabsynth.constraints.plan import Plan
from tabsynth.constraints.rules import broken
from tabsynth.constraints.transforms import Combined
from tabsynth.errors import DataError
from tabsynth.schema.check import Violation
from tabsynth.schema.constraint import Constraint
from tabsynth.table import Table

# a combination is learnt when so many records share it
SHARED: Final = 5
# share of records that may be left out since they break a proposed constraint
MOST_LEFT_OUT: Final = 0.05


def violations(table: Table) -> tuple[Violation, ...]:
    """Declared constraints that a table breaks, and how many of its records break each.

    Privacy: reads every record; holds counts and the schema's own words.
    """
    counted = [(c, int(_broken(c, table).sum())) for c in _of(table, observed=False)]
    return tuple(Violation(None, "constraint", n, f"`{c.words}`") for c, n in counted if n)


def require_kept(table: Table, *, where: str) -> None:
    """Refuse records that break a declared constraint.

    Args:
        table: the records.
        where: how the message names them.

    Raises:
        DataError: some do; the message holds the share for each constraint.
    """
    found = violations(table)
    if found:
        shares = "; ".join(
            f"{v.expected} broken by {share_words(v.count, table.num_rows)}" for v in found[:6]
        )
        more = f"; and {len(found) - 6} more constraints broken" if len(found) > 6 else ""
        raise DataError(
            where, expected="records that keep the constraints", got=f"{shares}{more}",
            remedy="correct the data, or take the constraint out of the schema",
        )  # fmt: skip


def learnable(plan: Plan, table: Table) -> tuple[Table, tuple[str, ...]]:
    """The records as a synthesizer learns them, and what to note about it.

    Args:
        plan: how the constraints of the table are kept.
        table: records that keep the declared constraints; those that break an observed one are
            left out.

    Raises:
        DataError: many records break an observed constraint, or few share a combination.
    """
    modelled, notes = table.modelled, []
    left_out = np.zeros(table.num_rows, bool)
    for constraint in _of(table, observed=True):
        bad = _broken(constraint, table)
        if not bad.any():
            continue
        told = f"`{constraint.words}`", share_words(int(bad.sum()), table.num_rows)
        if bad.mean() > MOST_LEFT_OUT:
            raise DataError(
                "data", expected=f"records that keep {told[0]}, which the schema proposes",
                got=f"{told[1]} that do not", remedy="take the constraint out of the schema",
            )  # fmt: skip
        left_out |= bad
        notes.append(f"Left out of the fit, as it breaks {told[0]}: {told[1]}.")
    if left_out.any():
        modelled = modelled.take(np.flatnonzero(~left_out))
    for step in plan.steps:
        if isinstance(step.how, Combined) and step.how.constraint.allowed is None:
            _require_shared(step.how, modelled)
    return replace(plan.forward(modelled), persons=modelled.persons), tuple(notes)


def share_words(count: int, rows: int) -> str:
    """A number of records as a share of two digits, such as `2.5 % of the records`."""
    share = 100 * count / max(rows, 1)
    return f"{'less than 0.1' if share < 0.1 else f'{share:.2g}'} % of the records"


def _of(table: Table, *, observed: bool) -> list[Constraint]:
    return [c for c in table.schema.tabsynth.constraints if c.observed == observed]


def _broken(constraint: Constraint, table: Table) -> Mask:
    return broken(constraint, table.modelled)


def _require_shared(how: Combined, table: Table) -> None:
    """Refuse combinations of which a model could learn hardly any."""
    if not set(how.removed) <= set(table.schema.names):
        return
    codes = how.encode(table)[how.name].indices
    counts = pc.value_counts(codes).field("counts").to_numpy()
    if counts.sum() and counts[counts >= SHARED].sum() < counts.sum() / 2:
        raise DataError(
            f"constraint `{how.constraint.words}`",
            expected=f"combinations that {SHARED} records share, as the model learns only these",
            got="others in most records", remedy="list what is allowed, or take it out",
        )  # fmt: skip
