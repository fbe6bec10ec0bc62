"""Growing forests by gradient boosting: each tree corrects what those before it leave."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tabsynth.synthesizers.forest import GRID, NEVER, UNSPLIT, Floats, Forest, leaf_of
from tabsynth.synthesizers.margins import margin, two_digits
from tabsynth.synthesizers.predictors import BINS

DEPTH: Final = 4
RATE: Final = 0.4
# records that choose the questions of one tree
MOST_CHOOSING: Final = 50_000
# the pull of a leaf towards nothing, as a part of the fewest records that it may rest on
PULL: Final = 0.1
# the part of the records that says when to stop, and after how many trees that did not help
HELD: Final = 0.1
PATIENCE: Final = 6
# groups of fewer leaves' worth of records have margins alone
FEWEST_LEAVES: Final = 8


@dataclass(frozen=True)
class Task:
    """Records whose class is to be predicted.

    Args:
        group: shape (records,), each group has trees of its own.
        groups: how many there are.
        chosen: shape (records,), classes 0..K-1.
        classes: K.
        predictors: shape (records, predictors), bins 0..127.
        person: shape (records,), whose each is, at least 0; None where each is a person's own.
        fewest: persons behind a leaf at least.
    """

    group: NDArray[np.int64]
    groups: int
    chosen: NDArray[np.int64]
    classes: int
    predictors: NDArray[np.uint8]
    person: NDArray[np.int64] | None = None
    fewest: int = 1

    def part(self, records: NDArray[np.intp]) -> Task:
        """Only those records."""
        person = self.person
        if person is not None:
            # without gaps, as they are counted by place
            person = np.unique(person[records], return_inverse=True)[1]
        return replace(
            self, group=self.group[records], chosen=self.chosen[records],
            predictors=self.predictors[records], person=person,
        )  # fmt: skip

    def filled(self, fallen: NDArray[np.intp], leaf: int) -> NDArray[np.bool_]:
        """Which leaves hold enough records, and those of enough persons; shape (leaves,)."""
        enough = np.bincount(fallen, minlength=1 << DEPTH) >= leaf
        if self.person is None:
            return enough
        there = np.zeros((int(self.person.max(initial=0)) + 1, 1 << DEPTH), bool)
        there[self.person, fallen] = True
        persons: NDArray[np.int64] = there.sum(axis=0)
        return enough & (persons >= self.fewest)


@dataclass(frozen=True)
class _Tree:
    """A symmetric tree, see `Forest`; `value` in 2,048ths."""

    feature: NDArray[np.int16]
    cut: NDArray[np.uint8]
    value: NDArray[np.int16]


@dataclass(frozen=True)
class _Rows:
    """Records and what their classes weigh so far.

    Args:
        columns: shape (predictors, records), bins.
        chosen: shape (records,), classes 0..K-1.
        total: shape (K, records), log-odds.
    """

    columns: NDArray[np.uint8]
    chosen: NDArray[np.int64]
    total: Floats

    @classmethod
    def of(
        cls, predictors: NDArray[np.uint8], chosen: NDArray[np.int64], start: NDArray[np.int16]
    ) -> _Rows:
        """Records before the first tree."""
        total = np.repeat(start[:, None].astype(np.float32) / np.float32(GRID), len(chosen), axis=1)
        return cls(np.ascontiguousarray(predictors.T), chosen, total)

    def after(self, value: NDArray[np.int16], fallen: NDArray[np.intp]) -> _Rows:
        """The same after one more tree, in the leaves of which they fell."""
        added = value.T.astype(np.float32) / np.float32(GRID)
        return _Rows(self.columns, self.chosen, self.total + added.take(fallen, axis=1))

    @cached_property
    def shares(self) -> Floats:
        """How probable every class is, shape (K, records)."""
        weights = np.exp(self.total - self.total.max(axis=0))
        shares: Floats = weights / weights.sum(axis=0)
        return shares

    @property
    def residual(self) -> Floats:
        """What happened minus what was expected, shape (K, records)."""
        residual = -self.shares
        residual[self.chosen, np.arange(len(self.chosen))] += 1
        return residual

    @property
    def likelihood(self) -> float:
        """Sum of the logarithms of the shares of what happened."""
        own = self.shares[self.chosen, np.arange(len(self.chosen))]
        return float(np.log(np.maximum(own, 1e-30), dtype=np.float64).sum())


def grow(task: Task, *, rounds: int, leaf: int, rng: np.random.Generator) -> Forest:
    """Grow trees for every group.

    A tree asks up to four questions, the same ones of all records, which together explain most of
    a random mixture of the classes' residuals. Each of its leaves then adds, for every class, two
    fifths of the logarithm of how many records have it over how many were expected, both numbers
    raised by a tenth of `leaf`. A leaf of fewer than `leaf` records, or of too few persons, adds
    nothing, and a question must leave as many records on both sides. One in ten records is kept out
    of all this and says where to stop.

    Args:
        task: what to learn.
        rounds: most trees per group; fewer where those of one would have 8 weights for each record
            of all.
        leaf: fewest records behind a leaf.
        rng: the only source of randomness.

    Source: Friedman (2001), doi:10.1214/aos/1013203451; ratios as steps, Darroch and Ratcliff
        (1972), doi:10.1214/aoms/1177692379; symmetric trees, Prokhorenkova and others
        (2018), arXiv:1706.09516; random mixtures of many outputs, Iosipoi and Vakhrushev (2022),
        arXiv:2211.12858.
    """
    order = np.argsort(task.group, kind="stable")
    ends = np.searchsorted(task.group[order], np.arange(task.groups + 1))
    parts = [order[a:b] for a, b in pairwise(ends)]
    start = np.array([_start(task.chosen[part], task.classes) for part in parts])
    rounds = min(rounds, len(task.chosen) // (2 * task.classes + 1))
    grown = [
        _boost(s, task.part(part), rounds=rounds, leaf=leaf, rng=own)
        for s, part, own in zip(start, parts, rng.spawn(task.groups), strict=True)
    ]
    trees = [tree for group in grown for tree in group]
    empty = (np.empty((0, DEPTH), np.int16), np.empty((0, DEPTH), np.uint8))
    return Forest(
        start=start,
        first=np.cumsum([0, *map(len, grown)]).astype(np.int32),
        feature=np.array([t.feature for t in trees]) if trees else empty[0],
        cut=np.array([t.cut for t in trees]) if trees else empty[1],
        value=np.array([t.value for t in trees]).reshape(len(trees), 1 << DEPTH, task.classes)
        if trees
        else np.empty((0, 1 << DEPTH, task.classes), np.int16),
    )


def _start(chosen: NDArray[np.int64], classes: int) -> NDArray[np.int16]:
    """Weights of the classes' shares, which lie on a grid too coarse to reveal one record."""
    if not len(chosen):
        return np.where(np.arange(classes), NEVER, 0).astype(np.int16)
    share = margin(chosen, classes, min_count=0)
    # a class that occurs has at least half a step of that grid
    occurs = np.bincount(chosen, minlength=classes) > 0
    share = np.where(occurs, np.maximum(share, 0.5 / two_digits(len(chosen))), 0.0)
    logs = np.log(np.where(share > 0, share, 1.0))
    return np.where(share > 0, np.rint(logs * GRID), NEVER).astype(np.int16)


