"""The Gaussian copula from private measurements: margins, an order of categories, one matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting

from tabsynth.privacy.private_table import PrivateTable
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.clique_model import with_even
from tabsynth.synthesizers.correlation import correlation_of_moments
from tabsynth.synthesizers.counted import CountedModel
from tabsynth.synthesizers.gaussian_copula import GaussianCopula, GaussianCopulaModel
from tabsynth.synthesizers.histograms import Histograms, Kept, measure_histograms
from tabsynth.synthesizers.latent import LatentColumn
from tabsynth.synthesizers.margins import two_digits
from tabsynth.synthesizers.projection import Floats
from tabsynth.synthesizers.protocol import ModelState, Traits
from tabsynth.synthesizers.scaling import quantify

# whole numbers per standard deviation of a score, and the ball in root mean squares of its vectors
UNIT: Final = 1000
REACH: Final = 1.5
# the ball that a release allows is at most so large
LARGEST_BALL: Final = 2**15
# parts of an ordered column that say where a category belongs, and most such columns
PARTS: Final = 4
MOST_ANCHORS: Final = 12
# an order is taken from means that differ so many times more than by noise
CLEAR: Final = 3.0


@dataclass(frozen=True)
class PrivateGaussianCopula:
    """Private histograms joined by a private correlation of normal scores.

    Args:
        columns: share of the budget for every column in blocks.
        frequent: share for frequent values of columns of many cells.
        order: share for the order of categories that have none; the rest is for the correlation.
    """

    name: ClassVar[str] = "gaussian_copula"
    summary: ClassVar[str] = "private: margins and one correlation per pair; fast"
    traits: ClassVar[Traits] = Traits(
        cost="seconds for 50,000 records", categories="laid out along one scale"
    )

    columns: Annotated[float, Setting(gt=0, lt=0.5)] = 0.3
    frequent: Annotated[float, Setting(gt=0, lt=0.2)] = 0.12
    order: Annotated[float, Setting(gt=0, lt=0.3)] = 0.2

    def fit(self, data: PrivateTable, *, rng: np.random.Generator) -> CountedModel:
        """Spend the budget on histograms, the order of categories, and products of scores.

        Each record is mapped to scores by public tables, made from released histograms: never by
        its rank, which would move with every other record. Its vector is clipped to a ball.

        Args:
            data: asked about fine cells.
            rng: not used.

        Raises:
            BudgetError: nothing is left.

        Privacy: everything comes from answers of `data`, paid with `data.remaining`; what follows
            them is post-processing.

        Source: normal scores within cells as in `gaussian_copula`.
        """
        rho = data.remaining
        histograms = measure_histograms(data, blocks=self.columns * rho, fine=self.frequent * rho)
        kept = data.coarsened([k.place for k in histograms.columns])
        shares = [with_even(k.counts) for k in histograms.columns]
        first = [LatentColumn(np.arange(len(s)), s) for s in shares]
        orders = _orders(kept, histograms, first, rho=self.order * rho)
        columns = [LatentColumn(o, s[o]) for o, s in zip(orders, shares, strict=True)]
        correlation = _correlation(kept, columns, histograms.total)
        whole = [_with_missing(c, k) for c, k in zip(columns, histograms.columns, strict=True)]
        model = GaussianCopulaModel(histograms.codec(data.domain), tuple(whole), correlation)
        return CountedModel(model, two_digits(round(histograms.total)))

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> CountedModel:
        """The model whose `state` this is.

        Raises:
            ValueError: parts that do not fit together.
        """
        copula = GaussianCopula.restore(schema, state)
        if not isinstance(copula, GaussianCopulaModel):
            raise ValueError("expected a copula")
        return CountedModel(copula, int(state.settings["rows"]))


def _orders(
    data: PrivateTable, histograms: Histograms, columns: Sequence[LatentColumn], *, rho: float
) -> list[NDArray[np.int64]]:
    """The order of each column's cells along its scale.

    Cells without an order of their own are laid out by what goes with them: the direction in which
    their mean scores of ordered columns, in a few parts, differ most.
    """
    orders = [column.order for column in columns]
    ordered = [k.codec.ordered or len(k.counts) <= 2 for k in histograms.columns]
    loose = [j for j, known in enumerate(ordered) if not known]
    anchors = [j for j, known in enumerate(ordered) if known and len(columns[j].share) > 1]
    anchors = anchors[:MOST_ANCHORS]
    if not loose or not anchors:
        return orders
    groups = [
        _parts(columns[j].share) if j in anchors else np.arange(len(columns[j].share))
        for j in range(len(columns))
    ]
    pairs = [(min(j, a), max(j, a)) for j in loose for a in anchors]
    measured = data.coarsened(groups).marginals(pairs, rho=rho, stage="order of categories")
    for start, j in enumerate(loose):
        means, chance, counts = [], 0.0, histograms.columns[j].counts
        for m in measured[start * len(anchors) : (start + 1) * len(anchors)]:
            table = m.counts.astype(float) if m.clique[0] == j else m.counts.T.astype(float)
            anchor = m.clique[1] if m.clique[0] == j else m.clique[0]
            scores = _part_scores(columns[anchor], groups[anchor])
            noise = m.sigma * math.sqrt(float(scores @ scores))
            # shrunk to 0 where noise would tell it as well
            weight = counts / (counts**2 + noise**2 + counts)
            means.append((table @ scores) * weight)
            chance += float(columns[j].share @ (weight**2 * (noise**2 + counts)))
        found = np.column_stack(means)
        # what noise alone would show says nothing of an order
        if float(columns[j].share @ (found**2).sum(axis=1)) > CLEAR * chance:
            orders[j] = np.argsort(quantify(found, columns[j].share), kind="stable")
    return orders


def _parts(share: Floats) -> NDArray[np.int64]:
    """Neighbouring cells in a few parts of about equal shares."""
    middle = np.cumsum(share) - share / 2
    return np.unique((middle * PARTS).astype(np.int64), return_inverse=True)[1].astype(np.int64)


def _part_scores(column: LatentColumn, parts: NDArray[np.int64]) -> Floats:
    """Mean score of each part, in standard deviations."""
    sums = np.bincount(parts, column.share * column.scores[:-1])
    means = sums / np.bincount(parts, column.share)
    spread = math.sqrt(float(np.bincount(parts, column.share) @ means**2))
    return np.asarray(means / (spread or 1.0), np.float64)


def _correlation(data: PrivateTable, columns: Sequence[LatentColumn], total: float) -> Floats:
    """The latent correlation, from noisy sums of products of all records' scores."""
    d = len(columns)
    if d < 2:
        return np.eye(d)
    unit = min(UNIT, LARGEST_BALL / (REACH * math.sqrt(d)))
    radius = math.floor(REACH * math.sqrt(d) * unit)
    spreads = np.array([_spread(column) for column in columns])
    tables = [
        np.rint(column.scores[:-1] * (unit / (spread or 1.0))).astype(np.int64)
        for column, spread in zip(columns, spreads, strict=True)
    ]
    rho = data.remaining
    sums = data.second_moments(tables, radius=radius, rho=rho, stage="correlation", diagonal=False)
    moments = np.clip(sums / (total * unit**2), -1.0, 1.0) * np.outer(spreads, spreads)
    # the release's noise as if fewer records had been seen
    noise = radius**2 * math.sqrt((1 - 1 / d) / 2) / math.sqrt(2 * rho) / (total * unit**2)
    counts = np.full((d, d), 1 / (1 / total + noise**2))
    return correlation_of_moments(columns, moments, counts)


def _spread(column: LatentColumn) -> float:
    return math.sqrt(float(column.share_by_cell @ column.scores[:-1] ** 2))


def _with_missing(column: LatentColumn, kept: Kept) -> LatentColumn:
    """Missing as a cell that never comes, where the column must hold a value."""
    if len(column.share) == kept.codec.cells:
        return column
    order = np.append(column.order, len(column.order))
    return LatentColumn(order, np.append(column.share, 0.0))
