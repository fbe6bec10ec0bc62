from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from tabsynth import registry
from tabsynth.errors import DataError, OutputError, UsageError
from tabsynth.generations.journal import FOLDER
from tabsynth.generations.study import Plan, collapse
from tabsynth.report.html import render_html, summary_html
from tabsynth.report.model import Report
from tabsynth.synthesizers.independent import Independent
from tabsynth.table import Table

SMALL = Plan("replace,accumulate,mix:0.5", generations=3, seeds=2, records=250)
fits: list[int] = []


@dataclass(frozen=True)
class Stopped:
    """Independent columns; the fit of that number is stopped, as by Ctrl-C."""

    name: ClassVar[str] = "stopped"
    summary: ClassVar[str] = "stops"
    after: ClassVar[float] = math.inf

    def fit(self, data: Table, *, rng: Any) -> Any:
        fits.append(data.num_rows)
        if len(fits) > self.after:
            raise KeyboardInterrupt
        return Independent().fit(data, rng=rng)


@dataclass(frozen=True)
class Picky:
    """Independent columns, of tables of fewer than so many records; breaks on others."""

    most: int = 250
    name: ClassVar[str] = "picky"
    summary: ClassVar[str] = "breaks"

    def fit(self, data: Table, *, rng: Any) -> Any:
        if data.num_rows > self.most:
            raise ZeroDivisionError("secret")
        return Independent().fit(data, rng=rng)


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    fits.clear()
    for kind in (Stopped, Picky):
        home = f"{__name__}:{kind.__name__}"
        monkeypatch.setitem(registry.BUILT_IN["synthesizers"], kind.name, home)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=500).round(2)
    return pd.DataFrame(
        {"x": x, "sex": rng.choice(["f", "m"], 500), "up": np.where(x > 0, "y", "n")}
    )


def listed(out: Path) -> list[dict[str, Any]]:
    return json.loads((out / "collapse.json").read_text())


def test_every_chain_is_there_and_comes_out_again(frame: pd.DataFrame, tmp_path: Path) -> None:
    said: list[str] = []
    words: dict[str, Any] = {"plan": SMALL, "synthesizer": "stopped", "target": "up"}
    report = collapse(frame, tmp_path / "a", protected=["sex"], say=said.append, **words)
    assert {p.name for p in (tmp_path / "a").iterdir()} == {
        "report.html", "report.json", "collapse.json"
    }  # fmt: skip
    entries = listed(tmp_path / "a")
    assert all(set(e) == {"regime", "seed", "generation", "metric", "value"} for e in entries)
    chains = {(e["regime"], e["seed"], e["generation"]) for e in entries}
    regimes = ["bootstrap", "replace", "accumulate", "mix:0.5"]
    assert chains == {(r, s, g) for r in regimes for s in (0, 1) for g in (1, 2, 3)}
    # one first fit for each seed, and what accumulates grows
    assert sorted(fits) == [250] * 10 + [500] * 2 + [750] * 2
    first = [e for e in entries if (e["seed"], e["generation"]) == (0, 1)]
    of = {r: {e["metric"]: e["value"] for e in first if e["regime"] == r} for r in regimes}
    assert of["replace"] == of["accumulate"] == of["mix:0.5"] != of["bootstrap"]
    # columns on their own lose their dependence at once, what is drawn again does not
    assert of["replace"]["tstr"] < 0.7 < of["bootstrap"]["tstr"]
    assert Report.load(tmp_path / "a" / "report.json") == report
    assert report.verdict == "inconclusive"
    assert report.find("tstr").reference > 0.9
    again = collapse(frame, tmp_path / "b", protected=["sex"], **words)
    assert again == report
    assert listed(tmp_path / "b") == entries
    assert "removed what was kept of 20 generations, their synthetic tables among it" in said
    _the_page_shows_all(report, regimes)