def _boost(
    start: NDArray[np.int16], task: Task, *, rounds: int, leaf: int, rng: np.random.Generator
) -> list[_Tree]:
    n, d = task.predictors.shape
    present = np.flatnonzero(start != NEVER)
    if n < FEWEST_LEAVES * leaf or len(present) < 2 or not d:
        return []
    number = np.zeros(len(start), np.int64)
    number[present] = np.arange(len(present))
    held = rng.random(n) < HELD
    apart, task = task.part(np.flatnonzero(held)), task.part(np.flatnonzero(~held))
    judge = _Rows.of(apart.predictors, number[apart.chosen], start[present])
    rows = _Rows.of(task.predictors, number[task.chosen], start[present])
    n = len(rows.chosen)
    places = rows.columns.astype(np.int64) + np.arange(d)[:, None] * BINS
    trees: list[_Tree] = []
    best, kept = judge.likelihood, 0
    for _ in range(rounds):
        shares, residual = rows.shares, rows.residual
        mixture = rng.standard_normal(len(present)) @ residual
        picked = rng.permutation(n)[:MOST_CHOOSING] if n > MOST_CHOOSING else slice(None)
        asked = _questions(places[:, picked], mixture[picked], leaf * min(MOST_CHOOSING / n, 1.0))
        if asked is not None:
            fallen = leaf_of(rows.columns, *asked)
            member = sparse.csr_matrix(
                (np.ones(n, np.float32), fallen, np.arange(n + 1)), shape=(n, 1 << DEPTH)
            ).T
            filled = task.filled(fallen, leaf)[:, None]
            expected = member @ shares.T + PULL * leaf
            step = RATE * np.log1p(np.maximum(member @ residual.T / expected, -0.999))
            value = np.where(filled, np.rint(step * GRID), 0).astype(np.int16)
            rows, judge = (
                rows.after(value, fallen),
                judge.after(value, leaf_of(judge.columns, *asked)),
            )
            whole = np.zeros((1 << DEPTH, len(start)), np.int16)
            whole[:, present] = value
            trees.append(_Tree(*asked, whole))
        if judge.likelihood > best:
            best, kept = judge.likelihood, len(trees)
        elif len(trees) - kept >= PATIENCE:
            break
    return trees[:kept]


