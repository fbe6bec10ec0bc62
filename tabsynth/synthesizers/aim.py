"""Pairs and triples of columns, chosen where the model is wrong, under differential privacy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Annotated, ClassVar, Final

import numpy as np
from pydantic import Field as Setting

from tabsynth.encoding.codec import Codes
from tabsynth.errors import PrivacyError
from tabsynth.privacy.domain import Domain
from tabsynth.privacy.private_table import Measurement, PrivateTable
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.binning import Groups, coarse_groups
from tabsynth.synthesizers.clique_model import CliqueModel, assemble, tree_of_counts
from tabsynth.synthesizers.histograms import Histograms, measure_histograms
from tabsynth.synthesizers.junction import Clique, junction_cells
from tabsynth.synthesizers.mirror_descent import Fit, fit_marginals
from tabsynth.synthesizers.projection import Floats
from tabsynth.synthesizers.protocol import LAST, ModelState, Traits

# about so many rounds at the first noise; fewer when the noise is lowered on the way
ROUNDS: Final = 20
# columns per set that is chosen in one round, and the fewest sets in one
COLUMNS_PER_CHOICE: Final = 8
FEWEST: Final = 2
# share of a round's budget for its choices
CHOICE: Final = 0.1
# a coarse cell stands out when it holds so many standard deviations of the first noise
STANDS_OUT: Final = 3.0
# coarse cells of a column; with more, pairs of such columns are too large to be asked about, and at
# large budgets, where many cells stand out, the model learnt less than at small ones
MOST_CELLS: Final = 32
# mean absolute value of normal noise, in standard deviations
MEAN_NOISE: Final = math.sqrt(2 / math.pi)
# a set's weight by its columns: in how many triples it takes part, and how much of them it tells
WEIGHTS: Final = {1: 1.0, 2: 2.0, 3: 3.0}
# sets of more cells are not asked about; of more sets than that, a random part is
LARGEST: Final = 2**14
MOST_CANDIDATES: Final = 1000
MOST_COLUMNS: Final = 60
# records drawn from the model to say what it expects; a sampling error far below the noise
DRAWN: Final = 100_000
STEPS, LAST_STEPS = 40, 300


@dataclass(frozen=True)
class Aim:
    """Histograms, then rounds of choosing the sets the model explains worst and measuring them.

    Args:
        columns: share of the budget for every column in blocks.
        frequent: share for frequent values of columns of many cells.
        cells: most cells of the model's tables together.
        checkpoint: file that holds the answers so far until the model is written; a fit that was
            broken off goes on from it, and draws none of them again.
    """

    name: ClassVar[str] = "aim"
    summary: ClassVar[str] = "private: pairs and triples where they matter; slower, more faithful"
    traits: ClassVar[Traits] = Traits(
        cost="about a minute for 15 columns, whatever the number of records",
        categories="rare ones share a cell",
    )

    columns: Annotated[float, Setting(gt=0, lt=0.5)] = 0.1
    frequent: Annotated[float, Setting(gt=0, lt=0.3)] = 0.1
    cells: Annotated[int, Setting(ge=1000, le=10_000_000)] = 100_000
    checkpoint: str | None = field(default=None, metadata=LAST)

    def check(self, domain: Domain) -> None:
        """Refuse a domain that is too large.

        Raises:
            PrivacyError: more than 60 modelled columns.
        """
        if len(domain.names) > MOST_COLUMNS:
            raise PrivacyError(
                "schema",
                expected=f"at most {MOST_COLUMNS} modelled columns for aim",
                got=f"{len(domain.names):,}",
                remedy="use mst, or leave columns out (generator or free_text)",
            )

    def fit(self, data: PrivateTable, *, rng: np.random.Generator) -> CliqueModel:
        """Spend all that is left of the budget on histograms, choices, and what was chosen.

        Args:
            data: asked about fine cells.
            rng: draws from the model what it expects, and which sets are asked about where there
                are very many.

        Raises:
            PrivacyError: more than 60 modelled columns; nothing was spent.
            BudgetError: nothing is left.

        Privacy: everything comes from answers of `data`, paid with `data.remaining`; what follows
            them is post-processing.

        Source: McKenna, Mullins, Sheldon and Miklau (2022), AIM: an adaptive and iterative
            mechanism for differentially private synthetic data, algorithm 4,
            doi:10.14778/3551793.3551817; several choices a round and coarse cells are our own.
        """
        self.check(data.domain)
        rho = data.remaining
        histograms = measure_histograms(data, blocks=self.columns * rho, fine=self.frequent * rho)
        count = len(histograms.columns)
        at_once = max(FEWEST, count // COLUMNS_PER_CHOICE)
        each = data.remaining / (ROUNDS * at_once)
        groups = coarse_groups(histograms, least=STANDS_OUT * _sigma(each), most=MOST_CELLS)
        coarse = data.coarsened(
            [g[k.place] for g, k in zip(groups, histograms.columns, strict=True)]
        )
        rounds = _Rounds(
            coarse, _starts(histograms, groups), histograms.total, self.cells,
            at_once=at_once, rng=rng,
        )  # fmt: skip
        fit = rounds.run(each)
        chosen = {m.clique for m in rounds.measured if len(m.clique) > 1}
        words = f"Measured where the model was wrong: {len(chosen)} pairs and triples of columns."
        tree = tree_of_counts(coarse.domain.sizes, fit.cliques, fit.marginals)
        return assemble(histograms.codec(data.domain), histograms, groups, tree, words=words)

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> CliqueModel:
        """The model whose `state` this is.

        Raises:
            ValueError: parts that do not fit together.
        """
        return CliqueModel.restore(schema, state)


class _Rounds:
    """The rounds of one fit: what was measured so far, and the model of it."""

    def __init__(
        self,
        data: PrivateTable,
        measured: list[Measurement],
        total: float,
        cells: int,
        *,
        at_once: int,
        rng: np.random.Generator,
    ) -> None:
        self.measured = measured
        self._data, self._total, self._cells = data, total, cells
        self._at_once, self._rng = at_once, rng
        self._sizes = data.domain.sizes
        self._candidates = _candidates(self._sizes, rng)

    def run(self, each: float) -> Fit:
        """All rounds, at first `each` of rho per chosen set.

        A round that changed the model by less than its noise was too noisy: the next ones spend
        twice as much on each set.
        """
        fit = fit_marginals(self._sizes, self.measured, self._total, steps=STEPS)
        start = self._data.remaining
        last = False
        while not last:
            last = self._data.remaining < 2 * self._at_once * each
            if last:
                each = self._data.remaining / self._at_once
            spent = 1 - (self._data.remaining - self._at_once * each) / start
            chosen, expected = self._choose(fit, each, spent)
            rho = self._data.remaining if last else (1 - CHOICE) * each * len(chosen)
            new = self._data.marginals(chosen, rho=rho, stage="chosen columns")
            self.measured = [*self.measured, *new]
            fit = fit_marginals(self._sizes, self.measured, self._total, steps=STEPS, start=fit)
            if not any(_moved(fit, m, e) for m, e in zip(new, expected, strict=True)):
                each *= 2
        return fit_marginals(self._sizes, self.measured, self._total, steps=LAST_STEPS, start=fit)

    def _choose(self, fit: Fit, each: float, spent: float) -> tuple[list[Clique], list[Floats]]:
        """The sets that the model explains worst, and what it expects of them."""
        drawn = tree_of_counts(self._sizes, fit.cliques, fit.marginals).draw(DRAWN, rng=self._rng)
        have = [m.clique for m in self.measured]
        sigma = _sigma(each)
        # the model grows as the budget is spent
        most = self._cells * spent
        chosen: list[Clique] = []
        expected: dict[Clique, Floats] = {}
        for _ in range(self._at_once):
            known = [*have, *chosen]
            room = [
                c
                for c in self._candidates
                if c not in chosen
                and (c in have or junction_cells(self._sizes, [*known, c]) <= most)
            ]
            if not room:
                break
            for c in room:
                if c not in expected:
                    expected[c] = self._expected(drawn, c)
            place = self._data.select(
                room,
                [expected[c] for c in room],
                rho=CHOICE * each,
                penalties=[round(MEAN_NOISE * sigma * expected[c].size) for c in room],
                weights=[WEIGHTS[len(c)] for c in room],
                stage="choice of columns",
            )
            chosen.append(room[place])
        return chosen, [expected[c] for c in chosen]

    def _expected(self, drawn: Sequence[Codes], columns: Clique) -> Floats:
        shape = tuple(self._sizes[j] for j in columns)
        cells = np.ravel_multi_index(tuple(drawn[j] for j in columns), shape)
        counts = np.bincount(cells, minlength=math.prod(shape)).reshape(shape)
        return np.asarray(counts * (self._total / DRAWN), np.float64)


def _sigma(each: float) -> float:
    """Noise of a set that is measured with its share of a round's budget."""
    return math.sqrt(1 / (2 * each * (1 - CHOICE)))


