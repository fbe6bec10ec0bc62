"""Constraints through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml

from tabsynth.schema.files import dump_schema
from tests.constrained import CONSTRAINTS, FIELDS, records, schema_of
from tests.e2e.scene import Run

RULES = [r for r in CONSTRAINTS if r["kind"] != "custom"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    pa.table(records(700)).to_pandas().to_csv(path, index=False)
    return path


def schema_file(folder: Path, rules: list[dict[str, Any]]) -> Path:
    path = folder / "schema.yaml"
    path.write_text(dump_schema(schema_of(rules)), encoding="utf-8")
    return path


def require_kept(path: Path, rows: int) -> None:
    frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    assert len(frame) == rows
    both = frame.dropna(subset=["start", "end"])
    assert (both.start <= both.end).all()
    assert frame.groupby("city").country.nunique().max() == 1
    assert (frame[["red", "green", "blue"]].sum(axis=1) == 1).all()
    whole = frame.dropna(subset=["net", "tax", "gross"])
    assert (((whole.net + whole.tax - whole.gross).abs()) < 1e-6).all()
    assert not frame.duplicated(["day", "room"]).any()
    assert not (frame.phone.notna() & frame.mail.notna()).any()
    assert ((frame.age >= 18) | (frame.children == 0)).all()


def test_fit_sample_and_check_under_constraints(tabsynth: Run, data: Path, tmp_path: Path) -> None:
    schema, model = schema_file(tmp_path, RULES), tmp_path / "m.tabsynth"
    assert tabsynth("schema", "check", schema, data).code == 0
    done = tabsynth("--quiet", "fit", data, "--schema", schema, "--synthesizer", "independent",
                    "-o", model)  # fmt: skip
    assert done.code == 0, done
    drawn = [tmp_path / f"drawn{k}.csv" for k in (1, 3)]
    for path, workers in zip(drawn, (1, 3), strict=True):
        done = tabsynth(
            "--quiet", "sample", model, "-o", path, "-n", 800, "--seed", 4,
            "--given", "city=city 3", "--workers", workers,
        )  # fmt: skip
        assert done.code == 0, done
        require_kept(path, 800)
        assert tabsynth("schema", "check", schema, path).code == 0
    assert drawn[0].read_bytes() == drawn[1].read_bytes()
    told = tabsynth("inspect", model).out
    assert "Kept by construction: start <= end" in told
    assert "Kept by drawing again: no two records alike in day, room" in told


def test_a_run_reports_the_constraints(tabsynth: Run, tmp_path: Path) -> None:
    columns = {n: c for n, c in records(120).items() if n in ("start", "end", "age")}
    data, out = tmp_path / "small.csv", tmp_path / "out"
    pa.table(columns).to_pandas().to_csv(data, index=False)
    schema = tmp_path / "schema.yaml"
    fields = [f for f in FIELDS if f["name"] in columns]
    schema.write_text(dump_schema(schema_of(RULES[:1], fields)), encoding="utf-8")
    done = tabsynth(
        "--quiet", "run", data, "--schema", schema, "--synthesizer", "independent", "-o", out,
        "--seed", 1,
    )  # fmt: skip
    assert done.code in (0, 3), done
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    figures = [r for r in report["results"] if r["name"] == "constraint_violations"]
    assert [(f["group"], f["value"], f["status"]) for f in figures] == [
        (None, 0.0, "ok"), ("inequality", 0.0, "ok"),
    ]  # fmt: skip
    assert tabsynth("schema", "check", out / "schema.yaml", out / "synthetic.parquet").code == 0


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ([{"kind": "inequality", "columns": ["age", "children"], "strict": True},
          {"kind": "inequality", "columns": ["children", "age"]}], "age < children"),
        ([{"kind": "expression", "expression": "city > 3"}], "city > 3"),
        ([{"kind": "custom", "name": "nowhere"}], "nowhere"),
        ([{"kind": "inequality", "columns": ["end", "start"]}], "end <= start"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["fit", "run"])
def test_constraints_that_cannot_be_kept_end_with_one_line_and_4(
    command: str, rules: list[dict[str, Any]], named: str, tabsynth: Run, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / ("m.tabsynth" if command == "fit" else "out")
    schema = schema_file(tmp_path, rules)
    done = tabsynth("--quiet", command, data, "--schema", schema, "-o", out)
    assert done.code == 4
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert named in done.err
    assert not out.exists()


def test_check_counts_the_records_that_break_a_constraint(
    tabsynth: Run, data: Path, tmp_path: Path
) -> None:
    schema = schema_file(tmp_path, [{"kind": "inequality", "columns": ["end", "start"]}])
    done = tabsynth("schema", "check", schema, data)
    assert done.code == 4
    assert "records break `end <= start`" in done.out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("start=2020-02-01", "end=2020-01-01"), "`start <= end`"),
        (("red=true", "blue=true"), "exactly one of"),
        (("city=city 3", "country=country 0"), "given"),
    ],
)
def test_conditions_against_a_constraint_are_refused(
    given: tuple[str, ...], said: str, tabsynth: Run, data: Path, tmp_path: Path
) -> None:
    schema, model = schema_file(tmp_path, RULES[:4]), tmp_path / "m.tabsynth"
    made = tabsynth("--quiet", "fit", data, "--schema", schema, "--synthesizer", "independent",
                    "-o", model)  # fmt: skip
    assert made.code == 0, made
    options = [part for pair in given for part in ("--given", pair)]
    done = tabsynth("--quiet", "sample", model, "-o", tmp_path / "out.csv", "-n", 5, *options)
    assert done.code == 4
    assert done.err.count("\n") == 1
    assert said in done.err
    assert not (tmp_path / "out.csv").exists()


def test_proposed_constraints_stand_in_the_schema_and_are_kept(
    tabsynth: Run, data: Path, tmp_path: Path
) -> None:
    schema, model, out = (tmp_path / n for n in ("s.yaml", "m.tabsynth", "out.csv"))
    done = tabsynth("schema", "infer", data, "--constraints", "-o", schema)
    assert done.code == 0
    assert "constraints proposed" in done.out
    found = yaml.safe_load(schema.read_text())["tabsynth"]["constraints"]
    assert {"kind": "inequality", "observed": True, "columns": ["start", "end"]} in found
    assert all(rule["observed"] for rule in found)
    fitted = tabsynth("--quiet", "fit", data, "--schema", schema, "--synthesizer", "independent",
                      "-o", model)  # fmt: skip
    assert fitted.code == 0, fitted
    assert tabsynth("--quiet", "sample", model, "-o", out, "-n", 300, "--seed", 2).code == 0
    frame = pd.read_csv(out)
    both = frame.dropna(subset=["start", "end"])
    assert (both.start <= both.end).all()
    assert not frame.duplicated(["day", "room"]).any()
    assert np.allclose((frame.price / 0.05).round() * 0.05, frame.price)
