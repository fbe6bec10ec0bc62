"""TVAE: a variational autoencoder for tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field as Setting

from tabsynth.encoding.freeze import MIN_COUNT
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.autoencoder import Autoencoder, Shape
from tabsynth.synthesizers.costs import network_cost
from tabsynth.synthesizers.learning import require_torch
from tabsynth.synthesizers.network_fit import Recipe
from tabsynth.synthesizers.network_model import NetworkModel
from tabsynth.synthesizers.protocol import LAST, Cost, ModelState, Size, Traits
from tabsynth.synthesizers.training import Rate, Units
from tabsynth.table import Table


@dataclass(frozen=True)
class Tvae:
    """An encoder to few numbers and a decoder that draws records from them.

    Args:
        epochs: passes over the records, at most; it stops earlier when records that are held out
            are told from drawn ones no worse for 10 looks.
        batch_size: records a step.
        embedding_dim: numbers between encoder and decoder.
        units: of each of the two layers of encoder and decoder.
        lr: learning rate.
        decay: weight decay.
        loss_factor: weight of the reconstruction beside the divergence of the latent numbers.
        min_count: fewest records behind a category, frequent value or bin end.
        checkpoint: file that holds the state after each epoch until the fit is over; a fit that
            finds it goes on from there. It is kept as closely as a model.
    """

    name: ClassVar[str] = "tvae"
    summary: ClassVar[str] = "a variational autoencoder for tables, after Xu et al. 2019"
    traits: ClassVar[Traits] = Traits(
        places=True,
        conditions="weighted", extra="ctgan",
        cost="a second an epoch for 50,000 records on two cores, up to 300 epochs",
        categories="the 192 most frequent each, the others in 64 groups",
    )  # fmt: skip

    epochs: Units = 300
    batch_size: Units = 500
    embedding_dim: Units = 128
    units: Units = 128
    lr: Rate = 2e-3
    decay: Annotated[float, Setting(ge=0, allow_inf_nan=False)] = 1e-5
    loss_factor: Rate = 2.0
    min_count: Units = MIN_COUNT
    checkpoint: str | None = dataclasses.field(default=None, metadata=LAST)

    def __post_init__(self) -> None:
        require_torch(self.name)

    def cost(self, size: Size) -> Cost:
        """A rough estimate, for all epochs."""
        return network_cost(size, epochs=self.epochs, units=self.units, packed=0)

    def fit(self, data: Table, *, rng: np.random.Generator) -> NetworkModel:
        """Train the two networks.

        Args:
            data: records to learn from.
            rng: the only source of randomness.

        Raises:
            DataError: fewer than twice `min_count` records.
            UsageError: a checkpoint of another table or other parameters.

        Privacy: not differentially private; the model holds margins, and weights to which every
            record has contributed. No value of fewer than `min_count` records comes out.

        Source: Xu et al. (2019), Modeling tabular data using conditional GAN, arXiv:1907.00503.
        """
        return self.fit_telling(data, rng=rng, say=lambda _: None)

    def fit_telling(
        self, data: Table, *, rng: np.random.Generator, say: Callable[[str], object]
    ) -> NetworkModel:
        """As `fit`; `say` is told now and then how far it is and how well it does."""
        shape = Shape(
            latent=self.embedding_dim, encoder=(self.units,) * 2, decoder=(self.units,) * 2,
            batch=self.batch_size, rate=self.lr, decay=self.decay, weight=self.loss_factor,
        )  # fmt: skip
        recipe = Recipe(
            "decoder", lambda layout, records, seed: Autoencoder(layout, records, shape, seed),
            shape, epochs=self.epochs, min_count=self.min_count, checkpoint=self.checkpoint,
        )  # fmt: skip
        return recipe.fit(data, rng, say)

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> NetworkModel:
        """The model whose `state` this is; it draws without torch.

        Raises:
            ValueError: parts that do not fit together.
        """
        return NetworkModel.restore(schema, state, "decoder")
