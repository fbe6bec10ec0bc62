"""How much of a record stands in some synthetic record, one or two fields apart."""

from __future__ import annotations

from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.learners import shared_codes
from tabsynth.table import Table

MAX_LEFT_OUT: Final = 300

Floats = NDArray[np.float64]


def surprise(suspects: list[Table], known: list[Table], names: tuple[str, ...]) -> Floats:
    """How unlikely each value of each suspect is among the records that the attacker holds.

    Args:
        suspects: tables of the people asked about.
        known: synthetic and reference records.
        names: columns to look at.

    Returns:
        Minus the logarithm of the value's share, at least 0; shape (suspects, columns).
    """
    columns = []
    for name in names:
        codes = shared_codes([t.column(name) for t in (*suspects, *known)])
        asked, seen = (
            np.concatenate(c) + 1 for c in (codes[: len(suspects)], codes[len(suspects) :])
        )
        counts = np.bincount(seen, minlength=int(asked.max(initial=0)) + 1)
        columns.append(np.log((len(seen) + 1) / (counts[asked] + 1)))
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
    to leave out, at random where there are more. Near copies that no distance tells from a dense
    crowd are found so.

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
    best = np.where(np.isin(whole, among), total, 0.0)
    for left_out in _choices(asked.shape[1], rng):
        part = whole - asked[:, left_out].sum(axis=1)
        rest = total - weight[:, left_out].sum(axis=1)
        better = np.flatnonzero(rest > best)
        found = np.isin(part[better], among - drawn[:, left_out].sum(axis=1))
        best[better[found]] = rest[better[found]]
    return best


def _choices(columns: int, rng: np.random.Generator) -> list[list[int]]:
    singles = [[j] for j in range(columns)] if columns > 1 else []
    pairs = [list(p) for p in combinations(range(columns), 2)] if columns > 2 else []
    everything = singles + pairs
    if len(everything) <= MAX_LEFT_OUT:
        return everything
    kept = rng.permutation(len(everything))[:MAX_LEFT_OUT]
    return [everything[i] for i in kept]


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
