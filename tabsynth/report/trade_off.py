"""Fidelity, privacy and time of several synthesizers in one picture, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import count, takewhile
from typing import Final

from tabsynth.report.charts import chart_svg, shorten
from tabsynth.report.model import Verdict

HEIGHT: Final = 280
_TOP: Final = 56
_LEFT: Final = 11.0
_RIGHT: Final = 96.0
_LINE: Final = 16.0
_NAME_EM: Final = 9.5
_SHAPES: Final[dict[Verdict, tuple[str, str]]] = {
    "pass": ("dot", "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0Z"),
    "inconclusive": ("at", "M0-6.5 6.5 0 0 6.5-6.5 0Z"),
    "fail": ("fails", "M-4.5-4.5h9v9h-9Z"),
}


@dataclass(frozen=True)
class Point:
    """One synthesizer.

    Args:
        name: of it.
        detection: AUC of telling its records from held-out ones; 0.5 is perfect.
        closeness: share of its records that lie nearer to train than to people never seen.
        seconds: of the fit.
        verdict: of the gate on its table.
    """

    name: str
    detection: float
    closeness: float
    seconds: float
    verdict: Verdict


def trade_off(points: Sequence[Point], *, ident: str) -> str:
    """A mark for each synthesizer: how faithful to the left, how private below, how slow by size.

    Args:
        points: what to draw.
        ident: unique on the page.

    Returns:
        One `<svg>` element, or an empty text where there is no point.
    """
    if not points:
        return ""
    across = _ticks([p.detection for p in points], 0.5, 1.0)
    up = _ticks([p.closeness for p in points], 0.5, 0.6)
    body = [_frame(across, up), _legend()]
    heights = _apart([_y(p.closeness, up) for p in points])
    body += [_mark(p, across, up) for p in points]
    body += [_name(p, across, up, h) for p, h in zip(points, heights, strict=True)]
    return chart_svg(
        "".join(body),
        ident=ident,
        title="Fidelity, privacy and time",
        description=describe(points),
        height=_TOP + HEIGHT + 44,
    )


def describe(points: Sequence[Point]) -> str:
    """The picture in words, for readers who do not see it."""
    each = [
        f"{p.name}: told from real records with AUC {p.detection:.3f}, {100 * p.closeness:.1f} % "
        f"of its records nearer to train, fitted in {duration(p.seconds)}, {p.verdict}"
        for p in points
    ]
    return f"{'; '.join(each)}. The table holds the figures with their intervals."


def duration(seconds: float) -> str:
    """Seconds in words, to two digits."""
    if seconds < 0.1:
        return "< 0.1 s"
    if seconds < 100:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.2g} min" if seconds < 6000 else f"{seconds / 3600:.2g} h"


def _frame(across: Sequence[float], up: Sequence[float]) -> str:
    bottom = _y(up[0], up)
    parts = []
    for tick in up:
        y = _y(tick, up)
        parts.append(
            f'<line x1="{_LEFT}%" x2="100%" y1="{y}" y2="{y}" class="grid"/>'
            f'<text x="0" y="{y + 4}" class="tick">{100 * tick:.3g} %</text>'
        )
    for tick in across:
        x = _x(tick, across)
        parts.append(
            f'<line x1="{x}%" x2="{x}%" y1="{bottom}" y2="{bottom + 5}" class="grid"/>'
            f'<text x="{x}%" y="{bottom + 19}" text-anchor="middle" class="tick">{tick:.3g}</text>'
        )
    y = _y(0.5, up)
    parts.append(
        f'<line x1="{_LEFT}%" x2="100%" y1="{y}" y2="{y}" class="needed"/>'
        '<text x="50%" text-anchor="middle" class="tick" '
        f'y="{bottom + 37}">AUC of telling them from real records; 0.5: nobody can</text>'
        f'<text x="0" y="{_TOP - 22}" class="tick">nearer to train than to people never seen; '
        "50 %: chance</text>"
    )
    return "".join(parts)


def _legend() -> str:
    parts, x = [], 0
    for verdict, (style, path) in _SHAPES.items():
        parts.append(
            f'<svg x="{x + 8}" y="5" overflow="visible"><path d="{path}" class="{style}"/></svg>'
            f'<text x="{x + 20}" y="9" class="tick">{verdict}</text>'
        )
        x += 44 + 7 * len(verdict)
    words = '<tspan class="tick">larger: slower</tspan>'
    return f'<g class="legend">{"".join(parts)}<text x="{x}" y="9">{words}</text></g>'


def _mark(point: Point, across: Sequence[float], up: Sequence[float]) -> str:
    x, y = _x(point.detection, across), _y(point.closeness, up)
    style, path = _SHAPES[point.verdict]
    size = round(min(2.4, 0.8 + 0.45 * math.log10(1 + 10 * max(point.seconds, 0.0))), 2)
    return (
        f'<svg x="{x}%" y="{y}" overflow="visible">'
        f'<path d="{path}" transform="scale({size})" class="{style}"/></svg>'
    )


def _name(point: Point, across: Sequence[float], up: Sequence[float], height: float) -> str:
    """Name and time beside a mark, on the side with more room."""
    x, y = _x(point.detection, across), _y(point.closeness, up)
    left = x > (_LEFT + _RIGHT) / 2
    away, anchor = (-20, "end") if left else (20, "start")
    name = escape(f"{shorten(point.name, em=_NAME_EM)}, {duration(point.seconds)}")
    leader = ""
    if abs(height - y) > _LINE / 2:
        leader = f'<line x1="0" x2="{away * 0.8}" y1="0" y2="{height - y:.1f}" class="leader"/>'
    return (
        f'<svg x="{x}%" y="{y}" overflow="visible">{leader}'
        f'<text x="{away}" y="{height - y + 4:.1f}" text-anchor="{anchor}" class="name">'
        f"{name}</text></svg>"
    )


def _apart(heights: Sequence[float]) -> list[float]:
    """Heights of the names, a line apart where points lie close, within the picture."""
    placed = [0.0] * len(heights)
    last = -math.inf
    order = sorted(range(len(heights)), key=heights.__getitem__)
    for i in order:
        last = placed[i] = max(heights[i], last + _LINE)
    lowest = float(_TOP + HEIGHT)
    for i in reversed(order):
        lowest = placed[i] = min(placed[i], lowest)
        lowest -= _LINE
    return placed


def _ticks(values: Sequence[float], low: float, high: float) -> list[float]:
    """Steps of 0.05 or 0.1 that span the values and the ends."""
    first, last = min(low, *values), max(high, *values)
    step = 0.05 if last - first <= 0.3 else 0.1
    start = math.floor(first / step + 1e-9)
    end = math.ceil(last / step - 1e-9)
    return [round(k * step, 2) for k in takewhile(lambda k: k <= end, count(start))]


def _x(value: float, ticks: Sequence[float]) -> float:
    along = (value - ticks[0]) / (ticks[-1] - ticks[0])
    return round(_LEFT + 2 + along * (_RIGHT - _LEFT - 2), 2)


def _y(value: float, ticks: Sequence[float]) -> float:
    return round(_TOP + HEIGHT * (1 - (value - ticks[0]) / (ticks[-1] - ticks[0])), 1)
