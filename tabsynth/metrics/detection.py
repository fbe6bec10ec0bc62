"""The classifier two-sample test: can boosted trees tell synthetic records from held-out ones?"""

from __future__ import annotations

from typing import Final

import numpy as np

from tabsynth.comparison import Comparison, no_figure, score
from tabsynth.intervals import delong
from tabsynth.learners import features, one_thread
from tabsynth.report.model import Result
from tabsynth.table import Table

FOLDS: Final = 5
MAX_SIDE: Final = 20_000
MIN_SIDE: Final = 50


def c2st_auc(comparison: Comparison) -> list[Result]:
    """Cross-fitted AUC of telling synthetic records from equally many holdout records.

    Returns:
        AUC, 0.5 when they cannot be told apart, 1 when always; lower is better. No figure when
        there are fewer than 50 records on a side.

    Privacy: reads holdout and training records; not differentially private.

    Source: Lopez-Paz and Oquab (2017), Revisiting classifier two-sample tests, arXiv:1610.06545.
    """
    small = comparison.modelled
    size = min(MAX_SIDE, small.holdout.num_rows, small.synthetic.num_rows, small.train.num_rows)
    if size < MIN_SIDE:
        needed = f"needs at least {MIN_SIDE} records of each table"
        return [no_figure("c2st_auc", "fidelity", unit="AUC", n=2 * size, method=needed)]
    rng = comparison.rng("c2st_auc")
    with one_thread():
        value, error = _told_apart(small.synthetic, small.holdout, size, rng)
        reference, _ = _told_apart(small.train, small.holdout, size, rng)
        baseline, _ = _told_apart(small.baseline, small.holdout, size, rng)
    margin = 1.96 * error
    points, status = score(value, reference, baseline, margin=margin)
    return [
        Result(
            name="c2st_auc",
            family="fidelity",
            value=value,
            ci_low=max(0.0, value - margin),
            ci_high=min(1.0, value + margin),
            reference=reference,
            baseline=baseline,
            score=points,
            unit="AUC",
            n=2 * size,
            method=f"boosted trees, {FOLDS} folds, against the holdout; DeLong interval",
            seed=comparison.seed,
            status=status,
        )
    ]


def _told_apart(
    first: Table, second: Table, size: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Mean AUC over folds and its standard error."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    picked = [t.take(np.sort(rng.permutation(t.num_rows)[:size])) for t in (first, second)]
    arrays, categorical = features(picked)
    records = np.concatenate(arrays)
    label = np.repeat([1, 0], size)
    fold = np.concatenate([rng.permutation(size), rng.permutation(size)]) % FOLDS
    areas, variances = [], []
    for k in range(FOLDS):
        model = HistGradientBoostingClassifier(categorical_features=categorical, random_state=0)
        model.fit(records[fold != k], label[fold != k])
        guess = model.predict_proba(records[fold == k])[:, 1]
        truth = label[fold == k] == 1
        area, variance = delong(guess[truth], guess[~truth])
        areas.append(area)
        variances.append(variance)
    return float(np.mean(areas)), float(np.sqrt(np.sum(variances)) / FOLDS)
