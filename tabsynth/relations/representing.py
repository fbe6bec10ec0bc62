"""A few records that stand for many: what is looked up by thousands should not be a chance draw.

A table of towns has few records, and every one of them shapes thousands of others. Drawn one by
one, they would be as far from what was learnt as few records are by chance. So many more are drawn,
and those few are kept that together are most like all of them, also when each record counts as
often as it has children.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.relations.counts import Counts
from tabsynth.relations.ties import Relation
from tabsynth.relations.views import Seen
from tabsynth.synthesizers.stages import runs

# tables of fewer records are chosen so, each from so many
FEW: Final = 300
POOL: Final = 24
_LEVELS: Final = 16
_SWEEPS: Final = 4

Features = NDArray[np.float32]


def representative(
    seen: Seen, counts: Mapping[Relation, Counts], rows: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Which of many records to keep.

    Args:
        seen: all of them, as others see them.
        counts: their numbers of children.
        rows: how many to keep.
        rng: picks those to begin with, and in which order they are exchanged.
    """
    features = _features(seen, counts)
    pool = len(features)
    chosen = rng.permutation(pool)[:rows]
    if not features.shape[1]:
        return np.sort(chosen)
    wanted = rows * features.mean(axis=0)
    size = np.square(features).sum(axis=1)
    rest = features[chosen].sum(axis=0) - wanted
    for place in np.concatenate([rng.permutation(rows) for _ in range(_SWEEPS)]):
        rest -= features[chosen[place]]
        # how far the sum would be from what is wanted with each of the others in this place
        best = int(np.argmin(2 * (features @ rest) + size))
        chosen[place] = best
        rest += features[best]
    return np.sort(chosen)


def _features(seen: Seen, counts: Mapping[Relation, Counts]) -> Features:
    """Shape (records, features): the level of each column, once by itself and once by children."""
    rows = len(next(iter(seen.levels.values()), ()))
    weights: list[NDArray[Any]] = [np.ones(rows)]
    weights += [number / max(number.mean(), 1e-9) for number in counts.values()]
    parts = []
    for name, levels in seen.levels.items():
        number = np.bincount(levels)
        coarse = runs(number, _LEVELS) if seen.sizes[name] > 0 else _by_frequency(number)
        hot = np.eye(int(coarse.max()) + 1, dtype=np.float32)[coarse[levels]]
        parts += [hot * weight[:, None].astype(np.float32) for weight in weights]
    return np.concatenate(parts, axis=1) if parts else np.empty((rows, 0), np.float32)


def _by_frequency(number: NDArray[np.int64]) -> NDArray[np.int64]:
    rank = np.empty(len(number), np.int64)
    rank[np.argsort(-number, kind="stable")] = np.arange(len(number))
    return np.minimum(rank, _LEVELS - 1)
