"""Junction trees: sets of columns that were measured, as a tree of cliques that holds them all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

Clique = tuple[int, ...]


def junction_cliques(sizes: Sequence[int], measured: Iterable[Clique]) -> list[Clique]:
    """Cliques of a junction tree, each after the one that holds what it shares with earlier ones.

    Columns are eliminated in the order in which each leaves the smallest table, greedily.

    Args:
        sizes: cells per column.
        measured: sets of columns; each lies in one of the cliques returned.

    Source: Koller and Friedman (2009), Probabilistic Graphical Models, algorithms 9.4 and 10.4.
    """
    return _in_order(_maximal(_eliminated(sizes, measured)))


def junction_cells(sizes: Sequence[int], measured: Iterable[Clique]) -> int:
    """Cells of all cliques of that junction tree together."""
    cliques = _maximal(_eliminated(sizes, measured))
    return sum(math.prod(sizes[j] for j in clique) for clique in cliques)


def links(cliques: Sequence[Clique]) -> tuple[list[Clique], list[int | None]]:
    """How cliques hang together in their order.

    Returns:
        What each shares with earlier ones, and the first earlier clique that holds all of it; None
        where there is none, as for the first.
    """
    seen: set[int] = set()
    shared: list[Clique] = []
    parents: list[int | None] = []
    for i, clique in enumerate(cliques):
        common = tuple(j for j in clique if j in seen)
        shared.append(common)
        parents.append(next((p for p in range(i) if set(common) <= set(cliques[p])), None))
        seen |= set(clique)
    return shared, parents


def _eliminated(sizes: Sequence[int], measured: Iterable[Clique]) -> list[frozenset[int]]:
    """What each column meets when it is eliminated, itself included."""
    near: list[set[int]] = [{j} for j in range(len(sizes))]
    for clique in measured:
        for j in clique:
            near[j].update(clique)
    waiting = set(range(len(sizes)))
    weight = {j: math.prod(sizes[k] for k in near[j]) for j in waiting}
    found = []
    while waiting:
        least = min(waiting, key=lambda j: (weight[j], j))
        met = frozenset(near[least])
        found.append(met)
        waiting.remove(least)
        for j in met - {least}:
            near[j] |= met
            near[j].discard(least)
            weight[j] = math.prod(sizes[k] for k in near[j])
    return found


def _maximal(sets: Sequence[frozenset[int]]) -> list[frozenset[int]]:
    """Those that lie in no other."""
    kept: list[frozenset[int]] = []
    for candidate in sorted(sets, key=len, reverse=True):
        if not any(candidate <= other for other in kept):
            kept.append(candidate)
    return kept


def _in_order(cliques: Sequence[frozenset[int]]) -> list[Clique]:
    """From the first clique outward, along a spanning tree of largest shared sets."""
    first, *waiting = cliques
    order, seen = [first], [first]
    while waiting:
        best = max(waiting, key=lambda c: max(len(c & other) for other in seen))
        waiting.remove(best)
        order.append(best)
        seen.append(best)
    return [tuple(sorted(clique)) for clique in order]
