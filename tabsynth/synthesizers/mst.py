"""A tree of pairs of columns, measured under differential privacy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar, Final

import numpy as np
from pydantic import Field as Setting

from tabsynth.privacy.private_table import Measurement, PrivateTable
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.binning import Groups, coarse_groups
from tabsynth.synthesizers.clique_model import CliqueModel, assemble, tree_of_counts
from tabsynth.synthesizers.clique_tree import CliqueTree
from tabsynth.synthesizers.histograms import Histograms, Kept, measure_histograms
from tabsynth.synthesizers.projection import Floats, to_margins, to_total
from tabsynth.synthesizers.protocol import ModelState, Traits

Pair = tuple[int, int]

# a pair's price per cell, in standard deviations of its noise, and the least in shares of the
# records: pairs of few cells are preferred, so that an outcome meets more columns directly
PRICE: Final = 1.6
LEAST_PRICE: Final = 1 / 900
# a coarse cell stands out when it holds so many standard deviations of a pair's noise
STANDS_OUT: Final = 3.0
# beyond so many pairs, a random part of them is asked about
MOST_PAIRS: Final = 600


@dataclass(frozen=True)
class Mst:
    """One-way histograms, and a spanning tree of pairs that are chosen and measured privately.

    Args:
        columns: share of the budget for every column in blocks.
        frequent: share for frequent values of columns of many cells.
        choice: share for choosing pairs; the rest measures them.
    """

    name: ClassVar[str] = "mst"
    summary: ClassVar[str] = "private: a tree of pairs of columns; seconds, exact conditions"
    traits: ClassVar[Traits] = Traits(
        cost="seconds for 50,000 records", categories="rare ones share a cell"
    )

    columns: Annotated[float, Setting(gt=0, lt=0.5)] = 0.14
    frequent: Annotated[float, Setting(gt=0, lt=0.3)] = 0.12
    choice: Annotated[float, Setting(gt=0, lt=0.15)] = 0.05

    def fit(self, data: PrivateTable, *, rng: np.random.Generator) -> CliqueModel:
        """Spend all that is left of the budget on histograms, a choice of pairs, and the pairs.

        Args:
            data: asked about fine cells.
            rng: picks the pairs that are asked about where there are very many.

        Raises:
            BudgetError: nothing is left.

        Privacy: everything comes from answers of `data`, paid with `data.remaining`; what follows
            them is post-processing.

        Source: McKenna, Miklau and Sheldon (2021), Winning the NIST contest, algorithm 2,
            doi:10.29012/jpc.778; cells, prices and inference are our own.
        """
        rho = data.remaining
        histograms = measure_histograms(data, blocks=self.columns * rho, fine=self.frequent * rho)
        count = len(histograms.columns)
        left = (1 - self.columns - self.frequent - self.choice) * rho
        sigma = math.sqrt(max(count - 1, 1) / (2 * left))
        groups = coarse_groups(histograms, least=STANDS_OUT * sigma)
        coarse = data.coarsened(
            [g[k.place] for g, k in zip(groups, histograms.columns, strict=True)]
        )
        start = [
            np.bincount(g, k.counts).astype(float)
            for g, k in zip(groups, histograms.columns, strict=True)
        ]
        pairs = _choose(coarse, start, sigma=sigma, rho=self.choice * rho, rng=rng)
        asked = [tuple(pair) for pair in pairs] or [(0,)]
        measured = coarse.marginals(asked, rho=data.remaining, stage="pairs")
        margins = _margins(histograms, groups, measured)
        tree = _tree(margins, [m for m in measured if len(m.clique) > 1])
        words = f"A tree of {len(pairs)} pairs of columns; nothing about three columns beyond it."
        return assemble(histograms.codec(data.domain), histograms, groups, tree, words=words)

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> CliqueModel:
        """The model whose `state` this is.

        Raises:
            ValueError: parts that do not fit together.
        """
        return CliqueModel.restore(schema, state)


def _choose(
    data: PrivateTable,
    start: Sequence[Floats],
    *,
    sigma: float,
    rho: float,
    rng: np.random.Generator,
) -> list[Pair]:
    """Pairs that join all columns without a circle, each chosen for how far it is from independent.

    Kruskal's algorithm with the exponential mechanism in place of the maximum.
    """
    total = float(start[0].sum())
    each = max(PRICE * sigma, LEAST_PRICE * total)
    candidates = _candidates(len(start), rng)
    part = list(range(len(start)))
    chosen: list[Pair] = []
    while len(chosen) < len(start) - 1:
        candidates = [(i, j) for i, j in candidates if part[i] != part[j]]
        estimates = [np.outer(start[i], start[j]) / total for i, j in candidates]
        best = data.select(
            candidates,
            estimates,
            rho=rho / (len(start) - 1),
            penalties=[round(each * estimate.size) for estimate in estimates],
            stage="choice of pairs",
        )
        i, j = candidates[best]
        chosen.append((i, j))
        part = [part[i] if p == part[j] else p for p in part]
    return chosen


def _candidates(count: int, rng: np.random.Generator) -> list[Pair]:
    """All pairs, or a random part of them that joins all columns."""
    every = [(i, j) for i in range(count) for j in range(i + 1, count)]
    if len(every) <= MOST_PAIRS:
        return every
    order = rng.permutation(count).tolist()
    path = {(min(i, j), max(i, j)) for i, j in pairwise(order)}
    more = rng.choice(len(every), MOST_PAIRS, replace=False).tolist()
    return sorted(path | {every[k] for k in more})


def _margins(
    histograms: Histograms, groups: Sequence[Groups], measured: Sequence[Measurement]
) -> list[Floats]:
    """Counts of each column's groups, from all that was measured about them.

    Estimates are weighted by how sure they are, then brought to the total.
    """
    margins = []
    for j, (kept, group) in enumerate(zip(histograms.columns, groups, strict=True)):
        weight, weighted = _from_histogram(kept, group)
        for m in measured:
            if j in m.clique:
                others = tuple(a for a, k in enumerate(m.clique) if k != j)
                sure = m.counts.shape[m.clique.index(j)] / (m.sigma**2 * m.counts.size)
                weight = weight + sure
                weighted = weighted + sure * m.counts.sum(axis=others)
        margins.append(to_total(weighted / weight, histograms.total))
    return margins


def _from_histogram(kept: Kept, group: Groups) -> tuple[Floats, Floats]:
    """How sure a column's own histogram is of its groups, and its counts times that."""
    sure = 1 / np.bincount(group, kept.variance)
    return sure, sure * np.bincount(group, kept.counts)


def _tree(margins: Sequence[Floats], measured: Sequence[Measurement]) -> CliqueTree:
    """The pairs as a tree, each table brought to its columns' margins."""
    sizes = [len(margin) for margin in margins]
    if not measured:
        return tree_of_counts(sizes, [(j,) for j in range(len(sizes))], margins)
    waiting = list(measured)
    seen = set(waiting[0].clique[:1])
    cliques, tables = [], []
    while waiting:
        # every pair after the first has one column in common with those before it
        m = next(m for m in waiting if seen & set(m.clique))
        waiting.remove(m)
        cliques.append(m.clique)
        tables.append(to_margins(m.counts.astype(float), *(margins[j] for j in m.clique)))
        seen |= set(m.clique)
    return tree_of_counts(sizes, cliques, tables)
