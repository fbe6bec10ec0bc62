from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ET
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabsynth.report.charts import (
    LABEL_EM,
    ROW,
    TALL_ROW,
    Mark,
    Scale,
    _ticks,
    interval_chart,
    label_lines,
    score_bars,
    shorten,
    text_width,
    visible,
)
from tabsynth.report.model import Status

anything = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))


def chart(*marks: Mark, percent: bool = False) -> ET.Element:
    text = interval_chart(marks, ident="m1", title="Title", description="How", percent=percent)
    return ET.fromstring(text)


def wide(root: ET.Element) -> ET.Element:
    return next(e for e in root.iter("svg") if e.get("class") == "wide")


def x_of(element: ET.Element) -> float:
    return float(str(element.get("x1")).removesuffix("%"))


def test_chart_names_and_describes_itself() -> None:
    root = chart(Mark("age", 0.2, "0.2"))
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "m1-title m1-desc"
    assert [e.text for e in root if e.tag in ("title", "desc")] == ["Title", "How"]


def test_dot_stands_inside_its_interval_and_reference_where_it_belongs() -> None:
    root = wide(chart(Mark("age", 0.5, "0.5", low=0.25, high=1.0, reference=0.0)))
    dot = next(e for e in root.iter("circle"))
    span = next(e for e in root.iter("line") if e.get("class") == "span")
    reference = next(e for e in root.iter("line") if e.get("class") == "ref")
    assert (dot.get("cx"), span.get("x1"), span.get("x2")) == ("50%", "25%", "100%")
    assert x_of(reference) == 0


def test_both_layouts_hold_the_same_marks() -> None:
    marks = [Mark(str(i), i / 3, "x", low=0.0, high=1.0) for i in range(4)]
    layouts = [e for e in chart(*marks) if e.tag == "svg"]
    dots = [[c.get("cx") for c in layout.iter("circle")] for layout in layouts]
    assert len(dots) == 2
    assert dots[0] == dots[1]
    assert len(dots[0]) == 4


def test_every_status_has_its_own_shape() -> None:
    shapes = set()
    for status in get_args(Status):
        layout = wide(chart(Mark("a", 1.0, "1", status=status)))
        shapes |= {e.get("d") or e.get("r") for e in layout.iter() if e.tag in ("path", "circle")}
    assert len(shapes) == len(get_args(Status))


def test_legend_names_the_shapes_in_use() -> None:
    marks = [
        Mark("a", 1, "1"),
        Mark("b", 2, "2", status="attention"),
        Mark("c", 3, "3", status="fail"),
        Mark("d", 4, "4", status="uninformative"),
    ]
    root = chart(*marks)
    texts = [e.text for e in root.iter("text")]
    assert {"ok", "worth a look", "fails", "within noise"} <= set(texts)
    assert "diagnostic" not in texts
    classes = {e.get("class") for e in wide(root).iter()}
    assert {"dot", "at", "fails", "hollow"} <= classes


def test_missing_value_leaves_its_row_without_a_mark() -> None:
    root = chart(Mark("a", None, "n/a"), Mark("b", 1.0, "1"))
    assert len(list(wide(root).iter("circle"))) == 1
    assert "n/a" in [e.text for e in root.iter("text")]


def test_rows_do_not_overlap() -> None:
    root = chart(*[Mark(f"c{i}", float(i), str(i)) for i in range(30)])
    ys = [float(str(e.get("y"))) for e in root.iter("text") if e.get("class") == "label"]
    assert {b - a for a, b in itertools.pairwise(ys)} == {ROW}
    assert float(str(root.get("height"))) > ys[-1]


@given(st.lists(st.tuples(anything, anything, anything, anything), min_size=1, max_size=5))
def test_any_figures_give_positions_on_the_plot(
    rows: list[tuple[float | None, float | None, float | None, float | None]],
) -> None:
    root = chart(*[Mark("a", v, "v", low=lo, high=hi, reference=r) for v, lo, hi, r in rows])
    places = [str(e.get(k)) for e in root.iter() for k in ("cx", "x", "x1", "x2") if e.get(k)]
    shares = [float(p[:-1]) for p in places if p.endswith("%")]
    assert shares
    assert all(0 <= share <= 100 for share in shares)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_ticks_are_few_even_and_span_the_figures(figures: list[float]) -> None:
    ticks = _ticks(figures)
    tolerance = 1e-6 * (ticks[-1] - ticks[0])
    assert 2 <= len(ticks) <= 7
    assert ticks[0] <= min(figures) + tolerance
    assert ticks[-1] >= max(figures) - tolerance
    steps = [b - a for a, b in itertools.pairwise(ticks)]
    assert max(steps) - min(steps) <= tolerance


