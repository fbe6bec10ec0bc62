"""Do more records of rare classes help to find them? What is tried, on records kept apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth import sampler
from tabsynth.attacks.neighbours import Space, nearest
from tabsynth.evaluator import no_warnings
from tabsynth.learners import features, one_thread
from tabsynth.matching import record_keys
from tabsynth.metrics.utility import ClassJudge
from tabsynth.modelfile import Fitted
from tabsynth.quotas import largest_remainder
from tabsynth.schema.columns import spelled_out
from tabsynth.table import Table
from tabsynth.threads import in_threads

NOTHING, WEIGHTS, OVERSAMPLING, SYNTHETIC = ARMS = (
    "nothing", "class weights", "oversampling", "synthetic records",
)  # fmt: skip
FIGURES: Final = ("pr_auc", "recall")
PRECISION: Final = 0.5
FOLDS: Final = 5
DRAWS: Final = 400
# by default, new records of a class per real one: more would say the same few people again
MOST_PER_REAL: Final = 10
# new records whose nearest real ones are looked for, per fold
LOOKED_AT: Final = 2000

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Classes:
    """The classes of a target.

    Args:
        target: the column.
        values: its classes, those of most records first.
        rare: positions among them of the classes that get more records.
        rows: how many in all, over the whole table; None for `MOST_PER_REAL` at most, and no more
            than the largest class has.
    """

    target: str
    values: tuple[Any, ...]
    rare: tuple[int, ...]
    rows: int | None = None

    def of(self, table: Table) -> Ints:
        """The class of each record; shape (records,)."""
        column = spelled_out(table.column(self.target))
        found = pc.index_in(column, value_set=pa.array(self.values, column.type))
        places: Ints = found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return places

    def more(self, places: Ints, *, share: float = 1.0) -> Ints:
        """How many records each rare class gets beside these.

        Args:
            places: classes of the records that are there.
            share: which part of the whole table they are.
        """
        counts = np.bincount(places[places >= 0], minlength=len(self.values))
        own = counts[list(self.rare)]
        wanted = np.minimum(MOST_PER_REAL * own, counts.max() - own)
        if self.rows is None:
            return np.asarray(wanted, np.int64)
        # a class as large as the largest, which was asked for by name, has no share of its own
        parts = np.where(wanted.sum() > 0, wanted, own).astype(np.float64)
        return largest_remainder(parts / parts.sum(), max(1, round(share * self.rows)))

    def draw(self, fitted: Fitted, more: Ints, *, seed: int) -> Table:
        """New records of the rare classes.

        Args:
            fitted: a model that knows the target.
            more: how many of each, as `more` says.
            seed: of the draw.
        """
        wanted = [self.values[c] for c, n in zip(self.rare, more, strict=True) for _ in range(n)]
        column = pa.array(wanted, pa.array(self.values).type)
        return sampler.sample(fitted, seed=seed, given=pa.table({self.target: column}))


@dataclass(frozen=True)
class Trial:
    """What came of it.

    Args:
        figures: average precision of a rare class, and the largest share of it found where half of
            those named are right. Shape (arms, figures, rare classes, 1 + DRAWS); the first is of
            the records, the others of bootstrap draws of them.
        closer: per fold, how much oftener than by chance a new record is nearer to a real record of
            the rare classes that was learnt from than to one that was not; 0 is chance, 1 always.
        copies: per fold, new records that are equal to one that was learnt from.
        met: the same of real records that were not learnt from.
        tested: records that were tested on, all folds together.
    """

    figures: Floats
    closer: Floats
    copies: Floats
    met: Floats
    tested: int

    def mean(self, arm: str, figure: str) -> Floats:
        """The figure over the rare classes; shape (1 + DRAWS,)."""
        of_classes = self.figures[ARMS.index(arm), FIGURES.index(figure)]
        mean: Floats = np.nanmean(of_classes, axis=0)
        return mean


@dataclass(frozen=True)
class _Fold:
    guesses: Mapping[str, Floats]
    closer: float
    copies: float
    met: float


def folds(places: Ints, units: NDArray[Any], *, seed: int) -> list[tuple[Ints, Ints]]:
    """Records to learn from and to test on, classes spread evenly; privacy units stay together.

    Args:
        places: class of each record.
        units: privacy unit of each.
        seed: of the shuffle.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    # classes of too few for a fold each are dealt out with the largest
    counts = np.bincount(places)
    places = np.where(counts[places] < FOLDS, counts.argmax(), places)
    if len(np.unique(units)) == len(units):
        made = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(places, places)
    else:
        apart = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
        made = apart.split(places, places, units)
    return [(np.asarray(learn), np.asarray(test)) for learn, test in made]


