"""Records under conditions: given columns are set, and records weighted by how probable that is.

Where all that a given column depends on is given too, or it depends on nothing, every record weighs
the same and the draw is exact. Else pools of records are grown up to the given columns, weighted,
and resampled; the other columns follow.

Source: likelihood weighting, Fung and Chang (1990), doi:10.1016/B978-0-444-88738-2.50023-3;
the pools are `synthesizers.pools`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.sources.graph import Columns, Graph
from tabsynth.sources.parameters import Floats
from tabsynth.synthesizers import rounds
from tabsynth.synthesizers.odds import Odds, distinct
from tabsynth.synthesizers.pools import Counts, Pools, effective_size, picks
from tabsynth.table import Table

# records under a condition that are asked how far they carry
ASKED: Final = 512
# free records that say how probable a value is on its own, and in all
FREE: Final = 512
FREE_IN_ALL: Final = 1 << 20


def drawn_given(graph: Graph, given: Table, rng: np.random.Generator) -> dict[str, pa.Array]:
    """Columns of a record under each condition.

    Args:
        graph: the columns.
        given: one condition per record; a missing cell is free.
        rng: the only source of randomness.

    Raises:
        ConditionError: a combination that no record reaches.
    """
    kinds, which = _Kinds.of(graph, given)
    parts: list[pa.Table] = []
    places: list[NDArray[np.intp]] = []

    def settle(part: Pools, reached: _Reached, number: Counts, here: NDArray[np.intp]) -> None:
        kept = pa.array(picks(reached.weight, part.particles, number, rng))
        columns = {name: values.take(kept) for name, values in reached.columns.items()}
        columns, _ = graph.grown(columns, graph.order, len(kept), rng=rng)
        places.append(here)
        parts.append(pa.table({name: columns[name] for name in graph.order}))

    rounds.settled(which, kinds.exact, lambda part: kinds.reach(graph, part, rng), settle)
    back = np.argsort(np.concatenate(places))
    whole = pa.concat_tables(parts).unify_dictionaries().combine_chunks().take(pa.array(back))
    return {name: whole.column(name).combine_chunks() for name in graph.order}


def asked(graph: Graph, given: Table, n: int, rng: np.random.Generator) -> Odds:
    """How probable conditions are, and about how many draws will stand behind each record."""
    kinds, which = _Kinds.of(graph, given)
    each = n if given.num_rows == 1 else 1
    records = np.minimum(np.bincount(which) * each, np.where(kinds.exact, 1, ASKED))
    unrelated = _log_unrelated(graph, kinds.given, rng)
    odds = rounds.asked(records, kinds.exact, unrelated, lambda part: kinds.reach(graph, part, rng))
    return Odds(*(a[which] for a in (odds.log_probability, unrelated, odds.effective)))


@dataclass(frozen=True)
class _Reached:
    """Records of pools up to the given columns.

    Args:
        columns: by name.
        weight: shape (records,), adds up to 1 in each pool.
        log_probability: shape (pools,), of the condition.
        worth: shape (pools,), how many records of equal weight a pool rests on.
    """

    columns: Columns
    weight: Floats
    log_probability: Floats
    worth: Floats


@dataclass(frozen=True)
class _Kinds:
    """Conditions that differ.

    Args:
        given: one record each.
        exact: shape (kinds,), whether nothing is weighted.
    """

    given: Table
    exact: NDArray[np.bool_]

    @classmethod
    def of(cls, graph: Graph, given: Table) -> tuple[_Kinds, NDArray[np.intp]]:
        """The kinds of conditions, and which one each condition is."""
        codes = [codes_of(given.column(name)) for name in given.schema.names]
        first, which = distinct(codes)
        kinds = given.take(first)
        known = {
            name: kinds.column(name).is_valid().to_numpy(zero_copy_only=False)
            for name in given.schema.names
        }
        nowhere = np.zeros(len(first), bool)
        exact = ~nowhere
        for name in given.schema.names:
            for needed in graph.needed([name]):
                exact &= ~known[name] | known.get(needed, nowhere)
        return cls(kinds, exact), which

    def reach(self, graph: Graph, pools: Pools, rng: np.random.Generator) -> _Reached:
        """Records of these pools, weighted."""
        sizes = pools.particles
        wishes = self.given.take(np.repeat(pools.kind, sizes))
        names = wishes.schema.names
        columns, log_weight = graph.grown(
            {}, graph.needed(names), wishes.num_rows, rng=rng, wishes=wishes
        )
        for name in names:
            share = graph.hidden(name, columns)
            if share is not None:
                known = wishes.column(name).is_valid().to_numpy(zero_copy_only=False)
                with np.errstate(divide="ignore"):
                    log_weight += np.where(known, np.log1p(-share), 0.0)
        return _weighed(columns, log_weight, sizes, exact=pools.exact)


def _weighed(
    columns: Columns, log_weight: Floats, sizes: Counts, *, exact: NDArray[np.bool_]
) -> _Reached:
    starts = np.cumsum(sizes) - sizes
    highest = np.maximum.reduceat(log_weight, starts)
    dead = np.isneginf(highest)
    shift = np.repeat(np.where(dead, 0.0, highest), sizes)
    weight = np.exp(log_weight - shift)
    total = np.add.reduceat(weight, starts)
    # a pool that no record survives goes on evenly; its probability of 0 tells
    scale = np.where(dead, 1.0, total)
    weight = weight / np.repeat(scale, sizes) + np.repeat(dead / sizes, sizes)
    with np.errstate(divide="ignore"):
        log_probability = np.where(dead, -np.inf, highest + np.log(scale / sizes))
    worth = np.where(exact, sizes, effective_size(weight, sizes))
    return _Reached(columns, weight, log_probability, np.where(dead, 0.0, worth))


def _log_unrelated(graph: Graph, given: Table, rng: np.random.Generator) -> Floats:
    """Log-probability of conditions were the columns unrelated, shape (conditions,)."""
    total = np.zeros(given.num_rows)
    for name in given.schema.names:
        codes = codes_of(given.column(name))
        first, which = distinct([codes])
        values = given.column(name).take(pa.array(first))
        logs = np.where(values.is_null().to_numpy(zero_copy_only=False), 0.0, -np.inf)
        known = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
        if len(known):
            logs[known] = _alone(graph, name, values.take(pa.array(known)), rng)
        total += logs[which]
    return total


def _alone(graph: Graph, name: str, values: pa.Array, rng: np.random.Generator) -> Floats:
    """Log-probability of each value whatever the other columns are, shape (values,)."""
    needed = graph.needed([name]) - {name}
    free = int(np.clip(FREE_IN_ALL // len(values), 8, FREE)) if needed else 1
    columns, _ = graph.grown({}, needed, free, rng=rng)
    tiled = pa.array(np.tile(np.arange(free), len(values)))
    parents = {parent: column.take(tiled) for parent, column in columns.items()}
    each = values.take(pa.array(np.repeat(np.arange(len(values)), free)))
    logs = graph.drawing(name, parents, len(each)).log_mass(each).reshape(-1, free)
    with np.errstate(divide="ignore"):
        return np.asarray(np.logaddexp.reduce(logs, axis=1) - np.log(free))


def codes_of(column: pa.Array) -> NDArray[np.int64]:
    """A number per record, equal for equal values; -1 where missing."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    indices = column.indices.cast(pa.int64()).fill_null(-1)
    return np.asarray(indices.to_numpy(zero_copy_only=False))
