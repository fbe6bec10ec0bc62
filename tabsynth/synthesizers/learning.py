"""What the training of networks on torch has in common; torch is imported when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.errors import UsageError
from tabsynth.synthesizers.network_columns import Layout, Singles
from tabsynth.synthesizers.networks import generated, generator_sizes

if TYPE_CHECKING:
    from torch import Tensor

# of an average, at every step
KEPT: Final = 0.99


def require_torch(synthesizer: str) -> None:
    """Refuse to make a synthesizer that cannot be trained here; its models can be drawn from.

    Raises:
        UsageError: torch is not installed.
    """
    if find_spec("torch") is None:
        raise UsageError(
            f"--synthesizer {synthesizer}", expected="the package torch", got="none",
            remedy="install it (pip install 'tabsynth[ctgan]') or choose another synthesizer",
        )  # fmt: skip


def device() -> str:
    """`cuda` where there is a GPU that torch can use, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def started(
    sizes: Mapping[str, tuple[int, ...]], rows: Mapping[str, int], rng: np.random.Generator
) -> dict[str, Tensor]:
    """First weights: uniform within one over the root of the inputs of a unit.

    Args:
        sizes: shapes by name; what ends in `.scale` starts at 1, in `.shift` at 0.
        rows: by name, the inputs of a unit where these are not the rows.
        rng: the only source of randomness.
    """
    import torch

    where, weights = device(), {}
    for name, shape in sizes.items():
        if name.endswith((".scale", ".shift")):
            first = np.full(shape, float(name.endswith(".scale")))
        else:
            reach = 1 / np.sqrt(max(1, rows.get(name, shape[0])))
            first = rng.uniform(-reach, reach, shape)
        weights[name] = torch.tensor(first, dtype=torch.float32, device=where, requires_grad=True)
    return weights


@dataclass(frozen=True)
class Columns:
    """Which options belong together, as tensors.

    Args:
        member: shape (width, columns), whether an option is the column's; 64-bit floats.
        column: shape (width,), whose option it is.
    """

    member: Tensor
    column: Tensor

    @classmethod
    def of(cls, layout: Layout) -> Columns:
        """The columns of a layout, where torch works."""
        import torch

        column = torch.from_numpy(layout.column).to(device())
        return cls(torch.nn.functional.one_hot(column).double(), column)

    def log_chances(self, logits: Tensor, options: Tensor) -> Tensor:
        """Logarithms of the probability of options in their columns.

        Args:
            logits: shape (records, width).
            options: shape (records, asked), places in the layout; 64-bit integers.

        Returns:
            Shape (records, asked).
        """
        totals = self._log_totals(logits).gather(1, self.column[options])
        return logits.gather(1, options) - totals.float()

    def relaxed(self, logits: Tensor, *, temperature: float, random: Any) -> Tensor:
        """Options drawn by their chances, softly, so that a gradient goes through; shaped alike.

        Source: Jang et al. (2017), arXiv:1611.01144; Maddison et al. (2017), arXiv:1611.00712.
        """
        import torch

        waiting = torch.rand(logits.shape, generator=random, device=logits.device).log_().neg_()
        drawn = (logits - waiting.log_()) / temperature
        return (drawn - (self._log_totals(drawn) @ self.member.T).float()).exp()

    def _log_totals(self, logits: Tensor) -> Tensor:
        """Logarithm of the sum of exponentials of each column's logits, shape (records, columns).

        All columns at once: 64 bits hold the exponentials of logits within 300. A `hardtanh` sets
        these limits, as its gradient costs a fraction of that of a clamp.
        """
        from torch.nn import functional

        raised = functional.hardtanh(logits, -300.0, 300.0).double().exp()
        return (raised @ self.member).log()


def generator_start(
    layout: Layout, noise: int, layers: tuple[int, ...]
) -> tuple[dict[str, tuple[int, ...]], dict[str, int]]:
    """Shapes of a generator's weights, and the inputs of a unit where a condition is one."""
    sizes = generator_sizes(layout, noise, layers)
    rows = {n: sizes[n.replace("under", "weight").replace("bias", "weight")][0] + layout.width
            for n in sizes if n.endswith((".under", ".weight", ".bias"))}  # fmt: skip
    return sizes, rows


