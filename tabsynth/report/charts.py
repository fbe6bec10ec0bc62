"""Inline SVG charts for the report: pure functions from figures to text, no plotting library.

Horizontal positions are percentages, so a chart fills any width while its text keeps its size. As
written, labels stand above their marks (right at phone width); the page's style sheet shows the
other layout, labels to the left, where there is room.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tabsynth.report.model import Status

ROW = 32
TALL_ROW = 46
LEGEND_WIDTH = 330.0
# in a 13 px font: the label column at the narrowest width that has one
LABEL_EM = 17.5
_HUGE = 1e300
_BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
# status colours repeat what the shape already says
_SHAPES: dict[Status, str] = {
    "ok": '<circle cx="{x}%" cy="{y}" r="4.5" class="dot"/>',
    "attention": '<svg x="{x}%" y="{y}" class="at" overflow="visible">'
    '<path d="M0-6.5 6.5 0 0 6.5-6.5 0Z"/></svg>',
    "fail": '<svg x="{x}%" y="{y}" class="fails" overflow="visible">'
    '<path d="M-5.5-5.5h11v11h-11Z"/></svg>',
    "uninformative": '<circle cx="{x}%" cy="{y}" r="4" class="hollow"/>',
    "diagnostic": '<svg x="{x}%" y="{y}" class="hollow" overflow="visible">'
    '<path d="M-3.5-3.5h7v7h-7Z"/></svg>',
}
_LEGEND: dict[Status, str] = {
    "ok": "ok",
    "attention": "worth a look",
    "fail": "fails",
    "uninformative": "within noise",
    "diagnostic": "diagnostic",
}


@dataclass(frozen=True)
class Mark:
    """One row of an interval chart, or of score bars (value 0 to 100, nothing else).

    Args:
        label: what the row is about; shortened where it is too long.
        value: the figure; None draws no mark.
        shown: the figure in words, at the end of the row.
        low: lower end of the 95 % interval.
        high: upper end of the 95 % interval.
        reference: the same figure for real data against real data.
        status: decides the shape of the mark.
        tolerance: what the gate holds the interval to.
    """

    label: str
    value: float | None
    shown: str
    low: float | None = None
    high: float | None = None
    reference: float | None = None
    status: Status = "ok"
    tolerance: float | None = None


@dataclass(frozen=True)
class Scale:
    """How figures that belong together are written: the same places, shares as percentages.

    Args:
        percent: figures are shares, written times 100 with a percent sign.
        places: digits after the point.
    """

    percent: bool
    places: int

    @classmethod
    def of(cls, figures: Sequence[float | None], *, percent: bool) -> Scale:
        """The scale that gives the largest figure three digits, and a share near 1 its distance."""
        known = [abs(k) * (100 if percent else 1) for f in figures if (k := finite(f)) is not None]
        largest = max(known, default=0.0)
        digits = 2
        if percent and known and min(known) > 50 and largest <= 100:
            largest, digits = 100 - min(known), 1
        if largest == 0:
            return cls(percent, 0)
        return cls(
            percent, min(3 if percent else 4, max(0, digits - math.floor(math.log10(largest))))
        )

    def text(self, figure: float | None, *, unit: bool = True) -> str:
        """The figure in words; one that is not 0 % (or 100 %) is never rounded to it."""
        if (known := finite(figure)) is None:
            return "n/a"
        number = known * 100 if self.percent else known
        sign = " %" if self.percent and unit else ""
        if number == 0 or (self.percent and number == 100):
            return f"{abs(number):.0f}{sign}"
        if abs(number) >= 1e9:
            return f"{number:.3g}{sign}".replace("-", "−")
        step = 10.0**-self.places
        if abs(number) < step / 2:
            bound, mark = (step, "<") if number > 0 else (-step, ">")
        elif self.percent and number < 100 and number > 100 - step / 2:
            bound, mark = 100 - step, ">"
        else:
            bound, mark = number, ""
        return f"{mark}{bound:,.{self.places}f}{sign}".replace("-", "−")


def finite(figure: float | None) -> float | None:
    """The figure, or None where it is missing, not a number, or too large to place on an axis."""
    if figure is None or not abs(figure) < _HUGE:
        return None
    return figure


def visible(text: str) -> str:
    """The text with controls, lone surrogates and direction overrides made visible."""
    return "".join(
        "\ufffd"
        if (c in _BIDI_CONTROLS or unicodedata.category(c) in ("Cc", "Cs")) and c not in "\n\t"
        else c
        for c in text
    )


def shorten(text: str, *, em: float = LABEL_EM) -> str:
    """The text cut to a width in ems; of a pair "a × b", both halves keep their beginnings."""
    text = visible(text)
    if text_width(text) <= em:
        return text
    halves = text.split(" × ")
    if len(halves) == 2:
        room = em - text_width(" × ")
        first, second = (text_width(h) for h in halves)
        share = room / 2
        if min(first, second) <= room / 2:
            share = first if first <= second else room - second
        return f"{_cut(halves[0], share)} × {_cut(halves[1], room - share)}"
    return _cut(text, em)


def label_lines(text: str, *, em: float = LABEL_EM) -> tuple[str, ...]:
    """The text on one line, or on two where it is too long and a comma parts it."""
    text = visible(text)
    parts = text.split(", ")
    if text_width(text) <= em or len(parts) == 1:
        return (shorten(text, em=em),)
    breaks = [(", ".join(parts[:i]), ", ".join(parts[i:])) for i in range(1, len(parts))]
    first, second = min(breaks, key=lambda lines: max(map(text_width, lines)))
    return shorten(first, em=em), shorten(second, em=em)


def interval_chart(
    marks: Sequence[Mark],
    *,
    ident: str,
    title: str,
    description: str,
    percent: bool,
    reference: str = "real against real",
) -> str:
    """A row per figure: its mark, its 95 % interval, and a tick for real against real.

    Args:
        marks: rows from top to bottom.
        ident: unique on the page.
        title: what the chart shows, for readers who do not see it.
        description: how to read it.
        percent: the figures are shares.
        reference: what the tick of a row stands at, in words.

    Returns:
        One `<svg>` element.
    """
    ticks = _ticks([f for m in marks for f in (m.value, m.low, m.high, m.reference, m.tolerance)])
    legend, top = _legend(marks, reference)
    axis = top + 16
    start = axis + 6
    labels = [label_lines(m.label) for m in marks]
    row = TALL_ROW if any(len(lines) > 1 for lines in labels) else ROW
    end = start + row * len(marks)
    grid = []
    for tick in ticks:
        x = _position(tick, ticks)
        anchor = "start" if tick == ticks[0] else "end" if tick == ticks[-1] else "middle"
        grid.append(
            f'<line x1="{x}%" x2="{x}%" y1="{start}" y2="{end}" class="grid"/>'
            f'<text x="{x}%" y="{axis}" text-anchor="{anchor}" class="tick">'
            f"{_tick_text(tick, ticks, percent)}</text>"
        )

    def plot(y: int) -> str:
        rows = (_row_marks(m, ticks, start + i * row + y) for i, m in enumerate(marks))
        return "".join([*grid, *rows])

    body = legend + _plots(plot(row - 8), plot(row // 2)) + _row_texts(marks, labels, start, row)
    return chart_svg(body, ident=ident, title=title, description=description, height=end + 2)


def score_bars(marks: Sequence[Mark], *, ident: str, title: str, description: str) -> str:
    """A bar per score, from 0 (independent columns) to 100 (another real table).

    Args:
        marks: rows from top to bottom; `value` is the score, None draws an empty track.
        ident: unique on the page.
        title: what the chart shows, for readers who do not see it.
        description: how to read it.

    Returns:
        One `<svg>` element.
    """
    start = 22
    ends = (
        '<text x="0%" y="14" class="tick">0: independent columns</text>'
        '<text x="100%" y="14" text-anchor="end" class="tick">100: real against real</text>'
    )

    def plot(y: int) -> str:
        rows = (_bar(m.value, start + i * ROW + y) for i, m in enumerate(marks))
        return "".join([ends, *rows])

    labels = [(shorten(m.label),) for m in marks]
    body = _plots(plot(18), plot(12)) + _row_texts(marks, labels, start, ROW)
    height = start + ROW * len(marks) + 2
    return chart_svg(body, ident=ident, title=title, description=description, height=height)


def _bar(score: float | None, y: float) -> str:
    track = f'<rect x="0" y="{y}" width="100%" height="9" rx="2" class="track"/>'
    if score is None:
        return track
    width = f"{min(100.0, max(0.0, score)):.4g}"
    return f'{track}<rect x="0" y="{y}" width="{width}%" height="9" rx="2" class="bar"/>'


def _plots(narrow: str, wide: str) -> str:
    """The same marks below their labels and beside them; the style sheet shows one of the two."""
    return (
        f'<svg class="narrow" x="2%" width="96%" overflow="visible">{narrow}</svg>'
        f'<svg class="wide" x="34%" width="54%" overflow="visible" display="none">{wide}</svg>'
    )


def chart_svg(body: str, *, ident: str, title: str, description: str, height: float) -> str:
    """The `<svg>` element around a chart, with its name and its description."""
    name = escape(ident)
    return (
        f'<svg class="chart" role="img" width="100%" height="{height:.0f}"'
        f' aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(visible(title))}</title>'
        f'<desc id="{name}-desc">{escape(visible(description))}</desc>{body}</svg>'
    )


def _row_texts(
    marks: Sequence[Mark], labels: Sequence[tuple[str, ...]], start: float, height: int
) -> str:
    rows = []
    for i, (mark, lines) in enumerate(zip(marks, labels, strict=True)):
        y = start + i * height
        shown = escape(visible(mark.shown))
        second = f'<tspan x="0" dy="15">{escape(lines[1])}</tspan>' if len(lines) > 1 else ""
        # single lines in tall rows stand in their middle where labels are beside their marks
        tall = " lone" if height == TALL_ROW else ""
        alone = "" if second else tall
        rows.append(
            f'<line x1="0" x2="100%" y1="{y}" y2="{y}" class="rule"/>'
            f'<text x="0" y="{y + 13}" class="label{alone}">{escape(lines[0])}{second}</text>'
            f'<text x="100%" y="{y + 13}" text-anchor="end" class="shown{tall}">{shown}</text>'
        )
    return "".join(rows)


def _row_marks(mark: Mark, ticks: Sequence[float], y: float) -> str:
    parts = []
    if finite(mark.low) is not None and finite(mark.high) is not None:
        x1, x2 = _position(mark.low, ticks), _position(mark.high, ticks)
        parts.append(f'<line x1="{x1}%" x2="{x2}%" y1="{y}" y2="{y}" class="span"/>')
    if finite(mark.reference) is not None:
        x = _position(mark.reference, ticks)
        parts.append(f'<line x1="{x}%" x2="{x}%" y1="{y - 7}" y2="{y + 7}" class="ref"/>')
    if finite(mark.tolerance) is not None:
        x = _position(mark.tolerance, ticks)
        parts.append(f'<line x1="{x}%" x2="{x}%" y1="{y - 7}" y2="{y + 7}" class="tolerance"/>')
    if finite(mark.value) is not None:
        parts.append(_SHAPES[mark.status].format(x=_position(mark.value, ticks), y=y))
    return "".join(parts)


def _legend(marks: Sequence[Mark], reference: str) -> tuple[str, int]:
    """Shapes in use and their names, wrapped to the narrowest page; and the height they take."""
    seen = {m.status for m in marks if finite(m.value) is not None}
    items = [(s, word) for s, word in _LEGEND.items() if s in seen]
    parts, x, y = [], 0.0, 12

    def place(picture: str, words: str) -> None:
        nonlocal x, y
        width = 24 + text_width(words) * 12 + 16
        if x and x + width > LEGEND_WIDTH:
            x, y = 0.0, y + 20
        parts.append(
            f'<svg x="{x:.0f}" y="{y - 4}" width="18" height="1" overflow="visible">{picture}</svg>'
            f'<text x="{x + 24:.0f}" y="{y}" class="tick">{words}</text>'
        )
        x += width

    for status, word in items:
        place(_SHAPES[status].format(x=50, y=0), word)
    if x:
        x, y = 0.0, y + 20
    if any(finite(m.low) is not None and finite(m.high) is not None for m in marks):
        place('<line x1="0" x2="18" y1="0" y2="0" class="span"/>', "95 % interval")
    if any(finite(m.reference) is not None for m in marks):
        place('<line x1="9" x2="9" y1="-7" y2="7" class="ref"/>', escape(reference))
    if any(finite(m.tolerance) is not None for m in marks):
        place('<line x1="9" x2="9" y1="-7" y2="7" class="tolerance"/>', "tolerance")
    return f'<g class="legend">{"".join(parts)}</g>', (y if x else y - 20) + 8 if parts else 0


def _ticks(figures: Sequence[float | None]) -> list[float]:
    """Three to six round numbers that span the figures, from 0 unless they stand far from it."""
    known = [k for f in figures if (k := finite(f)) is not None] or [0.0]
    low, high = min(known), max(known)
    if 0 <= low <= 0.5 * high:
        low = 0.0
    if high - low <= max(abs(low), abs(high)) * 1e-9 + 1e-290:
        low, high = (min(low, 0.0), max(high, 0.0)) if max(abs(low), abs(high)) > 1e-290 else (0, 1)
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, max(last, first + 1) + 1)]


def _tick_text(tick: float, ticks: Sequence[float], percent: bool) -> str:
    factor = 100 if percent else 1
    step = (ticks[1] - ticks[0]) * factor
    places = next((p for p in range(6) if abs(round(step, p) - step) < step * 1e-6), None)
    if places is None or abs(tick) * factor >= 1e6:
        return f"{tick * factor:.3g}{' %' if percent else ''}".replace("-", "−")
    return Scale(percent, places).text(tick)


def _position(figure: float | None, ticks: Sequence[float]) -> str:
    assert figure is not None
    share = (figure - ticks[0]) / (ticks[-1] - ticks[0])
    return f"{100 * share:.2f}".rstrip("0").rstrip(".")


def text_width(text: str) -> float:
    """A generous estimate of a text's width in ems, in a system sans-serif font."""
    return sum(_char_width(c) for c in text)


def _char_width(char: str) -> float:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Cf"):
        return 0.0
    if unicodedata.east_asian_width(char) in "WF":
        return 1.0
    if char in "ijlIft.,;:'|!()[] ":
        return 0.36
    if char in "mwMW@%—…":
        return 0.95
    return 0.7 if char.isupper() else 0.58 if char.isascii() else 0.68


def _cut(text: str, em: float) -> str:
    if text_width(text) <= em + 1e-9:
        return text
    kept, used = [], _char_width("…")
    for char in text:
        used += _char_width(char)
        if used > em:
            break
        kept.append(char)
    return "".join(kept).rstrip() + "…"
