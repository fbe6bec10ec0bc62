"""Columns as networks see them: every cell is an option, or a place within a mode.

A categorical column has an option per category. A numeric column has one per frequent value and
one per mode of the rest, with a scalar that says where in the mode a value lies (mode-specific
normalisation). All of it is a table over cells, so that records are turned by look-ups.

Source: Xu et al. (2019), Modeling tabular data using conditional GAN, arXiv:1907.00503, section
4.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.codec import POOLED, Codec, Codes, ColumnCodec, NumericCodec
from tabsynth.synthesizers.margins import draw, margin, require_shares
from tabsynth.synthesizers.mixtures import fit_mixture

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

# options of a categorical column: so many categories by themselves, the others in so many groups
ALONE: Final = 192
GROUPS: Final = 64
# a number is an option by itself where a column has few, or where so many records have it, and so
# many times as many as have each of those around it
FEW_NUMBERS: Final = 30
SPIKE: Final = 0.03
STEEP: Final = 3.0
NEIGHBOURS: Final = 2
# a mode reaches so many standard deviations to both sides
REACH: Final = 2.0
# numbers are bent in beyond so many times half the distance between quartiles
BENT: Final = 8.0


@dataclass(frozen=True)
class Coded:
    """One column.

    Args:
        margin: shape (cells,), how probable each cell is.
        option: shape (cells,), the option that a cell belongs to; -1 where it is never emitted.
        center: shape (options,), of a mode; 0 where the option is no mode.
        scale: shape (options,), of a mode, its reach; 0 where the option is no mode.
    """

    margin: Floats
    option: NDArray[np.int16]
    center: Floats
    scale: Floats

    def __post_init__(self) -> None:
        require_shares(self.margin)
        options = len(self.center)
        fits = (
            self.option.shape == self.margin.shape
            and self.option.dtype == np.int16
            and self.center.shape == self.scale.shape == (options,)
            and np.array_equal(self.option >= 0, self.margin > 0)
            and np.array_equal(np.unique(self.option[self.option >= 0]), np.arange(options))
        )
        if not fits or not np.all(np.isfinite(self.center)) or not np.all(self.scale >= 0):
            raise ValueError("expected an option for every cell")

    @property
    def options(self) -> int:
        """How many there are, at least 1."""
        return len(self.center)

    @cached_property
    def is_mode(self) -> NDArray[np.bool_]:
        """Shape (options,)."""
        return self.scale > 0

    @cached_property
    def share(self) -> Floats:
        """Shape (options,), how probable each is."""
        live = self.option >= 0
        share = np.bincount(self.option[live], self.margin[live], self.options)
        return np.asarray(share, np.float64)

    @cached_property
    def smooth(self) -> NDArray[np.intp]:
        """Cells that lie in a mode, in increasing order of value."""
        live = np.flatnonzero(self.option >= 0)
        return live[self.is_mode[self.option[live]]]

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.intp], Floats, Floats]:
        """Cells by option, where each option starts in their running share, and that share."""
        live = np.flatnonzero(self.option >= 0)
        order = live[np.argsort(self.option[live], kind="stable")]
        running = np.cumsum(self.margin[order])
        starts = np.append(0.0, np.cumsum(self.share))
        return order, starts, running

    def inside(self, option: NDArray[np.intp], rng: np.random.Generator) -> Codes:
        """A cell of each option, by the cells' own shares; shape (records,)."""
        order, starts, running = self._sorted
        low, high = starts[option], starts[option + 1]
        place = np.searchsorted(running, low + rng.random(len(option)) * (high - low), "right")
        first = np.searchsorted(self.option[order], option)
        last = np.searchsorted(self.option[order], option, "right") - 1
        cells: Codes = order[np.clip(place, first, last)]
        return cells


