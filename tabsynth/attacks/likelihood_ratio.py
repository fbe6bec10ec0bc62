"""How well fits with a record are told from fits without it: likelihood ratios and their AUC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from tabsynth.intervals import Z95

PERMUTATIONS: Final = 999
RESAMPLES: Final = 999
HALVINGS: Final = 8
# of normal scores, whose variance over all fits is about 1
LEAST_VARIANCE: Final = 0.01

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def dealt(fits: int, targets: int, rng: np.random.Generator) -> Flags:
    """Who is in which fit: each target in half of them, on its own; shape (targets, fits)."""
    half = np.tile(np.arange(fits) < fits // 2, (targets, 1))
    return rng.permuted(half, axis=1)


@dataclass(frozen=True)
class Evidence:
    """What an attacker saw of each target in each synthetic table, and whether it was in.

    The likelihood ratio of "in" to "out" is that of Gaussians fitted per target to the normal
    scores of each feature, one variance for in and out, in one half of the fits; it is tried on the
    other half. This is repeated over halves drawn at random. So no fit is judged by what was learnt
    from it, and where nothing leaks the AUC is 0.5 on average. The difference of the means is
    shrunk, so that features which tell nothing count for nothing.

    Args:
        scores: normal scores of what was seen; shape (targets, fits, features).
        inside: in which fits each target was, half of them; shape (targets, fits).
        taught: of the fits with (and of those without) a target, in order, which are learnt from;
            shape (repetitions, 2, fits / 2): first for those with, then for those without.

    Source: Carlini et al. (2022), arXiv:2112.03570, algorithm 1 (per-target Gaussians, with one
        variance where fits are few); James and Stein (1961), positive part, for the shrinkage.
    """

    scores: Floats
    inside: Flags
    taught: Flags

    @classmethod
    def of(cls, features: Floats, inside: Flags, rng: np.random.Generator) -> Evidence:
        """From features of shape (fits, targets, features); fits a multiple of 4."""
        from scipy.stats import rankdata

        half = features.shape[0] // 2
        first = np.stack([dealt(half, 2, rng) for _ in range(HALVINGS)])
        scores = ndtri((rankdata(features, axis=0) - 0.5) / len(features))
        return cls(scores.transpose(1, 0, 2), inside, np.concatenate([first, ~first]))

    def areas(self) -> Floats:
        """AUC of each target; shape (targets,)."""
        return np.array([self._areas(t, own[None])[0] for t, own in enumerate(self.inside)])

    def areas_by_chance(self, rng: np.random.Generator) -> Floats:
        """AUC of each target when in and out are dealt anew; shape (999, targets)."""
        targets, fits = self.inside.shape
        return np.column_stack(
            [self._areas(t, dealt(fits, PERMUTATIONS, rng)) for t in range(targets)]
        )

    def resampled(self, rng: np.random.Generator) -> Floats:
        """AUC of each target over fits drawn with replacement; shape (999, targets).

        All targets share the draws of fits, as they share the fits.
        """
        targets, fits = self.inside.shape
        weights = rng.multinomial(fits, np.full(fits, 1 / fits), RESAMPLES).astype(float)
        columns = []
        for target in range(targets):
            inside = self.inside[target]
            with_it, without = weights[:, inside], weights[:, ~inside]
            won, tried = np.zeros(RESAMPLES), np.zeros(RESAMPLES)
            for taught, wins in self._wins(target, inside[None]):
                first, second = with_it[:, ~taught[0]], without[:, ~taught[1]]
                won += np.einsum("bi,ij,bj->b", first, wins[0], second, optimize=True)
                tried += first.sum(axis=1) * second.sum(axis=1)
            # where chance leaves nothing to compare, nothing is told apart
            columns.append(np.where(tried > 0, won, 0.5) / np.maximum(tried, 1))
        return np.column_stack(columns)

    def _areas(self, target: int, inside: Flags) -> Floats:
        wins = [w.mean(axis=(1, 2), dtype=np.float64) for _, w in self._wins(target, inside)]
        area: Floats = np.mean(wins, axis=0)
        return area

    def _wins(self, target: int, inside: Flags) -> Iterator[tuple[Flags, NDArray[np.float32]]]:
        """For each repetition who was taught, and which of each two other fits looks likelier.

        Pairs are of a fit with and a fit without the target; 1, 0.5 or 0 where the first,
        neither or the second looks likelier to hold it. Shape (deals, with, without).
        """
        # fits with the target first, then those without
        order = np.argsort(~inside, axis=1, kind="stable")
        half = inside.shape[1] // 2
        for taught in self.taught:
            learnt = [np.zeros(inside.shape) for _ in range(2)]
            np.put_along_axis(learnt[0], order[:, :half][:, taught[0]], 1.0, axis=1)
            np.put_along_axis(learnt[1], order[:, half:][:, taught[1]], 1.0, axis=1)
            weights = _weights(self.scores[target], *learnt)
            ratios = np.take_along_axis(weights @ self.scores[target].T, order, axis=1)
            first, second = ratios[:, :half][:, ~taught[0]], ratios[:, half:][:, ~taught[1]]
            lead = first[:, :, None] - second[:, None, :]
            # rounding must not decide between equals
            yield taught, ((lead > 1e-9).astype(np.float32) + (lead > -1e-9)) / 2


def _weights(scores: Floats, with_it: Floats, without: Floats) -> Floats:
    """By which a feature counts in the logarithm of the ratio; shape (deals, features).

    Args:
        scores: shape (fits, features).
        with_it: 1 for fits with the target that are learnt from, else 0; shape (deals, fits).
        without: the same for fits without it.
    """
    size = with_it.sum(axis=1, keepdims=True)
    first, second = with_it @ scores / size, without @ scores / size
    square = (with_it + without) @ scores**2 / (2 * size)
    variance = np.maximum(square - (first**2 + second**2) / 2, LEAST_VARIANCE)
    gap = first - second
    # squared standard errors that the means lie apart
    apart = gap**2 * size / (2 * variance)
    weight: Floats = gap / variance * np.maximum(0, 1 - 1 / np.maximum(apart, 1))
    return weight


def area_interval(area: float, first: int, second: int) -> tuple[float, float]:
    """95 % score interval of an AUC, of use also near 0 and 1.

    Args:
        area: the AUC.
        first: trials of the one class.
        second: trials of the other.

    Source: Newcombe (2006), doi:10.1002/sim.2324, method 5.
    """
    grid = np.linspace(0, 1, 2001)
    spare = (first + second) / 2 - 1
    spread = 1 + spare * ((1 - grid) / (2 - grid) + grid / (1 + grid))
    error = np.sqrt(grid * (1 - grid) * spread / (first * second))
    inside = grid[np.abs(grid - area) <= Z95 * error + 1e-12]
    return float(min(inside.min(initial=area), area)), float(max(inside.max(initial=area), area))
