"""Runs of words: what texts share, and what only a few of them hold.

A run of `RUN` words, or a whole text of fewer, that only a few training records hold points at
these records. So no model of
texts emits one, but for invented values in it, and a report counts those that come out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

RUN: Final = 8
FEWEST: Final = 5
_WORD: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")

Hashes = NDArray[np.uint64]


def words(text: str) -> list[str]:
    """The words of a text in lower case; punctuation does not count."""
    return [found.lower() for found in _WORD.findall(text)]


def runs(text: Sequence[str], *, whole: bool = False) -> Hashes:
    """A number for each run of `RUN` words, shape (runs,); equal for equal runs.

    Args:
        text: its words.
        whole: whether these are all words of a text. Of fewer than `RUN` words, all of them are
            one run then: what somebody wrote may be brief.
    """
    count = len(text) - RUN + 1
    if count < 1:
        if not (whole and text):
            return np.empty(0, np.uint64)
        count = 1
    joined = (" ".join(text[i : i + RUN]).encode() for i in range(count))
    digests = b"".join(blake2b(run, digest_size=8).digest() for run in joined)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def holders(texts: Iterable[Hashes], units: NDArray[np.int64]) -> tuple[Hashes, NDArray[np.int64]]:
    """Every run that occurs, sorted, and how many privacy units hold it.

    Args:
        texts: the runs of each record's text.
        units: whose record it is, shape (records,). A person who writes the same in twenty records
            counts once.
    """
    listed = list(texts)
    owner = np.repeat(units, [len(own) for own in listed])
    found = np.concatenate([np.empty(0, np.uint64), *listed])
    order = np.lexsort((owner, found))
    found, owner = found[order], owner[order]
    first = np.ones(len(found), bool)
    first[1:] = (found[1:] != found[:-1]) | (owner[1:] != owner[:-1])
    return np.unique(found[first], return_counts=True)


def shared(texts: Iterable[Hashes], units: NDArray[np.int64]) -> Hashes:
    """The runs that at least `FEWEST` privacy units hold, sorted."""
    found, held = holders(texts, units)
    return found[held >= FEWEST]


def among(some: Hashes, known: Hashes) -> NDArray[np.bool_]:
    """Which runs stand in a sorted list of runs, shape (runs,).

    For a few runs and a long list this is a thousand times quicker than numpy's `isin`.
    """
    if not len(known):
        return np.zeros(len(some), bool)
    places = np.minimum(np.searchsorted(known, some), len(known) - 1)
    found: NDArray[np.bool_] = known[places] == some
    return found
