"""What a private evaluation asks about real records.

All questions follow from public facts, the synthetic table among them: its quantiles cut the
columns, its shares are what counts are held against, and its records teach the model that is tried.
Few numbers are asked for, so that their noise is small: one for each column and pair of columns,
however many cells these have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import Codes
from tabsynth.learners import one_thread
from tabsynth.metrics.variation import column_sets
from tabsynth.privacy.domain import Domain, Groups
from tabsynth.privacy.noise import Integers
from tabsynth.privacy.private_table import Clique, PrivateTable

# cells of a column, missing apart; a number that so many records have is a cell of its own
CELLS: Final = 20
MAX_PAIRS: Final = 1000
# shares of the budget, of those questions that are asked
SHARES: Final = {"records": 0.1, "columns": 0.25, "pairs": 0.4, "target": 0.25}
# records that the model learns from, bins of its scores, and the grid of its coefficients
LEARNT: Final = 50_000
BINS: Final = 12
GRID: Final = 2**16

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cells:
    """A synthetic table in coarse cells that follow from it alone.

    Args:
        domain: fine cells.
        groups: per column the coarse cell of each fine cell.
        codes: per column the coarse cell of each record.
    """

    domain: Domain
    groups: tuple[Groups, ...]
    codes: tuple[Codes, ...]

    @classmethod
    def of(cls, domain: Domain, codes: Sequence[Codes]) -> Cells:
        """At most 20 cells a column, and one for missing.

        Categories are the most frequent ones, the others together; numbers are cut at quantiles,
        with spikes apart.

        Args:
            domain: what is publicly known; not coarsened.
            codes: per column the fine cell of each synthetic record, at least one.
        """
        groups = []
        for own, column, size, nullable in zip(
            codes, domain.codec.columns, domain.fine_sizes, domain.nullable, strict=True
        ):
            counts = np.bincount(own, minlength=size)[: size - nullable]
            merged = _quantiles(counts) if column.ordered else _frequent(counts)
            groups.append(np.append(merged, merged.max() + 1) if nullable else merged)
        coarse = (g[c].astype(np.int64) for g, c in zip(groups, codes, strict=True))
        return cls(domain, tuple(groups), tuple(coarse))

    @property
    def records(self) -> int:
        """How many synthetic records."""
        return len(self.codes[0])

    @property
    def sizes(self) -> tuple[int, ...]:
        """Coarse cells per column."""
        return tuple(int(g.max()) + 1 for g in self.groups)

    def shares(self, clique: Clique) -> Floats:
        """Of the cells of a set of columns, among the synthetic records; they add up to 1."""
        shape = tuple(self.sizes[j] for j in clique)
        cells = np.ravel_multi_index(tuple(self.codes[j] for j in clique), shape)
        return np.bincount(cells, minlength=math.prod(shape)).reshape(shape) / self.records


@dataclass(frozen=True)
class Trial:
    """A model that learnt a column from synthetic records, as public scores of cells.

    Args:
        target: the column's position.
        scores: per column, shape (cells, classes).
        cuts: per class, where its scores are cut.
        classes: of the target's cells; -1 for none.
        words: what is told apart.
    """

    target: int
    scores: tuple[Integers, ...]
    cuts: tuple[Integers, ...]
    classes: Integers
    words: str


@dataclass(frozen=True)
class Answers:
    """What was released, with the standard deviation of the noise in each number.

    Args:
        records: the number of records.
        columns: distances of columns, in records.
        pairs: distances of pairs, in records; empty where there are none.
        outcomes: of the trial, shape (classes, bins, 2); None without one.
    """

    records: tuple[float, float]
    columns: tuple[Floats, float]
    pairs: tuple[Floats, float]
    outcomes: tuple[Integers, float] | None


def chosen_pairs(cells: Cells, rng: np.random.Generator) -> list[Clique]:
    """All pairs of columns, or a thousand of them at random."""
    return list(column_sets(len(cells.sizes), 2, MAX_PAIRS, rng))


def ask(table: PrivateTable, cells: Cells, pairs: Sequence[Clique], trial: Trial | None) -> Answers:
    """Spend all that is left of the budget on the answers.

    Privacy: everything comes from answers of `table`, paid with what was left of its budget.
    """
    columns = [(j,) for j in range(len(cells.sizes))]
    asked = {"records", "columns", *(["pairs"] if pairs else []), *(["target"] if trial else [])}
    whole, parts = table.remaining, sum(share for k, share in SHARES.items() if k in asked)
    # the last question takes what rounding left
    rho = {k: whole * share / parts * (1 - 1e-12) for k, share in SHARES.items() if k in asked}
    (count,) = table.coarsened([np.zeros(k, np.int64) for k in table.domain.sizes]).marginals(
        [(0,)], rho=rho["records"], stage="number of records"
    )
    coarse = table.coarsened(cells.groups)
    number = max(1.0, float(count.counts[0]))

    def distances(sets: Sequence[Clique], kind: str) -> tuple[Floats, float]:
        wanted = [number * cells.shares(s) for s in sets]
        return coarse.distances(
            sets, wanted, rho=rho[kind], stage=f"distances of {kind}, in 1,024ths of a record"
        )

    return Answers(
        (float(count.counts[0]), count.sigma),
        distances(columns, "columns"),
        distances(pairs, "pairs") if pairs else (np.empty(0), 0.0),
        None if trial is None else coarse.outcomes(
            trial.scores, trial.cuts, target=trial.target, classes=trial.classes,
            rho=rho["target"], stage="outcomes of predictions",
        ),
    )  # fmt: skip


def learnt(cells: Cells, target: int, rng: np.random.Generator) -> Trial | None:
    """A logistic regression on the cells of the other columns, learnt from synthetic records.

    A number is predicted to lie above the synthetic table's median or not; of several categories
    each is told apart from the others.

    Args:
        cells: of the synthetic table.
        target: position of the column that is predicted.
        rng: draws the records to learn from, where there are more than 50,000.

    Returns:
        None where there is nothing to learn: no other column, or one class alone.
    """
    from scipy.sparse import csr_array
    from sklearn.linear_model import LogisticRegression

    classes, words = _classes(cells, target)
    some = rng.permutation(cells.records)[:LEARNT]
    labels = classes[cells.codes[target][some]]
    some, labels = some[labels >= 0], labels[labels >= 0]
    others = [j for j in range(len(cells.sizes)) if j != target]
    if not others or len(np.unique(labels)) < 2:
        return None
    starts = np.cumsum([0, *(cells.sizes[j] for j in others)])
    places = np.stack([starts[i] + cells.codes[j][some] for i, j in enumerate(others)], axis=1)
    rows = np.arange(len(some) + 1) * len(others)
    shape = (len(some), int(starts[-1]))
    features = csr_array((np.ones(places.size), places.ravel(), rows), shape)
    with one_thread():
        model: Any = LogisticRegression(max_iter=300).fit(features, labels)
    # of two classes the first is told apart, by the score against the second
    weights = -model.coef_ if len(model.classes_) == 2 else model.coef_
    scores = np.rint(GRID * (weights - weights.mean(axis=1, keepdims=True))).T.astype(np.int64)
    parts = [scores[starts[i] : starts[i + 1]] for i in range(len(others))]
    parts.insert(target, np.zeros((cells.sizes[target], scores.shape[1]), np.int64))
    totals = np.sum([p[c] for p, c in zip(parts, cells.codes, strict=True)], axis=0)
    inner = np.linspace(0, 1, BINS + 1)[1:-1]
    cuts = np.sort(np.rint(np.quantile(totals, inner, axis=0)).astype(np.int64), axis=0)
    known = np.where(np.isin(classes, model.classes_), np.searchsorted(model.classes_, classes), -2)
    # what the model never saw is among the others of every class
    known = np.where(classes == -1, -1, np.where(known == -2, len(model.classes_), known))
    return Trial(target, tuple(parts), tuple(cuts.T), known, words)


def _classes(cells: Cells, target: int) -> tuple[Integers, str]:
    """The class of each cell of a target, -1 for missing, and what they are."""
    size, nullable = cells.sizes[target], cells.domain.nullable[target]
    classes = np.arange(size)
    column = cells.domain.codec.columns[target]
    words = "each category against the others" if size - nullable > 2 else "two categories"
    if column.ordered:
        counts = np.bincount(cells.codes[target], minlength=size)[: size - nullable]
        below = np.cumsum(counts) - counts / 2 < counts.sum() / 2
        classes = np.append(np.where(below, 1, 0), [0] * nullable)
        words = "numbers above the synthetic table's median against those below"
    if nullable:
        classes[-1] = -1
    return classes.astype(np.int64), words


def _quantiles(counts: Integers) -> Groups:
    """Neighbouring cells together, up to a twentieth of the records; more frequent ones alone."""
    total = max(1, int(counts.sum()))
    place = np.floor(CELLS * (np.cumsum(counts) - counts / 2) / total)
    spike = counts >= total / CELLS
    starts = (np.diff(place) > 0) | spike[1:] | spike[:-1]
    return np.append(0, np.cumsum(starts)).astype(np.int64)


def _frequent(counts: Integers) -> Groups:
    """The most frequent categories each by itself, the others together in the last cell."""
    rank = np.empty(len(counts), np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return np.minimum(rank, CELLS - 1)
