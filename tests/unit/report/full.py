"""A report with every figure that an evaluation gives, as a run on Adult might print them."""

from __future__ import annotations

import itertools
import math
from typing import Any

from tabsynth.report.model import Report, Result, Status

COLUMNS = (
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation",
    "relationship", "race", "sex", "capital-gain", "capital-loss", "hours-per-week",
    "native-country", "income",
)  # fmt: skip
PROVENANCE: dict[str, Any] = {
    "command": "tabsynth evaluate --train train.csv --holdout holdout.csv --synthetic synthetic.csv"
    " --target income --seed 7 -o report",
    "seed": 7,
    "created": "2026-11-22T19:00:00Z",
    "records": {"train": 26_048, "holdout": 6_513, "synthetic": 26_048},
    "synthesizer": {"name": "gaussian_copula", "parameters": {"minimum_count": 5, "shrink": 0.01}},
    "versions": {"tabsynth": "0.1.0", "numpy": "2.4.6", "pandas": "3.1.0", "python": "3.11.9"},
    "thresholds": [0.05, 0.2],
    "holdout_given": True,
}

GROUPS = (
    ("race", "White", 5561, 0.2543), ("race", "Black", 639, 0.1237),
    ("race", "Asian-Pac-Islander", 208, 0.2693), ("race", "Amer-Indian-Eskimo", 64, 0.1160),
    ("race", "Other", 8, 0.125), ("sex", "Male", 4331, 0.3057), ("sex", "Female", 2182, 0.1094),
)  # fmt: skip
POWERS = (
    ("0.1 % exact copies", 0.24), ("0.5 % exact copies", 0.88), ("1 % exact copies", 0.99),
    ("5 % exact copies", 1.0), ("0.1 % near copies", 0.07), ("0.5 % near copies", 0.61),
    ("1 % near copies", 0.95), ("5 % near copies", 1.0),
)  # fmt: skip
REPETITIONS = 100
SCORES = (
    "nearer than the reference", "near for its surroundings", "share of the neighbours",
    "classifier", "fields that agree",
)  # fmt: skip


def figure(name: str, family: str = "privacy", **more: Any) -> Result:
    body: dict[str, Any] = {"name": name, "family": family, "unit": "share", "n": 6513}
    if more.get("value") is not None and "ci_low" not in more:
        width = 0.004 + 0.1 * abs(more["value"]) * (1 - min(1.0, abs(more["value"])))
        more = {**more, "ci_low": more["value"] - width, "ci_high": more["value"] + width}
    return Result(**{**body, "method": f"how {name.replace('_', ' ')} is taken", **more})


def membership(*, leak: bool = False) -> list[Result]:
    high = 0.02 if leak else 0.0
    found = [
        figure(
            "membership_p", value=0.001 if leak else 0.41, ci_low=None, ci_high=None,
            unit="p-value", better="higher", tolerance=0.01, status="fail" if leak else "ok",
            method="999 random deals of members and controls; the greatest of 40 statistics",
        ),
    ]  # fmt: skip
    for i, score in enumerate(SCORES):
        for where, n in (("", 13026), (", isolated", 651)):
            value = high + 0.001 * (i + 1) + (0.004 if where else 0.0)
            group = f"{score}{where}"
            tolerance = 0.10 if where else 0.03
            found += [
                figure("membership_tpr", group=group, value=0.01 + value, reference=0.01,
                       tolerance=tolerance, n=n),
                figure("membership_auc", group=group, value=0.5 + value, reference=0.5, unit="AUC",
                       n=n, status="diagnostic"),
                *(
                    figure("membership_top", group=f"top {share}%, {group}", value=0.8 + value,
                           reference=0.8, n=n, status="diagnostic")
                    for share in (1, 2, 10)
                ),
            ]  # fmt: skip
    found.append(figure("membership_epsilon", value=0.12, ci_low=0.0, ci_high=None, unit="epsilon",
                        status="diagnostic"))  # fmt: skip
    return found


def power(values: tuple[tuple[str, float], ...] = POWERS) -> list[Result]:
    return [
        figure(
            "self_test_power", group=group, value=value, ci_low=max(0.0, value - 0.08),
            ci_high=min(1.0, value + 0.06), better="higher", n=REPETITIONS,
            status="diagnostic", method="copies of training records planted among control records",
        )
        for group, value in values
    ]  # fmt: skip


