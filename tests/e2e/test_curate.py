from __future__ import annotations

from tests.e2e.scene import Place, Run, records, snapshot, write_csv


def test_curate(place: Place, tabsynth: Run) -> None:
    real = write_csv(place.inputs / "real.csv", records(260))
    drawn = write_csv(place.inputs / "drawn.csv", records(100, seed=5))
    out = place.outputs / "out"
    words = ["curate", drawn, "--train", real, "--schema", place.schema]
    done = tabsynth(*words, "--holdout", place.holdout, "-o", out)
    assert done.code == 0, done.err
    done.shows_no_secret()
    assert "no claim of differential privacy holds" in done.out
    names = {"report.html", "report.json", "table.parquet", "audit.csv"}
    assert {p.name for p in out.iterdir()} == names
    before = snapshot(place.outputs)
    words += ["--quiet", "-o", place.outputs / "new"]
    assert tabsynth(*words, "--holdout", real).refused() == "--holdout"
    assert tabsynth(*words).refused(2) == "--holdout"
    assert snapshot(place.outputs) == before
