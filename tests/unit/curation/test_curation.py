from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import tabsynth as ts
from tabsynth.curation.sifting import (
    COPIED,
    IMPLAUSIBLE,
    REPEATED,
    Sifted,
    copies,
    rejected,
    repeats,
)
from tabsynth.curation.study import certificate_beside, curate
from tabsynth.errors import DataError, UsageError
from tabsynth.report.html import render_html, summary_html
from tabsynth.report.model import Report


def people(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.normal(45, 12, rows).round(3)
    return pd.DataFrame({
        "age": age, "weight": (age + rng.normal(0, 3, rows)).round(3),
        "sex": rng.choice(["f", "m"], rows, p=[0.3, 0.7]),
        "town": rng.choice(["A", "B", "C"], rows, p=[0.6, 0.37, 0.03]),
    })  # fmt: skip


def apart(rows: int, seed: int) -> pd.DataFrame:
    """Columns on their own, as `independent` draws them, and worse in women."""
    frame, rng = people(rows, seed), np.random.default_rng(seed + 100)
    wrong = rng.random(rows) < np.where(frame["sex"] == "f", 0.5, 0.1)
    frame.loc[wrong, "weight"] = rng.permutation(frame["weight"])[wrong]
    return frame


def test_a_poor_table_is_told_from_real_ones_less_well_and_groups_keep_their_shares(
    tmp_path: Path,
) -> None:
    train, holdout, drawn = people(400, 0), people(400, 1), apart(400, 2)
    drawn.iloc[10] = train.iloc[0]
    drawn.iloc[12] = drawn.iloc[11]
    words: dict[str, Any] = {"train": train, "holdout": holdout, "protected": ["sex"], "seed": 1}
    report = ts.curate(drawn, tmp_path / "a", certified=True, **words)
    assert report.find("c2st_auc").value < report.find("c2st_auc_before").value - 0.02
    with (tmp_path / "a" / "audit.csv").open() as file:
        gone = {int(line["record"]): line["reason"] for line in csv.DictReader(file)}
    assert gone[11] == COPIED
    assert gone[13] == REPEATED
    implausible = [i for i, reason in gone.items() if reason == IMPLAUSIBLE]
    assert 20 < len(implausible) <= 0.2 * 398
    table = pq.read_table(tmp_path / "a" / "table.parquet").to_pandas()
    assert len(table) == 400 - len(gone) == report.provenance["kept_records"]
    assert set(table["_source"]) == {"synthetic"}
    left = drawn.drop(index=[10, 12])
    whole = len(implausible) / len(left)
    for column, value in (("sex", "f"), ("sex", "m"), ("town", "C")):
        group = left[left[column] == value]
        lost = len(set(group.index + 1) & set(implausible))
        assert lost <= whole * len(group) + 1, value
    assert report.find("unique_copies_before").value > 0
    assert report.find("unique_copies").value == 0
    names = {r.name for r in report.results}
    assert {
        "beta_recall",
        "entropy_ratio",
        "categories_kept",
        "group_share",
        "membership_auc",
    } <= names
    assert any("no claim of differential privacy" in reason for reason in report.reasons)
    assert any("not carried over" in reason for reason in report.reasons)
    assert Report.load(tmp_path / "a" / "report.json") == report
    page = render_html(report)
    assert COPIED in page
    assert "no claim of differential privacy" in page
    assert "records went" in summary_html(report)
    assert curate(drawn, tmp_path / "b", certified=True, **words) == report
    for name in ("table.parquet", "audit.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_cap_holds_in_every_group() -> None:
    """The worst are all in one group, beside another that overlaps it."""
    rng = np.random.default_rng(0)
    first = np.arange(1000) < 300
    scores = np.where(first, 0.9, 0.6) + rng.random(1000) / 20
    masks = [first, ~first, rng.random(1000) < 0.02]
    chosen = rejected(scores, masks)
    assert 0.15 < chosen.mean() <= 0.2
    for mask in masks:
        assert chosen[mask].sum() <= chosen.mean() * mask.sum() + 1
    assert not rejected(np.full(1000, 0.4), masks).any()
    # nothing is to be rejected outside a group: then hardly anything in it
    assert rejected(np.where(first, 0.9, 0.1), masks).sum() <= 5


def test_what_a_group_lost_already_counts() -> None:
    """A group that rules made smaller loses none by its looks, and the others' loss makes up."""
    rng = np.random.default_rng(0)
    first = np.arange(1000) < 300
    gone = first & (np.arange(1000) % 10 == 0)
    scores = np.where(first, 0.9, 0.6) + rng.random(1000) / 20
    chosen = rejected(scores, [first, ~first], gone=gone)
    assert not (chosen & gone).any()
    whole = chosen | gone
    assert whole[first].sum() <= whole.mean() * 300 + 1
    assert 0.15 < chosen.sum() / 970 <= 0.2
    half = first & (np.arange(1000) % 2 == 0)
    assert not rejected(scores, [first, ~first], gone=half)[first].any()


def test_groups_that_rules_make_smaller_are_named_and_weighed(tmp_path: Path) -> None:
    train, holdout, drawn = people(600, 0), people(300, 1), people(1000, 2)
    schema = ts.infer_schema(train)
    body = schema.model_dump(mode="json", by_alias=True, exclude_none=True)
    rule = {"kind": "expression", "expression": "sex == 'm' or weight < 45"}
    body["tabsynth"] = {**body.get("tabsynth", {}), "constraints": [rule]}
    strict = type(schema).model_validate(body)
    real, apart_ = (
        ts.Table.from_pandas(f[(f["sex"] == "m") | (f["weight"] < 45)], strict)
        for f in (train, holdout)
    )
    report = curate(drawn, tmp_path / "out", train=real, holdout=apart_, protected=["sex"], seed=1)
    assert "sex f" in report.provenance["shrunk"]
    assert any("The column _weight" in reason for reason in report.reasons)
    table = pq.read_table(tmp_path / "out" / "table.parquet").to_pandas()
    plain = (table["sex"] == "f").mean()
    weighed = np.average(table["sex"] == "f", weights=table["_weight"])
    assert plain < 0.22
    assert weighed == pytest.approx((drawn["sex"] == "f").mean(), abs=1e-6)
    assert table["_weight"].mean() == pytest.approx(1)
    # what is judged or filtered again has the columns that were drawn
    again = pq.read_table(tmp_path / "out" / "table.parquet")
    assert ts.evaluate(real, apart_, again, seed=1).find("valid_cells").value == 1
    curate(again, tmp_path / "again", train=real, holdout=apart_, protected=["sex"], seed=1)


def test_a_group_of_which_nothing_stays_is_named() -> None:
    gone = np.array(["broken"] * 3 + [""] * 7, dtype=object)
    groups_ = {"a": np.arange(10) < 3, "b": np.arange(10) >= 3}
    found = Sifted(gone, groups_, float("nan"))
    assert found.emptied == ["a"]
    assert found.weights() is None


def test_copies_and_repeats() -> None:
    train, holdout = np.array([1, 2, 2, 3, 4]), np.array([3, 5, 6, 2, 2])
    # 1, 4 and 5 are one person's, learnt from or not; 3 is in both tables, 2 is of several
    drawn = np.array([1, 2, 3, 4, 5, 9])
    alone = [np.arange(5), np.arange(5)]
    found = copies([train, holdout], alone, drawn)
    assert found.tolist() == [True, False, False, True, True, False]
    # both records of 2 in train, and both in the holdout, are one person's: still of two persons
    own = [np.array([0, 1, 1, 2, 3]), np.array([0, 1, 2, 3, 3])]
    assert copies([train, holdout], own, drawn).tolist() == found.tolist()
    assert copies([train], own[:1], drawn).tolist() == [True, True, True, True, False, False]
    both = np.concatenate([train, holdout])
    # 2 is 4 of 10 real records, so 4 of 10 may be
    assert repeats(np.array([2] * 6 + [9, 9, 1, 7]), both).tolist() == [
        *[False] * 4, True, True, False, True, False, False]  # fmt: skip


def test_rules_and_what_cannot_be_curated(tmp_path: Path) -> None:
    train, holdout, drawn = people(300, 0), people(200, 1), people(200, 2)
    schema = ts.infer_schema(train)
    rule = {"kind": "inequality", "columns": ["weight", "age"]}
    body = schema.model_dump(mode="json", by_alias=True, exclude_none=True)
    body["tabsynth"] = {**body.get("tabsynth", {}), "constraints": [rule]}
    ordered = type(schema).model_validate(body)
    table = ts.Table.from_pandas(train[train["weight"] <= train["age"]], ordered)
    below = holdout[holdout["weight"] <= holdout["age"]]
    report = curate(drawn, tmp_path / "rules", train=table, holdout=below)
    broken = int((drawn["weight"] > drawn["age"]).sum())
    (found,) = [n for why, n in report.provenance["removed"].items() if why.startswith("breaks")]
    assert found == broken > 50
    nothing = drawn.assign(weight=drawn["age"] + 1)
    out = tmp_path / "out"

    def refused(words: str, kind: type[Exception] = DataError, **more: Any) -> None:
        options: dict[str, Any] = {"synthetic": drawn, "train": train, "holdout": holdout, **more}
        with pytest.raises(kind, match=words):
            curate(options.pop("synthetic"), out, **options)
        assert not out.exists()

    refused(
        "records that are worth keeping, got none", synthetic=nothing, train=table, holdout=below
    )
    refused("--holdout: expected records that are not in --train", holdout=train[:100])
    refused("--holdout: expected at least 50", holdout=holdout[:20])
    refused("SYNTHETIC: expected at least 50", synthetic=drawn[:20])
    refused("SYNTHETIC", synthetic=drawn.drop(columns="age"))
    refused("column '_source'", train=train.assign(_source="real"))
    refused("--protected", UsageError, protected=["height"])


def test_a_certificate_is_seen(tmp_path: Path) -> None:
    place = tmp_path / "synthetic.parquet"
    manifest = tmp_path / "manifest.json"
    assert not certificate_beside(place)
    for text, there in (
        ('{"privacy": {"certificate": {"epsilon": 1}}}', True),
        ('{"privacy": {"certificate": null}}', False), ("[]", False), ("{", False),
    ):  # fmt: skip
        manifest.write_text(text)
        assert certificate_beside(place) is there
