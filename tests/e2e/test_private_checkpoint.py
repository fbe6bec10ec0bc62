"""A private fit that was broken off goes on, and nothing is drawn twice for one charge."""

from __future__ import annotations

import errno
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tabsynth import registry
from tabsynth.errors import LedgerError, OutputError
from tabsynth.privacy.journal import Checkpoint, Kept
from tabsynth.privacy.ledger import Ledger
from tabsynth.privacy.noise import SeededNoise
from tabsynth.privacy.private_table import PrivateTable
from tabsynth.privacy.spending import Account
from tests import quick
from tests.e2e.scene import Run
from tests.e2e.test_privacy_budget import SCHEMA, as_csv, spent, table
from tests.private import domain

FIT = ("fit", "table.csv", "--schema", "schema.yaml", "--synthesizer", "aim", "--param",
       "checkpoint=fit.state", "--epsilon", "0.5", "--source-id", "survey", "-o",
       "model.tabsynth")  # fmt: skip
# the process is killed when the model is fitted for the n-th time, between two rounds of questions
DYING = (
    "import os; from tabsynth.synthesizers import aim as a; left = [{n}]; real = a.fit_marginals; "
    "a.fit_marginals = lambda *x, **k: (left.__setitem__(0, left[0] - 1), "
    "os.kill(os.getpid(), 9) if left[0] == 0 else None, real(*x, **k))[-1]"
)
STATE = Path("fit.state")


# it is killed when the model is about to be written
UNWRITTEN = (
    "import os; from tabsynth.modelfile import Fitted; "
    "Fitted.save = lambda *a, **k: os.kill(os.getpid(), 9)"
)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TABSYNTH_DATA", str(tmp_path / "home"))
    Path("table.csv").write_bytes(as_csv(table(200)))
    Path("schema.yaml").write_text(SCHEMA)
    return tmp_path


@pytest.mark.parametrize("run", [False, True])
def test_what_is_paid_for_is_kept_until_the_model_is_written(
    run: bool, tabsynth: Run, tabsynth_process: Run
) -> None:
    words = ("run", *FIT[1:-1], "out", "--seed", "1") if run else FIT
    assert tabsynth_process(*words, before=UNWRITTEN).code == -9
    assert STATE.exists()
    (one,) = spent(tabsynth)
    assert one["committed"] is False
    done = tabsynth(*words)
    assert done.code in (0, 3), done.err
    # the model is that of the answers that were paid for, and no other was drawn
    assert "going on after" in done.err
    assert not STATE.exists()
    (same,) = spent(tabsynth)
    assert same["committed"] is True
    assert (Path("out/model.tabsynth") if run else Path("model.tabsynth")).exists()


def test_a_fit_that_was_killed_goes_on_and_is_charged_once(
    tabsynth: Run, tabsynth_process: Run
) -> None:
    assert tabsynth_process(*FIT, before=DYING.format(n=3)).code == -9
    first = STATE.read_bytes()
    assert first.count(b"\n") > 3
    assert not Path("model.tabsynth").exists()
    again = tabsynth_process(*FIT, before=DYING.format(n=6))
    assert again.code == -9
    assert "going on after" in again.err
    # what was released is there as it was, and more has come
    second = STATE.read_bytes()
    assert second.startswith(first)
    assert len(second) > len(first)
    (one,) = spent(tabsynth)
    assert one["committed"] is False
    # another process that began where this one did would draw the same answers anew
    STATE.write_bytes(first)
    done = tabsynth(*FIT, "--quiet")
    done.refused(5)
    assert "an old copy" in done.err
    STATE.write_bytes(second)
    done = tabsynth(*FIT)
    assert done.code == 0, done.err
    tenths = [line for line in done.err.splitlines() if line.endswith("% of the budget is spent")]
    assert [line.split()[0] for line in tenths] == [str(10 * k) for k in range(1, 11)]
    assert not STATE.exists()
    (one,) = spent(tabsynth)
    assert one["committed"] is True
    with zipfile.ZipFile("model.tabsynth") as archive:
        manifest = json.loads(archive.read("manifest.json"))
    found = manifest["privacy"]["certificate"]
    assert found["cumulative"]["fits"] == 1
    assert sum(s["rho"] for s in found["stages"]) == pytest.approx(found["rho"], rel=1e-6)
    assert "checkpoint" not in manifest["parameters"]
    # whoever kept the file cannot go on from it
    STATE.write_bytes(second)
    done = tabsynth(*FIT, "--quiet")
    done.refused(5)
    assert "it ended" in done.err


def test_an_old_copy_or_a_lost_answer_is_refused(tabsynth: Run, tabsynth_process: Run) -> None:
    assert tabsynth_process(*FIT, before=DYING.format(n=3)).code == -9
    lines = STATE.read_bytes().splitlines(keepends=True)
    whole = Path("whole")
    shutil.copy(STATE, whole)
    for shorter in (lines[:-1], lines[:1]):
        STATE.write_bytes(b"".join(shorter))
        tabsynth(*FIT, "--quiet").refused(5)
        # it is the person's file, and stays
        assert STATE.exists()
    # half a line, as a full disk leaves it
    STATE.write_bytes(b"".join(lines)[:-5])
    tabsynth(*FIT, "--quiet").refused(2)
    for words in (("--epsilon", "0.6"), ("--param", "columns=0.2")):
        shutil.copy(whole, STATE)
        tabsynth(*FIT, *words, "--quiet").refused(2)
    assert STATE.read_bytes() == whole.read_bytes()
    assert len(spent(tabsynth)) == 1
    assert tabsynth(*FIT).code == 0
    assert len(spent(tabsynth)) == 1


