"""Drawing along a chain when some columns are given: particles, weighted and resampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import POOLED, Codes
from tabsynth.errors import ConditionError
from tabsynth.synthesizers.links import Link

PARTICLES: Final = 32
BLOCK: Final = 4096


def drawn_given(
    links: Sequence[Link],
    bins: Sequence[NDArray[np.uint8]],
    n: int,
    *,
    wanted: Mapping[int, Codes],
    names: Sequence[str],
    rng: np.random.Generator,
) -> list[Codes]:
    """Cells of n records that have the wanted ones where these are not POOLED.

    Where all wanted columns are drawn first, the rest follows exactly. Otherwise each record is
    drawn as 32 particles: every wanted cell weighs them by how probable they make it, and they are
    resampled by weight.

    Args:
        links: the chain.
        bins: per column, the bin of each cell.
        n: how many records.
        wanted: by column, shape (n,), POOLED where free.
        names: of the columns.
        rng: the only source of randomness.

    Raises:
        ConditionError: a combination that no particle reaches.

    Source: sequential importance resampling, Gordon, Salmond and Smith (1993),
        doi:10.1049/ip-f-2.1993.0015; systematic resampling, Kitagawa (1996),
        doi:10.1080/10618600.1996.10474692.
    """
    wanted = _at_their_sources(links, wanted)
    parts = [
        _block(links, bins, {j: k[start : start + BLOCK] for j, k in wanted.items()},
               min(BLOCK, n - start), names=names, rng=rng)
        for start in range(0, n, BLOCK)
    ]  # fmt: skip
    return [np.concatenate([part[j] for part in parts]) for j in range(len(links))]


def _at_their_sources(links: Sequence[Link], wanted: Mapping[int, Codes]) -> dict[int, Codes]:
    """Where one cell alone of a column means the wanted cell of another, that is wanted too."""
    moved = dict(wanted)
    for link in reversed(links):
        if link.source is None or link.table is None or link.column not in moved:
            continue
        means = link.live[link.table]
        cells, first, count = np.unique(means, return_index=True, return_counts=True)
        origin = np.full(int(cells.max()) + 2, POOLED)
        origin[cells] = np.where(count == 1, first, POOLED)
        wish = moved[link.column]
        asked = np.where(wish > cells.max(), POOLED, origin[wish])
        asked = np.where(wish == POOLED, POOLED, asked)
        old = moved.get(link.source)
        moved[link.source] = asked if old is None else np.where(old == POOLED, asked, old)
    return moved


def _block(
    links: Sequence[Link],
    bins: Sequence[NDArray[np.uint8]],
    wanted: Mapping[int, Codes],
    n: int,
    *,
    names: Sequence[str],
    rng: np.random.Generator,
) -> list[Codes]:
    firsts = [link.column in wanted for link in links][: len(wanted)]
    size = 1 if all(firsts) and all((k != POOLED).all() for k in wanted.values()) else PARTICLES
    drawn: list[Codes] = [np.empty(0, np.int64)] * len(links)
    seen: dict[int, NDArray[np.uint8]] = {}
    for link in links:
        j = link.column
        cells = link.draw(n * size, drawn, seen, rng)
        if j in wanted:
            wish = np.repeat(wanted[j], size)
            weight = np.where(wish == POOLED, 1.0, link.probability(wish, drawn, seen))
            weights = weight.reshape(n, size)
            _require_reachable(weights, names[j])
            cells = np.where(wish == POOLED, cells, wish)
            if size > 1:
                kept = _resample(weights, rng)
                drawn = [k[kept] if len(k) else k for k in drawn]
                seen = {f: b[kept] for f, b in seen.items()}
                cells = cells[kept]
        drawn[j] = cells
        seen[j] = bins[j][cells]
    one = np.arange(n) * size + rng.integers(0, size, n)
    return [k[one] for k in drawn]


def _resample(weights: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Places of the particles that go on, records after each other."""
    n, size = weights.shape
    ends = np.cumsum(weights, axis=1)
    ends /= ends[:, -1:]
    points = (np.arange(size) + rng.random((n, 1))) / size
    picked = (ends[:, None, :] <= points[:, :, None]).sum(axis=2)
    kept: NDArray[np.int64] = (np.minimum(picked, size - 1) + np.arange(n)[:, None] * size).ravel()
    return kept


def _require_reachable(weights: NDArray[np.float64], name: str) -> None:
    if np.any(weights.sum(axis=1) <= 0):
        raise ConditionError(
            f"given {name!r}",
            expected="a value that goes with the others that are given",
            got="a combination too rare for the model to draw",
            remedy="give fewer columns, or values that occur together",
        )
