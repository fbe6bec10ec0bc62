"""What the page of a comparison shows: a row for each synthesizer, and the picture of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup

from tabsynth.machine import in_words
from tabsynth.report.charts import Scale, finite
from tabsynth.report.figures import grouped
from tabsynth.report.model import Family, Report, Result
from tabsynth.report.trade_off import Point, duration, trade_off
from tabsynth.report.words import WORDS

ABSENT: Final = "n/a"
# what the table shows, with its heading; everything else is in the second table and in report.json
COLUMNS: Final[dict[str, str]] = {
    "c2st_auc": "Detection (AUC)",
    "univariate_tv": "Columns (TV)",
    "pairwise_tv": "Pairs (TV)",
    "threeway_tv": "Triples (TV)",
    "membership_p": "Membership (p)",
    "dcr_share": "Nearer to train",
    "unique_copies": "Copies of single records",
    "tstr": "Utility (TSTR)",
}
_TITLES: Final[dict[Family, str]] = {
    "fidelity": "Fidelity", "privacy": "Privacy", "utility": "Utility", "bias": "Bias",
    "validity": "Validity",
}  # fmt: skip


def comparison_view(report: Report, *, fragment: bool = False) -> dict[str, Any]:
    """What the template needs.

    Args:
        report: a comparison.
        fragment: for a notebook, without the page around it.
    """
    judged: dict[str, Mapping[str, Any]] = dict(report.provenance["synthesizers"])
    per = {name: [r for r in report.results if r.synthesizer == name] for name in judged}
    figures = [c for c in COLUMNS if any(_leading(rs, c) for rs in per.values())]
    return {
        "fragment": fragment,
        "audience": report.audience,
        "note": report.reasons[0],
        "plot": Markup(trade_off(_points(judged, per), ident="trade-off")),
        "columns": [COLUMNS[c] for c in figures],
        "meanings": [(COLUMNS[c], WORDS[c].meaning) for c in figures if c in WORDS],
        "rows": [_row(name, facts, per[name], figures) for name, facts in judged.items()],
        "reference": _reference(report, figures),
        "judged": [
            {"name": name, "verdict": facts.get("verdict", "failed"),
             "reasons": facts.get("reasons") or [str(facts.get("error"))],
             "parameters": dict(facts.get("parameters") or {})}
            for name, facts in judged.items()
        ],
        "names": [name for name, results in per.items() if results],
        "families": _every_figure(report, [name for name, results in per.items() if results]),
        "command": report.provenance.get("command"),
        "facts": _facts(report.provenance),
    }  # fmt: skip


def _points(
    judged: Mapping[str, Mapping[str, Any]], per: Mapping[str, list[Result]]
) -> list[Point]:
    points = []
    for name, facts in judged.items():
        far, near = (_leading(per[name], c) for c in ("c2st_auc", "dcr_share"))
        detection = None if far is None else finite(far.value)
        closeness = None if near is None else finite(near.value)
        if detection is not None and closeness is not None:
            points.append(Point(name, detection, closeness, facts["fit_seconds"], facts["verdict"]))
    return points


def _row(
    name: str, facts: Mapping[str, Any], results: list[Result], figures: list[str]
) -> dict[str, Any]:
    cells = []
    for column in figures:
        found = _leading(results, column)
        cells.append((COLUMNS[column], *(("", "") if found is None else _shown(found))))
    memory, seconds = facts.get("peak_memory"), facts.get("fit_seconds")
    return {
        "name": name,
        "verdict": facts.get("verdict", "failed"),
        "error": facts.get("error"),
        "cells": cells,
        "seconds": ABSENT if seconds is None else duration(seconds),
        "memory": ABSENT if memory is None else in_words(memory),
    }


def _shown(result: Result) -> tuple[str, str]:
    """A figure and its interval."""
    scale = Scale.of([result.value, result.ci_low, result.ci_high], percent=result.unit == "share")
    value, low, high = scale.text(result.value), finite(result.ci_low), finite(result.ci_high)
    if low is None or high is None:
        return value, ""
    return value, f"[{scale.text(low, unit=False)}, {scale.text(high, unit=False)}]"


def _reference(report: Report, figures: list[str]) -> list[tuple[str, str]]:
    """The same figures when real records stand in the place of the synthetic ones."""
    cells = []
    for column in figures:
        found = _leading(report.results, column)
        known = None if found is None or column == "membership_p" else finite(found.reference)
        percent = found is not None and found.unit == "share"
        text = "" if known is None else Scale.of([known], percent=percent).text(known)
        cells.append((COLUMNS[column], text))
    return cells


def _every_figure(report: Report, names: list[str]) -> list[dict[str, Any]]:
    """Per family, each measure's overall figure (or worst part) by synthesizer."""
    found: dict[str, dict[str, dict[str, str]]] = {title: {} for title in _TITLES.values()}
    for name in names:
        for group in grouped(r for r in report.results if r.synthesizer == name):
            part = "" if group.overall else ", worst part"
            row = found[_TITLES[group.family]].setdefault(f"{group.words.title}{part}", {})
            row[name] = _shown(group.leading)[0]
    return [
        {"title": title,
         "rows": [(measure, [row.get(n, ABSENT) for n in names]) for measure, row in rows.items()]}
        for title, rows in found.items() if rows
    ]  # fmt: skip


def _leading(results: list[Result] | tuple[Result, ...], name: str) -> Result | None:
    return next((r for r in results if r.name == name), None)


def _facts(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    shown = []
    for key in ("train_records", "holdout_records", "seed", "target", "tabsynth"):
        if provenance.get(key) is not None:
            value = provenance[key]
            text = f"{value:,}" if key.endswith("_records") else str(value)
            shown.append((key.replace("_", " "), text))
    libraries = provenance.get("libraries")
    if isinstance(libraries, Mapping):
        shown.append(("libraries", ", ".join(f"{k} {v}" for k, v in libraries.items())))
    return shown
