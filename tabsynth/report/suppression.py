"""Which groups of people are too small to be spoken of in public, and what would speak of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from tabsynth.report.model import Report, Result
from tabsynth.report.power import POWER

SMALLEST: Final = 10
STEPS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
# between the names of columns that are crossed
CROSSED: Final = " × "
# under that name the provenance lists groups of few persons, where persons have several records
OF_FEW: Final = "groups_of_few_persons"
# endings of the names of groups where models were trained, by the learner
LEARNERS: Final = ("boosted trees", "logistic regression")

# a column and a group of it
Group = tuple[str | None, str | None]


def group_of(result: Result) -> Group:
    """The group of records that a figure is about, whichever model it was taken with."""
    return result.column, split_learner(result)[0]


def split_learner(result: Result) -> tuple[str | None, str]:
    """The name of a group, and the learner that stands behind it with its comma."""
    group = result.group
    if group is not None and result.name.startswith("downstream_"):
        for learner in LEARNERS:
            if group.endswith(ending := f", {learner}"):
                return group.removesuffix(ending), ending
    return group, ""


def records_behind(result: Result) -> float:
    """How many records a figure speaks of: of the top 1 % of them, one in a hundred."""
    top = re.match(r"top ([\d.]+) ?%", result.group or "")
    return result.n * float(top[1]) / 100 if top else result.n


def small_groups(report: Report) -> set[Group]:
    """Groups about which a public report may say nothing.

    Args:
        report: an internal one, with exact counts.

    Returns:
        Groups of fewer than 10 records, or persons where these have several, in the table judged or
        in the holdout beside it; groups in which fewer than 10 have, or fewer than 10 lack, the
        outcome; and, where that leaves one group of a column alone, or several that are fewer than
        10 together, the next smallest, since their share could be told by subtraction. For the same
        reason nothing is said of columns that are crossed where a group of one of them, or of their
        crossing, is among these: cells of a crossing add up to its columns' groups.
    """
    figures = [r for r in report.results if r.family == "bias" and r.group is not None]
    held_out = _held_out(figures, report)
    gone: set[Group] = set()
    for result in figures:
        group = group_of(result)
        if result.n < SMALLEST or held_out.get(group, SMALLEST) < SMALLEST:
            gone.add(group)
        if result.name == "base_rate":
            counts = (result.value, result.n), (result.reference, held_out.get(group, 0))
            if any(_is_lopsided(rate, n) for rate, n in counts):
                gone.add(group)
    few: set[Group] = {(column, group) for column, group in report.provenance.get(OF_FEW, ())}
    gone |= few
    # of few persons: however many records they have, together they may be few
    gone |= _lonely(figures, gone, {**held_out, **dict.fromkeys(few, 0.0)})
    hidden = [set(column.split(CROSSED)) for column, _ in gone if column is not None]
    for result in figures:
        crossed = set((result.column or "").split(CROSSED))
        if len(crossed) > 1 and any(columns <= crossed for columns in hidden):
            gone.add(group_of(result))
    return gone


def finest(report: Report) -> Callable[[Result], float]:
    """The least step in which a figure below 1 may be told in public.

    Returns:
        For a result the first of 0.001, 0.002, 0.005, 0.01, ... that is at least 1 / n, with the
        fewest records n, real or synthetic, that its figures are shares of. In steps as wide, every
        other number of records gives the same share. P-values are shares of trials, and told
        to 0.001.
    """
    totals: list[float] = [
        count
        for name in ("train_records", "holdout_records", "synthetic_records", "audited_records")
        if isinstance(count := report.provenance.get(name), int)
    ]
    held_out = _held_out([r for r in report.results if r.family == "bias"], report)

    def step(result: Result) -> float:
        if result.unit == "p-value" or result.name == POWER:
            return STEPS[0]
        counts = totals or [result.n]
        if result.family == "bias" and result.name != "group_share":
            counts = [*counts, result.n, held_out.get(group_of(result), result.n)]
        return next((s for s in STEPS if s * min(counts) >= 1), 1.0)

    return step


def _held_out(figures: Iterable[Result], report: Report) -> dict[Group, float]:
    """Records of each group in the holdout, from its share there."""
    total = report.provenance.get("holdout_records")
    if not isinstance(total, int):
        return {}
    return {
        group_of(r): round(r.reference * total, 6)
        for r in figures
        if r.name == "group_share" and r.reference is not None
    }


def _is_lopsided(rate: float | None, n: float) -> bool:
    """Whether nearly everybody in a group, or nearly nobody, has the outcome."""
    if rate is None or n == 0:
        return False
    return round(min(rate, 1 - rate) * n, 6) < SMALLEST


def _lonely(figures: Iterable[Result], gone: set[Group], real: dict[Group, float]) -> set[Group]:
    sizes: dict[str | None, list[tuple[float, str, Group]]] = {}
    for result in figures:
        if result.name == "group_share":
            group = group_of(result)
            row = min(result.n, real.get(group, result.n)), str(result.group), group
            sizes.setdefault(result.column, []).append(row)
    found: set[Group] = set()
    for rows in sizes.values():
        others = sorted(row for row in rows if row[2] not in gone)
        hidden = [row for row in rows if row[2] in gone]
        # what hides alone, or is together a small group, could be told by subtraction
        while hidden and others and (len(hidden) == 1 or sum(n for n, *_ in hidden) < SMALLEST):
            hidden.append(others.pop(0))
            found.add(hidden[-1][2])
    return found
