"""The propensity score mean squared error, which statistical offices use."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.comparison import Comparison, apart, no_figure
from tabsynth.intervals import variance_of_sum
from tabsynth.learners import features, one_thread
from tabsynth.metrics.figure import Figure, Measure
from tabsynth.report.model import Result

MAX_SIDE: Final = 20_000
MIN_SIDE: Final = 50
MAX_COLUMNS: Final = 30
MAX_CATEGORIES: Final = 30
STEPS: Final = 25
RIDGE: Final = 1e-6

Numbers = NDArray[np.float64]
# records, and whose each one is
_Side = tuple[Numbers, NDArray[np.int64]]


def s_pmse(comparison: Comparison) -> list[Result]:
    """The pMSE of a logistic regression, over what it would be for records of one population.

    Returns:
        About 1 where the main effects of all columns tell nothing, larger where they do. It is
        blind to how columns hang together: independent columns get about 1 too; so a diagnostic.
        No figure with fewer than 50 records on a side. Not bounded above.

    Privacy: reads holdout and training records; not differentially private.

    Source: Snoke, Raab, Nowok, Dibben and Slavkovic (2018), doi:10.1111/rssa.12358; the ratio, as
        synthpop prints it. Their null is a synthesis of the very records that it is compared with;
        the holdout is another sample, whose null is larger by 1 / (1 - synthetic share).
    """
    small = comparison.modelled
    tables = [small.synthetic, small.holdout, small.reference, small.baseline, *small.draws]
    fewest = min(t.num_rows for t in tables)
    if fewest < MIN_SIDE:
        needed = f"needs at least {MIN_SIDE} records of each table"
        found = no_figure("s_pmse", "fidelity", unit="ratio", n=fewest, method=needed)
        return [found.model_copy(update={"status": "diagnostic"})]
    rng = comparison.rng("s_pmse")
    arrays, categorical = features(tables)
    columns = np.sort(rng.permutation(len(categorical))[:MAX_COLUMNS])
    orders = [rng.permutation(len(a))[:MAX_SIDE] for a in arrays]
    sides = [
        (a[order][:, columns], t.units[order])
        for a, t, order in zip(arrays, tables, orders, strict=True)
    ]
    holdout = sides.pop(1)
    with one_thread():
        ratios = [_ratio(side, holdout, categorical[columns]) for side in sides]
    (value, error), (reference, _), (baseline, _), *draws = ratios
    drawn = f" of {len(columns)} columns drawn at random" * (len(columns) < len(categorical))
    measure = Measure(
        "s_pmse",
        "ratio",
        f"logistic regression on the main effects{drawn}, against the holdout; the ratio to what "
        "two samples of one population give",
        len(orders[0]) + len(orders[1]),
        comparison.seed,
        bounds=(0.0, np.inf),
        diagnostic=True,
    )
    return [
        measure.result(Figure(value, error, reference, baseline, draws=tuple(d for d, _ in draws)))
    ]


def pmse(scores: Numbers, share: float) -> float:
    """Mean squared distance of propensity scores from the share of synthetic records."""
    return float(np.mean((scores - share) ** 2))


def null_pmse(parameters: int, share: float, records: int, *, other_sample: bool) -> float:
    """What the pMSE is expected to be when nothing tells the tables apart.

    Args:
        parameters: of the logistic regression, the intercept included.
        share: of synthetic records among all.
        records: in both tables.
        other_sample: whether the real records are another sample of the population, not those that
            were synthesised.

    Source: Snoke et al. (2018), doi:10.1111/rssa.12358, theorem 1: (k - 1) (1 - c)^2 c / N.
    """
    synthesised = (parameters - 1) * (1 - share) ** 2 * share / records
    return synthesised / (1 - share) if other_sample else synthesised


def _ratio(first: _Side, second: _Side, categorical: NDArray[np.bool_]) -> tuple[float, float]:
    """The ratio of the pMSE to its null, and the standard error from the drawing of persons."""
    records, persons = [first[0], second[0]], apart(first[1], second[1])
    label = np.repeat([1.0, 0.0], [len(r) for r in records])
    share = float(label.mean())
    inputs = _main_effects(np.concatenate(records), categorical)
    parameters = int(np.linalg.matrix_rank(inputs.T @ inputs))
    if parameters < 2:
        return 1.0, 0.0
    scores = _propensity(inputs, label)
    null = null_pmse(parameters, share, len(label), other_sample=True)
    found = pmse(scores, share)
    parts = ((scores - share) ** 2 - found) / len(label)
    error = float(np.sqrt(variance_of_sum(parts, np.concatenate(persons))))
    return found / null, error / null


def _main_effects(records: Numbers, categorical: NDArray[np.bool_]) -> Numbers:
    """An intercept, standardised numbers, indicators of categories and of missing numbers."""
    parts = [np.ones((len(records), 1))]
    for j, is_category in enumerate(categorical):
        column = records[:, j]
        missing = np.isnan(column)
        if is_category:
            codes = np.where(missing, -1, np.minimum(column, MAX_CATEGORIES - 1))
            parts.append((codes[:, None] == np.unique(codes)[1:]).astype(np.float64))
            continue
        known = column[~missing]
        if len(known):
            # scaled first: squares of huge values overflow
            known = known / max(float(np.abs(known).max()), np.finfo(float).tiny)
            spread = float(known.std())
            scaled = np.zeros(len(column))
            scaled[~missing] = (known - known.mean()) / spread if spread else 0.0
            parts.append(scaled[:, None])
        if missing.any():
            parts.append(missing[:, None].astype(np.float64))
    return np.concatenate(parts, axis=1)


def _propensity(inputs: Numbers, label: Numbers) -> Numbers:
    """Fitted probabilities of a logistic regression, by Newton's method.

    A trace of ridge keeps collinear columns and categories of one table only from running away.
    """
    weights = np.zeros(inputs.shape[1])
    ridge = RIDGE * len(inputs)
    for _ in range(STEPS):
        scores = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        slope = inputs.T @ (label - scores) - ridge * weights
        curve = (inputs * (scores * (1 - scores))[:, None]).T @ inputs
        step = np.linalg.solve(curve + ridge * np.eye(len(weights)), slope)
        weights = weights + step
        if np.abs(step).max() < 1e-6:
            break
    fitted: Numbers = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
    return fitted