def attacks() -> list[Result]:
    held: dict[str, Any] = {"tolerance": 0.05, "reference": 0.0}
    return [
        figure("replicated_uniques", group="whole records", value=0.0011, **held),
        figure("replicated_uniques", group="quasi-identifiers", value=0.0192, **held),
        *inference(),
        figure("singling_out", group="one column", value=0.0121, n=2000, **held),
        figure("singling_out", group="2 to 4 columns", value=0.0042, n=2000, **held),
        figure("linkability", group="the nearest record", value=-0.0021, **held),
        figure("disco", column="income", value=0.0682, reference=0.06, status="diagnostic"),
        figure("disco_advantage", column="income", value=0.0082, **held),
        figure("repu", value=0.0433, reference=0.045, status="diagnostic"),
        figure("repu_advantage", value=0.0033, **held),
        figure("dcr_share", value=0.5121, reference=0.5, status="diagnostic"),
        figure("nearest_ratio", value=0.981, reference=1.0, unit="ratio", status="diagnostic"),
        figure("deep_p", value=0.3, ci_low=None, ci_high=None, unit="p-value", tolerance=0.01),
        *(
            figure("deep_auc", group=kind, value=0.52, reference=0.5, unit="AUC", n=640)
            for kind in ("isolated", "rare", "named")
        ),
        figure("deep_target_auc", group="isolated 3", value=0.58, reference=0.5, unit="AUC", n=64),
    ]  # fmt: skip


def inference() -> list[Result]:
    """Two columns, attacked in three ways, over all guesses and over the surest."""
    found = []
    for column, value in (("income", 0.006), ("marital-status", -0.003)):
        for way in ("nearest records", "boosted trees"):
            for n, coverage in ((6513, ""), (65, ", surest 1 %"), (651, ", surest 10 %")):
                few = n < 100
                found.append(
                    figure("attribute_inference", column=column,
                           group=f"{way}, all other columns{coverage}", n=n, reference=0.0,
                           value=None if few else value, baseline=None if few else value - 0.002,
                           tolerance=None if coverage else 0.05,
                           status="uninformative" if few else "diagnostic" if coverage else "ok")
                )  # fmt: skip
    return found


def bias() -> list[Result]:
    found = [
        figure("base_rate", "bias", column=column, group=group, value=rate, n=n,
               reference=rate + 0.01, better="higher",
               status="uninformative" if n < 30 else "attention" if rate < 0.13 else "ok")
        for column, group, n, rate in GROUPS
    ]  # fmt: skip
    held_out = sum(n for column, _, n, _ in GROUPS if column == "sex")
    found += [
        figure("group_share", "bias", column=column, group=group, value=n / held_out, n=n,
               reference=n / held_out, better="higher")
        for column, group, n, _ in GROUPS
    ]  # fmt: skip
    found += [
        figure("impact_ratio", "bias", column=column, group=group, value=rate / 0.3057, n=n,
               unit="ratio", better="higher", method=f"over the rate of {GROUPS[5][1]}")
        for column, group, n, rate in GROUPS
    ]  # fmt: skip
    return found


def audit_report(**changes: Any) -> Report:
    """What an audit of a real table gives: figures of groups, and no verdict."""
    body: dict[str, Any] = {
        "verdict": "inconclusive",
        "reasons": ("An audit has no gate.", "Groups with low rates: race Amer-Indian-Eskimo."),
        "results": tuple(bias()),
        "provenance": {
            "kind": "audit", "audited_records": 6513, "protected": ["race", "sex"],
            "target": "income", "favourable": "income above 50K", "strata": [],
        },
    }  # fmt: skip
    return Report(**{**body, **changes})


def full_report(base: Report, *, leak: bool = False, **changes: Any) -> Report:
    """The base report with attacks, power and bias."""
    found = (*base.results, *membership(leak=leak), *power(), *attacks(), *bias())
    settings = {
        "policy": {"leak": 0.01, "power": 0.9, "significance": 0.01},
        "train_records": 26_048, "holdout_records": 6_513, "synthetic_records": 26_048,
        "evaluation_seed": 7,
    }  # fmt: skip
    body: dict[str, Any] = {
        "verdict": "fail" if leak else "pass",
        "reasons": ("Members are found: the membership attack gives p = 0.001.",) if leak else (),
        "results": found,
        "provenance": {**base.provenance, **settings},
    }
    return base.model_copy(update={**body, **changes})


