"""Whether a synthetic table widens or hides gaps between groups."""

from __future__ import annotations

import numpy as np

from tabsynth.bias.groups import ENOUGH, Grouping
from tabsynth.bias.outcome import Outcome
from tabsynth.bias.outcomes import NOTICEABLE
from tabsynth.comparison import Comparison, no_figure
from tabsynth.metrics.bias import real_groupings, real_outcome
from tabsynth.metrics.gap_change import DRAWS, gap_change
from tabsynth.report.model import Result


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
    tables = [comparison.train, comparison.holdout, comparison.synthetic, *comparison.draws]
    found = gap_change(grouping, tables, [outcome.of(t) for t in tables], rng)
    n = comparison.synthetic.num_rows
    if found is None:
        needed = f"needs two groups of {ENOUGH} records with a known outcome in every table"
        none = no_figure("gap_amplification", "bias", unit="share", n=n, method=needed)
        return none.model_copy(update={"column": grouping.name})
    low, high = found.interval
    wider = low > max(0.0, found.reference) and found.beyond > NOTICEABLE
    hidden = high < min(0.0, found.reference) and found.beyond < -NOTICEABLE
    over = f", {found.tables} synthetic tables" if found.tables > 1 else ""
    return Result(
        name="gap_amplification",
        family="bias",
        column=grouping.name,
        value=found.value,
        ci_low=low,
        ci_high=high,
        reference=found.reference,
        unit="share",
        n=n,
        method=f"{outcome.words}: rate of {grouping.labels[found.high]} minus that of "
        f"{grouping.labels[found.low]} (furthest apart in real records), synthetic minus holdout; "
        f"{DRAWS} bootstrap draws{over}; the reference is train minus holdout",
        seed=comparison.seed,
        status="attention" if wider or hidden else "ok",
    )
