"""Which parent, and which value of a key, the record at a place has: functions of the place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tabsynth.database import NO_PARENT
from tabsynth.generators import hashed
from tabsynth.mock.places import Places, uniform
from tabsynth.mock.values import MOST


class Rule(Protocol):
    """From places of records to numbers of parents or values."""

    def at(self, places: Places) -> Places:
        """The numbers, `NO_PARENT` for none; shape of `places`."""


@dataclass(frozen=True)
class Ordered:
    """The number is the place."""

    def at(self, places: Places) -> Places:
        """See `Rule.at`."""
        return places


@dataclass(frozen=True)
class Before:
    """The number is that of the record before: a chain in one table."""

    def at(self, places: Places) -> Places:
        """See `Rule.at`."""
        return places - 1


@dataclass(frozen=True)
class Shuffled:
    """All numbers below `capacity`, each once in that many places, in scrambled order."""

    capacity: int
    salt: int

    def at(self, places: Places) -> Places:
        """See `Rule.at`."""
        size = self.capacity
        step = max(1, round(size * 0.6180339887498949))
        while math.gcd(step, size) != 1:
            step += 1
        if size <= MOST:
            return (places * step + self.salt % size) % size
        # products beyond 64 bits: in whole numbers of any size, which is slow and seldom needed
        return np.array([(int(p) * step + self.salt) % size for p in places], np.int64)


@dataclass(frozen=True)
class Digit:
    """One digit of a number that is written with several bases, as of a link between parents."""

    whole: Rule
    unit: int
    base: int

    def at(self, places: Places) -> Places:
        """See `Rule.at`."""
        return self.whole.at(places) // self.unit % self.base


@dataclass(frozen=True)
class Skewed:
    """Some parents have many children, most have few: the share falls with the square root."""

    capacity: int
    salt: int

    def at(self, places: Places) -> Places:
        """See `Rule.at`."""
        drawn = np.minimum(self.capacity * uniform(places, self.salt) ** 2, self.capacity - 1)
        return Shuffled(self.capacity, self.salt).at(drawn.astype(np.int64))


@dataclass(frozen=True)
class Even:
    """Numbers below `capacity`, all alike."""

    capacity: int
    salt: int

    def at(self, places: Places) -> Places:
        """See `Rule.at`."""
        drawn = np.minimum(self.capacity * uniform(places, self.salt), self.capacity - 1)
        return drawn.astype(np.int64)


@dataclass(frozen=True)
class Tree:
    """A record's parent stands before it in the same table; the first has none."""

    salt: int

    def at(self, places: Places) -> Places:
        """See `Rule.at`."""
        drawn = np.minimum(places * uniform(places, self.salt), places - 1)
        return np.where(places == 0, NO_PARENT, drawn.astype(np.int64))


@dataclass(frozen=True)
class Sometimes:
    """Another rule, with no parent in one record of ten."""

    rule: Rule
    salt: int

    def at(self, places: Places) -> Places:
        """See `Rule.at`."""
        return np.where(uniform(places, ~self.salt) < 0.1, NO_PARENT, self.rule.at(places))


@dataclass(frozen=True)
class Nobody:
    """No record has a parent, as there is none."""

    def at(self, places: Places) -> Places:
        """See `Rule.at`."""
        return np.full(len(places), NO_PARENT)


@dataclass(frozen=True, eq=False)
class Grouped:
    """The children of a parent stand together.

    Args:
        first: place of each parent's first child, and the number of children; shape (parents + 1,).
    """

    first: NDArray[np.int64]

    @classmethod
    def of(cls, rows: int, parents: int, *, most: int, salt: int) -> Grouped:
        """Children dealt out with a skew, at most `most` to each of `parents`; they must fit."""
        weights = -np.log1p(-uniform(np.arange(parents), salt)) + 0.2
        counts = np.floor(rows * weights / weights.sum()).astype(np.int64)
        counts = np.minimum(counts, most)
        left = rows - int(counts.sum())
        while left > 0:
            room = np.flatnonzero(counts < most)[:left]
            counts[room] += 1
            left -= len(room)
        return cls(np.concatenate([[0], np.cumsum(counts)]))

    def at(self, places: Places) -> Places:
        """See `Rule.at`."""
        return np.searchsorted(self.first, places, side="right") - 1


@dataclass(frozen=True, eq=False)
class Within:
    """Numbers that are distinct among the children of one parent.

    Args:
        groups: the parents.
        capacity: how many numbers there are, at least as many as a parent has children.
        salt: where a parent begins; None to begin at 0 always, as line numbers do.
    """

    groups: Grouped
    capacity: int
    salt: int | None

    def at(self, places: Places) -> Places:
        """See `Rule.at`."""
        parent = self.groups.at(places)
        rank = places - self.groups.first[parent]
        if self.salt is None:
            return rank
        begin = hashed(parent.astype(np.uint64) ^ np.uint64(self.salt)) % np.uint64(self.capacity)
        return (rank + begin.astype(np.int64)) % self.capacity
