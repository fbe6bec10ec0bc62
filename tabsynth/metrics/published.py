"""Figures under the names of published tables: shape and trend error, as sdmetrics defines them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.comparison import Comparison
from tabsynth.learners import features, shared_codes
from tabsynth.metrics.figure import Measure
from tabsynth.metrics.variation import (
    LISTED,
    MAX_PAIRS,
    Levels,
    Variation,
    column_sets,
    compared_tables,
    group_means,
    jackknife_groups,
    variation,
    variation_results,
)
from tabsynth.report.model import Result
from tabsynth.table import Table

BINS: Final = 10
CORRELATED: Final = 0.5
ASSOCIATED: Final = 0.3
DENSE: Final = 1_000_000

Numbers = NDArray[np.float64]


def shape_error(comparison: Comparison) -> list[Result]:
    """One minus the column shapes score of sdmetrics, the holdout being the real table.

    Returns:
        For each number the Kolmogorov-Smirnov distance, for each category the total variation,
        missing values left out, and the mean; within 0 and 1, lower is better. A diagnostic, to
        be set beside published tables; columns without values in a table are left out.

    Privacy: reads all real records; not differentially private.

    Source: SDMetrics, Column Shapes; used so by Zhang et al. (2024), arXiv:2310.09656.
    """
    tables = compared_tables(comparison.modelled)
    groups = jackknife_groups(comparison)
    parts = []
    for name, columns, is_category in _columns(tables):
        known = [~np.isnan(c) for c in columns]
        if not all(k.any() for k in known):
            continue
        present = [c[k] for c, k in zip(columns, known, strict=True)]
        own = [g[k] for g, k in zip(groups, known, strict=False)]
        if is_category:
            parts.append(variation(name, [c.astype(np.int64) for c in present], own))
        else:
            parts.append(_kolmogorov_smirnov(name, present, own))
    if not parts:
        return []
    return variation_results(_measure("shape_error", comparison, ""), parts, listed=len(parts))


def trend_error(comparison: Comparison) -> list[Result]:
    """One minus the column pair trends score of sdmetrics, the holdout being the real table.

    Returns:
        For two numbers half the difference of Pearson's correlations, for others the total
        variation of the pair, numbers being cut into ten equal parts of each table's own range;
        and the mean, as earlier versions of sdmetrics and papers that use them have it. Within 0
        and 1, lower is better; at most 1,000 pairs, drawn at random, and the 40 worst by name.
        `trend_error_associated`: the mean over pairs whose correlation is beyond 0.5 or whose
        Cramer's V is above 0.3 in the holdout, which is what newer versions report. Diagnostics,
        to be set beside published tables. A table that differs only in the range of a column seems
        far off here: that is how the figure is defined.

    Privacy: reads all real records; not differentially private.

    Source: SDMetrics, Column Pair Trends; used so by Zhang et al. (2024), arXiv:2310.09656.
    """
    tables = compared_tables(comparison.modelled)
    groups = jackknife_groups(comparison)
    columns = list(_columns(tables))
    levels = [
        [(np.nan_to_num(v, nan=-1) + 1).astype(np.int64) if category else _bins(v) for v in values]
        for _, values, category in columns
    ]
    pairs = column_sets(len(columns), 2, MAX_PAIRS, comparison.rng("trend_error"))
    parts, associated = [], []
    for a, b in pairs:
        label = f"{columns[a][0]} × {columns[b][0]}"
        if columns[a][2] or columns[b][2]:
            parts.append(variation(label, _crossed(levels[a], levels[b]), groups))
            related = _cramers_v(levels[a][1], levels[b][1]) > ASSOCIATED
        else:
            couples = list(zip(columns[a][1], columns[b][1], strict=True))
            found = _correlations(label, couples, groups)
            if found is None:
                continue
            parts.append(found)
            related = abs(_correlation(*couples[1])) > CORRELATED
        if related:
            associated.append(parts[-1])
    if not parts:
        return []
    drawn = f"; {len(pairs):,} pairs drawn at random" if len(pairs) == MAX_PAIRS else ""
    measure = _measure("trend_error", comparison, drawn)
    results = variation_results(measure, parts, listed=LISTED)
    if associated:
        few = f"{drawn}; {len(associated)} pairs with a strong relation"
        measure = _measure("trend_error_associated", comparison, few)
        results += variation_results(measure, associated, listed=0)
    return results


def _measure(name: str, comparison: Comparison, more: str) -> Measure:
    return Measure(
        name,
        "distance",
        f"1 - score of sdmetrics, against the holdout; jackknife over groups{more}",
        comparison.modelled.synthetic.num_rows,
        comparison.seed,
        diagnostic=True,
    )


def _columns(tables: list[Table]) -> list[tuple[str, list[Numbers], bool]]:
    """Name, numbers or codes in each table with NaN for missing, and whether it is a category."""
    arrays, categorical = features(tables)
    found = []
    for j, name in enumerate(tables[0].schema.names):
        columns = [a[:, j] for a in arrays]
        if categorical[j]:
            # all categories apart, however many
            codes = shared_codes([t.column(name) for t in tables])
            columns = [np.where(c < 0, np.nan, c) for c in codes]
        found.append((name, columns, bool(categorical[j])))
    return found


def _kolmogorov_smirnov(label: str, columns: list[Numbers], groups: list[Levels]) -> Variation:
    ordered = [np.sort(c) for c in columns]
    places = np.unique(np.concatenate(ordered))
    synthetic, holdout, *others = (
        np.searchsorted(c, places, side="right") / len(c) for c in ordered
    )
    distances = [np.abs(shares - holdout).max() for shares in (synthetic, *others)]
    gap = synthetic - holdout
    widest = int(np.abs(gap).argmax())
    sign = float(np.sign(gap[widest]))
    # the distance changes with the shares below the place where it is widest
    influence = [
        s * group_means((c <= places[widest]).astype(np.float64), g)
        for s, c, g in zip((sign, -sign), columns, groups, strict=False)
    ]
    return Variation(label, np.array(distances), np.array(influence))


def _correlations(
    label: str, couples: list[tuple[Numbers, Numbers]], groups: list[Levels]
) -> Variation | None:
    """Half the differences of Pearson's correlations; None where one is not defined."""
    correlations, influences = [], []
    for i, (first, second) in enumerate(couples):
        known = ~(np.isnan(first) | np.isnan(second))
        if known.sum() < 2:
            return None
        x, y = _standard(first[known]), _standard(second[known])
        if not (x.any() and y.any()):
            return None
        r = float(np.mean(x * y))
        correlations.append(r)
        if i < 2:
            influences.append(group_means(x * y - r * (x * x + y * y) / 2, groups[i][known]))
    synthetic, holdout, *others = correlations
    sign = float(np.sign(synthetic - holdout)) / 2
    distances = [abs(r - holdout) / 2 for r in (synthetic, *others)]
    return Variation(
        label, np.array(distances), np.array([sign * influences[0], -sign * influences[1]])
    )


