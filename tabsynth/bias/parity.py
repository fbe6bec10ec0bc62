"""Whether groups fare alike within strata that may rightly matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from tabsynth.bias.groups import ENOUGH, Grouping, strata
from tabsynth.bias.outcome import Outcome
from tabsynth.bias.outcomes import INSUFFICIENT, LEVEL
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

    Source: Mantel and Haenszel (1959), doi:10.1093/jnci/22.4.719; the variance from Robins,
        Breslow and Greenland (1986), doi:10.2307/2531052.
    """
    total = tables.sum(axis=(1, 2))
    tables, total = tables[total > 0], total[total > 0]
    r = tables[:, 0, 0] * tables[:, 1, 1] / total
    s = tables[:, 0, 1] * tables[:, 1, 0] / total
    if not (r.sum() > 0 and s.sum() > 0):
        return None
    p = (tables[:, 0, 0] + tables[:, 1, 1]) / total
    q = 1 - p
    variance = (
        np.sum(p * r) / (2 * r.sum() ** 2)
        + np.sum(p * s + q * r) / (2 * r.sum() * s.sum())
        + np.sum(q * s) / (2 * s.sum() ** 2)
    )
    return CommonOdds(float(r.sum() / s.sum()), float(np.sqrt(variance)))


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
    values = outcome.of(table)
    known = ~np.isnan(values)
    values = values[known]
    # records of one person are not independent: intervals rest on people
    people = len(np.unique(table.units[known])) / max(len(values), 1)
    found: list[list[tuple[Result, float]]] = []
    for grouping in groupings:
        own = tuple(name for name in by if name not in grouping.columns)
        codes = grouping.codes(table)[known]
        counts = np.bincount(codes, minlength=len(grouping.labels))
        largest = int(np.argmax(counts))
        if not own or counts[largest] < ENOUGH:
            needed = f"needs a stratum that is not protected, and a group of {ENOUGH} records"
            none = no_figure("conditional_odds", "bias", unit="odds ratio", n=len(values),
                             method=needed)  # fmt: skip
            found.append([(none.model_copy(update={"column": grouping.name}), 1.0)])
            continue
        cells = _cells(strata(table, own)[known], codes, values, len(grouping.labels))
        found.append(
            [
                figure
                for g in np.flatnonzero(counts)
                if g != largest
                and (figure := _figure(grouping, (int(g), largest), cells, by=own, people=people,
                                       seed=seed)) is not None
            ]
        )  # fmt: skip
    adjusted = adjust(
        [np.array([p for _, p in figures]) for figures in found],
        [grouping.is_intersection for grouping in groupings],
    )
    return [
        result.model_copy(update={"status": "attention"}) if p < LEVEL else result
        for figures, own_p in zip(found, adjusted, strict=True)
        for (result, _), p in zip(figures, own_p, strict=True)
    ]


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


def _figure(
    grouping: Grouping,
    groups: tuple[int, int],
    cells: NDArray[np.float64],
    *,
    by: tuple[str, ...],
    people: float,
    seed: int,
) -> tuple[Result, float] | None:
    """The figure of the first group beside the second, and the p-value that may flag it."""
    pair = cells[:, np.array(groups)]
    found = common_odds(pair * people)
    if found is None:
        return None
    crude = common_odds(pair.sum(axis=0, keepdims=True))
    # only strata with records of both groups compare anything
    compared = pair[(pair.sum(axis=2) > 0).all(axis=1)]
    enough = compared[:, 0].sum() * people >= ENOUGH
    adjusted = "Benjamini-Hochberg" if grouping.is_intersection else "Holm"
    low, high = found.interval
    result = Result(
        name="conditional_odds",
        family="bias",
        column=grouping.name,
        group=grouping.labels[groups[0]],
        value=found.ratio,
        ci_low=low,
        ci_high=high,
        reference=None if crude is None else crude.ratio,
        better="higher",
        unit="odds ratio",
        n=int(pair[:, 0].sum()),
        method=f"Mantel-Haenszel odds ratio against {grouping.labels[groups[1]]} (the largest "
        f"group) within {len(compared)} strata of {', '.join(by)} that hold both; the reference "
        f"is without strata; worth a look when surely not within 0.8 and 1.25 ({adjusted})"
        if enough
        else INSUFFICIENT,
        seed=seed,
        status="ok" if enough else "uninformative",
    )
    return result, found.uneven if enough else 1.0
