"""The shareable form of a report: bounded aggregates, and nothing that was not chosen to be there.

What is private in a report, and what becomes of it:

- *Small groups.* A figure of fewer than 10 records is left out. So is everything about a group of
  people of whom the table or the holdout has fewer than 10, or in which fewer than 10 have, or
  lack, the outcome (its rate would say of nearly everybody in it what they are). Where one group of
  a column is left out, the next smallest goes with it, or its share could be told by subtraction,
  and all that is said of that column crossed with others.
  How many figures were left out is said.
- *Exact counts.* Numbers of records keep two significant digits, one below 100; figures are rounded
  to three digits, and those below 1 to a step of at least 1 / n, intervals outwards, so that no
  count can be computed back from shares.
- *Values.* The names of columns stay. What was seen in a column (a category in the name of a group,
  a quartile in that of a band) stays only when the schema declares it; other groups are numbered.
- *Texts.* How a figure was taken is told by our own fixed words, except for our own attacks, whose
  text names no values; there, numbers of records are rounded.
- *Single persons.* There is no score of a record: figures on chosen targets stay only as averages
  over kinds of targets.
- *Seeds, commands, paths and hashes* are left out: whoever knows the seed of a split or of a fit
  can replay it on guessed records.
- *Provenance* is an allow-list (`facts.PUBLIC_FACTS`); what nobody has thought about stays inside.

The result is not differentially private. Many rounded figures together still say much about a small
table; somebody has to decide whether to publish them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tabsynth.report.charts import finite
from tabsynth.report.facts import PUBLIC_FACTS, rounded_count
from tabsynth.report.model import Report, Result
from tabsynth.report.power import POWER
from tabsynth.report.suppression import (
    SMALLEST,
    Group,
    finest,
    group_of,
    records_behind,
    small_groups,
    split_learner,
)
from tabsynth.report.threats import THREATS
from tabsynth.report.words import WORDS
from tabsynth.schema.model import FieldSchema, TableSchema

# attacks and diagnostics of ours: their groups and methods are words of the code, never values
OURS: Final = frozenset(
    {POWER, "dcr_share", "nearest_ratio", *(name for t in THREATS for name in t.results)}
)
# of the repeated fits, only what speaks of many people at once
_OF_MANY: Final = ("deep_p", "deep_auc")
# figures of bias whose group is a column or a measure, not some of the people
_OF_COLUMNS: Final = ("missing_gap", "missing_gap_change", "proxy_auc", "proxy_change")
_MEASURES: Final = (
    "selection rate", "true positive rate", "false positive rate", "precision", "AUC",
    "calibration",
)  # fmt: skip
AUDIT: Final = (
    "An audit describes a table; it has no gate and gives no verdict on it. Which groups are worth "
    "a look is told below where their names are public."
)
WITHHELD: Final = "see the internal report"
_SPECIAL: Final = ("(missing)", "(all others)")
_TRUTH: Final = ("true", "false")
_COUNT = re.compile(r"(?<![\w.,'\"-])(?:\d{1,3}(?:,\d{3})+|\d{3,})(?![\w'\"]|[.,]\d)")
_RULE = re.compile(r"[a-zA-Z_]{1,12}")


def public_report(report: Report, *, schema: TableSchema | None = None) -> Report:
    """The report with what may not leave the house taken out; see the module for what that is.

    Args:
        report: an internal report; a public one comes back as it is.
        schema: of the table; categories that it declares may stand in names of groups.

    Returns:
        A report of audience `public` whose provenance says how many results and facts were left
        out. The verdict is that of the exact figures.

    Privacy: reads statistics of private data; what it returns is coarser, not differentially
        private.
    """
    if report.audience == "public":
        return report
    columns = _column_names(report, schema)
    groups = _Groups(columns, schema)
    gone, step = small_groups(report), finest(report)
    known = {group_of(r) for r in report.results if r.name == "group_share"}
    kept = [r for r in report.results if not _hidden(r, gone)]
    facts = {
        key: shown
        for key, value in report.provenance.items()
        if key in PUBLIC_FACTS and (shown := PUBLIC_FACTS[key](value)) is not None
    }
    facts["results_left_out"] = len(report.results) - len(kept)
    facts["facts_left_out"] = len(report.provenance.keys() - facts.keys())
    return Report(
        audience="public",
        verdict=report.verdict,
        reasons=_reasons(report, kept),
        results=tuple(_public(_without_unknown(r, known), groups, step(r)) for r in kept),
        provenance=facts,
    )


def _reasons(report: Report, kept: list[Result]) -> tuple[str, ...]:
    """The gate's reasons name columns and attacks; those of an audit name groups of people."""
    if not report.is_audit:
        return tuple(_coarse_counts(reason) for reason in report.reasons)
    flagged = [r.name for r in kept if r.status == "attention" and r.name in WORDS]
    return (
        AUDIT,
        *(f"{WORDS[n].title}: {flagged.count(n)} worth a look." for n in dict.fromkeys(flagged)),
    )