def tried(
    table: Table,
    classes: Classes,
    parts: Sequence[tuple[Ints, Ints]],
    fitted: Sequence[Fitted],
    *,
    seed: int,
) -> Trial:
    """Learn with each way of minding rare classes, and test on the records kept apart.

    Args:
        table: real records, each with a class.
        classes: of them.
        parts: as `folds` says.
        fitted: a model of what is learnt from in each.
        seed: of everything random.

    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13 (percentile
        intervals); draws are of test records, or of privacy units, paired over the arms.
    """
    places = classes.of(table)
    guesses = {arm: np.zeros((table.num_rows, len(classes.values))) for arm in ARMS}
    with no_warnings(), one_thread():
        done = in_threads(
            lambda k: _fold(table, classes, parts[k], fitted[k],
                            rng=np.random.default_rng([seed, k, *b"augment"])),
            range(len(parts)),
        )  # fmt: skip
    for (_, test), fold in zip(parts, done, strict=True):
        for arm in ARMS:
            guesses[arm][test] = fold.guesses[arm]
    rng = np.random.default_rng([seed, *b"augment draws"])
    figures = _figures(guesses, places, classes.rare, _draws(np.asarray(table.units), rng))
    closer, copies, met = (np.array([getattr(f, n) for f in done])
                           for n in ("closer", "copies", "met"))  # fmt: skip
    return Trial(figures, closer, copies, met, table.num_rows)


def _fold(
    table: Table,
    classes: Classes,
    part: tuple[Ints, Ints],
    fitted: Fitted,
    *,
    rng: np.random.Generator,
) -> _Fold:
    learn, test = (table.take(rows) for rows in part)
    own = classes.of(learn)
    more = classes.more(own, share=learn.num_rows / table.num_rows)
    drawn = classes.draw(fitted, more, seed=int(rng.integers(2**31)))
    again = np.concatenate(
        [rng.choice(np.flatnonzero(own == c), n) for c, n in zip(classes.rare, more, strict=True)]
    )
    tables = [t.modelled for t in (test, learn, drawn)]
    arrays, categorical = features(tables)
    column = tables[0].schema.names.index(classes.target)
    for array, one in zip(arrays, tables, strict=True):
        array[:, column] = classes.of(one)
    asked, others = np.delete(arrays[0], column, 1), np.delete(categorical, column)
    judge = ClassJudge(np.arange(len(classes.values), dtype=np.float64))
    weighing = ClassJudge(judge.classes, class_weight="balanced")
    guesses = {
        NOTHING: judge.learn(arrays[1], column, others, asked),
        WEIGHTS: weighing.learn(arrays[1], column, others, asked),
        OVERSAMPLING: judge.learn(
            np.concatenate([arrays[1], arrays[1][again]]), column, others, asked
        ),
        SYNTHETIC: judge.learn(np.concatenate(arrays[1:]), column, others, asked),
    }
    members, others_of = (
        t.take(np.flatnonzero(np.isin(classes.of(t), classes.rare))) for t in (learn, test)
    )
    keys = record_keys([t.modelled for t in (learn, others_of, drawn)])
    met, copies = (float(np.isin(k, keys[0]).mean()) for k in keys[1:])
    return _Fold(guesses, _closer(members, others_of, drawn, rng), copies, met)


def _closer(members: Table, others: Table, drawn: Table, rng: np.random.Generator) -> float:
    """By how much oftener than chance new records are nearer to members than to others."""
    size = min(members.num_rows, others.num_rows)
    space = Space.of([members, others])
    some = drawn.take(rng.permutation(drawn.num_rows)[:LOOKED_AT])
    asked = space.points(some)
    # as many of both, or members would be nearer by their number alone
    distances = [
        nearest(asked, space.points(t.take(rng.permutation(t.num_rows)[:size])), 1)[0][:, 0]
        for t in (members, others)
    ]
    share = np.mean(distances[0] < distances[1]) + np.mean(distances[0] == distances[1]) / 2
    return float(2 * share - 1)


def _draws(units: NDArray[Any], rng: np.random.Generator) -> Floats:
    """How often each record counts: once, and in bootstrap draws of units."""
    places = np.unique(units, return_inverse=True)[1]
    count = int(places.max()) + 1
    drawn = [np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(DRAWS)]
    return np.stack([np.ones(len(places)), *(d[places] for d in drawn)]).astype(np.float64)


def _figures(
    guesses: Mapping[str, Floats], places: Ints, rare: Sequence[int], draws: Floats
) -> Floats:
    found = np.empty((len(guesses), len(FIGURES), len(rare), len(draws)))
    for i, guess in enumerate(guesses.values()):
        for j, c in enumerate(rare):
            scores = guess[:, c]
            order = np.argsort(-scores, kind="stable")
            # records of one score are named together
            ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
            right = (places[order] == c).astype(np.float64)
            for k, weights in enumerate(draws):
                found[i, :, j, k] = _precision_and_recall(weights[order], right, ends)
    return found


def _precision_and_recall(weights: Floats, right: Floats, ends: Ints) -> tuple[float, float]:
    """Average precision, and the largest recall at a precision of `PRECISION` or more."""
    hits, named = np.cumsum(weights * right)[ends], np.cumsum(weights)[ends]
    if not hits[-1]:
        return np.nan, np.nan
    precision, recall = hits / np.maximum(named, 1e-9), hits / hits[-1]
    average = float(np.sum(np.diff(recall, prepend=0.0) * precision))
    return average, float(recall[(precision >= PRECISION) & (named > 0)].max(initial=0.0))
