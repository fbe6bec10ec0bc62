"""Training on synthetic records and testing on real ones, every column in turn being the target."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tabsynth.comparison import Comparison, no_figure
from tabsynth.learners import features, learnable, one_thread
from tabsynth.metrics.figure import Figure, Measure
from tabsynth.report.model import Result

MAX_RECORDS: Final = 5000
MAX_TARGETS: Final = 30
MAX_COLUMNS: Final = 60
MAX_CLASSES: Final = 10
MIN_TEST: Final = 50
ITERATIONS: Final = 30
LEAVES: Final = 15
GROUPS: Final = 20

Numbers = NDArray[np.float64]


def tstr_columns(comparison: Comparison) -> list[Result]:
    """How well each column is predicted on the holdout by trees that learnt from synthetic records.

    Returns:
        The skill for each column as target and the mean over columns; higher is better, 0 is no
        better than guessing, 1 is perfect. For a category it is twice the AUC minus 1, averaged
        over its classes against the rest by their shares (the nine most frequent, the others
        taken together); for a number the share of the variance of its ranks that is explained.
        The reference is learnt from real records. The interval covers the drawing of the holdout
        and, where there are several, of synthetic tables. No figure with fewer than 50 holdout
        records or one column.

    Privacy: reads holdout and training records; not differentially private.

    Source: Esteban, Hyland and Rätsch (2017), arXiv:1706.02633.
    """
    small = comparison.modelled
    names = small.train.schema.names
    rng = comparison.rng("tstr_columns")
    tables = [small.holdout, small.synthetic, small.reference, small.baseline, *small.draws]
    arrays, categorical = features(tables)
    picked = [rng.permutation(len(a))[:MAX_RECORDS] for a in arrays]
    arrays = [a[rows] for a, rows in zip(arrays, picked, strict=True)]
    owners = None if small.holdout.owners is None else small.holdout.owners[picked[0]]
    columns = np.sort(rng.permutation(len(names))[:MAX_COLUMNS])
    arrays, categorical = [a[:, columns] for a in arrays], categorical[columns]
    targets = np.sort(rng.permutation(len(columns))[:MAX_TARGETS])
    found = []
    if len(names) > 1 and len(arrays[0]) >= MIN_TEST:
        with one_thread():
            found = [
                (names[columns[j]], skills)
                for j in targets
                if (skills := _skills(arrays, int(j), categorical, owners)) is not None
            ]
    if not found:
        needed = f"needs {MIN_TEST} holdout records, and two columns with several values"
        return [no_figure("tstr_columns", "utility", unit="skill", n=len(arrays[0]), method=needed)]
    drawn = ""
    if len(targets) < len(names):
        drawn = f" {len(targets)} of {len(names)} columns drawn at random as targets,"
        drawn += f" {len(columns)} as the columns used;"
    measure = Measure(
        "tstr_columns",
        "skill",
        f"each column in turn predicted from the others;{drawn} boosted trees, {ITERATIONS} rounds "
        f"on at most {MAX_RECORDS:,} records; jackknife over {GROUPS} groups of the holdout",
        len(arrays[0]),
        comparison.seed,
        family="utility",
        better="higher",
        bounds=(-np.inf, 1.0),
    )
    overall = _figure(np.mean([skills for _, skills in found], axis=0), None)
    ordered = sorted(found, key=lambda part: part[1][0, 0] - part[1][1, 0])
    return [
        measure.result(overall),
        *(measure.result(_figure(skills, name)) for name, skills in ordered),
    ]


def _figure(skills: Numbers, column: str | None) -> Figure:
    value, reference, baseline, *draws = (float(s) for s in skills[:, 0])
    error = float(np.sqrt((GROUPS - 1) * np.var(skills[0, 1:])))
    return Figure(value, error, reference, baseline, column, tuple(draws))


def _skills(
    arrays: list[Numbers],
    target: int,
    categorical: NDArray[np.bool_],
    owners: NDArray[np.int64] | None,
) -> Numbers | None:
    """Skill of what was learnt from each table but the first, and without each group of tests.

    Returns:
        Shape (tables - 1, 1 + groups), the first of each row with all tests; None where the
        target of the first table has not several values, or is missing in most records.
    """
    known = [a[~np.isnan(a[:, target])] for a in arrays]
    test = known[0]
    if len(test) < MIN_TEST or len(np.unique(test[:, target])) < 2:
        return None
    truth, *labels = _labels([a[:, target] for a in known], bool(categorical[target]))
    others = np.delete(categorical, target)
    inputs = [np.delete(a, target, 1) for a in known]
    skill = _class_skill if categorical[target] else _rank_skill
    learn = _class_scores if categorical[target] else _rank_scores
    alone = np.arange(len(truth))
    if owners is not None:
        # persons leave with all of their records
        alone = np.unique(owners[~np.isnan(arrays[0][:, target])], return_inverse=True)[1]
    group = alone % GROUPS
    kept = [np.ones(len(truth), bool), *(group != g for g in range(GROUPS))]
    rows = []
    for x, y in zip(inputs[1:], labels, strict=True):
        guess = learn(x, y, inputs[0], others)
        rows.append([skill(truth[keep], guess[keep]) for keep in kept])
    return np.array(rows)


def _labels(columns: list[Numbers], category: bool) -> list[Numbers]:
    """Classes with the rare ones taken together, or ranks among the first column's values."""
    if category:
        return [np.minimum(c, MAX_CLASSES - 1) for c in columns]
    ordered = np.sort(columns[0])
    return [
        (np.searchsorted(ordered, c, "left") + np.searchsorted(ordered, c, "right"))
        / (2 * len(ordered))
        for c in columns
    ]


