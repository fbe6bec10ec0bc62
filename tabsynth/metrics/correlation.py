"""Associations of pairs of columns, of whatever kinds they are, against the holdout's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tabsynth.comparison import Comparison, dealt
from tabsynth.learners import features
from tabsynth.metrics.figure import Figure, Measure
from tabsynth.metrics.variation import (
    LISTED,
    MAX_PAIRS,
    column_sets,
    compared_tables,
)
from tabsynth.report.model import Result

GROUPS: Final = 20
MAX_CATEGORIES: Final = 50

Sums = NDArray[np.float64]
Groups = NDArray[np.int64]


@dataclass(frozen=True)
class _Column:
    """One column of one table: ranks of a number or codes of a category; NaN where missing."""

    values: NDArray[np.float64]
    categories: int


def association(comparison: Comparison) -> list[Result]:
    """How far the associations of pairs of columns are from the holdout's.

    Returns:
        The absolute difference of Spearman's correlation for two numbers, of the correlation ratio
        of a number's ranks by a category, of Cramer's V for two categories; records that miss
        either value left out. The mean, and the 40 pairs with the largest differences; 0 is best.
        At most 1,000 pairs, drawn at random, and the 50 most frequent categories, the others
        taken together; pairs that are constant in a table are left out.

    Privacy: reads all real records; not differentially private.

    Source: Spearman (1904); Cramer (1946), section 21.9; Pearson (1905) for the ratio.
    """
    small = comparison.modelled
    names = small.train.schema.names
    pairs = column_sets(len(names), 2, MAX_PAIRS, comparison.rng("association"))
    tables = compared_tables(small)
    columns = _columns(*features(tables))
    rng = comparison.rng("association groups")
    groups = [dealt(t.units, GROUPS, rng) for t in tables]
    figures = []
    for a, b in pairs:
        figure = _figure(f"{names[a]} × {names[b]}", [(t[a], t[b]) for t in columns], groups)
        if figure is not None:
            figures.append(figure)
    if not figures:
        return []
    measure = Measure(
        "association",
        "difference",
        "Spearman, correlation ratio or Cramer's V by kind of columns, against the holdout; "
        f"jackknife over {GROUPS} groups",
        small.synthetic.num_rows,
        comparison.seed,
        bounds=(0.0, 2.0),
    )
    ordered = sorted(figures, key=lambda f: f[0][1] - f[0][0])[:LISTED]
    overall = (np.mean([f[0] for f in figures], axis=0), np.mean([f[1] for f in figures], axis=0))
    return [
        measure.result(_with_error(overall, None)),
        *(measure.result(_with_error(f[:2], f[2])) for f in ordered),
    ]


def _columns(arrays: list[Sums], categorical: NDArray[np.bool_]) -> list[list[_Column]]:
    tables: list[list[_Column]] = [[] for _ in arrays]
    for j, is_category in enumerate(categorical):
        size = 1 + int(max(np.nanmax(a[:, j], initial=0) for a in arrays)) if is_category else 0
        for table, array in zip(tables, arrays, strict=True):
            values = array[:, j]
            if is_category:
                # codes are by frequency: the rarest share the last one
                values = np.minimum(values, MAX_CATEGORIES - 1)
            else:
                values = rankdata(values, nan_policy="omit") / max(len(values), 1)
            table.append(_Column(values, min(size, MAX_CATEGORIES)))
    return tables


def _figure(
    label: str, pairs: list[tuple[_Column, _Column]], groups: list[Groups]
) -> tuple[Sums, Sums, str] | None:
    """Differences to the holdout of all other tables, and of the synthetic by left-out group."""
    association, sums = _kind(*pairs[0])
    by_group = [sums(a, b, g) for (a, b), g in zip(pairs, groups, strict=True)]
    whole = [float(association(s.sum(axis=0))) for s in by_group]
    if not np.all(np.isfinite(whole)):
        return None
    without = [association(s.sum(axis=0) - s) for s in by_group[:2]]
    if not np.all(np.isfinite(without)):
        return None
    differences = np.abs(np.array([whole[0], *whole[2:]]) - whole[1])
    # the groups leave one table at a time: the errors of the two tables add up
    changes = [np.abs(without[0] - whole[1]), np.abs(whole[0] - without[1])]
    return differences, np.array(changes), label


def _with_error(figure: tuple[Sums, Sums], label: str | None) -> Figure:
    differences, changes = figure
    value, reference, baseline, *draws = (float(d) for d in differences)
    error = float(np.sqrt((GROUPS - 1) * np.var(changes, axis=1).sum()))
    return Figure(value, error, reference, baseline, label, tuple(draws))


def _kind(a: _Column, b: _Column) -> tuple[Callable[[Sums], Sums], Callable[..., Sums]]:
    """The association of two such columns, and the sums it is made of."""
    if a.categories and b.categories:
        return _cramer, _counts
    if a.categories or b.categories:
        return _ratio, _moments_by_category
    return _correlation, _moments


def _counts(a: _Column, b: _Column, groups: Groups) -> Sums:
    """Records by group and the two categories."""
    known = ~(np.isnan(a.values) | np.isnan(b.values))
    cell = a.values[known].astype(np.int64) * b.categories + b.values[known].astype(np.int64)
    size = a.categories * b.categories
    counts = np.bincount(groups[known] * size + cell, minlength=GROUPS * size)
    return counts.reshape(GROUPS, a.categories, b.categories).astype(np.float64)


def _moments(a: _Column, b: _Column, groups: Groups) -> Sums:
    """Number, sums, squares and products by group."""
    known = ~(np.isnan(a.values) | np.isnan(b.values))
    x, y = a.values[known], b.values[known]
    terms = (np.ones(len(x)), x, y, x * x, y * y, x * y)
    return _by_group(terms, groups[known], GROUPS)


def _moments_by_category(a: _Column, b: _Column, groups: Groups) -> Sums:
    """Number, sum and squares of the number by group and category."""
    category, number = (a, b) if a.categories else (b, a)
    known = ~(np.isnan(category.values) | np.isnan(number.values))
    x, size = number.values[known], category.categories
    cell = groups[known] * size + category.values[known].astype(np.int64)
    return _by_group((np.ones(len(x)), x, x * x), cell, GROUPS * size).reshape(GROUPS, size, 3)


def _by_group(terms: tuple[Sums, ...], cell: Groups, cells: int) -> Sums:
    return np.stack([np.bincount(cell, weights=t, minlength=cells) for t in terms], axis=-1)


def _correlation(sums: Sums) -> Sums:
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = (xx - x * x / n) * (yy - y * y / n)
        result: Sums = np.where(spread > 1e-12, (xy - x * y / n) / np.sqrt(spread), np.nan)
    return result


def _ratio(sums: Sums) -> Sums:
    n, x, xx = np.moveaxis(sums, -1, 0)
    total = n.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = x.sum(axis=-1) ** 2 / total
        within = np.where(n > 0, x * x / n, 0.0).sum(axis=-1)
        spread = xx.sum(axis=-1) - centre
        share = np.clip((within - centre) / spread, 0, 1)
        result: Sums = np.where(spread > 1e-12, np.sqrt(share), np.nan)
    return result


def _cramer(counts: Sums) -> Sums:
    total = counts.sum(axis=(-1, -2), keepdims=True)
    rows, columns = counts.sum(axis=-1, keepdims=True), counts.sum(axis=-2, keepdims=True)
    levels = np.minimum((rows > 0).sum(axis=(-1, -2)), (columns > 0).sum(axis=(-1, -2)))
    with np.errstate(invalid="ignore", divide="ignore"):
        # chi squared over n, without the differences to what independence expects
        phi = np.where(counts > 0, counts**2 / (rows * columns), 0.0).sum(axis=(-1, -2)) - 1
        result: Sums = np.where(
            (levels > 1) & (total[..., 0, 0] > 0),
            np.sqrt(np.clip(phi, 0, None) / (levels - 1)),
            np.nan,
        )
    return result
