from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tabsynth.progress import Progress
from tabsynth.workflow import fit
from tests.zoo import duplicates


def test_plain_lines_come_at_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(quiet=False).count("sampling", 100) as advance:
        for _ in range(50):
            advance(2)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "sampling: 10 of 100"
    assert lines[-1] == "sampling: 100 of 100"
    assert len(lines) == 10


def test_a_line_is_written_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads may speak at once."""
    pieces: list[str] = []
    monkeypatch.setattr(sys.stderr, "write", pieces.append)
    Progress(quiet=False).say("measuring")
    assert pieces == ["measuring\n"]


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(quiet=True)
    progress.say("reading")
    with progress.count("sampling", 10) as advance:
        advance(10)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar(tmp_path: Path) -> None:
    fit(duplicates(), seed=0).save(tmp_path / "m.tabsynth")
    ours, theirs = pty.openpty()
    words = ["sample", str(tmp_path / "m.tabsynth"), "-o", str(tmp_path / "s.csv"), "-n", "200000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tabsynth", *words],
        stderr=theirs,
        stdout=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.stdout is not None
    with process.stdout as stream:
        assert (
            stream.read() == b"wrote 200,000 records to " + str(tmp_path / "s.csv").encode() + b"\n"
        )
    assert process.wait() == 0
    assert "200000/200000" in shown.decode()
    assert "━" in shown.decode()
