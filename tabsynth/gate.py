"""The policy of the gate, and how it turns figures into a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tabsynth.attacks.self_test import PARTLY
from tabsynth.errors import UsageError
from tabsynth.report.model import Result, Verdict
from tabsynth.report.words import WORDS

LEAKS: Final = (0.001, 0.005, 0.01, 0.05)
P_VALUES: Final = frozenset({"membership_p", "deep_p"})
# where so many real records have their like, hardly any is somebody's own
MOSTLY: Final = 0.5
SHOWN: Final = 5


class Policy(BaseModel):
    """What the gate accepts; the defaults are those of the documentation.

    Args:
        significance: a membership attack fails the table when its p-value is below this.
        tpr: largest accepted share of members found at 1 % false alarms.
        tpr_isolated: the same among the 5 % most isolated records.
        advantage: largest accepted success of any other attack on members beyond controls.
        leak: the share of synthetic records that are near copies of training records, one field
            redrawn, which the membership attack must be able to find for a pass: 0.001, 0.005,
            0.01 or 0.05.
        power: with which probability it must find it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    significance: float = Field(default=0.01, ge=0.01, le=0.05)
    tpr: float = Field(default=0.03, ge=0.01, le=1)
    tpr_isolated: float = Field(default=0.10, ge=0.01, le=1)
    advantage: float = Field(default=0.05, ge=0, le=1)
    leak: float = Field(default=0.01, json_schema_extra={"enum": list(LEAKS)})
    power: float = Field(default=0.9, ge=0.5, le=1)

    @field_validator("leak")
    @classmethod
    def _planted(cls, leak: float) -> float:
        if leak not in LEAKS:
            raise ValueError(f"Input should be one of {', '.join(map(str, LEAKS))}")
        return leak

    @property
    def leak_name(self) -> str:
        """The leak, as the self-test names it."""
        return f"{100 * self.leak:g} % near copies"


def load_policy(path: str | Path) -> Policy:
    """A policy from a YAML or JSON file.

    Raises:
        UsageError: it cannot be read, names an unknown setting, or a value out of range.
    """
    where = f"--policy {path}"
    try:
        body = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        absent = isinstance(error, FileNotFoundError)
        raise UsageError(
            where, expected="a YAML or JSON file",
            got="no such file" if absent else "one that cannot be read",
            remedy="see docs/evaluation.md for an example",
        ) from None  # fmt: skip
    if not isinstance(body, dict):
        raise UsageError(
            where, expected="settings, such as `tpr: 0.02`", got="something else",
            remedy=f"known settings: {', '.join(Policy.model_fields)}",
        )  # fmt: skip
    try:
        return Policy.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        wrong = "an unknown setting" if first["type"] == "extra_forbidden" else "another value"
        wanted = first["msg"].partition("Input should be ")[2] or "a known setting"
        raise UsageError(
            f"{where}: {'.'.join(str(p) for p in first['loc'])}", expected=wanted, got=wrong,
            remedy=f"known settings: {', '.join(Policy.model_fields)}",
        ) from None  # fmt: skip


def held(result: Result, policy: Policy) -> Result:
    """A result of an attack, held to the policy.

    Returns:
        The same with its tolerance, and with status `fail` where the interval lies beyond it, or
        `attention` where it reaches beyond. Diagnostics and absent figures stay as they are; one
        that is not a number, as a plugin's may be, counts as absent.
    """
    if result.status != "ok":
        return result
    ends = (result.value, result.ci_low, result.ci_high)
    if result.value is None or any(end is not None and math.isnan(end) for end in ends):
        update = {"value": None, "ci_low": None, "ci_high": None, "status": "uninformative"}
        return result.model_copy(update={**update, "method": "gave no number"})
    if result.name in P_VALUES:
        limit = policy.significance
        status = "fail" if result.value < limit else "ok"
        return result.model_copy(update={"tolerance": limit, "status": status})
    limit = policy.advantage
    if result.name == "membership_tpr":
        isolated = (result.group or "").endswith("isolated")
        limit = policy.tpr_isolated if isolated else policy.tpr
    low = result.value if result.ci_low is None else result.ci_low
    high = result.value if result.ci_high is None else result.ci_high
    status = "fail" if low > limit else "attention" if high > limit else "ok"
    return result.model_copy(update={"tolerance": limit, "status": status})