@pytest.mark.parametrize(
    ("value", "percent", "texts"),
    [
        (0.37, True, ["0 %", "10 %", "20 %", "30 %", "40 %"]),
        (1.0, False, ["0", "0.25", "0.50", "0.75", "1.00"]),
        (4e-12, False, ["0", "1e−12", "2e−12", "3e−12", "4e−12"]),
        (4e7, False, ["0", "1e+07", "2e+07", "3e+07", "4e+07"]),
    ],
)
def test_tick_labels(value: float, percent: bool, texts: list[str]) -> None:
    root = wide(chart(Mark("a", value, "v"), percent=percent))
    assert [e.text for e in root.iter("text")] == texts


@given(st.text())
def test_any_label_is_well_formed_and_fits(label: str) -> None:
    root = chart(Mark(label, 1.0, "1"))
    assert root.tag == "svg"
    assert text_width(shorten(label)) <= LABEL_EM + 1e-9


def test_a_shortened_pair_keeps_the_beginning_of_both_columns() -> None:
    text = shorten("first_column_with_a_long_name × second_column_with_a_long_name")
    assert re.fullmatch(r"first_c\w*… × second_\w*…", text)
    assert shorten("a × " + "b" * 80).startswith("a × bbbbbbbbbbbbbbbbbbbb")
    assert shorten("b" * 80 + " × a").endswith("bbbbb… × a")


@given(st.text(st.characters(codec="utf-8")))
def test_labels_take_one_line_or_two_and_fit(text: str) -> None:
    lines = label_lines(text)
    assert 1 <= len(lines) <= 2
    assert all(text_width(line) <= LABEL_EM + 1e-9 for line in lines)


def test_long_variants_stay_apart() -> None:
    first, second = "rate_marriage, nearest records, surest 1 %", "rate_marriage, boosted trees"
    assert label_lines(first) == ("rate_marriage", "nearest records, surest 1 %")
    assert label_lines("age") == ("age",)
    root = chart(Mark(first, 0.1, "1"), Mark(second, 0.2, "2"), Mark("age", 0.3, "3"))
    labels = [e for e in root.iter("text") if str(e.get("class")).startswith("label")]
    assert [t.text for t in labels[0].iter("tspan")] == ["nearest records, surest 1 %"]
    ys = [float(str(e.get("y"))) for e in labels]
    assert {b - a for a, b in itertools.pairwise(ys)} == {TALL_ROW}
    assert float(str(root.get("height"))) >= ys[-1] + TALL_ROW - 13


def test_controls_and_direction_overrides_are_made_visible() -> None:
    assert visible("a\x00b\u202ec\ud800d\ne") == "a\ufffdb\ufffdc\ufffdd\ne"
    assert visible("שלום Größe 年齢") == "שלום Größe 年齢"


def test_score_bars_are_as_long_as_their_scores() -> None:
    marks = [Mark("a", 33.4, "33"), Mark("b", None, "n/a"), Mark("c", 120.0, "120")]
    root = ET.fromstring(score_bars(marks, ident="s", title="t", description="d"))
    bars = [e.get("width") for e in wide(root).iter("rect") if e.get("class") == "bar"]
    tracks = [e for e in wide(root).iter("rect") if e.get("class") == "track"]
    assert bars == ["33.4%", "100%"]
    assert len(tracks) == 3


@pytest.mark.parametrize(
    ("figures", "percent", "texts"),
    [
        ((0.0123, 0.4), True, ("1.2 %", "40.0 %")),
        ((0.0123,), True, ("1.23 %",)),
        ((0.99982, 1.0), True, ("99.982 %", "100 %")),
        ((0.7412, 0.5), False, ("0.741", "0.500")),
        ((1234567.0, 12.0), False, ("1,234,567", "12")),
        ((2.5e12, 1.0), False, ("2.5e+12", "1")),
        ((0.0, 0.0), True, ("0 %", "0 %")),
        ((-0.0003, -0.0011), True, ("−0.030 %", "−0.110 %")),
        ((None, math.nan, math.inf), True, ("n/a", "n/a", "n/a")),
        ((0.9, 0.00001), True, ("90.0 %", "<0.1 %")),
        ((0.5, 0.99999), True, ("50.0 %", ">99.9 %")),
        ((-0.000001, 0.5), False, (">−0.001", "0.500")),
    ],
)
def test_figures_in_words(
    figures: tuple[float | None, ...], percent: bool, texts: tuple[str, ...]
) -> None:
    scale = Scale.of(figures, percent=percent)
    assert tuple(scale.text(f) for f in figures) == texts


@given(st.floats(0, 1), st.lists(st.floats(0, 1), max_size=3))
def test_a_share_is_never_rounded_to_none_or_all(share: float, others: list[float]) -> None:
    text = Scale.of([share, *others], percent=True).text(share)
    assert (text in ("0 %", "0.0 %", "0.00 %", "0.000 %")) == (share == 0)
    assert bool(re.fullmatch(r"100(\.0+)? %", text)) == (share * 100 == 100)
