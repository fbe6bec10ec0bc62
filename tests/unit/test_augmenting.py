"""More records of rare classes: what helps is seen to help, and what does not is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import average_precision_score

import tabsynth as ts
from tabsynth import rare_trials
from tabsynth.augmenting import augment
from tabsynth.errors import DataError, PrivacyError, TabsynthError
from tabsynth.rare_trials import NOTHING, SYNTHETIC, Classes, folds, tried
from tabsynth.report.html import render_html, summary_html
from tabsynth.report.model import Report
from tabsynth.table import Table


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rare_trials, "DRAWS", 100)


def errors(rows: int, seed: int) -> pd.DataFrame:
    """Error codes of a machine: two are rare and follow from heat and load together."""
    rng = np.random.default_rng(seed)
    heat, load = rng.normal(size=rows), rng.normal(size=rows)
    code = np.where(heat * load > 0, "ok", "slow")
    code[(heat > 0.8) & (load > 0.8) & (rng.random(rows) < 0.7)] = "E1"
    code[(heat < -0.8) & (load > 0.8) & (rng.random(rows) < 0.7)] = "E2"
    return pd.DataFrame({"heat": heat, "load": load, "code": code})


def spots(rows: int, seed: int, *, learnable: bool = True) -> pd.DataFrame:
    """A failure in a few spots: a thing that few records teach badly."""
    rng = np.random.default_rng(seed)
    heat, load = rng.uniform(-3, 3, rows), rng.uniform(-3, 3, rows)
    fails = np.sin(2 * heat) * np.sin(2 * load) > 0.75
    if not learnable:
        fails = rng.permutation(fails)
    return pd.DataFrame({"heat": heat, "load": load, "code": np.where(fails, "E1", "ok")})


WORDS: dict[str, Any] = {"target": "code", "synthesizer": "gaussian_copula", "seed": 1}


def test_the_files_say_what_was_done(tmp_path: Path) -> None:
    frame = errors(400, 0)
    report = augment(frame, tmp_path / "a", rare="E1", rows=60, **WORDS)
    table = pq.read_table(tmp_path / "a" / "table.parquet").to_pandas()
    assert list(table["_source"]) == ["real"] * 400 + ["synthetic"] * 60
    assert set(table["code"][400:]) == {"E1"}
    pd.testing.assert_frame_equal(table[:400][frame.columns].astype(frame.dtypes), frame)
    assert Report.load(tmp_path / "a" / "report.json") == report
    assert report.verdict == "inconclusive"
    assert report.provenance["classes"] == ["E1"]
    assert ("helped" if report.provenance["helped"] else "Nothing was gained") in report.reasons[1]
    page = render_html(report)
    assert "Class weights".lower() in page
    assert report.reasons[1] in summary_html(report).replace("&#39;", "'")
    again = augment(frame, tmp_path / "b", rare="E1", rows=60, **WORDS)
    assert again == report
    name = "table.parquet"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_balance_brings_classes_to_the_largest_and_leaves_single_people_alone(
    tmp_path: Path,
) -> None:
    frame = errors(600, 0)
    frame.loc[:8, "code"] = "E9"
    report = augment(frame, tmp_path / "out", **WORDS)
    table = pq.read_table(tmp_path / "out" / "table.parquet").to_pandas()
    before, after = frame["code"].value_counts(), table["code"].value_counts()
    assert after["E9"] == before["E9"] == 9
    assert report.provenance["left_alone"] == ["E9"]
    assert any("Left alone" in reason and "E9" in reason for reason in report.reasons)
    largest = before.max()
    for code in ("E1", "E2"):
        assert after[code] == min(largest, 11 * before[code])
    gains = {r.group for r in report.results if r.name == "class_gain"}
    assert gains == set(before.index) - {"E9", before.idxmax()}


def test_what_helps_is_seen_to_help_and_what_says_nothing_is_not() -> None:
    """Models of many other people in the place of those of the few at hand."""
    frame = spots(400, 0)
    table = Table.from_pandas(frame, ts.infer_schema(frame))
    classes = Classes("code", ("ok", "E1"), (1,))
    parts = folds(classes.of(table), np.asarray(table.units), seed=0)
    others = {
        learnable: ts.fit(
            spots(20_000, 5, learnable=learnable), schema=table.schema, synthesizer="trees", seed=0
        )
        for learnable in (True, False)
    }
    for learnable, fitted in others.items():
        trial = tried(table, classes, parts, [fitted] * len(parts), seed=0)
        gain = trial.mean(SYNTHETIC, "pr_auc") - trial.mean(NOTHING, "pr_auc")
        assert (np.quantile(gain[1:], 0.025) > 0) == learnable
        assert (gain[0] > 0) == learnable
        # other people are not nearer to those that were learnt from
        assert abs(trial.closer.mean()) < 0.25
        assert trial.copies.max() == 0


def test_new_records_that_are_the_old_ones_are_near() -> None:
    frame = errors(3000, 0)
    table = Table.from_pandas(frame, ts.infer_schema(frame))
    members, others, drawn = (table.take(np.arange(i, i + 1000)) for i in (0, 1000, 2000))
    rng = np.random.default_rng(0)
    assert rare_trials._closer(members, others, members, rng) == 1.0
    assert rare_trials._closer(members, others, others, rng) == -1.0
    # three standard errors of a share of 1,000
    assert abs(rare_trials._closer(members, others, drawn, rng)) < 0.1


def test_folds_keep_people_together_and_have_every_class() -> None:
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(120), 3)
    places = np.repeat(rng.permutation(np.repeat([0, 1, 2], [60, 45, 15])), 3)
    for units in (people, np.arange(len(people))):
        made = folds(places, units, seed=3)
        assert sorted(np.concatenate([test for _, test in made])) == list(range(len(people)))
        for learn, test in made:
            assert not set(units[learn]) & set(units[test])
            assert set(places[learn]) == set(places[test]) == {0, 1, 2}


def test_figures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    right = (rng.random(500) < 0.1).astype(np.float64)
    scores = np.round(right * 0.2 + rng.random(500), 1)
    weights = rng.integers(0, 3, 500).astype(np.float64)
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), 499)
    found, recall = rare_trials._precision_and_recall(weights[order], right[order], ends)
    assert found == pytest.approx(average_precision_score(right, scores, sample_weight=weights))
    best = max(
        (weights * right)[scores >= cut].sum() / (weights * right).sum()
        for cut in [*np.unique(scores), 9]
        if cut == 9 or (weights * right)[scores >= cut].sum() >= 0.5 * weights[scores >= cut].sum()
    )
    assert recall == pytest.approx(best)


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"rare": "E7"}, DataError, "a value that occurs"),
        ({"rare": "E9"}, PrivacyError, "at least 10 records"),
        ({"rare": "ok"}, DataError, "the largest"),
        ({"target": "heat"}, DataError, "with classes"),
        ({"target": "one"}, DataError, "2 to 50 classes"),
        ({"target": "even"}, DataError, "nothing to balance"),
        ({"target": "none"}, TabsynthError, "--target"),
    ],
)
def test_what_cannot_be_done_is_refused(
    change: dict[str, Any], kind: type[Exception], words: str, tmp_path: Path
) -> None:
    frame = errors(400, 0).assign(one="a", even=np.tile(["a", "b"], 200))
    frame.loc[:8, "code"] = "E9"
    with pytest.raises(kind, match=words):
        augment(frame, tmp_path / "out", **{**WORDS, **change})
    assert not (tmp_path / "out").exists()


def test_nine_records_of_one_person_are_one_person(tmp_path: Path) -> None:
    frame = errors(400, 0).assign(person=np.arange(400))
    frame.loc[:29, "code"] = "E9"
    frame.loc[:29, "person"] = 0
    schema = ts.infer_schema(frame)
    schema = schema.model_copy(
        update={
            "tabsynth": schema.tabsynth.model_copy(update={"privacy_unit": "person"}),
        }
    )
    with pytest.raises(PrivacyError, match="privacy units"):
        augment(Table.from_pandas(frame, schema), tmp_path / "out", rare="E9", **WORDS)
