"""The audit command: files in, a report out, 0 when it is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.scene import Place, Run, write_csv


@pytest.fixture
def hired(place: Place) -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(400):
        sex = str(rng.choice(["f", "m"]))
        taken = rng.random() < (0.2 if sex == "f" else 0.6)
        rows.append([sex, str(rng.choice(["a", "b"])), str(rng.integers(20, 60)),
                     "yes" if taken else "no"])  # fmt: skip
    return write_csv(place.inputs / "hired.csv", rows, "sex,team,age,hired")


def test_an_audit_leaves_both_reports_and_ends_with_0(
    tabsynth: Run, hired: Path, place: Place
) -> None:
    population = place.given("population.csv", "sex,share\nf,0.7\nm,0.3\n")
    out = place.outputs / "audit"
    done = tabsynth(
        "audit", "--protected", "sex", "team", hired, "--target", "hired", "--favourable", "yes",
        "--reference", population, "--strata", "age", "team", "--seed", "1", "-o", out,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert {p.name for p in out.iterdir()} == {"report.html", "report.json"}
    report = json.loads((out / "report.json").read_text())
    assert report["provenance"]["protected"] == ["sex", "team"]
    assert report["provenance"]["strata"] == ["age", "team"]
    found = {(r["name"], r["column"], r["group"]): r for r in report["results"]}
    assert found["impact_ratio", "sex", "f"]["status"] == "attention"
    assert found["group_share", "sex", "f"]["status"] == "attention"
    assert "sex f" in done.out
    assert "verdict:" not in done.out
    page = (out / "report.html").read_text()
    assert "Impact ratios" in page


def test_the_same_command_leaves_the_same_bytes(tabsynth: Run, hired: Path, place: Place) -> None:
    command = ["audit", hired, "--protected", "sex", "--target", "hired", "--quiet", "-o"]
    for name in ("one", "two"):
        assert tabsynth(*command, place.outputs / name).code == 0
    one, two = (place.outputs / name / "report.json" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    ("options", "code", "where"),
    [
        (["--protected", "sex", "--target", "job"], 2, "--target"),
        (["--protected", "age", "rank", "--target", "hired"], 2, "--protected"),
        (["--protected", "sex", "--target", "hired", "--favourable", "no way"], 2, "--favourable"),
        (["--protected", "sex", "--target", "hired", "--reference", "{town}"], 4, "reference"),
    ],
)
def test_what_cannot_be_audited_is_refused_in_one_line(
    refuses: Callable[..., str],
    hired: Path,
    place: Place,
    options: list[str],
    code: int,
    where: str,
) -> None:
    town = place.given("town.csv", "town\nBasel\n")
    given = [o.format(town=town) for o in options]
    assert refuses("audit", hired, *given, out="audit", code=code) == where


@pytest.mark.parametrize(
    "options",
    [
        ["--strata", "team"],
        ["--strata", "team", "--protected", "sex"],
        ["--strata", "rank", "--protected", "sex", "--target", "hired"],
        ["--strata", "hired", "--protected", "sex", "--target", "hired"],
    ],
)
def test_strata_that_would_compare_nothing_are_refused_before_a_fit(
    refuses: Callable[..., str], hired: Path, options: list[str]
) -> None:
    assert refuses("run", hired, *options, out="run", code=2) == "--strata"
    names = ["--synthesizers", "independent"]
    assert refuses("compare", hired, *names, *options, out="compare", code=2) == "--strata"


def test_target_and_protected_are_needed(tabsynth: Run, hired: Path, place: Place) -> None:
    out = place.outputs / "none"
    assert tabsynth("audit", hired, "--target", "hired", "-o", out).code == 2
    assert tabsynth("audit", hired, "--protected", "sex", "-o", out).code == 2
    assert not out.exists()


def test_an_audit_does_not_write_over_what_it_reads(
    tabsynth: Run, hired: Path, place: Place
) -> None:
    source = place.outputs / "report.json"
    source.write_bytes(hired.read_bytes())
    done = tabsynth("audit", source, "--protected", "sex", "--target", "hired",
                    "-o", place.outputs)  # fmt: skip
    assert done.code in (2, 4)
    assert source.read_bytes() == hired.read_bytes()
