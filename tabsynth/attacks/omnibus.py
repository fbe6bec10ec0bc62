"""One test over many statistics of many membership scores, by permutation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

PERMUTATIONS: Final = 999
TOP: Final = (0.01, 0.02, 0.10)

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Suspects:
    """Members and controls in one list, with what the attacker can compute about each.

    Args:
        scores: higher for a likelier member; shape (records, scores).
        isolated: records far from everybody else; shape (records,).
        member: who is one, unknown to the attacker; shape (records,).
        units: equal for records of one person, counted from 0; shape (records,).
    """

    scores: Floats
    isolated: Flags
    member: Flags
    units: NDArray[np.int64]


def top_weights(scores: Floats, share: float) -> Floats:
    """1 for the highest scores, 0 for the others; records that tie at the edge share what is left.

    Args:
        scores: shape (records,).
        share: of the records to be taken.
    """
    size = share * len(scores)
    edge = np.sort(scores)[::-1][min(int(size), len(scores) - 1)] if len(scores) else 0.0
    above, level = scores > edge, scores == edge
    left = (size - above.sum()) / max(level.sum(), 1)
    weights: Floats = above + level * left
    return weights


def statistics(scores: Floats, isolated: Flags) -> Floats:
    """What each record adds to each statistic; a statistic is the sum over members.

    Returns:
        Shape (records, statistics): for every score, over all records and over the isolated ones,
        its rank and its membership of the top 1, 2 and 10 %, each less its mean.
    """
    columns = []
    for score in scores.T:
        for among in (np.ones(len(scores), bool), isolated):
            inside = score[among]
            parts = [rankdata(inside), *(top_weights(inside, share) for share in TOP)]
            for part in parts:
                column = np.zeros(len(scores))
                column[among] = part - part.mean() if len(part) else 0.0
                columns.append(column)
    return np.column_stack(columns)


class Permutations:
    """The greatest standardised statistic when membership is dealt out at random.

    Whole units are dealt, as many to the controls as there are; so a person's records stay
    together.

    Args:
        suspects: whom to deal.
        rng: of the deals.

    Source: Westfall and Young (1993), Resampling-Based Multiple Testing (the maximum statistic).
    """

    def __init__(self, suspects: Suspects, rng: np.random.Generator) -> None:
        self.units = suspects.units
        self.size = int(suspects.units.max(initial=-1)) + 1
        control = np.ones(self.size, bool)
        control[suspects.units[suspects.member]] = False
        self.controls = int(control.sum())
        table = statistics(suspects.scores, suspects.isolated)
        self.observed = self.greatest(table, control)
        deals = [self.deal(rng) for _ in range(PERMUTATIONS)]
        sums = self._per_unit(table)
        self.null = np.array([self._greatest(sums, d) for d in deals])

    def deal(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Units that are controls in a random deal."""
        return rng.choice(self.size, self.controls, replace=False, shuffle=False)

    def greatest(self, table: Floats, controls: Flags | NDArray[np.int64]) -> float:
        """The greatest standardised statistic when these units are the controls."""
        return self._greatest(self._per_unit(table), controls)

    def p_value(self, greatest: float) -> float:
        """Share of deals, the real one among them, that reach at least this."""
        # sums in another order differ in the last bits
        reached = np.count_nonzero(self.null >= greatest - 1e-9)
        return float(1 + reached) / (1 + len(self.null))

    def _per_unit(self, table: Floats) -> Floats:
        if self.size == len(table):
            return table[np.argsort(self.units)]
        return np.column_stack(
            [np.bincount(self.units, column, minlength=self.size) for column in table.T]
        )

    def _greatest(self, sums: Floats, controls: Flags | NDArray[np.int64]) -> float:
        mean, spread = sums.mean(axis=0), sums.std(axis=0, ddof=1)
        n = self.controls
        error = spread * np.sqrt(n * (1 - n / self.size))
        found = n * mean - sums[controls].sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            standard = np.where(error > 0, found / error, 0.0)
        return float(standard.max(initial=0.0))
