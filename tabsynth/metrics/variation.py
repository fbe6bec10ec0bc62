"""Total variation of columns, pairs and triples of columns, against the holdout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.comparison import Comparison, dealt
from tabsynth.learners import features
from tabsynth.metrics.figure import Figure, Measure
from tabsynth.report.model import Result
from tabsynth.table import Table

QUANTILES: Final = 20
LEVELS: Final = 100
GROUPS: Final = 50
MAX_PAIRS: Final = 1000
MAX_TRIPLES: Final = 300
LISTED: Final = 40
UNIT: Final = "total variation"
METHOD: Final = "against the holdout; train's 20 quantiles and spikes; jackknife over 50 groups"

Levels = NDArray[np.int64]


@dataclass(frozen=True)
class Variation:
    """Distances to the holdout of one column, pair or triple.

    Args:
        label: its name.
        distances: shape (tables,): synthetic, reference, baseline, further draws.
        influence: shape (2, groups): what each group of synthetic and of holdout records adds to
            the first distance, to first order.
    """

    label: str
    distances: NDArray[np.float64]
    influence: NDArray[np.float64]


def univariate_tv(comparison: Comparison) -> list[Result]:
    """How far each column's distribution is from the holdout's, and their mean.

    Returns:
        Total variation distances within 0 and 1, lower is better; numbers are cut at the training
        records' 20 quantiles, missing is a level. With ten columns or more also the mean over the
        worst tenth of the columns: of the real records' own worst tenth in the reference.

    Privacy: reads all real records; not differentially private.
    """
    return _of_columns("univariate_tv", comparison, 1, at_most=10_000)


def pairwise_tv(comparison: Comparison) -> list[Result]:
    """How far the joint distributions of pairs of columns are from the holdout's, and their mean.

    Returns:
        As `univariate_tv`; at most 1,000 pairs, drawn at random, and the 40 worst by name.

    Privacy: reads all real records; not differentially private.
    """
    return _of_columns("pairwise_tv", comparison, 2, at_most=MAX_PAIRS)


def threeway_tv(comparison: Comparison) -> list[Result]:
    """How far the joint distributions of triples of columns are from the holdout's, and their mean.

    Returns:
        As `univariate_tv`; at most 300 triples, drawn at random, and the 40 worst by name.

    Privacy: reads all real records; not differentially private.
    """
    return _of_columns("threeway_tv", comparison, 3, at_most=MAX_TRIPLES)


def variation(label: str, levels: Sequence[Levels], groups: Sequence[Levels]) -> Variation:
    """Distances to the holdout of records by level.

    Args:
        label: what the levels are of.
        levels: 0, 1, ... for every record of the synthetic table, the holdout, the reference, the
            baseline and further draws.
        groups: of the synthetic and of the holdout records, as `jackknife_groups` makes them.
    """
    size = 1 + max(int(k.max(initial=0)) for k in levels)
    synthetic, holdout, *others = (np.bincount(k, minlength=size) / max(len(k), 1) for k in levels)
    distances = [0.5 * np.abs(p - holdout).sum() for p in (synthetic, *others)]
    # the derivative of the distance by the share of each level
    slope = 0.5 * np.sign(synthetic - holdout)
    influence = [
        group_means(slope[levels[0]], groups[0]),
        -group_means(slope[levels[1]], groups[1]),
    ]
    return Variation(label, np.array(distances), np.array(influence))


def compared_tables(small: Comparison) -> list[Table]:
    """Synthetic, holdout, reference, baseline and further drawn records, in this order."""
    return [small.synthetic, small.holdout, small.reference, small.baseline, *small.draws]


def jackknife_groups(comparison: Comparison) -> list[Levels]:
    """Groups, drawn at random, of the synthetic and of the holdout records; persons are whole."""
    rng = comparison.rng("groups")
    small = comparison.modelled
    return [dealt(t.units, GROUPS, rng) for t in (small.synthetic, small.holdout)]


def group_means(values: NDArray[np.float64], groups: Levels) -> NDArray[np.float64]:
    """What each group adds to the mean of all values, times the number of groups; (groups,).

    It is told beside what as many average values add: groups of more records are no further off.
    """
    centre = values.mean() if len(values) else 0.0
    sums = np.bincount(groups, weights=values - centre, minlength=GROUPS)
    means: NDArray[np.float64] = sums * GROUPS / max(len(values), 1)
    return means


def variation_results(measure: Measure, parts: list[Variation], *, listed: int) -> list[Result]:
    """The mean over the parts, and the parts, worst first."""
    ordered = sorted(parts, key=lambda p: p.distances[1] - p.distances[0])[:listed]
    figures = [mean_variation(parts), *(mean_variation([p], p.label) for p in ordered)]
    return [measure.result(f) for f in figures]


def _of_columns(name: str, comparison: Comparison, order: int, *, at_most: int) -> list[Result]:
    tables, sizes = _levels(comparison)
    names = comparison.modelled.train.schema.names
    chosen = column_sets(len(names), order, at_most, comparison.rng(f"columns {order}"))
    if not chosen:
        return []
    groups = jackknife_groups(comparison)
    parts = [
        variation(
            " × ".join(names[j] for j in columns),
            [joint_levels(t, columns, sizes) for t in tables],
            groups,
        )
        for columns in chosen
    ]
    total = comb(len(names), order)
    drawn = f"; {len(chosen):,} of {total:,} drawn at random" if total > len(chosen) else ""
    measure = Measure(
        name, UNIT, METHOD + drawn, n=comparison.modelled.synthetic.num_rows, seed=comparison.seed
    )
    results = variation_results(measure, parts, listed=len(parts) if order == 1 else LISTED)
    return [results[0], *worst_tenth(measure, parts), *results[1:]]


def column_sets(
    columns: int, order: int, at_most: int, rng: np.random.Generator
) -> list[tuple[int, ...]]:
    """Sets of columns: all, or as many as allowed, drawn at random."""
    if comb(columns, order) <= at_most:
        return list(combinations(range(columns), order))
    drawn: set[tuple[int, ...]] = set()
    while len(drawn) < at_most:
        drawn.add(tuple(sorted(int(j) for j in rng.choice(columns, order, replace=False))))
    return sorted(drawn)


def joint_levels(table: NDArray[np.int16], columns: tuple[int, ...], sizes: list[int]) -> Levels:
    """A number for every record, equal where the levels of all these columns are."""
    level = table[:, columns[0]].astype(np.int64)
    for j in columns[1:]:
        level = level * sizes[j] + table[:, j]
    return level


def _levels(comparison: Comparison) -> tuple[list[NDArray[np.int16]], list[int]]:
    """Levels of synthetic, holdout, reference, baseline and drawn records; how many per column."""
    small = comparison.modelled
    return levels_of(small.train, compared_tables(small))


def levels_of(train: Table, tables: list[Table]) -> tuple[list[NDArray[np.int16]], list[int]]:
    """Levels of every column, and how many there are of each.

    Args:
        train: whose numbers say where to cut.
        tables: of the same schema, of which levels are wanted; shape (records, columns) each.
    """
    arrays, categorical = features([train, *tables])
    coded = [np.empty(a.shape, np.int16) for a in arrays[1:]]
    sizes = []
    for j, is_category in enumerate(categorical):
        known = arrays[0][:, j]
        present = known[~np.isnan(known)]
        if is_category or not len(present):
            cuts = np.arange(LEVELS - 1) + 0.5
        else:
            cuts = cuts_of(present)
        seen = np.zeros(len(cuts) + 2, bool)
        for array, levels in zip(arrays[1:], coded, strict=True):
            # NaN sorts behind the last cut; missing stands behind every number
            found = np.searchsorted(cuts, array[:, j], side="right") + np.isnan(array[:, j])
            levels[:, j] = found
            seen[found] = True
        place = np.cumsum(seen) - 1
        for levels in coded:
            levels[:, j] = place[levels[:, j]]
        sizes.append(max(int(seen.sum()), 1))
    return coded, sizes


def cuts_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles of the values; a value equal to a cut belongs above it.

    Several quantiles in one place are a spike, such as the 0 of amounts that are mostly 0: it gets
    a level of its own, so that too many or too few records in it are seen.
    """
    quantiles = np.quantile(values, np.linspace(0, 1, QUANTILES + 1))
    places, times = np.unique(quantiles, return_counts=True)
    spikes = places[times > 1]
    cuts = np.concatenate([quantiles[1:-1], spikes, np.nextafter(spikes, np.inf)])
    distinct: NDArray[np.float64] = np.unique(cuts)
    return distinct


