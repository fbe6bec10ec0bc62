"""A generator that learns from what critics found out about records, and from nothing else.

It is trained until generated records give every critic that there was the gradient that the records
gave it. So no answer about the records is used once and thrown away.

Source: the generator and its conditions, Xu et al. (2019), arXiv:1907.00503, section 4.4; matching
statistics of a critic, Salimans et al. (2016), arXiv:1606.03498, section 3.1; asking once and
keeping all answers, Liu et al. (2021), arXiv:2106.07153.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tabsynth.synthesizers import learning
from tabsynth.synthesizers.maxout import Lesson
from tabsynth.synthesizers.network_columns import Layout, Singles
from tabsynth.synthesizers.networks import Generator

if TYPE_CHECKING:
    from torch import Tensor

TEMPERATURE: Final = 1.0
# how softly the largest piece is taken where a gradient goes through
SOFTNESS: Final = 0.5
# units that a step is held to
AT_ONCE: Final = 8
# how much meeting the condition counts
OBEDIENCE: Final = 0.01
DECAY: Final = 1e-6
# generated records whose gradient stands for that of all
MANY: Final = 4_000


@dataclass(frozen=True)
class Shape:
    """Sizes and rates of a generator.

    Args:
        noise: numbers that it starts from.
        layers: units of its layers.
        batch: records a step, at least 2.
        rate: its learning rate.
    """

    noise: int
    layers: tuple[int, ...]
    batch: int
    rate: float


class Matched:
    """A generator while it learns."""

    def __init__(self, layout: Layout, shape: Shape, seed: int) -> None:
        """First weights.

        Args:
            layout: of the columns; options without places.
            shape: of the network.
            seed: of all randomness.
        """
        import torch

        self._layout, self._shape = layout, shape
        self._where = learning.device()
        self._rng = np.random.default_rng([seed, 0])
        self._random = torch.Generator(self._where).manual_seed(seed)
        start = learning.generator_start(layout, shape.noise, shape.layers)
        self._weights = learning.started(*start, self._rng)
        self._average = learning.Average(self._weights)
        own = list(self._weights.values())
        self._adam = learning.adam(own, rate=shape.rate, decay=DECAY, momentum=0.9)
        self._columns = learning.Columns.of(layout)
        self._share = torch.tensor(layout.share, dtype=torch.float32, device=self._where)
        self._edges = np.cumsum(layout.share)
        self._steps = 0

    def network(self, rng: np.random.Generator) -> Generator:
        """The generator as it is now."""
        return Generator.settled(self._layout, learning.plain(self._average.weights), rng)

    def gradient(self, weights: Singles) -> Singles:
        """Of a critic of these weights, over generated records: shaped alike, shares."""
        import torch

        asked = torch.from_numpy(weights).to(self._where)
        rounds = -(-MANY // self._shape.batch)
        with torch.no_grad():
            found = [_largest(self._drawn()[0], asked) for _ in range(rounds)]
            mean: Singles = torch.stack(found).mean(dim=0).cpu().numpy()
        return mean

    def learn(self, lessons: Sequence[Lesson], steps: int) -> None:
        """Come nearer to all lessons, a few units at a time.

        Args:
            lessons: at least one.
            steps: how many.
        """
        import torch

        weights = np.concatenate([lesson.weights for lesson in lessons], axis=1)
        wanted = np.concatenate([lesson.wanted for lesson in lessons], axis=1)
        for _ in range(steps):
            some = self._rng.permutation(weights.shape[1])[:AT_ONCE]
            asked, right = (torch.from_numpy(a[:, some]).to(self._where) for a in (weights, wanted))
            fake, met = self._drawn()
            # two halves, so that chance within a batch is no error of the generator
            one, other = fake.split(-(-len(fake) // 2))
            first, second = _largest(one, asked) - right, _largest(other, asked) - right
            miss = (first * second).sum() / len(some)
            apart = (one.mean(dim=0) - self._share) * (other.mean(dim=0) - self._share)
            loss = miss + apart.sum() - OBEDIENCE * met
            self._adam.zero_grad(set_to_none=True)
            loss.backward()
            self._adam.step()
            self._average.follow(self._steps)
            self._steps += 1

    def _drawn(self) -> tuple[Tensor, Tensor]:
        """Options of generated records, 0 or 1, and the mean log-chance of their conditions.

        Conditions are options of a column at random, by their released shares.
        """
        import torch

        shape, layout = self._shape, self._layout
        place = self._rng.random(shape.batch) * self._edges[-1]
        under = np.minimum(np.searchsorted(self._edges, place, side="right"), layout.width - 1)
        option = torch.from_numpy(under).to(self._where)
        out = learning.drafted(
            self._weights, option, noise=shape.noise, layers=len(shape.layers), random=self._random
        )
        met = self._columns.log_chances(out, option[:, None]).mean()
        soft = self._columns.relaxed(out, temperature=TEMPERATURE, random=self._random)
        hard = torch.zeros_like(soft)
        for start, columns, options in layout.runs:
            part = soft.detach()[:, start : start + columns * options]
            part = part.reshape(-1, columns, options)
            one = torch.zeros_like(part).scatter_(2, part.argmax(dim=2, keepdim=True), 1.0)
            hard[:, start : start + columns * options] = one.flatten(1)
        return hard + soft - soft.detach(), met


def _largest(records: Tensor, weights: Tensor) -> Tensor:
    """Share of records by option and largest piece, shaped as the weights.

    The gradient goes through as if the largest piece were taken softly.
    """
    import torch

    width, units, pieces = weights.shape
    scores = (records @ weights.reshape(width, -1)).reshape(-1, units, pieces)
    soft = (scores / SOFTNESS).softmax(dim=2)
    hard = torch.zeros_like(soft).scatter_(2, scores.argmax(dim=2, keepdim=True), 1.0)
    gate = hard + soft - soft.detach()
    return (records.T @ gate.flatten(1) / len(records)).reshape(weights.shape)
