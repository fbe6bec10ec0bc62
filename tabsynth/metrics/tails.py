"""The rare: values in the tails of numbers, and categories that few records have."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.comparison import Comparison
from tabsynth.intervals import Z95, wilson
from tabsynth.learners import features, shared_codes
from tabsynth.metrics.figure import Figure, Measure
from tabsynth.metrics.variation import (
    compared_tables,
    jackknife_groups,
    variation,
    variation_results,
)
from tabsynth.report.model import Result

TAILS: Final = (0.01, 0.99)
RARE: Final = 0.01
FEWEST: Final = 5
FACTOR: Final = 2


def tail_tv(comparison: Comparison) -> list[Result]:
    """Whether as many values lie beyond the training records' 1 and 99 % quantiles.

    Returns:
        For each numeric column half the sum of the differences of the shares below, within and
        above the two quantiles, and their mean; within 0 and 1, lower is better. Nothing without
        a numeric column that has values. A missing value lies within.

    Privacy: reads all real records; not differentially private.
    """
    small = comparison.modelled
    arrays, categorical = features([small.train, *compared_tables(small)])
    groups = jackknife_groups(comparison)
    parts = []
    for j in np.flatnonzero(~categorical):
        train = arrays[0][:, j]
        if np.isnan(train).all():
            continue
        low, high = np.nanquantile(train, TAILS)
        levels = [
            1 + (a[:, j] > high).astype(np.int64) - (a[:, j] < low).astype(np.int64)
            for a in arrays[1:]
        ]
        parts.append(variation(small.train.schema.names[j], levels, groups))
    if not parts:
        return []
    measure = Measure(
        "tail_tv",
        "total variation",
        "below, within and above train's 1 and 99 % quantiles, against the holdout",
        small.synthetic.num_rows,
        comparison.seed,
    )
    return variation_results(measure, parts, listed=len(parts))


def rare_categories(comparison: Comparison) -> list[Result]:
    """Whether rare categories come out about as often as they should.

    Returns:
        Of the categories that at most 1 % but at least 5 of the holdout records have: the share
        whose synthetic rate lies within half and double of the holdout's. Higher is better; by
        column, and over all columns, with Wilson intervals over the categories. Nothing without
        such categories.

    Privacy: reads all real records; not differentially private. No category is named.

    Source: Wilson (1927), doi:10.1080/01621459.1927.10502953.
    """
    small = comparison.modelled
    tables = compared_tables(small)
    kept: dict[str, NDArray[np.bool_]] = {}
    for field in small.train.schema.fields:
        if field.is_categorical:
            faithful = _faithful(shared_codes([t.column(field.name) for t in tables]))
            if faithful.shape[1]:
                kept[field.name] = faithful
    if not kept:
        return []
    measure = Measure(
        "rare_categories",
        "share",
        f"rate within half and double of the holdout's, of categories that at most "
        f"{100 * RARE:g} % but at least {FEWEST} holdout records have",
        small.synthetic.num_rows,
        comparison.seed,
        better="higher",
    )
    together = np.concatenate(list(kept.values()), axis=1)
    columns = sorted(kept, key=lambda name: float(kept[name][0].mean()))
    figures = [_share(together, None), *(_share(kept[name], name) for name in columns)]
    return [measure.result(f) for f in figures]


def _faithful(codes: list[NDArray[np.int64]]) -> NDArray[np.bool_]:
    """Which rare categories have about the holdout's rate; shape (tables but it, categories)."""
    size = 1 + max(int(c.max(initial=-1)) for c in codes)
    counts = [np.bincount(c[c >= 0], minlength=size) for c in codes]
    synthetic, holdout, *others = (k / max(len(c), 1) for k, c in zip(counts, codes, strict=True))
    rare = (counts[1] >= FEWEST) & (holdout <= RARE)
    expected = holdout[rare]
    rates = np.array([r[rare] for r in (synthetic, *others)])
    faithful: NDArray[np.bool_] = (rates >= expected / FACTOR) & (rates <= expected * FACTOR)
    return faithful


def _share(faithful: NDArray[np.bool_], column: str | None) -> Figure:
    value, reference, baseline, *draws = (float(s) for s in faithful.mean(axis=1))
    low, high = wilson(int(faithful[0].sum()), faithful.shape[1], Z95)
    # the interval is wider on one side; the figure's has the wider half on both
    error = max(value - low, high - value) / Z95
    return Figure(value, error, reference, baseline, column, tuple(draws), n=faithful.shape[1])
