"""What the page on a mixture shows: the recommendation, and the curve that it follows from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from tabsynth.report.charts import Scale
from tabsynth.report.lines import Dot, Frame, Line, line_chart
from tabsynth.report.model import MIX, Report, Result
from tabsynth.report.training import change, counted, made_by

NO_GATE: Final = (
    "A mixture has no gate: this says whether a model that learns from real and synthetic records "
    "together predicts real ones better than one that learns from the real ones alone."
)
FLATTERED: Final = (
    "The test records were split from the real table. If the synthetic records were made from all "
    "of it, they know of the test records, and the curve flatters them: keep records apart before "
    "the fit and give them as --holdout."
)
FIGURES: Final = {
    "roc_auc": ("ROC-AUC", "AUC of each class against the rest, averaged; 0.5 is guessing."),
    "pr_auc": ("PR-AUC of the rarest class", "Average precision of the target's rarest class."),
    "r2": ("R²", "The share of the target's variance that is explained; 0 is guessing."),
}


def sentences(facts: Mapping[str, Any], results: Sequence[Result]) -> list[str]:
    """The reasons of the report: what is recommended, why, and what to mind."""
    name = FIGURES[facts["figure"]][0]
    gains = [r for r in results if r.name == f"{facts['figure']}_gain"]
    mixed = [r for r in gains if r.group != "synthetic alone"]
    if facts["ratio"]:
        found = next(r for r in mixed if r.group == f"{facts['ratio']:g} synthetic per real")
        said = [
            f"Recommended: {facts['ratio']:g} synthetic records per real one, the smallest ratio "
            f"that surely helps. {name} rises by {change(found)}."
        ]
    else:
        best = max(mixed, key=lambda r: r.value or 0.0)
        said = [
            "Recommended: no synthetic records; nothing helped. The best mixture, "
            f"{best.group}, changes {name} by {change(best)}, and the interval does not lie above "
            "0."
        ]
    alone = next((r for r in gains if r.group == "synthetic alone"), None)
    if alone is not None:
        said.append(f"Synthetic records alone, in the place of real ones: {change(alone)}.")
    if facts["left_out"]:
        listed = ", ".join(f"{ratio:g}" for ratio in facts["left_out"])
        said.append(f"There are too few synthetic records to try {listed} per real one.")
    if facts["holdout_records"] is None:
        said.append(FLATTERED)
    return [NO_GATE, *said]


def mix_view(report: Report, *, fragment: bool = False) -> dict[str, Any]:
    """What the template needs.

    Args:
        report: on a mixture.
        fragment: for a notebook, without the page around it.
    """
    facts = report.provenance
    return {
        "fragment": fragment,
        "audience": report.audience,
        "reasons": report.reasons,
        "title": "Real and synthetic records together",
        "figures": [_figure(report, name) for name in FIGURES
                    if any(r.name == name for r in report.results)],
        "command": facts.get("command"),
        "facts": _facts(facts),
    }  # fmt: skip


def _figure(report: Report, name: str) -> dict[str, Any]:
    values = [r for r in report.results if r.name == name]
    gains = {r.group: r for r in report.results if r.name == f"{name}_gain"}
    title, meaning = FIGURES[name]
    scale = Scale.of([r.value for r in values], percent=False)
    changes = Scale.of([r.value for r in gains.values()], percent=False)
    places = [_place(r) for r in values]
    line = Line(title, tuple(_dot(i, r) for i, r in enumerate(values)), 0)
    gained = [(i, gains[r.group]) for i, r in enumerate(values) if r.group in gains]
    gain_line = Line("gain", tuple(_dot(i, r) for i, r in gained), 0)
    rows = [
        (
            r.group,
            (scale.text(r.value), _interval(r, scale)),
            (changes.text(gains[r.group].value), _interval(gains[r.group], changes))
            if r.group in gains else ("", ""),
        )
        for r in values
    ]  # fmt: skip
    across = "synthetic records per real one"
    return {
        "name": name.replace("_", "-"),
        "title": title,
        "meaning": meaning,
        "question": f"How well is {report.provenance['target']} predicted on real records that "
        "were not learnt from?",
        "charts": [
            ("Gain over real records alone, with intervals that hold for all mixtures together",
             Markup(line_chart(
                [gain_line], Frame(tuple(places), across, 0.0, "real records alone", whole=True),
                ident=f"gain-{name}", title=f"Gain in {title} over real records alone",
                description="; ".join(f"{g}: {gain[0] or 0} {gain[1]}" for g, _, gain in rows),
             ))),
            (f"{title}, with 95 % intervals",
             Markup(line_chart(
                [line],
                Frame(tuple(places), across, values[0].value, "real records alone", whole=True),
                ident=f"value-{name}", title=title,
                description="; ".join(f"{g}: {value[0]} {value[1]}" for g, value, _ in rows),
             ))),
        ],
        "head": ("Learnt from", title, "Gain"),
        "rows": rows,
        "method": next(iter(gains.values())).method,
    }  # fmt: skip


def _place(result: Result) -> str:
    group = result.group or ""
    return "alone" if group == "synthetic alone" else group.partition(" ")[0]


def _dot(at: int, result: Result) -> Dot:
    return Dot(at, result.value or 0.0, result.ci_low, result.ci_high)


def _interval(result: Result, scale: Scale) -> str:
    low, high = (scale.text(end, unit=False) for end in (result.ci_low, result.ci_high))
    return f"[{low}, {high}]"


def _facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    keys = ("real_records", "synthetic_records", "holdout_records", "learnt_records",
            "tested_records", "mixed_records")  # fmt: skip
    return [
        ("target", str(facts["target"])), *counted(facts, keys),
        ("repeats", str(facts["repeats"])), *made_by(facts),
    ]  # fmt: skip


__all__ = ["FIGURES", "MIX", "mix_view", "sentences"]
