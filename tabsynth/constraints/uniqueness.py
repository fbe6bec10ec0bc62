"""Which combinations of unique columns have been drawn, in eight bytes each."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.constraints.lattice import Mask, all_given
from tabsynth.schema.constraint import Unique
from tabsynth.table import Table

Keys = NDArray[np.uint64]
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)


class Seen:
    """The records that no further one may repeat, for one constraint or several.

    A combination of values is held as 64 bits: two that share them by chance cost another draw,
    and nothing else. Memory grows by 8 bytes a record and constraint.
    """

    def __init__(self, constraints: tuple[Unique, ...]) -> None:
        self._known = [(constraint, _Sorted()) for constraint in constraints]

    def new(self, table: Table) -> Mask:
        """Which records repeat neither one that was added nor one before them in the table.

        A record with a missing value repeats nothing.
        """
        found = np.ones(table.num_rows, bool)
        for constraint, known in self._known:
            keys, whole = _keys(table, constraint)
            rows = np.flatnonzero(whole)
            own, first = np.unique(keys[rows], return_index=True)
            fresh = np.zeros(len(rows), bool)
            fresh[first[~known.holds(own)]] = True
            found[rows] &= fresh
        return found

    def add(self, table: Table) -> None:
        """Keep the records in mind; they must be new."""
        for constraint, known in self._known:
            keys, whole = _keys(table, constraint)
            known.add(np.sort(keys[whole]))


class _Sorted:
    """Numbers in a few sorted runs, each at least twice as long as the next."""

    def __init__(self) -> None:
        self.runs: list[Keys] = []

    def holds(self, keys: Keys) -> Mask:
        found = np.zeros(len(keys), bool)
        for run in self.runs:
            place = np.minimum(np.searchsorted(run, keys), len(run) - 1)
            found |= run[place] == keys
        return found

    def add(self, run: Keys) -> None:
        if not len(run):
            return
        while self.runs and len(self.runs[-1]) < 2 * len(run):
            run = np.sort(np.concatenate([self.runs.pop(), run]), kind="stable")
        self.runs.append(run)


def _keys(table: Table, constraint: Unique) -> tuple[Keys, Mask]:
    """A number per record, equal where the columns are, in any table; and which have all values."""
    total = np.zeros(table.num_rows, np.uint64)
    for name in constraint.columns:
        total = _mixed(total * _FACTOR + _numbers(table.column(name)))
    return total, all_given(table, constraint.columns)


def _numbers(column: pa.Array) -> Keys:
    """64 bits per value, equal for equal values; any for a missing one."""
    numbers: Keys
    if pa.types.is_dictionary(column.type):
        texts = column.dictionary.cast(pa.string()).to_pylist()
        hashes = np.array([_text_number(text) for text in [*texts, ""]], np.uint64)
        numbers = hashes[column.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)]
    else:
        if pa.types.is_date32(column.type):
            column = column.cast(pa.int32())
        kind = pa.float64() if pa.types.is_floating(column.type) else pa.int64()
        plain = column.cast(kind).fill_null(0).to_numpy(zero_copy_only=False)
        # -0.0 is 0.0
        numbers = np.ascontiguousarray(plain + plain.dtype.type(0)).view(np.uint64)
    return numbers


def _text_number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def _mixed(keys: Keys) -> Keys:
    """Every bit made to depend on all others.

    Source: Steele, Lea and Flood (2014), doi:10.1145/2660193.2660195, finaliser of SplitMix64.
    """
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Keys = keys ^ (keys >> np.uint64(31))
    return mixed
