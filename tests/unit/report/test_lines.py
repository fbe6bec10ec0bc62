from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from tabsynth.report.lines import HEIGHT, Dot, Frame, Line, line_chart, swatch

PLACES = ("1", "2", "3 <")


def chart(lines: list[Line], frame: Frame) -> ElementTree.Element:
    text = line_chart(lines, frame, ident="c", title="A < B", description="so")
    return ElementTree.fromstring(text)


def ticks(drawn: ElementTree.Element) -> list[str]:
    return [t.text or "" for t in drawn.iter("text") if t.get("x") == "0"]


def test_lines_stand_within_their_frame() -> None:
    lines = [
        Line("a", (Dot(0, 0.5, 0.1, 0.9), Dot(1, 0.6), Dot(2, 0.7)), 0),
        # a place is missing
        Line("b", (Dot(0, 0.4), Dot(2, 0.45, 0.44, 0.46)), 5),
        Line("nothing", (), 1),
    ]
    drawn = chart(lines, Frame(PLACES, "generation", 0.55, "real"))
    assert [g.get("class") for g in drawn.iter("g")] == ["curve c0", "curve c5"]
    assert len([x for x in drawn.iter("line") if x.get("class") == "join"]) == 3
    assert len([x for x in drawn.iter("line") if x.get("class") == "reach"]) == 2
    for line in drawn.iter("line"):
        for end in ("y1", "y2"):
            assert 0 <= float(line.get(end)) <= HEIGHT + 40
    assert ticks(drawn) == ["0.3", "0.4", "0.5", "0.6", "0.7", "0.8"]
    texts = [t.text for t in drawn.iter("text")]
    assert "real" in texts
    assert "3 <" in texts


def test_the_grid_ends_where_figures_must_and_holds_intervals_where_asked() -> None:
    line = [Line("a", (Dot(0, 0.97, 0.5, 1.0), Dot(1, 1.0)), 0)]
    assert ticks(chart(line, Frame(("1", "2"), "", percent=True)))[-1] > "100 %"
    within = Frame(("1", "2"), "", percent=True, bounds=(0, 1))
    assert ticks(chart(line, within))[-1] == "100 %"
    assert ticks(chart(line, within))[0] != "50 %"
    whole = Frame(("1", "2"), "", percent=True, bounds=(0, 1), whole=True)
    assert ticks(chart(line, whole))[0] in ("40 %", "50 %")


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5, 1e6, 1e-9])
def test_one_figure_alone(value: float) -> None:
    drawn = chart([Line("a", (Dot(0, value),), 1)], Frame(("1",), "", value))
    assert len(ticks(drawn)) >= 2
    assert len(set(ticks(drawn))) == len(ticks(drawn))


def test_no_figure_no_chart() -> None:
    assert (
        line_chart([Line("a", (), 0)], Frame(PLACES, ""), ident="c", title="", description="") == ""
    )


def test_every_style_has_a_shape_of_its_own() -> None:
    assert len({re.sub(r"c\d", "", swatch(style)) for style in range(6)}) == 6
