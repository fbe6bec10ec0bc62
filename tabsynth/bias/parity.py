"""Whether groups fare alike within strata that may rightly matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from tabsynth.bias.groups import ENOUGH, Grouping, Strata
from tabsynth.bias.outcome import Outcome
from tabsynth.bias.outcomes import INSUFFICIENT, LEVEL
from tabsynth.bias.persons import as_people
from tabsynth.bias.rates import adjust
from tabsynth.comparison import no_figure
from tabsynth.intervals import Z95
from tabsynth.report.model import Result
from tabsynth.table import Table

# odds within this ratio of each other, either way, are not worth a look
EVEN: Final = 1.25


@dataclass(frozen=True)
class CommonOdds:
    """The odds ratio that strata have in common, and how sure it is.

    Args:
        ratio: odds of the first group over those of the second.
        error: standard error of its logarithm.
    """

    ratio: float
    error: float

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the ratio."""
        spread = float(np.exp(Z95 * self.error))
        return self.ratio / spread, self.ratio * spread

    @property
    def uneven(self) -> float:
        """P-value of the ratio being within 0.8 and 1.25."""
        return float(norm.sf((abs(np.log(self.ratio)) - np.log(EVEN)) / self.error))


def common_odds(tables: NDArray[np.float64]) -> CommonOdds | None:
    """The Mantel-Haenszel odds ratio of 2 × 2 tables.

    Args:
        tables: shape (strata, 2, 2): group by favourable (first) and other outcomes.

    Returns:
        Above 1 the first group is favoured within strata; None where no stratum compares the two.
        Where nobody (or everybody) of a group is favoured, half a record is added to each kind.

    Source: Mantel and Haenszel (1959), doi:10.1093/jnci/22.4.719; the variance from Robins,
        Breslow and Greenland (1986), doi:10.2307/2531052; the half from Haldane (1956),
        doi:10.1111/j.1469-1809.1955.tb01285.x.
    """
    # only strata with both groups and both outcomes tell anything
    telling = (tables.sum(axis=1) > 0).all(axis=1) & (tables.sum(axis=2) > 0).all(axis=1)
    tables = tables[telling]
    if not len(tables):
        return None
    r, s, total = _products(tables)
    if not (r.sum() > 0 and s.sum() > 0):
        tables = tables + 0.5 / len(tables)
        r, s, total = _products(tables)
    p = (tables[:, 0, 0] + tables[:, 1, 1]) / total
    q = 1 - p
    variance = (
        np.sum(p * r) / (2 * r.sum() ** 2)
        + np.sum(p * s + q * r) / (2 * r.sum() * s.sum())
        + np.sum(q * s) / (2 * s.sum() ** 2)
    )
    return CommonOdds(float(r.sum() / s.sum()), float(np.sqrt(variance)))


