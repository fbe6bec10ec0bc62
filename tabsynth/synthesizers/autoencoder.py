"""Training of a variational autoencoder for tables.

Source: Xu et al. (2019), arXiv:1907.00503, section 4.5. Records are drawn from a mixture fitted to
the latent vectors of all records, not from a standard normal vector; Ghosh et al. (2020),
arXiv:1903.12436, section 4, do likewise.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.learners import one_thread
from tabsynth.synthesizers import learning
from tabsynth.synthesizers.network_columns import Layout, Records, Singles
from tabsynth.synthesizers.networks import POOL, Decoder, perceived

if TYPE_CHECKING:
    from torch import Tensor

# deviation of places around what the decoder says
NARROWEST: Final = 0.01
FIRST: Final = 0.1
# normal distributions that latent vectors follow, records for each at least, steps of the fit
CLOUDS: Final = 10
EACH: Final = 200
STEPS: Final = 30


@dataclass(frozen=True)
class Shape:
    """Sizes and rates of the two networks.

    Args:
        latent: numbers in between.
        encoder: units of its layers.
        decoder: units of its layers.
        batch: records a step.
        rate: learning rate.
        decay: weight decay.
        weight: of the reconstruction beside the latent vector's divergence.
    """

    latent: int
    encoder: tuple[int, ...]
    decoder: tuple[int, ...]
    batch: int
    rate: float
    decay: float
    weight: float


class Autoencoder:
    """Encoder and decoder while they learn; see `training.Learner`."""

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
        self._where = learning.device()
        self._options = torch.from_numpy(records.options).to(self._where)
        self._places = torch.from_numpy(records.places).to(self._where)
        self._columns = learning.Columns.of(layout)
        self._is_mode = torch.from_numpy(learning.modes_of(layout).any(axis=1)).to(self._where)
        self._numeric = torch.tensor(layout.numeric, dtype=torch.int64, device=self._where)
        rng = np.random.default_rng([seed, 0])
        self._weights = learning.started(_sizes(layout, shape), {}, rng)
        with torch.no_grad():
            self._weights["deviation"].fill_(FIRST)
        self._average = learning.Average(self._weights)
        self._adam = {
            "adam": learning.adam(list(self._weights.values()), rate=shape.rate,
                                  decay=shape.decay, momentum=0.9)
        }  # fmt: skip

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return -(-len(self._options) // self._shape.batch)

    def epoch(self, number: int) -> None:
        """One pass over all records; its randomness follows from seed and number."""
        import torch

        rng = np.random.default_rng([self._seed, number])
        random = torch.Generator(self._where).manual_seed(int(rng.integers(2**62)))
        rows = torch.from_numpy(rng.permutation(len(self._options))).to(self._where)
        mixed = torch.autocast("cuda", torch.bfloat16, enabled=self._where == "cuda")
        with mixed:
            for step, some in enumerate(rows.split(self._shape.batch)):
                loss = self._loss(self._options[some], self._places[some], random)
                self._adam["adam"].zero_grad(set_to_none=True)
                loss.backward()
                self._adam["adam"].step()
                with torch.no_grad():
                    self._weights["deviation"].clamp_(NARROWEST, 1.0)
                self._average.follow((number - 1) * self.steps + step)

    def network(self, rng: np.random.Generator) -> Decoder:
        """The decoder as it is now, and what the latent vectors follow."""
        import torch

        rows = rng.permutation(len(self._options))[:POOL]
        some = torch.from_numpy(rows).to(self._where)
        with torch.no_grad():
            middle, log_variance = self._encoded(
                self._average.weights, self._options[some], self._places[some]
            )
        deviation = (log_variance.float() / 2).exp().cpu().numpy()
        latent = middle.float().cpu().numpy() + deviation * rng.standard_normal(deviation.shape)
        kept = {n: w for n, w in learning.plain(self._average.weights).items() if n[:2] != "en"}
        return Decoder(self._layout, kept | _clouds(latent, rng))

    def state(self) -> dict[str, NDArray[Any]]:
        """All that training goes on from."""
        return learning.training_state(self._weights, self._average, self._adam)

    def resume(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from a state."""
        learning.resume(state, self._weights, self._average, self._adam)

    def _encoded(
        self, weights: Mapping[str, Tensor], options: Tensor, places: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Means and log-variances of the latent vectors, each of shape (records, latent)."""
        from torch.nn import functional

        table = weights["encoder.first"]
        values = functional.embedding_bag(options, table, mode="sum")
        values = values + places @ table[self._layout.width :] + weights["encoder.shift"]
        layers = len(self._shape.encoder)
        found = perceived(weights, values.clip(min=0), layers=layers, name="encoder")
        middle, log_variance = found.chunk(2, dim=1)
        return middle, log_variance

    def _loss(self, options: Tensor, places: Tensor, random: Any) -> Tensor:
        """The negative bound on the likelihood of records, the reconstruction weighted."""
        import torch

        width = self._layout.width
        middle, log_variance = self._encoded(self._weights, options, places)
        noise = torch.randn(middle.shape, generator=random, device=self._where)
        latent = middle + noise * (log_variance / 2).exp()
        layers = len(self._shape.decoder) + 1
        out = perceived(self._weights, latent, layers=layers, name="decoder").float()
        lost = -self._columns.log_chances(out[:, :width], options.long()).sum()
        deviation = self._weights["deviation"]
        gap = (places - out[:, width:].tanh()) / deviation
        within = self._is_mode[options[:, self._numeric].long()]
        lost = lost + ((0.5 * gap**2 + deviation.log()) * within).sum()
        divergence = 0.5 * (middle**2 + log_variance.exp() - 1 - log_variance).float().sum()
        total: Tensor = (self._shape.weight * lost + divergence) / len(options)
        return total


def _clouds(latent: NDArray[np.float64], rng: np.random.Generator) -> dict[str, Singles]:
    """A mixture of a few normal distributions that latent vectors follow, in their main axes."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    mean = latent.mean(axis=0)
    spread = np.cov(latent, rowvar=False, bias=True).reshape(len(mean), len(mean))
    lengths, axes = np.linalg.eigh(spread)
    root = (axes * np.sqrt(np.maximum(lengths, 1e-8))).T
    whitened = (latent - mean) @ np.linalg.inv(root)
    clouds = max(1, min(CLOUDS, len(latent) // EACH))
    seed = int(rng.integers(2**31))
    with warnings.catch_warnings(), one_thread():
        # the steps are limited on purpose
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = GaussianMixture(clouds, covariance_type="diag", max_iter=STEPS, reg_covar=1e-4,
                                random_state=seed).fit(whitened)  # fmt: skip
    parts = {
        "mean": mean, "root": root, "share": found.weights_, "center": found.means_,
        "scale": np.sqrt(found.covariances_),
    }  # fmt: skip
    return {f"latent.{name}": part.astype(np.float32) for name, part in parts.items()}


def _sizes(layout: Layout, shape: Shape) -> dict[str, tuple[int, ...]]:
    each = layout.width + len(layout.numeric)
    sizes: dict[str, tuple[int, ...]] = {
        "encoder.first": (each, shape.encoder[0]), "encoder.shift": (shape.encoder[0],),
        "deviation": (len(layout.numeric),),
    }  # fmt: skip
    for name, units in (
        ("encoder", (*shape.encoder, 2 * shape.latent)),
        ("decoder", (shape.latent, *shape.decoder, each)),
    ):
        for layer, (inner, outer) in enumerate(pairwise(units)):
            sizes[f"{name}.{layer}.weight"] = (inner, outer)
            sizes[f"{name}.{layer}.bias"] = (outer,)
    return sizes