def gate(
    figures: Sequence[Result], attacked: Sequence[Result], policy: Policy
) -> tuple[Verdict, list[str]]:
    """The verdict and the reasons for it.

    Args:
        figures: results of metrics; one of status `fail` breaks the gate.
        attacked: results of attacks, held to the policy.
        policy: what is accepted.

    Returns:
        `fail` when anything fails; `pass` when every attack's upper bound is within tolerance and
        the declared leak would have been found; otherwise `inconclusive`, with what would settle
        it. No reason holds more than statistics.
    """
    broken = [r for r in figures if r.status == "fail"]
    caught = [r for r in attacked if r.status == "fail"]
    if broken or caught:
        return "fail", [*_broken(broken), *_caught(caught)]
    doubts = [
        *_power(figures, attacked, policy),
        *_beyond([*attacked, *_withheld(figures, policy)]),
        *_absent([*(r for r in figures if r.family == "privacy"), *attacked]),
    ]
    if doubts:
        return "inconclusive", doubts
    found = next(r for r in attacked if r.group == policy.leak_name)
    return "pass", [
        f"No leak was found by attacks of which the strongest finds {policy.leak_name} of training "
        f"records, each of another one, among the synthetic ones in {_percent(found.value)} of "
        f"trials (at least {_percent(found.ci_low)} with 95 % confidence). What is rarer than "
        "that, blurs numbers instead of redrawing a field, or leaks in another way, may still be "
        "there."
    ]


def _broken(results: Sequence[Result]) -> list[str]:
    reasons = []
    rules = [r for r in results if r.name == "violations"]
    if rules:
        shown = "; ".join(f"{_place(r)} ({r.group}), {r.method}" for r in rules[:SHOWN])
        more = f"; and {len(rules) - SHOWN} more kinds" if len(rules) > SHOWN else ""
        reasons.append(f"Synthetic records break the schema: {shown}{more}.")
    between = [r for r in results if r.name == "constraint_violations" and r.group]
    if between:
        shown = "; ".join(f"{r.column or 'all columns'} ({r.group})" for r in between[:SHOWN])
        more = f"; and {len(between) - SHOWN} more" if len(between) > SHOWN else ""
        reasons.append(f"Synthetic records break constraints of the schema: {shown}{more}.")
    if any(r.name == "unique_copies" for r in results):
        reasons.append(
            "Single training records come out again and again: the synthesizer remembers them."
        )
    if any(r.name == "near_copies" for r in results):
        reasons.append(
            "Single training records come out with one field changed, more than twice as often as "
            "other people's records meet them by chance."
        )
    withheld = sorted({str(r.column) for r in results if r.name == "withheld_copies"})
    if withheld:
        reasons.append(
            f"Training values came out of columns to be invented: {', '.join(withheld)}."
        )
    explained = {
        "violations", "valid_cells", "constraint_violations", "unique_copies", "near_copies",
        "withheld_copies",
    }  # fmt: skip
    others = sorted({r.name for r in results} - explained)
    return reasons + [f"{_title(name)}: beyond what is accepted." for name in others]


def _caught(results: Sequence[Result]) -> list[str]:
    reasons = []
    for result in sorted(results, key=_rank):
        if result.name in P_VALUES:
            what = "Shadow fits tell" if result.name == "deep_p" else "An attacker tells"
            reasons.append(
                f"{what} training records from records that were never in the table better than "
                f"chance allows (p = {result.value:.3g}; accepted from {result.tolerance:g} on)."
            )
        else:
            reasons.append(
                f"{_where(result)}: at least {_beside(result.ci_low, result.tolerance)} with 95 % "
                f"confidence, where {_percent(result.tolerance)} is accepted."
            )
    return reasons[: 2 * SHOWN]


