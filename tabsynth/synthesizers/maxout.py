"""A critic that is trained by noisy gradients of records that it never sees.

It is made of maxout units: a unit's score of a record is the largest of a few sums of weights, one
weight for each option that the record has. How the mean score of the records grows with the weights
is what they are asked about (`PrivateTable.critic_gradient`): which share of them has an option and
a piece as their largest. The same of generated records costs nothing; the difference is the
gradient of what the critic is after.

Source: the objective, Arjovsky et al. (2017), Wasserstein GAN, arXiv:1701.07875; the units,
Goodfellow et al. (2013), Maxout networks, arXiv:1302.4389; noisy gradients, Abadi et al. (2016),
arXiv:1607.00133.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.synthesizers.network_columns import Layout, Singles
from tabsynth.synthesizers.projection import Floats, to_margins, to_total

Integers = NDArray[np.int64]

# weights are whole numbers of this part
PARTS: Final = 1024
# and at most so large: far inside what the records may be asked with
REACH: Final = 2.0**20
# columns that a new unit looks at
LOOKS: Final = 3
# a step is taken where the difference exceeds so many standard deviations of its noise
CLEAR: Final = 2.0


@dataclass(frozen=True)
class Lesson:
    """What one step of a critic found out about the records.

    Args:
        weights: of the critic then, whole numbers of 1,024ths, shape (width, units, pieces).
        wanted: shares of the records by option and largest piece, shape (width, units, pieces);
            noise is taken out as far as margins tell.
        error: standard deviation of the noise in each share.
    """

    weights: Singles
    wanted: Singles
    error: float


@dataclass(frozen=True)
class Critic:
    """Units that take the largest of their pieces; every second one counts against a record.

    Args:
        weights: shape (width, units, pieces).
    """

    weights: Floats

    @classmethod
    def fresh(
        cls, layout: Layout, turns: Iterator[int], *, units: int, pieces: int,
        rng: np.random.Generator,
    ) -> Critic:  # fmt: skip
        """A critic whose units look at a few columns each, with weights at random.

        Args:
            layout: of the columns.
            turns: columns in the order in which they are looked at.
            units: how many.
            pieces: of each unit.
            rng: the only source of randomness.
        """
        weights = np.zeros((layout.width, units, pieces))
        for unit in range(units):
            for _ in range(min(LOOKS, len(layout.columns))):
                slot = layout.slot(next(turns))
                weights[slot, unit] = rng.standard_normal((slot.stop - slot.start, pieces))
        return cls(weights)

    @property
    def whole(self) -> Integers:
        """The weights in 1,024ths, shape (width, units, pieces)."""
        return np.asarray(np.rint(np.clip(self.weights, -REACH, REACH) * PARTS), np.int64)

    def lesson(
        self, released: Sequence[Integers], sigma: float, layout: Layout, total: float
    ) -> Lesson:
        """What a released gradient says of the records.

        The options of a column have known shares, and all columns agree on how many records have
        which largest piece: each table becomes the nearest one with these sums and nothing below
        0. Before that, what it differs by from independence shrinks by as much as noise explains.

        Args:
            released: per column, shape (options, units, pieces).
            sigma: standard deviation of their noise.
            layout: of the columns.
            total: about how many records there are, at least 1.

        Source: shrinkage, James and Stein (1961).
        """
        wanted: Singles = np.zeros(self.weights.shape, np.float32)
        for unit in range(released[0].shape[1]):
            pieces = np.mean([table[:, unit].sum(axis=0) for table in released], axis=0)
            pieces = to_total(pieces, total)
            for j, table in enumerate(released):
                margin = layout.columns[j].share * total
                near = _shrunk(table[:, unit].astype(np.float64), margin, pieces, noise=sigma)
                wanted[layout.slot(j), unit] = to_margins(near, margin, pieces) / total
        return Lesson((self.whole / PARTS).astype(np.float32), wanted, sigma / total)

    def stepped(self, lesson: Lesson, generated: Singles, rate: float) -> Critic:
        """The critic after a step up the difference of records and generated ones.

        Only differences that stand out of the noise move it.

        Args:
            lesson: of this critic.
            generated: its gradient over generated records, shape (width, units, pieces).
            rate: root mean square of the step, in standard deviations of fresh weights.
        """
        apart = lesson.wanted.astype(np.float64) - generated
        step = np.sign(apart) * np.maximum(np.abs(apart) - CLEAR * lesson.error, 0.0)
        step[:, 1::2] *= -1
        size = np.sqrt((step**2).mean(axis=(0, 2), keepdims=True))
        return Critic(self.weights + rate * step / np.where(size > 0, size, 1.0))


def turns(columns: int, rng: np.random.Generator) -> Iterator[int]:
    """Columns without end, each once in every round."""
    while True:
        yield from rng.permutation(columns).tolist()


def _shrunk(table: Floats, margin: Floats, pieces: Floats, *, noise: float) -> Floats:
    """A table nearer to the product of its margins, by the share of the distance that is noise."""
    unrelated = np.outer(margin, pieces) / pieces.sum()
    apart = table - unrelated
    apart += apart.mean() - apart.mean(axis=0) - apart.mean(axis=1, keepdims=True)
    freedom = (len(margin) - 1) * (len(pieces) - 1)
    chance = freedom * noise**2 / max(float((apart**2).sum()), 1e-300)
    shrunk: Floats = unrelated + max(0.0, 1 - chance) * apart
    return shrunk
