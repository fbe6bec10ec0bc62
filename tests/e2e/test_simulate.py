"""From a specification to a table, on the command line."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pyarrow.csv
import pytest

from tabsynth.schema.files import bundled
from tests.e2e.scene import Run

CLINIC = bundled("examples/clinic.yaml")


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
