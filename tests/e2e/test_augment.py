"""`tabsynth augment` as a person runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.e2e.scene import Run


def table(path: Path) -> Path:
    rng = np.random.default_rng(0)
    heat = rng.normal(size=300)
    codes = np.where(heat > 1.4, "E1", np.where(heat > 0, "slow", "ok"))
    codes[:4] = "E2"
    pd.DataFrame({"heat": heat, "code": codes}).to_csv(path, index=False)
    return path


def test_more_records_of_a_rare_code(tabsynth: Run, tmp_path: Path) -> None:
    data, out = table(tmp_path / "errors.csv"), tmp_path / "out"
    options = ["--target", "code", "--synthesizer", "independent", "--seed", "1"]
    done = tabsynth("augment", data, *options, "--rare", "E1", "-n", 40, "-o", out)
    assert done.code == 0, done.err
    assert sorted(p.name for p in out.iterdir()) == ["report.html", "report.json", "table.parquet"]
    assert "code = E1" in done.out
    for which, code, words in (
        (["--rare", "E2"], 5, "at least 10 records"),
        (["--rare", "E7"], 4, "a value that occurs"),
        ([], 2, "either --rare VALUE or --balance"),
        (["--rare", "E1", "--balance"], 2, "either --rare VALUE or --balance"),
        (["--balance", "--epsilon", "1"], 5, "epsilon"),
    ):
        refused = tabsynth("augment", data, *options, *which, "-o", tmp_path / "no")
        assert refused.code == code, refused.err
        assert words in refused.err
        assert not (tmp_path / "no").exists()
