"""The power curve of a report as inline SVG: how often a planted leak of each size is found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from tabsynth.report.charts import chart_svg, shorten, text_width
from tabsynth.report.power import Curve, Planted, Power

HEIGHT: Final = 240
_TOP: Final = 40
_LEFT: Final = 13.0
_RIGHT: Final = 95.0
# curves stand a little apart, so that their intervals do not cover each other
_APART: Final = 1.1
_STYLES: Final = 3


def power_chart(power: Power, *, ident: str) -> str:
    """A line for each kind of leak: its size to the right, the share of it that is found upwards.

    Args:
        power: the curves, with the size and power that the policy asks for.
        ident: unique on the page.

    Returns:
        One `<svg>` element, or an empty text where there is no figure.
    """
    drawn = [c for c in power.curves if any(p.found is not None for p in c.points)]
    if not drawn:
        return ""
    shares = sorted({p.share for c in drawn for p in c.points})
    body = [_frame(shares, power), _legend(drawn)]
    for i, curve in enumerate(drawn):
        shift = (i - (len(drawn) - 1) / 2) * min(_APART, 8 / len(drawn))
        body.append(_line(curve, shares, style=i % _STYLES, shift=shift))
    return chart_svg(
        "".join(body),
        ident=ident,
        title="Planted leaks that the attack finds",
        description=describe(drawn),
        height=_TOP + HEIGHT + 40,
    )


def describe(curves: Sequence[Curve]) -> str:
    """The curves in words, for readers who do not see them."""
    kinds = []
    for curve in curves:
        points = ", ".join(
            f"{100 * p.found:.0f} % found at {_percent(p.share)}"
            for p in curve.points
            if p.found is not None
        )
        kinds.append(f"{curve.kind}: {points}")
    return f"{'; '.join(kinds)}. The table below holds the figures with their intervals."


def _frame(shares: Sequence[float], power: Power) -> str:
    """The grid, its figures, and the line of the power asked for."""
    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _y(tick)
        parts.append(
            f'<line x1="0" x2="100%" y1="{y}" y2="{y}" class="grid"/>'
            f'<text x="0" y="{y - 4}" class="tick">{100 * tick:.0f} %</text>'
        )
    for share in shares:
        x, text = _x(share, shares), _percent(share)
        parts.append(
            f'<line x1="{x}%" x2="{x}%" y1="{_y(0)}" y2="{_y(0) + 5}" class="grid"/>'
            f'<text x="{x}%" y="{_y(0) + 19}" text-anchor="middle" class="tick">{text}</text>'
        )
    y = _y(power.needed)
    parts.append(
        f'<line x1="0" x2="100%" y1="{y}" y2="{y}" class="needed"/>'
        f'<text x="100%" y="{y + 14}" text-anchor="end" class="tick">'
        f"asked for: {_percent(power.needed)}</text>"
        f'<text x="50%" y="{_y(0) + 36}" text-anchor="middle" class="tick">'
        "share of the synthetic records that are planted copies</text>"
    )
    return "".join(parts)


def _line(curve: Curve, shares: Sequence[float], *, style: int, shift: float) -> str:
    known = [p for p in curve.points if p.found is not None]
    places = [_x(p.share, shares, shift) for p in known]
    parts = []
    for i in range(len(known) - 1):
        y1, y2 = _y(known[i].found), _y(known[i + 1].found)
        parts.append(
            f'<line x1="{places[i]}%" x2="{places[i + 1]}%" y1="{y1}" y2="{y2}" class="join"/>'
        )
    for x, point in zip(places, known, strict=True):
        parts.append(_interval(x, point) + _dot(f"{x}%", _y(point.found), style))
    return f'<g class="curve c{style}">{"".join(parts)}</g>'


def _interval(x: float, point: Planted) -> str:
    if point.low is None or point.high is None:
        return ""
    return f'<line x1="{x}%" x2="{x}%" y1="{_y(point.low)}" y2="{_y(point.high)}" class="reach"/>'


def _dot(x: str, y: float, style: int) -> str:
    """Shapes tell the curves apart where colours do not."""
    if style == 0:
        return f'<circle cx="{x}" cy="{y}" r="4.5" class="point"/>'
    path = "M-4.5-4.5h9v9h-9Z" if style == 1 else "M0-6.5 6.5 0 0 6.5-6.5 0Z"
    return f'<svg x="{x}" y="{y}" overflow="visible"><path d="{path}" class="point"/></svg>'


def _legend(curves: Sequence[Curve]) -> str:
    parts, x = [], 0.0
    for i, curve in enumerate(curves):
        style, name = i % _STYLES, shorten(curve.kind)
        parts.append(
            f'<svg x="{x:.0f}" y="9" width="30" height="1" overflow="visible">'
            f'<g class="curve c{style}"><line x1="0" x2="30" y1="0" y2="0" class="join"/>'
            f"{_dot('15', 0, style)}</g></svg>"
            f'<text x="{x + 37:.0f}" y="13" class="tick">{escape(name)}</text>'
        )
        x += 37 + text_width(name) * 12 + 22
    return f'<g class="legend">{"".join(parts)}</g>'


def _x(share: float, shares: Sequence[float], shift: float = 0.0) -> float:
    low, high = math.log(shares[0]), math.log(shares[-1])
    along = 0.5 if high == low else (math.log(share) - low) / (high - low)
    return round(_LEFT + along * (_RIGHT - _LEFT) + shift, 2)


def _y(share: float | None) -> float:
    assert share is not None
    return round(_TOP + HEIGHT * (1 - min(1.0, max(0.0, share))), 1)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
