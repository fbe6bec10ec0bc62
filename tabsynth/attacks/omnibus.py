"""One test over many statistics of many membership scores, by permutation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

PERMUTATIONS: Final = 999
TOP: Final = (0.005, 0.01, 0.02, 0.10)

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

    def one_of_each_unit(self, rng: np.random.Generator) -> Suspects:
        """One record of each person, at random: records of one person are no independent trials."""
        order = rng.permutation(len(self.units))
        rows = np.sort(order[np.unique(self.units[order], return_index=True)[1]])
        return Suspects(self.scores[rows], self.isolated[rows], self.member[rows], self.units[rows])


def top_weights(ranks: Floats, share: float) -> Floats:
    """1 for the highest ranks, 0 for the others; records that tie at the edge share what is left.

    Args:
        ranks: of scores, shape (records,); equal scores have equal ranks, the mean of their places.
        share: of the records to be taken.
    """
    size = share * len(ranks)
    # a rank is the middle of the places, counted from the top, that its ties take together
    from_top = len(ranks) - ranks
    ties = _times(ranks)
    weights: Floats = np.clip((size - (from_top - ties / 2 + 0.5)) / ties, 0, 1)
    return weights


def mean_ranks(scores: Floats) -> Floats:
    """Ranks from 1, ties having the mean of their places; shape (records,)."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ends = np.concatenate([starts[1:], [len(scores)]])
    ranks = np.empty(len(scores))
    ranks[order] = np.repeat((starts + ends + 1) / 2, ends - starts)
    return ranks


def _times(ranks: Floats) -> Floats:
    """How many records have each record's rank."""
    # mean ranks are halves of whole numbers
    doubled = (2 * ranks).astype(np.int64)
    times: Floats = np.bincount(doubled)[doubled].astype(float)
    return times


def statistics(scores: Floats, isolated: Flags) -> Floats:
    """What each record adds to each statistic; a statistic is the sum over members.

    Returns:
        Shape (records, statistics): for every score, over all records and over the isolated ones,
        its rank and its membership of the top 0.5, 1, 2 and 10 %, each less its mean.
    """
    columns = []
    for score in scores.T:
        for among in (np.ones(len(scores), bool), isolated):
            ranks = mean_ranks(score[among]) if among.any() else np.zeros(0)
            for part in (ranks, *(top_weights(ranks, share) for share in TOP)):
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
        sums = self._standard(statistics(suspects.scores, suspects.isolated))
        self.observed = _greatest(sums, np.flatnonzero(control))
        self.null = np.array([_greatest(sums, self.deal(rng)) for _ in range(PERMUTATIONS)])

    def deal(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Units that are controls in a random deal."""
        return rng.choice(self.size, self.controls, replace=False, shuffle=False)

    def greatest(self, table: Floats, controls: NDArray[np.int64]) -> float:
        """The greatest standardised statistic when these units are the controls."""
        return _greatest(self._standard(table), controls)

    def p_value(self, greatest: float) -> float:
        """Share of deals, the real one among them, that reach at least this."""
        # sums in another order differ in the last bits
        reached = np.count_nonzero(self.null >= greatest - 1e-9)
        return float(1 + reached) / (1 + len(self.null))

    def _standard(self, table: Floats) -> Floats:
        """Statistics by unit, scaled so that sums over random controls have variance 1."""
        sums = table
        if not np.array_equal(self.units, np.arange(len(table))):
            columns = [np.bincount(self.units, c, minlength=self.size) for c in table.T]
            sums = np.column_stack(columns)
        sums = sums - sums.mean(axis=0)
        spread = np.sqrt((sums**2).sum(axis=0) / max(self.size - 1, 1))
        error = spread * np.sqrt(self.controls * (1 - self.controls / self.size))
        # a statistic that nobody differs in says nothing
        standard: Floats = sums / np.where(error > 1e-12, error, np.inf)
        return standard


def _greatest(standard: Floats, controls: NDArray[np.int64]) -> float:
    # what the controls lack, the members have
    return float(-standard[controls].sum(axis=0).min(initial=0.0))
