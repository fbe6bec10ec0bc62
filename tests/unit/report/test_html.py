from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest

from tabsynth.report.figures import STATUS_WORDS
from tabsynth.report.html import CHART_ROWS, SECTIONS, TABLE_ROWS, render_html, summary_html
from tabsynth.report.model import Family, Report, Result, Status
from tabsynth.report.words import WORDS
from tests.unit.report.full import audit_report

VOID = {"meta", "br", "link", "img", "hr", "input", "source", "wbr"}
MakeReport = Callable[..., Report]


class Node:
    def __init__(self, tag: str, attrs: dict[str, str], parent: Node | None) -> None:
        self.tag, self.attrs, self.parent = tag, attrs, parent
        self.children: list[Node] = []
        self.parts: list[str | Node] = []

    def find(self, tag: str) -> list[Node]:
        own = [c for c in self.children if c.tag == tag]
        return own + [n for c in self.children for n in c.find(tag)]

    def with_class(self, name: str) -> list[Node]:
        own = [c for c in self.children if name in c.attrs.get("class", "").split()]
        return own + [n for c in self.children for n in c.with_class(name)]

    def everything(self) -> list[Node]:
        return [n for c in self.children for n in (c, *c.everything())]

    @property
    def text(self) -> str:
        raw = "".join(p if isinstance(p, str) else p.text for p in self.parts)
        return " ".join(raw.split())


