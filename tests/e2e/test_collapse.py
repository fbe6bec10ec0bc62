from __future__ import annotations

import json
import signal

from tests.e2e.scene import Place, Run, records, snapshot, write_csv
from tests.e2e.test_interrupts import started, stop, wait_for

WORDS = ["--synthesizer", "independent", "--regimes", "replace,mix:0.5", "--seeds", 1, "--records",
         300]  # fmt: skip


def test_collapse(place: Place, tabsynth: Run) -> None:
    """Also killed in its middle, and asked again."""
    table = write_csv(place.inputs / "many.csv", records(400))
    words = ["collapse", table, "--schema", place.schema, "--target", "city", *WORDS,
             "--generations", 8, "-o"]  # fmt: skip
    out, killed = place.outputs / "out", place.outputs / "killed"
    done = tabsynth(*words, out)
    assert done.code == 0, done.err
    done.shows_no_secret()
    *_, share, last = done.out.splitlines()
    assert "real records" in share
    assert last == f"report: {out / 'report.html'}"
    assert {p.name for p in out.iterdir()} == {"report.html", "report.json", "collapse.json"}
    entries = json.loads((out / "collapse.json").read_text())
    assert {e["regime"] for e in entries} == {"bootstrap", "replace", "mix:0.5"}
    assert {e["generation"] for e in entries} == set(range(1, 9))

    process = started(*words, killed)
    wait_for(lambda: len(list(killed.glob(".collapse/*.*.*.json"))) > 3, process)
    assert stop(process, signal.SIGKILL)[0] == -9
    assert [p.name for p in killed.iterdir()] == [".collapse"]
    found = len(list(killed.glob(".collapse/*.*.*.json")))
    tables = snapshot(killed)
    refused = tabsynth(*words, killed, "--seed", 1, "--quiet")
    assert refused.refused(4) == str(killed / ".collapse")
    assert snapshot(killed) == tables
    done = tabsynth(*words, killed)
    assert f"going on after {found} finished generations" in done.err
    assert "removed what was kept" in done.err
    assert (killed / "collapse.json").read_bytes() == (out / "collapse.json").read_bytes()
    assert (killed / "report.json").read_bytes() == (out / "report.json").read_bytes()
    assert not (killed / ".collapse").exists()


def test_what_collapse_refuses(place: Place, tabsynth: Run) -> None:
    before = snapshot(place.outputs)
    table = write_csv(place.inputs / "many.csv", records(300))
    words = ["collapse", table, "-o", place.outputs / "new", "--quiet"]
    assert tabsynth(*words, "--regimes", "replace,mix:1").refused(2) == "--regimes"
    assert tabsynth(*words, "--generations", 0).refused(2) == "--generations"
    assert tabsynth(*words, "--target", "height").refused(2) == "--target"
    assert tabsynth(*words, "--synthesizer", "magic").refused(2) == "--synthesizer"
    assert tabsynth(*words, "--epsilon", 1).refused(5) == "--epsilon"
    words[1] = place.table
    assert tabsynth(*words).refused(4) == "data"
    assert snapshot(place.outputs) == before
