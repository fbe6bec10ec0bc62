"""Several lines over the same few places, as inline SVG: generations, or sizes of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from tabsynth.report.charts import chart_svg, finite

HEIGHT: Final = 210
STYLES: Final = 6
_TOP: Final = 22
_LEFT: Final = 12.0
_RIGHT: Final = 97.0
_TICKS: Final = 5
# lines stand a little apart, so that their intervals do not cover each other
_APART: Final = 0.7
# as corner points of a shape, by style; the first style is a circle
_SHAPES: Final = (
    "", "M-4.2-4.2h8.4v8.4h-8.4Z", "M0-6 6 0 0 6-6 0Z", "M0-5.5 5.2 4H-5.2Z", "M0 5.5-5.2-4H5.2Z",
    "M-5-1.6h3.4v-3.4h3.2v3.4h3.4v3.2h-3.4v3.4h-3.2v-3.4h-3.4Z",
)  # fmt: skip


@dataclass(frozen=True)
class Dot:
    """A figure at one of the places.

    Args:
        at: position among the places, from 0.
        value: the figure.
        low: lower end of its interval; None where there is none.
        high: upper end.
    """

    at: int
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Line:
    """A line of figures.

    Args:
        name: of it.
        dots: in order; places may be missing.
        style: 0 to 5: its colour, its dashes and the shape of its dots.
    """

    name: str
    dots: tuple[Dot, ...]
    style: int


@dataclass(frozen=True)
class Frame:
    """What lines stand in.

    Args:
        places: what stands below the chart, from left to right.
        across: what the places are.
        reference: a figure to compare with, drawn as a line of its own; None for none.
        reference_name: what it is.
        percent: whether figures are shares.
        whole: whether intervals are shown whole; else they may end at the edge.
        bounds: what figures cannot pass; the grid ends there.
    """

    places: tuple[str, ...]
    across: str
    reference: float | None = None
    reference_name: str = ""
    percent: bool = False
    whole: bool = False
    bounds: tuple[float, float] = (-math.inf, math.inf)


def line_chart(
    lines: Sequence[Line], frame: Frame, *, ident: str, title: str, description: str
) -> str:
    """The lines, each with its intervals, over a grid that spans their figures.

    Args:
        lines: what to draw.
        frame: places, and a reference.
        ident: unique on the page.
        title: of the chart.
        description: the chart in words, for readers who do not see it.

    Returns:
        One `<svg>` element, or an empty text where there is no figure. Names of lines stand in a
        legend, which the page makes with `swatch`.
    """
    drawn = [line for line in lines if line.dots]
    if not drawn:
        return ""
    ticks = _ticks(drawn, frame)
    body = [_frame(ticks, frame)]
    for i, line in enumerate(drawn):
        shift = (i - (len(drawn) - 1) / 2) * min(_APART, 4 / len(drawn))
        body.append(_line(line, ticks, len(frame.places), shift))
    return chart_svg(
        "".join(body), ident=ident, title=title, description=description, height=_TOP + HEIGHT + 42
    )


def swatch(style: int) -> str:
    """How lines of a style look, for a legend."""
    return (
        '<svg width="30" height="14" aria-hidden="true" overflow="visible">'
        f'<g class="curve c{style}"><line x1="0" x2="30" y1="7" y2="7" class="join"/>'
        f"{_dot('15', 7, style)}</g></svg>"
    )


def _frame(ticks: Sequence[float], frame: Frame) -> str:
    parts = []
    for tick in ticks:
        y = _y(tick, ticks)
        text = f"{100 * tick:.3g} %" if frame.percent else f"{tick:.4g}"
        text = text.replace("-", "−")
        parts.append(
            f'<line x1="{_LEFT}%" x2="100%" y1="{y}" y2="{y}" class="grid"/>'
            f'<text x="0" y="{y + 4}" class="tick">{text}</text>'
        )
    bottom = _y(ticks[0], ticks)
    for i, place in enumerate(frame.places):
        x = _x(i, len(frame.places))
        parts.append(
            f'<line x1="{x}%" x2="{x}%" y1="{bottom}" y2="{bottom + 5}" class="grid"/>'
            f'<text x="{x}%" y="{bottom + 19}" text-anchor="middle" class="tick">'
            f"{escape(place)}</text>"
        )
    parts.append(
        f'<text x="{(_LEFT + 100) / 2}%" y="{bottom + 37}" text-anchor="middle" class="tick">'
        f"{escape(frame.across)}</text>"
    )
    if (reference := finite(frame.reference)) is not None:
        y = _y(reference, ticks)
        parts.append(
            f'<line x1="{_LEFT}%" x2="100%" y1="{y}" y2="{y}" class="needed"/>'
            f'<text x="100%" y="{y - 5}" text-anchor="end" class="tick name">'
            f"{escape(frame.reference_name)}</text>"
        )
    return "".join(parts)


def _line(line: Line, ticks: Sequence[float], places: int, shift: float) -> str:
    at = [_x(dot.at, places, shift) for dot in line.dots]
    parts = []
    for i in range(len(at) - 1):
        y1, y2 = _y(line.dots[i].value, ticks), _y(line.dots[i + 1].value, ticks)
        parts.append(f'<line x1="{at[i]}%" x2="{at[i + 1]}%" y1="{y1}" y2="{y2}" class="join"/>')
    for x, dot in zip(at, line.dots, strict=True):
        if dot.low is not None and dot.high is not None:
            y1, y2 = _y(dot.low, ticks), _y(dot.high, ticks)
            parts.append(f'<line x1="{x}%" x2="{x}%" y1="{y1}" y2="{y2}" class="reach"/>')
        parts.append(_dot(f"{x}%", _y(dot.value, ticks), line.style))
    return f'<g class="curve c{line.style % STYLES}">{"".join(parts)}</g>'


def _dot(x: str, y: float, style: int) -> str:
    """Shapes tell the lines apart where colours do not."""
    shape = _SHAPES[style % STYLES]
    if not shape:
        return f'<circle cx="{x}" cy="{y}" r="4" class="point"/>'
    return f'<svg x="{x}" y="{y}" overflow="visible"><path d="{shape}" class="point"/></svg>'


def _ticks(lines: Sequence[Line], frame: Frame) -> list[float]:
    """Round steps that span the figures and the reference, and their intervals where asked."""
    dots = [dot for line in lines for dot in line.dots]
    values = [dot.value for dot in dots]
    if frame.whole:
        values += [end for dot in dots for end in (dot.low, dot.high) if end is not None]
    if (reference := finite(frame.reference)) is not None:
        values.append(reference)
    low, high = min(values), max(values)
    room = max(high - low, 0.02, 0.02 * abs(high))
    low, high = low - 0.1 * room, high + 0.1 * room
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(k * power for k in (1, 2, 5, 10) if k * power >= rough)
    # a little beyond a bound still rounds to it
    low, high = max(low, frame.bounds[0] + 1e-9), min(high, frame.bounds[1] - 1e-9)
    first, last = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
    return [round(k * step, 10) for k in range(first, last + 1)]


def _x(place: int, places: int, shift: float = 0.0) -> float:
    along = 0.5 if places == 1 else place / (places - 1)
    return round(_LEFT + 3 + along * (_RIGHT - _LEFT - 3) + shift, 2)


def _y(value: float, ticks: Sequence[float]) -> float:
    along = (value - ticks[0]) / (ticks[-1] - ticks[0])
    return round(_TOP + HEIGHT * (1 - min(1.0, max(0.0, along))), 1)
