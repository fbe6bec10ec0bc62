"""Results brought into the order and the words in which the report shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tabsynth.report.charts import Scale, finite
from tabsynth.report.model import Family, Result, Status
from tabsynth.report.words import WORDS, Words

STATUS_WORDS: dict[Status, str] = {
    "ok": "ok",
    "attention": "worth a look",
    "fail": "fails",
    "uninformative": "scale within noise",
    "diagnostic": "diagnostic",
}
NO_FIGURE = "no figure"
_SYMBOLS: dict[Status, str] = {
    "ok": "●", "attention": "◆", "fail": "■", "uninformative": "○", "diagnostic": "□",
}  # fmt: skip
_URGENCY: dict[Status, int] = {"fail": 0, "attention": 1, "ok": 2}


@dataclass(frozen=True)
class Row:
    """One result as texts, ready for a table."""

    label: str
    value: str
    interval: str
    reference: str
    baseline: str
    tolerance: str
    score: str
    unit: str
    status: Status
    status_words: str
    n: str
    detail: str = ""

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
        if self.of_tables:
            return "tables and columns"
        if any(r.group is not None for r in self.parts):
            return "variants" if self.family == "privacy" else "groups"
        return "pairs" if all(" × " in (r.column or "") for r in self.parts) else "columns"

    @property
    def percent(self) -> bool:
        """True when the figures are shares, shown as percentages."""
        return self.leading.unit == "share"

    @property
    def of_tables(self) -> bool:
        """True for figures of the tables of a database, each by itself."""
        return self.leading.table is not None

    @property
    def is_diagnostic(self) -> bool:
        """True when none of its figures can pass or fail."""
        return all(r.status == "diagnostic" for r in self.overall + self.parts)

    @property
    def leading(self) -> Result:
        """The overall result of a measure, or its worst part where it has no overall one."""
        return (self.overall or self.parts)[0]


def grouped(results: Iterable[Result]) -> list[Group]:
    """Results by measure, in the order of `WORDS`, then of appearance; parts worst first."""
    found: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        by_itself = "" if result.table is None else "table"
        key = result.family, result.name, result.unit, result.better, by_itself
        found.setdefault(key, []).append(result)
    known = {name: i for i, name in enumerate(WORDS)}
    order = sorted(found, key=lambda measure: known.get(measure[1], len(known)))
    groups = []
    for i, measure in enumerate(order):
        parts = [r for r in found[measure] if about(r)]
        overall = [r for r in found[measure] if not about(r)]
        ranked = tuple(sorted(parts, key=_badness))
        family = found[measure][0].family
        groups.append(Group(f"m{i}", measure[1], family, tuple(overall), ranked))
    return groups


def diagnostics_last(groups: Iterable[Group]) -> list[Group]:
    """Measures that the gate may look at before those that can neither pass nor fail."""
    return sorted(groups, key=lambda group: group.is_diagnostic)


def worst_first(groups: Iterable[Group]) -> list[Group]:
    """Measures that fail, then those worth a look, then by score; those without one come last."""

    def urgency(group: Group) -> tuple[int, float]:
        score = finite(group.leading.score)
        return _URGENCY.get(group.leading.status, 2), 101.0 if score is None else score

    return sorted(groups, key=urgency)


def label(result: Result) -> str:
    """What a result is about."""
    return about(result) or "overall"


def about(result: Result) -> str:
    """Table, column and group of a result, as far as it has them; empty for an overall one."""
    inside = ", ".join(p for p in (result.column, result.group) if p is not None)
    return ": ".join(p for p in (result.table, inside) if p)


def status_words(result: Result) -> str:
    """The status of a result, for people."""
    missing = result.value is None and result.status == "uninformative"
    return NO_FIGURE if missing else STATUS_WORDS[result.status]


def row(result: Result, scale: Scale, *, label: str, detail: str = "") -> Row:
    """A result as texts on a scale that its neighbours share."""
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
        tolerance=_tolerance(result, scale),
        score="n/a" if finite(result.score) is None else f"{result.score:.0f}",
        unit="" if result.unit == "share" else result.unit,
        status=result.status,
        status_words=status_words(result),
        n=f"{result.n:,}",
        detail=detail,
    )


def _tolerance(result: Result, scale: Scale) -> str:
    """As somebody set it, without digits that nobody chose."""
    known = finite(result.tolerance)
    if known is None:
        return "n/a"
    return f"{100 * known:.6g} %" if scale.percent else f"{known:.6g}"


def scale(results: Sequence[Result], *, percent: bool) -> Scale:
    """The scale on which all these results are written."""
    return Scale.of([f for r in results for f in (r.value, r.ci_low, r.ci_high)], percent=percent)


def headline(groups: Iterable[Group]) -> list[Row]:
    """One row a measure: its overall figure, or its worst part."""
    rows = []
    for group in groups:
        for result in group.overall or group.parts[:1]:
            own = scale([result], percent=group.percent)
            which = f"worst of {len(group.parts):,}: " if len(group.parts) > 1 else ""
            detail = "" if group.overall else f"{which}{label(result)}"
            rows.append(row(result, own, label=group.words.title, detail=detail))
    return rows


def _badness(result: Result) -> tuple[int, bool, float, str]:
    """Sorts what breaks the gate first, then what lies furthest from real against real.

    What can neither pass nor fail, or says nothing, does not stand for a measure that decides.
    """
    value, reference = finite(result.value), finite(result.reference)
    gap = (value or 0.0) - (reference or 0.0)
    return (
        _URGENCY.get(result.status, 3),
        value is None,
        gap if result.better == "higher" else -gap,
        label(result),
    )
