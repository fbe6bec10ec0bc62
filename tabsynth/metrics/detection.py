"""Classifier two-sample tests: can a learner tell synthetic records from held-out ones?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from tabsynth.comparison import Comparison, apart, dealt, no_figure
from tabsynth.intervals import delong
from tabsynth.learners import features, learnable, one_thread
from tabsynth.metrics.figure import Figure, Measure
from tabsynth.report.model import Result
from tabsynth.table import Table

FOLDS: Final = 5
MAX_SIDE: Final = 20_000
MAX_SIDE_NETWORK: Final = 10_000
MIN_SIDE: Final = 50
MAX_CATEGORIES: Final = 30
HIDDEN: Final = 64
PASSES: Final = 15

Numbers = NDArray[np.float64]
Columns = NDArray[np.bool_]
# learns from records and labels, and gives the others' scores
Judge = Callable[[Numbers, NDArray[np.int64], Numbers, Columns], Numbers]


@dataclass(frozen=True)
class _How:
    """A judge in words, the most records a side, and how it learns from records made ready."""

    judge: str
    most: int
    learn: Judge
    prepare: Callable[[Numbers, Columns], Numbers]


def c2st_auc(comparison: Comparison) -> list[Result]:
    """Cross-fitted AUC of boosted trees that tell synthetic records from as many holdout records.

    Returns:
        AUC, 0.5 when they cannot be told apart, 1 when always; lower is better. No figure when
        there are fewer than 50 records on a side.

    Privacy: reads holdout and training records; not differentially private.

    Source: Lopez-Paz and Oquab (2017), Revisiting classifier two-sample tests, arXiv:1610.06545.
    """
    return _two_sample_test("c2st_auc", comparison, _TREES)


def c2st_auc_network(comparison: Comparison) -> list[Result]:
    """The same with a neural network as the judge, which errs differently from trees.

    One hidden layer of 64 units reads numbers as normal scores of their ranks and categories as
    indicators (the 30 most frequent). It sees how columns hang together, which logistic regression
    does not: that calls independent columns real.

    Returns:
        As `c2st_auc`.

    Privacy: reads holdout and training records; not differentially private.

    Source: Lopez-Paz and Oquab (2017), Revisiting classifier two-sample tests, arXiv:1610.06545.
    """
    how = _How("a neural network", MAX_SIDE_NETWORK, _network, indicators)
    return _two_sample_test("c2st_auc_network", comparison, how)


def told_apart(first: Table, second: Table, *, most: int, rng: np.random.Generator) -> float:
    """Cross-fitted AUC of boosted trees that tell records of one table from as many of another.

    Args:
        first: records, of modelled columns only.
        second: others of the same schema.
        most: records a side, where both have so many; fewer say less, and cost less.
        rng: which records, and their folds.

    Returns:
        The AUC; NaN with fewer than 50 records on a side.
    """
    size = min(most, first.num_rows, second.num_rows)
    if size < MIN_SIDE:
        return float("nan")
    with one_thread():
        return _told_apart(_pair(first, second, size, rng), _TREES, rng)[0]


def plausibility(
    synthetic: Table, real: Table, *, rng: np.random.Generator
) -> tuple[Numbers, float, float]:
    """How synthetic each record looks to boosted trees that did not learn from it.

    Args:
        synthetic: records, of modelled columns only; each one gets a score.
        real: others of the same schema; at most as many are learnt from.
        rng: which real records, and the folds.

    Returns:
        Scores from 0 (real) to 1, shape (synthetic records,), and the AUC with its standard error.

    Privacy: reads real records; not differentially private.
    """
    (made, others), categorical = features([synthetic, real])
    asked_of = np.sort(rng.permutation(len(others))[: len(made)])
    others, units = others[asked_of], real.units[asked_of]
    # both sides weigh alike, whichever has more records; a person's records are in one fold
    fold, beside = (dealt(each, FOLDS, rng) for each in (synthetic.units, units))
    size = min(MAX_SIDE, len(others))
    scores, against = np.empty(len(made)), np.empty(len(others))
    with one_thread():
        for k in range(FOLDS):
            learnt = [
                side[rng.permutation(np.flatnonzero(at != k))[:size]]
                for side, at in ((made, fold), (others, beside))
            ]
            fewest = min(len(side) for side in learnt)
            records = np.concatenate([side[:fewest] for side in learnt])
            asked = np.concatenate([made[fold == k], others[beside == k]])
            guess = _trees(records, np.repeat([1, 0], fewest), asked, categorical)
            scores[fold == k], against[beside == k] = np.split(guess, [int((fold == k).sum())])
    area, variance = delong(scores, against, apart(synthetic.units, units))
    return scores, area, float(np.sqrt(variance))


def _two_sample_test(name: str, comparison: Comparison, how: _How) -> list[Result]:
    small = comparison.modelled
    size = min(how.most, small.holdout.num_rows, small.synthetic.num_rows, small.train.num_rows)
    if size < MIN_SIDE:
        needed = f"needs at least {MIN_SIDE} records of each table"
        return [no_figure(name, "fidelity", unit="AUC", n=2 * size, method=needed)]
    rng = comparison.rng(name)
    tables = [small.synthetic, small.train, small.baseline, *small.draws]
    with one_thread():
        areas = []
        for table in tables:
            side = min(size, table.num_rows)
            areas.append(_told_apart(_pair(table, small.holdout, side, rng), how, rng))
    (value, error), (reference, _), (baseline, _), *draws = areas
    measure = Measure(
        name,
        "AUC",
        f"{how.judge}, {FOLDS} folds, against the holdout; DeLong interval",
        2 * size,
        comparison.seed,
    )
    drawn = tuple(area for area, _ in draws)
    return [measure.result(Figure(value, error, reference, baseline, draws=drawn))]


def _pair(first: Table, second: Table, size: int, rng: np.random.Generator) -> list[Table]:
    return [t.take(np.sort(rng.permutation(t.num_rows)[:size])) for t in (first, second)]


def _told_apart(pair: list[Table], how: _How, rng: np.random.Generator) -> tuple[float, float]:
    """Mean AUC over folds and its standard error; NaN with too few persons for folds."""
    arrays, categorical = features(pair)
    records = how.prepare(np.concatenate(arrays), categorical)
    label = np.repeat([1, 0], len(arrays[0]))
    # a person's records tell of the others: they are in one fold
    fold = np.concatenate([dealt(t.units, FOLDS, rng) for t in pair])
    persons = np.concatenate(apart(pair[0].units, pair[1].units))
    areas, variances = [], []
    for k in range(FOLDS):
        sides = [np.bincount(label[fold == k], minlength=2), np.bincount(label[fold != k])]
        if min(sides[0]) < 2 or len(sides[1]) < 2 or min(sides[1]) < 2:
            continue
        guess = how.learn(records[fold != k], label[fold != k], records[fold == k], categorical)
        truth = label[fold == k] == 1
        whose = persons[fold == k]
        area, variance = delong(guess[truth], guess[~truth], (whose[truth], whose[~truth]))
        areas.append(area)
        variances.append(variance)
    if not areas:
        return float("nan"), float("nan")
    return float(np.mean(areas)), float(np.sqrt(np.sum(variances)) / len(areas))


def _trees(
    records: Numbers, label: NDArray[np.int64], others: Numbers, categorical: Columns
) -> Numbers:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model: Any = HistGradientBoostingClassifier(categorical_features=categorical, random_state=0)
    guess: Numbers = model.fit(learnable(records, categorical), label).predict_proba(others)[:, 1]
    return guess


def _network(
    records: Numbers, label: NDArray[np.int64], others: Numbers, categorical: Columns
) -> Numbers:
    from sklearn.neural_network import MLPClassifier

    model: Any = MLPClassifier(
        (HIDDEN,), learning_rate_init=2e-3, batch_size=min(256, len(records)), random_state=0
    )
    # passes by hand: `fit` would warn that it has not converged, which is meant
    for _ in range(PASSES):
        model.partial_fit(records, label, classes=np.array([0, 1]))
    guess: Numbers = model.predict_proba(others)[:, 1]
    return guess


def _as_they_are(records: Numbers, categorical: Columns) -> Numbers:
    return records


_TREES: Final = _How("boosted trees", MAX_SIDE, _trees, _as_they_are)


def indicators(records: Numbers, categorical: Columns) -> Numbers:
    """Normal scores of numbers, an indicator for each category and for missing values.

    Args:
        records: shape (records, columns), as `features` makes them.
        categorical: which columns are categories; the 30 most frequent stand apart.
    """
    parts = []
    for j, is_category in enumerate(categorical):
        column = records[:, j]
        missing = np.isnan(column)
        if is_category:
            codes = np.where(missing, -1, np.minimum(column, MAX_CATEGORIES - 1))
            parts.append(codes[:, None] == np.unique(codes))
            continue
        parts.append(missing[:, None])
        scores = np.zeros(len(column))
        known = column[~missing]
        scores[~missing] = norm.ppf(rankdata(known) / (len(known) + 1))
        parts.append(scores[:, None])
    return np.concatenate(parts, axis=1).astype(np.float32)
