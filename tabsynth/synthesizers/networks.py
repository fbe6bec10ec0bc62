"""The networks that draw: one definition each, for training on torch and for drawing on numpy.

A model file holds plain weights, and drawing is a few matrix products; so it needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol

import numpy as np

from tabsynth.synthesizers.network_columns import Layout, Singles

Weights = Mapping[str, Singles]

# records whose moments stand for those of all, and the most outputs that these have together
POOL: Final = 8_192
FEWEST: Final = 1_024
MOST_OUTPUTS: Final = 1 << 22
_TINY: Final = 1e-5


@dataclass(frozen=True)
class Outputs:
    """What a network says of records.

    Args:
        logits: shape (records, width), of every option.
        places: shape (records, numeric columns), from -1 to 1 within whatever mode is drawn.
    """

    logits: Singles
    places: Singles


def pool_of(layout: Layout) -> int:
    """How many records' moments stand for those of all."""
    return min(POOL, max(FEWEST, MOST_OUTPUTS // layout.width))


class Network(Protocol):
    """Draws outputs of records that do not exist."""

    @property
    def layout(self) -> Layout:
        """Of the columns."""
        ...

    def outputs(self, n: int, rng: np.random.Generator) -> Outputs:
        """Outputs of n records.

        Args:
            n: how many.
            rng: the only source of randomness.
        """
        ...

    @property
    def weights(self) -> Weights:
        """All that it has learnt."""
        ...


def generated(
    weights: Mapping[str, Any], noise: Any, under: Any, *, layers: int, norm: Callable[..., Any],
    join: Callable[..., Any], take: Callable[..., Any],
) -> Any:  # fmt: skip
    """The generator: residual layers on noise and a condition; arrays or tensors in and out.

    Args:
        weights: as `generator_sizes` lists them.
        noise: shape (records, noise).
        under: shape (records,), options.
        layers: how many.
        norm: brings a layer's values, shape (records, units), to moments and rectifies them; takes
            its number too.
        join: two arrays side by side.
        take: rows of an array.

    Returns:
        Shape (records, width + numeric columns), logits and places before their tanh.

    Source: Xu et al. (2019), section 4.4. A condition, of which one element is 1, enters as a row
        of weights and not as a product.
    """
    found = noise
    for layer in range(layers):
        values = found @ weights[f"{layer}.weight"] + take(weights[f"{layer}.under"], under)
        found = join(norm(layer, values), found)
    return found @ weights["out.weight"] + take(weights["out.under"], under) + weights["out.bias"]


def generator_sizes(
    layout: Layout, noise: int, layers: tuple[int, ...]
) -> dict[str, tuple[int, ...]]:
    """Shapes of a generator's weights."""
    sizes: dict[str, tuple[int, ...]] = {}
    found = noise
    for layer, units in enumerate(layers):
        sizes[f"{layer}.weight"] = (found, units)
        sizes[f"{layer}.under"] = (layout.width, units)
        sizes[f"{layer}.scale"] = sizes[f"{layer}.shift"] = (units,)
        found += units
    out = layout.width + len(layout.numeric)
    return sizes | {
        "out.weight": (found, out),
        "out.under": (layout.width, out),
        "out.bias": (out,),
    }


@dataclass(frozen=True)
class Generator:
    """A trained generator, with the moments of its layers folded into scales and shifts."""

    layout: Layout
    weights: Weights

    @property
    def _layers(self) -> int:
        return sum(name.endswith(".scale") for name in self.weights)

    @classmethod
    def settled(cls, layout: Layout, weights: Weights, rng: np.random.Generator) -> Generator:
        """The generator with the moments that layers have over many records.

        Args:
            layout: of the columns.
            weights: as trained, with scales and shifts of values that have moments 0 and 1.
            rng: draws the records.
        """
        fixed = dict(weights)

        def norm(layer: int, values: Singles) -> Singles:
            deviation = np.sqrt(values.var(axis=0) + _TINY)
            scale = weights[f"{layer}.scale"] / deviation
            fixed[f"{layer}.scale"] = scale
            fixed[f"{layer}.shift"] = weights[f"{layer}.shift"] - values.mean(axis=0) * scale
            scaled: Singles = values * scale + fixed[f"{layer}.shift"]
            return scaled.clip(min=0, out=scaled)

        network = cls(layout, weights)
        network._run(pool_of(layout), rng, norm)
        return cls(layout, fixed)

    def outputs(self, n: int, rng: np.random.Generator) -> Outputs:
        """See `Network.outputs`; each is drawn under an option of a column, by its share there."""

        def norm(layer: int, values: Singles) -> Singles:
            scaled: Singles = values * self.weights[f"{layer}.scale"]
            scaled += self.weights[f"{layer}.shift"]
            return scaled.clip(min=0, out=scaled)

        return self._run(n, rng, norm)

    def _run(
        self, n: int, rng: np.random.Generator, norm: Callable[[int, Singles], Singles]
    ) -> Outputs:
        edges = np.cumsum(self.layout.share)
        under = np.searchsorted(edges, rng.random(n) * edges[-1], side="right")
        under = np.minimum(under, self.layout.width - 1)
        noise = rng.standard_normal((n, len(self.weights["0.weight"])), dtype=np.float32)
        out = generated(
            self.weights, noise, under, layers=self._layers, norm=norm,
            join=lambda *parts: np.concatenate(parts, axis=1), take=lambda rows, at: rows[at],
        )  # fmt: skip
        width = self.layout.width
        return Outputs(out[:, :width], np.tanh(out[:, width:]))


def perceived(weights: Mapping[str, Any], values: Any, *, layers: int, name: str) -> Any:
    """A plain network of rectified layers; arrays or tensors in and out.

    Args:
        weights: `<name>.<layer>.weight` and `.bias`, the last one without rectifier.
        values: shape (records, units of the first).
        layers: how many, the last included.
        name: of the network.
    """
    for layer in range(layers):
        values = values @ weights[f"{name}.{layer}.weight"] + weights[f"{name}.{layer}.bias"]
        values = values.clip(min=0) if layer < layers - 1 else values
    return values


@dataclass(frozen=True)
class Decoder:
    """The decoder of a trained autoencoder, and what its latent vectors follow."""

    layout: Layout
    weights: Weights

    @cached_property
    def _layers(self) -> int:
        return sum(n.startswith("decoder.") and n.endswith(".bias") for n in self.weights)

    def outputs(self, n: int, rng: np.random.Generator) -> Outputs:
        """See `Network.outputs`."""
        weights = self.weights
        edges = np.cumsum(weights["latent.share"], dtype=np.float64)
        cloud = np.searchsorted(edges, rng.random(n) * edges[-1], side="right")
        cloud = np.minimum(cloud, len(edges) - 1)
        noise = rng.standard_normal((n, len(weights["latent.root"])), dtype=np.float32)
        within = weights["latent.center"][cloud] + weights["latent.scale"][cloud] * noise
        latent = within @ weights["latent.root"] + weights["latent.mean"]
        out = perceived(self.weights, latent, layers=self._layers, name="decoder")
        width = self.layout.width
        noise = rng.standard_normal((n, len(self.layout.numeric)), dtype=np.float32)
        places = np.tanh(out[:, width:]) + noise * self.weights["deviation"]
        return Outputs(out[:, :width], places)
