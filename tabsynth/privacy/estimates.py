"""Public numbers that private counts are held against, as whole numbers within reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.privacy.noise import Integers

# weights of a selection are whole numbers up to this
WEIGHT_STEPS: Final = 2**16
# estimates of a selection add up to less than this, so that scores stay inside 64 bits
MAX_ESTIMATE: Final = 2**44


def selection_terms(
    n: int, weights: Sequence[float] | None, penalties: Sequence[float] | None
) -> tuple[Integers, Integers]:
    """Whole weights, and weighted penalties on the same scale, each of shape (n,).

    Raises:
        ValueError: weights or penalties that make no sense, or out of reach.
    """
    each = np.ones(n) if weights is None else np.asarray(weights, float)
    off = np.zeros(n) if penalties is None else np.asarray(penalties, float)
    if each.shape != (n,) or off.shape != (n,):
        raise ValueError("expected a weight and a penalty for each candidate")
    if not (np.isfinite(each).all() and (each >= 0).all() and each.max() > 0):
        raise ValueError("expected finite weights of at least 0, one of them above 0")
    if not (np.abs(off) < MAX_ESTIMATE).all():
        raise ValueError("expected penalties within reach")
    # one weight for all needs no steps: smaller numbers, the same choice
    finest = 1 if (each == each.max()).all() and (off == np.rint(off)).all() else WEIGHT_STEPS
    steps = np.floor(each / each.max() * finest).astype(np.int64)
    return steps, np.rint(steps * off).astype(np.int64)


def rounded_estimate(estimate: NDArray[Any], shape: tuple[int, ...]) -> Integers:
    """Whole numbers near an estimate of a set's counts.

    Raises:
        ValueError: an estimate of another shape, or out of reach.
    """
    if estimate.shape != shape or not np.isfinite(estimate).all():
        raise ValueError("expected an estimate per cell of each candidate")
    if float(np.abs(estimate).sum()) >= MAX_ESTIMATE:
        raise ValueError("expected estimates within reach")
    return np.asarray(np.rint(estimate), np.int64)
