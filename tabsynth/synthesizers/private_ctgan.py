"""CTGAN under a budget: critics trained by noisy gradients, a generator that sees no record.

Experimental. Everything that is learnt comes from histograms and from gradients of the critic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field as Setting

from tabsynth.privacy.private_table import PrivateTable
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.binning import Groups, coarse_groups
from tabsynth.synthesizers.clique_model import with_even
from tabsynth.synthesizers.counted import CountedModel
from tabsynth.synthesizers.histograms import Histograms, Kept, measure_histograms
from tabsynth.synthesizers.learning import require_torch
from tabsynth.synthesizers.margins import two_digits
from tabsynth.synthesizers.matched import Matched, Shape
from tabsynth.synthesizers.maxout import Critic, Lesson, turns
from tabsynth.synthesizers.network_columns import Coded, Layout
from tabsynth.synthesizers.network_draws import Balance
from tabsynth.synthesizers.network_model import NetworkModel
from tabsynth.synthesizers.networks import Generator
from tabsynth.synthesizers.protocol import ModelState, Traits
from tabsynth.synthesizers.training import Rate, Units

# an option has at least so many standard deviations of a gradient's noise, by piece
STANDS_OUT = 3.0
# and about so large a share of the records, were all alike
OPTIONS = 40


@dataclass(frozen=True)
class PrivateCtgan:
    """A generator against critics whose gradients on the records are summed and noised.

    Args:
        columns: share of the budget for every column in blocks.
        frequent: share for frequent values of columns of many cells; the rest is for gradients.
        critic_steps: gradients, of all records each; fixed before the first.
        critic_life: steps that a critic learns for, before a fresh one takes its place.
        critic_units: units of a critic, at least 2.
        critic_pieces: of which a unit takes the largest.
        critic_lr: root mean square of a critic's step, in standard deviations of its first weights.
        generator_steps: of the generator after each step of the critic.
        batch_size: generated records a step.
        embedding_dim: numbers that the generator starts from.
        generator_units: of each of its two layers.
        generator_lr: learning rate of the generator.
    """

    name: ClassVar[str] = "ctgan"
    summary: ClassVar[str] = "private, experimental: a generator against critics of noisy gradients"
    caution: ClassVar[str] = (
        "ctgan under a budget is experimental; aim was more faithful wherever both were measured"
    )
    traits: ClassVar[Traits] = Traits(
        conditions="weighted", extra="ctgan", cost="half a minute, whatever the records",
        categories="rare ones share an option",
    )  # fmt: skip

    columns: Annotated[float, Setting(gt=0, lt=0.5)] = 0.12
    frequent: Annotated[float, Setting(gt=0, lt=0.3)] = 0.08
    critic_steps: Units = 24
    critic_life: Units = 2
    critic_units: Annotated[int, Setting(ge=2)] = 2
    critic_pieces: Annotated[int, Setting(ge=2)] = 6
    critic_lr: Rate = 0.7
    generator_steps: Units = 60
    batch_size: Annotated[int, Setting(ge=2)] = 500
    embedding_dim: Units = 32
    generator_units: Units = 64
    generator_lr: Rate = 4e-3

    def __post_init__(self) -> None:
        require_torch(self.name)

    def fit(self, data: PrivateTable, *, rng: np.random.Generator) -> CountedModel:
        """Spend the budget on histograms and on gradients of critics.

        Args:
            data: asked about fine cells.
            rng: of critics, generator and conditions; no noise comes from it.

        Raises:
            BudgetError: nothing is left.

        Privacy: everything comes from answers of `data`, paid with `data.remaining`; how many there
            are, and what each costs, is fixed before the first. What follows them is
            post-processing.

        Source: Xu et al. (2019), arXiv:1907.00503; see `maxout` and `matched` for what differs.
        """
        rho = data.remaining
        histograms = measure_histograms(data, blocks=self.columns * rho, fine=self.frequent * rho)
        left = (1 - self.columns - self.frequent) * rho
        count = len(histograms.columns)
        sigma = math.sqrt(count * self.critic_units * self.critic_steps / (2 * left))
        least = max(STANDS_OUT * sigma / self.critic_pieces, histograms.total / OPTIONS)
        groups = coarse_groups(histograms, least=least)
        coarse = data.coarsened(
            [g[k.place] for g, k in zip(groups, histograms.columns, strict=True)]
        )
        layout = _layout(histograms, groups)
        shape = Shape(self.embedding_dim, (self.generator_units,) * 2, self.batch_size,
                      self.generator_lr)  # fmt: skip
        generator = Matched(layout, shape, int(rng.integers(2**62)))
        # of a single column, the histogram says all
        if count > 1:
            self._train(generator, coarse, layout, total=histograms.total, rng=rng)
        told = (
            f"Trained against critics of {self.critic_units} units, by {self.critic_steps} noisy "
            "gradients of all records. Experimental.",
        )
        network = generator.network(rng)
        codec = histograms.codec(data.domain)
        model = _settled(NetworkModel.of(codec, "generator", network, rng=rng, told=told))
        return CountedModel(model, two_digits(round(histograms.total)))

    def _train(
        self, generator: Matched, data: PrivateTable, layout: Layout, *, total: float,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        """A gradient of the critic, a step of the critic, steps of the generator; over again."""
        each, order = data.remaining / self.critic_steps, turns(len(layout.columns), rng)
        lessons: list[Lesson] = []
        for step in range(self.critic_steps):
            if step % self.critic_life == 0:
                critic = Critic.fresh(
                    layout, order, units=self.critic_units, pieces=self.critic_pieces, rng=rng
                )
            asked = [critic.whole[layout.slot(j)] for j in range(len(layout.columns))]
            last = step == self.critic_steps - 1
            released, sigma = data.critic_gradient(
                asked, rho=data.remaining if last else each, stage="gradients of the critic"
            )
            lessons.append(critic.lesson(released, sigma, layout, total))
            critic = critic.stepped(
                lessons[-1], generator.gradient(lessons[-1].weights), self.critic_lr
            )
            generator.learn(lessons, self.generator_steps)

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> CountedModel:
        """The model whose `state` this is; it draws without torch.

        Raises:
            ValueError: parts that do not fit together.
        """
        model = NetworkModel.restore(schema, state, "generator")
        return CountedModel(model, int(state.settings["rows"]))


def _layout(histograms: Histograms, groups: Sequence[Groups]) -> Layout:
    """Every coarse cell as an option; what is inside is drawn by the histogram."""
    return Layout(tuple(_coded(k, g) for k, g in zip(histograms.columns, groups, strict=True)))


def _coded(kept: Kept, groups: Groups) -> Coded:
    share, option = with_even(kept.counts), groups.astype(np.int16)
    if len(share) < kept.codec.cells:
        # missing, where the column must hold a value
        share, option = np.append(share, 0.0), np.append(option, np.int16(-1))
    nothing = np.zeros(int(groups.max()) + 1)
    return Coded(share, option, nothing, nothing)


def _settled(model: NetworkModel) -> NetworkModel:
    """The same model, with what balances its margins inside the network's own constants."""
    weights, lift = dict(model.network.weights), model.balance.lift
    weights["out.bias"] = weights["out.bias"] + lift
    network = Generator(model.layout, weights)
    balance = Balance(np.zeros_like(lift), model.balance.edges)
    return NetworkModel(model.codec, model.kind, network, balance, model.told)
