"""How probable conditions are under a model, and how many draws stand behind each record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import POOLED, Codes
from tabsynth.errors import ConditionError
from tabsynth.table import Table

RAREST: Final = 1e-3
SHOWN: Final = 5


@dataclass(frozen=True)
class Odds:
    """What a model says of conditions before it draws a record.

    Args:
        log_probability: shape (conditions,), natural logarithm of the probability, mostly an
            estimate, that a free record falls into the given cells; -inf where it never does.
        log_unrelated: shape (conditions,), the same were the columns unrelated: the sum over given
            cells of the logarithms of their own shares.
        effective: shape (conditions,), independent draws behind each record (an effective sample
            size); inf where nothing is weighted.
    """

    log_probability: NDArray[np.float64]
    log_unrelated: NDArray[np.float64]
    effective: NDArray[np.float64]

    def __post_init__(self) -> None:
        if not self.log_probability.shape == self.log_unrelated.shape == self.effective.shape:
            raise ValueError("expected three figures for every condition")

    @property
    def probability(self) -> NDArray[np.float64]:
        """Shape (conditions,), from 0 to 1; may be 0 where many columns are given."""
        return np.exp(self.log_probability)

    @property
    def hopeless(self) -> NDArray[np.bool_]:
        """Shape (conditions,), below a thousandth of what unrelated columns would give.

        Not the bare probability: that is tiny wherever many columns are given, and no fault then.
        """
        likely = self.log_probability >= self.log_unrelated + np.log(RAREST)
        fine: NDArray[np.bool_] = np.isfinite(self.log_probability) & likely
        return ~fine

    def sentence(self) -> str:
        """How the conditions are met, for whoever waits."""
        count = len(self.effective)
        what = "the condition" if count == 1 else f"{count:,} conditions"
        chance = f" (estimated probability {_shown(self.log_probability[0])})" if count == 1 else ""
        weighted = self.effective[np.isfinite(self.effective)]
        if not len(weighted):
            return f"{what}{chance}: met exactly, nothing is weighted"
        middle, worst = np.median(weighted), weighted.min()
        some = "" if count == len(weighted) else f"{len(weighted):,} of "
        spread = "" if count == 1 else f" (median; {worst:.3g} at worst)"
        warning = "; records repeat parts of each other" if worst < 1 else ""
        return (
            f"{some}{what}{chance}: met by weighted draws, effective sample size {middle:.3g} "
            f"per record{spread}{warning}"
        )


def require_likely(odds: Odds, given: Table) -> None:
    """Refuse conditions that a model never or hardly ever draws.

    Args:
        odds: of each condition.
        given: the conditions.

    Raises:
        ConditionError: one of them is hopeless; names its columns and its estimated probability.
    """
    hopeless = np.flatnonzero(odds.hopeless)
    if not len(hopeless):
        return
    first = int(hopeless[0])
    names = [n for n in given.schema.names if given.data.column(n)[first].is_valid]
    unrelated = f" ({_shown(odds.log_unrelated[first])} were they unrelated)"
    places = ", ".join(str(place + 1) for place in hopeless[:SHOWN])
    more = ", ..." if len(hopeless) > SHOWN else ""
    of = f" in {len(hopeless):,} of {given.num_rows:,} conditions (record {places}{more})"
    raise ConditionError(
        f"given {', '.join(map(repr, names))}",
        expected="values that the model draws together",
        got=f"an estimated probability of {_shown(odds.log_probability[first])}"
        + (unrelated if len(names) > 1 else "")
        + (of if given.num_rows > 1 else ""),
        remedy="give fewer columns, or values that occur together",
    )


def require_reached(reached: NDArray[np.bool_]) -> None:
    """Refuse conditions that no draw meets.

    Args:
        reached: shape (conditions,), whether any draw does.

    Raises:
        ConditionError: one is not.
    """
    if not reached.all():
        raise ConditionError(
            "given", expected="values that the model draws together",
            got="a combination that none of its draws reached",
            remedy="give fewer columns, or values that occur together",
        )  # fmt: skip


def distinct(columns: Sequence[Codes]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Records that differ: where each kind comes first, and the kind of each record.

    Args:
        columns: at least one, each of shape (records,), no code below -1.
    """
    which = np.zeros(len(columns[0]), np.int64)
    first = np.zeros(1, np.intp)
    for codes in columns:
        key = which * (int(codes.max(initial=-1)) + 2) + (codes.astype(np.int64) + 1)
        _, first, which = np.unique(key, return_index=True, return_inverse=True)
    return first, which


def log_unrelated(
    wanted: Mapping[int, Codes], shares: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Log-probability of conditions were the columns unrelated, shape (conditions,).

    Args:
        wanted: by column, shape (conditions,), POOLED where free.
        shares: per column, shape (cells,), how probable each cell is on its own.
    """
    with np.errstate(divide="ignore"):
        logs = [np.where(k == POOLED, 0.0, np.log(shares[j][k])) for j, k in wanted.items()]
    total: NDArray[np.float64] = np.sum(logs, axis=0)
    return total


def _shown(log_probability: float) -> str:
    """A probability to two digits, also one too small for a float."""
    if not np.isfinite(log_probability):
        return "0"
    if log_probability > -600:
        return f"{np.exp(log_probability):.2g}"
    return f"1e{log_probability / np.log(10):.0f}"
