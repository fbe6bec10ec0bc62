"""The benchmark of engines runs on a small table; its judge tells a copier from other people."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from tests.bench.bills import bills
from tests.bench.costs import Shape
from tests.bench.engines import REAL, Settings, every_engine, run, with_parameters
from tests.bench.engines_page import page
from tests.bench.frontier import drawing, trial
from tests.bench.judge import (
    copies,
    detection,
    excess_closeness,
    levels,
    triples_variation,
    utility,
)
from tests.bench.trees_scaling import in_a_process


@pytest.fixture(scope="module")
def parts() -> list[pd.DataFrame]:
    frame = bills(1200)
    return [frame.iloc[i : i + 400].reset_index(drop=True) for i in (0, 400, 800)]


def test_bills_run_on_from_month_to_month() -> None:
    frame = bills(500)
    assert frame.equals(bills(500))
    assert not frame.equals(bills(500, seed=1))
    unpaid = np.maximum(frame["bill_2"] - frame["pay_2"], -2000)
    # a month adds charges only; bills are rounded, and cut at -5000
    assert (frame["bill_1"] >= unpaid - 1).all()


def test_the_judge_tells_a_copier_from_other_people(parts: list[pd.DataFrame]) -> None:
    train, holdout, others = parts
    assert excess_closeness(train, holdout, train) == 1.0
    # the standard error of 400 records is 0.05; 5 of them
    assert abs(excess_closeness(train, holdout, others)) < 0.25
    assert copies(train, train) == 1.0
    assert copies(train, others) < 0.02
    seen = levels(train, train)
    assert triples_variation(seen, seen) == 0.0
    assert triples_variation(seen, levels(train, others)) > 0.1
    assert 0.3 < utility(train, holdout, others, "default") <= 1.0


def test_the_order_of_records_does_not_bear_on_detection(parts: list[pd.DataFrame]) -> None:
    """Of 400 and 400 from one table, an area has a standard error of 0.02; 5 of them."""
    train, holdout, others = parts
    by = list(holdout.columns[:2])
    for one in (holdout, holdout.sort_values(by), holdout.sort_values(by, ascending=False)):
        assert abs(detection(train, one, others) - 0.5) < 0.1


def test_a_small_run_has_a_page() -> None:
    rows = run(Settings(("bills",), (REAL[1], "independent", "no such engine"), (0,), 400))
    assert [len(row["runs"]) for row in rows] == [1, 1, 0]
    assert rows[0]["runs"][0]["excess"] == 1.0
    # of 80 holdout records the attack asks nothing
    assert rows[1]["runs"][0]["membership_p"] is None
    assert rows[1]["runs"][0]["fit_cpu_seconds"] > 0
    assert "failed" in rows[2]
    text = page({"engines": rows, "seeds": [0], "slow": [120.0, 2]})
    assert "## bills" in text
    assert "not asked" in text


def test_engines_are_named_with_their_parameters() -> None:
    assert with_parameters("sdv:ctgan(epochs=10)") == ("sdv:ctgan", {"epochs": 10})
    assert with_parameters("trees") == ("trees", {})
    assert every_engine()[-1] == "arfpy"
    assert {"trees", "ctgan(epochs=10)", "ctgan:ctgan(epochs=10)"} < set(every_engine())


def test_the_frontier_is_drawn_in_picture_and_words() -> None:
    points = [
        {"table": "bills", "closeness": c, "runs": [trial("bills", c, 0, records=300)]}
        for c in (0.0, 1.0)
    ]
    root = ElementTree.fromstring(drawing(points))
    words = next(e.text for e in root.iter() if e.tag.endswith("desc"))
    assert words is not None
    assert words.count("closeness ") == 2


def test_scaling_runs_on_a_small_table() -> None:
    found = in_a_process(Shape(800, 2, 1, 1))
    assert (found["records"], found["columns"], found["sampled"]) == (800, 4, False)
    assert found["fit_seconds"] > 0
