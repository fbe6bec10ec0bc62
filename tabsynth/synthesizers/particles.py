"""Drawing along a chain when some columns are given: pools of particles, weighted and resampled.

Records under the same conditions share pools of particles. A pool goes through the columns in
drawing order. A given column is not drawn but set, and each particle is weighed by how probable
it makes the given cell. After the last given column as many particles go on as there are records.
Where the given columns come first in drawing order, one particle per record is enough and nothing
is weighted: the draw is exact.

Source: sequential importance resampling, Gordon, Salmond and Smith (1993),
doi:10.1049/ip-f-2.1993.0015; resampling only when weights are uneven, Liu and Chen (1998),
doi:10.1080/01621459.1998.10473765.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import POOLED, Codes
from tabsynth.synthesizers.cloud import Cloud
from tabsynth.synthesizers.links import Link
from tabsynth.synthesizers.odds import Odds, distinct, log_unrelated
from tabsynth.synthesizers.pools import FACTORS, Counts, Pools
from tabsynth.synthesizers.rounds import asked, settled

# as many records under a condition tell how far its particles carry
ASKED: Final = 512
ASKED_AT_ONCE: Final = 1 << 15


@dataclass(frozen=True)
class Chain:
    """Columns in drawing order.

    Args:
        links: one per column.
        bins: per column, by its position in the table, the bin of each cell.
        shares: per column, how probable each cell is whatever the other columns hold.
    """

    links: Sequence[Link]
    bins: Sequence[NDArray[np.uint8]]
    shares: Sequence[NDArray[np.float64]]

    def draw(
        self, cloud: Cloud, places: range, kinds: Kinds | None, rng: np.random.Generator
    ) -> Cloud:
        """The particles with the columns at those places drawn too."""
        for place in places:
            link, j = self.links[place], self.links[place].column
            wish = None if kinds is None else kinds.wish(j, cloud.kind)
            cloud = cloud.after(link, self.bins[j], wish, share=self.shares[j], rng=rng)
            if wish is not None and place < places[-1]:
                cloud = cloud.evened(rng)
        return cloud

    def draw_given(
        self, n: int, wanted: Mapping[int, Codes], rng: np.random.Generator
    ) -> list[Codes]:
        """Cells of n records, per column, that have the wanted ones where these are not POOLED.

        Args:
            n: how many records.
            wanted: by column, shape (n,), POOLED where free.
            rng: the only source of randomness.

        Raises:
            ConditionError: a combination that no particle reaches.
        """
        kinds, which = Kinds.of(self.links, wanted)
        found: list[Codes] = [np.empty(n, np.int64) for _ in self.links]

        def settle(part: Pools, cloud: Cloud, number: Counts, places: NDArray[np.intp]) -> None:
            cloud = cloud.picked(number, rng)
            cloud = self.draw(cloud, range(kinds.end(part.kind), len(self.links)), None, rng)
            for all_cells, cells in zip(found, cloud.drawn, strict=True):
                all_cells[places] = cells

        settled(which, kinds.exact, lambda part: self._reach(part, kinds, rng), settle)
        return found

    def ask(self, wanted: Mapping[int, Codes], each: int, rng: np.random.Generator) -> Odds:
        """How probable conditions are, and about how many draws will stand behind each record.

        Args:
            wanted: by column, shape (conditions,), POOLED where free.
            each: how many records will be drawn under each condition.
            rng: the only source of randomness.
        """
        kinds, which = Kinds.of(self.links, wanted)
        unrelated = log_unrelated(kinds.wanted, self.shares)
        records = np.minimum(np.bincount(which) * each, np.where(kinds.exact, 1, ASKED))
        few = Pools.plan(np.arange(len(records)), records, exact=kinds.exact, factor=1)
        # few conditions are asked closely from the start
        close = (f for f in FACTORS if f * few.particles.sum() <= ASKED_AT_ONCE)
        odds = asked(records, kinds.exact, unrelated, lambda part: self._reach(part, kinds, rng),
                     start=max(close, default=1))  # fmt: skip
        return Odds(*(a[which] for a in (odds.log_probability, unrelated, odds.effective)))

    def _reach(self, pools: Pools, kinds: Kinds, rng: np.random.Generator) -> Cloud:
        """Particles of pools, drawn up to the last given column."""
        end = kinds.end(pools.kind)
        # up to the first choice all particles of a pool are the same
        same = min(int(kinds.free[pools.kind].min()), end)
        cloud = Cloud.start(pools.kind, len(self.links))
        cloud = self.draw(cloud, range(same), kinds, rng).spread(pools.particles)
        return self.draw(cloud, range(same, end), kinds, rng)


@dataclass(frozen=True)
class Kinds:
    """Conditions that differ, those on the same columns beside each other.

    Args:
        wanted: by column, shape (kinds,), POOLED where free.
        free: shape (kinds,), the first place in drawing order that is neither given nor fixed.
        ends: shape (kinds,), the place after the last given column.
    """

    wanted: Mapping[int, Codes]
    free: Counts
    ends: Counts

    @classmethod
    def of(
        cls, links: Sequence[Link], wanted: Mapping[int, Codes]
    ) -> tuple[Kinds, NDArray[np.intp]]:
        """The kinds of conditions, and which one each condition is.

        Args:
            links: in drawing order.
            wanted: by column, shape (conditions,), POOLED where free.
        """
        wanted = _at_their_sources(links, wanted)
        first, which = distinct(list(wanted.values()))
        own = {j: k[first] for j, k in wanted.items()}
        free, ends = np.full(len(first), len(links)), np.zeros(len(first), np.int64)
        known: dict[int, NDArray[np.bool_]] = {}
        for place, link in enumerate(links):
            given = own.get(link.column, np.array([POOLED])) != POOLED
            fixed = known[link.source] if link.source is not None else np.False_
            known[link.column] = np.broadcast_to(given | fixed, len(first))
            ends[given & (ends <= place)] = place + 1
            free = np.where(known[link.column], free, np.minimum(free, place))
        order = np.lexsort((ends, free))
        rank = np.empty(len(order), np.intp)
        rank[order] = np.arange(len(order))
        return cls({j: k[order] for j, k in own.items()}, free[order], ends[order]), rank[which]

    @property
    def exact(self) -> NDArray[np.bool_]:
        """Shape (kinds,), whether no choice comes before a given column."""
        return self.free >= self.ends

    def end(self, kind: NDArray[np.intp]) -> int:
        """The place after the last column that any of those kinds gives."""
        return int(self.ends[kind].max())

    def wish(self, column: int, kind: NDArray[np.intp]) -> Codes | None:
        """The wanted cells of particles of those kinds; None where all are free."""
        wish = None if column not in self.wanted else self.wanted[column][kind]
        return None if wish is None or np.all(wish == POOLED) else wish


def _at_their_sources(links: Sequence[Link], wanted: Mapping[int, Codes]) -> dict[int, Codes]:
    """Where one cell alone of a column means the wanted cell of another, that is wanted too."""
    moved = dict(wanted)
    live = {link.column: link.live for link in links}
    for link in reversed(links):
        if link.source is None or link.table is None or link.column not in moved:
            continue
        sources = live[link.source]
        means, first, count = np.unique(
            link.live[link.table[sources]], return_index=True, return_counts=True
        )
        # one more place than there are cells: what no cell means asks for nothing
        origin = np.full(int(means[-1]) + 2, POOLED)
        origin[means] = np.where(count == 1, sources[first], POOLED)
        asked = origin[np.minimum(moved[link.column], len(origin) - 1)]
        old = moved.get(link.source)
        moved[link.source] = asked if old is None else np.where(old == POOLED, asked, old)
    return moved
