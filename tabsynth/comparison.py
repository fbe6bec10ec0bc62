"""What metrics compare: real training and holdout records, and synthetic ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.report.model import Direction, Family, Result, Status
from tabsynth.schema.check import Violation
from tabsynth.table import Table

MAX_RECORDS: Final = 50_000


Refit = Callable[[Table, int], Table]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Three tables of one schema; metrics are pure functions of it.

    Args:
        train: real records that the synthesizer learnt from.
        holdout: real records that it never saw; fidelity is judged against these.
        synthetic: what it drew, cells that do not parse being missing.
        violations: where the synthetic records break the schema.
        target: column to predict, for utility.
        seed: of every random draw of a metric.
        protected: columns that name the groups to compare, for bias.
        strata: columns in which outcomes may rightly differ.
        draws: further synthetic tables of the same model, where there is one.
        refit: where there is a model, makes a synthetic table, as large as its first argument, by
            a new fit to those records with that seed.
    """

    train: Table
    holdout: Table
    synthetic: Table
    violations: tuple[Violation, ...] = ()
    target: str | None = None
    seed: int = 0
    protected: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
    draws: tuple[Table, ...] = ()
    refit: Refit | None = None

    def rng(self, name: str) -> np.random.Generator:
        """A generator of its own for each metric, so that metrics do not disturb each other."""
        return np.random.default_rng([self.seed, *name.encode()])

    @cached_property
    def modelled(self) -> Comparison:
        """The same with modelled columns only and at most 50,000 records a table."""
        rng = self.rng("records")
        tables = (t.modelled for t in (self.train, self.holdout, self.synthetic, *self.draws))
        train, holdout, synthetic, *draws = (at_most(t, MAX_RECORDS, rng) for t in tables)
        return replace(self, train=train, holdout=holdout, synthetic=synthetic, draws=tuple(draws))

    @property
    def control(self) -> Table:
        """Three quarters of the holdout: people never seen, for attacks to be tried on.

        An attack is judged on these; it is their number that limits what it can show.
        """
        return self._parts[0]

    @property
    def auxiliary(self) -> Table:
        """The other quarter: what an attacker knows of people beside the synthetic table."""
        return self._parts[1]

    @cached_property
    def _parts(self) -> tuple[Table, Table]:
        units, places = np.unique(self.holdout.units, return_inverse=True)
        first = np.zeros(len(units), bool)
        first[self.rng("control").permutation(len(units))[: -(-3 * len(units) // 4)]] = True
        rows = np.arange(self.holdout.num_rows)
        return (
            self.holdout.take(rows[first[places]]),
            self.holdout.take(rows[~first[places]]),
        )

    @cached_property
    def reference(self) -> Table:
        """Training records in the place of the synthetic ones: as many, where there are."""
        return at_most(self.train, self.synthetic.num_rows, self.rng("reference"))

    @cached_property
    def baseline(self) -> Table:
        """As many records with every column drawn on its own from the training records."""
        rng = self.rng("baseline")
        columns = [
            column.take(pa.array(rng.integers(0, self.train.num_rows, self.synthetic.num_rows)))
            for column in self.train.data.columns
        ]
        return Table(self.train.schema, pa.table(columns, names=list(self.train.schema.names)))


Metric = Callable[[Comparison], list[Result]]


def score(
    value: float,
    reference: float,
    baseline: float,
    *,
    margin: float,
    better: Direction = "lower",
) -> tuple[float | None, Status]:
    """The value on the scale where 100 is the reference and 0 the baseline.

    Args:
        value: the figure for the synthetic table.
        reference: the same for real records.
        baseline: the same for independent columns.
        margin: half the width of the value's interval.
        better: which direction of the value is better.

    Returns:
        The score within 0 and 100 and its status. Where the baseline is not worse than the
        reference beyond noise there is no score; a value clearly worse than both still deserves
        attention.
    """
    span = baseline - reference
    above = span if better == "lower" else -span
    if above <= 2 * margin or span == 0:
        worse = value - reference if better == "lower" else reference - value
        return None, "attention" if worse > abs(span) + 2 * margin else "uninformative"
    result = float(np.clip(100 * (baseline - value) / span, 0, 100))
    return result, "attention" if result < 50 else "ok"


def no_figure(name: str, family: Family, *, unit: str, n: int, method: str) -> Result:
    """The result of a measure that cannot be taken, with what it would need as its method."""
    return Result(
        name=name,
        family=family,
        value=None,
        unit=unit,
        n=n,
        method=method,
        status="uninformative",
    )


def dealt(units: NDArray[np.int64], parts: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """A part from 0 for each record, at random; all records of one privacy unit are in one."""
    places = np.unique(units, return_inverse=True)[1]
    dealt: NDArray[np.int64] = rng.permutation(int(places.max(initial=-1)) + 1) % parts
    return dealt[places]


def apart(
    first: NDArray[np.int64], second: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Units of two tables, numbered so that none is in both."""
    return first, second + int(first.max(initial=-1)) + 1 - int(second.min(initial=0))


def redrawn(
    records: int, owners: NDArray[np.int64] | None, draws: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Positions of records drawn again with replacement; persons are drawn with all of theirs.

    Args:
        records: how many there are.
        owners: whose each is; None where each is a person's own.
        draws: how often.
        rng: of the draws.
    """
    if owners is None:
        yield from rng.integers(0, records, (draws, records))
        return
    order = np.argsort(owners, kind="stable")
    own = np.split(order, np.flatnonzero(np.diff(owners[order])) + 1)
    for picks in rng.integers(0, len(own), (draws, len(own))):
        yield np.concatenate([own[i] for i in picks])


def at_most(table: Table, records: int, rng: np.random.Generator) -> Table:
    """The table, or so many of its records at random, in their order."""
    if table.num_rows <= records:
        return table
    return table.take(np.sort(rng.choice(table.num_rows, records, replace=False)))
