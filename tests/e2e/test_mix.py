from __future__ import annotations

import json

import pyarrow.parquet as pq

from tests.e2e.scene import Place, Run, records, snapshot, write_csv


def test_mix(place: Place, tabsynth: Run) -> None:
    real = write_csv(place.inputs / "real.csv", records(260))
    drawn = write_csv(place.inputs / "drawn.csv", records(100, seed=5))
    out = place.outputs / "out"
    words = ["mix", "--real", real, "--synthetic", drawn, "--schema", place.schema, "--target",
             "income", "--repeats", 3]  # fmt: skip
    done = tabsynth(*words, "--holdout", place.holdout, "-o", out)
    assert done.code == 0, done.err
    done.shows_no_secret()
    assert done.out.startswith("Recommended: ")
    assert "give them as --holdout" not in done.out
    assert {p.name for p in out.iterdir()} == {"report.html", "report.json", "table.parquet"}
    body = json.loads((out / "report.json").read_text())
    table = pq.read_table(out / "table.parquet")
    assert table.column_names == ["city", "age", "income", "joined", "_source"]
    assert table.num_rows == body["provenance"]["mixed_records"]
    before = snapshot(place.outputs)
    words += ["--quiet", "-o", place.outputs / "new"]
    assert tabsynth(*words, "--holdout", real).refused() == "--holdout"
    assert tabsynth(*words, "--target", "height").refused(2) == "--target"
    assert snapshot(place.outputs) == before
