from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from tabsynth.report.comparison import comparison_view
from tabsynth.report.html import render_html, summary_html
from tabsynth.report.model import COMPARISON, Report, Result
from tabsynth.report.trade_off import HEIGHT, Point, duration, trade_off

ENTITIES = re.compile(r"&(?!amp;|lt;|gt;|quot;|#)")


def result(name: str, value: float | None, *, synthesizer: str, **more: object) -> Result:
    settings = {"family": "fidelity", "unit": "AUC", "n": 100, "method": "so"} | more
    return Result(name=name, value=value, synthesizer=synthesizer, **settings)


def report(**judged: dict[str, object]) -> Report:
    results = []
    for i, (name, facts) in enumerate(judged.items()):
        if "error" in facts:
            continue
        results += [
            result("c2st_auc", 0.6 + i / 10, synthesizer=name, ci_low=0.55, ci_high=0.95,
                   reference=0.49),
            result("dcr_share", 0.5 + i / 50, synthesizer=name, family="privacy", unit="share",
                   status="diagnostic"),
            result("membership_p", 0.2, synthesizer=name, family="privacy", unit="p-value",
                   reference=0.5),
            result("pairwise_tv", 0.1, synthesizer=name, column="a × <b>", unit="share"),
        ]  # fmt: skip
    return Report(
        verdict="inconclusive", reasons=("No gate.",), results=tuple(results),
        provenance={"kind": COMPARISON, "synthesizers": judged, "seed": 3, "train_records": 8000},
    )  # fmt: skip


GOOD = {"verdict": "pass", "reasons": ["Nothing <was> found."], "parameters": {"leaf": 5},
        "fit_seconds": 2.13, "sample_seconds": 0.1, "peak_memory": 3 * 10**8}  # fmt: skip


def test_a_row_for_each_and_one_for_real_records() -> None:
    view = comparison_view(report(trees=GOOD, broken={"error": "data: it <broke>"}))
    assert [row["name"] for row in view["rows"]] == ["trees", "broken"]
    first = view["rows"][0]
    assert first["cells"][0] == ("Detection (AUC)", "0.600", "[0.550, 0.950]")
    assert (first["seconds"], first["memory"]) == ("2.1 s", "300 MB")
    assert view["rows"][1]["verdict"] == "failed"
    assert view["reference"][0] == ("Detection (AUC)", "0.490")
    # half of all p-values lie below 0.5: that is no figure of real records
    assert dict(view["reference"])["Membership (p)"] == ""


def test_the_page_names_every_synthesizer_and_escapes() -> None:
    page = render_html(report(trees=GOOD, other={**GOOD, "verdict": "fail"},
                              broken={"error": "data: it <broke>"}))  # fmt: skip
    for text in ("trees", "other", "broken", "it &lt;broke&gt;", "Nothing &lt;was&gt; found.",
                 "leaf 5", "real against real"):  # fmt: skip
        assert text in page
    assert "<broke>" not in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    fragment = summary_html(report(trees=GOOD))
    assert "trees" in fragment
    assert "<html" not in fragment


def test_a_comparison_that_measured_nothing_still_has_a_page() -> None:
    bare = report(trees={"verdict": "fail", "reasons": ["No."], "fit_seconds": 1.0})
    page = render_html(bare.model_copy(update={"results": ()}))
    assert "trees" in page
    assert 'class="chart"' not in page


def test_the_picture_says_in_words_what_it_shows() -> None:
    points = [Point("trees", 0.53, 0.52, 2.0, "pass"), Point("a & b", 0.98, 0.9, 400, "fail")]
    svg = trade_off(points, ident="p")
    root = ElementTree.fromstring(svg)
    assert root.attrib["role"] == "img"
    words = next(root.iter("desc")).text
    assert "trees: told from real records with AUC 0.530, 52.0 % of its records nearer" in words
    assert "a & b" in words
    assert not ENTITIES.search(svg)
    assert trade_off([], ident="p") == ""


def test_better_is_lower_and_further_left() -> None:
    def places(points: list[Point]) -> list[tuple[float, float]]:
        marks = re.findall(
            r'<svg x="([\d.]+)%" y="([\d.]+)" overflow="visible"><path d="[^"]+" transform',
            trade_off(points, ident="p"),
        )
        return [(float(x), float(y)) for x, y in marks]

    (x1, y1), (x2, y2) = places(
        [Point("good", 0.5, 0.5, 1, "pass"), Point("bad", 0.9, 0.8, 1, "fail")]
    )
    assert x1 < x2 <= 100
    assert y1 > y2 >= 0


@pytest.mark.parametrize("same", [1, 6, 15])
def test_names_do_not_lie_on_each_other(same: int) -> None:
    points = [Point(f"s{i}", 0.6, 0.5, 1, "pass") for i in range(same)]
    svg = trade_off(points, ident="p")
    around = [float(y) for y in re.findall(r'<svg x="[\d.]+%" y="([\d.]+)" overflow', svg)[same:]]
    inner = [float(y) for y in re.findall(r'<text x="-?20" y="(-?[\d.]+)" text-anchor', svg)]
    heights = sorted(a + b for a, b in zip(around, inner, strict=True))
    assert len(heights) == same
    assert all(b - a >= 15.9 for a, b in pairwise(heights))
    assert 0 < heights[0] < heights[-1] + 1 < HEIGHT + 80


def test_durations() -> None:
    assert [duration(s) for s in (0.01, 0.456, 12.3, 130, 9000)] == [
        "< 0.1 s", "0.46 s", "12 s", "2.2 min", "2.5 h",
    ]  # fmt: skip
