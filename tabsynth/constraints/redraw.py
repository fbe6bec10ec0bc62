"""Exactly as many records as were asked for, all of which keep the constraints, or an error.

What a transform cannot keep is met by drawing again. A request for which hardly any drawn record
will do is refused, with the share of records that would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.constraints.lattice import Mask, outside
from tabsynth.constraints.plan import Plan
from tabsynth.constraints.rules import broken
from tabsynth.constraints.uniqueness import Seen
from tabsynth.errors import ConditionError, DataError, TabsynthError
from tabsynth.table import Table

# records drawn at once, and before a request may be refused
BATCH: Final = 65_536
PATIENCE: Final = 500_000
# records drawn for each that is wanted: on average over many, and for a single one, at most
TRIES: Final = 1_000
MOST_EACH: Final = 100_000

# draws so many records of the columns that were learnt, under conditions on them
Sample = Callable[[int, Table | None], Table]


def draw_kept(
    plan: Plan,
    sample: Sample,
    rows: int,
    given: Table | None = None,
    *,
    seen: Seen | None = None,
) -> Table:
    """Records that keep all constraints; uniqueness only where `seen` says what has been drawn.

    Args:
        plan: how the constraints are kept.
        sample: the model's; the same calls in the same order must give the same records.
        rows: how many.
        given: one condition for all records, or one per record, on columns of the schema.
        seen: what no record may repeat; the records are added to it.

    Raises:
        ConditionError: conditions that break a constraint, or that are met too seldom.
        DataError: constraints that hardly any drawn record keeps.
    """
    told, wanted = (None, None) if given is None else plan.conditions(given)
    request = _Request(plan, sample, told, wanted, seen)
    drawn, good = request.draw(np.arange(rows))
    request.take(drawn, np.flatnonzero(good))
    if good.all():
        return drawn
    if given is None or given.num_rows == 1:
        return _filled(request, drawn, good)
    return _filled_each(request, drawn, good)


def without_repeats(
    plan: Plan, sample: Sample, drawn: Table, *, seen: Seen, given: Table | None = None
) -> Table:
    """Records that keep all constraints, with those that repeat one drawn before drawn again.

    Args:
        plan: how the constraints are kept.
        sample: the model's.
        drawn: records that keep all constraints but uniqueness.
        seen: what no record may repeat; the records are added to it.
        given: the conditions under which they were drawn.

    Raises:
        ConditionError: as `draw_kept`.
        DataError: as `draw_kept`.
    """
    new = seen.new(drawn)
    rows, left = np.flatnonzero(new), np.flatnonzero(~new)
    seen.add(drawn.take(rows))
    if not len(left):
        return drawn
    if given is not None and given.num_rows > 1:
        given = given.take(left)
    again = draw_kept(plan, sample, len(left), given, seen=seen)
    source = np.arange(len(new))
    source[left] = len(new) + np.arange(len(left))
    both = pa.concat_tables([drawn.data, again.data])
    return Table(drawn.schema, both.take(pa.array(source)))


@dataclass(frozen=True)
class _Request:
    """What is drawn, and what will do.

    Args:
        plan: how the constraints are kept.
        sample: the model's.
        told: conditions that the model is told; None where there are none.
        wanted: conditions that a drawn record is held to.
        seen: what no record may repeat; None where nobody asks.
    """

    plan: Plan
    sample: Sample
    told: Table | None
    wanted: Table | None
    seen: Seen | None

    def draw(self, places: NDArray[np.intp]) -> tuple[Table, Mask]:
        """A record for each place among those that were asked for, and which of them will do."""
        drawn = self.plan.back(self.sample(len(places), _at(self.told, places)))
        good = ~self.plan.broken(drawn)
        wanted = _at(self.wanted, places)
        if wanted is not None:
            good &= _meets(drawn, wanted)
        if self.seen is not None:
            # only a good record keeps another one from being taken
            rows = np.flatnonzero(good)
            good[rows] = self.seen.new(drawn.take(rows))
        return drawn, good

    def take(self, drawn: Table, rows: NDArray[np.intp]) -> Table:
        """Some of the records, for good."""
        taken = drawn.take(rows)
        if self.seen is not None:
            self.seen.add(taken)
        return taken

    def refusal(self, found: int, tried: int) -> TabsynthError:
        """Why it is given up."""
        share = "none" if found == 0 else f"about one in {tried // found:,}"
        got = f"{share} of {tried:,} that were drawn"
        if self.wanted is not None and self.wanted.schema.names:
            return ConditionError(
                f"given {', '.join(map(repr, self.wanted.schema.names))}",
                expected="conditions that drawn records meet now and then",
                got=got, remedy="condition on other columns, or loosen the constraints on these",
            )  # fmt: skip
        rules = ", ".join(self._culprits())
        return DataError(
            "constraints", expected=f"drawn records that keep {rules}", got=got,
            remedy="ask for fewer records, or declare fewer constraints",
        )  # fmt: skip

    def _culprits(self) -> list[str]:
        """What most drawn records break; where it is nothing by itself, everything."""
        drawn = self.plan.back(self.sample(TRIES, _at(self.told, np.zeros(TRIES, np.intp))))
        shares = {f"`{c.words}`": broken(c, drawn).mean() for c in self.plan.checked}
        shares |= {
            f"the bounds of {name!r}": outside(drawn, name).mean() for name in self.plan.bounded
        }
        every = [f"`{c.words}`" for c in self.plan.unique] if self.seen is not None else []
        return [words for words, share in shares.items() if share > 0.5] or every or [*shares]


def _filled(request: _Request, drawn: Table, good: Mask) -> Table:
    """The good records, and more of them, where one is as welcome as another."""
    rows = tried = len(good)
    parts = [drawn.take(np.flatnonzero(good)).data]
    found = parts[0].num_rows
    while found < rows:
        _require_hope(request, found, tried, rows)
        share = max(found / tried, 1 / TRIES)
        size = min(BATCH, int((rows - found) * 1.1 / share) + 16)
        again, good = request.draw(np.zeros(size, np.intp))
        parts.append(request.take(again, np.flatnonzero(good)[: rows - found]).data)
        found, tried = found + parts[-1].num_rows, tried + size
    return Table(drawn.schema, pa.concat_tables(parts))


def _filled_each(request: _Request, drawn: Table, good: Mask) -> Table:
    """The records with those that will not do drawn again, each under its own condition."""
    rows = tried = len(good)
    parts, source = [drawn.data], np.arange(rows)
    left, each, size = np.flatnonzero(~good), 1, rows
    while len(left):
        if each > MOST_EACH:
            raise request.refusal(0, each)
        _require_hope(request, rows - len(left), tried, rows)
        copies = min(max(1, BATCH // len(left)), each)
        places = np.repeat(left, copies)
        again, good = request.draw(places)
        met, first = np.unique(places[good], return_index=True)
        parts.append(request.take(again, np.flatnonzero(good)[first]).data)
        source[met] = size + np.arange(len(met))
        left, size = np.setdiff1d(left, met), size + len(met)
        each, tried = each + copies, tried + len(places)
    return Table(drawn.schema, pa.concat_tables(parts).take(pa.array(source)))


def _require_hope(request: _Request, found: int, tried: int, rows: int) -> None:
    """Refuse what would take too many draws, going by the share that will do so far."""
    if tried >= PATIENCE and rows * tried > max(PATIENCE, TRIES * rows) * found:
        raise request.refusal(found, tried)


def _at(conditions: Table | None, places: NDArray[np.intp]) -> Table | None:
    """The conditions of some of the records; None where there are none."""
    if conditions is None or not conditions.schema.names:
        return None
    return conditions if conditions.num_rows == 1 else conditions.take(places)


def _meets(drawn: Table, wanted: Table) -> Mask:
    """Which records hold the wanted values; a missing one is free."""
    found = np.ones(drawn.num_rows, bool)
    for name in wanted.schema.names:
        values, column = wanted.column(name), drawn.column(name)
        if pa.types.is_dictionary(column.type):
            values, column = values.cast(pa.string()), column.cast(pa.string())
        if len(values) == 1:
            values = values[0]
            if not values.is_valid:
                continue
            equal = pc.equal(column, values).fill_null(False)
        else:
            equal = pc.or_kleene(pc.equal(column, values), values.is_null()).fill_null(False)
        found &= equal.to_numpy(zero_copy_only=False)
    return found
