"""A report as one self-contained page, and as a fragment for notebooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from tabsynth.report.charts import Mark, Scale, finite, interval_chart, score_bars, visible
from tabsynth.report.model import Family, Report, Result, Status
from tabsynth.report.words import WORDS, Words

CHART_ROWS = 25
TABLE_ROWS = 100
# over all tables of a page: keeps it under 2 MB whatever plugins add
PAGE_ROWS = 900
SUMMARY_ROWS = 12


STATUS_WORDS: dict[Status, str] = {
    "ok": "ok",
    "attention": "worth a look",
    "fail": "fails",
    "uninformative": "scale within noise",
    "diagnostic": "diagnostic",
}
_SYMBOLS: dict[Status, str] = {
    "ok": "●", "attention": "◆", "fail": "■", "uninformative": "○", "diagnostic": "□",
}  # fmt: skip
_URGENCY: dict[Status, int] = {"fail": 0, "attention": 1}


class Section(NamedTuple):
    """One family of measures: its heading, its question, and what to say when it is empty."""

    title: str
    question: str
    absent: str


SECTIONS: dict[Family, Section] = {
    "validity": Section(
        "Validity", "Does the synthetic table keep the rules of its schema?", "Nothing was checked."
    ),
    "fidelity": Section(
        "Fidelity", "Does it look like records that the synthesizer never saw?",
        "Nothing was measured; fidelity needs a holdout.",
    ),
    "utility": Section(
        "Utility", "Does work done on it carry over to real records?",
        "Nothing was measured; name the column to be predicted with --target.",
    ),
    "privacy": Section(
        "Privacy", "Does it give away the records it was made from?",
        "Nothing was measured; without these figures nothing can be said about leaks.",
    ),
    "bias": Section(
        "Bias", "Does it treat groups as the real table does, and fairly?", "Nothing was measured."
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One result as texts, ready for a table."""

    label: str
    value: str
    interval: str
    reference: str
    baseline: str
    score: str
    unit: str
    status: Status
    n: str

    @property
    def status_words(self) -> str:
        """The status, for people."""
        return STATUS_WORDS[self.status]

    @property
    def symbol(self) -> str:
        """The shape that charts draw for the status."""
        return _SYMBOLS[self.status]


@dataclass(frozen=True)
class Group:
    """All results of one measure: the overall one, and those of columns, pairs or groups."""

    ident: str
    name: str
    family: Family
    overall: tuple[Result, ...]
    parts: tuple[Result, ...]

    @property
    def words(self) -> Words:
        """Title and meaning; a plugin's measure goes by its name."""
        plain = self.name.replace("_", " ").strip() or "Unnamed measure"
        return WORDS.get(self.name, Words(plain[:1].upper() + plain[1:], ""))

    @property
    def kind(self) -> str:
        """What the parts are."""
        if any(r.group is not None for r in self.parts):
            return "groups"
        return "pairs" if all(" × " in (r.column or "") for r in self.parts) else "columns"

    @property
    def percent(self) -> bool:
        """True when the figures are shares, shown as percentages."""
        return (self.overall + self.parts)[0].unit == "share"


