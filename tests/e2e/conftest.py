"""Runs commands, in this process or in one of their own."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.e2e.scene")

from tabsynth import cli  # noqa: E402
from tests.e2e.scene import (  # noqa: E402
    SCHEMA,
    Done,
    Place,
    Run,
    command,
    records,
    snapshot,
    write_csv,
)  # fmt: skip


@pytest.fixture
def tabsynth(capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run a command in this process, which is quick."""
    handler = signal.getsignal(signal.SIGTERM)

    def run(*arguments: object) -> Done:
        capfd.readouterr()
        code = cli._run([str(a) for a in arguments])
        captured = capfd.readouterr()
        return Done(code, captured.out, captured.err)

    yield run
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def tabsynth_process() -> Run:
    """Run a command in a process of its own."""

    def run(*arguments: object, before: str = "", cwd: Path | None = None) -> Done:
        done = subprocess.run(
            command(*arguments, before=before), capture_output=True, text=True, timeout=120,
            check=False, cwd=cwd,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, its schema and a model of it."""
    folder = tmp_path_factory.mktemp("good")
    write_csv(folder / "table.csv", records(200))
    write_csv(folder / "holdout.csv", records(200, seed=8))
    (folder / "schema.yaml").write_text(SCHEMA)
    handler = signal.getsignal(signal.SIGTERM)
    made = ["fit", folder / "table.csv", "--schema", folder / "schema.yaml", "--seed", "1",
            "--synthesizer", "gaussian_copula"]  # fmt: skip
    assert cli._run([*map(str, made), "-o", str(folder / "good.tabsynth"), "--quiet"]) == 0
    signal.signal(signal.SIGTERM, handler)
    return folder


@pytest.fixture
def place(good: Path, tmp_path: Path) -> Place:
    """Good inputs, and earlier outputs under every name that tests use."""
    inputs, outputs = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    for file in good.iterdir():
        shutil.copy(file, inputs)
    earlier = outputs / "earlier"
    (earlier / "dir").mkdir(parents=True)
    for name in ("model.tabsynth", "schema.yaml", "out.csv", "dir/report.json", "dir/notes.txt"):
        (earlier / name).write_text(f"earlier {name}")
    return Place(inputs, outputs)


@pytest.fixture
def refuses(tabsynth: Run, place: Place) -> Callable[..., str]:
    """Run a command at a new and at an earlier OUT; it must leave both folders untouched."""

    def run(*arguments: object, out: str | None = None, code: int = 4) -> str:
        before = snapshot(place.outputs)
        where = ""
        for folder in (place.outputs, place.outputs / "earlier"):
            target = ["-o", folder / out] if out else []
            where = tabsynth(*arguments, *target, "--quiet").refused(code)
            assert snapshot(place.outputs) == before
        return where

    return run
