"""Whether a synthetic table keeps how often values are missing in each group."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from tabsynth.bias.groups import Grouping
from tabsynth.bias.missingness import missingness_figures
from tabsynth.bias.outcomes import LEVEL, NOTICEABLE
from tabsynth.bias.rates import holm
from tabsynth.comparison import Comparison
from tabsynth.metrics.bias import real_groupings
from tabsynth.metrics.gap_change import DRAWS, GapChange, gap_change
from tabsynth.report.model import Result
from tabsynth.table import Table

NAME: Final = "missing_gap_change"


def group_missingness(comparison: Comparison) -> list[Result]:
    """Differences between groups in how often values are missing, synthetic beside real.

    Returns:
        `missing_gap` of the synthetic table for every column that has missing values there: the
        largest difference between groups, with the same difference in the holdout as reference.
        `missing_gap_change`: for the two groups that lie furthest apart in real records, the
        difference in the synthetic table minus that in the holdout, within -2 and 2; the reference
        is train minus holdout. It deserves attention when it is beyond 0 and the reference by
        0.05, and its p-value, adjusted over all columns (Holm), is below 0.05. Single protected
        columns only; nothing without any.

    Raises:
        UsageError: a protected column is not a modelled one.

    Privacy: reads real records; not differentially private.
    """
    groups = [g for g in real_groupings(comparison) if not g.is_intersection]
    if not groups:
        return []
    rng = comparison.rng("group_missingness")
    levels = missingness_figures(
        comparison.synthetic.modelled, groups, rng=rng, seed=comparison.seed,
        real=comparison.holdout,
    )  # fmt: skip
    found = [
        (grouping, name, change)
        for grouping in groups
        for name in comparison.train.schema.modelled_names
        if name not in grouping.columns
        and (change := _change(comparison, grouping, name, rng)) is not None
    ]
    p = holm(np.array([_p_value(change) for _, _, change in found]))
    changes = [
        _figure(comparison, *place, p=float(own)) for place, own in zip(found, p, strict=True)
    ]
    return [*levels, *changes]


def _change(
    comparison: Comparison, grouping: Grouping, name: str, rng: np.random.Generator
) -> GapChange | None:
    tables = [comparison.train, comparison.holdout, comparison.synthetic, *comparison.draws]
    absent = [_absent(t, name) for t in tables]
    # without a missing value, or without any other, there is nothing to compare
    if not 0 < sum(a.sum() for a in absent) < sum(len(a) for a in absent):
        return None
    return gap_change(grouping, tables, absent, rng)


def _absent(table: Table, name: str) -> NDArray[np.float64]:
    missing = table.column(name).is_null().to_numpy(zero_copy_only=False)
    return np.asarray(missing, np.float64)


def _p_value(change: GapChange) -> float:
    """Of the change lying between 0 and the reference."""
    spread = float(np.std(change.drawn))
    return float(2 * norm.sf(abs(change.beyond) / spread)) if spread > 0 else 1.0


def _figure(
    comparison: Comparison, grouping: Grouping, name: str, change: GapChange, *, p: float
) -> Result:
    low, high = change.interval
    over = f", {change.tables} synthetic tables" if change.tables > 1 else ""
    return Result(
        name=NAME,
        family="bias",
        column=grouping.name,
        group=f"missing {name}",
        value=change.value,
        ci_low=low,
        ci_high=high,
        reference=change.reference,
        unit="share",
        n=comparison.synthetic.num_rows,
        method=f"missing in {grouping.labels[change.high]} minus in {grouping.labels[change.low]} "
        f"(furthest apart in real records; {change.real:.3g} in the holdout), synthetic minus "
        f"holdout; {DRAWS} bootstrap draws{over}; the reference is train minus holdout; "
        f"p = {p:.3g} (Holm)",
        seed=comparison.seed,
        status="attention" if p < LEVEL and abs(change.beyond) > NOTICEABLE else "ok",
    )
