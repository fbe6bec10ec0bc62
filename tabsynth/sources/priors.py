"""What is believed of a simulator's parameters before any record is looked at."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting
from pydantic import model_validator
from scipy.special import ndtr, ndtri

from tabsynth.schema.generator import Strict

Floats: TypeAlias = NDArray[np.float64]
Value: TypeAlias = float | int | str | bool
# closer to a bound than this share of the range no draw is mapped
EDGE = 1e-9


class Uniform(Strict):
    """Each value between `low` and `high` as likely."""

    kind: Literal["uniform"]
    low: float
    high: float

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low < self.high:
            raise ValueError("expected low below high")
        return self

    def drawn(self, n: int, rng: np.random.Generator) -> Floats:
        """N draws."""
        return rng.uniform(self.low, self.high, n)

    def free(self, values: Floats) -> Floats:
        """Values on a scale without bounds, on which the prior is the normal distribution."""
        share = np.clip((values - self.low) / (self.high - self.low), EDGE, 1 - EDGE)
        return np.asarray(ndtri(share))

    def back(self, free: Floats) -> Floats:
        """Values from that scale."""
        return np.asarray(self.low + (self.high - self.low) * ndtr(free))


class LogUniform(Strict):
    """The logarithm is uniform: for what may be off by factors."""

    kind: Literal["loguniform"]
    low: float = Setting(gt=0)
    high: float

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low < self.high:
            raise ValueError("expected low below high")
        return self

    @property
    def _log(self) -> Uniform:
        return Uniform(kind="uniform", low=float(np.log(self.low)), high=float(np.log(self.high)))

    def drawn(self, n: int, rng: np.random.Generator) -> Floats:
        """N draws."""
        return np.asarray(np.exp(self._log.drawn(n, rng)))

    def free(self, values: Floats) -> Floats:
        """Values on a scale without bounds."""
        return self._log.free(np.log(values))

    def back(self, free: Floats) -> Floats:
        """Values from that scale."""
        return np.asarray(np.exp(self._log.back(free)))


class Gaussian(Strict):
    """A normal distribution."""

    kind: Literal["normal"]
    mean: float
    sd: float = Setting(gt=0)

    def drawn(self, n: int, rng: np.random.Generator) -> Floats:
        """N draws."""
        return rng.normal(self.mean, self.sd, n)

    def free(self, values: Floats) -> Floats:
        """Values in standard deviations."""
        return (values - self.mean) / self.sd

    def back(self, free: Floats) -> Floats:
        """Values from that scale."""
        return self.mean + self.sd * free


class Choice(Strict):
    """One of several values, each as likely; held by their places."""

    kind: Literal["choice"]
    values: tuple[Value, ...] = Setting(min_length=2)

    def drawn(self, n: int, rng: np.random.Generator) -> Floats:
        """N places."""
        return rng.integers(0, len(self.values), n).astype(float)


Prior: TypeAlias = Annotated[
    Uniform | LogUniform | Gaussian | Choice, Setting(discriminator="kind")
]


def given(prior: Prior, value: float) -> Value:
    """The value that a simulator is given for a draw."""
    return prior.values[int(value)] if isinstance(prior, Choice) else float(value)


def words(prior: Prior) -> str:
    """The prior in a few words."""
    match prior:
        case Gaussian():
            return f"normal, mean {prior.mean:g}, sd {prior.sd:g}"
        case Choice():
            return f"one of {', '.join(map(str, prior.values))}"
        case _:
            return f"{prior.kind} from {prior.low:g} to {prior.high:g}"
