"""Whether a synthetic table widens or hides gaps between groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.bias.groups import ENOUGH, Grouping
from tabsynth.bias.outcome import Outcome
from tabsynth.bias.outcomes import NOTICEABLE
from tabsynth.bias.rates import tally
from tabsynth.comparison import Comparison, no_figure
from tabsynth.metrics.bias import real_groupings, real_outcome
from tabsynth.report.model import Result
from tabsynth.table import Table

DRAWS: Final = 400

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def amplification(comparison: Comparison) -> list[Result]:
    """The gap between groups in synthetic records minus that in the holdout.

    The gap is that of the two groups that lie furthest apart in all real records together.

    Returns:
        `gap_amplification` per grouping, within -2 and 2: above 0 the synthetic table widens the
        gap, below it hides some of it. The reference is train minus holdout. It deserves attention
        when it is beyond both 0 and the reference, its interval wholly and itself by 0.05. Nothing
        without protected columns or target.

    Raises:
        UsageError: a protected column or the target is not a modelled one.

    Privacy: reads real records; not differentially private.
    """
    outcome = real_outcome(comparison)
    if outcome is None:
        return []
    rng = comparison.rng("amplification")
    return [_amplified(comparison, g, outcome, rng) for g in real_groupings(comparison)]


def _amplified(
    comparison: Comparison, grouping: Grouping, outcome: Outcome, rng: np.random.Generator
) -> Result:
    made = [comparison.synthetic, *comparison.draws]
    train, holdout, *synthetic = (
        _Outcomes.of(t, grouping, outcome) for t in (comparison.train, comparison.holdout, *made)
    )
    enough = np.min([t.people for t in (train, holdout, *synthetic)], axis=0) >= ENOUGH
    n = comparison.synthetic.num_rows
    if enough.sum() < 2:
        needed = f"needs two groups of {ENOUGH} records with a known outcome in every table"
        none = no_figure("gap_amplification", "bias", unit="share", n=n, method=needed)
        return none.model_copy(update={"column": grouping.name})
    pooled = (train.hits + holdout.hits) / np.maximum(train.counts + holdout.counts, 1)
    high = int(np.argmax(np.where(enough, pooled, -1)))
    low = int(np.argmin(np.where(enough, pooled, 2)))
    pair = np.array([high, low])
    gaps = [t.gap(pair) for t in (train, holdout)]
    value = float(np.mean([t.gap(pair) for t in synthetic])) - gaps[1]
    reference = gaps[0] - gaps[1]
    # each replicate takes one of the synthetic tables, so the interval covers their spread
    of_tables = np.stack([t.bootstrap(pair, rng) for t in synthetic])
    picked = of_tables[rng.integers(0, len(synthetic), DRAWS), np.arange(DRAWS)]
    drawn = picked - holdout.bootstrap(pair, rng)
    ends = np.quantile(drawn, [0.025, 0.975])
    wider = ends[0] > max(0.0, reference) and value - max(0.0, reference) > NOTICEABLE
    hidden = ends[1] < min(0.0, reference) and min(0.0, reference) - value > NOTICEABLE
    over = f", {len(synthetic)} synthetic tables" if len(synthetic) > 1 else ""
    return Result(
        name="gap_amplification",
        family="bias",
        column=grouping.name,
        value=value,
        ci_low=float(min(ends[0], value)),
        ci_high=float(max(ends[1], value)),
        reference=reference,
        unit="share",
        n=n,
        method=f"{outcome.words}: rate of {grouping.labels[high]} minus that of "
        f"{grouping.labels[low]} (furthest apart in real records), synthetic minus holdout; "
        f"{DRAWS} bootstrap draws{over}; the reference is train minus holdout",
        seed=comparison.seed,
        status="attention" if wider or hidden else "ok",
    )


@dataclass(frozen=True, eq=False)
class _Outcomes:
    """Outcomes by group of one table, and what is needed to draw its privacy units again."""

    counts: Ints
    hits: Ints
    people: Ints
    cells: Ints
    units: Ints | None

    @classmethod
    def of(cls, table: Table, grouping: Grouping, outcome: Outcome) -> _Outcomes:
        codes, values = grouping.codes(table), outcome.of(table)
        name = table.schema.tabsynth.privacy_unit
        units = table.units if name is not None and name in table.schema.names else None
        found = tally(codes, len(grouping.labels), values, units)
        # two cells a group, and one for records without an outcome
        cells = np.where(np.isnan(values), 2 * len(found.counts), 2 * codes + (values == 1))
        places = None if units is None else np.unique(units, return_inverse=True)[1]
        return cls(found.counts, found.hits, found.units, cells.astype(np.int64), places)

    def gap(self, pair: Ints) -> float:
        """Rate of the first group minus that of the second."""
        rates = self.hits[pair] / self.counts[pair]
        return float(rates[0] - rates[1])

    def bootstrap(self, pair: Ints, rng: np.random.Generator) -> Floats:
        """Gaps of redrawn tables, shape (draws,); people are drawn with all their records."""
        size = 2 * len(self.counts) + 1
        if self.units is None:
            counts = np.bincount(self.cells, minlength=size)
            drawn = rng.multinomial(len(self.cells), counts / len(self.cells), DRAWS)
        else:
            people = int(self.units.max()) + 1
            drawn = np.stack(
                [
                    np.bincount(self.cells, rng.multinomial(people, np.full(people, 1 / people))
                                [self.units], minlength=size)
                    for _ in range(DRAWS)
                ]
            )  # fmt: skip
        other, hit = drawn[:, 2 * pair], drawn[:, 2 * pair + 1]
        rates = hit / np.maximum(other + hit, 1)
        gaps: Floats = rates[:, 0] - rates[:, 1]
        return gaps
