"""What models trained on synthetic records do to groups, beside models trained on real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from tabsynth.bias.classifiers import LEARNERS
from tabsynth.bias.groups import ENOUGH, Grouping
from tabsynth.bias.outcome import Outcome
from tabsynth.bias.outcomes import INSUFFICIENT, LEVEL, NOTICEABLE
from tabsynth.bias.quality import MEASURES, SHARES, Quality, quality
from tabsynth.bias.rates import adjust
from tabsynth.comparison import Comparison, no_figure
from tabsynth.learners import features
from tabsynth.metrics.bias import real_groupings, real_outcome
from tabsynth.report.model import Result
from tabsynth.table import Table

MAX_TRAIN: Final = 10_000
MAX_TEST: Final = 20_000
MODELS: Final = 5
MIN_TEST: Final = 50
DRAWS: Final = 300
NAMES: Final = list(MEASURES)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Models:
    """Predictions for the test records by several models of one learner, shape (records,) each."""

    learner: str
    real: list[Floats]
    synthetic: list[Floats]


@dataclass(frozen=True, eq=False)
class _Side:
    """How the models trained on one kind of records serve the groups.

    Args:
        values: the mean over models, shape (groups, measures).
        counts: records behind each, the fewest of all models.
        drawn: the same as `values` for redrawn test records, each with one of the models; so it
            varies with the training too. Shape (draws, groups, measures).
    """

    values: Floats
    counts: Ints
    drawn: Floats

    @classmethod
    def of(cls, found: list[Quality], picks: Ints) -> _Side:
        return cls(
            np.mean([q.values for q in found], axis=0),
            np.min([q.counts for q in found], axis=0),
            np.stack([q.drawn for q in found])[picks, np.arange(len(picks))],
        )


@dataclass(frozen=True, eq=False)
class _Served:
    """How one learner serves the groups of one grouping, after synthetic and real training."""

    grouping: Grouping
    learner: str
    synthetic: _Side
    real: _Side
    tables: int

    @property
    def counts(self) -> Ints:
        return np.minimum(self.synthetic.counts, self.real.counts)


def downstream(comparison: Comparison) -> list[Result]:
    """How models trained on synthetic records serve groups of the holdout, beside real training.

    Boosted trees and logistic regression learn the favourable outcome from all other columns, five
    times each from equally many records drawn (with replacement) of train and of the synthetic
    table, or of as many tables as there are: one training more or less changes gaps too.

    Returns:
        `downstream_selection_rate`, `_tpr`, `_fpr`, `_ppv`, `_auc` and `_calibration` of every
        group of single protected columns; the reference is the model trained on real records.
        `downstream_gap`, the largest difference between groups, and `downstream_ratio`, the
        smallest ratio, with the same reference; `downstream_gap_change`, the gap after synthetic
        minus after real training, which deserves attention when above 0.05 and beyond chance.
        Nothing without protected columns or target.

    Raises:
        UsageError: a protected column or the target is not a modelled one.

    Privacy: reads real records; not differentially private.
    """
    groups = real_groupings(comparison)
    outcome = real_outcome(comparison)
    if outcome is None:
        return []
    rng = comparison.rng("downstream")
    made = (comparison.synthetic, *comparison.draws)[:MODELS]
    schema = comparison.train.schema.modelled
    known = [np.flatnonzero(~np.isnan(outcome.of(t)))
             for t in (comparison.holdout, comparison.train, *made)]  # fmt: skip
    size = min(MAX_TRAIN, *(len(rows) for rows in known[1:]))
    if len(known[0]) < MIN_TEST or size < MIN_TEST or len(schema.fields) < 2:
        needed = f"needs {MIN_TEST} records of each table with the target, and another column"
        return [no_figure("downstream_gap", "bias", unit="difference", n=len(known[0]),
                          method=needed)]  # fmt: skip
    test = comparison.holdout.take(np.sort(rng.permutation(known[0])[:MAX_TEST]))
    learn = [
        table.take(rng.choice(rows, size))
        for table, rows in (
            *((comparison.train, known[1]) for _ in range(MODELS)),
            *((made[k % len(made)], known[2 + k % len(made)]) for k in range(MODELS)),
        )
    ]
    models = _learn(test, learn, outcome)
    served = _serve(groups, models, test=test, truth=outcome.of(test), tables=len(made), rng=rng)
    results: list[Result] = []
    for part in served:
        results += [] if part.grouping.is_intersection else _group_figures(part, comparison.seed)
    return [*results, *_gap_figures(served, comparison.seed)]


def _serve(
    groupings: list[Grouping],
    models: list[_Models],
    *,
    test: Table,
    truth: Floats,
    tables: int,
    rng: np.random.Generator,
) -> list[_Served]:
    weights = _redrawn(test, rng)
    picks = rng.integers(0, MODELS, (2, DRAWS))
    served = []
    for grouping in groupings:
        codes, groups = grouping.codes(test), len(grouping.labels)
        for found in models:
            synthetic, real = (
                _Side.of(
                    [
                        quality(codes, groups, truth, g, weights=weights, owners=test.owners)
                        for g in guesses
                    ],
                    own,
                )
                for guesses, own in zip((found.synthetic, found.real), picks, strict=True)
            )
            served.append(_Served(grouping, found.learner, synthetic, real, tables))
    return served


def _learn(test: Table, learn: list[Table], outcome: Outcome) -> list[_Models]:
    """Models of both learners on each of the tables, the first half real; predictions for test."""
    arrays, categorical = features([t.modelled for t in (test, *learn)])
    column = test.schema.modelled.names.index(outcome.target)
    asked, *known = (np.delete(a, column, 1) for a in arrays)
    others = np.delete(categorical, column)
    found = []
    for name, learner in LEARNERS.items():
        guesses = [
            learner(own, outcome.of(table), asked, others)
            for own, table in zip(known, learn, strict=True)
        ]
        found.append(_Models(name, guesses[:MODELS], guesses[MODELS:]))
    return found


def _redrawn(test: Table, rng: np.random.Generator) -> Floats:
    """How often each test record comes in each bootstrap draw; people come with all records."""
    _, places = np.unique(test.units, return_inverse=True)
    people = int(places.max()) + 1
    counts = rng.multinomial(people, np.full(people, 1 / people), DRAWS)
    return counts[:, places].astype(np.float64)


def _group_figures(part: _Served, seed: int) -> list[Result]:
    results = []
    for g, label in enumerate(part.grouping.labels):
        for m, name in enumerate(NAMES):
            value, reference = float(part.synthetic.values[g, m]), float(part.real.values[g, m])
            if not np.isfinite(value + reference):
                continue
            low, high = _ends(part.synthetic.drawn[:, g, m], value)
            enough = part.counts[g, m] >= ENOUGH
            results.append(
                Result(
                    name=f"downstream_{name}",
                    family="bias",
                    column=part.grouping.name,
                    group=f"{label}, {part.learner}",
                    value=value,
                    ci_low=low,
                    ci_high=high,
                    reference=reference,
                    better="lower" if name == "fpr" else "higher",
                    unit="share" if name in SHARES else MEASURES[name],
                    n=int(part.counts[g, m]),
                    method=_method(part) if enough else INSUFFICIENT,
                    seed=seed,
                    status="ok" if enough else "uninformative",
                )
            )
    return results


def _gap_figures(served: list[_Served], seed: int) -> list[Result]:
    """Gaps and ratios of groups large enough, and how the gaps change, adjusted for all looks."""
    results: list[Result] = []
    changes: list[list[Result]] = []
    p: list[Floats] = []
    for part in served:
        own, chances = [], []
        for m, name in enumerate(NAMES):
            enough = np.flatnonzero(
                (part.counts[:, m] >= ENOUGH)
                & np.isfinite(part.synthetic.values[:, m] + part.real.values[:, m])
            )
            if len(enough) < 2:
                continue
            made = _Extremes.of(
                part.synthetic.values[enough, m], part.synthetic.drawn[:, enough, m]
            )
            real = _Extremes.of(part.real.values[enough, m], part.real.drawn[:, enough, m])
            n = int(part.counts[enough, m].sum())
            results += _spread_figures(part, name, (made, real), n=n, seed=seed)
            own.append(_change_figure(part, name, (made, real), n=n, seed=seed))
            error = float(np.nanstd(made.gaps - real.gaps))
            change = made.gap - real.gap
            chances.append(float(norm.sf(change / error)) if error > 0 else float(change <= 0))
        changes.append(own)
        p.append(np.array(chances))
    adjusted = adjust(p, [part.grouping.is_intersection for part in served])
    for own, chance in zip(changes, adjusted, strict=True):
        for result, one in zip(own, chance, strict=True):
            wider = one < LEVEL and (result.value or 0.0) > NOTICEABLE
            results.append(result.model_copy(update={"status": "attention" if wider else "ok"}))
    return results


@dataclass(frozen=True, eq=False)
class _Extremes:
    """The two groups furthest apart: their gap and ratio, as found and in redrawn records."""

    gap: float
    ratio: float
    gaps: Floats
    ratios: Floats

    @classmethod
    def of(cls, values: Floats, drawn: Floats) -> _Extremes:
        low, high = int(np.argmin(values)), int(np.argmax(values))
        top = float(values[high])
        lower, upper = drawn[:, low], drawn[:, high]
        ratios = np.divide(lower, upper, out=np.full_like(lower, np.nan), where=upper > 0)
        return cls(
            top - float(values[low]),
            float(values[low]) / top if top > 0 else float("nan"),
            upper - lower,
            ratios,
        )


def _spread_figures(
    part: _Served, name: str, found: tuple[_Extremes, _Extremes], *, n: int, seed: int
) -> list[Result]:
    made, real = found
    low, high = _ends(made.gaps, made.gap)
    gap = Result(
        name="downstream_gap",
        family="bias",
        column=part.grouping.name,
        group=f"{MEASURES[name]}, {part.learner}",
        value=made.gap,
        ci_low=low,
        ci_high=high,
        reference=real.gap,
        unit="difference",
        n=n,
        method=f"highest minus lowest group of {ENOUGH} records; {_method(part)}",
        seed=seed,
    )
    if name not in SHARES or not np.isfinite(made.ratio):
        return [gap]
    low, high = _ends(made.ratios, made.ratio)
    ratio = gap.model_copy(
        update={
            "name": "downstream_ratio",
            "value": made.ratio,
            "ci_low": low,
            "ci_high": high,
            "reference": real.ratio if np.isfinite(real.ratio) else None,
            "better": "higher",
            "unit": "ratio",
            "method": f"lowest over highest group of {ENOUGH} records; {_method(part)}",
        }
    )
    return [gap, ratio]


def _change_figure(
    part: _Served, name: str, found: tuple[_Extremes, _Extremes], *, n: int, seed: int
) -> Result:
    made, real = found
    value = made.gap - real.gap
    low, high = _ends(made.gaps - real.gaps, value)
    return Result(
        name="downstream_gap_change",
        family="bias",
        column=part.grouping.name,
        group=f"{MEASURES[name]}, {part.learner}",
        value=value,
        ci_low=low,
        ci_high=high,
        reference=0.0,
        unit="difference",
        n=n,
        method=f"gap after synthetic minus gap after real training, on the same redrawn records; "
        f"{_method(part)}; p-values by Holm, over intersections by Benjamini-Hochberg",
        seed=seed,
    )


def _ends(drawn: Floats, value: float) -> tuple[float, float]:
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return value, value
    low, high = np.quantile(known, [0.025, 0.975])
    return float(min(low, value)), float(max(high, value))


def _method(part: _Served) -> str:
    tables = f"{part.tables} synthetic tables" if part.tables > 1 else "the synthetic table"
    return (
        f"{part.learner}, {MODELS} models on redrawn records of {tables} and of train each, tested "
        f"on the holdout; {DRAWS} bootstrap draws over its records and the models"
    )
