"""What a stranger gets wrong, the commands put right: overwriting, mixed-up files, unread notes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import tabsynth as ts
from tabsynth.errors import UsageError
from tests.e2e.scene import Place, Run


@pytest.mark.parametrize(
    "arguments",
    [
        ("fit", "{table}", "-o", "{table}"),
        ("schema", "infer", "{table}", "-o", "{table}"),
        ("sample", "{model}", "-o", "{model}"),
        ("schema", "convert", "{schema}", "-o", "{schema}"),
        ("run", "{table}", "--schema", "{schema}", "-o", "{inputs}"),
    ],
)
def test_no_input_is_written_over(place: Place, tabsynth: Run, arguments: tuple[str, ...]) -> None:
    names = {
        "table": place.inputs / "table.csv",
        "schema": place.inputs / "schema.yaml",
        "model": place.inputs / "good.tabsynth",
        "inputs": place.inputs,
    }
    before = {p.name: p.read_bytes() for p in place.inputs.iterdir()}
    done = tabsynth(*[a.format(**names) for a in arguments], "--quiet")
    assert done.refused(2)
    assert {p.name: p.read_bytes() for p in place.inputs.iterdir()} == before


def test_train_in_the_place_of_the_holdout_is_refused(place: Place, tabsynth: Run) -> None:
    table = place.inputs / "table.csv"
    done = tabsynth(
        "evaluate", "--train", table, "--holdout", table, "--synthetic", table,
        "--schema", place.inputs / "schema.yaml", "-o", place.outputs / "e", "--quiet",
    )  # fmt: skip
    assert done.refused(4) == "holdout"


def test_a_run_without_a_schema_says_what_it_takes_columns_for(
    tmp_path: Path, tabsynth: Run
) -> None:
    people = pd.DataFrame(
        {"email": [f"p{i}@a.example" for i in range(60)], "x": [i % 7 for i in range(60)]}
    )
    people.to_csv(tmp_path / "people.csv", index=False)
    done = tabsynth("run", tmp_path / "people.csv", "-o", tmp_path / "out", "--seed", "1")
    assert "note: column 'email': taken for personal data" in done.err
    report = ts.Report.load(tmp_path / "out" / "report.json")
    assert report.provenance["columns"]["invented"] == ["email"]
    assert report.provenance["command"].endswith("--seed 1")
    assert "people.csv" not in report.to_json()


def test_dropped_columns_are_not_missed(tmp_path: Path, tabsynth: Run) -> None:
    frame = pd.DataFrame({"x": [i % 7 for i in range(90)], "note": [f"n{i}" for i in range(90)]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "s.yaml").write_text(
        "fields:\n  - {name: x, type: integer}\n"
        "  - {name: note, type: string, tabsynth: {free_text: drop}}\n"
    )
    out = tmp_path / "out"
    assert tabsynth("run", tmp_path / "t.csv", "--schema", tmp_path / "s.yaml", "-o", out).code == 3
    done = tabsynth("schema", "check", out / "schema.yaml", out / "synthetic.parquet")
    assert done.code == 0, done.err
    schema = ts.load_schema(tmp_path / "s.yaml")
    train, holdout = ts.split(ts.Table.from_pandas(frame, schema), seed=0)
    assert ts.evaluate(train, holdout, frame).find("valid_cells").value == 1.0


def test_python_misuse_is_told_in_words() -> None:
    with pytest.raises(UsageError, match=r"tabsynth\.read_table"):
        ts.fit("people.csv")  # type: ignore[arg-type]


def test_one_name_in_the_place_of_a_list_is_told_so(place: Place) -> None:
    frame = pd.read_csv(place.table)
    train, holdout = ts.split(frame, seed=1)
    calls = (
        lambda: ts.audit(frame, protected="city", target="income"),
        lambda: ts.audit(frame, protected=["city"], target="income", strata="age"),
        lambda: ts.evaluate(train, holdout, train, protected="city"),
        lambda: ts.compare(frame, "independent,gaussian_copula"),
    )
    for call in calls:
        with pytest.raises(UsageError, match="expected a list of names, got one text; write"):
            call()


def test_what_is_no_model_is_not_sampled_from() -> None:
    with pytest.raises(UsageError, match="got a str; fit or load one"):
        ts.sample("people.tabsynth", 10)  # type: ignore[arg-type]