def _the_page_shows_all(report: Report, regimes: list[str]) -> None:
    page = render_html(report)
    for name in (*regimes, "Rarest class found", "Half-lives", "real training records"):
        assert name in page
    assert page.count('<svg class="chart"') == len({r.name for r in report.results})
    assert "<script" not in page
    assert "replace: " in summary_html(report)


def test_a_study_that_was_stopped_goes_on(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words: dict[str, Any] = {"plan": SMALL, "synthesizer": "stopped"}
    collapse(frame, tmp_path / "whole", **words)
    total, said = len(fits), []
    for after in (3, 5):
        fits.clear()
        monkeypatch.setattr(Stopped, "after", after)
        with pytest.raises(KeyboardInterrupt):
            collapse(frame, tmp_path / "parts", say=said.append, **words)
        assert [p.name for p in (tmp_path / "parts").iterdir()] == [FOLDER]
    assert "finished generations stay in" in said[-1]
    monkeypatch.setattr(Stopped, "after", math.inf)
    other = Plan("replace", generations=3, seeds=2, records=250)
    with pytest.raises(OutputError, match=r"another one, which was broken off \(differs in plan\)"):
        collapse(frame, tmp_path / "parts", plan=other, synthesizer="stopped")
    with pytest.raises(OutputError, match="differs in data"):
        collapse(frame[::-1], tmp_path / "parts", **words)
    fits.clear()
    collapse(frame, tmp_path / "parts", say=said.append, **words)
    assert any(line.startswith("going on after") for line in said)
    # what two calls did, less the fits that were stopped in their middle, was not done again
    assert 0 < len(fits) < total - 4
    assert listed(tmp_path / "parts") == listed(tmp_path / "whole")
    assert not (tmp_path / "parts" / FOLDER).exists()


def test_no_real_record_is_kept_on_the_way(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stopped, "after", 6)
    with pytest.raises(KeyboardInterrupt):
        collapse(frame, tmp_path / "out", plan=SMALL, synthesizer="stopped")
    kept = [p.name for p in (tmp_path / "out" / FOLDER).glob("*.parquet")]
    assert kept
    assert not [name for name in kept if name.startswith("bootstrap")]


def test_a_chain_with_nothing_left_to_learn_from(frame: pd.DataFrame, tmp_path: Path) -> None:
    report = collapse(frame, tmp_path / "out", plan=SMALL, synthesizer="picky")
    (found,) = [r for r in report.reasons if r.startswith("accumulate")]
    assert "ended before generation 2 (ZeroDivisionError in picky)" in found
    assert "secret" not in report.to_json() + render_html(report)
    reached = {e["generation"] for e in listed(tmp_path / "out") if e["regime"] == "accumulate"}
    assert reached == {1}


def test_a_first_fit_that_fails_leaves_nothing(frame: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="data: expected a first generation"):
        collapse(frame, tmp_path / "out", plan=SMALL, synthesizer="picky", parameters={"most": 9})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("plan", "where"),
    [
        (Plan(generations=0), "--generations"),
        (Plan(seeds=0), "--seeds"),
        (Plan(records=10), "--records"),
        (Plan(tolerance=1.0), "--tolerance"),
        (Plan(tolerance=math.nan), "--tolerance"),
        (Plan(regimes="mix:2"), "--regimes"),
    ],
)
def test_plans_that_make_no_sense(
    plan: Plan, where: str, frame: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as refused:
        collapse(frame, tmp_path / "out", plan=plan)
    assert refused.value.where == where
    assert not (tmp_path / "out").exists()


def test_tables_that_show_nothing(frame: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected at least 250 records, got 200"):
        collapse(frame[:200], tmp_path / "out", plan=SMALL)
    with pytest.raises(DataError, match="a target with 2 to 50 classes, got 1;"):
        collapse(frame.assign(up="y"), tmp_path / "out", plan=SMALL, target="up")
    with pytest.raises(UsageError, match="--target"):
        collapse(frame, tmp_path / "out", plan=SMALL, target="height")
    assert not (tmp_path / "out").exists()
