"""Noisy answers as figures, each with the interval that the noise leaves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tabsynth.noisy_questions import Answers, Cells, Trial
from tabsynth.privacy.noise import Integers
from tabsynth.privacy.private_table import Clique
from tabsynth.report.model import Result

# quantiles of a normal: 99 % for the number of records and 96 % for a distance make 95 % for both
NUMBER_Z, DISTANCE_Z, AREA_Z = 2.576, 2.054, 1.960
# classes are tried where the noisy number of their records is so many standard deviations
STANDS_OUT: Final = 5.0
# an interval that covers so much of all possible values tells hardly anything
TELLS_NOTHING: Final = 0.25
LISTED: Final = 40
DISTANCES: Final = (
    "noisy distance of the real records' counts from the synthetic shares, in at most 20 cells a "
    "column that follow from the synthetic table; interval: of the noise alone; real against real: "
    "what chance would show at these sizes, were the shares right"
)
AREAS: Final = (
    "logistic regression on cells, learnt from synthetic records; noisy counts of real records in "
    "12 bins of its score tell the AUC for {words}; interval: of the noise alone"
)

Floats = NDArray[np.float64]


class Range(NamedTuple):
    """A figure and the ends of its 95 % interval; a value of None is hidden by the noise."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, value: float, low: float, high: float) -> Range:
        """Within 0 and 1; hidden where the interval covers a quarter of that."""
        value, low, high = (min(max(v, 0.0), 1.0) for v in (value, low, high))
        return HIDDEN if high - low >= TELLS_NOTHING else cls(value, low, high)


HIDDEN: Final = Range(None)


def results(
    cells: Cells, pairs: Sequence[Clique], trial: Trial | None, answers: Answers, *, seed: int
) -> list[Result]:
    """The figures: columns, pairs, and the trial where there was one.

    Args:
        cells: of the synthetic table.
        pairs: that were asked about.
        trial: that was made.
        answers: about the real records.
        seed: of the pairs and of the records that the trial's model learnt from.

    Privacy: post-processing of what was released.
    """
    columns = [(j,) for j in range(len(cells.sizes))]
    found = _distances(
        "noisy_univariate_tv", cells, columns, answers=answers.columns, records=answers.records
    )
    if pairs:
        found += _distances(
            "noisy_pairwise_tv", cells, pairs, answers=answers.pairs, records=answers.records
        )
    if trial is not None and answers.outcomes is not None:
        found.append(_shown(
            areas(*answers.outcomes), name="noisy_tstr", family="utility", better="higher",
            unit="AUC", column=cells.domain.names[trial.target], n=cells.records,
            method=AREAS.format(words=trial.words),
        ))  # fmt: skip
    return [r.model_copy(update={"seed": seed}) for r in found]


def number(records: tuple[float, float]) -> tuple[float, float, float] | None:
    """The noisy number of real records and its 99 % interval; None where the noise hides it."""
    value, sigma = records
    low, high = value - NUMBER_Z * sigma, value + NUMBER_Z * sigma
    return (value, low, high) if low >= 1 else None


def variation(distance: float, sigma: float, records: tuple[float, float]) -> Range:
    """Total variation from a noisy distance and a noisy number of records.

    The distance was taken from shares of the noisy number N' and not of the true one, N. The two
    differ by at most |N' - N|, as the shares add up to 1.

    Args:
        distance: in records.
        sigma: of the noise in it.
        records: the noisy number, and the standard deviation of its noise.
    """
    known = number(records)
    if known is None:
        return HIDDEN
    value, low, high = known
    off = DISTANCE_Z * sigma + (high - value)
    return Range.of(distance / (2 * value), max(0.0, distance - off) / (2 * high),
                    (distance + off) / (2 * low))  # fmt: skip


def by_chance(shares: Floats, synthetic: int, real: float) -> float:
    """About the total variation of two tables of these sizes that are drawn from these shares.

    In each cell the mean of |difference| is that of a normal, or where hardly a record is expected
    that of two coins.
    """
    spread = np.sqrt(2 / np.pi * shares * (1 - shares) * (1 / synthetic + 1 / real))
    return float(np.minimum(spread, 2 * shares * (1 - shares)).sum() / 2)


def areas(outcomes: Integers, sigma: float) -> Range:
    """Mean AUC over classes from noisy counts of scores.

    The area is a ratio of sums and products of counts; its interval is that of its first
    derivatives by each count.

    Args:
        outcomes: shape (classes, bins, 2): others and records of the class, by increasing score.
        sigma: of the noise in each count.
    """
    found = [_area(counts.astype(float), sigma) for counts in outcomes]
    known = [f for f in found if f is not None]
    if not known:
        return HIDDEN
    value = float(np.mean([v for v, _ in known]))
    error = AREA_Z * math.sqrt(sum(variance for _, variance in known)) / len(known)
    return Range.of(value, value - error, value + error)


def _area(counts: Floats, sigma: float) -> tuple[float, float] | None:
    """AUC of one class and the variance of its noise; None where too few records stand out."""
    others, own = counts.T
    least = STANDS_OUT * sigma * math.sqrt(len(counts))
    if others.sum() < least or own.sum() < least:
        return None
    below = (np.cumsum(others) - others / 2) / others.sum()
    above = (own.sum() - np.cumsum(own) + own / 2) / own.sum()
    value = float(own @ below / own.sum())
    slopes = (below - value) / own.sum(), (above - value) / others.sum()
    return value, float(sigma**2 * sum(s @ s for s in slopes))


def _distances(
    name: str,
    cells: Cells,
    sets: Sequence[Clique],
    *,
    answers: tuple[Floats, float],
    records: tuple[float, float],
) -> list[Result]:
    """The mean over sets of columns, and the sets themselves, the farthest first."""
    distances, sigma = answers
    known, names = number(records), cells.domain.names
    chance: list[float | None] = [
        None if known is None else by_chance(cells.shares(s), cells.records, known[0]) for s in sets
    ]
    means = [c for c in chance if c is not None]
    overall = variation(float(distances.mean()), sigma / math.sqrt(len(sets)), records)
    order = np.argsort(-distances, kind="stable")[: len(sets) if len(sets[0]) == 1 else LISTED]
    rows: list[tuple[Range, float | None, str | None]] = [
        (overall, float(np.mean(means)) if means else None, None)
    ]
    for k in order.tolist():
        label = " × ".join(names[j] for j in sets[k])
        rows.append((variation(float(distances[k]), sigma, records), chance[k], label))
    return [
        _shown(found, name=name, family="fidelity", better="lower", unit="total variation",
               column=label, n=cells.records, method=DISTANCES, reference=expected)
        for found, expected, label in rows
    ]  # fmt: skip


def _shown(found: Range, **more: Any) -> Result:
    """A result that can neither pass nor fail, or that says that it knows nothing."""
    status: Literal["uninformative", "diagnostic"] = (
        "uninformative" if found.value is None else "diagnostic"
    )
    return Result(value=found.value, ci_low=found.low, ci_high=found.high, status=status, **more)
