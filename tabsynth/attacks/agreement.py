"""How much of a record stands in some synthetic record, one or two fields apart."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.learners import shared_codes
from tabsynth.table import Table

MAX_LEFT_OUT: Final = 300
MAX_PARTS: Final = 600
FEW: Final = 2
MANY: Final = 30

Floats = NDArray[np.float64]


def surprise(
    suspects: list[Table], synthetic: Table, reference: Table, names: tuple[str, ...]
) -> Floats:
    """How unlikely it is that a synthetic record has each value of each suspect by chance.

    A value counts by its share among synthetic and reference records, the synthetic record that
    may repeat it included. One that the reference lacks counts more in a column where values that
    one reference record has are seldom met in the synthetic table.

    Args:
        suspects: tables of the people asked about.
        synthetic: the synthetic records.
        reference: other people whom the attacker knows.
        names: columns to look at.

    Returns:
        Minus the logarithm of the share, at least 0; shape (suspects, columns).

    Source: Good (1953), doi:10.1093/biomet/40.3-4.237 (unseen values, from those seen once).
    """
    columns = []
    for name in names:
        *people, drawn, known = shared_codes(
            [t.column(name) for t in (*suspects, synthetic, reference)]
        )
        asked = np.concatenate(people) + 1
        size = int(max(c.max(initial=-1) for c in (asked, drawn + 1, known + 1))) + 1
        made, real = (np.bincount(c + 1, minlength=size) for c in (drawn, known))
        once = real == 1
        met = (np.sum(made[once] > 0) + 1) / (np.sum(once) + 1)
        times = np.maximum(made + real, 1)
        weight = np.log((len(drawn) + len(known) + 1) / (times + 1))
        columns.append((weight - np.where(real == 0, np.log(met), 0.0))[asked])
    return np.column_stack(columns)


def agreement(
    suspects: list[Table],
    synthetic: Table,
    names: tuple[str, ...],
    *,
    weight: Floats,
    rng: np.random.Generator,
) -> Floats:
    """The most surprising part of a suspect that one synthetic record repeats.

    Parts are the whole record, all fields but one, and all but two; at most 300 choices of fields
    to leave out, single fields first, then pairs at random. Near copies that no distance tells from
    a dense crowd are found so.

    Args:
        suspects: tables of the people asked about.
        synthetic: the synthetic records.
        names: columns to look at.
        weight: surprise of each value; shape (suspects, columns).
        rng: of the numbers that stand for values, and of the choices.

    Returns:
        Sum of the surprise of the fields that agree, 0 where no part is; shape (suspects,).
    """
    asked, drawn = _numbered(suspects, synthetic, names, rng)
    # sums of 64-bit numbers: leaving a field out is a subtraction
    whole, among = asked.sum(axis=1), drawn.sum(axis=1)
    total = weight.sum(axis=1)
    best = np.where(_found(whole, among), total, 0.0)
    for left_out in _choices(asked.shape[1], rng):
        part = whole - _sum(asked, left_out)
        rest = total - weight[:, left_out].sum(axis=1)
        better = np.flatnonzero(rest > best)
        found = _found(part[better], among - _sum(drawn, left_out))
        best[better[found]] = rest[better[found]]
    return best


def rare_part(
    suspects: list[Table],
    synthetic: Table,
    names: tuple[str, ...],
    *,
    weight: Floats,
    rng: np.random.Generator,
) -> Floats:
    """The most surprising value, pair or triple of values that one synthetic record repeats.

    Finds what comes out in a few columns while all others are redrawn. Of the pairs and triples at
    most 600 are tried, at random. Values that 3 to 29 synthetic records have are passed over: a
    method that lets out what some number of people share tells of no single person.

    Args:
        suspects: tables of the people asked about.
        synthetic: the synthetic records.
        names: columns to look at.
        weight: surprise of each value; shape (suspects, columns).
        rng: of the numbers that stand for values, and of the choices.

    Returns:
        Sum of the surprise, less the logarithm of how many parts of that size there are, so that
        large parts do not win by their number; at least 0; shape (suspects,).
    """
    asked, drawn = _numbered(suspects, synthetic, names, rng)
    times = np.column_stack([_times(asked[:, j], drawn[:, j]) for j in range(len(names))])
    weight = np.where((times > FEW) & (times < MANY), -np.inf, weight)
    best = np.zeros(len(asked))
    for part in _parts(len(names), rng):
        # a few fancy columns at a time: rows lie together in memory
        worth = sum(weight[:, j] for j in part) - np.log(comb(len(names), len(part)))
        better = np.flatnonzero(worth > best)
        found = _found(_sum(asked[better], part), _sum(drawn, part))
        best[better[found]] = worth[better[found]]
    return best


def _parts(columns: int, rng: np.random.Generator) -> list[list[int]]:
    several = [list(p) for size in (2, 3) for p in combinations(range(columns), size)]
    if len(several) > MAX_PARTS:
        several = [several[i] for i in rng.permutation(len(several))[:MAX_PARTS]]
    return [[j] for j in range(columns)] + several


def _sum(numbers: NDArray[np.uint64], part: list[int]) -> NDArray[np.uint64]:
    total = numbers[:, part[0]].copy()
    for j in part[1:]:
        total += numbers[:, j]
    return total


def _times(asked: NDArray[np.uint64], among: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How often each number stands among others."""
    ordered = np.sort(among)
    after = np.searchsorted(ordered, asked, side="right")
    times: NDArray[np.int64] = after - np.searchsorted(ordered, asked, side="left")
    return times


def _found(asked: NDArray[np.uint64], among: NDArray[np.uint64]) -> NDArray[np.bool_]:
    ordered = np.sort(among)
    places = np.minimum(np.searchsorted(ordered, asked), len(ordered) - 1)
    found: NDArray[np.bool_] = ordered[places] == asked
    return found


def _choices(columns: int, rng: np.random.Generator) -> list[list[int]]:
    singles = [[j] for j in range(columns)] if columns > 1 else []
    pairs = [list(p) for p in combinations(range(columns), 2)] if columns > 2 else []
    order = rng.permutation(len(pairs))[: max(0, MAX_LEFT_OUT - len(singles))]
    return singles[:MAX_LEFT_OUT] + [pairs[i] for i in np.sort(order)]


def _numbered(
    suspects: list[Table], synthetic: Table, names: tuple[str, ...], rng: np.random.Generator
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """A random number for each value, equal for equal values of a column."""
    asked, drawn = [], []
    for name in names:
        *people, others = shared_codes([t.column(name) for t in (*suspects, synthetic)])
        codes = np.concatenate(people)
        size = int(max(codes.max(initial=-1), others.max(initial=-1))) + 2
        numbers = rng.integers(0, 2**64, size, dtype=np.uint64, endpoint=False)
        asked.append(numbers[codes + 1])
        drawn.append(numbers[others + 1])
    return np.column_stack(asked), np.column_stack(drawn)
