"""What a report says it would have found: the curve, the sentence, and the threats behind it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabsynth.report.curves import HEIGHT, power_chart
from tabsynth.report.glossary import TERMS, used_terms
from tabsynth.report.html import render_html
from tabsynth.report.model import Report
from tabsynth.report.power import Curve, Planted, Power, curves, power
from tabsynth.report.threats import THREATS, tried
from tests.unit.report import full as scene

MakeReport = Callable[..., Report]
PACKAGE = Path(__file__).parents[3] / "tabsynth"


def drawn(power: Power) -> ET.Element:
    return ET.fromstring(power_chart(power, ident="p"))


def points(curve: ET.Element) -> list[tuple[float, float]]:
    """Places of a curve's marks, as percentages and pixels."""
    found = []
    for mark in curve:
        if mark.tag in ("circle", "svg"):
            x, y = mark.get("cx") or mark.get("x"), mark.get("cy") or mark.get("y")
            found.append((float(str(x).rstrip("%")), float(str(y))))
    return found


def lines(root: ET.Element) -> list[ET.Element]:
    """The curves of the plot, without those of the legend."""
    return [g for g in root if str(g.get("class")).startswith("curve")]


def test_groups_are_read_into_curves() -> None:
    results = [
        *scene.power((("1 % near copies", 0.9), ("0.1 % near copies", 0.2))),
        *scene.power((("5 % exact copies", 1.0), ("no leak", 0.01))),
        scene.figure("membership_tpr", group="1 % near copies", value=0.5),
    ]
    found = curves(results)
    assert [c.kind for c in found] == ["exact copies", "near copies"]
    assert [(p.share, p.found) for p in found[1].points] == [(0.001, 0.2), (0.01, 0.9)]


def test_the_chart_has_a_line_for_each_kind(full: Report) -> None:
    root = drawn(power(full))
    exact, near = lines(root)
    assert len(points(exact)) == len(points(near)) == 4
    xs = [x for x, _ in points(near)]
    assert xs == sorted(xs)
    # equal ratios of size stand equally far apart
    assert xs[1] - xs[0] == pytest.approx(xs[3] - xs[2], abs=0.05)
    ys = [y for _, y in points(near)]
    assert ys == sorted(ys, reverse=True)
    assert ys[0] - ys[3] == pytest.approx(HEIGHT * (1.0 - 0.07), abs=0.2)
    texts = [t.text for t in root.iter("text")]
    assert {"exact copies", "near copies", "0.1 %", "0.5 %", "1 %", "5 %"} <= set(texts)
    assert "asked for: 90 %" in texts
    description = str(root.findtext("desc"))
    assert "near copies: 7 % found at 0.1 %, 61 % found at 0.5 %" in description


def test_intervals_reach_as_far_as_they_say() -> None:
    point = Planted(0.01, 0.8, 0.6, 0.9, 50)
    root = drawn(Power((Curve("near copies", (point,)),), 0.01, 0.9))
    [reach] = [e for e in root.iter("line") if e.get("class") == "reach"]
    length = abs(float(str(reach.get("y1"))) - float(str(reach.get("y2"))))
    assert length == pytest.approx(0.3 * HEIGHT, abs=0.2)


shares = st.floats(1e-4, 0.5)
chances = st.one_of(st.none(), st.floats(0, 1))


@given(st.lists(st.tuples(st.text(), shares, chances, chances), max_size=8))
def test_any_curves_stay_on_the_chart(rows: list[tuple[str, float, Any, Any]]) -> None:
    found = tuple(Curve(kind, (Planted(s, v, low, 1.0, 9),)) for kind, s, v, low in rows)
    text = power_chart(Power(found, 0.01, 0.9), ident="p")
    if not text:
        assert all(v is None for _, _, v, _ in rows)
        return
    root = ET.fromstring(text)
    percents = [
        float(v[:-1]) for e in root.iter() for v in e.attrib.values() if re.match(r"[-\d.]+%", v)
    ]
    assert all(0 <= p <= 100 for p in percents)


@pytest.mark.parametrize(
    ("verdict", "values", "sentence"),
    [
        ("pass", scene.POWERS, "No leak found, by a membership attack that finds 95 % (87 to 100 "
         "%) of the tables in which 1 % of the records are near copies of training records."),
        ("fail", scene.POWERS, "The membership attack of this run finds 95 %"),
        ("fail", (("1 % near copies", 0.4),), "A leak planted on top of what is in"),
        ("inconclusive", (("1 % near copies", 0.4),), "finds only 40 % (32 to 46 %) of the tables"),
        ("inconclusive", (("1 % near copies", 0.4),), "; 90 % are asked for."),
        ("inconclusive", (("1 % exact copies", 0.4),), "is not known"),
        ("inconclusive", (), "is not known"),
    ],
)  # fmt: skip
def test_what_would_have_been_found(
    verdict: str, values: Any, sentence: str, make_report: MakeReport
) -> None:
    report = make_report(results=tuple(scene.power(values)), verdict=verdict)
    said = power(report).sentence(failed=verdict == "fail")
    assert sentence in said.replace("\u00a0", " ")
    assert said in render_html(report)


