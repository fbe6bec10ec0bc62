from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import tabsynth as ts
from tabsynth.errors import DataError, UsageError
from tabsynth.mixing import ALONE, RATIOS, Curve, mix
from tabsynth.report.html import render_html, summary_html
from tabsynth.report.model import Report


def people(rows: int, seed: int, *, learnable: bool = True) -> pd.DataFrame:
    """Illness follows from two numbers at once: a thing that few records teach badly."""
    rng = np.random.default_rng(seed)
    age, dose = rng.normal(0, 1, rows), rng.normal(0, 1, rows)
    ill = np.sin(3 * age) * np.sin(2 * dose) > 0.2
    if not learnable:
        ill = rng.permutation(ill)
    return pd.DataFrame({"age": age, "dose": dose, "ill": np.where(ill, "yes", "no")})


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    return people(250, 0)


@pytest.fixture(scope="module")
def holdout() -> pd.DataFrame:
    return people(2500, 1)


def mixed(out: Path) -> pd.Series:
    return pq.read_table(out / "table.parquet").column("_source").to_pandas()


def test_what_helps_is_recommended(
    real: pd.DataFrame, holdout: pd.DataFrame, tmp_path: Path
) -> None:
    """Other people of the same population in the place of synthetic ones."""
    words: dict[str, Any] = {"target": "ill", "holdout": holdout, "repeats": 7, "seed": 1}
    words |= {"source": "simulated", "generation": 2}
    report = mix(real, people(600, 2), tmp_path / "a", **words)
    ratio = report.provenance["ratio"]
    assert 0.25 <= ratio <= 2
    assert f"Recommended: {ratio:g} synthetic records per real one" in report.reasons[1]
    gain = [r for r in report.results if r.name == "roc_auc_gain"]
    assert [r.group for r in gain][:2] == ["0.1 synthetic per real", "0.25 synthetic per real"]
    (found,) = [r for r in gain if r.group == f"{ratio:g} synthetic per real"]
    assert 0 < found.ci_low < found.value < found.ci_high
    table = pq.read_table(tmp_path / "a" / "table.parquet").to_pandas()
    sizes = [250, round(ratio * 250)]
    assert (table["_source"] == np.repeat(["real", "simulated"], sizes)).all()
    assert (table["_generation"] == np.repeat([0, 2], sizes)).all()
    assert Report.load(tmp_path / "a" / "report.json") == report
    page = render_html(report)
    assert page.count('<svg class="chart"') == 4
    assert "PR-AUC" in page
    assert "Recommended" in summary_html(report)
    assert mix(real, people(600, 2), tmp_path / "b", **words) == report
    table = "table.parquet"
    assert (tmp_path / "a" / table).read_bytes() == (tmp_path / "b" / table).read_bytes()


def test_what_does_not_help_is_not(real: pd.DataFrame, tmp_path: Path) -> None:
    """Records whose target follows from nothing."""
    report = mix(real, people(60, 2, learnable=False), tmp_path / "out", target="ill", repeats=3)
    assert report.provenance["ratio"] == 0
    assert "Recommended: no synthetic records; nothing helped." in report.reasons[1]
    alone = [r for r in report.results if r.group == "synthetic alone"]
    assert alone[0].value < 0.7
    assert set(mixed(tmp_path / "out")) == {"real"}
    assert any("too few synthetic records to try 0.25, 0.5, 1, 2" in r for r in report.reasons)
    assert any("give them as --holdout" in r for r in report.reasons)


def test_a_number_as_target(real: pd.DataFrame, holdout: pd.DataFrame, tmp_path: Path) -> None:
    words: dict[str, Any] = {"target": "age", "holdout": holdout, "repeats": 3}
    report = ts.mix(real, people(30, 2), tmp_path / "out", **words)
    assert {r.name for r in report.results} == {"r2", "r2_gain"}
    assert report.provenance["figure"] == "r2"


def test_ratios_that_do_nothing_are_seldom_recommended() -> None:
    """By chance alone in 2.5 % of the studies at most; 12 of 300 come with a chance of 4 %."""
    rng = np.random.default_rng(0)
    ratios = (*RATIOS, ALONE)

    def curve() -> Curve:
        utility = rng.normal(0.8, 0.01, (12, len(ratios)))
        # as independent repeats would have it
        return Curve(ratios, {"roc_auc": utility}, 1 / 12, 100, 100)

    assert sum(curve().recommended() > 0 for _ in range(300)) <= 12


def test_the_smallest_of_those_that_help() -> None:
    gain = np.array([0, 0.001, 0.03, -0.02, 0.05, 0.06, 0.2])
    noise = np.random.default_rng(0).normal(0, 0.001, (12, 7))
    curve = Curve((*RATIOS, ALONE), {"r2": 0.5 + gain + noise}, 1 / 12 + 0.25, 100, 400)
    assert curve.recommended() == 0.25
    # the variance of overlapping splits is not that of independent ones
    _, low, high = curve.interval(curve.gains("r2")[:, 2])
    independent = Curve(curve.ratios, curve.utility, 1 / 12, 100, 400)
    _, near, far = independent.interval(independent.gains("r2")[:, 2])
    assert (high - low) / (far - near) == pytest.approx(math.sqrt((1 / 12 + 0.25) * 12))


def test_what_cannot_be_mixed(real: pd.DataFrame, holdout: pd.DataFrame, tmp_path: Path) -> None:
    drawn, out = people(100, 2), tmp_path / "out"

    def refused(kind: type[Exception], words: str, *tables: pd.DataFrame, **more: Any) -> None:
        options: dict[str, Any] = {"target": "ill", "repeats": 3, **more}
        with pytest.raises(kind, match=words):
            mix(*tables, out, **options)
        assert not out.exists()

    copies = real.sample(200, random_state=0)
    refused(DataError, "--holdout: expected records that are not in --real", real, drawn,
            holdout=copies)  # fmt: skip
    refused(DataError, "not in --synthetic", real, holdout[:300], holdout=holdout[:200])
    refused(DataError, "--holdout: expected at least 50", real, drawn, holdout=holdout[:20])
    refused(DataError, "2 to 50 classes, got 1;", real.assign(ill="no"), drawn.assign(ill="no"))
    refused(DataError, "--real: expected at least 250", real[:100], drawn)
    refused(DataError, "--synthetic: expected at least 25 records", real, drawn[:24])
    refused(DataError, "--synthetic", real, drawn.drop(columns="age"))
    refused(DataError, "column beside the target", real[["ill"]], drawn[["ill"]])
    refused(DataError, "column '_source'", real.assign(_source="real"), drawn)
    refused(UsageError, "--target", real, drawn, target="height")
    refused(UsageError, "--repeats", real, drawn, repeats=2)
    refused(UsageError, "--generation", real, drawn, generation=0)
