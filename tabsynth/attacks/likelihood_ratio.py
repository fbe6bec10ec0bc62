"""How well fits with a record are told from fits without it: likelihood ratios and their AUC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from tabsynth.intervals import Z95

PERMUTATIONS: Final = 999
RESAMPLES: Final = 999
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
    target to the normal scores of the features. Its AUC is taken over all pairs of a fit with and a
    fit without the target, each pair compared by Gaussians fitted to the other fits. So no fit is
    judged by what was learnt from it, and where nothing leaks the AUC is 0.5 on average.

    Args:
        products: inner products of the fits' whitened features; shape (targets, fits, fits).
        inside: in which fits each target was; shape (targets, fits).

    Source: Carlini et al. (2022), arXiv:2112.03570, algorithm 1 (per-target Gaussians, one variance
        where fits are few); Airola et al. (2011), doi:10.1016/j.csda.2010.11.018 (pairs left out).
    """

    products: Floats
    inside: Flags

    @classmethod
    def of(cls, features: Floats, inside: Flags) -> Evidence:
        """From features of shape (fits, targets, features)."""
        each = [_products(features[:, t]) for t in range(features.shape[1])]
        return cls(np.array(each), inside)

    def wins(self, target: int, inside: Flags) -> Floats:
        """Who of each two fits looks likelier to hold the target.

        Args:
            target: which one.
            inside: in which fits it was; shape (..., fits).

        Returns:
            Shape (..., fits, fits): for a fit with and a fit without the target 1, 0.5 or 0, where
            the first, neither or the second looks likelier; 0 for other pairs.
        """
        product = self.products[target]
        square = np.diag(product)
        apart = square[:, None] + square[None, :] - 2 * product
        toward = np.where(inside, 1.0, -1.0) @ product
        # a linear score from the other fits' means; leaving two out subtracts their own distance
        lead = toward[..., :, None] - toward[..., None, :] - apart
        won = np.where(np.abs(lead) < 1e-9, 0.5, lead > 0)
        return np.where(inside[..., :, None] & ~inside[..., None, :], won, 0.0)

    def areas(self) -> Floats:
        """AUC of each target; shape (targets,)."""
        return np.array([self._area(t, inside) for t, inside in enumerate(self.inside)])

    def areas_by_chance(self, rng: np.random.Generator) -> Floats:
        """AUC of each target when in and out are dealt anew; shape (999, targets)."""
        targets, fits = self.inside.shape
        columns = []
        for target in range(targets):
            deals = dealt(fits, PERMUTATIONS, rng)
            # in parts, so that the pairs of all deals are never in memory together
            parts = np.array_split(deals, 8)
            columns.append(np.concatenate([self._area(target, part) for part in parts]))
        return np.column_stack(columns)

    def resampled(self, rng: np.random.Generator) -> Floats:
        """AUC of each target over fits drawn with replacement; shape (999, targets).

        All targets share the draws of fits, as they share the fits.
        """
        targets, fits = self.inside.shape
        weights = rng.multinomial(fits, np.full(fits, 1 / fits), RESAMPLES).astype(float)
        columns = []
        for target in range(targets):
            inside = self.inside[target]
            won = ((weights @ self.wins(target, inside)) * weights).sum(axis=1)
            pairs = weights[:, inside].sum(axis=1) * weights[:, ~inside].sum(axis=1)
            columns.append(won / pairs)
        return np.column_stack(columns)

    def _area(self, target: int, inside: Flags) -> Floats:
        pairs = (inside.shape[-1] // 2) ** 2
        area: Floats = self.wins(target, inside).sum(axis=(-2, -1)) / pairs
        return area


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
