"""Total variation of columns and pairs of columns, against the holdout."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.comparison import Comparison, score
from tabsynth.learners import features
from tabsynth.report.model import Result

QUANTILES: Final = 20
LEVELS: Final = 100
GROUPS: Final = 20
MAX_PAIRS: Final = 1000
LISTED_PAIRS: Final = 40

Counts = NDArray[np.float64]


@dataclass(frozen=True)
class _Variation:
    """Distances of one column or pair: synthetic, per left-out group, reference, baseline."""

    label: str
    value: float
    left_out: NDArray[np.float64]
    reference: float
    baseline: float


def univariate_tv(comparison: Comparison) -> list[Result]:
    """How far each column's distribution is from the holdout's, and their mean.

    Returns:
        Total variation distances within 0 and 1, lower is better; numbers are cut at the training
        records' 20 quantiles, missing is a level.

    Privacy: reads all real records; not differentially private.
    """
    tables, sizes = _levels(comparison)
    names = comparison.modelled.train.schema.names
    groups = _groups(comparison, tables)
    parts = [
        _variation(names[j], [t[:, j].astype(np.int64) for t in tables], sizes[j], groups)
        for j in range(len(names))
    ]
    return _results("univariate_tv", parts, comparison, listed=len(parts))


def pairwise_tv(comparison: Comparison) -> list[Result]:
    """How far the joint distributions of pairs of columns are from the holdout's, and their mean.

    Returns:
        As `univariate_tv`; at most 1,000 pairs, drawn at random, and the 40 worst by name.

    Privacy: reads all real records; not differentially private.
    """
    tables, sizes = _levels(comparison)
    names = comparison.modelled.train.schema.names
    pairs = list(combinations(range(len(names)), 2))
    if not pairs:
        return []
    if len(pairs) > MAX_PAIRS:
        picked = comparison.rng("pairs").choice(len(pairs), MAX_PAIRS, replace=False)
        pairs = [pairs[i] for i in np.sort(picked)]
    groups = _groups(comparison, tables)
    parts = [
        _variation(
            f"{names[a]} × {names[b]}",
            [t[:, a].astype(np.int64) * sizes[b] + t[:, b] for t in tables],
            sizes[a] * sizes[b],
            groups,
        )
        for a, b in pairs
    ]
    return _results("pairwise_tv", parts, comparison, listed=LISTED_PAIRS)


def _levels(comparison: Comparison) -> tuple[list[NDArray[np.int16]], list[int]]:
    """Levels of synthetic, holdout, reference and baseline records; and how many per column."""
    small = comparison.modelled
    tables = [small.synthetic, small.holdout, small.reference, small.baseline]
    arrays, categorical = features([small.train, *tables])
    coded = [np.empty(a.shape, np.int16) for a in arrays[1:]]
    sizes = []
    for j, is_category in enumerate(categorical):
        train = arrays[0][:, j]
        present = train[~np.isnan(train)]
        if is_category or not len(present):
            cuts = np.arange(LEVELS - 1) + 0.5
        else:
            cuts = _cuts(present)
        missing = len(cuts) + 1
        for array, levels in zip(arrays[1:], coded, strict=True):
            level = np.searchsorted(cuts, array[:, j], side="right")
            levels[:, j] = np.where(np.isnan(array[:, j]), missing, level)
        sizes.append(missing + 1)
    return coded, sizes


def _cuts(values: NDArray[np.float64]) -> NDArray[np.float64]:
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


def _groups(comparison: Comparison, tables: list[NDArray[np.int16]]) -> list[NDArray[np.int64]]:
    rng = comparison.rng("groups")
    return [rng.permutation(len(t)) % GROUPS for t in tables[:2]]


def _variation(
    label: str, levels: list[NDArray[np.int64]], size: int, groups: list[NDArray[np.int64]]
) -> _Variation:
    synthetic, holdout = (
        np.bincount(g * size + k, minlength=GROUPS * size).reshape(GROUPS, size).astype(float)
        for g, k in zip(groups, levels, strict=False)
    )
    reference, baseline = (np.bincount(k, minlength=size).astype(float) for k in levels[2:])
    target = holdout.sum(axis=0)
    return _Variation(
        label,
        float(_distance(synthetic.sum(axis=0), target)),
        _distance(synthetic.sum(axis=0) - synthetic, target - holdout),
        float(_distance(reference, target)),
        float(_distance(baseline, target)),
    )


def _distance(first: Counts, second: Counts) -> NDArray[np.float64]:
    """Total variation along the last axis."""
    p = first / np.maximum(first.sum(axis=-1, keepdims=True), 1)
    q = second / np.maximum(second.sum(axis=-1, keepdims=True), 1)
    distance: NDArray[np.float64] = 0.5 * np.abs(p - q).sum(axis=-1)
    return distance


def _results(
    name: str, parts: list[_Variation], comparison: Comparison, *, listed: int
) -> list[Result]:
    mean = _Variation(
        "",
        float(np.mean([p.value for p in parts])),
        np.mean([p.left_out for p in parts], axis=0),
        float(np.mean([p.reference for p in parts])),
        float(np.mean([p.baseline for p in parts])),
    )
    worst = sorted(parts, key=lambda p: p.reference - p.value)[:listed]
    return [_result(name, p, comparison) for p in [mean, *worst]]


def _result(name: str, part: _Variation, comparison: Comparison) -> Result:
    # delete-a-group jackknife; the groups leave both tables together
    error = np.sqrt((GROUPS - 1) * np.var(part.left_out))
    margin = 1.96 * float(error)
    points, status = score(part.value, part.reference, part.baseline, margin=margin)
    return Result(
        name=name,
        family="fidelity",
        column=part.label or None,
        value=part.value,
        ci_low=max(0.0, part.value - margin),
        ci_high=min(1.0, part.value + margin),
        reference=part.reference,
        baseline=part.baseline,
        score=points,
        unit="total variation",
        n=comparison.modelled.synthetic.num_rows,
        method="against the holdout; train's 20 quantiles and spikes; jackknife over 20 groups",
        seed=comparison.seed,
        status=status,
    )