def _settings(categorical: NDArray[np.bool_]) -> dict[str, Any]:
    return {
        "categorical_features": categorical,
        "max_iter": ITERATIONS,
        "max_leaf_nodes": LEAVES,
        "learning_rate": 0.1,
        "early_stopping": False,
        "random_state": 0,
    }


def _class_scores(x: Numbers, y: Numbers, test: Numbers, categorical: NDArray[np.bool_]) -> Numbers:
    """Probabilities of the classes 0, 1, ...; zeros where nothing is learnt."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    guess = np.zeros((len(test), MAX_CLASSES))
    if len(np.unique(y)) > 1:
        model: Any = HistGradientBoostingClassifier(**_settings(categorical))
        model.fit(learnable(x, categorical), y)
        guess[:, model.classes_.astype(int)] = model.predict_proba(test)
    return guess


def _rank_scores(x: Numbers, y: Numbers, test: Numbers, categorical: NDArray[np.bool_]) -> Numbers:
    """Predicted ranks; the middle where nothing is learnt."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    if len(np.unique(y)) < 2:
        return np.full(len(test), 0.5)
    model: Any = HistGradientBoostingRegressor(**_settings(categorical))
    model.fit(learnable(x, categorical), y)
    predicted: Numbers = model.predict(test)
    return predicted


def _class_skill(truth: Numbers, guess: Numbers) -> float:
    """Twice the AUC minus 1, averaged over the classes that several tests have and several not.

    The weight of a class is its share: what trees make of a class of few records differs from one
    real table to the next.
    """
    skills, weights = [], []
    for c in np.unique(truth).astype(int):
        hits = truth == c
        count = int(hits.sum())
        if min(count, len(hits) - count) > 1:
            ranks = rankdata(guess[:, c])
            area = (ranks[hits].sum() - count * (count + 1) / 2) / (count * (len(hits) - count))
            skills.append(2 * area - 1)
            weights.append(count)
    return float(np.average(skills, weights=weights)) if skills else 0.0


def _rank_skill(truth: Numbers, guess: Numbers) -> float:
    spread = float(np.var(truth))
    return 1 - float(np.mean((truth - guess) ** 2)) / spread if spread else 0.0
