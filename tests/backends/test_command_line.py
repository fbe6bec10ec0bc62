"""The reference packages through the command line: one flag, and what is said about them."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.e2e.scene import SCHEMA, Done, Run, records, write_csv

HOLDS = "holds training records"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_csv(tmp_path / "table.csv", records(200))
    (tmp_path / "schema.yaml").write_text(SCHEMA)
    return tmp_path


def fitted(data: Path, tabsynth: Run, *options: str, name: str = "sdv:ctgan") -> Done:
    epochs = [] if name == "sdv:gaussian_copula" else ["--param", "epochs=1"]
    return tabsynth(
        "fit", data / "table.csv", "--schema", data / "schema.yaml", "-o", data / "m.tabsynth",
        "--synthesizer", name, *epochs, "--seed", "1", *options,
    )  # fmt: skip


def test_fit_inspect_sample(data: Path, tabsynth: Run) -> None:
    done = fitted(data, tabsynth)
    assert done.code == 0, done.err
    assert f"warning: the model file {HOLDS}; --strip leaves them out" in done.err
    told = tabsynth("inspect", data / "m.tabsynth")
    assert f"Warning: {HOLDS}" in told.out
    manifest = json.loads(tabsynth("inspect", data / "m.tabsynth", "--json").out)
    assert manifest["privacy"] == {
        "differentially_private": False, "training_records": True, "certificate": None,
    }  # fmt: skip
    assert tabsynth("sample", data / "m.tabsynth", "-n", "30", "-o", data / "s.csv").code == 0
    assert len((data / "s.csv").read_text().splitlines()) == 31


def test_strip_leaves_the_records_out(data: Path, tabsynth: Run) -> None:
    assert fitted(data, tabsynth).code == 0
    whole = zipfile.ZipFile(data / "m.tabsynth").namelist()
    tabsynth("sample", data / "m.tabsynth", "--seed", "3", "-n", "50", "-o", data / "a.csv")
    done = fitted(data, tabsynth, "--strip")
    assert done.code == 0, done.err
    assert HOLDS not in done.err
    left = zipfile.ZipFile(data / "m.tabsynth").namelist()
    assert set(whole) - set(left) == {"arrays/records.npy"}
    assert HOLDS not in tabsynth("inspect", data / "m.tabsynth").out
    manifest = json.loads(tabsynth("inspect", data / "m.tabsynth", "--json").out)
    assert manifest["privacy"]["training_records"] is False
    tabsynth("sample", data / "m.tabsynth", "--seed", "3", "-n", "50", "-o", data / "b.csv")
    assert (data / "a.csv").read_bytes() == (data / "b.csv").read_bytes()


def test_strip_says_where_it_changes_nothing(data: Path, tabsynth: Run) -> None:
    done = fitted(data, tabsynth, "--strip", name="sdv:gaussian_copula")
    assert done.code == 0
    assert "--strip changes nothing" in done.err
    assert "values of single records" in tabsynth("inspect", data / "m.tabsynth").out


def test_run_judges_a_reference_package(data: Path, tabsynth: Run) -> None:
    done = tabsynth(
        "run", data / "table.csv", "--schema", data / "schema.yaml", "-o", data / "out",
        "--synthesizer", "sdv:gaussian_copula", "--seed", "1", "--quiet",
    )  # fmt: skip
    assert done.code in (0, 1, 3), done.err
    report = json.loads((data / "out" / "report.json").read_text())
    assert report["provenance"]["synthesizer"] == "sdv:gaussian_copula"
    assert pq.read_metadata(data / "out" / "synthetic.parquet").num_rows == 160


def test_the_licence_is_told_once_and_nothing_else_is_imported() -> None:
    program = """
import sys
from tabsynth import cli
import tabsynth.workflow, tabsynth.modelfile, tabsynth.auditor, tabsynth.testing
assert cli._run(["list", "synthesizers"]) == 0
heavy = {"sdv", "ctgan", "rdt", "copulas", "deepecho", "torch"} & set(sys.modules)
assert not heavy, heavy
import numpy as np, pandas as pd
frame = pd.DataFrame({"x": np.arange(40.0), "y": ["a", "b"] * 20})
for seed in (1, 2):
    tabsynth.workflow.fit(frame, synthesizer="sdv:gaussian_copula", seed=seed)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Business Source License 1.1") == 1
    assert len(done.stderr.splitlines()) == 1
    assert "needs tabsynth[sdv], licence BUSL-1.1" in done.stdout
