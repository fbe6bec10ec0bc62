"""What the pages on training data write alike: changes, and how a report was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tabsynth.report.model import Result


def change(result: Result) -> str:
    """A difference with its sign, and its interval."""
    values = [result.value, result.ci_low, result.ci_high]
    value, low, high = (f"{v or 0.0:+.4f}".replace("-", "−") for v in values)
    return f"{value} [{low}, {high}]"


def percent(share: float | None) -> str:
    """A share with one decimal."""
    return f"{100 * (share or 0.0):.1f} %"


def counted(facts: Mapping[str, Any], keys: Sequence[str]) -> list[tuple[str, str]]:
    """Numbers of records under their names, those that are there."""
    return [(k.replace("_", " "), f"{facts[k]:,}") for k in keys if facts[k] is not None]


def made_by(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Seed and versions."""
    return [
        ("seed", str(facts["seed"])),
        ("tabsynth", str(facts["tabsynth"])),
        ("libraries", ", ".join(f"{k} {v}" for k, v in facts["libraries"].items())),
    ]
