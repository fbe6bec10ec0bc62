"""A report as an evaluation of 15 columns would give it, and builders for odd ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest

from tabsynth.report.model import Report, Result, Status
from tests.unit.report.full import full_report

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


def wobble(i: int) -> float:
    """Numbers between 0 and 1 in no visible order, the same every time."""
    return abs(math.sin(12.9898 * (i + 1)) * 43758.5453) % 1


def build_report(columns: tuple[str, ...] = COLUMNS, **changes: Any) -> Report:
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


@pytest.fixture(scope="session")
def report() -> Report:
    return build_report()


@pytest.fixture(scope="session")
def make_report() -> Callable[..., Report]:
    return build_report


@pytest.fixture(scope="session")
def full() -> Report:
    return full_report(build_report())


@pytest.fixture(scope="session")
def leaky() -> Report:
    return full_report(build_report(), leak=True)
