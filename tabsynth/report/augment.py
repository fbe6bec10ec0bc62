"""What the page on more records of rare classes shows: whether they helped, and what else did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tabsynth.report.charts import Scale
from tabsynth.report.model import Report, Result
from tabsynth.report.training import change, counted, made_by, percent

NO_GATE: Final = (
    "More records of rare classes have no gate: this says whether a model that learns from them "
    "too finds these classes better among real records that nothing was learnt from."
)
NOTHING: Final = "nothing"
SYNTHETIC: Final = "synthetic records"
FIGURES: Final = {
    "pr_auc": ("PR-AUC of the rare classes", "average precision, the mean over them; guessing gets "
               "a class's share of the records."),
    "recall": ("Rare records found", "the largest share of them that is found while half of those "
               "named are right; the mean over the classes."),
}  # fmt: skip
SHOWN: Final = 12


def sentences(facts: Mapping[str, Any], results: Sequence[Result]) -> list[str]:
    """The reasons of the report: whether it helped, what did as well, and what to mind."""
    named = _named(facts)
    gain = _find(results, "pr_auc_gain", SYNTHETIC)
    if facts["helped"]:
        said = [f"New records of {named} helped: PR-AUC rises by {change(gain)}."]
    else:
        said = [
            f"Nothing was gained by new records of {named}: PR-AUC changes by {change(gain)}, and "
            "the interval does not lie above 0."
        ]
    leads = {r.group: r for r in results if r.name == "pr_auc_lead"}
    behind = [g for g, r in leads.items() if (r.ci_low or 0.0) <= 0]
    if facts["helped"] and behind:
        said.append(
            f"They are not surely better than {' or '.join(str(g) for g in behind)}, which "
            "need no synthetic record."
        )
    others = [r for r in results if r.name == "pr_auc_gain" and r.group != SYNTHETIC]
    if better := [r for r in others if (r.ci_low or 0.0) > 0]:
        listed = "; ".join(f"{r.group} {change(r)}" for r in better)
        said.append(f"Without synthetic records, PR-AUC rises too: {listed}.")
    closer, copies = _find(results, "closer_to_learnt"), _find(results, "copies")
    if (closer.ci_low or 0.0) > 0:
        said.append(
            "The new records are nearer to the real ones that they were made from than chance has "
            f"it ({_share(closer)} of the way to copies): do not hand them out for synthetic."
        )
    said.append(
        f"Of the new records {_share(copies)} are equal to a real one that was learnt from; of "
        f"real ones that were not, {percent(copies.reference)}."
    )
    if facts["left_alone"]:
        listed = ", ".join(facts["left_alone"][:SHOWN])
        more = len(facts["left_alone"]) - SHOWN
        said.append(
            f"Left alone, as fewer than 10 people or records have them: {listed}"
            f"{f' and {more} more' if more > 0 else ''}."
        )
    return [NO_GATE, *said]


def augment_view(report: Report, *, fragment: bool = False) -> dict[str, Any]:
    """What the template needs.

    Args:
        report: on an augmented table.
        fragment: for a notebook, without the page around it.
    """
    facts = report.provenance
    figures = [_figure(report, name) for name in FIGURES]
    if classes := [r for r in report.results if r.name == "class_gain"]:
        figures.append(_classes(classes))
    return {
        "fragment": fragment,
        "audience": report.audience,
        "reasons": report.reasons,
        "title": "More records of rare classes",
        "figures": [*figures, _near(report.results)],
        "command": facts.get("command"),
        "facts": _facts(facts),
    }


def _figure(report: Report, name: str) -> dict[str, Any]:
    values = [r for r in report.results if r.name == name]
    gains = {r.group: r for r in report.results if r.name == f"{name}_gain"}
    leads = {r.group: r for r in report.results if r.name == f"{name}_lead"}
    title, meaning = FIGURES[name]
    return {
        "name": name.replace("_", "-"),
        "title": title,
        "question": f"How well are rare classes of {report.provenance['target']} found among real "
        "records that nothing was learnt from?",
        "meaning": _sentence(meaning),
        "charts": (),
        "head": ("Done about rare classes", title, "Gain over nothing", "Synthetic records' lead"),
        "rows": [
            (r.group, _cell([r])[0], *(_changes(found.get(r.group)) for found in (gains, leads)))
            for r in values
        ],
        "method": _sentence(values[0].method),
    }


def _classes(gains: Sequence[Result]) -> dict[str, Any]:
    ordered = sorted(gains, key=lambda r: r.value or 0.0)
    return {
        "name": "classes",
        "title": "Class by class",
        "question": "Which classes gain by new records, and which lose?",
        "meaning": "Gain in average precision over doing nothing, the worst first. Of many "
        "intervals some miss by chance.",
        "charts": (),
        "head": ("Class", "Gain"),
        "rows": [(r.group, _changes(r)) for r in ordered],
        "method": _sentence(gains[0].method),
    }


def _near(results: Sequence[Result]) -> dict[str, Any]:
    closer, copies = _find(results, "closer_to_learnt"), _find(results, "copies")
    return {
        "name": "closeness",
        "title": "Nearness to real records",
        "question": "Are the new records copies of the people they were made from?",
        "meaning": "How much oftener than chance a new record is nearer to a real one of its kind "
        "that was learnt from than to one that was not (0 is chance, 100 % always), and how many "
        "are equal to one that was learnt from, beside real records that were not.",
        "charts": (),
        "head": ("Figure", "New records", "Real records"),
        "rows": [
            ("nearer than chance", *_cell([closer]), ("0 %", "")),
            ("equal to a real record", *_cell([copies]), (percent(copies.reference), "")),
        ],
        "method": _sentence(closer.method),
    }


def _cell(results: Sequence[Result]) -> list[tuple[str, str]]:
    """Value and interval as texts, of figures of one scale."""
    scale = Scale.of([r.value for r in results], percent=results[0].unit == "share")
    return [
        (scale.text(r.value), f"[{scale.text(r.ci_low, unit=False)}, "
         f"{scale.text(r.ci_high, unit=False)}]")
        for r in results
    ]  # fmt: skip


def _changes(result: Result | None) -> tuple[str, str]:
    if result is None:
        return "", ""
    value, _, interval = change(result).partition(" ")
    return value, interval


def _share(result: Result) -> str:
    low, high = max(result.ci_low or 0.0, 0.0), result.ci_high or 0.0
    return f"{percent(result.value)} [{100 * low:.1f}, {100 * high:.1f}]"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _find(results: Sequence[Result], name: str, group: str | None = None) -> Result:
    return next(r for r in results if r.name == name and r.group == group)


def _named(facts: Mapping[str, Any]) -> str:
    listed = facts["classes"]
    if len(listed) > SHOWN:
        return f"{len(listed)} classes of {facts['target']}"
    return f"{facts['target']} = {', '.join(listed)}"


def _facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("target", str(facts["target"])), ("synthesizer", str(facts["synthesizer"])),
        *counted(facts, ("real_records", "new_records", "tested_records")), *made_by(facts),
    ]  # fmt: skip
