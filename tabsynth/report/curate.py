"""What the page on a curated table shows: which records went and why, and what that changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tabsynth.report.model import CURATE, Family, Report, Result
from tabsynth.report.training import counted, made_by, percent

NO_GATE: Final = (
    "A filter has no gate: this says which synthetic records went and what that changed. Judge "
    "what is left with `tabsynth evaluate`."
)
NOT_PRIVATE: Final = (
    "Real records decided which synthetic ones stay, without a budget: of what is left, no claim "
    "of differential privacy holds."
)
SHRUNK: Final = (
    "Of these, more went than of the whole, since they broke rules, repeated or copied: {}. The "
    "column _weight of table.parquet gives them the shares that they had: train with it."
)
EMPTIED: Final = (
    "Nothing stays of these, and no weight can make up for that: {}. Draw more of them."
)
DROPPED: Final = (
    "The certificate beside the synthetic records is not carried over: it does not hold of these."
)
FAMILIES: Final[dict[Family, tuple[str, str]]] = {
    "fidelity": ("Fidelity and diversity", "Are the records like real ones, and of as many kinds?"),
    "bias": ("Groups", "Have protected groups the shares that they have among real records?"),
    "privacy": ("Privacy", "Do the records tell who was learnt from?"),
}
BEFORE: Final = "_before"
# rows of a section; all stand in report.json
SHOWN: Final = 40
# groups that one sentence names
NAMED: Final = 6


def sentences(facts: Mapping[str, Any], results: Sequence[Result]) -> list[str]:
    """The reasons of the report: what went, what it changed, and what to mind."""
    gone = facts["synthetic_records"] - facts["kept_records"]
    why = "; ".join(f"{reason}: {n:,}" for reason, n in facts["removed"].items())
    number = f"{gone:,}" if gone else "None"
    said = [
        f"{number} of {facts['synthetic_records']:,} synthetic records went"
        f"{f' ({why})' if why else ''}."
    ]
    before, after = (_area(results, name) for name in ("c2st_auc_before", "c2st_auc"))
    if before is not None and after is not None:
        said.append(
            "Told from real records that nothing was learnt from with an AUC of "
            f"{before:.3f} before and {after:.3f} after; 0.5 is not at all."
        )
    if facts["shrunk"]:
        said.append(SHRUNK.format(_named(facts["shrunk"])))
    if facts["emptied"]:
        said.append(EMPTIED.format(_named(facts["emptied"])))
    said.append(NOT_PRIVATE)
    if facts["certificate_dropped"]:
        said.append(DROPPED)
    return [NO_GATE, *said]


def _named(groups: Sequence[str]) -> str:
    more = f" and {len(groups) - NAMED} more" if len(groups) > NAMED else ""
    return ", ".join(groups[:NAMED]) + more


def curate_view(report: Report, *, fragment: bool = False) -> dict[str, Any]:
    """What the template needs.

    Args:
        report: on a curated table.
        fragment: for a notebook, without the page around it.
    """
    facts = report.provenance
    sections = [_section(report.results, family) for family in FAMILIES]
    return {
        "fragment": fragment,
        "audience": report.audience,
        "reasons": report.reasons,
        "title": "A synthetic table without the records that harm",
        "figures": [_gone(facts), *(s for s in sections if s["rows"])],
        "command": facts.get("command"),
        "facts": _facts(facts),
    }


def _gone(facts: Mapping[str, Any]) -> dict[str, Any]:
    total = facts["synthetic_records"]
    rows = [(reason, (f"{n:,}", percent(n / total))) for reason, n in facts["removed"].items()]
    rows.append(("stays", (f"{facts['kept_records']:,}", percent(facts["kept_records"] / total))))
    return {
        "name": "gone",
        "title": "Which records went",
        "question": "Why did a record go?",
        "meaning": "Each has the first reason that holds of it; audit.csv has them one by one. At "
        f"most {facts['cap'] * 100:.0f} % go because they look synthetic, and of no "
        "protected group or rare category if that makes it smaller.",
        "charts": (),
        "head": ("Reason", "Records"),
        "rows": rows,
        "method": _discriminator(facts["discriminator_auc"]),
    }


def _discriminator(area: float | None) -> str:
    if area is None:
        return "Too few records were left for a discriminator"
    return f"The discriminator told synthetic from training records with an AUC of {area:.3f}"


def _section(results: Sequence[Result], family: Family) -> dict[str, Any]:
    title, question = FAMILIES[family]
    before = {_key(r): r for r in results if r.name.endswith(BEFORE)}
    own = [r for r in results if r.family == family and not r.name.endswith(BEFORE)]
    rows = [
        (_label(r), _text(before.get(_key(r))), _text(r), (_number(r.reference), r.unit))
        for r in own if r.value is not None
    ]  # fmt: skip
    return {
        "name": family,
        "title": title,
        "question": question,
        "meaning": "Each figure of the table as it was and of the records that stay, beside the "
        "same figure of real records.",
        "charts": (),
        "head": ("Figure", "Before", "After", "Real records"),
        "rows": rows[:SHOWN],
        "method": "All figures stand in report.json"
        + (f"; {len(rows) - SHOWN} more than here" if len(rows) > SHOWN else ""),
    }


def _key(result: Result) -> tuple[str, str | None, str | None]:
    return result.name.removesuffix(BEFORE), result.column, result.group


def _label(result: Result) -> str:
    parts = [result.name.replace("_", " "), result.column, result.group]
    return ", ".join(part for part in parts if part)


def _text(result: Result | None) -> tuple[str, str]:
    if result is None or result.value is None:
        return "", ""
    if result.ci_low is None or result.ci_high is None:
        return _number(result.value), ""
    return _number(result.value), f"[{_number(result.ci_low)}, {_number(result.ci_high)}]"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".replace("-", "−")


def _area(results: Sequence[Result], name: str) -> float | None:
    return next((r.value for r in results if r.name == name), None)


def _facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    keys = ("train_records", "holdout_records", "synthetic_records", "kept_records")
    return [*counted(facts, keys), *made_by(facts)]


__all__ = ["CURATE", "curate_view", "sentences"]
