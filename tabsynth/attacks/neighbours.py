"""Nearest neighbours in tables of numbers and categories together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.learners import numbers, one_thread
from tabsynth.schema.columns import spelled_out
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tabsynth.threads import in_threads

MAX_BLOCK: Final = 512
MAX_CELLS: Final = 25_000_000
TILES: Final = 64
OWN_PLACES: Final = 64
SPARE: Final = 4

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Points:
    """Records as places in a space.

    Args:
        names: columns, numbers first, then categories.
        ranks: numbers as ranks within 0 and 1, NaN for missing; shape (records, numbers).
        codes: categories, -1 for one that the space does not know; shape (records, categories).
    """

    names: tuple[str, ...]
    ranks: Floats
    codes: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[np.integer]) -> Points:
        """The records at those positions."""
        return Points(self.names, self.ranks[rows], self.codes[rows])

    def followed_by(self, others: Points) -> Points:
        """These records and then those."""
        return Points(
            self.names,
            np.concatenate([self.ranks, others.ranks]),
            np.concatenate([self.codes, others.codes]),
        )

    def columns(self, names: Sequence[str]) -> Points:
        """The same records seen through some of their columns."""
        split = self.ranks.shape[1]
        kept = [i for i, name in enumerate(self.names) if name in set(names)]
        first, second = [i for i in kept if i < split], [i - split for i in kept if i >= split]
        return Points(
            tuple(self.names[i] for i in kept), self.ranks[:, first], self.codes[:, second]
        )


@dataclass(frozen=True)
class Space:
    """What distances between records mean: differences of ranks, and mismatches of categories.

    A number counts by its rank among the background records, so that no unit and no outlier rules;
    a category that differs counts 1, and so does one missing number where the other is present.
    The squares are added up; the distance is the root of the sum.
    """

    schema: TableSchema
    sorted_numbers: tuple[NDArray[np.float64], ...]
    categories: tuple[pa.Array, ...]

    @classmethod
    def of(cls, background: Sequence[Table]) -> Space:
        """A space laid over tables of one schema; only their modelled columns count.

        Args:
            background: what the attacker holds. Nothing else may shape the space.
        """
        tables = [t.modelled for t in background]
        schema = tables[0].schema
        ranked, listed = [], []
        for field in schema.fields:
            columns = [t.column(field.name) for t in tables]
            if field.is_categorical:
                listed.append(pa.chunked_array([spelled_out(c) for c in columns]).unique())
            else:
                values = np.concatenate([numbers(c) for c in columns])
                ranked.append(np.sort(values[~np.isnan(values)]))
        return cls(schema, tuple(ranked), tuple(listed))

    def points(self, table: Table) -> Points:
        """The places of a table's records."""
        ordered = [f for f in self.schema.fields if not f.is_categorical]
        listed = [f for f in self.schema.fields if f.is_categorical]
        ranks = np.empty((table.num_rows, len(ordered)), np.float32)
        codes = np.empty((table.num_rows, len(listed)), np.int32)
        for j, field in enumerate(ordered):
            ranks[:, j] = _ranks(numbers(table.column(field.name)), self.sorted_numbers[j])
        for j, field in enumerate(listed):
            found = pc.index_in(spelled_out(table.column(field.name)), value_set=self.categories[j])
            codes[:, j] = found.fill_null(-1).to_numpy(zero_copy_only=False)
        return Points((*(f.name for f in ordered), *(f.name for f in listed)), ranks, codes)