def render_html(report: Report) -> str:
    """The whole report as one page without scripts, fonts or images from elsewhere.

    Args:
        report: what to show; every text in it is escaped.

    Returns:
        HTML under 2 MB: charts show the worst `CHART_ROWS` of a measure, tables the worst
        `TABLE_ROWS`, and the page says what it left out.

    Privacy: shows what the report holds, statistics of private data and names of columns.
    """
    groups = _groups(report.results)
    detailed = sum(1 for g in groups if g.parts)
    limit = min(TABLE_ROWS, PAGE_ROWS // max(1, detailed))
    sections = [
        {"ident": family, "words": SECTIONS[family], "groups": [_group_view(g, limit) for g in own]}
        for family in SECTIONS
        if (own := [g for g in groups if g.family == family]) or family != "bias"
    ]
    command = report.provenance.get("command")
    return _template().render(
        fragment=False,
        verdict=report.verdict,
        reasons=report.reasons,
        headline=_headline(groups),
        scores=_score_chart(groups),
        sections=sections,
        command=command if isinstance(command, str) else None,
        details={
            k: v for k, v in report.provenance.items() if k != "command" or not isinstance(v, str)
        },
    )


def summary_html(report: Report) -> str:
    """The verdict, its reasons and the headline figures, as a fragment for notebooks.

    Args:
        report: what to show; every text in it is escaped.

    Returns:
        One `<div>` that takes its colours from the page around it.
    """
    rows = _headline(_groups(report.results))
    return _template().render(
        fragment=True,
        verdict=report.verdict,
        reasons=report.reasons,
        headline=rows[:SUMMARY_ROWS],
        more=max(0, len(rows) - SUMMARY_ROWS),
    )


def _groups(results: Iterable[Result]) -> list[Group]:
    """Results by measure, in the order of `WORDS`, then of appearance."""
    found: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        key = result.family, result.name, result.unit, result.better
        found.setdefault(key, []).append(result)
    known = {name: i for i, name in enumerate(WORDS)}
    order = sorted(found, key=lambda measure: known.get(measure[1], len(known)))
    groups = []
    for i, measure in enumerate(order):
        parts = [r for r in found[measure] if r.column is not None or r.group is not None]
        overall = [r for r in found[measure] if r.column is None and r.group is None]
        ranked = tuple(sorted(parts, key=_badness))
        family = found[measure][0].family
        groups.append(Group(f"m{i}", measure[1], family, tuple(overall), ranked))
    return groups


def _badness(result: Result) -> tuple[int, bool, float, str]:
    """Sorts what breaks the gate first, then what lies furthest from real against real."""
    value, reference = finite(result.value), finite(result.reference)
    gap = (value or 0.0) - (reference or 0.0)
    return (
        _URGENCY.get(result.status, 2),
        value is None,
        gap if result.better == "higher" else -gap,
        _label(result),
    )


def _label(result: Result) -> str:
    return ", ".join(p for p in (result.column, result.group) if p is not None) or "overall"


def _row(result: Result, scale: Scale, *, label: str) -> Row:
    low, high = finite(result.ci_low), finite(result.ci_high)
    interval = "n/a"
    if low is not None and high is not None:
        interval = f"[{scale.text(low, unit=False)}, {scale.text(high, unit=False)}]"
    return Row(
        label=label,
        value=scale.text(result.value),
        interval=interval,
        reference=scale.text(result.reference),
        baseline=scale.text(result.baseline),
        score="n/a" if finite(result.score) is None else f"{result.score:.0f}",
        unit="" if result.unit == "share" else result.unit,
        status=result.status,
        n=f"{result.n:,}",
    )


def _scale(results: Sequence[Result], *, percent: bool) -> Scale:
    return Scale.of([f for r in results for f in (r.value, r.ci_low, r.ci_high)], percent=percent)


def _leading(group: Group) -> Result:
    """The overall result of a measure, or its worst part where it has no overall one."""
    return (group.overall or group.parts)[0]


def _headline(groups: Sequence[Group]) -> list[Row]:
    rows = []
    for group in groups:
        for result in group.overall or group.parts[:1]:
            scale = _scale([result], percent=group.percent)
            rows.append(_row(result, scale, label=_headline_label(group, result)))
    return rows


def _headline_label(group: Group, result: Result) -> str:
    title = group.words.title
    if group.overall:
        return title
    which = f"worst of {len(group.parts):,}: " if len(group.parts) > 1 else ""
    return f"{title} ({which}{_label(result)})"


def _score_chart(groups: Sequence[Group]) -> Markup | None:
    scored = [(g, r) for g in groups if finite((r := _leading(g)).score) is not None]
    if not scored:
        return None
    marks = [Mark(g.words.title, r.score, f"{r.score:.0f}") for g, r in scored]
    return Markup(
        score_bars(
            marks,
            ident="scores",
            title="Scores from 0 to 100",
            description="; ".join(f"{m.label}: {m.shown}" for m in marks),
        )
    )  # fmt: skip


def _group_view(group: Group, limit: int) -> dict[str, Any]:
    shared = group.overall + group.parts
    scale = _scale(group.parts, percent=group.percent)
    single = group.overall or (group.parts if len(group.parts) == 1 else ())
    parts = group.parts if len(group.parts) > 1 else ()
    counts = Counter(STATUS_WORDS[r.status] for r in parts)
    return {
        "group": group,
        "words": group.words,
        "direction": f"{shared[0].better.capitalize()} is better",
        "single": [_row(r, _scale([r], percent=group.percent), label=_label(r)) for r in single],
        "rows": [_row(r, scale, label=_label(r)) for r in parts[:limit]],
        "total": len(parts),
        "tally": ", ".join(f"{w} {counts[w]:,}" for w in STATUS_WORDS.values() if counts[w]),
        "chart": _interval_chart(group, parts, scale),
        "charted": min(CHART_ROWS, len(parts)),
        "methods": list(dict.fromkeys(r.method for r in shared))[:3],
        "seeds": list(dict.fromkeys(str(r.seed) for r in shared if r.seed is not None))[:3],
    }


def _interval_chart(group: Group, parts: Sequence[Result], scale: Scale) -> Markup | None:
    """None where there is nothing to see: no figures, or nothing but zeros."""
    if not any(finite(r.value) for r in parts):
        return None
    marks = [
        Mark(
            _label(r), r.value, scale.text(r.value),
            low=r.ci_low, high=r.ci_high, reference=r.reference, status=r.status,
        )
        for r in parts[:CHART_ROWS]
    ]  # fmt: skip
    return Markup(
        interval_chart(
            marks,
            ident=group.ident,
            title=f"{group.words.title}: the worst {len(marks)} of {len(parts):,} {group.kind}",
            description=f"One row for each of the {group.kind}, worst first, with its 95 % "
            "interval and a tick at real against real. The table below holds the figures.",
            percent=group.percent,
        )
    )  # fmt: skip


def _shown(value: object) -> object:
    if value is None:
        return "n/a"
    return visible(value) if type(value) is str else value


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["nested"] = lambda value: isinstance(value, Mapping)
    environment.tests["listed"] = lambda value: isinstance(value, (list, tuple))
    return environment


@cache
def _template() -> Template:
    source = files("tabsynth.report").joinpath("template.html.j2").read_text(encoding="utf-8")
    return _environment().from_string(source)
