"""Parameters of a simulator from aggregates: approximate Bayesian computation, and its calibration.

The runs are dealt in two halves. On the first, each parameter is regressed on all aggregates; what
that predicts is the summary by which runs of the second half are compared with the real table
(semi-automatic ABC). The nearest of these are accepted, weighted, and moved to where they would
stand had they the real table's summary (local linear adjustment), on a scale on which no draw can
leave its prior.

Source: Fearnhead and Prangle (2012), doi:10.1111/j.1467-9868.2011.01010.x; Beaumont, Zhang and
Balding (2002), doi:10.1093/genetics/162.4.2025. Calibration: Talts, Betancourt, Simpson, Vehtari
and Gelman (2018), arXiv:1804.06788.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from tabsynth.sources.priors import Choice, Prior
from tabsynth.synthesizers.pools import picks

Floats = NDArray[np.float64]

DRAWS: Final = 200
FEWEST: Final = 40
TRIALS: Final = 200
# a rank is one of 0 to 9: that of the truth among 9 draws
RANKED: Final = 9
_RIDGE: Final = 1e-7


@dataclass(frozen=True)
class Posterior:
    """What the runs say of the parameters.

    Args:
        draws: shape (draws, parameters), equally likely.
        calibration: by parameter, the p-value of uniform ranks.
        beyond: shape (aggregates,), which of the real table's no run came near.
    """

    draws: Floats
    calibration: dict[str, float]
    beyond: NDArray[np.bool_]


def posterior(
    priors: Mapping[str, Prior],
    drawn: Floats,
    aggregates: Floats,
    real: Floats,
    *,
    accept: float,
    rng: np.random.Generator,
) -> Posterior:
    """Draws of the parameters given aggregates of the real table.

    Args:
        priors: by parameter.
        drawn: shape (runs, parameters), from the priors.
        aggregates: shape (runs, aggregates), NaN where a run has none.
        real: shape (aggregates,).
        accept: share of the compared runs that is kept.
        rng: the only source of randomness.
    """
    beyond = _beyond(aggregates, real)
    table = _Table.of(priors, drawn, aggregates, real)
    half = len(drawn) // 2
    summaries, own = table.summaries(half)
    compared = Compared(priors, drawn[half:], table.free[half:], summaries, accept)
    found = compared.near(own, None, DRAWS, rng)
    return Posterior(found, compared.calibration(rng), beyond)


@dataclass(frozen=True)
class _Table:
    """Runs in numbers that can be regressed.

    Args:
        free: shape (runs, targets): parameters without bounds, an indicator for each choice.
        standard: shape (runs, aggregates), of mean 0 and spread 1.
        real: shape (aggregates,), likewise.
    """

    free: Floats
    standard: Floats
    real: Floats

    @classmethod
    def of(
        cls, priors: Mapping[str, Prior], drawn: Floats, aggregates: Floats, real: Floats
    ) -> _Table:
        some = np.isfinite(aggregates).any(axis=0) & np.isfinite(real)
        aggregates, real = aggregates[:, some], real[some]
        mean, spread = np.nanmean(aggregates, axis=0), np.nanstd(aggregates, axis=0)
        told = spread > 1e-12
        filled = np.where(np.isnan(aggregates), mean, aggregates)[:, told]
        scale = (filled - mean[told]) / spread[told]
        # far outside of all runs a linear prediction means nothing
        own = np.clip((real - mean)[told] / spread[told], -5, 5)
        # beside the figures their normal scores, which follow a parameter over orders of magnitude
        scores = [_scores(filled[:, k], real[told][k]) for k in range(filled.shape[1])]
        standard = np.column_stack([scale, *(s for s, _ in scores)])
        own = np.append(own, [s for _, s in scores])
        columns = []
        for place, prior in enumerate(priors.values()):
            values = drawn[:, place]
            if isinstance(prior, Choice):
                columns += [(values == k).astype(float) for k in range(len(prior.values))]
            else:
                columns.append(prior.free(values))
        return cls(np.column_stack(columns), standard, own)

    def summaries(self, half: int) -> tuple[Floats, Floats]:
        """What the first half's regression predicts of the second, and of the real table."""
        from sklearn.linear_model import RidgeCV

        if not self.standard.shape[1]:
            return np.zeros((len(self.free) - half, 1)), np.zeros(1)
        ridge = RidgeCV(alphas=np.logspace(-2, 5, 15)).fit(self.standard[:half], self.free[:half])
        predicted = ridge.predict(np.vstack([self.standard[half:], self.real]))
        predicted = predicted.reshape(len(self.free) - half + 1, -1)
        spread = predicted[:-1].std(axis=0)
        scaled = predicted / np.where(spread > 1e-12, spread, 1.0)
        return scaled[:-1], scaled[-1]


