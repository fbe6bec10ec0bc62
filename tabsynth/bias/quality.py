"""How well a model serves each group: rates of decisions and errors, ranking, calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

THRESHOLD: Final = 0.5
MEASURES: Final = {
    "selection_rate": "selection rate",
    "tpr": "true positive rate",
    "fpr": "false positive rate",
    "ppv": "precision",
    "auc": "AUC",
    "calibration": "calibration",
}
SHARES: Final = ("selection_rate", "tpr", "fpr", "ppv")
_AUC: Final = 4

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Quality:
    """Measures of one model for each group, and of redrawn test records.

    Args:
        values: shape (groups, measures), in the order of `MEASURES`; NaN where there is none.
        counts: how many records (or persons, where told) each rests on: for a true positive rate
            the positives, for an AUC the fewer of positives and negatives.
        drawn: the same as `values` for redrawn records, shape (draws, groups, measures).
    """

    values: Floats
    counts: Ints
    drawn: Floats


def quality(
    codes: Ints,
    groups: int,
    truth: Floats,
    guess: Floats,
    *,
    weights: Floats,
    owners: Ints | None = None,
) -> Quality:
    """Measure a model on test records, group by group.

    Args:
        codes: group of each record, shape (records,).
        groups: how many there are.
        truth: 1 for a favourable outcome, else 0.
        guess: predicted probability of it; from 0.5 on a record is selected.
        weights: how often each record comes in a redrawn table, shape (draws, records).
        owners: whose record it is; without, each is a person's own.

    Returns:
        Selection rate, true and false positive rate, precision and AUC within 0 and 1; calibration
        is the mean prediction minus the observed rate, 0 at best. Redrawn AUC are linear in the
        placements of records, as DeLong's variance is.

    Source: DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595, for the placements.
    """
    one = np.ones((1, len(codes)))
    values = np.full((groups, len(MEASURES)), np.nan)
    counts = np.zeros((groups, len(MEASURES)), np.int64)
    drawn = np.full((len(weights), groups, len(MEASURES)), np.nan)
    for g in range(groups):
        rows = np.flatnonzero(codes == g)
        if not len(rows):
            continue
        above, below, area = _parts(truth[rows], guess[rows])
        values[g] = _ratios(one[:, rows], above, below, area)[0]
        drawn[:, g] = _ratios(weights[:, rows], above, below, area)
        totals = below.sum(axis=0) if owners is None else _people(below, owners[rows])
        counts[g] = np.delete(totals, _AUC + 1)
        counts[g, _AUC] = min(totals[_AUC], totals[_AUC + 1])
    return Quality(values, counts, drawn)


def _people(below: Floats, owners: Ints) -> Floats:
    """How many persons have a record in each column."""
    place = np.unique(owners, return_inverse=True)[1]
    held = np.stack([np.bincount(place, column) > 0 for column in below.T], axis=1)
    people: Floats = held.sum(axis=0).astype(np.float64)
    return people


def _parts(truth: Floats, guess: Floats) -> tuple[Floats, Floats, float]:
    """Numerators and denominators of each record, and the AUC; it takes two columns of them."""
    chosen = (guess >= THRESHOLD).astype(np.float64)
    positive, negative = truth == 1, truth == 0
    placed = np.zeros((2, len(truth)))
    area = float("nan")
    if positive.any() and negative.any():
        # rank among all minus rank among its own: how many of the others lie below, ties half
        rank = rankdata(guess)
        placed[0, positive] = (rank[positive] - rankdata(guess[positive])) / negative.sum()
        placed[1, negative] = 1 - (rank[negative] - rankdata(guess[negative])) / positive.sum()
        area = float(placed[0, positive].mean())
    other, everyone = 1 - truth, np.ones(len(truth))
    above = (chosen, chosen * truth, chosen * other, chosen * truth, *placed, guess - truth)
    below = (everyone, truth, other, chosen, truth, other, everyone)
    return np.stack(above, axis=1), np.stack(below, axis=1), area


def _ratios(weights: Floats, above: Floats, below: Floats, area: float) -> Floats:
    over, under = weights @ above, weights @ below
    ratios = np.divide(over, under, out=np.full_like(over, np.nan), where=under > 0)
    ratios[:, _AUC] += ratios[:, _AUC + 1] - area
    result: Floats = np.delete(ratios, _AUC + 1, axis=1)
    return result
