"""What stands in for a protected column: how well other columns predict it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.bias.groups import ENOUGH, OTHERS, Grouping
from tabsynth.bias.levels import levels
from tabsynth.comparison import no_figure
from tabsynth.intervals import Z95, delong
from tabsynth.learners import features, learnable, one_thread
from tabsynth.report.model import Result
from tabsynth.table import Table

FOLDS: Final = 3
MAX_RECORDS: Final = 12_000
MAX_CLASSES: Final = 5
LISTED: Final = 20
STRONG: Final = 0.7
ALL_TOGETHER: Final = "all other columns together"

Floats = NDArray[np.float64]


def proxy_figures(
    table: Table,
    groupings: list[Grouping],
    target: str | None,
    *,
    rng: np.random.Generator,
    seed: int,
) -> list[Result]:
    """`proxy_auc`: how well one column, then all together, tell the groups apart.

    Args:
        table: the records; at most 12,000 are read.
        groupings: the groups; only single protected columns are looked at.
        target: left out of the predictors, as are the protected columns.
        rng: for the folds.
        seed: of the report.

    Returns:
        Cross-fitted AUC, the mean over the groups (at most the 5 largest) of one group against the
        rest; 0.5 without a trace of the groups, 1 when they can be read off; lower is better. All
        columns together, and the 20 strongest single ones. One deserves attention when its whole
        interval is above 0.7.
    """
    if table.num_rows > MAX_RECORDS:
        rows = rng.choice(table.num_rows, MAX_RECORDS, replace=False)
        table = table.take(np.sort(rows))
    fold = _folds(table.units, rng)
    table = table.modelled
    protected = {name for g in groupings for name in g.columns}
    names = list(table.schema.names)
    places = [i for i, n in enumerate(names) if n not in protected and n != target]
    coded, sizes = levels([table])
    results: list[Result] = []
    for grouping in groupings:
        if grouping.is_intersection:
            continue
        codes = grouping.codes(table)
        counts = np.bincount(codes, minlength=len(grouping.labels))
        classes = [g for g in np.argsort(-counts, kind="stable")[:MAX_CLASSES]
                   if counts[g] >= ENOUGH and grouping.labels[g] != OTHERS]  # fmt: skip
        if len(classes) < 2 or not places:
            needed = f"needs two groups of {ENOUGH} records and another column"
            none = no_figure("proxy_auc", "bias", unit="AUC", n=table.num_rows, method=needed)
            results.append(none.model_copy(update={"column": grouping.name}))
            continue
        kept = np.isin(codes, classes)
        # the rarer of two groups against the other is the other against it
        classes = classes[1:] if len(classes) == 2 else classes
        truth = np.stack([codes[kept] == g for g in classes], axis=1)
        own_fold, n = fold[kept], int(kept.sum())
        found = []
        for i in places:
            areas = _level_areas(coded[0][kept, i], sizes[i], truth, own_fold)
            found.append(_result(grouping, f"by {names[i]}", areas, n=n, seed=seed))
        found.sort(key=lambda r: -(r.value or 0.0))
        results.append(_together(table, grouping, places, truth=truth, kept=kept, fold=fold,
                                 seed=seed))  # fmt: skip
        results += found[:LISTED]
    return results


def _folds(units: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A fold per record, the same for records of one privacy unit."""
    _, places = np.unique(units, return_inverse=True)
    return (rng.permutation(int(places.max(initial=0)) + 1) % FOLDS)[places]


def _level_areas(
    coded: NDArray[np.int64], size: int, truth: NDArray[np.bool_], fold: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """AUC and variance by class and fold, records scored by their level's rate in other folds."""
    areas, variances = np.full((2, truth.shape[1], FOLDS), np.nan)
    for c in range(truth.shape[1]):
        hits, others = (
            np.stack([np.bincount(coded[(fold == k) & which], minlength=size)
                      for k in range(FOLDS)]).astype(np.float64)
            for which in (truth[:, c], ~truth[:, c])
        )  # fmt: skip
        rate = hits.sum() / (hits.sum() + others.sum())
        for k in range(FOLDS):
            known = hits.sum(axis=0) - hits[k]
            total = known + others.sum(axis=0) - others[k]
            # a level seen once is no evidence: it is drawn to the rate of all
            scores = (known + rate) / (total + 1)
            areas[c, k], variances[c, k] = _counted_area(scores, hits[k], others[k])
    return areas, variances


def _counted_area(scores: Floats, hits: Floats, others: Floats) -> tuple[float, float]:
    """AUC and its DeLong variance from the numbers of records with each score."""
    m, n = hits.sum(), others.sum()
    if m < 2 or n < 2:
        return float("nan"), float("nan")
    _, place = np.unique(scores, return_inverse=True)
    positive, negative = np.bincount(place, hits), np.bincount(place, others)
    below = (np.cumsum(negative) - negative / 2) / n
    above = 1 - (np.cumsum(positive) - positive / 2) / m
    area = float(np.sum(positive * below) / m)
    spread = np.sum(positive * (below - area) ** 2) / (m - 1) / m
    spread += np.sum(negative * (above - area) ** 2) / (n - 1) / n
    return area, float(spread)


def _together(
    table: Table,
    grouping: Grouping,
    places: list[int],
    *,
    truth: NDArray[np.bool_],
    kept: NDArray[np.bool_],
    fold: NDArray[np.int64],
    seed: int,
) -> Result:
    """All other columns at once, by boosted trees."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    arrays, categorical = features([table])
    records, fold = arrays[0][kept][:, places], fold[kept]
    areas, variances = np.full((2, truth.shape[1], FOLDS), np.nan)
    for k in range(FOLDS):
        for c in range(truth.shape[1]):
            learn, own = truth[fold != k, c], truth[fold == k, c]
            if len(np.unique(learn)) < 2 or own.sum() < 2 or (~own).sum() < 2:
                continue
            model: Any = HistGradientBoostingClassifier(
                categorical_features=categorical[places], max_iter=50, random_state=0,
                early_stopping=False,
            )  # fmt: skip
            with one_thread():
                model.fit(learnable(records[fold != k], categorical[places]), learn)
                guess = model.predict_proba(records[fold == k])[:, 1]
            areas[c, k], variances[c, k] = delong(guess[own], guess[~own])
    return _result(grouping, ALL_TOGETHER, (areas, variances), n=len(records), seed=seed)


def _result(
    grouping: Grouping,
    words: str,
    found: tuple[Floats, Floats],
    *,
    n: int,
    seed: int,
) -> Result:
    areas, variances = found
    usable = ~np.isnan(areas)
    if not usable.any():
        none = no_figure("proxy_auc", "bias", unit="AUC", n=n,
                         method="needs records of two groups in every fold")  # fmt: skip
        return none.model_copy(update={"column": grouping.name, "group": words})
    value = float(areas[usable].mean())
    # folds are independent; groups are not, so their errors add up in full
    by_class = [np.sqrt(variances[c, u].sum()) / u.sum() for c, u in enumerate(usable) if u.any()]
    margin = Z95 * float(np.mean(by_class))
    low = max(0.0, value - margin)
    return Result(
        name="proxy_auc",
        family="bias",
        column=grouping.name,
        group=words,
        value=value,
        ci_low=low,
        ci_high=min(1.0, value + margin),
        reference=0.5,
        unit="AUC",
        n=n,
        method=f"boosted trees, {FOLDS} folds, DeLong interval; protected columns and target apart"
        if words == ALL_TOGETHER
        else f"rates of the column's levels, {FOLDS} folds, DeLong interval",
        seed=seed,
        status="attention" if low > STRONG else "ok",
    )
