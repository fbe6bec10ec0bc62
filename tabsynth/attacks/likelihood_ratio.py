"""How well fits with a record are told from fits without it: likelihood ratios and their AUC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from tabsynth.intervals import Z95

PERMUTATIONS: Final = 999
RESAMPLES: Final = 999
HALVINGS: Final = 8
# share of the features' correlations that is taken for chance
SHRINKAGE: Final = 0.3

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def dealt(fits: int, targets: int, rng: np.random.Generator) -> Flags:
    """Who is in which fit: each target in half of them, on its own; shape (targets, fits)."""
    half = np.tile(np.arange(fits) < fits // 2, (targets, 1))
    return rng.permuted(half, axis=1)


@dataclass(frozen=True)
class Evidence:
    """What an attacker saw of each target in each synthetic table, and whether it was in.

    The likelihood ratio of "in" to "out" is that of two Gaussians of one covariance, fitted per
    target to the normal scores of the features in one half of the fits, and tried on the other
    half; this is repeated over halves drawn at random. So no fit is judged by what was learnt from
    it, and where nothing leaks the AUC is 0.5 on average.

    Args:
        products: inner products of the fits' whitened features; shape (targets, fits, fits).
        inside: in which fits each target was, half of them; shape (targets, fits).
        taught: of the fits with (and of those without) a target, in order, which are learnt from;
            shape (repetitions, 2, fits / 2): first for those with, then for those without.

    Source: Carlini et al. (2022), arXiv:2112.03570, algorithm 1 (per-target Gaussians, with one
        variance where fits are few).
    """

    products: Floats
    inside: Flags
    taught: Flags

    @classmethod
    def of(cls, features: Floats, inside: Flags, rng: np.random.Generator) -> Evidence:
        """From features of shape (fits, targets, features); fits a multiple of 4."""
        half = features.shape[0] // 2
        first = np.stack([dealt(half, 2, rng) for _ in range(HALVINGS)])
        products = [_products(features[:, t]) for t in range(features.shape[1])]
        return cls(np.array(products), inside, np.concatenate([first, ~first]))

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
            columns.append(won / tried)
        return np.column_stack(columns)

    def _areas(self, target: int, inside: Flags) -> Floats:
        wins = [w.mean(axis=(1, 2)) for _, w in self._wins(target, inside)]
        area: Floats = np.mean(wins, axis=0)
        return area

    def _wins(self, target: int, inside: Flags) -> Iterator[tuple[Flags, Floats]]:
        """For each repetition who was taught, and which of each two other fits looks likelier.

        Pairs are of a fit with and a fit without the target; 1, 0.5 or 0 where the first,
        neither or the second looks likelier to hold it. Shape (deals, with, without).
        """
        # fits with the target first, then those without
        order = np.argsort(~inside, axis=1, kind="stable")
        half = inside.shape[1] // 2
        for taught in self.taught:
            toward = np.zeros(inside.shape)
            np.put_along_axis(toward, order[:, :half][:, taught[0]], 1.0, axis=1)
            np.put_along_axis(toward, order[:, half:][:, taught[1]], -1.0, axis=1)
            ratios = np.take_along_axis(toward @ self.products[target], order, axis=1)
            first, second = ratios[:, :half][:, ~taught[0]], ratios[:, half:][:, ~taught[1]]
            lead = first[:, :, None] - second[:, None, :]
            yield taught, np.where(np.abs(lead) < 1e-9, 0.5, lead > 0)


def _products(features: Floats) -> Floats:
    """Inner products of fits after normal scores and whitening; neither looks at in and out."""
    fits = len(features)
    scores = norm.ppf((rankdata(features, axis=0) - 0.5) / fits)
    spread = scores.std(axis=0)
    varied = spread > 1e-9
    standard = scores[:, varied] / spread[varied]
    if not standard.shape[1]:
        return np.zeros((fits, fits))
    related = standard.T @ standard / fits
    shrunk = (1 - SHRINKAGE) * related + SHRINKAGE * np.eye(len(related))
    product: Floats = standard @ np.linalg.solve(shrunk, standard.T)
    return product


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
