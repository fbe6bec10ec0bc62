"""Whether groups fare alike within strata that may rightly matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.bias.groups import ENOUGH, Grouping, strata
from tabsynth.bias.outcome import Outcome
from tabsynth.bias.outcomes import INSUFFICIENT
from tabsynth.bias.rates import tally
from tabsynth.comparison import no_figure
from tabsynth.intervals import Z95
from tabsynth.report.model import Result, Status
from tabsynth.table import Table

# odds within these bounds of each other are not worth a look
EVEN: Final = (0.8, 1.25)


@dataclass(frozen=True)
class CommonOdds:
    """The odds ratio that strata have in common, and its interval.

    Args:
        ratio: odds of the first group over those of the second.
        low: lower end of the 95 % interval.
        high: upper end.
    """

    ratio: float
    low: float
    high: float


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
    ratio = float(r.sum() / s.sum())
    spread = float(np.exp(Z95 * np.sqrt(variance)))
    return CommonOdds(ratio, ratio / spread, ratio * spread)


def parity_figures(
    table: Table,
    groupings: list[Grouping],
    outcome: Outcome,
    *,
    by: tuple[str, ...],
    seed: int,
) -> list[Result]:
    """`conditional_odds` of every group against the most favoured one, within strata.

    Args:
        table: the records.
        groupings: the groups.
        outcome: what is favourable.
        by: columns of strata in which outcomes may rightly differ; numbers are cut into 4 bands.
        seed: of the report.

    Returns:
        Common odds ratios, 1 being parity within strata; the reference is the odds ratio without
        strata. One deserves attention when its interval lies wholly below 0.8 or above 1.25.
    """
    values = outcome.of(table)
    known = ~np.isnan(values)
    values = values[known]
    results: list[Result] = []
    for grouping in groupings:
        own = tuple(name for name in by if name not in grouping.columns)
        codes = grouping.codes(table)[known]
        found = tally(codes, len(grouping.labels), values)
        best = found.yardstick
        if best is None or not own:
            needed = f"needs strata and a group of {ENOUGH} records with a favourable outcome"
            none = no_figure("conditional_odds", "bias", unit="odds ratio", n=len(values),
                             method=needed)  # fmt: skip
            results.append(none.model_copy(update={"column": grouping.name}))
            continue
        stratum = strata(table, own)[known]
        cells = _cells(stratum, codes, values, len(grouping.labels))
        for g in np.flatnonzero(found.counts):
            if g != best:
                pair = cells[:, np.array([g, best])]
                results += _figure(grouping, int(g), best, pair, by=own, seed=seed)
    return results


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
    g: int,
    best: int,
    pair: NDArray[np.float64],
    *,
    by: tuple[str, ...],
    seed: int,
) -> list[Result]:
    found = common_odds(pair)
    if found is None:
        return []
    crude = common_odds(pair.sum(axis=0, keepdims=True))
    # only strata with records of both groups compare anything
    compared = pair[(pair.sum(axis=2) > 0).all(axis=1)]
    records = int(compared[:, 0].sum())
    status: Status = "ok"
    if records < ENOUGH:
        status = "uninformative"
    elif found.high < EVEN[0] or found.low > EVEN[1]:
        status = "attention"
    return [
        Result(
            name="conditional_odds",
            family="bias",
            column=grouping.name,
            group=grouping.labels[g],
            value=found.ratio,
            ci_low=found.low,
            ci_high=found.high,
            reference=None if crude is None else crude.ratio,
            better="higher",
            unit="odds ratio",
            n=int(pair[:, 0].sum()),
            method=f"Mantel-Haenszel odds ratio against {grouping.labels[best]} within "
            f"{len(compared)} strata of {', '.join(by)} that hold both groups; the reference is "
            "without strata"
            if records >= ENOUGH
            else INSUFFICIENT,
            seed=seed,
            status=status,
        )
    ]
