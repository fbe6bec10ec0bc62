"""A second source of noise, written by other people: what OpenDP draws is held against it.

diffprivlib's discrete mechanisms follow the same papers, but toss their coins with floats of 53
bits, and its discrete Laplace inverts a float. So no certificate rests on it; it stands behind the
same interface so that everything above can be checked with either.
"""

from __future__ import annotations

import secrets
import sys
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from tabsynth.privacy.accounting import gaussian_cost, selection_cost
from tabsynth.privacy.noise import Integers


class DiffprivlibNoise:
    """Discrete Gaussian and geometric mechanisms of diffprivlib; about 40 microseconds a draw."""

    certified: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """The library and its version."""
        return f"diffprivlib {version('diffprivlib')}, not exact: NO CERTIFICATE"

    def gaussian(self, values: Integers, sigma: float) -> Integers:
        """See `NoiseSource`."""
        # its own search for a scale from epsilon and delta is not used: the scale is given
        mechanism = _mechanisms().GaussianDiscrete(epsilon=1.0, delta=0.1)
        mechanism._scale = float(sigma)
        return _each(mechanism, values)

    def laplace(self, values: Integers, scale: float) -> Integers:
        """See `NoiseSource`."""
        return _each(_mechanisms().Geometric(epsilon=1.0 / scale, sensitivity=1), values)

    def choose(self, scores: Integers, scale: float) -> int:
        """See `NoiseSource`; by rejection from a uniform choice, whose coins are diffprivlib's."""
        coin = import_module("diffprivlib.mechanisms.base").bernoulli_neg_exp
        best = int(scores.max())
        while True:
            place = secrets.randbelow(len(scores))
            if coin((best - int(scores[place])) / scale):
                return place

    def gaussian_cost(self, sensitivity: float, sigma: float) -> float:
        """The closed form."""
        return gaussian_cost(sensitivity, sigma)

    def choice_cost(self, sensitivity: int, scale: float) -> float:
        """The closed form."""
        return selection_cost(sensitivity, scale)


def _each(mechanism: Any, values: Integers) -> Integers:
    drawn = [mechanism.randomise(value) for value in values.reshape(-1).tolist()]
    return np.array(drawn, np.int64).reshape(values.shape)


@cache
def _mechanisms() -> Any:
    """Its mechanisms without its models, which do not load beside scikit-learn 1.9."""
    name = "diffprivlib"
    loaded = name in sys.modules
    if not loaded:
        found = find_spec(name)
        if found is None:
            raise ModuleNotFoundError(f"expected {name} to be installed")
        parent = ModuleType(name)
        parent.__path__ = list(found.submodule_search_locations or ())
        sys.modules[name] = parent
    try:
        return import_module(f"{name}.mechanisms")
    finally:
        if not loaded:
            # whoever imports the whole package later gets it, not this shell
            del sys.modules[name]
