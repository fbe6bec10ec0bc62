"""Rates of groups: counts, intervals, ratios, and the largest gap beside chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr

from tabsynth.bias.groups import ENOUGH

DRAWS: Final = 2000
PERMUTATIONS: Final = 999
MOST_PERMUTATIONS: Final = 20_000
PRIOR: Final = 0.5
FOUR_FIFTHS: Final = 0.8
# a group too small to be the yardstick of the others, 29 CFR 1607.4
YARDSTICK_SHARE: Final = 0.02
# among more, the most favoured is so by chance as well
FEW_GROUPS: Final = 20

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Tally:
    """Records and favourable outcomes of groups.

    Args:
        counts: records per group with a known outcome, shape (groups,).
        hits: how many of them are favourable.
        units: privacy units among them.
        alone: as many records as are independent, on which intervals rest: those of one person are
            taken for alike, and where persons have unequally many, the largest count most. Without
            it, one for each unit.
    """

    counts: Ints
    hits: Ints
    units: Ints
    alone: Floats | None = None

    @property
    def independent(self) -> Floats:
        """How many independent records each group is worth."""
        known: Floats = np.asarray(self.units if self.alone is None else self.alone, np.float64)
        return known

    @property
    def rates(self) -> Floats:
        """Share of favourable outcomes, NaN for a group without records."""
        known = np.maximum(self.counts, 1)
        return np.where(self.counts > 0, self.hits / known, np.nan)

    @property
    def enough(self) -> NDArray[np.bool_]:
        """Groups large enough for a figure to say something: 30 records (or privacy units)."""
        return self.units >= ENOUGH

    @property
    def yardstick(self) -> int | None:
        """The most favoured group that is large enough to measure others by; None without one.

        Large enough is 30 records and 2 % of all.
        """
        fit = self.fit
        return int(np.argmax(np.where(fit, self.rates, -1.0))) if fit.any() else None

    @property
    def fit(self) -> NDArray[np.bool_]:
        """Groups that are large enough to measure others by."""
        enough = self.enough & (self.counts >= YARDSTICK_SHARE * self.counts.sum())
        fit: NDArray[np.bool_] = enough & (self.hits > 0)
        return fit

    @property
    def highest(self) -> float:
        """The rate of the yardstick; of more than 20 groups, less what is chance in the highest.

        Source: Efron and Morris (1975), doi:10.1080/01621459.1975.10479864 (towards the mean).
        """
        rates, best = self.rates[self.fit], self.yardstick
        if best is None or len(rates) <= FEW_GROUPS:
            return float("nan") if best is None else float(self.rates[best])
        mean = float(self.hits[self.fit].sum() / self.counts[self.fit].sum())
        noise = mean * (1 - mean) / self.independent
        spread = max(0.0, float(np.var(rates, ddof=1) - noise[self.fit].mean()))
        kept = spread / (spread + noise[best]) if spread + noise[best] > 0 else 1.0
        return float(mean + kept * (self.rates[best] - mean))

    @property
    def _beta(self) -> tuple[Floats, Floats]:
        rates = np.nan_to_num(self.rates)
        return rates * self.independent + PRIOR, (1 - rates) * self.independent + PRIOR

    def intervals(self) -> tuple[Floats, Floats]:
        """95 % intervals of the rates: the Dirichlet-multinomial posterior of two outcomes.

        Source: Jeffreys (1946); Brown, Cai and DasGupta (2001), doi:10.1214/ss/1009213286.
        """
        a, b = self._beta
        rates = np.nan_to_num(self.rates, nan=0.5)
        low = np.where(self.hits == 0, 0.0, betaincinv(a, b, 0.025))
        high = np.where(self.hits == self.counts, 1.0, betaincinv(a, b, 0.975))
        return np.minimum(low, rates), np.maximum(high, rates)

    def draws(self, rng: np.random.Generator) -> Floats:
        """Rates drawn from their posterior, shape (draws, groups)."""
        a, b = self._beta
        return rng.beta(a, b, (DRAWS, len(a)))


def tally(codes: Ints, groups: int, outcome: Floats, units: Ints | None = None) -> Tally:
    """Count records, favourable outcomes and privacy units by group.

    Args:
        codes: group of each record.
        groups: how many there are.
        outcome: 1, 0 or NaN for each record; what is missing is not counted.
        units: privacy unit of each record; without, every record stands alone.

    Source: Kish (1965), Survey Sampling, 8.2 (the effective number of clusters of unequal size).
    """
    known = ~np.isnan(outcome)
    counts = np.bincount(codes[known], minlength=groups)
    hits = np.bincount(codes[known], outcome[known], minlength=groups)
    hit = np.rint(hits).astype(np.int64)
    if units is None:
        return Tally(counts, hit, counts)
    own = np.stack([codes[known], units[known]])
    pairs, times = np.unique(own, axis=1, return_counts=True)
    people = np.bincount(pairs[0], minlength=groups)
    squares = np.bincount(pairs[0], times.astype(np.float64) ** 2, minlength=groups)
    return Tally(counts, hit, people, counts.astype(np.float64) ** 2 / np.maximum(squares, 1))


@dataclass(frozen=True)
class Impact:
    """Rates over that of the yardstick group, with intervals and one-sided p-values.

    Args:
        yardstick: the group that others are measured by.
        ratios: rate over its rate, shape (groups,).
        low: lower ends of 95 % intervals.
        high: upper ends.
        below: p-values of the ratio being four fifths or more.
    """

    yardstick: int
    ratios: Floats
    low: Floats
    high: Floats
    below: Floats


def impact(
    found: Tally, rng: np.random.Generator, *, yardstick: int | None = None
) -> Impact | None:
    """Impact ratios against one group; None without a group to measure by.

    Args:
        found: rates of the groups.
        rng: for the intervals.
        yardstick: the group to measure by, the most favoured by default.

    Source: Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.4 (1978), for four
        fifths of the rate of the most favoured group.
    """
    best = found.yardstick if yardstick is None else yardstick
    if best is None or found.hits[best] == 0:
        return None
    drawn = found.draws(rng)
    ratios = np.nan_to_num(found.rates) / found.rates[best]
    low, high = np.quantile(drawn / drawn[:, [best]], [0.025, 0.975], axis=0)
    # a little prior in the variance, or a group without a hit would seem certain
    a, b = found._beta
    variance = a * b / (a + b) ** 3
    error = np.sqrt(variance + FOUR_FIFTHS**2 * variance[best])
    top = found.highest if yardstick is None else found.rates[best]
    below = ndtr((a / (a + b) - FOUR_FIFTHS * top) / error)
    return Impact(best, ratios, np.minimum(low, ratios), np.maximum(high, ratios), below)


@dataclass(frozen=True)
class Gap:
    """The largest difference between groups, its interval, and what chance gives.

    Args:
        value: highest minus lowest rate among groups large enough.
        low: lower end of the 95 % interval.
        high: upper end.
        chance: the gap that 95 % of random groupings stay below.
        p: share of random groupings with a gap as large.
        highest: the group with the highest rate.
        lowest: the one with the lowest.
    """

    value: float
    low: float
    high: float
    chance: float
    p: float
    highest: int
    lowest: int


def gap(found: Tally, rng: np.random.Generator, *, looks: int = 1) -> Gap | None:
    """The largest gap beside its permutation null; None with fewer than two groups of 30.

    Outcomes are permuted over records; the counts of hits by group are then multivariate
    hypergeometric, and are drawn as such. With several records per privacy unit, so many stand for
    them as are independent.

    Args:
        found: rates of the groups.
        rng: for permutations and the interval.
        looks: figures whose p-values are adjusted together; where no permutation comes near, there
            are so many more of them that the adjusted p-value can be small.
    """
    enough = np.flatnonzero(found.enough)
    if len(enough) < 2:
        return None
    rates = found.rates[enough]
    units = np.maximum(np.rint(found.independent[enough]), 1).astype(np.int64)
    hits = round(float(np.sum(rates * units)))
    value = float(np.ptp(rates))
    null = _shuffled_gaps(units, hits, PERMUTATIONS, rng)
    more = min(40 * looks, MOST_PERMUTATIONS) - PERMUTATIONS
    if more > 0 and null.max() < value:
        null = np.append(null, _shuffled_gaps(units, hits, more, rng))
    order = np.argsort(rates, kind="stable")
    # the two ends are drawn as they were found; the largest of redrawn rates would be biased
    drawn = found.draws(rng)[:, enough[order[[0, -1]]]]
    low, high = np.quantile(drawn[:, 1] - drawn[:, 0], [0.025, 0.975])
    return Gap(
        value=value,
        low=float(np.clip(low, 0, value)),
        high=float(np.clip(high, value, 1)),
        chance=float(np.quantile(null, 0.95)),
        p=float((1 + np.count_nonzero(null >= value - 1e-12)) / (1 + len(null))),
        highest=int(enough[order[-1]]),
        lowest=int(enough[order[0]]),
    )


def _shuffled_gaps(units: Ints, hits: int, times: int, rng: np.random.Generator) -> Floats:
    shuffled = rng.multivariate_hypergeometric(units, hits, times, method="marginals")
    gaps: Floats = np.ptp(shuffled / units, axis=1)
    return gaps


def shares(counts: Floats | Ints) -> tuple[Floats, Floats, Floats]:
    """Shares of groups with 95 % intervals of their Dirichlet posterior.

    Args:
        counts: records (or privacy units) per group, whole or not.

    Returns:
        Shares, lower and upper ends, shape (groups,).
    """
    total = counts.sum()
    value = counts / total if total else np.zeros(len(counts))
    a = counts + PRIOR
    rest = a.sum() - a
    if len(counts) < 2:
        return value, value, value
    low = np.where(counts == 0, 0.0, betaincinv(a, rest, 0.025))
    high = np.where(counts == total, 1.0, betaincinv(a, rest, 0.975))
    return value, np.minimum(low, value), np.maximum(high, value)


def share_draws(counts: Floats | Ints, rng: np.random.Generator) -> Floats:
    """Shares drawn from their Dirichlet posterior, shape (draws, groups)."""
    return rng.dirichlet(np.asarray(counts, np.float64) + PRIOR, DRAWS)


def holm(p: Floats) -> Floats:
    """P-values adjusted so that any false alarm in the family has at most the level's probability.

    Source: Holm (1979), Scandinavian Journal of Statistics 6, 65.
    """
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def benjamini_hochberg(p: Floats) -> Floats:
    """P-values adjusted so that at most the level's share of the alarms is expected to be false.

    Source: Benjamini and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x.
    """
    order = np.argsort(p, kind="stable")
    steps = p[order] * len(p) / np.arange(1, len(p) + 1)
    steps = np.minimum.accumulate(steps[::-1])[::-1]
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def adjust(p: list[Floats], intersections: list[bool]) -> list[Floats]:
    """P-values of several groupings: Holm over single columns, Benjamini-Hochberg over others.

    Args:
        p: an array per grouping.
        intersections: whether each is one of several columns.
    """
    adjusted = list(p)
    for kind, method in ((False, holm), (True, benjamini_hochberg)):
        places = [i for i, crossed in enumerate(intersections) if crossed is kind]
        if not places:
            continue
        together = method(np.concatenate([p[i] for i in places]))
        parts = np.split(together, np.cumsum([len(p[i]) for i in places])[:-1])
        for i, part in zip(places, parts, strict=True):
            adjusted[i] = part
    return adjusted