def test_the_policy_decides_which_leak_is_asked_about(full: Report) -> None:
    provenance = {**full.provenance, "policy": {"leak": 0.005, "power": 0.6}}
    found = power(full.model_copy(update={"provenance": provenance}))
    assert found.declared is not None
    assert found.declared.found == 0.61
    assert "asked for" not in found.sentence(failed=False)
    odd = power(full.model_copy(update={"provenance": {"policy": {"leak": "x", "power": 7}}}))
    assert (odd.leak, odd.needed) == (0.01, 0.9)


def test_reach_is_where_every_larger_leak_is_found() -> None:
    found = [0.95, 0.5, 0.92, 0.99]
    sizes = (0.001, 0.005, 0.01, 0.05)
    points = tuple(Planted(s, f, None, None, 9) for s, f in zip(sizes, found, strict=True))
    assert Curve("near copies", points).found_from(0.9) == 0.01
    assert Curve("near copies", points).found_from(0.999) is None


def test_threats_that_were_not_tried_are_named_as_such(make_report: MakeReport) -> None:
    results = (scene.figure("linkability", value=0.0), scene.figure("repu", value=None))
    found = {t.threat.title: t.run for t in tried(results)}
    assert [title for title, run in found.items() if run] == ["Linkability"]
    page = render_html(make_report(results=results))
    assert page.count(">not tried<") == len(THREATS) - 1
    assert page.count(">tried<") == 1


def test_every_attack_of_the_report_belongs_to_a_threat(full: Report) -> None:
    known = {name for t in THREATS for name in t.results}
    diagnostics = {"self_test_power", "dcr_share", "nearest_ratio"}
    assert {r.name for r in full.results if r.family == "privacy"} <= known | diagnostics


def test_the_glossary_holds_the_words_used_and_no_others(
    full: Report, make_report: MakeReport
) -> None:
    def words(report: Report) -> set[str]:
        section = render_html(report).partition('<dl class="glossary">')[2]
        return set(re.findall(r"<dt>(.*?)</dt>", section))

    rich, bare = words(full), words(make_report(results=()))
    assert bare < rich
    assert {"p-value", "AUC", "Impact ratio", "Tolerance", "Near copy"} <= rich
    assert not {"p-value", "AUC", "Impact ratio", "R²"} & bare


def test_every_term_finds_itself() -> None:
    for term in TERMS:
        if term.word not in ("Reference records", "TRTR"):
            assert term in used_terms(f"<p>{term.word}</p>"), term.word
    assert used_terms("<style>AUC</style><svg><desc>AUC</desc></svg><p class='AUC'></p>") == ()


def test_no_text_claims_that_a_table_is_anonymous(full: Report, leaky: Report) -> None:
    """The word is a legal claim that no measurement supports."""
    texts = [render_html(r) for r in (full, leaky)]
    texts += [p.read_text(encoding="utf-8") for p in PACKAGE.rglob("*.py")]
    texts += [p.read_text(encoding="utf-8") for p in PACKAGE.rglob("*.j2")]
    for text in texts:
        assert not re.search(r"anonym", text, flags=re.I)


def test_tolerances_are_drawn_and_listed(full: Report) -> None:
    page = render_html(full)
    assert 'class="tolerance"' in page
    assert '<td role="cell" data-label="Tolerance">10 %</td>' in page


def test_fidelity_comes_worst_first(make_report: MakeReport) -> None:
    results = (
        scene.figure("univariate_tv", "fidelity", value=0.1, score=90),
        scene.figure("pairwise_tv", "fidelity", value=0.1, score=40, status="attention"),
        scene.figure("c2st_auc", "fidelity", value=0.7, score=60, unit="AUC"),
    )
    page = render_html(make_report(results=results)).partition('<section id="fidelity">')[2]
    titles = re.findall(r"<h3>(.*?)</h3>", page.partition("</section>")[0])
    assert titles == ["Pairs of columns", "Telling synthetic from real", "Single columns"]


def test_what_cannot_fail_does_not_stand_for_what_can(make_report: MakeReport) -> None:
    """A headline shows the worst figure that decides, however bad a diagnostic looks."""
    results = (
        scene.figure("linkability", "privacy", value=0.4, group="surest", status="diagnostic"),
        scene.figure("linkability", "privacy", value=0.02, group="all", status="ok"),
        scene.figure("linkability", "privacy", value=None, group="few", status="uninformative"),
    )
    page = render_html(make_report(results=results))
    assert "worst of 3: all" in page
