"""Pools of weighted records, drawn again with more of them where they are worth too little.

Whoever draws under conditions says how a pool is drawn up to what is given (`reach`), and what is
done with the records that go on (`settle`); which pools are drawn, and how often, is said here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tabsynth.synthesizers.odds import Odds, require_reached
from tabsynth.synthesizers.pools import FACTORS, Counts, Pools


class Reached(Protocol):
    """Pools that were drawn up to what is given."""

    @property
    def log_probability(self) -> NDArray[np.float64]:
        """Shape (pools,), of the condition; -inf where no record meets it."""
        ...

    @property
    def worth(self) -> NDArray[np.float64]:
        """Shape (pools,), how many independent records each rests on."""
        ...


Found = TypeVar("Found", bound=Reached)


def settled(
    which: NDArray[np.intp],
    exact: NDArray[np.bool_],
    reach: Callable[[Pools], Found],
    settle: Callable[[Pools, Found, Counts, NDArray[np.intp]], None],
) -> None:
    """Give each record that is wanted a place in a pool that is worth enough, or the last one.

    Args:
        which: shape (records,), the kind of condition of each.
        exact: shape (kinds,), whether nothing is weighted.
        reach: draws pools up to what is given.
        settle: takes pools, what was drawn for them, how many records each shall hand on (0 where
            it is drawn again), and the places of these.

    Raises:
        ConditionError: a combination that no record reaches.
    """
    rows, records = np.argsort(which, kind="stable"), np.bincount(which)
    kind = np.arange(len(records))
    for factor in FACTORS:
        pools = Pools.plan(kind, records, exact=exact[kind], factor=factor)
        thin = np.zeros(len(pools.kind), bool)
        ends = np.cumsum(pools.records)
        for some in pools.batches():
            part = pools.part(some)
            found = reach(part)
            if factor < FACTORS[-1]:
                thin[some] = found.worth < part.enough
            live = ~thin[some]
            if not live.any():
                continue
            require_reached(~np.isneginf(found.log_probability[live]))
            here = rows[ends[some.start] - part.records[0] : ends[some.stop - 1]]
            wanted = np.where(live, part.records, 0)
            settle(part, found, wanted, here[np.repeat(live, part.records)])
        rows = rows[np.repeat(thin, pools.records)]
        kind, records = pools.kind[thin], pools.records[thin]
        if not len(kind):
            break


def asked(
    records: Counts,
    exact: NDArray[np.bool_],
    unrelated: NDArray[np.float64],
    reach: Callable[[Pools], Reached],
    *,
    start: int = 1,
) -> Odds:
    """How probable conditions are, and about how many draws will stand behind each record.

    Args:
        records: shape (kinds,), for how many of each.
        exact: shape (kinds,), whether nothing is weighted.
        unrelated: shape (kinds,), log-probability were the columns unrelated.
        reach: draws pools up to what is given.
        start: the first of `FACTORS` that is tried.
    """
    odds = Odds(np.empty(len(records)), unrelated, np.empty(len(records)))
    kind = np.arange(len(records))
    for factor in FACTORS[FACTORS.index(start) :]:
        pools = Pools.plan(kind, records[kind], exact=exact[kind], factor=factor)
        for some in pools.batches():
            part = pools.part(some)
            found = reach(part)
            odds.log_probability[part.kind] = found.log_probability
            worth = part.expected(found.worth, factor)
            odds.effective[part.kind] = np.where(part.exact, np.inf, worth / part.records)
        # what looks hopeless is looked at more closely
        kind = kind[(odds.hopeless & ~exact)[kind]]
        if not len(kind):
            break
    return odds