@dataclass(frozen=True)
class Compared:
    """The runs that are held against a summary.

    Args:
        priors: by parameter.
        drawn: shape (runs, parameters).
        free: shape (runs, targets).
        summaries: shape (runs, targets).
        accept: share that is kept.
    """

    priors: Mapping[str, Prior]
    drawn: Floats
    free: Floats
    summaries: Floats
    accept: float

    def near(
        self, summary: Floats, but: int | None, draws: int, rng: np.random.Generator
    ) -> Floats:
        """Draws given a summary, shape (draws, parameters); `but`: a run that is left out."""
        away = np.sqrt(np.square(self.summaries - summary).sum(axis=1))
        if but is not None:
            away[but] = np.inf
        count = min(len(away) - 1, max(FEWEST, int(self.accept * len(away))))
        kept = np.argsort(away, kind="stable")[: count + 1]
        widest = max(float(away[kept[-1]]), 1e-12)
        kept = kept[:-1]
        # Epanechnikov's kernel; at least a little for each, so that there always is a draw
        weight = np.maximum(1 - np.square(away[kept] / widest), 1e-6)
        moved = self._moved(kept, summary, weight)
        share = weight / weight.sum()
        picked = picks(share, np.array([count]), np.array([draws]), rng)
        return moved[picked]

    def _moved(self, kept: NDArray[np.intp], summary: Floats, weight: Floats) -> Floats:
        """The kept runs' parameters, moved along a local regression to the summary."""
        away = self.summaries[kept] - summary
        design = np.column_stack([np.ones(len(kept)), away])
        weighted = design * weight[:, None]
        gram = design.T @ weighted
        gram[np.diag_indices_from(gram)] += _RIDGE * weight.sum() * np.r_[0, np.ones(away.shape[1])]
        line = np.linalg.solve(gram, weighted.T @ self.free[kept])
        # what is left over is smaller than it would be of runs that did not choose the line
        left = self.free[kept] - design @ line
        moved = line[0] + left * np.sqrt(len(kept) / max(len(kept) - design.shape[1], 1))
        columns, place = [], 0
        for position, prior in enumerate(self.priors.values()):
            if isinstance(prior, Choice):
                columns.append(self.drawn[kept, position])
                place += len(prior.values)
            else:
                columns.append(prior.back(moved[:, place]))
                place += 1
        return np.column_stack(columns)

    def calibration(self, rng: np.random.Generator) -> dict[str, float]:
        """How uniform the ranks of known parameters are among draws given their own run."""
        runs = rng.permutation(len(self.drawn))[:TRIALS]
        ranks = np.zeros((len(runs), len(self.priors)), int)
        for trial, run in enumerate(runs):
            draws = self.near(self.summaries[run], int(run), DRAWS, rng)
            some = draws[rng.permutation(DRAWS)[:RANKED]]
            # equal values, as choices have, are put in a random order
            lots = rng.random(some.shape) < rng.random(len(self.priors))
            ties = (some == self.drawn[run]) & lots
            ranks[trial] = ((some < self.drawn[run]) | ties).sum(axis=0)
        found = {}
        for place, name in enumerate(self.priors):
            counts = np.bincount(ranks[:, place], minlength=RANKED + 1)
            found[name] = float(scipy.stats.chisquare(counts).pvalue)
        return found


def _scores(figures: Floats, real: float) -> tuple[Floats, float]:
    """Figures by their places among all runs, as normal scores, and where the real one stands."""
    known, places = np.unique(figures, return_inverse=True)
    middle = np.cumsum(np.bincount(places)) - np.bincount(places) / 2
    scores = scipy.stats.norm.ppf(middle / len(figures))
    return scores[places], float(np.interp(real, known, scores))


def _beyond(aggregates: Floats, real: Floats) -> NDArray[np.bool_]:
    """Which aggregates of the real table lie outside those of all runs."""
    low = np.min(np.where(np.isnan(aggregates), np.inf, aggregates), axis=0)
    high = np.max(np.where(np.isnan(aggregates), -np.inf, aggregates), axis=0)
    slack = 1e-9 * np.maximum(np.abs(real), 1)
    outside = (real < low - slack) | (real > high + slack)
    return np.asarray(np.isfinite(real) & outside)
