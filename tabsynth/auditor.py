"""Bias of a real table, before anything is trained on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tabsynth.bias.groups import ENOUGH, Grouping, groupings
from tabsynth.bias.missingness import missingness_figures
from tabsynth.bias.outcome import Outcome, favourable_outcome
from tabsynth.bias.outcomes import count_outcomes, gap_figures, mean_figures, rate_figures
from tabsynth.bias.parity import parity_figures
from tabsynth.bias.persons import groups_of_few
from tabsynth.bias.proxies import ALL_TOGETHER, proxy_figures
from tabsynth.bias.representation import Population, read_population, share_figures
from tabsynth.errors import DataError, UsageError, require_list, unknown
from tabsynth.machine import versions
from tabsynth.report.model import Report, Result
from tabsynth.report.suppression import OF_FEW
from tabsynth.table import Table, arrow_from_pandas

if TYPE_CHECKING:
    from typing import TypeAlias

    import pandas as pd

    TableLike: TypeAlias = Table | pd.DataFrame

NO_GATE = (
    "An audit describes a table; it has no gate and gives no verdict on it. What is worth a look "
    "is listed, and a person decides."
)
LABELS = (
    "Whether the recorded outcomes are themselves fair (label bias) cannot be found out from the "
    "table alone: equal rates may hide unjust decisions, and unequal ones may have just reasons."
)
NO_POPULATION = (
    "No reference population was given, so the shares of groups stand alone: who is missing from "
    "the table cannot be seen."
)
NO_STRATA = (
    "No strata were named, so outcomes of groups are compared overall only, not among records that "
    "are alike in what may rightly matter."
)


def audit(
    table: TableLike,
    *,
    protected: Sequence[str],
    target: str,
    reference: TableLike | pa.Table | None = None,
    strata: Sequence[str] = (),
    favourable: str | None = None,
    seed: int = 0,
    say: Callable[[str], object] = lambda _: None,
) -> Report:
    """Describe who is in a real table, and how outcomes differ between groups.

    Args:
        table: the records, a DataFrame being read as its columns suggest.
        protected: columns that name the groups; numbers are cut into at most 4 bands.
        target: the outcome.
        reference: a population to compare shares with: protected columns and, optionally, a
            `share` or a `count` column; without either, its records are counted.
        strata: columns in which outcomes may rightly differ.
        favourable: the favourable class of the target, or its least favourable number.
        seed: of every random draw.
        say: called with a line before each step.

    Returns:
        A report of family `bias` without a verdict: it always says `inconclusive`, and why.

    Raises:
        UsageError: columns that are not there or not modelled, or an unknown favourable value.
        DataError: a table without records, or a reference population that cannot be used.

    Privacy: the report holds statistics of private data and is not differentially private.
    """
    if not isinstance(table, Table):
        table = Table.from_pandas(table)
    check_columns(table, protected, target, strata)
    beside = None
    if reference is not None:
        if isinstance(reference, Table):
            reference = reference.data
        elif not isinstance(reference, pa.Table):
            reference = arrow_from_pandas(reference)
        beside = _population(reference, table, protected)
    known = [beside.table] if beside is not None else []
    groups = groupings(table, protected, beside=known)
    say("measuring representation")
    results = share_figures(table, groups, beside, rng=_rng(seed, "shares"), seed=seed)
    outcome = favourable_outcome([table], target, favourable)
    if outcome is not None:
        say("measuring outcomes")
        results += _outcomes(table, groups, outcome, strata=tuple(strata), seed=seed)
    say("measuring missing values")
    results += missingness_figures(table, groups, rng=_rng(seed, "missing"), seed=seed)
    say("measuring proxies")
    results += proxy_figures(table, groups, target, rng=_rng(seed, "proxies"), seed=seed)
    reasons = [NO_GATE, *_notes(outcome, target), *_findings(results)]
    reasons += [NO_POPULATION] if beside is None else _unknown(beside, groups)
    reasons += [] if strata else [NO_STRATA]
    return Report(
        verdict="inconclusive",
        reasons=(*reasons, LABELS),
        results=tuple(results),
        provenance={
            **_provenance(table, protected, target, strata=strata, outcome=outcome, seed=seed),
            **({OF_FEW: few} if (few := groups_of_few([table], groups, outcome)) else {}),
        },
    )


def check_columns(
    table: Table, protected: Sequence[str], target: str, strata: Sequence[str]
) -> None:
    """Refuse what cannot be audited, before any work.

    Raises:
        UsageError: no protected column, the target among them, or a column that is not modelled.
        DataError: a table without records.
    """
    known = table.schema.modelled_names
    require_list("--protected", protected)
    require_list("--strata", strata)
    for option, names in (("--protected", protected), ("--target", [target]), ("--strata", strata)):
        for name in names:
            if name not in known:
                remedy = "name a column that is neither an identifier nor free text"
                raise unknown(option, name, known, remedy=remedy)
    if not protected:
        raise UsageError("--protected", expected="at least one column", got="none",
                         remedy="name the columns whose groups to compare")  # fmt: skip
    for option, names in (("--protected", protected), ("--strata", strata)):
        if target in names:
            raise UsageError(option, expected="other columns than the target", got=f"{target!r}",
                             remedy="name other columns")  # fmt: skip
    if table.num_rows == 0:
        raise DataError("data", expected="records", got="none", remedy="give at least one")


def _population(raw: pa.Table, table: Table, protected: Sequence[str]) -> Population:
    found = read_population(raw, table, list(protected))
    if found is None:
        raise DataError(
            "reference", expected=f"records with {', '.join(protected)}, some of them above 0",
            got="none of these columns, or no weight",
            remedy="give the protected columns under their names in the table, and shares or "
            "counts above 0",
        )  # fmt: skip
    return found


def _outcomes(
    table: Table,
    groups: list[Grouping],
    outcome: Outcome,
    *,
    strata: tuple[str, ...],
    seed: int,
) -> list[Result]:
    rng = _rng(seed, "outcomes")
    counted = count_outcomes(table, groups, outcome, rng=rng)
    results = rate_figures(counted, outcome, seed=seed)
    results += gap_figures(counted, outcome, rng=rng, seed=seed)
    results += mean_figures(table, groups, outcome, seed=seed)
    if strata:
        results += parity_figures(table, groups, outcome, by=strata, seed=seed)
    return results


def _notes(outcome: Outcome | None, target: str) -> list[str]:
    if outcome is None:
        return [f"Column {target} has fewer than two values, so outcomes cannot be compared."]
    if outcome.stated:
        return [f"Favourable: {outcome.words}."]
    return [
        f"No favourable outcome was named; {outcome.words} is taken for it (--favourable changes "
        "that)."
    ]


def _findings(results: list[Result]) -> list[str]:
    """What is worth a look, a sentence a kind."""
    sentences = {
        "group_share": "Groups whose share is far from the population's: {0}.",
        "impact_ratio": "Groups whose favourable rate is surely below four fifths of that of the "
        "most favoured group: {0}.",
        "rate_gap": "Gaps in the favourable rate beyond chance and above 5 points: {0}.",
        "conditional_odds": "Groups whose odds differ within strata: {0}.",
        "missing_gap": "Values missing more often in some groups: {0}.",
        "proxy_auc": "Protected columns that others give away: {0}.",
    }
    found = []
    for name, sentence in sentences.items():
        flagged = [r for r in results if r.name == name and r.status == "attention"]
        places = list(dict.fromkeys(_place(r) for r in flagged))
        if places:
            more = f" and {len(places) - 6} more" if len(places) > 6 else ""
            found.append(sentence.format("; ".join(places[:6]) + more))
    few = {_place(r) for r in results if r.status == "uninformative" and r.group is not None}
    if few:
        found.append(
            f"{len(few)} {'group is' if len(few) == 1 else 'groups are'} too small "
            f"(fewer than {ENOUGH} records) for a figure to say something."
        )
    return found


def _place(result: Result) -> str:
    if result.group is None or result.group == ALL_TOGETHER:
        return str(result.column)
    return f"{result.column} {result.group}"


def _unknown(population: Population, groups: list[Grouping]) -> list[str]:
    unknown = [g.name for g in groups if not population.knows(g)]
    if not unknown:
        return []
    return [f"The reference population does not know {', '.join(unknown)}."]


def _rng(seed: int, name: str) -> np.random.Generator:
    """A generator of its own for each part, so that parts do not disturb each other."""
    return np.random.default_rng([seed, *name.encode()])


def _provenance(
    table: Table,
    protected: Sequence[str],
    target: str,
    *,
    strata: Sequence[str],
    outcome: Outcome | None,
    seed: int,
) -> dict[str, Any]:
    return {
        **versions(),
        "kind": "audit",
        "audited_records": table.num_rows,
        "protected": list(protected),
        "target": target,
        "favourable": None if outcome is None else outcome.words,
        "strata": list(strata),
        "evaluation_seed": seed,
    }
