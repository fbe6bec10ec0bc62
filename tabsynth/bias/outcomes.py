"""Outcomes by group: rates, ratios to the most favoured group, means, and the largest gap."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.bias.groups import ENOUGH, Grouping
from tabsynth.bias.outcome import Outcome
from tabsynth.bias.persons import as_people
from tabsynth.bias.rates import (
    FOUR_FIFTHS,
    Gap,
    Impact,
    Tally,
    adjust,
    gap,
    impact,
    tally,
)
from tabsynth.comparison import no_figure
from tabsynth.intervals import Z95
from tabsynth.learners import numbers
from tabsynth.report.model import Result, Status
from tabsynth.table import Table

LEVEL: Final = 0.05
# smaller gaps are not worth a look however many records show them
NOTICEABLE: Final = 0.05
INSUFFICIENT: Final = f"insufficient: fewer than {ENOUGH} records"


@dataclass(frozen=True, eq=False)
class GroupOutcomes:
    """Outcomes of the groups of one grouping, and the same in a real table to set beside them.

    Args:
        grouping: the groups.
        found: their counts.
        impact: ratios to the yardstick group, where there is one.
        real: counts in the real table, when another table is judged.
        below: p-values of ratios of four fifths or more, adjusted for the number of groups.
    """

    grouping: Grouping
    found: Tally
    impact: Impact | None
    real: Tally | None = None
    below: NDArray[np.float64] | None = None


def count_outcomes(
    table: Table,
    groupings: list[Grouping],
    outcome: Outcome,
    *,
    rng: np.random.Generator,
    real: Table | None = None,
) -> list[GroupOutcomes]:
    """Count the outcomes of all groups, and adjust what will be flagged for the number of looks.

    Args:
        table: the records.
        groupings: the groups.
        outcome: what is favourable.
        rng: for intervals.
        real: real records; the yardstick group is then the most favoured of theirs.
    """
    units = _units(table)
    values = outcome.of(table)
    listed = []
    for grouping in groupings:
        groups = len(grouping.labels)
        found = tally(grouping.codes(table), groups, values, units)
        beside, yardstick = None, None
        if real is not None:
            beside = tally(grouping.codes(real), groups, outcome.of(real), _units(real))
            yardstick = beside.yardstick
        compared = None
        if real is None or yardstick is not None:
            compared = impact(found, rng, yardstick=yardstick)
        listed.append(GroupOutcomes(grouping, found, compared, beside))
    return _adjusted(listed)


def rate_figures(counted: list[GroupOutcomes], outcome: Outcome, *, seed: int) -> list[Result]:
    """`base_rate` and `impact_ratio` of every group.

    Returns:
        Rates within 0 and 1, and ratios to the yardstick group, from 0. A ratio deserves attention
        when its whole interval, and its p-value adjusted for the number of groups, are below four
        fifths.
    """
    return [
        result
        for part in counted
        for g in np.flatnonzero(part.found.counts)
        for result in _group_figures(part, int(g), outcome, seed)
    ]


def gap_figures(
    counted: list[GroupOutcomes], outcome: Outcome, *, rng: np.random.Generator, seed: int
) -> list[Result]:
    """`rate_gap` of every grouping: highest minus lowest rate, with its permutation null.

    Returns:
        Gaps within 0 and 1, lower is better; the reference is what 95 % of random groupings stay
        below. A gap deserves attention when its p-value, adjusted, is below 0.05 and its interval
        above 0.05.
    """
    gaps = [gap(part.found, rng, looks=len(counted)) for part in counted]
    p = adjust(
        [np.array([] if g is None else [g.p]) for g in gaps],
        [part.grouping.is_intersection for part in counted],
    )
    return [
        _gap_figure(part, g, p=float(own[0]) if len(own) else 1.0, outcome=outcome, seed=seed)
        for part, g, own in zip(counted, gaps, p, strict=True)
    ]


def mean_figures(
    table: Table, groupings: list[Grouping], outcome: Outcome, *, seed: int
) -> list[Result]:
    """`outcome_mean` of every group of 30 records, for a target that is a number.

    Returns:
        Means in the target's unit, with intervals of the normal distribution; the reference is the
        mean of all records. Nothing for moments and classes.
    """
    if not outcome.is_numeric or table.schema.field(outcome.target).type not in (
        "integer",
        "number",
    ):
        return []
    values = numbers(table.column(outcome.target))
    known = np.isfinite(values)
    units = table.units
    results = []
    for grouping in groupings:
        codes = grouping.codes(table)
        for g, label in enumerate(grouping.labels):
            own = values[known & (codes == g)]
            whose = units[known & (codes == g)]
            if len(np.unique(whose)) < ENOUGH:
                continue
            margin = Z95 * float(own.std(ddof=1)) / np.sqrt(len(own) * as_people(whose))
            mean = float(own.mean())
            results.append(
                Result(
                    name="outcome_mean",
                    family="bias",
                    column=grouping.name,
                    group=label,
                    value=mean,
                    ci_low=mean - margin,
                    ci_high=mean + margin,
                    reference=float(values[known].mean()),
                    better="higher",
                    unit=f"mean of {outcome.target}",
                    n=len(own),
                    method="mean of the group; the reference is the mean of all records",
                    seed=seed,
                )
            )
    return results


def _group_figures(part: GroupOutcomes, g: int, outcome: Outcome, seed: int) -> list[Result]:
    found, real, label = part.found, part.real, part.grouping.labels[g]
    enough = bool(found.enough[g])
    low, high = found.intervals()
    known = real is not None and real.counts[g] > 0
    rate = Result(
        name="base_rate",
        family="bias",
        column=part.grouping.name,
        group=label,
        value=float(found.rates[g]),
        ci_low=float(low[g]),
        ci_high=float(high[g]),
        reference=float(real.rates[g]) if real is not None and known else None,
        better="higher",
        unit="share",
        n=int(found.counts[g]),
        method=f"share with {outcome.words}; Jeffreys interval" if enough else INSUFFICIENT,
        seed=seed,
        status="ok" if enough else "uninformative",
    )
    if part.impact is None or g == part.impact.yardstick:
        return [rate]
    status: Status = "ok" if enough else "uninformative"
    if enough and part.below is not None and part.below[g] < LEVEL:
        status = "attention" if part.impact.high[g] < FOUR_FIFTHS else "ok"
    best = part.impact.yardstick
    adjusted = "Benjamini-Hochberg" if part.grouping.is_intersection else "Holm"
    ratio = Result(
        name="impact_ratio",
        family="bias",
        column=part.grouping.name,
        group=label,
        value=float(part.impact.ratios[g]),
        ci_low=float(part.impact.low[g]),
        ci_high=float(part.impact.high[g]),
        reference=_real_ratio(real, g, best) if real is not None and known else None,
        better="higher",
        unit="ratio",
        n=int(found.counts[g]),
        method=f"rate over that of {part.grouping.labels[best]}, the most favoured group of 30 "
        f"records and 2 %; worth a look when surely below 0.8 ({adjusted})"
        if enough
        else INSUFFICIENT,
        seed=seed,
        status=status,
    )
    return [rate, ratio]


def _real_ratio(real: Tally, g: int, best: int) -> float | None:
    return float(real.rates[g] / real.rates[best]) if real.hits[best] else None


def _gap_figure(
    part: GroupOutcomes, found: Gap | None, *, p: float, outcome: Outcome, seed: int
) -> Result:
    grouping, counts = part.grouping, part.found.counts
    if found is None:
        needed = f"needs two groups of {ENOUGH} records with a known outcome"
        none = no_figure("rate_gap", "bias", unit="share", n=int(counts.sum()), method=needed)
        return none.model_copy(update={"column": grouping.name})
    adjusted = "Benjamini-Hochberg" if grouping.is_intersection else "Holm"
    wide = p < LEVEL and found.low > NOTICEABLE
    return Result(
        name="rate_gap",
        family="bias",
        column=grouping.name,
        value=found.value,
        ci_low=found.low,
        ci_high=found.high,
        reference=found.chance,
        unit="share",
        n=int(counts[part.found.enough].sum()),
        method=f"{outcome.words}: {grouping.labels[found.highest]} minus "
        f"{grouping.labels[found.lowest]}; the reference is what 95 % of random groupings stay "
        f"below; p = {p:.3g} ({adjusted})",
        seed=seed,
        status="attention" if wide else "ok",
    )


def _adjusted(listed: list[GroupOutcomes]) -> list[GroupOutcomes]:
    """P-values of groups that could be flagged, adjusted within their family."""
    places = [
        np.flatnonzero(part.found.enough & (np.arange(len(part.found.counts)) != _best(part)))
        if part.impact is not None
        else np.array([], np.int64)
        for part in listed
    ]
    raw = [
        part.impact.below[where] if part.impact is not None else np.array([])
        for part, where in zip(listed, places, strict=True)
    ]
    adjusted = adjust(raw, [part.grouping.is_intersection for part in listed])
    results = []
    for part, where, p in zip(listed, places, adjusted, strict=True):
        below = np.ones(len(part.found.counts))
        below[where] = p
        results.append(replace(part, below=below))
    return results


def _best(part: GroupOutcomes) -> int:
    return -1 if part.impact is None else part.impact.yardstick


def _units(table: Table) -> NDArray[np.int64] | None:
    """Privacy units, or None where every record is one."""
    name = table.schema.tabsynth.privacy_unit
    return table.units if name is not None and name in table.schema.names else None
