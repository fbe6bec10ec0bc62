"""Audits of what a mechanism really costs, to be held against what it says it costs.

Both take the mechanism as a function of a `PrivateTable`, and read its claim from the account that
the table debits. So a mechanism that is wrong, or does not pay, can be handed in and must be found
out.

- `path_cost` adds up, without chance, how far two neighbouring tables drive the noise sources apart
  along one path of answers. It sees sensitivities, scales and questions that depend on records.
- `audit` runs the mechanism many times on both tables and bounds epsilon from below by how often an
  event occurs on either. It sees whatever reaches the output.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logit
from scipy.stats import beta, norm

from tabsynth.privacy.accounting import epsilon_of, gaussian_cost, selection_cost
from tabsynth.privacy.private_table import PrivateTable

Mechanism = Callable[[PrivateTable], Any]
# a bound from below is wrong this often, on each side of it
ERROR = 1e-6


class DifferentQuestionsError(AssertionError):
    """The same answers led to different questions: a decision was taken from records."""


@dataclass
class _Recorder:
    """Noise that is seeded and remembers each question and its answer."""

    rng: np.random.Generator
    asked: list[tuple[str, NDArray[Any], float]] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)

    name = "recorder"
    certified = False

    def gaussian(self, values: NDArray[np.int64], sigma: float) -> NDArray[np.int64]:
        noise = np.rint(self.rng.normal(0, sigma, values.shape)).astype(np.int64)
        return self._answer("gaussian", values, sigma, values + noise)

    def laplace(self, values: NDArray[np.int64], scale: float) -> NDArray[np.int64]:
        noise = np.rint(self.rng.laplace(0, scale, values.shape)).astype(np.int64)
        return self._answer("laplace", values, scale, values + noise)

    def choose(self, scores: NDArray[np.int64], scale: float) -> int:
        noisy = scores + self.rng.gumbel(0, scale, len(scores))
        return self._answer("choose", scores, scale, int(noisy.argmax()))

    def gaussian_cost(self, sensitivity: float, sigma: float) -> float:
        return gaussian_cost(sensitivity, sigma)

    def choice_cost(self, sensitivity: int, scale: float) -> float:
        return selection_cost(sensitivity, scale)

    def _answer(self, kind: str, values: NDArray[Any], scale: float, answer: Any) -> Any:
        self.asked.append((kind, np.array(values), scale))
        self.answers.append(answer)
        return answer


class _Replay(_Recorder):
    """Gives the answers that another table got, whatever it is asked."""

    def __init__(self, given: list[Any]) -> None:
        super().__init__(np.random.default_rng(0))
        self.given = iter(given)

    def _answer(self, kind: str, values: NDArray[Any], scale: float, answer: Any) -> Any:
        try:
            given = next(self.given)
        except StopIteration:
            raise DifferentQuestionsError("one more question") from None
        if np.shape(given) != np.shape(answer):
            raise DifferentQuestionsError("an answer of another shape")
        return super()._answer(kind, values, scale, given)


@dataclass(frozen=True)
class PathCost:
    """What two tables drive apart along a path, and what the account was debited for it."""

    cost: float
    claimed: float

    @property
    def broken(self) -> bool:
        """The mechanism costs more than it says."""
        return self.cost > self.claimed * (1 + 1e-9)


def path_cost(
    mechanism: Mechanism,
    first: Callable[[Any], PrivateTable],
    second: Callable[[Any], PrivateTable],
    *,
    seed: int = 0,
    wrap: Callable[[Any], Any] = lambda noise: noise,
) -> PathCost:
    """rho along the path of answers that the first table gets, added up question by question.

    Args:
        mechanism: deterministic but for noise.
        first, second: make the two neighbouring tables, given a noise source.
        seed: of the answers.
        wrap: put around the noise source, such as a mutation of it.

    Raises:
        DifferentQuestionsError: the second table is asked something else after the same answers.
    """
    recorder = _Recorder(np.random.default_rng(seed))
    table = first(wrap(recorder))
    mechanism(table)
    replay = _Replay(recorder.answers)
    mechanism(second(wrap(replay)))
    if len(replay.asked) != len(recorder.asked):
        raise DifferentQuestionsError("one question less")
    cost = sum(map(_apart, recorder.asked, replay.asked))
    return PathCost(cost, table._account.spent)


def _apart(one: tuple[str, NDArray[Any], float], other: tuple[str, NDArray[Any], float]) -> float:
    if one[0] != other[0] or one[1].shape != other[1].shape or one[2] != other[2]:
        raise DifferentQuestionsError("another question")
    moved = (one[1] - other[1]).astype(float)
    if one[0] == "gaussian":
        return float(np.sum(moved**2)) / (2 * one[2] ** 2)
    if one[0] == "laplace":
        # pure epsilon-differential privacy is epsilon^2 / 2 in zCDP
        return (float(np.sum(np.abs(moved))) / one[2]) ** 2 / 2
    spread = float(moved.max() - moved.min()) / one[2]
    return spread**2 / 8


@dataclass(frozen=True)
class Finding:
    """What an audit found: epsilon is at least `lower`; the account says at most `claim`."""

    lower: float
    claim: float

    @property
    def broken(self) -> bool:
        """The claim is false, but for a chance of 2 * ERROR."""
        return self.lower > self.claim


def audit(
    mechanism: Mechanism,
    present: Callable[[], PrivateTable],
    absent: Callable[[], PrivateTable],
    event: Callable[[Any], bool],
    *,
    trials: int,
    kind: Literal["event", "gaussian", "range"] = "event",
    delta: float = 1e-6,
) -> Finding:
    """Bound epsilon from below by how often an event happens on two neighbouring tables.

    Its probability p with the unit present is bounded from below and that without it, q, from above
    by Clopper and Pearson (1934). The event must be fixed before. What follows depends on the kind:

    - event: epsilon >= log((p - delta) / q) at delta, for any mechanism;
    - gaussian: Gaussian noise on one number; p and q tell how many standard deviations the tables
      lie apart, and that the exact epsilon at delta, held against the claim at delta;
    - range: epsilon >= logit(p) - logit(q) of bounded range, held against the claim sqrt(8 rho).

    Args:
        mechanism: what is audited; its claim is what it debited.
        present, absent: make the two tables, with an account each.
        event: of the mechanism's output; likelier with the unit present.
        trials: runs on each table.
        kind: see above.
        delta: see above.
    """
    table = present()
    hits = int(event(mechanism(table)))
    claimed = table._account.spent
    hits += sum(bool(event(mechanism(present()))) for _ in range(trials - 1))
    others = sum(bool(event(mechanism(absent()))) for _ in range(trials))
    low, high = clopper_pearson(hits, trials)[0], clopper_pearson(others, trials)[1]
    if kind == "range":
        return Finding(float(logit(low) - logit(high)), math.sqrt(8 * claimed))
    if kind == "gaussian":
        lower = gaussian_epsilon(float(norm.ppf(low) - norm.ppf(high)), delta)
    else:
        lower = float(np.log((low - delta) / high)) if low > delta else 0.0
    return Finding(lower, epsilon_of(claimed, delta))


def gaussian_epsilon(apart: float, delta: float) -> float:
    """The exact epsilon of two normal distributions so many standard deviations apart.

    Source: Balle and Wang (2018), theorem 8, arXiv:1805.06530.
    """
    if apart <= 0:
        return 0.0

    def excess(epsilon: float) -> float:
        upper = norm.cdf(apart / 2 - epsilon / apart)
        lower = np.exp(epsilon + norm.logcdf(-apart / 2 - epsilon / apart))
        return float(upper - lower - delta)

    return float(brentq(excess, 0, 50 * (1 + apart**2))) if excess(0) > 0 else 0.0


def clopper_pearson(hits: int, trials: int, error: float = ERROR) -> tuple[float, float]:
    """Bounds of a probability, each missed with a chance of at most `error`."""
    low = float(beta.ppf(error, hits, trials - hits + 1)) if hits else 0.0
    high = float(beta.isf(error, hits + 1, trials - hits)) if hits < trials else 1.0
    return low, high
