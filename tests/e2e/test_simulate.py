"""From a specification to a table, on the command line."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

import pyarrow.csv
import pytest

from tabsynth.schema.files import bundled
from tests.e2e.scene import Run

CLINIC = bundled("examples/sources/clinic.yaml")


def test_two_commands_make_a_table_without_data(tabsynth: Run, tmp_path: Path) -> None:
    model, table = tmp_path / "clinic.tabsynth", tmp_path / "clinic.csv"
    done = tabsynth("simulate", CLINIC, "-o", model)
    assert (done.code, done.err) == (0, "")
    assert "region: categorical." in done.out
    assert tabsynth("sample", model, "-o", table, "--seed", 1, "--quiet").code == 0
    drawn = pyarrow.csv.read_csv(table)
    assert drawn.num_rows == 2000
    assert drawn.column("appointment")[0].as_py() == "A-000001"
    shown = tabsynth("inspect", model)
    assert "No record was read" in shown.out
    assert "Not differentially private" not in shown.out
    held = json.loads(tabsynth("inspect", model, "--json").out)
    assert held["synthesizer"] == "procedural"
    place = f"sqlite:///{tmp_path / 'clinic.db'}#visits"
    words = ("--given", "no_show=True", "-n", 30, "--seed", 1)
    done = tabsynth("sample", model, "-o", place, *words)
    assert done.code == 0
    assert "effective sample size" in done.err
    with sqlite3.connect(tmp_path / "clinic.db") as database:
        assert database.execute("select count(*) from visits").fetchone() == (30,)
    database.close()


BAD = {
    "no file": (None, "no such file"),
    "no YAML": ("columns: [", "valid YAML"),
    "no mapping": ("- a", "a mapping"),
    "nothing in it": ("{}", "source"),
    "a circle": ("source: procedural\ncolumns:\n"
                 "- {name: a, draw: {kind: poisson, mean: b}}\n"
                 "- {name: b, draw: {kind: poisson, mean: a}}\n", "circle"),
    "code": ("source: procedural\ncolumns:\n"
             "- {name: a, draw: {kind: poisson, mean: \"open('x')\"}}\n", "an expression"),
    "a rule that nothing keeps": (
        "source: procedural\ncolumns:\n- {name: a, draw: {kind: uniform, low: 0, high: 1}}\n"
        "constraints:\n- {kind: expression, expression: a > 2}\n", "a > 2"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_specification_is_one_line_and_leaves_nothing(
    case: str, tabsynth: Run, tmp_path: Path
) -> None:
    text, words = BAD[case]
    spec, model = tmp_path / "spec.yaml", tmp_path / "m.tabsynth"
    if text is not None:
        spec.write_text(text)
    done = tabsynth("simulate", spec, "-o", model)
    assert (done.code, done.out) == (4, "")
    assert words in done.err
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert not model.exists()


def test_the_specification_is_not_written_over(tabsynth: Run, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(CLINIC.read_text())
    assert tabsynth("simulate", spec, "-o", spec).code == 2
    assert spec.read_text() == CLINIC.read_text()


def test_a_model_file_cannot_smuggle_a_specification_in(tabsynth: Run, tmp_path: Path) -> None:
    """A specification that was changed in the file no longer fits its schema, or is none."""
    import hashlib
    import zipfile

    model, bad = tmp_path / "m.tabsynth", tmp_path / "bad.tabsynth"
    assert tabsynth("simulate", CLINIC, "-o", model).code == 0
    for find, put in (('"islands"', '"mars"'), ("booked + wait", "__import__('os')")):
        with zipfile.ZipFile(model) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        assert find.encode() in parts["state.json"]
        parts["state.json"] = parts["state.json"].replace(find.encode(), put.encode())
        manifest = json.loads(parts["manifest.json"])
        body = parts["state.json"]
        manifest["members"]["state.json"] = {
            "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest(),
        }  # fmt: skip
        parts["manifest.json"] = json.dumps(manifest).encode()
        with zipfile.ZipFile(bad, "w") as archive:
            for name, part in parts.items():
                archive.writestr(name, part)
        done = tabsynth("sample", bad, "-o", tmp_path / "t.csv")
        assert done.code == 4
        assert not (tmp_path / "t.csv").exists()


PROGRAM = """
import random, sys
mean, n, seed = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
random.seed(seed)
print("x")
for _ in range(n):
    print(random.gauss(mean, 1))
"""


def simulator(folder: Path, body: str = PROGRAM, **rest: object) -> Path:
    (folder / "sim.py").write_text(body)
    command = [sys.executable, str(folder / "sim.py"), "{mean}", "{n}", "{seed}"]
    spec = {
        "source": "simulation", "simulator": "mine", "command": command, "simulations": 100,
        "records": 50, "parameters": {"mean": {"kind": "uniform", "low": -5, "high": 5}}, **rest,
    }  # fmt: skip
    (folder / "sim.json").write_text(json.dumps(spec))
    return folder / "sim.json"


def test_a_simulator_is_fitted_to_a_table(
    tabsynth: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TABSYNTH_SIMULATOR", raising=False)
    spec, model = simulator(tmp_path), tmp_path / "m.tabsynth"
    numbers = "\n".join(str(2 + k / 25) for k in range(-25, 26))
    (tmp_path / "real.csv").write_text(f"x\n{numbers}\n")
    words = ("--fit-to", tmp_path / "real.csv", "--seed", 1, "-o", model)
    done = tabsynth("simulate", spec, *words)
    assert done.code == 0
    assert "simulated 100 of 100" in done.err
    (line,) = [line for line in done.out.splitlines() if line.startswith("mean: ")]
    assert 1.5 < float(line.split()[1].rstrip(",")) < 2.5
    table = tmp_path / "t.csv"
    done = tabsynth("sample", model, "-o", table)
    assert done.code == 2
    assert "TABSYNTH_SIMULATOR" in done.err
    monkeypatch.setenv("TABSYNTH_SIMULATOR", str(spec))
    assert tabsynth("sample", model, "-n", 40, "-o", table, "--quiet").code == 0
    assert pyarrow.csv.read_csv(table).num_rows == 40


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("import sys; sys.exit('the valve is shut')", "the valve is shut"),
        ("import time; print('x', flush=True); time.sleep(100)", "at most 1 seconds"),
    ],
)
def test_a_simulator_that_fails_is_one_line_and_leaves_nothing(
    body: str, words: str, tabsynth: Run, tmp_path: Path
) -> None:
    spec, model = simulator(tmp_path, body, time_limit=1), tmp_path / "m.tabsynth"
    done = tabsynth("simulate", spec, "-o", model)
    assert (done.code, done.out) == (4, "")
    assert words in done.err
    assert done.err.count("\n") == 1
    assert not model.exists()