def _starts(histograms: Histograms, groups: Sequence[Groups]) -> list[Measurement]:
    """What the histograms say of coarse cells, as measurements."""
    starts = []
    for j, (kept, group) in enumerate(zip(histograms.columns, groups, strict=True)):
        counts = np.rint(np.bincount(group, kept.counts)).astype(np.int64)
        sigma = float(np.sqrt(np.bincount(group, kept.variance)).mean())
        starts.append(Measurement((j,), counts, sigma))
    return starts


def _candidates(sizes: Sequence[int], rng: np.random.Generator) -> list[Clique]:
    """Every column, and pairs and triples of few cells: all, or a random part of very many."""
    columns = range(len(sizes))
    sets: list[Clique] = [(j,) for j in columns]
    for many in (2, 3):
        fit = [c for c in combinations(columns, many)
               if math.prod(sizes[j] for j in c) <= LARGEST]  # fmt: skip
        room = max(0, MOST_CANDIDATES - len(sets))
        if many == 2 and len(columns) > 3:
            room = max(room * 2 // 3, 1)
        if len(fit) > room:
            fit = [fit[k] for k in np.sort(rng.choice(len(fit), room, replace=False)).tolist()]
        sets += fit
    return sets


def _moved(fit: Fit, measured: Measurement, expected: Floats) -> bool:
    """Whether the model's counts of a set changed by more than noise would on average."""
    home = next(i for i, c in enumerate(fit.cliques) if set(measured.clique) <= set(c))
    drop = tuple(a for a, j in enumerate(fit.cliques[home]) if j not in measured.clique)
    change = float(np.abs(fit.marginals[home].sum(axis=drop) - expected).sum())
    return change > MEAN_NOISE * measured.sigma * expected.size
