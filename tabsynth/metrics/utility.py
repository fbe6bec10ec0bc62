"""Train on synthetic, test on real: is a model learnt from synthetic records as good?"""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from tabsynth.comparison import Comparison, no_figure, redrawn
from tabsynth.errors import UsageError
from tabsynth.intervals import delong
from tabsynth.learners import features, learnable, one_thread
from tabsynth.metrics.figure import Figure, Measure
from tabsynth.report.model import Result

DRAWS: Final = 200
MIN_TEST: Final = 50
MAX_CLASSES: Final = 50


def tstr(comparison: Comparison) -> list[Result]:
    """Quality on the holdout of boosted trees that learnt the target from synthetic records.

    Returns:
        For a categorical target the AUC (mean of one class against the rest), for a number R²;
        higher is better. Nothing without a target; no figure with fewer than 50 usable holdout
        records, with one class only, or with more than 50, nor where nothing can be learnt: a
        table without another column, a target number that is always missing, or classes that
        only one holdout record has.

    Raises:
        UsageError: the target is not a modelled column.

    Privacy: reads holdout and training records; not differentially private.

    Source: Esteban, Hyland and Rätsch (2017), arXiv:1706.02633.
    """
    target = comparison.target
    if target is None:
        return []
    small = comparison.modelled
    schema = small.train.schema
    if target not in schema.names:
        raise UsageError(
            "--target", expected="a modelled column", got=f"{target!r}",
            remedy=f"choose one of {', '.join(schema.names[:12])}",
        )  # fmt: skip
    tables = [small.holdout, small.synthetic, small.reference, small.baseline, *small.draws]
    arrays, categorical = features(tables)
    column = schema.names.index(target)
    told = ~np.isnan(arrays[0][:, column])
    owners = None if small.holdout.owners is None else small.holdout.owners[told]
    arrays = [a[~np.isnan(a[:, column])] for a in arrays]
    test = arrays[0]
    classify = bool(categorical[column])
    classes = np.unique(test[:, column])
    judge = ClassJudge(classes) if classify else NumberJudge()
    if len(test) < MIN_TEST or len(classes) < 2 or (classify and len(classes) > MAX_CLASSES):
        needed = f"needs at least {MIN_TEST} holdout records with 2 to {MAX_CLASSES} classes"
        return [_no_figure(target, judge.unit, len(test), needed)]
    if len(categorical) < 2:
        return [_no_figure(target, judge.unit, len(test), "needs another column to learn from")]
    others = np.delete(categorical, column)
    with one_thread():
        guesses = [judge.learn(a, column, others, np.delete(test, column, 1)) for a in arrays[1:]]
    truth = test[:, column]
    value, reference, baseline, *further = (judge.quality(truth, g) for g in guesses)
    if not np.all(np.isfinite([value, reference, baseline])):
        needed = "needs the target in every table, and each class in several holdout records"
        return [_no_figure(target, judge.unit, len(test), needed)]
    rng = comparison.rng("tstr")
    picks = redrawn(len(truth), owners, DRAWS, rng)
    drawn = [judge.quality(truth[p], guesses[0][p]) for p in picks]
    measure = Measure(
        "tstr",
        judge.unit,
        f"boosted trees, tested on the holdout; {DRAWS} bootstrap draws of it",
        len(truth),
        comparison.seed,
        family="utility",
        better="higher",
        bounds=(-np.inf, 1.0),
    )
    known = tuple(d for d in further if np.isfinite(d))
    error = float(np.nanstd(drawn))
    return [measure.result(Figure(value, error, reference, baseline, target, known))]


def _no_figure(target: str, unit: str, n: int, needed: str) -> Result:
    found = no_figure("tstr", "utility", unit=unit, n=n, method=needed)
    return found.model_copy(update={"column": target, "better": "higher"})


class ClassJudge:
    """AUC of each class against the rest, averaged."""

    unit = "AUC"

    def __init__(
        self, classes: NDArray[np.float64], class_weight: Literal["balanced"] | None = None
    ) -> None:
        self.classes = classes
        self.class_weight = class_weight

    def learn(
        self,
        records: NDArray[np.float64],
        column: int,
        categorical: NDArray[np.bool_],
        test: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Probabilities of each class for the test records, shape (records, classes)."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        known = np.isin(records[:, column], self.classes)
        records = records[known]
        guess = np.zeros((len(test), len(self.classes)))
        present = np.unique(records[:, column])
        if len(present) < 2:
            return guess
        model: Any = HistGradientBoostingClassifier(
            categorical_features=categorical, class_weight=self.class_weight, random_state=0
        )
        model.fit(learnable(np.delete(records, column, 1), categorical), records[:, column])
        guess[:, np.searchsorted(self.classes, model.classes_)] = model.predict_proba(test)
        return guess

    def quality(self, truth: NDArray[np.float64], guess: NDArray[np.float64]) -> float:
        """Mean AUC over classes that occur."""
        areas = [
            delong(guess[truth == c, i], guess[truth != c, i])[0]
            for i, c in enumerate(self.classes)
            if 1 < np.count_nonzero(truth == c) < len(truth) - 1
        ]
        if len(self.classes) == 2:
            areas = areas[-1:]
        return float(np.mean(areas)) if areas else float("nan")


class NumberJudge:
    """Share of variance explained."""

    unit = "R²"

    def learn(
        self,
        records: NDArray[np.float64],
        column: int,
        categorical: NDArray[np.bool_],
        test: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Predicted values for the test records, shape (records,); NaN when nothing is learnt."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        if not len(records):
            return np.full(len(test), np.nan)
        model: Any = HistGradientBoostingRegressor(categorical_features=categorical, random_state=0)
        # squares of huge values overflow
        scale = max(float(np.abs(records[:, column]).max()), 1.0)
        model.fit(learnable(np.delete(records, column, 1), categorical), records[:, column] / scale)
        predicted: NDArray[np.float64] = model.predict(test) * scale
        return predicted

    def quality(self, truth: NDArray[np.float64], guess: NDArray[np.float64]) -> float:
        """R² of the guesses."""
        scale = max(float(np.abs(truth).max(initial=0)), 1.0)
        truth, guess = truth / scale, guess / scale
        spread = float(np.sum((truth - truth.mean()) ** 2))
        with np.errstate(over="ignore"):
            lost = float(np.sum((truth - guess) ** 2))
        return 1 - lost / spread if spread else float("nan")