@dataclass(frozen=True)
class Layout:
    """All columns beside each other in a network's input and output, those of few options first.

    Args:
        columns: in the table's order.
    """

    columns: tuple[Coded, ...]

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Shape (columns,), where the options of each column start."""
        order = np.argsort([c.options for c in self.columns], kind="stable")
        sizes = np.array([self.columns[j].options for j in order])
        starts = np.empty(len(order), np.int64)
        starts[order] = np.cumsum(sizes) - sizes
        return starts

    @cached_property
    def width(self) -> int:
        """All options together."""
        return sum(c.options for c in self.columns)

    @cached_property
    def runs(self) -> tuple[tuple[int, int, int], ...]:
        """Columns of as many options beside each other: start, columns, options."""
        sizes, counts = np.unique([c.options for c in self.columns], return_counts=True)
        ends = np.cumsum(sizes * counts)
        return tuple(
            (int(end - k * m), int(m), int(k))
            for end, k, m in zip(ends, sizes, counts, strict=True)
        )

    @cached_property
    def numeric(self) -> tuple[int, ...]:
        """Columns that have modes; each has a scalar."""
        return tuple(j for j, c in enumerate(self.columns) if c.is_mode.any())

    @cached_property
    def column(self) -> NDArray[np.int64]:
        """Shape (width,), whose option each is."""
        return self.flat([np.full(c.options, j) for j, c in enumerate(self.columns)])

    @cached_property
    def share(self) -> Floats:
        """Shape (width,), how probable each option is in its column."""
        return self.flat([c.share for c in self.columns])

    def flat(self, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """One array over all options of one per column."""
        joined = np.empty(self.width, np.result_type(*parts))
        for start, part in zip(self.starts, parts, strict=True):
            joined[start : start + len(part)] = part
        return joined

    def slot(self, column: int) -> slice:
        """Where a column's options stand."""
        start = int(self.starts[column])
        return slice(start, start + self.columns[column].options)

    def state(self) -> dict[str, NDArray[Any]]:
        """Named arrays."""
        return {
            f"{j}.{name}": getattr(column, name)
            for j, column in enumerate(self.columns)
            for name in ("margin", "option", "center", "scale")
        }

    @classmethod
    def restore(cls, cells: Sequence[int], arrays: Mapping[str, NDArray[Any]]) -> Layout:
        """The layout whose `state` this is.

        Raises:
            ValueError: parts that do not fit together.
        """
        names = ("margin", "option", "center", "scale")
        columns = tuple(
            Coded(*(arrays[f"{j}.{name}"] for name in names)) for j in range(len(cells))
        )
        if [len(c.margin) for c in columns] != list(cells):
            raise ValueError("expected an option for every cell")
        return cls(columns)


@dataclass(frozen=True)
class Records:
    """Records as networks read them.

    Args:
        cells: per column, shape (records,).
        options: shape (records, columns), places in the layout.
        places: shape (records, numeric columns), from -1 to 1 within the mode.
    """

    cells: tuple[Codes, ...]
    options: NDArray[np.int32]
    places: Singles

    def take(self, rows: NDArray[np.intp]) -> Records:
        """Only those records."""
        cells = tuple(k[rows] for k in self.cells)
        return Records(cells, self.options[rows], self.places[rows])


def prepare(
    codec: Codec, codes: Sequence[Codes], *, min_count: int, rng: np.random.Generator
) -> tuple[Layout, Records]:
    """The layout of a table's columns, and its records.

    A value that may not be emitted gives way to one drawn from the rest of its column.

    Args:
        codec: the cells.
        codes: per column, shape (records,), POOLED where a value has no cell.
        min_count: fewest records with a missing value that let one come out.
        rng: the only source of randomness.
    """
    cells: list[Codes] = []
    coded: list[Coded] = []
    scalars: list[Singles] = []
    for code, column in zip(codes, codec.columns, strict=True):
        share = margin(code, column.cells, min_count=min_count)
        own = code.copy()
        hidden = (own == POOLED) | (share[own] == 0)
        own[hidden] = draw(share, int(hidden.sum()), rng)
        one, place = _coded(column, share, np.bincount(own, minlength=column.cells))
        cells.append(own)
        coded.append(one)
        if one.is_mode.any():
            scalars.append(place[own])
    layout = Layout(tuple(coded))
    options = [c.option[k] + s for c, k, s in zip(coded, cells, layout.starts, strict=True)]
    places = np.stack(scalars, 1) if scalars else np.zeros((len(codes[0]), 0), np.float32)
    return layout, Records(tuple(cells), np.stack(options, 1).astype(np.int32), places)