def _power(figures: Sequence[Result], attacked: Sequence[Result], policy: Policy) -> list[str]:
    found = [r for r in attacked if r.name == "self_test_power" and r.group == policy.leak_name]
    if not found:
        told = any(r.name == "membership_p" and r.status == "uninformative" for r in attacked)
        unknown = "The membership attack did not run, so nothing shows what it would have found."
        return [] if told else [unknown]
    power = found[0].value or 0.0
    if power >= policy.power:
        return []
    alike = next((r.reference or 0.0 for r in figures if r.name == "exact_copies"), 0.0)
    remedy = "more holdout records raise that"
    if alike > MOSTLY:
        remedy = (
            f"{_percent(alike)} of the holdout's records equal a training record in all modelled "
            "columns, and no number of such records raises that"
        )
    elif PARTLY in found[0].method:
        remedy = f"{PARTLY}, so more records help little"
    return [
        f"The membership attack would find {policy.leak_name} of training records among the "
        f"synthetic ones in only {_percent(power)} of trials, where the policy asks for "
        f"{_percent(policy.power)}; {remedy}."
    ]


def _beyond(attacked: Sequence[Result]) -> list[str]:
    wide = [r for r in attacked if r.status == "attention"]
    reasons = [
        f"{_where(r)}: may be as high as {_beside(r.ci_high, r.tolerance)}, where "
        f"{_percent(r.tolerance)} is accepted; more training and holdout records narrow the "
        "interval."
        for r in wide[:SHOWN]
    ]
    if len(wide) > SHOWN:
        reasons.append(f"As much may be said of {len(wide) - SHOWN} more of the figures.")
    return reasons


def _withheld(figures: Sequence[Result], policy: Policy) -> list[Result]:
    """Values of columns to be invented that came out oftener than is accepted, or by chance."""
    limit = policy.advantage
    return [
        r.model_copy(update={"tolerance": limit, "status": "attention"})
        for r in figures
        if r.name == "withheld_copies" and r.status == "ok" and (r.value or 0.0) > limit
    ]


def _absent(results: Sequence[Result]) -> list[str]:
    """Figures that could not be taken, and those on members that nobody took."""
    absent = [r for r in results if r.status == "uninformative"]
    told = dict.fromkeys(f"{_title(r.name)}: no figure; it {r.method}." for r in absent)
    tried = any(r.name == "membership_p" and r.value is not None for r in results)
    isolated = [r.group or "" for r in results if r.name == "membership_tpr"]
    if tried and not any(group.endswith("isolated") for group in isolated):
        needed = "needs two training and two holdout persons among the most isolated"
        told[f"{_title('membership_tpr')}: no figure; it {needed}."] = None
    return list(told)[:SHOWN]


def _place(result: Result) -> str:
    """The column of a violation, and its table where there are several."""
    column = f"column {result.column!r}"
    return column if result.table is None else f"table {result.table!r}, {column}"


def _where(result: Result) -> str:
    column = None if result.column is None else f"column {result.column}"
    parts = [p for p in (column, result.group) if p is not None]
    title = _title(result.name)
    return f"{title} ({', '.join(parts)})" if parts else title


def _title(name: str) -> str:
    """What the report calls a figure; a plugin's keeps its name."""
    return WORDS[name].title if name in WORDS else name


def _percent(share: float | None) -> str:
    """As the report writes shares, to a tenth of a percent."""
    return "unknown" if share is None else f"{round(100 * share, 1):g} %"


def _beside(share: float | None, limit: float | None) -> str:
    """The same; a share that passes the limit by less than its last place is a little more.

    Further places would tell in how many records or persons it was counted.
    """
    words = _percent(share)
    return f"a little more than {words}" if share != limit and words == _percent(limit) else words


def _rank(result: Result) -> int:
    """The order in which findings are told: the attack on membership first."""
    return 0 if result.name in P_VALUES else 1 if result.name == "membership_tpr" else 2
