"""Fitting a graphical model to noisy marginals: the most even distribution that explains them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.privacy.private_table import Measurement
from tabsynth.synthesizers.junction import Clique, junction_cliques, links

Floats = NDArray[np.float64]

GROW: Final = 1.1
SHRINK: Final = 0.5


@dataclass(frozen=True)
class Fit:
    """A graphical model that explains measurements.

    Args:
        cliques: of its junction tree, in order.
        marginals: per clique, expected counts; shape (sizes of its columns).
        potentials: per measured set of columns, its part of the log-density: a start for the next
            fit with more measurements.
        step: the last step's length.
    """

    cliques: tuple[Clique, ...]
    marginals: tuple[Floats, ...]
    potentials: dict[Clique, Floats]
    step: float


def fit_marginals(
    sizes: Sequence[int],
    measured: Sequence[Measurement],
    total: float,
    *,
    steps: int,
    start: Fit | None = None,
) -> Fit:
    """Expected counts nearest to what was measured, weighted by its noise.

    Minimises the sum of squared differences in standard deviations over all distributions, by
    mirror descent on potentials with a line search. It is stopped after a number of steps.

    Args:
        sizes: cells per column.
        measured: noisy counts of sets of columns.
        total: records, above 0.
        steps: of the descent.
        start: where to start; from an even distribution by default.

    Source: McKenna, Sheldon and Miklau (2019), Graphical-model based estimation and inference for
        differential privacy, algorithm 1, arXiv:1901.09136.
    """
    known = {m.clique for m in measured}
    old = {} if start is None else start.potentials
    potentials = {
        c: old[c] if c in old else np.zeros(tuple(sizes[j] for j in c)) for c in sorted(known)
    }
    cliques = tuple(junction_cliques(sizes, known))
    tree = _Tree(sizes, cliques)
    step = start.step if start is not None else _first_step(measured, total)
    marginals = tree.marginals(potentials, total)
    loss, slope = _loss(measured, tree, marginals)
    for _ in range(steps):
        moved = {c: potential - step * slope[c] for c, potential in potentials.items()}
        there = tree.marginals(moved, total)
        new_loss, new_slope = _loss(measured, tree, there)
        gain = sum(
            float(np.vdot(slope[c], tree.part(c, marginals) - tree.part(c, there)))
            for c in potentials
        )
        if loss - new_loss >= 0.5 * gain:
            potentials, marginals, loss, slope = moved, there, new_loss, new_slope
            step *= GROW
        else:
            step *= SHRINK
    return Fit(cliques, tuple(marginals), potentials, step)


def _first_step(measured: Sequence[Measurement], total: float) -> float:
    return 2 / (total * sum(1 / m.sigma**2 for m in measured))


def _loss(
    measured: Sequence[Measurement], tree: _Tree, marginals: Sequence[Floats]
) -> tuple[float, dict[Clique, Floats]]:
    """Half the squared differences in standard deviations, and their slope per set of columns."""
    loss = 0.0
    slope: dict[Clique, Floats] = {}
    for m in measured:
        off = (tree.part(m.clique, marginals) - m.counts) / m.sigma**2
        loss += 0.5 * float(np.vdot(off, off)) * m.sigma**2
        slope[m.clique] = slope[m.clique] + off if m.clique in slope else off
    return loss, slope


class _Tree:
    """A junction tree, and how sets of columns lie in it."""

    def __init__(self, sizes: Sequence[int], cliques: Sequence[Clique]) -> None:
        self._shapes = [tuple(sizes[j] for j in clique) for clique in cliques]
        self._cliques = cliques
        self._home: dict[Clique, int] = {}
        self._shared, self._parent = links(cliques)

    def part(self, columns: Clique, marginals: Sequence[Floats]) -> Floats:
        """Expected counts of a set of columns that lies in a clique."""
        home = self._at(columns)
        drop = tuple(a for a, j in enumerate(self._cliques[home]) if j not in columns)
        return marginals[home].sum(axis=drop) if drop else marginals[home]

    def marginals(self, potentials: dict[Clique, Floats], total: float) -> list[Floats]:
        """Expected counts of every clique, by messages to the first clique and back."""
        beliefs = [np.zeros(shape) for shape in self._shapes]
        for columns, potential in potentials.items():
            home = self._at(columns)
            beliefs[home] += potential.reshape(self._spread(home, columns))
        sent: list[Floats] = [np.zeros(())] * len(beliefs)
        for i in range(len(beliefs) - 1, 0, -1):
            sent[i] = self._summed(i, beliefs[i], self._shared[i])
            parent = self._parent[i] or 0
            beliefs[parent] += sent[i].reshape(self._spread(parent, self._shared[i]))
        for i in range(1, len(beliefs)):
            parent = self._parent[i] or 0
            back = self._summed(parent, beliefs[parent], self._shared[i]) - sent[i]
            beliefs[i] += back.reshape(self._spread(i, self._shared[i]))
        counts = []
        for belief in beliefs:
            weight = np.exp(belief - belief.max())
            counts.append(weight * (total / weight.sum()))
        return counts

    def _at(self, columns: Clique) -> int:
        """The smallest clique that holds a set of columns."""
        if columns not in self._home:
            holders = [i for i, c in enumerate(self._cliques) if set(columns) <= set(c)]
            self._home[columns] = min(holders, key=lambda i: int(np.prod(self._shapes[i])))
        return self._home[columns]

    def _spread(self, home: int, columns: Clique) -> tuple[int, ...]:
        clique, shape = self._cliques[home], self._shapes[home]
        return tuple(k if j in columns else 1 for j, k in zip(clique, shape, strict=True))

    def _summed(self, home: int, logs: Floats, columns: Clique) -> Floats:
        """Logarithms of sums over what is not in `columns`."""
        drop = tuple(a for a, j in enumerate(self._cliques[home]) if j not in columns)
        most = logs.max(axis=drop, keepdims=True)
        rest = tuple(k for a, k in enumerate(logs.shape) if a not in drop)
        # no cell is impossible under finite potentials
        sums = np.log(np.exp(logs - most).sum(axis=drop))
        return np.asarray(sums + most.reshape(rest), np.float64)
