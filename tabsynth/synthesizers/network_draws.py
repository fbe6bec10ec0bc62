"""From what a network says to cells, with every column's margin as in the records.

A network's own margins are a little off. Each option's logit gets a constant, and the values of
each column the thresholds between cells, such that over many draws all cells have their shares.
How columns hang together stays the network's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import Codes
from tabsynth.synthesizers.network_columns import Layout, Singles
from tabsynth.synthesizers.networks import Network, Outputs

AT_ONCE: Final = 8_192
ROUNDS: Final = 15
# a constant beyond that would let an option out that the network never draws
FURTHEST: Final = 12.0
_FAINT: Final = 1e-9


@dataclass(frozen=True)
class Balance:
    """What brings the margins of a network's draws to those of the records.

    Args:
        lift: shape (width,), added to logits.
        edges: per column, shape (cells in modes - 1,) or empty: thresholds between these cells.
    """

    lift: Singles
    edges: tuple[NDArray[np.float64], ...]

    @classmethod
    def of(cls, layout: Layout, outputs: Outputs) -> Balance:
        """The balance of a network, from many of its draws.

        Args:
            layout: of the columns.
            outputs: of records drawn freely.
        """
        lift = np.zeros(layout.width, np.float32)
        wanted = np.log(layout.share)
        for _ in range(ROUNDS):
            found = probabilities(layout, outputs.logits, lift).mean(axis=0, dtype=np.float64)
            lift += (wanted - np.log(found + _FAINT)).astype(np.float32)
            lift = np.clip(lift, -FURTHEST, FURTHEST)
        chance = probabilities(layout, outputs.logits, lift)
        edges = [np.empty(0)] * len(layout.columns)
        for place, j in enumerate(layout.numeric):
            edges[j] = _thresholds(layout, j, outputs.places[:, place], chance)
        return cls(lift, tuple(edges))

    def state(self, layout: Layout) -> dict[str, NDArray[Any]]:
        """Named arrays."""
        lifts = {f"{j}.lift": self.lift[layout.slot(j)] for j in range(len(layout.columns))}
        return lifts | {f"{j}.edges": e for j, e in enumerate(self.edges) if len(e)}

    @classmethod
    def restore(cls, layout: Layout, arrays: Mapping[str, NDArray[Any]]) -> Balance:
        """The balance whose `state` this is.

        Raises:
            ValueError: parts that do not fit together.
        """
        edges = [arrays.get(f"{j}.edges", np.empty(0)) for j in range(len(layout.columns))]
        for e, c in zip(edges, layout.columns, strict=True):
            if e.shape != (max(0, len(c.smooth) - 1),) or not np.all(np.diff(e) >= 0):
                raise ValueError("expected thresholds between cells")
        lifts = [arrays[f"{j}.lift"] for j in range(len(layout.columns))]
        if any(k.shape != (c.options,) for k, c in zip(lifts, layout.columns, strict=True)):
            raise ValueError("expected a number for every option")
        lift = layout.flat(lifts)
        if lift.dtype != np.float32 or not np.isfinite(lift).all():
            raise ValueError("expected a number for every option")
        return cls(lift, tuple(edges))


@dataclass(frozen=True)
class Drawn:
    """Records on the way from a network to cells.

    Args:
        chance: shape (records, width), of every option.
        smooth: per numeric column, shape (records,), the cell where a mode is drawn; the mode is
            drawn already.
    """

    chance: Singles
    smooth: Mapping[int, NDArray[np.intp]]

    def take(self, rows: NDArray[np.intp]) -> Drawn:
        """Only those records."""
        return Drawn(self.chance[rows], {j: k[rows] for j, k in self.smooth.items()})


def probabilities(layout: Layout, logits: Singles, lift: Singles) -> Singles:
    """Of every option in its column, shape (records, width)."""
    raised = logits + lift
    for start, columns, options in layout.runs:
        part = raised[:, start : start + columns * options].reshape(-1, columns, options)
        part -= part.max(axis=2, keepdims=True)
        np.exp(part, out=part)
        part /= part.sum(axis=2, keepdims=True)
        raised[:, start : start + columns * options] = part.reshape(len(raised), -1)
    return raised


def say(balance: Balance, network: Network, n: int, rng: np.random.Generator) -> Drawn:
    """What a network says of n records; see `Network.outputs`."""
    layout = network.layout
    outputs = network.outputs(n, rng)
    chance = probabilities(layout, outputs.logits, balance.lift)
    smooth = {}
    for place, j in enumerate(layout.numeric):
        column, own = layout.columns[j], chance[:, layout.slot(j)]
        modes = np.flatnonzero(column.is_mode)
        mode = modes[_pick(own[:, modes], rng)]
        value = column.center[mode] + column.scale[mode] * outputs.places[:, place]
        smooth[j] = column.smooth[np.searchsorted(balance.edges[j], value, side="right")]
    return Drawn(chance, smooth)


def cells(layout: Layout, drawn: Drawn, rng: np.random.Generator) -> list[Codes]:
    """Cells of records, per column of shape (records,)."""
    found: list[Codes] = []
    for j, column in enumerate(layout.columns):
        option = _pick(drawn.chance[:, layout.slot(j)], rng)
        if j not in drawn.smooth:
            found.append(column.inside(option, rng))
            continue
        smooth = column.is_mode[option]
        alone = column.inside(np.where(smooth, 0, option), rng) if not smooth.all() else 0
        found.append(np.where(smooth, drawn.smooth[j], alone))
    return found


def batches(n: int) -> Iterator[slice]:
    """Runs of records that are drawn together, within a bound on memory."""
    for start in range(0, n, AT_ONCE):
        yield slice(start, min(n, start + AT_ONCE))


def _pick(chance: Singles, rng: np.random.Generator) -> NDArray[np.intp]:
    """One option of each record by its chances, which need not add up to 1."""
    running = np.cumsum(chance, axis=1, dtype=np.float64)
    place = rng.random(len(chance)) * running[:, -1]
    picked = np.count_nonzero(running <= place[:, None], axis=1)
    return np.asarray(np.minimum(picked, chance.shape[1] - 1))


def _thresholds(layout: Layout, j: int, places: Singles, chance: Singles) -> NDArray[np.float64]:
    """Values between the cells of a column's modes, at which draws have the cells' shares."""
    column = layout.columns[j]
    modes = np.flatnonzero(column.is_mode)
    value = (column.center[modes] + column.scale[modes] * places[:, None]).ravel()
    weight = chance[:, layout.slot(j)][:, modes].ravel().astype(np.float64)
    order = np.argsort(value, kind="stable")
    running = np.cumsum(weight[order])
    share = np.cumsum(column.margin[column.smooth])[:-1]
    at = np.searchsorted(running / running[-1], share / column.margin[column.smooth].sum())
    edges: NDArray[np.float64] = value[order[np.minimum(at, len(order) - 1)]]
    return edges