def _products(tables: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    total = tables.sum(axis=(1, 2))
    return (
        tables[:, 0, 0] * tables[:, 1, 1] / total,
        tables[:, 0, 1] * tables[:, 1, 0] / total,
        total,
    )


@dataclass(frozen=True)
class GroupOdds:
    """How a group fares beside another, within strata and without.

    Args:
        group: its place among the labels of the grouping.
        beside: place of the group that it is compared with.
        within: the odds ratio that strata have in common.
        crude: the odds ratio without strata; None where it cannot be taken.
        strata: how many hold both groups.
        records: of the group, with a known outcome.
        people: privacy units of the group in strata that hold both.
    """

    group: int
    beside: int
    within: CommonOdds
    crude: CommonOdds | None
    strata: int
    records: int
    people: float

    @property
    def enough(self) -> bool:
        """Whether there are people enough to say something."""
        return self.people >= ENOUGH


def group_odds(
    table: Table,
    grouping: Grouping,
    outcome: Outcome,
    within: Strata,
    *,
    beside: int | None = None,
) -> list[GroupOdds]:
    """Odds of each group of a grouping over those of one group, within strata.

    Args:
        table: the records.
        grouping: the groups.
        outcome: what is favourable.
        within: strata in which outcomes may rightly differ.
        beside: the group to compare with, by default the largest.

    Returns:
        One for each other group that some stratum compares; none where fewer than 30 records are
        in the group to compare with.
    """
    values = outcome.of(table)
    known = ~np.isnan(values)
    units = table.units[known]
    people, independent = len(np.unique(units)) / max(len(units), 1), as_people(units)
    codes = grouping.codes(table)[known]
    counts = np.bincount(codes, minlength=len(grouping.labels))
    other = int(np.argmax(counts)) if beside is None else beside
    if counts[other] * people < ENOUGH:
        return []
    cells = _cells(within.codes(table)[known], codes, values[known], len(grouping.labels))
    found = []
    for g in np.flatnonzero(counts):
        pair = cells[:, np.array([g, other])]
        odds = None if g == other else common_odds(pair * independent)
        if odds is None:
            continue
        # only strata with records of both groups compare anything
        compared = pair[(pair.sum(axis=2) > 0).all(axis=1)]
        found.append(
            GroupOdds(
                int(g), other, odds, common_odds(pair.sum(axis=0, keepdims=True)),
                strata=len(compared), records=int(pair[:, 0].sum()),
                people=float(compared[:, 0].sum() * people),
            )
        )  # fmt: skip
    return found


def parity_figures(
    table: Table,
    groupings: list[Grouping],
    outcome: Outcome,
    *,
    by: tuple[str, ...],
    seed: int,
) -> list[Result]:
    """`conditional_odds` of every group against the largest one, within strata.

    Args:
        table: the records.
        groupings: the groups.
        outcome: what is favourable.
        by: columns of strata in which outcomes may rightly differ; numbers are cut into 4 bands.
        seed: of the report.

    Returns:
        Common odds ratios, 1 being parity within strata; the reference is the odds ratio without
        strata. One deserves attention when its interval, and its p-value adjusted for the number
        of groups, say that it is not within 0.8 and 1.25.
    """
    found = [
        group_odds(table, grouping, outcome, within)
        if (within := strata_beside(grouping, [table], by)) is not None
        else []
        for grouping in groupings
    ]
    adjusted = adjust_odds([[o.within.uneven if o.enough else 1.0 for o in odds] for odds in found],
                           groupings)  # fmt: skip
    results = []
    for grouping, odds, p_values in zip(groupings, found, adjusted, strict=True):
        if not odds:
            results.append(no_odds("conditional_odds", grouping, table.num_rows))
        for own, p in zip(odds, p_values, strict=True):
            crude = own.crude
            result = odds_figure(
                own, grouping, by, reference=None if crude is None else crude.ratio,
                referring="without strata", seed=seed,
            )  # fmt: skip
            flagged = p < LEVEL and own.enough
            results.append(result.model_copy(update={"status": "attention"}) if flagged else result)
    return results


def strata_beside(grouping: Grouping, tables: Sequence[Table], by: Sequence[str]) -> Strata | None:
    """Strata of the columns that are not those of the grouping; None where none are left."""
    own = [name for name in by if name not in grouping.columns]
    return Strata.of(tables, own) if own else None


def adjust_odds(p: list[list[float]], groupings: list[Grouping]) -> list[NDArray[np.float64]]:
    """P-values adjusted for the number of groups, within single columns and intersections."""
    return adjust([np.array(own) for own in p], [g.is_intersection for g in groupings])


def no_odds(name: str, grouping: Grouping, records: int) -> Result:
    """The figure where a grouping has none."""
    needed = f"needs a stratum that is not protected, and a group of {ENOUGH} records beside others"
    none = no_figure(name, "bias", unit="odds ratio", n=records, method=needed)
    return none.model_copy(update={"column": grouping.name})


def odds_figure(
    found: GroupOdds,
    grouping: Grouping,
    by: tuple[str, ...],
    *,
    reference: float | None,
    referring: str,
    seed: int,
) -> Result:
    """A group's odds within strata, not yet flagged.

    Args:
        found: the odds.
        grouping: of the group.
        by: columns of the strata.
        reference: what to set it beside.
        referring: what that is, in words.
        seed: of the report.
    """
    adjusted = "Benjamini-Hochberg" if grouping.is_intersection else "Holm"
    own = ", ".join(name for name in by if name not in grouping.columns)
    low, high = found.within.interval
    return Result(
        name="conditional_odds",
        family="bias",
        column=grouping.name,
        group=grouping.labels[found.group],
        value=found.within.ratio,
        ci_low=low,
        ci_high=high,
        reference=reference,
        better="higher",
        unit="odds ratio",
        n=found.records,
        method=f"Mantel-Haenszel odds ratio against {grouping.labels[found.beside]} (the largest "
        f"group) within {found.strata} strata of {own} that hold both; the reference is "
        f"{referring}; worth a look when surely not within 0.8 and 1.25 ({adjusted})"
        if found.enough
        else INSUFFICIENT,
        seed=seed,
        status="ok" if found.enough else "uninformative",
    )


def _cells(
    stratum: NDArray[np.int64],
    codes: NDArray[np.int64],
    values: NDArray[np.float64],
    groups: int,
) -> NDArray[np.float64]:
    """Records by stratum, group and outcome, the favourable one first."""
    size = int(stratum.max(initial=0)) + 1
    flat = (stratum * groups + codes) * 2 + (values == 0)
    counts = np.bincount(flat.astype(np.int64), minlength=size * groups * 2)
    return counts.reshape(size, groups, 2).astype(np.float64)
