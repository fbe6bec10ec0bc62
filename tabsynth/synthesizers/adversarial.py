"""Training of a conditional generator against a critic.

What makes it fast: records stay integers, and the critic's first layer adds rows of weights for
them; the gradient penalty is a closed form, so nothing is differentiated twice; one pass of the
generator serves both networks, and the critic's step does not go back through it.

Source: Xu et al. (2019), arXiv:1907.00503, sections 4.3 and 4.4; the penalty, Gulrajani et al.
(2017), arXiv:1704.00028; packs, Lin et al. (2018), arXiv:1712.04086.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.synthesizers import learning
from tabsynth.synthesizers.network_columns import Layout, Records
from tabsynth.synthesizers.networks import Generator

if TYPE_CHECKING:
    from torch import Tensor

PENALTY: Final = 10.0
TEMPERATURE: Final = 0.2
LEAK: Final = 0.2
# the penalty is taken at one pack in so many
SLOPES_OF: Final = 4


@dataclass(frozen=True)
class Shape:
    """Sizes and rates of the two networks.

    Args:
        noise: numbers that the generator starts from.
        generator: units of its layers.
        critic: units of its two layers.
        pack: records that the critic judges together.
        batch: records a step, a multiple of `pack`.
        generator_rate: its learning rate.
        critic_rate: its learning rate.
        decay: weight decay of the generator.
    """

    noise: int
    generator: tuple[int, ...]
    critic: tuple[int, int]
    pack: int
    batch: int
    generator_rate: float
    critic_rate: float
    decay: float


@dataclass(frozen=True)
class ByOption:
    """Training by sampling: a column at random, an option of it, a record that has it.

    Args:
        order: shape (columns, records), records of each column by option.
        starts: shape (width,), where an option starts in its column's order.
        counts: shape (width,), how many records have it.
        edges: shape (width,), running probability of the options, each column's adding up to 1.
        column: shape (width,), whose option it is.
    """

    order: NDArray[np.int32]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    edges: NDArray[np.float64]
    column: NDArray[np.intp]

    @classmethod
    def of(cls, layout: Layout, options: NDArray[np.int32]) -> ByOption:
        """Sort each column's records once.

        Source: Xu et al. (2019), section 4.3: options by the logarithm of their frequency.
        """
        counts = np.bincount(options.ravel(), minlength=layout.width)
        chance, starts = np.zeros(layout.width), np.zeros(layout.width, np.int64)
        column = np.zeros(layout.width, np.intp)
        for j in range(len(layout.columns)):
            slot = layout.slot(j)
            starts[slot] = np.cumsum(counts[slot]) - counts[slot]
            chance[slot] = np.log1p(counts[slot])
            chance[slot] /= chance[slot].sum()
            column[slot] = j
        order = np.argsort(options, axis=0, kind="stable").T.astype(np.int32)
        return cls(np.ascontiguousarray(order), starts, counts, np.cumsum(chance), column)

    def draw(self, n: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """Options and records that have them, each of shape (n,)."""
        option = np.searchsorted(self.edges, rng.random(n) * self.edges[-1], side="right")
        option = np.minimum(option, len(self.edges) - 1)
        place = self.starts[option] + (rng.random(n) * self.counts[option]).astype(np.int64)
        return option, self.order[self.column[option], place]


class Adversaries:
    """A generator and its critic while they learn; see `training.Learner`."""

    def __init__(self, layout: Layout, records: Records, shape: Shape, seed: int) -> None:
        """First weights.

        Args:
            layout: of the columns.
            records: to learn from.
            shape: of the networks.
            seed: of all randomness.
        """
        import torch

        self._layout, self._shape, self._seed = layout, shape, seed
        self._by_option = ByOption.of(layout, records.options)
        self._where = learning.device()
        self._options = torch.from_numpy(records.options).to(self._where)
        self._places = torch.from_numpy(records.places).to(self._where)
        self._columns = learning.Columns.of(layout)
        self._modes = torch.from_numpy(learning.modes_of(layout)).to(self._where)
        rng = np.random.default_rng([seed, 0])
        self._generator = learning.started(
            *learning.generator_start(layout, shape.noise, shape.generator), rng
        )
        self._critic = learning.started(_critic_sizes(layout, shape), {}, rng)
        self._slots = (torch.arange(shape.pack, device=self._where)[:, None]).to(torch.int32)
        self._average = learning.Average(self._generator)
        own, other = list(self._generator.values()), list(self._critic.values())
        self._adam = {
            "generator": learning.adam(own, rate=shape.generator_rate, decay=shape.decay,
                                       momentum=0.5),
            "critic": learning.adam(other, rate=shape.critic_rate, decay=0.0, momentum=0.5),
        }  # fmt: skip

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return max(1, len(self._options) // self._shape.batch)

    def epoch(self, number: int) -> None:
        """One pass; its randomness follows from seed and number."""
        import torch

        rng = np.random.default_rng([self._seed, number])
        random = torch.Generator(self._where).manual_seed(int(rng.integers(2**62)))
        size = self._shape.batch
        under, rows = self._by_option.draw(self.steps * size, rng)
        option = torch.from_numpy(under).to(self._where).split(size)
        record = torch.from_numpy(rows.astype(np.int64)).to(self._where).split(size)
        mixed = torch.autocast("cuda", torch.bfloat16, enabled=self._where == "cuda")
        with mixed:
            for step, (one, other) in enumerate(zip(option, record, strict=True)):
                self._step(one, other, random)
                self._average.follow((number - 1) * self.steps + step)

    def network(self, rng: np.random.Generator) -> Generator:
        """The generator as it is now."""
        return Generator.settled(self._layout, learning.plain(self._average.weights), rng)

    def state(self) -> dict[str, NDArray[Any]]:
        """All that training goes on from."""
        weights = {**self._generator, **self._critic}
        return learning.training_state(weights, self._average, self._adam)

    def resume(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from a state."""
        weights = {**self._generator, **self._critic}
        learning.resume(state, weights, self._average, self._adam)

    def _step(self, under: Tensor, rows: Tensor, random: Any) -> None:
        """One step of the critic, then one of the generator, on the same draws."""
        fake, met = self._fakes(under, random)
        first = self._given(under)
        gone = first + fake.detach() @ self._critic["critic.first"]
        loss = self._critic_loss(first + self._real(rows), gone, random)
        self._adam["critic"].zero_grad(set_to_none=True)
        loss.backward()
        self._adam["critic"].step()
        values = self._given(under) + fake @ self._critic["critic.first"]
        judged, *_ = self._judge(values)
        self._adam["generator"].zero_grad(set_to_none=True)
        (-judged.mean() - met).backward(inputs=list(self._generator.values()))
        self._adam["generator"].step()

    def _fakes(self, under: Tensor, random: Any) -> tuple[Tensor, Tensor]:
        """Packs of generated records, and the mean log-chance of their conditions."""
        import torch

        layout, shape = self._layout, self._shape
        out = learning.drafted(
            self._generator, under, noise=shape.noise, layers=len(shape.generator), random=random
        )
        logits = out[:, : layout.width]
        met = self._columns.log_chances(logits, under[:, None]).mean()
        soft = self._columns.relaxed(logits, temperature=TEMPERATURE, random=random)
        places = out[:, layout.width :].tanh() * (soft @ self._modes)
        fake = torch.cat([soft, places], dim=1)
        return fake.reshape(-1, self._shape.pack * fake.shape[1]), met

    def _real(self, rows: Tensor) -> Tensor:
        """What real records add to the critic's first layer, shape (packs, units)."""
        from torch.nn import functional

        layout, pack = self._layout, self._shape.pack
        table = self._critic["critic.first"]
        each = layout.width + len(layout.numeric)
        options = self._options[rows].reshape(-1, pack, len(layout.columns))
        options = options + self._slots * each
        found = functional.embedding_bag(options.flatten(1), table, mode="sum")
        places = self._places[rows].reshape(len(found), pack * len(layout.numeric))
        own = table.reshape(pack, each, -1)[:, layout.width :].flatten(0, 1)
        return found + places @ own

    def _given(self, under: Tensor) -> Tensor:
        """What the conditions add to the critic's first layer, shape (packs, units)."""
        from torch.nn import functional

        options = under.reshape(-1, self._shape.pack) + self._slots.T * self._layout.width
        found = functional.embedding_bag(options, self._critic["critic.under"], mode="sum")
        return found + self._critic["critic.shift"]

    def _critic_loss(self, real: Tensor, fake: Tensor, random: Any) -> Tensor:
        """Wasserstein distance, and a penalty where the critic's slope is not 1.

        The first layer is linear, so its values for a mixture of two packs are that mixture of
        their values. Behind it there are only products with slopes that the values fix; so the
        gradient is a product of the weights too.
        """
        import torch

        packs, some = len(real), -(-len(real) // SLOPES_OF)
        share = torch.rand(some, 1, generator=random, device=self._where)
        between = share * real[:some] + (1 - share) * fake[:some]
        judged, first, second = self._judge(torch.cat([real, fake, between]))
        last = self._critic["critic.last"].T * _slopes(second[2 * packs :])
        gradient = (last @ self._critic["critic.second"].T) * _slopes(first[2 * packs :])
        norm = (gradient @ self._critic["critic.first"].T).float().norm(dim=1)
        distance = judged[:packs].mean() - judged[packs : 2 * packs].mean()
        loss: Tensor = PENALTY * ((norm - 1) ** 2).mean() - distance
        return loss

    def _judge(self, first: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The critic behind its first layer: shape (packs, 1), and what its two layers had."""
        from torch.nn import functional

        weights = self._critic
        second = functional.leaky_relu(first, LEAK) @ weights["critic.second"]
        second = second + weights["critic.second.shift"]
        judged = functional.leaky_relu(second, LEAK) @ weights["critic.last"]
        return judged.float(), first, second


def _slopes(values: Tensor) -> Tensor:
    """Of the rectifier at these values, shaped alike."""
    return (values.detach() > 0).to(values.dtype).mul_(1 - LEAK).add_(LEAK)


def _critic_sizes(layout: Layout, shape: Shape) -> dict[str, tuple[int, ...]]:
    first, second = shape.critic
    each = layout.width + len(layout.numeric)
    return {
        "critic.first": (shape.pack * each, first),
        "critic.under": (shape.pack * layout.width, first),
        "critic.shift": (first,),
        "critic.second": (first, second),
        "critic.second.shift": (second,),
        "critic.last": (second, 1),
    }