def _correlation(first: Numbers, second: Numbers) -> float:
    known = ~(np.isnan(first) | np.isnan(second))
    return float(np.mean(_standard(first[known]) * _standard(second[known])))


def _cramers_v(first: Levels, second: Levels) -> float:
    """Of two columns of levels, missing being one; 0 where one is constant."""
    rows, columns = (np.unique(k, return_inverse=True)[1] for k in (first, second))
    height, width = int(rows.max()) + 1, int(columns.max()) + 1
    if min(height, width) < 2:
        return 0.0
    pairs, counts = np.unique(rows * width + columns, return_counts=True)
    expected = np.bincount(rows)[pairs // width] * np.bincount(columns)[pairs % width]
    return float(np.sqrt(max(np.sum(counts**2 / expected) - 1, 0) / (min(height, width) - 1)))


def _standard(values: Numbers) -> Numbers:
    """Mean 0 and variance 1; zeros where the values are all the same."""
    # squares of huge values overflow
    values = values / max(float(np.abs(values).max()), np.finfo(float).tiny)
    centred = values - values.mean()
    spread = float(np.sqrt(np.mean(centred**2)))
    result: Numbers = centred / spread if spread > 1e-14 else np.zeros(len(values))
    return result


def _bins(values: Numbers) -> Levels:
    """Ten parts of the values' own range; the largest value and missing ones stand apart."""
    present = values[~np.isnan(values)]
    low, high = (present.min(), present.max()) if len(present) else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.digitize(values, np.linspace(low, high, BINS + 1)).astype(np.int64)


def _crossed(first: list[Levels], second: list[Levels]) -> list[Levels]:
    """Levels of both together, in every table."""
    width = 1 + max(int(k.max(initial=0)) for k in second)
    together = [a * width + b for a, b in zip(first, second, strict=True)]
    if max(int(k.max(initial=0)) for k in together) < DENSE:
        return together
    codes = np.unique(np.concatenate(together), return_inverse=True)[1].astype(np.int64)
    return np.split(codes, np.cumsum([len(k) for k in together])[:-1])
