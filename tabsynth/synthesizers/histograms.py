"""One-way histograms from private measurements: which cells to keep, and about how full they are.

A column is measured twice where it has many cells: on fine cells, to find values so frequent that
they stand out of the noise, and on public blocks of neighbouring cells, which say where the others
are. All that follows the two releases is post-processing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from tabsynth.encoding.codec import Codec, ColumnCodec, NumericCodec
from tabsynth.privacy.domain import Domain
from tabsynth.privacy.private_table import Measurement, PrivateTable
from tabsynth.synthesizers.projection import Floats, to_total

BLOCKS: Final = 256
# fine cells of all columns together; noise for so many takes a few seconds
FINE_CELLS: Final = 2**19
# how many cells of a column may stand out by noise alone, on average
FALSE_SPIKES: Final = 1.0

Cells = NDArray[np.int64]


@dataclass(frozen=True)
class Kept:
    """The cells of one column that a model can emit.

    Args:
        codec: of the column; frequent values, and blocks of the rest.
        counts: shape (cells,), estimates of at least 0; without the missing cell where the column
            must hold a value.
        variance: shape (cells,), about that of the noise in `counts` before it was cut at 0.
        place: shape (fine cells,), the kept cell of each cell of the domain.
    """

    codec: ColumnCodec
    counts: Floats
    variance: Floats
    place: Cells


@dataclass(frozen=True)
class Histograms:
    """What was learnt of each column alone.

    Args:
        total: estimated number of records, at least 1.
        columns: in order.
    """

    total: float
    columns: tuple[Kept, ...]

    def codec(self, domain: Domain) -> Codec:
        """The cells that a model emits."""
        return Codec(domain.schema, tuple(kept.codec for kept in self.columns))


def measure_histograms(data: PrivateTable, *, blocks: float, fine: float) -> Histograms:
    """Measure every column alone.

    Args:
        data: asked about fine cells.
        blocks: rho for all columns in blocks.
        fine: rho for fine cells of the columns that have more than there are blocks; left unspent
            where there is none.

    Privacy: one release each; costs blocks + fine.
    """
    domain = data.domain
    whole = [_runs(size, BLOCKS, codec) for size, codec in _columns(domain)]
    coarse = data.coarsened(whole).marginals(
        [(j,) for j in range(len(whole))], rho=blocks, stage="columns"
    )
    total = _total(coarse)
    wide = [j for j, (size, _) in enumerate(_columns(domain)) if whole[j].max() + 1 < size]
    spikes: dict[int, tuple[Measurement, Cells]] = {}
    if wide:
        cap = FINE_CELLS // len(wide)
        fine_runs = [
            _runs(size, max(cap, BLOCKS) if j in wide else BLOCKS, codec)
            for j, (size, codec) in enumerate(_columns(domain))
        ]
        released = data.coarsened(fine_runs).marginals(
            [(j,) for j in wide], rho=fine, stage="frequent values"
        )
        spikes = {m.clique[0]: (m, fine_runs[m.clique[0]]) for m in released}
    kept = [
        _with_spikes(codec, (coarse[j], whole[j]), spikes[j], total)
        if j in spikes
        else _as_measured(codec, coarse[j], total)
        for j, (_, codec) in enumerate(_columns(domain))
    ]
    return Histograms(total, tuple(kept))


def _columns(domain: Domain) -> Sequence[tuple[int, ColumnCodec]]:
    return list(zip(domain.sizes, domain.codec.columns, strict=True))


def _runs(size: int, most: int, codec: ColumnCodec) -> Cells:
    """Neighbouring cells of an ordered column in at most so many runs; missing stays apart."""
    present = min(size, codec.cells - 1)
    if not codec.ordered or present <= most:
        return np.arange(size)
    runs = np.arange(present, dtype=np.int64) * most // present
    return np.append(runs, most) if size > present else runs


def _total(measured: Sequence[Measurement]) -> float:
    """The number of records, from the sums of all columns, weighted by how sure each is."""
    weights = np.array([1 / (m.sigma**2 * m.counts.size) for m in measured])
    sums = np.array([float(m.counts.sum()) for m in measured])
    return max(1.0, float(weights @ sums / weights.sum()))


def _as_measured(codec: ColumnCodec, measured: Measurement, total: float) -> Kept:
    counts = to_total(measured.counts.astype(float), total)
    return Kept(codec, counts, np.full(len(counts), measured.sigma**2), np.arange(len(counts)))


def _with_spikes(
    codec: ColumnCodec,
    in_blocks: tuple[Measurement, Cells],
    in_runs: tuple[Measurement, Cells],
    total: float,
) -> Kept:
    """Frequent values as cells of their own, and the blocks without them."""
    assert isinstance(codec, NumericCodec)
    (blocks, block_of), (fine, run_of) = in_blocks, in_runs
    present = len(codec.low)
    block_of, nullable = block_of[:present], len(block_of) > present
    noisy = fine.counts[: int(run_of[:present].max()) + 1].astype(float)
    height = -float(ndtri(FALSE_SPIKES / len(noisy))) * fine.sigma
    runs = np.flatnonzero(noisy > height)
    first, last = _ends(run_of[:present])
    starts, stops = _ends(block_of)
    holder = block_of[first[runs]]
    found = np.isin(run_of[:present], runs)
    # a block all of whose values are frequent has no rest
    mixed = np.flatnonzero(np.bincount(block_of, ~found, len(starts)))
    rest = blocks.counts[: len(starts)] - np.bincount(holder, noisy[runs], len(starts))
    spread = blocks.sigma**2 + fine.sigma**2 * np.bincount(holder, minlength=len(starts))
    counts = np.concatenate([noisy[runs], rest[mixed], blocks.counts[len(starts) :]])
    missing = np.full(int(nullable), blocks.sigma**2)
    variance = np.concatenate([np.full(len(runs), fine.sigma**2), spread[mixed], missing])
    low = np.concatenate([codec.low[first[runs]], codec.low[starts[mixed]]])
    high = np.concatenate([codec.high[last[runs]], codec.high[stops[mixed]]])
    atom = low == high
    order = np.lexsort((~atom, np.append(first[runs], starts[mixed])))
    rank = np.argsort(order)
    by_block, by_run = np.zeros(len(starts), np.int64), np.zeros(len(noisy), np.int64)
    by_block[mixed], by_run[runs] = rank[len(runs) :], rank[: len(runs)]
    place = np.where(found, by_run[run_of[:present]], by_block[block_of])
    full = np.append(order, len(order)) if nullable else order
    where = np.append(place, len(order)) if nullable else place
    cells = NumericCodec(
        codec.field, low[order], high[order], atom[order], codec.offset, codec.step
    )
    return Kept(cells, to_total(counts[full], total), variance[full], where)


def _ends(runs: Cells) -> tuple[NDArray[Any], NDArray[Any]]:
    """First and last position of each run."""
    numbers = np.arange(int(runs.max()) + 1)
    return np.searchsorted(runs, numbers), np.searchsorted(runs, numbers, "right") - 1