def _coded(column: ColumnCodec, share: Floats, counts: NDArray[np.int64]) -> tuple[Coded, Singles]:
    """A column, and the place of each cell within its mode."""
    live = np.flatnonzero(share)
    option = np.full(len(share), -1, np.int16)
    place = np.zeros(len(share), np.float32)
    if not isinstance(column, NumericCodec):
        option[live] = _groups(share[live])
        nothing = np.zeros(int(option.max()) + 1)
        return Coded(share, option, nothing, nothing), place
    alone = np.ones(len(live), bool)
    if len(live) > FEW_NUMBERS:
        alone = (live == column.missing_cell) | _sticks_out(column, share)[live]
    option[live[alone]] = np.arange(alone.sum())
    rest, first = live[~alone], int(alone.sum())
    if not len(rest):
        nothing = np.zeros(first)
        return Coded(share, option, nothing, nothing), place
    at = _scaled(column, rest, counts[rest])
    modes = fit_mixture(at, counts[rest].astype(np.float64))
    # the likeliest mode, of those that are the likeliest anywhere
    used, own = np.unique(modes.log_density(at).argmax(axis=1), return_inverse=True)
    center, scale = modes.center[used], REACH * modes.scale[used]
    option[rest] = first + own
    place[rest] = np.clip((at - center[own]) / scale[own], -1, 1)
    none = np.zeros(first)
    return Coded(share, option, np.append(none, center), np.append(none, scale)), place


def _groups(share: Floats) -> NDArray[np.int64]:
    """Frequent categories alone, the others with those of about their frequency."""
    rank = np.empty(len(share), np.int64)
    order = np.argsort(-share, kind="stable")
    rank[order] = np.arange(len(share))
    if len(share) <= ALONE + GROUPS:
        return rank
    rest = np.cumsum(share[order[ALONE:]])
    group = np.minimum((rest / rest[-1] * GROUPS).astype(np.int64), GROUPS - 1)
    rank[order[ALONE:]] = ALONE + np.unique(group, return_inverse=True)[1]
    return rank


def _sticks_out(column: NumericCodec, share: Floats) -> NDArray[np.bool_]:
    """Which cells are values that very many records have, and the cells around them do not."""
    own = share[:-1]
    near = np.convolve(own, np.ones(2 * NEIGHBOURS + 1), "same") - own
    high = (own >= SPIKE) & (own >= STEEP * near / (2 * NEIGHBOURS))
    return np.append(high & column.atom, False)


def _scaled(column: NumericCodec, cells: NDArray[np.intp], counts: NDArray[np.int64]) -> Floats:
    """Middles of cells on a scale that bends large numbers in, so that modes can be told apart."""
    low, high = column.low[cells].astype(np.float64), column.high[cells].astype(np.float64)
    middle = low + (high - low) / 2
    running = np.cumsum(counts) / counts.sum()
    first, half, third = middle[
        np.searchsorted(running, [0.25, 0.5, 0.75]).clip(max=len(cells) - 1)
    ]
    spread = (third / 2 - first / 2) or (middle[-1] / 2 - middle[0] / 2) or 1.0
    with np.errstate(over="ignore"):
        scaled: Floats = np.clip((middle - half) / spread / BENT, -1e300, 1e300)
    return np.arcsinh(scaled)