def mean_variation(parts: list[Variation], label: str | None = None) -> Figure:
    """The mean over the parts."""
    distances = np.mean([p.distances for p in parts], axis=0)
    return _with_error(distances, parts, label)


def _with_error(
    distances: NDArray[np.float64], parts: list[Variation], label: str | None
) -> Figure:
    influence = np.mean([p.influence for p in parts], axis=0)
    value, reference, baseline, *draws = (float(d) for d in distances)
    return Figure(
        value=value,
        error=float(np.sqrt(np.var(influence, axis=1, ddof=1).sum() / GROUPS)),
        reference=reference,
        baseline=baseline,
        column=label,
        draws=tuple(draws),
    )


def worst_tenth(measure: Measure, parts: list[Variation]) -> list[Result]:
    """The mean over the tenth of the parts with the largest distances, each table's own tenth."""
    if len(parts) < 10:
        return []
    tenth = -(-len(parts) // 10)
    distances = np.array([p.distances for p in parts])
    largest = np.sort(distances, axis=0)[-tenth:].mean(axis=0)
    chosen = [parts[i] for i in np.argsort(-distances[:, 0], kind="stable")[:tenth]]
    named = replace(
        measure,
        name=f"{measure.name}_worst_tenth",
        method=f"mean over the {tenth} of {len(parts)} with the largest distance; {measure.method}",
    )
    return [named.result(_with_error(largest, chosen, None))]