def nearest(queries: Points, among: Points, k: int) -> tuple[Floats, NDArray[np.int64]]:
    """The k records nearest to each query.

    Args:
        queries: records to look around.
        among: records to find, of the same columns.
        k: how many; all of them where there are fewer.

    Returns:
        Distances, ascending, and positions in `among`; both of shape (queries, min(k, records)).
        Of records that lie equally far, the first ones come first, as far as they were candidates:
        where very many are equally far, which of them are named is arbitrary but repeatable.
    """
    k = min(k, len(among))
    distances = np.empty((len(queries), k), np.float32)
    places = np.empty((len(queries), k), np.int64)
    if not len(queries) or not k:
        return distances, places
    products = _Products.of(queries, among)

    block = max(1, min(MAX_BLOCK, MAX_CELLS // len(among)))

    def fill(start: int) -> None:
        rows = slice(start, start + block)
        found = _candidates(products.squares(rows), min(k + SPARE, len(among)))
        exact = _squares(queries, rows, among, found)
        # of candidates equally far the first in the table
        order = np.lexsort((found, exact))[:, :k]
        distances[rows] = np.sqrt(np.take_along_axis(exact, order, axis=1))
        places[rows] = np.take_along_axis(found, order, axis=1)

    # each block is one product on one thread, so that the figures do not depend on how many work
    with one_thread():
        in_threads(fill, range(0, len(queries), block))
    return distances, places


def _ranks(values: NDArray[np.float64], ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    below = np.searchsorted(ordered, values, side="left")
    above = np.searchsorted(ordered, values, side="right")
    return np.where(np.isnan(values), np.nan, (below + above) / (2 * max(len(ordered), 1)))


def _candidates(squares: Floats, k: int) -> NDArray[np.int64]:
    """Positions of the k smallest in each row, in no order.

    They lie in the k tiles with the smallest minima; a look at the tiles spares most of the sort.
    """
    rows, width = squares.shape
    stride = width // TILES
    if stride <= 2 * k:
        return np.argpartition(squares, k - 1, axis=1)[:, :k]
    even = stride * TILES
    minima = squares[:, :even].reshape(rows, TILES, stride).min(axis=1)
    best = np.argpartition(minima, k - 1, axis=1)[:, :k]
    inside = (best[:, :, None] + np.arange(TILES) * stride).reshape(rows, -1)
    rest = np.broadcast_to(np.arange(even, width), (rows, width - even))
    inside = np.concatenate([inside, rest], axis=1)
    few = np.take_along_axis(squares, inside, axis=1)
    return np.take_along_axis(inside, np.argpartition(few, k - 1, axis=1)[:, :k], axis=1)


def _squares(
    queries: Points, rows: slice, among: Points, found: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Exact squared distances of each query in `rows` to the records found for it."""
    total = np.zeros(found.shape)
    for j in range(queries.ranks.shape[1]):
        first, second = queries.ranks[rows, j][:, None], among.ranks[:, j][found]
        gaps = np.isnan(first) != np.isnan(second)
        total += np.where(gaps, 1.0, np.nan_to_num(first - second) ** 2)
    for j in range(queries.codes.shape[1]):
        code = queries.codes[rows, j][:, None]
        total += (code != among.codes[:, j][found]) | (code < 0)
    return total


@dataclass(frozen=True)
class _Products:
    """Squared distances as products of two matrices, less what is the same for all of a query's.

    Args:
        left: shape (queries, d).
        right: shape (d, among).
        rare: for each column with categories too many for the matrices: their codes in the
            queries, the records in order of their code, and where each code begins among these.
    """

    left: Floats
    right: Floats
    rare: list[tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]]

    @classmethod
    def of(cls, queries: Points, among: Points) -> _Products:
        left, right, rare = [], [], []
        norms = np.zeros(len(among), np.float32)
        for asked, found in zip(queries.ranks.T, among.ranks.T, strict=True):
            if np.isnan(asked).any() or np.isnan(found).any():
                # 1 where just one of the two is missing, 0 where both are
                r, s = np.nan_to_num(asked), np.nan_to_num(found)
                p, q = ~np.isnan(asked), ~np.isnan(found)
                left += [r, r * r, p, ~p]
                right += [-2 * s, q, s * s + ~q, q]
            else:
                left.append(asked)
                right.append(-2 * found)
                norms += found * found
        for asked, found in zip(queries.codes.T, among.codes.T, strict=True):
            counts = np.bincount(found[found >= 0])
            common = np.argsort(-counts, kind="stable")[:OWN_PLACES]
            left += [asked == code for code in common]
            right += [-1.0 * (found == code) for code in common]
            if len(counts) > len(common):
                uncommon = np.where(np.isin(asked, common), -1, asked)
                order = np.argsort(found, kind="stable")
                starts = np.searchsorted(found[order], np.arange(len(counts) + 1))
                rare.append((uncommon.astype(np.int32), order, starts))
        left.append(np.ones(len(queries)))
        right.append(norms)
        return cls(
            np.column_stack(left).astype(np.float32),
            np.ascontiguousarray(np.array(right, np.float32)),
            rare,
        )

    def squares(self, rows: slice) -> Floats:
        """Of those queries to all records, each query's up to a constant of its own."""
        found = self.left[rows] @ self.right
        for codes, order, starts in self.rare:
            own = codes[rows]
            asked = np.flatnonzero((own >= 0) & (own < len(starts) - 1))
            first, end = starts[own[asked]], starts[own[asked] + 1]
            times = end - first
            # positions from first to end of every query, one after another
            steps = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
            found[np.repeat(asked, times), order[np.repeat(first, times) + steps]] -= 1
        return found
