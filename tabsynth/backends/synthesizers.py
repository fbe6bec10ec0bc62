"""The reference packages' synthesizers: their parameters, under their own names and defaults."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal

import numpy as np
from pydantic import BeforeValidator
from pydantic import Field as Setting

from tabsynth.backends.model import ReferenceModel
from tabsynth.backends.packages import require_installed
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.protocol import Cost, ModelState, Size, Traits
from tabsynth.table import Table


def _sizes(value: Any) -> Any:
    """Layer sizes as a command line gives them: `256,256`, with brackets or without."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.strip("()[] ").split(",") if part.strip())
    return value


Layers = Annotated[tuple[Annotated[int, Setting(ge=1)], ...], BeforeValidator(_sizes)]
Count = Annotated[int, Setting(ge=1)]
Even = Annotated[int, Setting(ge=2, multiple_of=2)]
Rate = Annotated[float, Setting(ge=0, allow_inf_nan=False)]

_NEEDS: Final = "needs tabsynth[sdv], licence BUSL-1.1"
# seconds of one core for one cell of a record in one epoch, and of one for its preparation; from
# the figures of the design brief: 39,073 records, 15 columns, 80 epochs
_CTGAN_EPOCH, _TVAE_EPOCH, _PREPARED = 8.0e-6, 1.4e-6, 4.0e-5


@dataclass(frozen=True)
class SdvGaussianCopula:
    """`GaussianCopulaSynthesizer` of sdv: parametric margins and one correlation matrix.

    Args:
        default_distribution: of every margin. gaussian_kde, which is sdv's training values
            themselves, is not offered.
        enforce_min_max_values: keep numbers within the smallest and largest seen.
        enforce_rounding: round numbers as those seen are rounded.
    """

    name: ClassVar[str] = "sdv:gaussian_copula"
    summary: ClassVar[str] = f"sdv's Gaussian copula with parametric margins ({_NEEDS})"
    traits: ClassVar[Traits] = Traits(
        conditions="weighted", extra="sdv", guards_rare_values=False,
        cost="6 s for 39,000 records x 15 columns",
    )  # fmt: skip

    default_distribution: Literal["norm", "beta", "truncnorm", "gamma", "uniform"] = "beta"
    enforce_min_max_values: bool = True
    enforce_rounding: bool = True

    def __post_init__(self) -> None:
        require_installed(self.name)

    def cost(self, size: Size) -> Cost:
        """A rough estimate, from one measured table."""
        cells = size.records * len(size.cells)
        return Cost(seconds=2 + 1.0e-5 * cells, memory=3e8 + 200.0 * cells)

    def fit(self, data: Table, *, rng: np.random.Generator) -> ReferenceModel:
        """Let sdv fit; see `ReferenceModel.fit`.

        Raises:
            DataError: fewer than 10 records, or a table that sdv refuses.

        Privacy: not differentially private; the model holds values of single records.
        """
        return ReferenceModel.fit("sdv:gaussian_copula", data, dataclasses.asdict(self), rng)

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> ReferenceModel:
        """The model whose `state` this is."""
        return ReferenceModel.restore("sdv:gaussian_copula", schema, state)


@dataclass(frozen=True)
class SdvCtgan:
    """`CTGANSynthesizer` of sdv: its own preparation of the columns, and ctgan's network.

    Args: as in ctgan; see `CtganCtgan`.
        enforce_min_max_values: keep numbers within the smallest and largest seen.
        enforce_rounding: round numbers as those seen are rounded.
    """

    name: ClassVar[str] = "sdv:ctgan"
    summary: ClassVar[str] = f"sdv's CTGAN: a conditional generative adversarial network ({_NEEDS})"
    traits: ClassVar[Traits] = Traits(
        conditions="weighted", keeps_records=True, extra="sdv", guards_rare_values=False,
        cost="5 s an epoch for 39,000 records x 15 columns",
    )  # fmt: skip

    enforce_min_max_values: bool = True
    enforce_rounding: bool = True
    embedding_dim: Count = 128
    generator_dim: Layers = (256, 256)
    discriminator_dim: Layers = (256, 256)
    generator_lr: Rate = 2e-4
    generator_decay: Rate = 1e-6
    discriminator_lr: Rate = 2e-4
    discriminator_decay: Rate = 1e-6
    batch_size: Even = 500
    discriminator_steps: Count = 1
    log_frequency: bool = True
    epochs: Count = 300
    pac: Count = 10
    enable_gpu: bool = True

    def __post_init__(self) -> None:
        require_installed(self.name)

    def cost(self, size: Size) -> Cost:
        """A rough estimate, from one measured table."""
        return _network_cost(size, self.epochs, _CTGAN_EPOCH)

    def fit(self, data: Table, *, rng: np.random.Generator) -> ReferenceModel:
        """Let sdv fit; see `ReferenceModel.fit`.

        Raises:
            DataError: fewer than 10 records, or a table that sdv refuses.

        Privacy: not differentially private; the model holds the categories of every record.
        """
        return ReferenceModel.fit("sdv:ctgan", data, dataclasses.asdict(self), rng)

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> ReferenceModel:
        """The model whose `state` this is."""
        return ReferenceModel.restore("sdv:ctgan", schema, state)