def test_what_does_not_go_with_a_checkpoint_costs_nothing(tabsynth: Run) -> None:
    tabsynth(*FIT, "--discover", "age", "--quiet").refused(5)
    Path("open.yaml").write_text(SCHEMA.replace("categories: [Basel, Bern, Biel]", "type: string"))
    found = tabsynth(*FIT, "--schema", "open.yaml", "--discover", "city", "--quiet")
    assert found.refused(2) == "--discover"
    run = ("run", *FIT[1:-1], "result", "--with-private-report", "--quiet")
    assert tabsynth(*run).refused(2) == "--with-private-report"
    STATE.write_text("something else")
    tabsynth(*FIT, "--quiet").refused(2)
    assert STATE.read_text() == "something else"
    STATE.unlink()
    assert spent(tabsynth) == []
    tabsynth("ledger", "cap", "--source-id", "survey", "--epsilon", "0.1")
    tabsynth(*FIT, "--quiet").refused(5)
    assert not STATE.exists()


# the door


class Forbidden(SeededNoise):
    def gaussian(self, values: Any, sigma: float) -> Any:
        raise AssertionError("an answer was drawn again")

    choose = gaussian


SIZES = (4, 2, 5, 3)


def test_a_checkpoint_that_a_full_disk_does_not_take_leaves_nothing(
    tabsynth: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr("tabsynth.privacy.journal.os.fsync", full)
    assert tabsynth(*FIT, "--quiet").refused(4) == "fit.state"
    assert not STATE.exists()
    assert spent(tabsynth) == []


def test_a_checkpoint_without_a_first_line_is_begun(tabsynth: Run) -> None:
    """Killed between making the file and its first line, a fit was charged for nothing."""
    STATE.touch(mode=0o600)
    assert tabsynth(*FIT, "--quiet").code == 0
    assert [fit["committed"] for fit in spent(tabsynth)] == [True]
    assert not STATE.exists()


@pytest.mark.parametrize("run", [False, True])
def test_a_ledger_that_is_busy_at_the_end_takes_no_model_away(
    run: bool, tabsynth: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise LedgerError(
            "ledger", expected="a ledger", got="one in use", remedy="wait for the other process"
        )

    monkeypatch.setattr(Ledger, "commit", busy)
    words = ("run", *FIT[1:-1], "out", "--seed", "1") if run else FIT
    done = tabsynth(*words)
    assert done.code == (3 if run else 0)
    assert "need not be paid again" in done.err
    assert Path("out/model.tabsynth" if run else "model.tabsynth").exists()
    assert [fit["committed"] for fit in spent(tabsynth)] == [False]
    assert not STATE.exists()


def test_a_checkpoint_that_was_removed_meanwhile_is_not_made_anew(tmp_path: Path) -> None:
    begun = Checkpoint.at(tmp_path / "state", {"of": "this"})
    door = PrivateTable(
        [np.zeros(9, np.int64)], domain(2), Account(0.5), noise=SeededNoise(1),
        journal=Kept(begun, lambda _: None),
    )  # fmt: skip
    door.marginals([(0,)], rho=0.1, stage="first")
    assert begun.path.stat().st_mode & 0o777 == 0o600
    begun.path.unlink()
    # what is left of it would lack the first answer, and be readable by others
    with pytest.raises(OutputError, match="a checkpoint that can be written"):
        door.marginals([(0,)], rho=0.1, stage="second")
    assert not begun.path.exists()


@pytest.mark.parametrize("name", registry.names("private_synthesizers"))
def test_a_fit_from_kept_answers_is_the_same_and_draws_nothing(name: str, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 2, (300, 4))
    maker = quick.private(name)
    said: list[int] = []

    def fitted(rows: Any, checkpoint: Checkpoint, noise: Any) -> Any:
        door = PrivateTable(
            list(np.asarray(rows).T), domain(*SIZES), Account(0.5), noise=noise,
            journal=Kept(checkpoint, said.append),
        )  # fmt: skip
        return maker.fit(door, rng=np.random.default_rng(checkpoint.seed)).state()

    begun = Checkpoint.at(tmp_path / "state", {"of": name})
    first = fitted(rows, begun, SeededNoise(1))
    assert said == list(range(1, len(said) + 1))
    kept = Checkpoint.at(tmp_path / "state", {"of": name})
    assert (kept.fit, kept.seed, len(kept.released)) == (begun.fit, begun.seed, len(said))
    # not even other records change what was answered
    second = fitted(rows[:7], kept, Forbidden(1))
    assert len(said) == len(kept.released)
    assert first.settings == second.settings
    assert first.arrays.keys() == second.arrays.keys()
    assert all(np.array_equal(first.arrays[k], second.arrays[k]) for k in first.arrays)
    assert all(np.array_equal(first.weights[k], second.weights[k]) for k in first.weights)
