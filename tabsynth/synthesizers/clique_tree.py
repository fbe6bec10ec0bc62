"""A distribution of discrete columns as a tree of cliques: exact draws, exact probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import POOLED, Codes
from tabsynth.synthesizers.junction import Clique, links
from tabsynth.synthesizers.odds import distinct

Floats = NDArray[np.float64]

# numbers held at once while conditions are worked through
AT_ONCE: Final = 1 << 22


@dataclass(frozen=True)
class _Table:
    """A message or what is believed of a clique: one table per condition.

    Args:
        columns: of the axes behind the first.
        values: shape (conditions or 1, sizes of the columns).
    """

    columns: Clique
    values: Floats


@dataclass(frozen=True)
class CliqueTree:
    """A probability table per clique; what a clique shares with earlier ones lies in one of them.

    So the columns that a clique adds depend on earlier ones through those it shares alone, and the
    distribution is the product of the cliques' conditional tables.

    Args:
        sizes: cells per column.
        cliques: sets of columns, each in increasing order; together all columns.
        tables: shape (sizes of the clique's columns), at least 0, above 0 somewhere.

    Raises:
        ValueError: parts that do not fit together, or cliques that are no tree.

    Source: Lauritzen and Spiegelhalter (1988), doi:10.1111/j.2517-6161.1988.tb01721.x.
    """

    sizes: tuple[int, ...]
    cliques: tuple[Clique, ...]
    tables: tuple[Floats, ...]

    def __post_init__(self) -> None:
        if len(self.cliques) != len(self.tables) or not self.cliques:
            raise ValueError("expected a table for each clique")
        for clique, table in zip(self.cliques, self.tables, strict=True):
            if not clique or list(clique) != sorted(set(clique) & set(range(len(self.sizes)))):
                raise ValueError("expected cliques of known columns in increasing order")
            if table.dtype != np.float64 or table.shape != tuple(self.sizes[j] for j in clique):
                raise ValueError("expected a cell for each combination of a clique's cells")
            if not (np.all(np.isfinite(table)) and np.all(table >= 0) and table.sum() > 0):
                raise ValueError("expected shares of at least 0")
        if set().union(*self.cliques) != set(range(len(self.sizes))):
            raise ValueError("expected every column in a clique")
        if any(parent is None for parent in self._parents[1:]):
            raise ValueError("expected cliques that form a tree")

    @cached_property
    def _links(self) -> tuple[list[Clique], list[int | None]]:
        return links(self.cliques)

    @property
    def _shared(self) -> list[Clique]:
        """What each clique shares with earlier ones."""
        return self._links[0]

    @property
    def _parents(self) -> list[int | None]:
        """The first earlier clique that holds all that is shared; None where there is none."""
        return self._links[1]

    @cached_property
    def _conditional(self) -> tuple[Floats, ...]:
        """Per clique the probability of what it adds given what it shares."""
        tables = []
        for clique, shared, table in zip(self.cliques, self._shared, self.tables, strict=True):
            added = tuple(axis for axis, j in enumerate(clique) if j not in shared)
            sums = table.sum(axis=added, keepdims=True)
            # where a combination never occurs, anything may follow it
            tables.append(np.where(sums > 0, table, 1.0) / np.where(
                sums > 0, sums, math.prod(table.shape[a] for a in added)
            ))  # fmt: skip
        return tuple(tables)

    @cached_property
    def margins(self) -> tuple[Floats, ...]:
        """The probability of each cell, per column."""
        known: dict[int, Floats] = {}
        joints: list[Floats] = []
        for i, (clique, shared) in enumerate(zip(self.cliques, self._shared, strict=True)):
            joint = self._conditional[i]
            parent = self._parents[i]
            if shared and parent is not None:
                before = self.cliques[parent]
                drop = tuple(a for a, j in enumerate(before) if j not in shared)
                weight = joints[parent].sum(axis=drop)
                joint = joint * _spread(_Table(shared, weight[None]), clique)[0]
            joints.append(joint)
            for axis, j in enumerate(clique):
                if j not in known:
                    others = tuple(a for a in range(len(clique)) if a != axis)
                    known[j] = joint.sum(axis=others)
        return tuple(known[j] / known[j].sum() for j in range(len(self.sizes)))

    def draw(
        self, n: int, *, rng: np.random.Generator, given: Mapping[int, Codes] | None = None
    ) -> list[Codes]:
        """N records, exactly from the distribution under their conditions.

        Args:
            n: how many.
            rng: the only source of randomness.
            given: by column, cells of shape (n,), POOLED where free. Impossible conditions get
                some record that meets them.

        Returns:
            Cells per column, each of shape (n,).
        """
        drawn = [np.zeros(n, np.int64) for _ in self.sizes]
        wanted = {j: np.broadcast_to(codes, n) for j, codes in (given or {}).items()}
        for rows, fixed in _patterns(wanted, n):
            for j, codes in fixed.items():
                drawn[j][rows] = codes
            first, which = distinct(list(fixed.values())) if fixed else (_ZERO, _zeros(len(rows)))
            step = self._conditions_at_once(fixed)
            for start in range(0, len(first), step):
                inside = np.flatnonzero((which >= start) & (which < start + step))
                some = {j: codes[first[start : start + step]] for j, codes in fixed.items()}
                beliefs, _ = self._collect(some)
                self._walk(beliefs, drawn, rows[inside], which[inside] - start, rng=rng)
        return drawn

    def log_probability(self, given: Mapping[int, Codes]) -> Floats:
        """Natural logarithm of the probability of conditions, exact.

        Args:
            given: by column, at least one, cells of shape (conditions,), POOLED where free.

        Returns:
            Shape (conditions,), -inf where impossible.
        """
        n = max(len(codes) for codes in given.values())
        result = np.zeros(n)
        wanted = {j: np.broadcast_to(codes, n) for j, codes in given.items()}
        for rows, fixed in _patterns(wanted, n):
            if not fixed:
                continue
            first, which = distinct(list(fixed.values()))
            found = np.empty(len(first))
            step = self._conditions_at_once(fixed)
            for start in range(0, len(first), step):
                some = {j: codes[first[start : start + step]] for j, codes in fixed.items()}
                found[start : start + step] = self._collect(some)[1]
            result[rows] = found[which]
        return result

    def _conditions_at_once(self, fixed: Mapping[int, Codes]) -> int:
        largest = max(
            math.prod(self.sizes[j] for j in clique if j not in fixed) for clique in self.cliques
        )
        return max(1, AT_ONCE // largest)

    def _collect(self, fixed: Mapping[int, Codes]) -> tuple[list[_Table], Floats]:
        """What is believed of each clique given the conditions behind it, and their probability.

        Args:
            fixed: by column, shape (conditions,), all given.

        Returns:
            Per clique the weight of what it adds, for each cell it shares; and the logarithms.
        """
        conditions = len(next(iter(fixed.values()))) if fixed else 1
        logs = np.zeros(conditions)
        arrived: list[list[_Table]] = [[] for _ in self.cliques]
        beliefs: list[_Table] = []
        for i in range(len(self.cliques) - 1, -1, -1):
            belief = _given(self.cliques[i], self._conditional[i], fixed)
            for message in arrived[i]:
                values = belief.values * _spread(message, belief.columns)
                belief = _Table(belief.columns, values)
            beliefs.append(belief)
            shared = tuple(j for j in belief.columns if j in self._shared[i])
            added = tuple(a + 1 for a, j in enumerate(belief.columns) if j not in shared)
            values = belief.values.sum(axis=added)
            # kept near 1, so that the product over many columns stays a float
            most = values.max(axis=tuple(range(1, values.ndim)), keepdims=True)
            with np.errstate(divide="ignore"):
                logs = logs + np.log(most.reshape(-1))
            message = _Table(shared, values / np.where(most > 0, most, 1.0))
            parent = self._parents[i]
            if parent is not None:
                arrived[parent].append(message)
        return beliefs[::-1], logs

    def _walk(
        self,
        beliefs: Sequence[_Table],
        drawn: list[NDArray[np.int64]],
        rows: NDArray[np.intp],
        condition: NDArray[np.intp],
        *,
        rng: np.random.Generator,
    ) -> None:
        """Fill in the records' free columns, clique by clique."""
        for shared, belief in zip(self._shared, beliefs, strict=True):
            added = [a for a, j in enumerate(belief.columns) if j not in shared]
            if not added:
                continue
            known = [a for a, j in enumerate(belief.columns) if j in shared]
            values = np.moveaxis(belief.values, [a + 1 for a in known], range(1, len(known) + 1))
            sizes = [belief.values.shape[a + 1] for a in added]
            place = condition if len(values) > 1 else np.zeros(len(rows), np.int64)
            for a in known:
                place = place * belief.values.shape[a + 1] + drawn[belief.columns[a]][rows]
            flat = draw_in_rows(values.reshape(-1, math.prod(sizes)), place, rng)
            parts = np.unravel_index(flat, sizes)
            for a, codes in zip(added, parts, strict=True):
                drawn[belief.columns[a]][rows] = codes


def draw_in_rows(
    weights: Floats, rows: NDArray[np.integer[Any]], rng: np.random.Generator
) -> NDArray[np.int64]:
    """A position in each given row, drawn in proportion to the row's weights.

    Args:
        weights: shape (r, k), at least 0; a row of zeros counts as one of ones.
        rows: shape (n,).
        rng: the only source of randomness.
    """
    running = np.cumsum(weights, axis=1)
    none = running[:, -1] <= 0
    if none.any():
        running[none] = np.arange(1, weights.shape[1] + 1)
    # row r reaches from r to r + 1; so one search does for all
    ends = (running / running[:, -1:] + np.arange(len(weights))[:, None]).ravel()
    aim = np.minimum(rows + rng.random(len(rows)), np.nextafter(rows + 1.0, 0.0))
    return np.asarray(np.searchsorted(ends, aim, side="right") - rows * weights.shape[1], np.int64)


_ZERO: Final = np.zeros(1, np.intp)


def _zeros(n: int) -> NDArray[np.intp]:
    return np.zeros(n, np.intp)


def _patterns(
    wanted: Mapping[int, Codes], n: int
) -> Iterator[tuple[NDArray[np.intp], dict[int, Codes]]]:
    """Records with the same columns given, and the cells of those columns."""
    if not wanted:
        yield np.arange(n), {}
        return
    free = np.stack([codes == POOLED for codes in wanted.values()])
    patterns, which = np.unique(free, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        rows = np.flatnonzero(which.ravel() == number)
        fixed = [j for j, loose in zip(wanted, pattern, strict=True) if not loose]
        yield rows, {j: wanted[j][rows] for j in fixed}


def _given(clique: Clique, table: Floats, fixed: Mapping[int, Codes]) -> _Table:
    """The part of a table that agrees with the conditions."""
    rest = tuple(j for j in clique if j not in fixed)
    asked = [a for a, j in enumerate(clique) if j in fixed]
    if not asked:
        return _Table(rest, table[None])
    moved = np.moveaxis(table, asked, range(len(asked)))
    return _Table(rest, moved[tuple(fixed[clique[a]] for a in asked)])


def _spread(message: _Table, columns: Clique) -> Floats:
    """A message's values on the axes of more columns, in the same order."""
    sizes = dict(zip(message.columns, message.values.shape[1:], strict=True))
    shape = (len(message.values), *(sizes.get(j, 1) for j in columns))
    return message.values.reshape(shape)