def wobble(i: int) -> float:
    """Numbers between 0 and 1 in no visible order, the same every time."""
    return abs(math.sin(12.9898 * (i + 1)) * 43758.5453) % 1


def base_report(columns: tuple[str, ...] = COLUMNS, **changes: Any) -> Report:
    results = [
        Result(
            name="valid_cells", family="validity", value=0.99982, ci_low=0.9997, ci_high=0.9999,
            reference=1.0, better="higher", unit="share", n=26_048, method="share of cells",
        ),
        *_violations(columns),
        Result(
            name="key_violations", family="validity", value=0, reference=0, unit="records",
            n=26_048, method="repeated or missing keys",
        ),
        *_distances(columns),
        *_overall(columns),
    ]  # fmt: skip
    body: dict[str, Any] = {
        "verdict": "inconclusive",
        "reasons": (
            "privacy: no re-identification attack was run, so leaks cannot be ruled out",
            "fidelity: 4 of 105 pairs are worth a look",
        ),
        "results": tuple(results),
        "provenance": PROVENANCE,
    }
    return Report(**{**body, **changes})


def _violations(columns: tuple[str, ...]) -> list[Result]:
    return [
        Result(
            name="violations", family="validity", column=c, value=0.0004 if i == 2 else 0.0,
            ci_low=0.0, ci_high=0.0002 + (0.0005 if i == 2 else 0), reference=0.0, unit="share",
            n=26_048, method="share of records breaking a rule",
            status="attention" if i == 2 else "ok",
        )
        for i, c in enumerate(columns)
    ]  # fmt: skip


def _distances(columns: tuple[str, ...]) -> list[Result]:
    found = [_distance("univariate_tv", None, 0.0061, 0.0048, 0.0052, score=None)]
    for i, c in enumerate(columns):
        value = 0.002 + 0.015 * wobble(i) ** 3
        found.append(_distance("univariate_tv", c, value, 0.003 + 0.004 * wobble(i + 50), 0.003))
    found.append(_distance("pairwise_tv", None, 0.0613, 0.0262, 0.0789, score=33.4))
    for i, (a, b) in enumerate(itertools.combinations(columns, 2)):
        base = 0.06 + 0.1 * wobble(i + 3)
        status: Status = ("attention", "uninformative")[i % 2] if i % 17 == 0 else "ok"
        value = 0.01 + 0.11 * wobble(i + 900) ** 2
        found.append(
            _distance("pairwise_tv", f"{a} × {b}", value, 0.012, base, status=status, score=50.0)
        )
    return found


def _distance(
    name: str, column: str | None, value: float, reference: float, baseline: float,
    *, score: float | None = None, status: Status = "ok",
) -> Result:  # fmt: skip
    return Result(
        name=name, family="fidelity", column=column, value=value, ci_low=value * 0.85,
        ci_high=value * 1.2, reference=reference, baseline=baseline, score=score, unit="share",
        n=6_513, method="total variation, numbers cut at 20 quantiles of train", status=status,
    )  # fmt: skip


def _overall(columns: tuple[str, ...]) -> list[Result]:
    return [
        Result(
            name="c2st_auc", family="fidelity", value=0.7412, ci_low=0.7331, ci_high=0.7493,
            reference=0.5046, baseline=0.9891, score=51.2, unit="AUC", n=13_026, seed=7,
            method="5-fold gradient-boosted trees",
        ),
        Result(
            name="tstr", family="utility", column=columns[-1], value=0.8894, ci_low=0.881,
            ci_high=0.898, reference=0.9181, baseline=0.5102, score=93.0, better="higher",
            unit="AUC", n=6_513, seed=7, method="gradient-boosted trees",
        ),
        Result(
            name="exact_copies", family="privacy", value=0.0021, ci_low=0.0016, ci_high=0.0028,
            reference=0.0023, unit="share", n=26_048, method="equal in every column",
        ),
        Result(
            name="withheld_copies", family="privacy", value=-0.0003, ci_low=-0.0011,
            ci_high=0.0005, reference=0.0, unit="share", n=26_048, status="diagnostic",
            method="replicated members minus replicated holdout records",
        ),
    ]  # fmt: skip
