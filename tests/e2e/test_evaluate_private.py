"""`evaluate --private`, as people call it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import private_margins
from tests.e2e.scene import Run, snapshot
from tests.e2e.test_privacy_budget import (
    NEIGHBOURS,
    SCHEMA,
    UNITS,
    WRITTEN,
    Records,
    as_csv,
    spent,
    table,
)

ASK = ("evaluate", "--private", "--synthetic", "synthetic.csv", "--schema", "schema.yaml", "-o",
       "result", "--target", "smoker")  # fmt: skip
HOLDOUT = ("--holdout", "table.csv")
BUDGET = ("--epsilon", "0.5", "--source-id", "survey")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TABSYNTH_DATA", str(tmp_path / "home"))
    Path("table.csv").write_bytes(as_csv(table(400)))
    Path("synthetic.csv").write_bytes(as_csv(table(300)))
    Path("schema.yaml").write_text(SCHEMA)
    Path("units.yaml").write_text(UNITS)
    return tmp_path


def report() -> Any:
    return json.loads(Path("result/report.json").read_text())


def test_it_spends_and_its_report_may_be_published(tabsynth: Run) -> None:
    done = tabsynth(*ASK, *HOLDOUT, "--epsilon", "3", "--source-id", "survey")
    assert done.code == 3, done.err
    assert "epsilon 3 at delta 1e-06 is charged to source 'survey'" in done.err
    found = report()
    assert (found["verdict"], found["audience"]) == ("inconclusive", "public")
    names = {r["name"] for r in found["results"]}
    assert names == {"noisy_univariate_tv", "noisy_pairwise_tv", "noisy_tstr"}
    overall = next(r for r in found["results"] if r["name"] == "noisy_univariate_tv")
    assert overall["ci_low"] <= overall["value"] <= overall["ci_high"]
    # nothing is computed on a number of real records but the noisy one
    assert {r["n"] for r in found["results"]} == {300}
    privacy = found["provenance"]["privacy"]
    assert privacy["differentially_private"] is True
    proof = privacy["certificate"]
    assert sum(s["rho"] for s in proof["stages"]) <= proof["rho"] * (1 + 1e-9)
    assert [s["stage"].split(",")[0] for s in proof["stages"]] == [
        "number of records", "distances of columns", "distances of pairs",
        "outcomes of predictions",
    ]  # fmt: skip
    assert any("The synthetic table is taken as it is" in line for line in proof["limits"])
    (one,) = spent(tabsynth)
    assert (one["synthesizer"], one["committed"]) == ("evaluate", True)
    assert "evaluation " in tabsynth("ledger", "show").out
    page = Path("result/report.html").read_text()
    assert "Every figure on real records is differentially private" in page
    assert "What this report says of real records is differentially private: epsilon 3" in page
    for other in ("not for release", 'id="threats"', "figures are rounded", "held-out"):
        assert other not in page


def test_what_it_is_against_is_said(tabsynth: Run) -> None:
    assert tabsynth(*ASK, *HOLDOUT, *BUDGET).code == 3
    assert "Figures are against records that no fit saw." in report()["reasons"]
    assert tabsynth(*ASK, "--train", "table.csv", *BUDGET).code == 3
    assert any("a table that copies them would look perfect" in r for r in report()["reasons"])


def test_next_to_no_budget_says_that_it_knows_nothing(tabsynth: Run) -> None:
    done = tabsynth(*ASK, *HOLDOUT, "--epsilon", "0.0001", "--source-id", "survey")
    assert done.code == 3
    assert "nothing is known of how close the table is" in done.out
    found = report()
    assert {r["value"] for r in found["results"]} == {None}
    assert {r["status"] for r in found["results"]} == {"uninformative"}
    assert found["provenance"]["noisy_real_records"] == "hidden by the noise"
    assert "no figure" in Path("result/report.html").read_text()


# neighbours


def looks(folder: str) -> dict[str, Any]:
    """All that an evaluation leaves, with what noise may change taken out."""
    found = json.loads(Path(folder, "report.json").read_text())
    for r in found["results"]:
        for noisy in ("value", "ci_low", "ci_high", "reference", "status"):
            r.pop(noisy)
    found["results"].sort(key=lambda r: (r["name"], r["column"] or ""))
    found["provenance"].pop("noisy_real_records")
    found["reasons"] = [r for r in found["reasons"] if "noise of this budget" not in r]
    return {**found, "files": sorted(p.name for p in Path(folder).iterdir())}


@pytest.mark.parametrize("ending", WRITTEN)
@pytest.mark.parametrize("schema", ["schema.yaml", "units.yaml"])
def test_a_neighbour_changes_nothing_but_the_noise(
    tabsynth: Run, ending: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, records = f"data.{ending}", table(40)
    words = (*ASK, "--holdout", name, *BUDGET, "--schema", schema)
    seen = {}
    changes: dict[str, Callable[[Records], Records]] = {"itself": lambda r: r, **NEIGHBOURS}
    for kind, change in changes.items():
        Path(name).write_bytes(WRITTEN[ending](change(records)))
        # each from an empty ledger, so that what is left is the same
        monkeypatch.setenv("TABSYNTH_DATA", f"home {kind}")
        done = tabsynth(*words)
        told = [line for line in done.out.splitlines() if "noise of this budget" not in line]
        seen[kind] = (done.code, told, done.err.replace(kind, ""), looks("result"))
        assert done.code == 3, (kind, done.err)
    for kind, found in seen.items():
        assert found == seen["itself"], kind


# what is refused

REFUSED: dict[str, tuple[list[str], int]] = {
    "no budget": ([*HOLDOUT], 2),
    "no source": ([*HOLDOUT, "--epsilon", "1"], 2),
    "no real table": ([*BUDGET], 2),
    "two real tables": ([*HOLDOUT, "--train", "other.csv", *BUDGET], 2),
    "attacks": ([*HOLDOUT, *BUDGET, "--deep"], 2),
    "a gate": ([*HOLDOUT, *BUDGET, "--policy", "policy.yaml"], 2),
    "groups": ([*HOLDOUT, *BUDGET, "--protected", "city"], 2),
    "a model": ([*HOLDOUT, *BUDGET, "--model", "m.tabsynth"], 2),
    "epsilon 0": ([*HOLDOUT, "--epsilon", "0", "--source-id", "x"], 2),
    "another target": ([*HOLDOUT, *BUDGET, "--target", "height"], 2),
    "no such table": (["--holdout", "none.csv", *BUDGET], 4),
    "an undeclared domain": ([*HOLDOUT, *BUDGET, "--schema", "open.yaml"], 5),
    "a unit that is not there": ([*HOLDOUT, *BUDGET, "--schema", "other.yaml"], 5),
    "a synthetic table that breaks the schema": (
        [*HOLDOUT, *BUDGET, "--synthetic", "broken.csv"], 4,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_anything_is_spent(tabsynth: Run, case: str) -> None:
    Path("open.yaml").write_text("fields: [{name: city}, {name: age, type: integer}]")
    Path("other.yaml").write_text(UNITS.replace("person", "patient"))
    Path("broken.csv").write_bytes(as_csv([["p", "Zug", "30", "1", "2020-01-01", "true"]]))
    before = snapshot(Path())
    words, code = REFUSED[case]
    tabsynth(*ASK, *words, "--quiet").refused(code)
    assert {k: v for k, v in snapshot(Path()).items() if not k.startswith("home")} == before
    assert spent(tabsynth) == []


def test_a_budget_without_private_is_a_mistake(tabsynth: Run) -> None:
    plain = ("evaluate", "--train", "table.csv", *HOLDOUT, *ASK[2:6], "-o", "result", "--quiet")
    assert tabsynth(*plain, *BUDGET).refused(2) == "--epsilon"
    assert tabsynth(*plain, "--source-id", "x").refused(2) == "--source-id"


def test_a_spent_budget_answers_nothing(tabsynth: Run) -> None:
    tabsynth("ledger", "cap", "--source-id", "survey", "--epsilon", "0.6")
    assert tabsynth(*ASK, *HOLDOUT, *BUDGET).code == 3
    before = snapshot(Path())
    done = tabsynth(*ASK, *HOLDOUT, *BUDGET)
    assert done.code == 5
    assert "charged" not in done.err
    assert not re.search(r"records\b.*\d", done.err)
    assert snapshot(Path()) == before
    assert len(spent(tabsynth)) == 1


KILL = "(lambda *a, **k: os.kill(os.getpid(), 9))"
STEPS = {
    "at intake": f"e.admit = (lambda real: lambda raw, *a, **k: {KILL}() if raw.num_rows else "
    "real(raw, *a, **k))(e.admit)",
    "at the second question": f"t.PrivateTable.distances = {KILL}",
    "before the commit": f"l.Ledger.commit = {KILL}",
}


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_leaves_the_spend_charged_and_no_report(
    tabsynth: Run, tabsynth_process: Run, step: str
) -> None:
    before = (
        f"{private_margins.REGISTER}; import os; from tabsynth import private_evaluation as e; "
        "from tabsynth.privacy import ledger as l, private_table as t"
    )
    done = tabsynth_process(*ASK, *HOLDOUT, *BUDGET, before=f"{before}; {STEPS[step]}")
    assert done.code == -9
    assert not Path("result").exists()
    (one,) = spent(tabsynth)
    assert one["committed"] is False
