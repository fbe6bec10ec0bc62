"""What is said before a fit, and a fit that is refused for want of memory."""

from __future__ import annotations

import pytest

from tabsynth import registry
from tests.e2e.scene import Place, Run, snapshot


def test_a_dry_run_says_and_writes_nothing(place: Place, tabsynth: Run) -> None:
    before = snapshot(place.outputs)
    done = tabsynth("fit", place.table, "--schema", place.schema, "--dry-run", "--quiet")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("synthesizer trees: ")
    assert lines[1].startswith("trees on 200 records and 4 columns: about ")
    done = tabsynth("fit", place.table, "-o", place.outputs / "m", "--dry-run", "--quiet",
                    "--synthesizer", "independent")  # fmt: skip
    assert done.out.startswith("independent on 200 records and 4 columns: about ")
    assert snapshot(place.outputs) == before
    done.shows_no_secret()


def test_a_fit_needs_a_place(place: Place, tabsynth: Run) -> None:
    assert tabsynth("fit", place.table, "--quiet").refused(2) == "-o"


def test_a_fit_without_memory_is_refused_before_it_starts(
    place: Place, tabsynth: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.BUILT_IN["synthesizers"], "huge", "tests.huge:Huge")
    out = place.outputs / "huge"
    for words in (["fit", "-o", out], ["fit", "--dry-run"], ["run", "-o", out]):
        done = tabsynth(*words, place.table, "--synthesizer", "huge", "--quiet")
        assert done.refused(4) == "data"
        assert "fit a sample of the records" in done.err
        assert "use --synthesizer trees (about " in done.err
    assert not out.exists()
