"""The built wheel, in a clean environment without development packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.e2e.test_commands import RUN_FILES, report

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "sdv", "ctgan", "rdt", "copulas", "deepecho", "jax", "pytest", "mypy", "ruff"}


def run(*arguments: str | Path, cwd: Path) -> str:
    # what points at the development environment must not leak into the clean one
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV"))}
    done = subprocess.run(
        [str(a) for a in arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, cwd=ROOT)
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_what_the_package_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for wanted in (
        "tabsynth/py.typed",
        "tabsynth/report/template.html.j2",
        "tabsynth/report/comparison.html.j2",
        "tabsynth/report/style.css.j2",
        "tabsynth/schemas/table-schema.json",
        "tabsynth/schemas/report.json",
        "tabsynth/schemas/examples/fair.yaml",
    ):
        assert wanted in names
    assert not any(n.startswith("tests") for n in names)


def test_the_wheel_runs_the_demo_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "clean"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    # our pip works on the clean environment, which so needs none; nor are modules compiled unused
    pip = [sys.executable, "-m", "pip", "--python", python]
    run(*pip, "install", "--quiet", "--no-compile", wheel, cwd=tmp_path)
    listed = json.loads(run(*pip, "list", "--format", "json", cwd=tmp_path))
    installed = {p["name"].lower(): p["version"] for p in listed}
    assert not HEAVY & set(installed)
    out = tmp_path / "demo"
    said = run(home / "bin" / "tabsynth", "--quiet", "demo", "--out", out, cwd=tmp_path)
    assert said.startswith("verdict: ")
    assert {p.name for p in out.iterdir()} == RUN_FILES
    assert all(str(out / name) in said for name in RUN_FILES)
    assert (out / "synthetic.parquet").stat().st_size > 1000
    report(out)
    version = run(home / "bin" / "tabsynth", "--version", cwd=tmp_path).split()[1]
    assert version == installed["tabsynth"]
    assert str(home) in run(python, "-c", "import tabsynth; print(tabsynth.__file__)", cwd=tmp_path)
