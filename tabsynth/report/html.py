"""A report as one self-contained page, and as a fragment for notebooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from markupsafe import Markup, escape

from tabsynth.report import figures, threats
from tabsynth.report.augment import augment_view
from tabsynth.report.charts import Mark, Scale, finite, interval_chart, score_bars, visible
from tabsynth.report.collapse import collapse_view
from tabsynth.report.comparison import comparison_view
from tabsynth.report.curate import curate_view
from tabsynth.report.curves import power_chart
from tabsynth.report.facts import certificate_of
from tabsynth.report.figures import (
    NO_FIGURE,
    STATUS_WORDS,
    Group,
    diagnostics_last,
    grouped,
    headline,
    label,
    row,
    worst_first,
)
from tabsynth.report.glossary import used_terms
from tabsynth.report.mix import mix_view
from tabsynth.report.model import (
    AUGMENT,
    COLLAPSE,
    COMPARISON,
    CURATE,
    MIX,
    Family,
    Report,
    Result,
)
from tabsynth.report.power import POWER, power
from tabsynth.report.words import UNDIRECTED

if TYPE_CHECKING:
    from jinja2 import Environment, Template

CHART_ROWS: Final = 25
DIAGNOSTIC_ROWS: Final = 8
TABLE_ROWS: Final = 100
# over all tables of a page: keeps it under 2 MB whatever plugins add
PAGE_ROWS: Final = 900
SUMMARY_ROWS: Final = 12
_VERSIONS: Final = ("tabsynth", "libraries", "versions")


class Section(NamedTuple):
    """One family of measures: its heading, its question, and what to say when it is empty."""

    title: str
    question: str
    absent: str


SECTIONS: dict[Family, Section] = {
    "privacy": Section(
        "Privacy", "Does it give away the records it was made from?",
        "Nothing was measured; without these figures nothing can be said about leaks.",
    ),
    "fidelity": Section(
        "Fidelity", "Does it look like records that the synthesizer never saw? Worst first.",
        "Nothing was measured; fidelity needs a holdout.",
    ),
    "bias": Section(
        "Bias", "Does it treat groups as the real table does, and fairly?",
        "Nothing was measured; name the columns of the groups with --protected.",
    ),
    "utility": Section(
        "Utility", "Does work done on it carry over to real records?",
        "Nothing was measured; name the column to be predicted with --target.",
    ),
    "validity": Section(
        "Validity", "Does the synthetic table keep the rules of its schema?", "Nothing was checked."
    ),
}  # fmt: skip


# reports that are not judgements of a synthetic table, by their kind: the page, and what it needs
OWN_PAGES: Final[Mapping[str, tuple[str, Callable[..., dict[str, Any]]]]] = {
    COMPARISON: ("comparison.html.j2", comparison_view),
    COLLAPSE: ("collapse.html.j2", collapse_view),
    MIX: ("training.html.j2", mix_view),
    AUGMENT: ("training.html.j2", augment_view),
    CURATE: ("training.html.j2", curate_view),
}

TABLES: Final = Section(
    "Tables", "Is each table right by itself, whatever hangs from what? Worst first.",
    "Nothing was measured.",
)  # fmt: skip
AUDIT_SECTIONS: dict[Family, Section] = {
    "bias": Section(
        "Groups", "Who is in the table, and how do outcomes differ?", "Nothing was measured."
    ),
}


def render_html(report: Report) -> str:
    """The whole report as one page without scripts, fonts or images from elsewhere.

    Args:
        report: what to show; every text in it is escaped.

    Returns:
        HTML under 2 MB: charts show the worst `CHART_ROWS` of a measure, tables the worst
        `TABLE_ROWS`, and the page says what it left out.

    Privacy: shows what the report holds. An internal one holds statistics of private data and
        names of columns, and its page says so at the top, at the bottom and on paper.
    """
    if (own_page := _own_page(report)) is not None:
        return own_page
    groups = grouped(report.results)
    shown = [g for g in groups if g.name != POWER]
    limit = min(TABLE_ROWS, PAGE_ROWS // max(1, sum(1 for g in shown if g.parts)))
    own = [g for g in shown if not g.of_tables]
    ordered = _by_section(own)
    known = power(report)
    context: dict[str, Any] = {
        "fragment": False,
        "audit": report.is_audit,
        "database": report.is_database,
        "private": report.is_private,
        "audience": report.audience,
        "verdict": report.verdict,
        "reasons": report.reasons,
        "found": known.sentence(failed=report.verdict == "fail"),
        "reach": known.reach(),
        "headline": headline(ordered),
        "scores": _score_chart(ordered),
        "attacker_holds": threats.HELD,
        "not_held": threats.NOT_HELD,
        "counted": threats.COUNTED,
        "threats": threats.tried(report.results),
        "power": _power_view(groups, Markup(power_chart(known, ident="power"))),
        "sections": [
            *(
                _section_view(words, family, own, limit=limit)
                for family, words in (AUDIT_SECTIONS if report.is_audit else SECTIONS).items()
            ),
            *_tables_view([g for g in shown if g.of_tables], limit=limit),
        ],
        "certificate": certificate_of(report.provenance),
        **_reproduction(report.provenance),
    }
    terms = used_terms(_template().render(**context, glossary=()))
    return _template().render(**context, glossary=terms)


def summary_html(report: Report) -> str:
    """The verdict, its reasons and the headline figures, as a fragment for notebooks.

    Args:
        report: what to show; every text in it is escaped.

    Returns:
        One `<div>` that takes its colours from the page around it.
    """
    if (own_page := _own_page(report, fragment=True)) is not None:
        return own_page
    groups = [g for g in grouped(report.results) if g.name != POWER and not g.of_tables]
    rows = headline(_by_section(groups))
    return _template().render(
        fragment=True,
        audit=report.is_audit,
        database=report.is_database,
        private=report.is_private,
        audience=report.audience,
        verdict=report.verdict,
        reasons=report.reasons,
        found=power(report).sentence(failed=report.verdict == "fail"),
        headline=rows[:SUMMARY_ROWS],
        more=max(0, len(rows) - SUMMARY_ROWS),
        certificate=certificate_of(report.provenance),
    )


def _own_page(report: Report, *, fragment: bool = False) -> str | None:
    kind = str(report.provenance.get("kind"))
    if kind not in OWN_PAGES:
        return None
    template, view = OWN_PAGES[kind]
    return _template(template).render(**view(report, fragment=fragment))


def _by_section(groups: Sequence[Group]) -> list[Group]:
    return sorted(diagnostics_last(groups), key=lambda group: list(SECTIONS).index(group.family))


def _section_view(
    words: Section, family: Family, groups: Sequence[Group], *, limit: int
) -> dict[str, Any]:
    own = [g for g in groups if g.family == family]
    ordered = worst_first(own) if family == "fidelity" else diagnostics_last(own)
    return {
        "ident": family,
        "words": words,
        "groups": [_group_view(g, limit) for g in ordered],
    }


def _tables_view(groups: Sequence[Group], *, limit: int) -> list[dict[str, Any]]:
    """The section of the tables of a database, each by itself; none where there are none."""
    if not groups:
        return []
    views = [_group_view(g, limit) for g in diagnostics_last(worst_first(groups))]
    return [{"ident": "tables", "words": TABLES, "groups": views}]


def _group_view(group: Group, limit: int) -> dict[str, Any]:
    shared = group.overall + group.parts
    scale = figures.scale(group.parts, percent=group.percent)
    single = group.overall or (group.parts if len(group.parts) == 1 else ())
    parts = group.parts if len(group.parts) > 1 else ()
    counts = Counter(figures.status_words(r) for r in parts)
    known = [r for r in parts if finite(r.value) is not None]
    words = (*STATUS_WORDS.values(), NO_FIGURE)
    return {
        "group": group,
        "words": group.words,
        "direction": "Neither direction is better"
        if group.name in UNDIRECTED
        else f"{shared[0].better.capitalize()} is better",
        "single": [
            row(r, figures.scale([r], percent=group.percent), label=label(r)) for r in single
        ],
        "rows": [row(r, scale, label=label(r)) for r in parts[:limit]],
        "total": len(parts),
        "tally": ", ".join(f"{w} {counts[w]:,}" for w in words if counts[w]),
        "chart": _interval_chart(group, known, scale),
        "charted": min(_chart_rows(group), len(known)),
        "known": bool(known),
        "methods": list(dict.fromkeys(r.method for r in shared))[:3],
        "seeds": sorted({r.seed for r in shared if r.seed is not None})[:3],
    }


def _chart_rows(group: Group) -> int:
    return DIAGNOSTIC_ROWS if group.is_diagnostic else CHART_ROWS


def _power_view(groups: Sequence[Group], chart: Markup) -> dict[str, Any] | None:
    """The self-test: its curves, and a table in the order of its results, not worst first."""
    results = [r for g in groups if g.name == POWER for r in (*g.overall, *g.parts)]
    if not results:
        return None
    group = next(g for g in groups if g.name == POWER)
    scale = figures.scale(results, percent=group.percent)
    return {
        "chart": chart,
        "words": group.words,
        "rows": [row(r, scale, label=label(r)) for r in sorted(results, key=_planted_order)],
        "methods": list(dict.fromkeys(r.method for r in results))[:3],
    }


def _planted_order(result: Result) -> tuple[str, float, str]:
    share, _, kind = (result.group or "").partition(" % ")
    try:
        return kind, float(share), ""
    except ValueError:
        return "", 0.0, label(result)


def _score_chart(groups: Sequence[Group]) -> Markup | None:
    scored = [(g, g.leading) for g in groups if finite(g.leading.score) is not None]
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


def _interval_chart(group: Group, parts: Sequence[Result], scale: Scale) -> Markup | None:
    """None where there is nothing to see: no figures, or nothing but zeros."""
    if not any(finite(r.value) for r in parts):
        return None
    marks = [
        Mark(
            label(r), r.value, scale.text(r.value), low=r.ci_low, high=r.ci_high,
            reference=r.reference, status=r.status, tolerance=r.tolerance,
        )
        for r in parts[: _chart_rows(group)]
    ]  # fmt: skip
    reference = "reference" if group.family == "bias" else "real against real"
    return Markup(
        interval_chart(
            marks,
            ident=group.ident,
            title=f"{group.words.title}: the worst {len(marks)} of {len(parts):,} {group.kind}",
            description=f"One row for each of the {group.kind}, worst first, with its 95 % "
            f"interval and a tick at {reference}. The table below holds the figures.",
            percent=group.percent,
            reference=reference,
        )
    )  # fmt: skip


def _reproduction(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The command, and the other facts by kind."""
    facts = {k: v for k, v in provenance.items() if k != "privacy"}
    command = facts.pop("command") if isinstance(facts.get("command"), str) else None
    sizes = {k: facts.pop(k) for k in list(facts) if k == "records" or k.endswith("_records")}
    seeds = {k: facts.pop(k) for k in list(facts) if k == "seed" or k.endswith("_seed")}
    versions = {k: facts.pop(k) for k in list(facts) if k in _VERSIONS}
    kinds = {"Sizes": sizes, "Seeds": seeds, "Versions": versions, "Settings": facts}
    return {"command": command, "facts_of": {k: v for k, v in kinds.items() if v}}


def _shown(value: object) -> object:
    if value is None:
        return "n/a"
    return visible(value) if type(value) is str else value


def _coded(sentence: str) -> Markup:
    """A sentence in which what stands between backticks is shown as code; all of it is escaped."""
    parts = [escape(visible(part)) for part in sentence.split("`")]
    if len(parts) % 2 == 0:
        return escape(visible(sentence))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part
        for place, part in enumerate(parts)
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(_source),
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["coded"] = _coded
    environment.tests["nested"] = lambda value: isinstance(value, Mapping)
    environment.tests["listed"] = lambda value: isinstance(value, (list, tuple))
    return environment


def _source(name: str) -> str:
    return files("tabsynth.report").joinpath(name).read_text(encoding="utf-8")


def _template(name: str = "template.html.j2") -> Template:
    return _environment().get_template(name)
