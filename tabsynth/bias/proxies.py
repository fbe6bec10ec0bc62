"""What stands in for a protected column: how well other columns predict it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.bias.groups import ENOUGH, OTHERS, Grouping
from tabsynth.bias.levels import levels
from tabsynth.bias.persons import as_people, persons_in
from tabsynth.comparison import at_most, dealt, no_figure
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


@dataclass(frozen=True)
class Area:
    """How well something tells the groups apart.

    Args:
        words: the column, or `all other columns together`.
        value: cross-fitted AUC, the mean over the groups; NaN where it cannot be taken.
        error: its standard error.
        n: records behind it.
    """

    words: str
    value: float
    error: float
    n: int


@dataclass(frozen=True, eq=False)
class Clues:
    """What may give groups away in a table, and how its records are dealt to folds.

    Args:
        table: its modelled columns.
        coded: levels of these; shape (records, columns).
        sizes: how many levels each column has.
        places: columns that may serve as predictors.
        fold: of each record.
    """

    table: Table
    coded: NDArray[np.int64]
    sizes: list[int]
    places: list[int]
    fold: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        tables: Sequence[Table],
        groupings: Sequence[Grouping],
        target: str | None,
        rng: np.random.Generator,
    ) -> list[Clues]:
        """Clues in tables of one schema, the first of which decides the levels of numbers."""
        folds = [dealt(t.units, FOLDS, rng) for t in tables]
        tables = [t.modelled for t in tables]
        coded, sizes = levels(list(tables))
        protected = {name for g in groupings for name in g.columns}
        names = tables[0].schema.names
        places = [i for i, n in enumerate(names) if n not in protected and n != target]
        return [
            cls(table, own, sizes, places, fold)
            for table, own, fold in zip(tables, coded, folds, strict=True)
        ]

    def areas(self, grouping: Grouping, classes: Sequence[int]) -> list[Area]:
        """All other columns together, then each on its own, in the table's order."""
        codes = grouping.codes(self.table)
        kept = np.isin(codes, classes)
        # the rarer of two groups against the other is the other against it
        classes = classes[1:] if len(classes) == 2 else classes
        truth = np.stack([codes[kept] == g for g in classes], axis=1)
        fold, n = self.fold[kept], int(kept.sum())
        independent = as_people(self.table.units[kept])
        names = self.table.schema.names
        return [
            _area(ALL_TOGETHER, _tree_areas(self, kept, truth, fold), n, independent),
            *(
                _area(
                    names[i],
                    _level_areas(self.coded[kept, i], self.sizes[i], truth, fold),
                    n,
                    independent,
                )
                for i in self.places
            ),
        ]


def told_apart(grouping: Grouping, tables: Sequence[Table]) -> list[int]:
    """The groups to be told apart: the 5 largest of the first table, with 30 persons in each."""
    codes = [grouping.codes(t) for t in tables]
    counts = np.bincount(codes[0], minlength=len(grouping.labels))
    fewest = np.min([persons_in(own, t, len(counts)) for own, t in zip(codes, tables, strict=True)],
                    axis=0)  # fmt: skip
    return [int(g) for g in np.argsort(-counts, kind="stable")[:MAX_CLASSES]
            if fewest[g] >= ENOUGH and grouping.labels[g] != OTHERS]  # fmt: skip


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
    (clues,) = Clues.of([at_most(table, MAX_RECORDS, rng)], groupings, target, rng)
    results: list[Result] = []
    for grouping in groupings:
        if grouping.is_intersection:
            continue
        classes = told_apart(grouping, [clues.table])
        if len(classes) < 2 or not clues.places:
            results.append(no_proxies("proxy_auc", grouping, clues.table.num_rows))
            continue
        together, *single = clues.areas(grouping, classes)
        single.sort(key=lambda a: -np.nan_to_num(a.value))
        results += [
            proxy_figure(a, grouping, reference=0.5, seed=seed)
            for a in (together, *single[:LISTED])
        ]
    return results


def no_proxies(name: str, grouping: Grouping, records: int) -> Result:
    """The figure where a grouping has none."""
    needed = f"needs two groups of {ENOUGH} records and another column"
    none = no_figure(name, "bias", unit="AUC", n=records, method=needed)
    return none.model_copy(update={"column": grouping.name})


def proxy_words(area: Area) -> str:
    """What tells the groups apart, as reports name it."""
    return ALL_TOGETHER if area.words == ALL_TOGETHER else f"by {area.words}"


def proxy_figure(
    area: Area, grouping: Grouping, *, reference: float | None, seed: int, referring: str = ""
) -> Result:
    """`proxy_auc` of one area.

    Args:
        area: how well the groups are told apart.
        grouping: the groups.
        reference: what to set it beside.
        seed: of the report.
        referring: what the reference is, in words, where that is not chance.
    """
    words = proxy_words(area)
    if np.isnan(area.value):
        none = no_figure("proxy_auc", "bias", unit="AUC", n=area.n,
                         method="needs records of two groups in every fold")  # fmt: skip
        return none.model_copy(update={"column": grouping.name, "group": words})
    low = max(0.0, area.value - Z95 * area.error)
    return Result(
        name="proxy_auc",
        family="bias",
        column=grouping.name,
        group=words,
        value=area.value,
        ci_low=low,
        ci_high=min(1.0, area.value + Z95 * area.error),
        reference=reference,
        unit="AUC",
        n=area.n,
        method=(
            f"boosted trees, {FOLDS} folds, DeLong interval; protected columns and target apart"
            if words == ALL_TOGETHER
            else f"rates of the column's levels, {FOLDS} folds, DeLong interval"
        )
        + referring,
        seed=seed,
        status="attention" if low > STRONG else "ok",
    )


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


def _tree_areas(
    clues: Clues, kept: NDArray[np.bool_], truth: NDArray[np.bool_], fold: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """All other columns at once, by boosted trees."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    arrays, categorical = features([clues.table])
    records, categorical = arrays[0][kept][:, clues.places], categorical[clues.places]
    areas, variances = np.full((2, truth.shape[1], FOLDS), np.nan)
    for k in range(FOLDS):
        for c in range(truth.shape[1]):
            learn, own = truth[fold != k, c], truth[fold == k, c]
            if len(np.unique(learn)) < 2 or own.sum() < 2 or (~own).sum() < 2:
                continue
            model: Any = HistGradientBoostingClassifier(
                categorical_features=categorical, max_iter=50, random_state=0,
                early_stopping=False,
            )  # fmt: skip
            with one_thread():
                model.fit(learnable(records[fold != k], categorical), learn)
                guess = model.predict_proba(records[fold == k])[:, 1]
            areas[c, k], variances[c, k] = delong(guess[own], guess[~own])
    return areas, variances


def _area(words: str, found: tuple[Floats, Floats], n: int, independent: float) -> Area:
    """The mean over groups and folds; `independent` is what a record counts in its error."""
    areas, variances = found
    usable = ~np.isnan(areas)
    if not usable.any():
        return Area(words, float("nan"), float("nan"), n)
    # folds are independent; groups are not, so their errors add up in full
    by_class = [np.sqrt(variances[c, u].sum()) / u.sum() for c, u in enumerate(usable) if u.any()]
    error = float(np.mean(by_class) / np.sqrt(independent))
    return Area(words, float(areas[usable].mean()), error, n)
