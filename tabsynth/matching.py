"""Which records of several tables are equal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.analysis import held_by
from tabsynth.learners import shared_codes
from tabsynth.table import Table

Keys = NDArray[np.int64]


def record_keys(tables: list[Table]) -> list[Keys]:
    """One number per record, equal for records that agree in every column, over all tables.

    Args:
        tables: of one schema; missing values agree with each other.
    """
    return combined([shared_codes([t.column(n) for t in tables]) for n in tables[0].schema.names])


def combined(columns: list[list[Keys]]) -> list[Keys]:
    """One number per record of several tables, equal where all columns are.

    Args:
        columns: for each column its codes in each table, -1 for missing.
    """
    sizes = [len(codes) for codes in columns[0]]
    key = np.zeros(sum(sizes), np.int64)
    for column in columns:
        codes = np.concatenate(column) + 1
        product = key * (int(codes.max(initial=0)) + 1) + codes
        # renumbering after each column keeps the product far from overflow
        key = np.unique(product, return_inverse=True)[1].astype(np.int64)
    return np.split(key, np.cumsum(sizes)[:-1])


def record_sums(tables: list[Table], rng: np.random.Generator) -> list[NDArray[np.uint64]]:
    """A random 64-bit number per cell, equal for equal values of a column, over all tables.

    The sum of a record's numbers stands for the record; what is left without some of its fields
    is a subtraction. Two different sums agree by chance once in 2^64 times.

    Args:
        tables: of one schema; missing values agree with each other.
        rng: of the numbers.

    Returns:
        Arrays of shape (records, columns), one for each table.
    """
    columns: list[list[NDArray[np.uint64]]] = [[] for _ in tables]
    for name in tables[0].schema.names:
        codes = shared_codes([t.column(name) for t in tables])
        size = max(int(c.max(initial=-1)) for c in codes) + 2
        numbers = rng.integers(0, 2**64, size, dtype=np.uint64, endpoint=False)
        for own, code in zip(columns, codes, strict=True):
            own.append(numbers[code + 1])
    return [np.column_stack(own) for own in columns]


def once(*keys: Keys) -> Keys:
    """The keys that occur exactly once in all tables together, ascending."""
    found, times = np.unique(np.concatenate(keys), return_counts=True)
    single: Keys = found[times == 1]
    return single


def of_one_person(keys: list[Keys], owners: list[Keys]) -> Keys:
    """The keys that a single person has in all tables together, in however many records; ascending.

    Args:
        keys: of the records of each table, at least 0.
        owners: whose records they are; a person of the one table is none of the other.
    """
    starts = np.cumsum([0, *(int(own.max(initial=-1)) + 1 for own in owners[:-1])])
    people = np.concatenate([own + start for own, start in zip(owners, starts, strict=True)])
    found, persons = np.unique(held_by(np.concatenate(keys), people)[0], return_counts=True)
    single: Keys = found[persons == 1]
    return single