def _public(result: Result, groups: _Groups, step: float) -> Result:
    trials = result.name == POWER
    ours = result.name in OURS and result.family == "privacy"
    known = WORDS[result.name].meaning if result.name in WORDS else WITHHELD
    low, high = finite(result.ci_low), finite(result.ci_high)
    value = _rounded(result.value, step, round)
    if value is not None and result.unit == "records":
        value = float(rounded_count(round(value)))
    return result.model_copy(
        update={
            "value": value,
            "ci_low": _rounded(low, step, math.floor),
            "ci_high": _rounded(high, step, math.ceil),
            "reference": _rounded(result.reference, step, round),
            "baseline": _rounded(result.baseline, step, round),
            "score": None if result.score is None else float(round(result.score)),
            "group": groups.public(result, ours=ours),
            "n": result.n if trials else rounded_count(result.n),
            "method": _coarse_counts(result.method) if ours else known or WITHHELD,
            "seed": None,
        }
    )


@dataclass
class _Groups:
    """Names of groups: kept where they are declared, numbered where they are not."""

    columns: frozenset[str]
    schema: TableSchema | None
    numbers: dict[tuple[str, str | None, str], str] = field(default_factory=dict)

    def public(self, result: Result, *, ours: bool) -> str | None:
        """The group's name, or the number that stands for it in all figures of its column."""
        if result.group is None or ours:
            return result.group
        column, group = group_of(result)
        ending = split_learner(result)[1]
        assert group is not None
        if self._is_declared(result, group):
            return result.group
        place = ("bias" if result.family == "bias" else result.name, column, group)
        if place not in self.numbers:
            taken = sum(1 for p in self.numbers if p[:2] == place[:2])
            self.numbers[place] = f"group {taken + 1}"
        return self.numbers[place] + ending

    def _is_declared(self, result: Result, group: str) -> bool:
        if result.name in ("violations", "constraint_violations"):
            return _RULE.fullmatch(group) is not None
        if result.name in _OF_COLUMNS:
            name = group.removeprefix("missing " if "missing" in result.name else "by ")
            return name in self.columns or group == "all other columns together"
        if result.name.startswith("downstream_") and group in _MEASURES:
            return True
        if self.schema is None or result.column is None or result.family != "bias":
            return False
        names = result.column.split(" × ")
        if not set(names) <= set(self.schema.names):
            return False
        values = (_declared(self.schema.field(name)) for name in names)
        pattern = ", ".join(f"(?:{'|'.join(map(re.escape, v))})" for v in values)
        return group == _SPECIAL[1] or re.fullmatch(pattern, group) is not None


def _declared(column: FieldSchema) -> tuple[str, ...]:
    """Values of a column that its schema states, rather than having read them from records."""
    if column.type == "boolean":
        return (*_TRUTH, *_SPECIAL)
    stated = column.domain if column.declares("categories") else None
    return (*(str(value) for value in stated or ()), *_SPECIAL)


def _column_names(report: Report, schema: TableSchema | None) -> frozenset[str]:
    named = report.provenance.get("columns")
    lists = list(named.values()) if isinstance(named, Mapping) else []
    lists += [report.provenance.get(key) for key in ("protected", "strata")]
    found = {str(name) for names in lists if isinstance(names, (list, tuple)) for name in names}
    return frozenset(found | set(schema.names if schema else ()))


def _hidden(result: Result, gone: set[Group]) -> bool:
    if result.name == POWER:
        return False
    about_one = result.name.startswith("deep_") and (
        result.name not in _OF_MANY or re.search(r"\d", result.group or "") is not None
    )
    in_gone = result.family == "bias" and group_of(result) in gone
    return about_one or records_behind(result) < SMALLEST or in_gone


def _without_unknown(result: Result, known: set[Group]) -> Result:
    """The result without its reference where nobody knows how few real people that is about."""
    of_group = result.family == "bias" and result.group is not None
    counted = result.name.startswith("downstream_") or result.name in _OF_COLUMNS
    if not of_group or counted or group_of(result) in known:
        return result
    return result.model_copy(update={"reference": None})


def _rounded(figure: float | None, finest: float, how: Callable[[float], float]) -> float | None:
    """To three digits, and below 1 to the finest step; `how` says in which direction."""
    known = finite(figure)
    if known is None:
        return None
    step = finest if abs(known) < 1 else 10.0 ** (math.floor(math.log10(abs(known))) - 2)
    # steps of a thousandth are not exact in binary: 0.029 / 0.001 is 28.999...
    steps = round(known / step, 6)
    return float(f"{how(steps) * step:.12g}")


def _coarse_counts(text: str) -> str:
    """The text with whole numbers from 100 on, counts of records, cut to two digits."""
    return _COUNT.sub(lambda m: f"{rounded_count(int(m[0].replace(',', ''))):,}", text)
