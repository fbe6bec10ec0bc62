"""Two learners of a favourable outcome: boosted trees, and logistic regression."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.learners import learnable, one_thread

COMMON_LEVELS: Final = 30
MAX_INPUTS: Final = 400

Floats = NDArray[np.float64]
Categorical = NDArray[np.bool_]
Learner = Callable[[Floats, Floats, Floats, Categorical], Floats]


def boosted_trees(learn: Floats, truth: Floats, test: Floats, categorical: Categorical) -> Floats:
    """Probabilities of a favourable outcome for test records, by boosted trees.

    Args:
        learn: features of shape (records, columns), as `learners.features` makes them.
        truth: 1 or 0 for each of them.
        test: features of the test records.
        categorical: which columns are.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    if len(np.unique(truth)) < 2:
        return _constant(truth, test)
    model: Any = HistGradientBoostingClassifier(categorical_features=categorical, random_state=0)
    with one_thread():
        model.fit(learnable(learn, categorical), truth)
        guess: Floats = model.predict_proba(test)[:, 1]
    return guess


def logistic_regression(
    learn: Floats, truth: Floats, test: Floats, categorical: Categorical
) -> Floats:
    """The same by logistic regression on standardised numbers and the commonest categories."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    first, second = _inputs(learn, test, categorical)
    if len(np.unique(truth)) < 2 or first.shape[1] == 0:
        return _constant(truth, test)
    model: Any = LogisticRegression(max_iter=200)
    # not wholly converged is still a regression: it is judged by what it predicts
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(first, truth)
        guess: Floats = model.predict_proba(second)[:, 1]
    return guess


LEARNERS: Final[dict[str, Learner]] = {
    "boosted trees": boosted_trees,
    "logistic regression": logistic_regression,
}


def _constant(truth: Floats, test: Floats) -> Floats:
    return np.full(len(test), float(truth.mean()) if len(truth) else 0.0)


def _inputs(learn: Floats, test: Floats, categorical: Categorical) -> tuple[Floats, Floats]:
    """Columns for a linear model; what they are is decided on the records to learn from."""
    first: list[Floats] = []
    second: list[Floats] = []
    for column, is_category in enumerate(categorical):
        own, other = learn[:, column], test[:, column]
        if is_category:
            found, counts = np.unique(own[~np.isnan(own)], return_counts=True)
            # the commonest level is what the others are compared with
            levels = found[np.argsort(-counts, kind="stable")][1:COMMON_LEVELS]
            first += [(own == level).astype(np.float64) for level in levels]
            second += [(other == level).astype(np.float64) for level in levels]
        else:
            known = own[np.isfinite(own)]
            if not len(known):
                continue
            low, middle, high = np.quantile(known, [0.01, 0.5, 0.99])
            width = float(high - low) or float(np.ptp(known)) or 1.0
            for values, into in ((own, first), (other, second)):
                filled = np.where(np.isnan(values), middle, values)
                into.append(np.clip((filled - middle) / width, -2, 2))
        if np.isnan(own).any():
            first.append(np.isnan(own).astype(np.float64))
            second.append(np.isnan(other).astype(np.float64))
    if not first:
        return np.empty((len(learn), 0)), np.empty((len(test), 0))
    return np.stack(first[:MAX_INPUTS], axis=1), np.stack(second[:MAX_INPUTS], axis=1)
