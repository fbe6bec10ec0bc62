"""What stops a command half-way leaves earlier output as it was, and nothing half-written."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.scene import Place, command, snapshot

EXIT = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}


def started(*words: object, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    return subprocess.Popen(command(*words), stdout=stdout, stderr=subprocess.PIPE, text=True)


def wait_for(found: object, process: subprocess.Popen[str]) -> None:
    """Until a condition holds; the process must still be at work then."""
    assert callable(found)
    for _ in range(1200):
        if found():
            assert process.poll() is None, "the command ended too early to be stopped"
            return
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.02)
    raise AssertionError("expected the command to begin writing")


def partial(folder: Path) -> list[Path]:
    return list(folder.glob(".*.partial"))


def stop(process: subprocess.Popen[str], number: int) -> tuple[int, str]:
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("number", EXIT)
def test_sampling_is_stopped(number: signal.Signals, ending: str, place: Place) -> None:
    out = place.outputs / f"out.{ending}"
    out.write_text("earlier")
    before = snapshot(place.outputs)
    process = started("sample", place.model, "-n", 20_000_000, "-o", out, "--quiet")
    wait_for(lambda: [p for p in partial(out.parent) if p.stat().st_size > 1000], process)
    code, err = stop(process, number)
    assert code == EXIT[number]
    assert "Traceback" not in err
    if number == signal.SIGKILL:
        # nobody can clean up after this one; but what is left has a name of its own
        for rest in partial(out.parent):
            rest.unlink()
    assert snapshot(place.outputs) == before
    if number == signal.SIGINT:
        assert err == "error: interrupted; no result was written\n"


@pytest.mark.parametrize("earlier", [True, False])
@pytest.mark.parametrize("number", EXIT)
def test_a_run_is_stopped(number: signal.Signals, earlier: bool, place: Place) -> None:
    folder = place.outputs / "earlier" / "dir" if earlier else place.outputs / "new"
    before = snapshot(place.outputs)
    words = ["run", place.table, "--schema", place.schema, "-o", folder, "-n", 3_000_000]
    process = started(*words, "--quiet")
    where = folder if earlier else place.outputs
    wait_for(lambda: partial(where), process)
    time.sleep(0.3)
    code, err = stop(process, number)
    assert code == EXIT[number]
    assert "Traceback" not in err
    if number == signal.SIGKILL:
        for rest in partial(where):
            for file in rest.iterdir():
                file.unlink()
            rest.rmdir()
    assert snapshot(place.outputs) == before


# a metric that would outlast any patience: computing in a loop, or asleep in a call that holds on
ENDLESS = {
    "computing": "while True: sum(range(1000))",
    "in a long call": "time.sleep(600)",
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ENDLESS)
def test_an_evaluation_does_not_wait_for_its_metrics(
    kind: str, number: signal.Signals, place: Place
) -> None:
    """The metric stands beside the real ones; the command ends though it never does."""
    begun = place.inputs / "begun"
    plugin = (
        "import types, time, pathlib\n"
        "def endless(comparison):\n"
        f"    pathlib.Path({str(begun)!r}).touch()\n"
        f"    {ENDLESS[kind]}\n"
        "sys.modules['plugin'] = types.ModuleType('plugin')\n"
        "sys.modules['plugin'].endless = endless\n"
        "from tabsynth import registry\n"
        "registry.BUILT_IN['metrics']['a_plugin'] = 'plugin:endless'\n"
    )
    before = snapshot(place.outputs)
    words = ["evaluate", "--train", place.table, "--holdout", place.holdout, "--synthetic",
             place.table, "--schema", place.schema, "-o", place.outputs / "out"]  # fmt: skip
    process = subprocess.Popen(
        command(*words, "--quiet", before=plugin), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    wait_for(begun.exists, process)
    code, err = stop(process, number)
    assert code == EXIT[number]
    assert err == ("error: interrupted; no result was written\n" if code == 130 else "")
    assert snapshot(place.outputs) == before


def test_stopped_before_anything_is_written(place: Place) -> None:
    """While libraries are still being imported or the table is read."""
    before = snapshot(place.outputs)
    for delay in (0.2, 0.5, 0.8):
        process = started("fit", place.table, "-o", place.outputs / "m", "--quiet")
        time.sleep(delay)
        code, _ = stop(process, signal.SIGTERM)
        assert code in (143, -15, 0)
        if code:
            assert snapshot(place.outputs) == before


# where Ctrl-C meets a command: as modules load, in a text that Python executes, as options are read
MOMENTS = {
    "loading": (
        "class Found:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'typer': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Found())\n"
    ),
    "loading a dataclass": (
        "class Found:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'typer': exec('raise KeyboardInterrupt')\n"
        "sys.meta_path.insert(0, Found())\n"
    ),
    "reading options": (
        "def parsing(*_): raise KeyboardInterrupt\n"
        "from tabsynth.commands.groups import Commands\n"
        "Commands.parse_args = parsing\n"
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupt_is_answered_at_any_moment(moment: str, place: Place) -> None:
    program = f"import sys\n{MOMENTS[moment]}\nfrom tabsynth.__main__ import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", program, "inspect", place.model], capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "error: interrupted; no result was written\n"


@pytest.mark.parametrize(
    "words", [["inspect", "{model}"], ["list", "metrics"], ["schema", "check", "{schema}"]]
)
def test_a_reader_that_goes_away(words: list[str], place: Place) -> None:
    """As in `tabsynth inspect model | head -0`."""
    reader = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
    assert reader.stdin is not None
    reader.wait(timeout=30)
    filled = [w.format(model=place.model, schema=place.schema) for w in words]
    done = subprocess.run(
        command(*filled), stdout=reader.stdin, stderr=subprocess.PIPE, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    reader.stdin.close()
    assert (done.returncode, done.stderr) == (141, "")


def test_progress_that_nobody_reads(place: Place) -> None:
    """`tabsynth fit ... 2>&1 | head -1` ends the command; its output stays away."""
    reader = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
    assert reader.stdin is not None
    reader.wait(timeout=30)
    out = place.outputs / "m"
    done = subprocess.run(
        command("fit", place.table, "-o", out), stdout=reader.stdin, stderr=reader.stdin,
        check=False, timeout=60,
    )  # fmt: skip
    reader.stdin.close()
    assert done.returncode == 141
    assert not out.exists()