def _questions(
    places: NDArray[np.int64], mixture: NDArray[np.float64], least: float
) -> tuple[NDArray[np.int16], NDArray[np.uint8]] | None:
    """The questions of a tree, chosen one after the other; None where the first tells nothing.

    Args:
        places: shape (d, records), bins of each predictor, counted on from the one before it.
        mixture: shape (records,), what is to be explained.
        least: fewest records on either side of a question.
    """
    feature, cut = np.zeros(DEPTH, np.int16), np.full(DEPTH, UNSPLIT, np.uint8)
    leaf = np.zeros(len(mixture), np.int64)
    sums, counts = _histogram(places, mixture, leaf, 1)
    pull = PULL * least
    for level in range(DEPTH):
        below, few = np.cumsum(sums, axis=2), np.cumsum(counts, axis=2)
        whole, all_ = below[..., -1:], few[..., -1:]
        above, many = whole - below, all_ - few
        gain = below * below / (few + pull) + above * above / (many + pull)
        gain -= whole * whole / (all_ + pull)
        gain *= (few >= least) & (many >= least)
        gain = gain.sum(axis=0)
        best = int(np.argmax(gain))
        if gain.flat[best] <= 0:
            break
        feature[level], cut[level] = divmod(best, BINS)
        right = places[feature[level]] > best
        if level + 1 < DEPTH:
            some = np.flatnonzero(right)
            own = _histogram(places[:, some], mixture[some], leaf[some], len(sums))
            shape = (2 * len(sums), *sums.shape[1:])
            sums = np.stack([sums - own[0], own[0]], axis=1).reshape(shape)
            counts = np.stack([counts - own[1], own[1]], axis=1).reshape(shape)
        leaf = 2 * leaf + right
    return None if cut[0] == UNSPLIT else (feature, cut)


def _histogram(
    places: NDArray[np.int64], mixture: NDArray[np.float64], leaf: NDArray[np.int64], nodes: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Sums of the mixture and numbers of records, both of shape (nodes, d, bins)."""
    shape = (nodes, len(places), BINS)
    size = nodes * len(places) * BINS
    key = (places + leaf * (len(places) * BINS)).ravel()
    sums = np.bincount(key, np.tile(mixture, len(places)), size).reshape(shape)
    counts = np.bincount(key, minlength=size).reshape(shape).astype(np.float64)
    return sums, counts