class Tree(HTMLParser):
    """Builds a tree and refuses markup that is not balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = self.here = Node("root", {}, None)
        self.feed(text)
        self.close()
        assert self.here is self.root, f"<{self.here.tag}> is never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {k: v or "" for k, v in attrs}, self.here)
        self.here.children.append(node)
        self.here.parts.append(node)
        if tag not in VOID:
            self.here = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.here.tag == tag, f"</{tag}> closes <{self.here.tag}>"
        assert self.here.parent is not None
        self.here = self.here.parent

    def handle_data(self, data: str) -> None:
        self.here.parts.append(data)


def parse(text: str) -> Node:
    return Tree(text).root


def by_id(page: Node, ident: str) -> Node:
    return next(n for n in page.everything() if n.attrs.get("id") == ident)


def measure(page: Node, title: str) -> Node:
    return next(m for m in page.with_class("measure") if m.find("h3")[0].text == title)


@pytest.fixture(scope="module")
def page(report: Report) -> Node:
    return parse(render_html(report))


@pytest.fixture(scope="module")
def source() -> str:
    return files("tabsynth.report").joinpath("style.css.j2").read_text(encoding="utf-8")


def test_page_loads_nothing(page: Node, report: Report) -> None:
    forbidden = {"script", "link", "img", "iframe", "object", "embed", "base", "form", "video"}
    for node in page.everything():
        assert node.tag not in forbidden
        assert not [a for a in node.attrs if a.startswith("on") or a in ("src", "srcset", "style")]
        assert node.attrs.get("href", "#").startswith("#")
    css = page.find("style")[0].text
    assert "url(" not in css
    assert "@import" not in css
    assert "http" not in render_html(report).replace("http-equiv", "")
    policy = next(m for m in page.find("meta") if "http-equiv" in m.attrs)
    assert policy.attrs["content"].startswith("default-src 'none'")


def test_every_link_leads_somewhere_and_ids_are_unique(page: Node) -> None:
    ids = [n.attrs["id"] for n in page.everything() if "id" in n.attrs]
    assert len(ids) == len(set(ids))
    for link in page.find("a"):
        assert link.attrs["href"][1:] in ids
    for chart in page.with_class("chart"):
        assert set(chart.attrs["aria-labelledby"].split()) <= set(ids)


def test_outline(page: Node) -> None:
    assert len(page.find("h1")) == 1
    assert page.find("html")[0].attrs["lang"] == "en"
    assert [s.attrs["id"] for s in page.find("section")] == [
        "verdict", "threats", "privacy", "fidelity", "bias", "utility", "validity", "provenance",
        "glossary",
    ]  # fmt: skip
    levels = [int(n.tag[1]) for n in page.everything() if re.fullmatch("h[1-6]", n.tag)]
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_every_chart_is_named_and_has_a_table(page: Node) -> None:
    charts = page.with_class("chart")
    assert len(charts) == 4
    for chart in charts:
        assert chart.attrs["role"] == "img"
        assert chart.find("title")[0].text
        assert chart.find("desc")[0].text
        figure = chart.parent
        assert figure is not None
        assert figure.tag == "figure"
        assert len(figure.find("table")) == 1


@pytest.mark.parametrize("verdict", ["pass", "fail", "inconclusive"])
def test_banner_gives_the_verdict_and_every_reason(make_report: MakeReport, verdict: str) -> None:
    page = parse(render_html(make_report(verdict=verdict, reasons=("first why", "second why"))))
    banner = page.with_class("banner")[0]
    assert banner.with_class("verdict")[0].text.lower() == verdict
    assert [li.text for li in banner.find("li")] == ["first why", "second why"]
    assert ("This is not a pass" in banner.text) == (verdict == "inconclusive")


def test_headline_has_one_row_per_measure(page: Node) -> None:
    rows = by_id(page, "headline").find("tbody")[0].find("tr")
    cells = {r.children[0].text: [c.text for c in r.children[1:]] for r in rows}
    assert cells == {
        "Exact copies": ["0.210 %", "[0.160, 0.280]", "0.230 %", "n/a", "● ok"],
        "Copies in invented columns": [
            "−0.030 %", "[−0.110, 0.050]", "0 %", "n/a", "□ diagnostic",
        ],
        "Single columns": ["0.610 %", "[0.519, 0.732]", "0.480 %", "n/a", "● ok"],
        "Pairs of columns": ["6.13 %", "[5.21, 7.36]", "2.62 %", "33", "● ok"],
        "Telling synthetic from real": ["0.741 AUC", "[0.733, 0.749]", "0.505", "51", "● ok"],
        "Training on synthetic records income": [
            "0.889 AUC", "[0.881, 0.898]", "0.918", "93", "● ok",
        ],
        "Cells that keep the schema": ["99.982 %", "[99.970, 99.990]", "100 %", "n/a", "● ok"],
        "Rules broken, by column worst of 15: fnlwgt": [
            "0.040 %", "[0, 0.070]", "0 %", "n/a", "◆ worth a look",
        ],
        "Keys repeated or missing": ["0 records", "n/a", "0", "n/a", "● ok"],
    }  # fmt: skip


def test_what_has_no_figure_is_said_not_drawn(make_report: MakeReport) -> None:
    results = (
        part("a", 0.1),
        part("b", 0.2),
        part("c", None, status="uninformative"),
    )
    found = measure(parse(render_html(make_report(results=results))), "Single columns")
    assert "3 columns: ok 2, no figure 1." in found.text
    assert [t.text for t in found.with_class("label")] == ["b", "a"]
    assert "1 more are not drawn" in found.text
    assert len(found.find("tbody")[0].find("tr")) == 3


def part(column: str, value: float | None, **more: Any) -> Result:
    body = {"name": "univariate_tv", "family": "fidelity", "unit": "share", "n": 9, "method": "m"}
    return Result(**{**body, "column": column, "value": value, **more})


def shown_order(results: tuple[Result, ...], make_report: MakeReport) -> list[str]:
    page = parse(render_html(make_report(results=results)))
    return [r.find("th")[0].text for r in page.with_class("scroll")[0].find("tbody")[0].find("tr")]


def test_worst_columns_first(make_report: MakeReport) -> None:
    results = (
        part("unknown", None),
        part("close", 0.30, reference=0.29),
        part("far", 0.20, reference=0.01),
        part("slightly", 0.05, status="attention"),
        part("broken", 0.01, status="fail"),
    )
    assert shown_order(results, make_report) == ["broken", "slightly", "far", "close", "unknown"]


def test_worst_is_lowest_where_higher_is_better(make_report: MakeReport) -> None:
    results = tuple(part(c, v, better="higher") for c, v in (("a", 0.9), ("b", 0.2), ("c", 0.5)))
    assert shown_order(results, make_report) == ["b", "c", "a"]


def test_chart_and_table_are_in_the_same_order(page: Node) -> None:
    pairs = measure(page, "Pairs of columns")
    rows = [r.children[0].text for r in pairs.find("tbody")[0].find("tr")]
    labels = [t.text for t in pairs.with_class("label")]
    assert len(rows) == TABLE_ROWS
    assert len(labels) == CHART_ROWS
    assert "80 more are not drawn" in pairs.text
    assert "report.json holds all 105" in pairs.text
    for label, row in zip(labels, rows, strict=False):
        assert row.startswith(label.split("…")[0])


@pytest.mark.parametrize("name", ["my_plugin_metric", "tstr"])
def test_any_name_renders(make_report: MakeReport, name: str) -> None:
    result = Result(
        name=name, family="bias", column="a", group="b", value=2.5, unit="ratio", n=1, method="m"
    )
    page = parse(render_html(make_report(results=(result,))))
    title = measure(page, WORDS[name].title if name in WORDS else "My plugin metric")
    assert "a, b" in title.text
    assert by_id(page, "bias")


def test_diagnostics_come_last_and_say_so(full: Report) -> None:
    section = by_id(parse(render_html(full)), "privacy")
    titles = [m.find("h3")[0].text for m in section.with_class("measure")]
    turn = section.children.index(section.with_class("turn")[0])
    before = [c.find("h3")[0].text for c in section.children[:turn] if c.find("h3")]
    assert "can neither pass nor fail" in section.with_class("turn")[0].text
    assert before == titles[: len(before)]
    assert WORDS["linkability"].title in before
    assert WORDS["dcr_share"].title in titles[len(before) :]


def test_an_audit_is_no_report_on_a_synthetic_table() -> None:
    report = audit_report()
    page = parse(render_html(report))
    assert page.find("h1")[0].text == "Audit of a table"
    assert page.with_class("verdict")[0].text == "No verdict"
    assert [s.attrs["id"] for s in page.find("section")] == [
        "verdict", "bias", "provenance", "glossary",
    ]  # fmt: skip
    ids = {n.attrs.get("id") for n in page.everything()}
    assert {link.attrs["href"][1:] for link in page.find("a")} <= ids
    for word in ("membership", "real against real", "the table is safe", "Inconclusive"):
        assert word not in page.text
    assert "No verdict" in summary_html(report)
    assert "race, Black" in page.text


def test_groups_of_records_are_called_so(make_report: MakeReport) -> None:
    results = tuple(
        Result(
            name="gap",
            family="bias",
            column="hired",
            group=g,
            value=v,
            unit="share",
            n=5,
            method="m",
        )
        for g, v in (("sex: f", 0.1), ("sex: m", 0.3))
    )
    section = by_id(parse(render_html(make_report(results=results))), "bias")
    assert "2 groups: ok 2." in section.text
    assert [t.text for t in section.with_class("label")] == ["hired, sex: m", "hired, sex: f"]


def test_one_name_with_two_units_is_two_measures(make_report: MakeReport) -> None:
    results = tuple(
        Result(name="tstr", family="utility", column=u, value=0.5, unit=u, n=1, method="m")
        for u in ("AUC", "R²")
    )
    page = parse(render_html(make_report(results=results)))
    assert len(page.with_class("measure")) == 2


def test_figures_that_are_all_zero_are_said_not_drawn(make_report: MakeReport) -> None:
    results = tuple(part(c, 0.0) for c in "abc")
    page = parse(render_html(make_report(results=results)))
    assert not page.with_class("chart")
    assert "Every known figure is zero" in page.text
    assert len(page.with_class("scroll")[0].find("tr")) == 4


def test_empty_report(make_report: MakeReport) -> None:
    page = parse(render_html(make_report(results=(), reasons=(), provenance={})))
    assert "This report holds no figures" in by_id(page, "headline").text
    for family in SECTIONS:
        assert by_id(page, family).text.count("Nothing was") == 1


HOSTILE = (
    "<script>alert(1)</script>",
    "\"quoted\" & 'single' </svg></title>",
    "עברית \u202e reversed",
    "x" * 200,
    "{{ 7 * 7 }} {% raw %}",
    "nul \x00 and lone \ud800",
    "年齢 × 性別",
)


def test_everything_is_escaped(make_report: MakeReport) -> None:
    base = make_report(HOSTILE)
    report = base.model_copy(
        update={
            "reasons": HOSTILE,
            "provenance": {"command": HOSTILE[0], HOSTILE[1]: [{HOSTILE[0]: HOSTILE[2]}]},
            "results": (*base.results, *(_named(text) for text in HOSTILE)),
        }
    )
    for text in (render_html(report), summary_html(report)):
        text.encode("utf-8")
        page = parse(text)
        assert not page.find("script")
        assert "\x00" not in text
        assert "\u202e" not in text
        assert "49" not in [n.text for n in page.find("bdi")]
        reasons = [n.text for n in page.find("ul")[0].find("li")]
        assert reasons[:2] == [" ".join(HOSTILE[0].split()), " ".join(HOSTILE[1].split())]
        assert reasons[4] == HOSTILE[4]
    assert "x" * 200 in page.text


def test_what_is_quoted_in_a_reason_is_code(make_report: MakeReport) -> None:
    reasons = ("Judge it with `tabsynth <evaluate>`.", "One ` alone & <b>.")
    text = render_html(make_report(HOSTILE).model_copy(update={"reasons": reasons}))
    page = parse(text)
    found = [n.text for n in page.find("ul")[0].find("li")]
    assert found == ["Judge it with tabsynth <evaluate>.", reasons[1]]
    assert [n.text for n in page.find("ul")[0].find("code")] == ["tabsynth <evaluate>"]


def _named(text: str) -> Result:
    return Result(name=text, family="privacy", value=1.0, unit=text, n=1, method=text, column=text)


def test_stays_under_two_megabytes_with_300_long_columns(make_report: MakeReport) -> None:
    columns = tuple(f"{i:03d}" + '"' * 197 for i in range(300))
    report = make_report(columns)
    plugins = tuple(
        part(c, 0.1, name=f"plugin_{k}", ci_low=0.0, ci_high=0.2)
        for k in range(12)
        for c in columns
    )
    text = render_html(report.model_copy(update={"results": report.results + plugins}))
    assert len(text.encode()) < 2_000_000
    page = parse(text)
    assert len(measure(page, "Single columns").with_class("label")) == CHART_ROWS
    assert "report.json holds all 44,850" in measure(page, "Pairs of columns").text


def test_provenance_is_shown_as_it_is(page: Node) -> None:
    section = by_id(page, "provenance")
    assert section.find("pre")[0].text.startswith("tabsynth evaluate --train train.csv")
    rows = [row for row in section.find("div") if "part" not in row.attrs.get("class", "")]
    facts = {row.find("dt")[0].text: row.find("dd")[0].text for row in rows}
    assert facts["train"] == "26048"
    assert facts["minimum count"] == "5"
    assert facts["thresholds"] == "0.05, 0.2"
    assert facts["holdout given"] == "yes"
    assert "command" not in facts


def test_missing_facts_are_said(make_report: MakeReport) -> None:
    page = parse(render_html(make_report(provenance={"seed": None, "steps": [], "command": 3})))
    rows = by_id(page, "provenance").find("div")
    assert [r.text for r in rows if "part" not in r.attrs.get("class", "")] == [
        "seedn/a",
        "stepsnone",
        "command3",
    ]


def test_tables_scroll_inside_their_own_box(page: Node) -> None:
    for details in page.find("details"):
        box = details.with_class("scroll")[0]
        assert box.attrs["tabindex"] == "0"
        assert box.attrs["aria-label"]
        assert box.find("caption")[0].text


def test_summary_is_a_fragment_in_balance(report: Report) -> None:
    text = summary_html(report)
    root = parse(text)
    assert [c.tag for c in root.children] == ["div"]
    assert "Inconclusive" in root.text
    assert [li.text for li in root.find("li")] == list(report.reasons)
    assert len(root.find("tbody")[0].find("tr")) == 9
    assert not root.find("style")
    assert len(text) < 20_000


def test_summary_is_compact(make_report: MakeReport) -> None:
    many = tuple(part("c", 0.1, name=f"metric_{i}") for i in range(40))
    root = parse(summary_html(make_report(results=many)))
    assert len(root.find("tbody")[0].find("tr")) == 12
    assert "28 more measures" in root.text


def test_words_cover_the_model() -> None:
    assert set(SECTIONS) == set(get_args(Family))
    assert set(STATUS_WORDS) == set(get_args(Status))


def test_page_can_be_written_as_a_file(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_html(report), encoding="utf-8")
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def palettes(css: str) -> list[dict[str, str]]:
    """Light, dark and print colours, each laid over the light ones."""
    blocks = re.findall(r":root \{(.*?)\}", css, flags=re.S)
    found = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in blocks]
    return [{**found[0], **own} for own in found]


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_formula() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


TEXT_ON = [
    ("ink", "paper"), ("soft", "paper"), ("accent", "paper"), ("bad", "paper"),
    ("ink", "raised"), ("soft", "raised"), ("accent", "accent-wash"),
    *((tone, f"{tone}-wash") for tone in ("good", "warn", "bad")),
    *(("ink", f"{tone}-wash") for tone in ("good", "warn", "bad")),
]  # fmt: skip
SHAPES_ON = [("mark", "paper"), ("accent", "paper"), ("warn", "paper"), ("accent", "line")]


def test_contrast_in_light_dark_and_print(source: str) -> None:
    found = palettes(source)
    assert len(found) == 3
    for colours in found:
        for front, back in TEXT_ON:
            assert contrast(colours[front], colours[back]) >= 4.5, (front, back, colours)
        for front, back in SHAPES_ON:
            assert contrast(colours[front], colours[back]) >= 3, (front, back, colours)


def test_no_colour_escapes_the_palette(source: str) -> None:
    css = source.partition("<style>")[2].partition("</style>")[0]
    rules = re.sub(r":root \{.*?\}|@page \{.*?\} \}", "", css, flags=re.S)
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsl", rules)