def drafted(
    weights: Mapping[str, Tensor], under: Tensor, *, noise: int, layers: int, random: Any
) -> Tensor:
    """What a generator in training says under conditions; see `networks.generated`.

    Args:
        weights: of the generator; layers are brought to the moments of these very records.
        under: shape (records,), options.
        noise: numbers that it starts from.
        layers: how many.
        random: the only source of randomness.
    """
    import torch
    from torch.nn import functional

    first = torch.randn(len(under), noise, generator=random, device=under.device)
    out: Tensor = generated(
        weights, first, under, layers=layers,
        norm=lambda i, v: functional.relu(functional.batch_norm(
            v, None, None, weights[f"{i}.scale"], weights[f"{i}.shift"], training=True
        )),
        join=lambda *parts: torch.cat(parts, dim=1),
        take=lambda table, at: functional.embedding(at, table),
    ).float()  # fmt: skip
    return out


def modes_of(layout: Layout) -> NDArray[np.float32]:
    """Which options are modes of which numeric column, shape (width, numeric columns), 0 or 1."""
    found = np.zeros((layout.width, len(layout.numeric)), np.float32)
    for place, j in enumerate(layout.numeric):
        found[layout.slot(j), place] = layout.columns[j].is_mode
    return found


def adam(weights: list[Tensor], *, rate: float, decay: float, momentum: float) -> Any:
    """Adam, all weights in one call."""
    import torch

    return torch.optim.Adam(
        weights, lr=rate, betas=(momentum, 0.9 if momentum < 0.9 else 0.999), weight_decay=decay,
        fused=True,
    )  # fmt: skip


def plain(weights: Mapping[str, Tensor]) -> dict[str, Singles]:
    """Weights as arrays of their own."""
    return {name: w.detach().float().cpu().numpy().copy() for name, w in weights.items()}


class Average:
    """Weights averaged over the last few hundred steps; they draw better than the last ones.

    Source: Yazici et al. (2019), The unusual effectiveness of averaging in GAN training,
        arXiv:1806.04498.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """Start at the first weights."""
        self.weights = {name: w.detach().clone() for name, w in weights.items()}
        self._followed = list(weights.values())

    def follow(self, step: int) -> None:
        """Take another step towards the weights; the first steps count for more."""
        import torch

        share = max(1 - KEPT, 1 / (step + 1))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.weights.values()), self._followed, share)


def training_state(
    weights: Mapping[str, Tensor], average: Average, optimizers: Mapping[str, Any]
) -> dict[str, NDArray[Any]]:
    """All that training goes on from, as named arrays."""
    state: dict[str, NDArray[Any]] = {f"weights.{n}": w for n, w in plain(weights).items()}
    state |= {f"average.{n}": w for n, w in plain(average.weights).items()}
    for name, optimizer in optimizers.items():
        for place, moments in optimizer.state_dict()["state"].items():
            for key, value in moments.items():
                state[f"{name}.{place}.{key}"] = value.detach().cpu().numpy().copy()
    return state


def resume(
    state: Mapping[str, NDArray[Any]], weights: Mapping[str, Tensor], average: Average,
    optimizers: Mapping[str, Any],
) -> None:  # fmt: skip
    """Put weights and optimizers into that state."""
    import torch

    with torch.no_grad():
        for part, own in (("weights", weights), ("average", average.weights)):
            for name, weight in own.items():
                weight.copy_(torch.from_numpy(state[f"{part}.{name}"].copy()))
    for name, optimizer in optimizers.items():
        moments: dict[int, dict[str, Any]] = {}
        for key, value in state.items():
            owner, _, rest = key.partition(".")
            if owner == name:
                place, _, what = rest.partition(".")
                moments.setdefault(int(place), {})[what] = torch.from_numpy(value.copy())
        optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