@dataclass(frozen=True)
class SdvTvae:
    """`TVAESynthesizer` of sdv: a variational autoencoder for tables.

    Args:
        enforce_min_max_values: keep numbers within the smallest and largest seen.
        enforce_rounding: round numbers as those seen are rounded.
        embedding_dim: size of the latent vector.
        compress_dims: sizes of the encoder's layers.
        decompress_dims: sizes of the decoder's layers.
        l2scale: weight decay.
        batch_size: records a step.
        epochs: passes over the records.
        loss_factor: weight of the reconstruction.
        enable_gpu: train on a GPU where there is one.
    """

    name: ClassVar[str] = "sdv:tvae"
    summary: ClassVar[str] = f"sdv's TVAE: a variational autoencoder ({_NEEDS})"
    traits: ClassVar[Traits] = Traits(
        conditions="weighted", extra="sdv", guards_rare_values=False,
        cost="1 s an epoch for 39,000 records x 15 columns",
    )  # fmt: skip

    enforce_min_max_values: bool = True
    enforce_rounding: bool = True
    embedding_dim: Count = 128
    compress_dims: Layers = (128, 128)
    decompress_dims: Layers = (128, 128)
    l2scale: Rate = 1e-5
    batch_size: Count = 500
    epochs: Count = 300
    loss_factor: Rate = 2
    enable_gpu: bool = True

    def __post_init__(self) -> None:
        require_installed(self.name)

    def cost(self, size: Size) -> Cost:
        """A rough estimate, from one measured table."""
        return _network_cost(size, self.epochs, _TVAE_EPOCH)

    def fit(self, data: Table, *, rng: np.random.Generator) -> ReferenceModel:
        """Let sdv fit; see `ReferenceModel.fit`.

        Raises:
            DataError: fewer than 10 records, or a table that sdv refuses.

        Privacy: not differentially private; the model holds values of single records.
        """
        return ReferenceModel.fit("sdv:tvae", data, dataclasses.asdict(self), rng)

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> ReferenceModel:
        """The model whose `state` this is."""
        return ReferenceModel.restore("sdv:tvae", schema, state)


@dataclass(frozen=True)
class CtganCtgan:
    """`CTGAN` of the package ctgan, without sdv's preparation of the columns.

    It takes no missing number: where one is missing, the median stands in, and a discrete column
    beside it says so. Numbers are kept within what was seen, as sdv does.

    Args:
        embedding_dim: size of the random vector.
        generator_dim: sizes of the generator's layers.
        discriminator_dim: sizes of the critic's layers.
        generator_lr: learning rate of the generator.
        generator_decay: weight decay of the generator.
        discriminator_lr: learning rate of the critic.
        discriminator_decay: weight decay of the critic.
        batch_size: records a step; even, and a multiple of `pac`.
        discriminator_steps: steps of the critic for one of the generator.
        log_frequency: choose conditions by the logarithm of a category's frequency.
        epochs: passes over the records.
        pac: records that the critic judges together.
        enable_gpu: train on a GPU where there is one.
    """

    name: ClassVar[str] = "ctgan:ctgan"
    summary: ClassVar[str] = f"the CTGAN of the package ctgan, without sdv around it ({_NEEDS})"
    traits: ClassVar[Traits] = SdvCtgan.traits

    embedding_dim: Count = 128
    generator_dim: Layers = (256, 256)
    discriminator_dim: Layers = (256, 256)
    generator_lr: Rate = 2e-4
    generator_decay: Rate = 1e-6
    discriminator_lr: Rate = 2e-4
    discriminator_decay: Rate = 1e-6
    batch_size: Even = 500
    discriminator_steps: Count = 1
    log_frequency: bool = True
    epochs: Count = 300
    pac: Count = 10
    enable_gpu: bool = True

    def __post_init__(self) -> None:
        require_installed(self.name)

    def cost(self, size: Size) -> Cost:
        """A rough estimate, from one measured table."""
        return _network_cost(size, self.epochs, _CTGAN_EPOCH)

    def fit(self, data: Table, *, rng: np.random.Generator) -> ReferenceModel:
        """Let ctgan fit; see `ReferenceModel.fit`.

        Raises:
            DataError: fewer than 10 records, or a table that ctgan refuses.

        Privacy: not differentially private; the model holds the categories of every record.
        """
        return ReferenceModel.fit("ctgan:ctgan", data, dataclasses.asdict(self), rng)

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> ReferenceModel:
        """The model whose `state` this is."""
        return ReferenceModel.restore("ctgan:ctgan", schema, state)


def _network_cost(size: Size, epochs: int, epoch: float) -> Cost:
    cells = size.records * len(size.cells)
    # one-hot codes of every record as float64, and a copy of them on the way
    width = sum(min(count, 11) if count > 100 else count for count in size.cells)
    return Cost(
        seconds=10 + cells * (_PREPARED + epochs * epoch), memory=6e8 + 16.0 * size.records * width
    )
