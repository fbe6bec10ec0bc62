"""Drawing from a network when some columns are given: a pool of draws, weighed and resampled.

Given its latent vector, a network draws columns independently. So a draw is weighed by how
probable it makes the given options, and not by whether it happens to hold them. A number within a
mode follows from the latent vector; there draws count by how near they come in rank.

The option that a generator is told to draw under is a part of its latent vector here. To tell it
the given option would need no weights, but draws from another distribution than its free draws
have: where this was tried, one further from the records (`docs/architecture.md`).

Source: sampling importance resampling, Rubin (1987), doi:10.1080/01621459.1987.10478461.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import POOLED, Codes
from tabsynth.synthesizers import network_draws
from tabsynth.synthesizers.network_columns import Coded, Layout
from tabsynth.synthesizers.network_draws import Balance, Drawn
from tabsynth.synthesizers.networks import Network
from tabsynth.synthesizers.odds import Odds, distinct, log_unrelated, require_reached
from tabsynth.synthesizers.pools import (
    ENOUGH,
    ENOUGH_PER_RECORD,
    FACTORS,
    effective_size,
    picks,
)

Floats = NDArray[np.float64]

FEWEST: Final = 4_096
# chances of all options of a pool
MOST_NUMBERS: Final = 1 << 25
# standard deviation of the kernel on ranks, and where it ends
BANDWIDTH: Final = 0.02
CUT: Final = 3.0
_KINDS_AT_ONCE: Final = 32


@dataclass(frozen=True)
class Given:
    """A network that is asked for records with some cells given.

    Args:
        balance: of the network's margins.
        network: draws.
    """

    balance: Balance
    network: Network

    @property
    def layout(self) -> Layout:
        """Of the columns."""
        return self.network.layout

    def draw(self, n: int, wanted: Mapping[int, Codes], rng: np.random.Generator) -> list[Codes]:
        """Cells of n records, per column, that have the wanted ones where these are not POOLED.

        Args:
            n: how many records.
            wanted: by column, shape (n,), POOLED where free.
            rng: the only source of randomness.

        Raises:
            ConditionError: a combination that no draw comes near.
        """
        first, which = distinct(list(wanted.values()))
        kinds = {j: k[first] for j, k in wanted.items()}
        found: list[Codes] = [np.empty(n, np.int64) for _ in self.layout.columns]
        rows = np.argsort(which, kind="stable")
        starts = np.cumsum(np.bincount(which)) - np.bincount(which)
        left = np.arange(len(first))
        for size in self._sizes:
            if not len(left):
                break
            pool = self._say(size, rng)
            thin = []
            for part in np.array_split(left, -(-len(left) // _KINDS_AT_ONCE)):
                weight = self._weights(pool, {j: k[part] for j, k in kinds.items()})
                records = np.bincount(which)[part]
                worth = _worth(weight)
                last = size == self._sizes[-1]
                met = np.flatnonzero(last | (worth >= _enough(records)))
                thin.append(np.delete(part, met))
                if not len(met):
                    continue
                total = weight[met].sum(axis=1)
                require_reached(total > 0)
                share = (weight[met] / total[:, None]).ravel()
                kept = picks(share, np.full(len(met), size), records[met], rng) % size
                here = np.concatenate(
                    [
                        rows[starts[k] : starts[k] + c]
                        for k, c in zip(part[met], records[met], strict=True)
                    ]
                )
                for some in network_draws.batches(len(here)):
                    self._fill(found, here[some], pool.take(kept[some]), rng)
            left = np.concatenate(thin)
        for j, k in wanted.items():
            found[j] = np.where(k == POOLED, found[j], k)
        return found

    def ask(self, wanted: Mapping[int, Codes], each: int, rng: np.random.Generator) -> Odds:
        """How probable conditions are, and about how many draws will stand behind each record.

        Args:
            wanted: by column, shape (conditions,), POOLED where free.
            each: how many records will be drawn under each condition.
            rng: the only source of randomness.
        """
        first, which = distinct(list(wanted.values()))
        kinds = {j: k[first] for j, k in wanted.items()}
        unrelated = log_unrelated(kinds, [c.margin for c in self.layout.columns])
        records = np.bincount(which) * each
        odds = Odds(unrelated.copy(), unrelated, np.empty(len(first)))
        left = np.arange(len(first))
        for size in self._sizes:
            if not len(left):
                break
            pool = self._say(size, rng)
            for part in np.array_split(left, -(-len(left) // _KINDS_AT_ONCE)):
                weight = self._weights(pool, {j: k[part] for j, k in kinds.items()})
                with np.errstate(divide="ignore"):
                    odds.log_probability[part] = unrelated[part] + np.log(weight.mean(axis=1))
                expected = self._expected(_worth(weight), _enough(records[part]), size)
                odds.effective[part] = expected / records[part]
            # what looks hopeless is looked at more closely
            left = left[odds.hopeless[left]]
        return Odds(*(a[which] for a in (odds.log_probability, unrelated, odds.effective)))

    @property
    def _sizes(self) -> list[int]:
        """Draws of a pool: more where it is worth too little."""
        most = max(FEWEST, MOST_NUMBERS // self.layout.width)
        return sorted({min(FEWEST * factor, most) for factor in FACTORS})

    def _expected(self, worth: Floats, enough: NDArray[np.int64], size: int) -> Floats:
        """What conditions will be worth with the first pool that is enough, or the last."""
        best = np.zeros(len(worth))
        for each in self._sizes:
            best = np.where(best < enough, worth * each / size, best)
        return np.maximum(best, np.minimum(worth, 1.0))

    def _say(self, n: int, rng: np.random.Generator) -> Drawn:
        return network_draws.say(self.balance, self.network, n, rng)

    def _fill(
        self, found: list[Codes], rows: NDArray[np.intp], drawn: Drawn, rng: np.random.Generator
    ) -> None:
        for column, cells in zip(found, network_draws.cells(self.layout, drawn, rng), strict=True):
            column[rows] = cells

    def _weights(self, pool: Drawn, kinds: Mapping[int, Codes]) -> Floats:
        """How much likelier than without it each draw makes each kind, shape (kinds, records)."""
        some = next(iter(kinds.values()))
        weight = np.ones((len(some), len(pool.chance)))
        for j, cells in kinds.items():
            known, of = np.unique(cells, return_inverse=True)
            rows = np.stack([self._lift(pool, j, int(cell)) for cell in known])
            weight *= rows[of]
        return weight

    def _lift(self, pool: Drawn, j: int, cell: int) -> Floats:
        """How much likelier than without it each draw makes one cell of a column."""
        column = self.layout.columns[j]
        if cell == POOLED:
            return np.ones(len(pool.chance))
        own = pool.chance[:, self.layout.slot(j)]
        option = column.option[cell]
        if not column.is_mode[option]:
            alone: Floats = own[:, option] / column.share[option]
            return alone
        near = _nearness(column, cell)[pool.smooth[j]] * own[:, column.is_mode].sum(axis=1)
        lift: Floats = near / max(float(near.mean()), 1e-300)
        return lift


def _nearness(column: Coded, cell: int) -> Floats:
    """A kernel around a cell on the ranks of all cells in modes, shape (cells,)."""
    share = column.margin[column.smooth]
    rank = np.zeros(len(column.margin))
    rank[column.smooth] = (np.cumsum(share) - share / 2) / share.sum()
    distance = (rank - rank[cell]) / BANDWIDTH
    return np.where(np.abs(distance) < CUT, np.exp(-0.5 * distance**2), 0.0)


def _worth(weight: Floats) -> Floats:
    """How many independent draws stand behind each kind, shape (kinds,)."""
    total = weight.sum(axis=1)
    share = weight / np.where(total > 0, total, 1)[:, None]
    share[total <= 0] = 1 / weight.shape[1]
    worth = effective_size(share.ravel(), np.full(len(weight), weight.shape[1]))
    return np.where(total > 0, worth, 0.0)


def _enough(records: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.maximum(ENOUGH, ENOUGH_PER_RECORD * records)
