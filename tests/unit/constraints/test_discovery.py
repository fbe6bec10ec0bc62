from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import tabsynth as ts
from tabsynth.constraints.discovery import proposed
from tabsynth.constraints.rules import broken
from tabsynth.table import Table
from tabsynth.workflow import infer_schema
from tests.constrained import records
from tests.zoo import ZOO

ROWS = 2000


def words(columns: dict[str, Any]) -> list[str]:
    table = Table.checked(pa.table(columns), infer_schema(pa.table(columns)))
    found = proposed(table)
    assert all(c.observed for c in found)
    assert not any(broken(c, table).any() for c in found)
    return [c.words for c in found]


def test_what_was_planted_is_found_and_nothing_else() -> None:
    schema = infer_schema(pa.table(records(2000)), constraints=True)
    assert [c.words for c in schema.tabsynth.constraints] == [
        "known combinations of city, country",
        "exactly one of red, green, blue",
        "gross = net + tax",
        "start <= end",
        "price in steps of 0.05",
        "day in steps of 2",
        "at most one value in phone, mail",
        "no two records alike in day, room",
    ]
    assert "8 constraints proposed" in schema.tabsynth.notes[-1]
    assert infer_schema(pa.table(records(2000))).tabsynth.constraints == ()


@pytest.mark.parametrize("seed", range(3))
def test_independent_columns_show_no_rule(seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {
        "age": rng.integers(17, 90, ROWS), "income": rng.integers(1_000, 90_000, ROWS),
        "small": rng.integers(1, 16, ROWS), "flag": rng.random(ROWS) < 0.1,
        "rare": rng.random(ROWS) < 0.005, "x": rng.normal(size=ROWS),
        "spend": np.where(rng.random(ROWS) < 0.9, 0, rng.integers(1, 500, ROWS)),
        "city": rng.choice([f"c{i}" for i in range(40)], ROWS),
        "gap": pa.array(rng.normal(size=ROWS), mask=rng.random(ROWS) < 0.95),
        "hole": pa.array(rng.normal(size=ROWS), mask=rng.random(ROWS) < 0.95),
        "when": [dt.date(2000, 1, 1) + dt.timedelta(int(d)) for d in rng.integers(0, 900, ROWS)],
        **{f"bit {i}": rng.integers(0, 2, ROWS) for i in range(20)},
    }  # fmt: skip
    assert words(columns) == []


def test_orders_come_as_one_chain() -> None:
    steps = np.cumsum(np.random.default_rng(0).exponential(50, (ROWS, 6)), axis=1).round(2)
    assert words({f"b{i}": steps[:, i] for i in range(6)}) == ["b0 <= b1 <= b2 <= b3 <= b4 <= b5"]


def test_an_order_that_one_record_breaks_is_none() -> None:
    a = np.random.default_rng(0).integers(0, 500, ROWS)
    b = a + 3
    assert words({"a": a, "b": b}) == ["a <= b"]
    b[1777] = a[1777] - 1
    assert words({"a": a, "b": b}) == []


def test_a_hierarchy_comes_as_one_rule() -> None:
    rng = np.random.default_rng(0)
    city = rng.integers(0, 60, ROWS)
    columns = {"city": city, "region": city // 6, "country": city // 30, "other": city % 2}
    columns["other"] = rng.integers(0, 3, ROWS)
    texts = {n: [f"{n} {v}" for v in column] for n, column in columns.items()}
    assert words(texts) == ["known combinations of city, region, country"]


def test_sums_of_many_neighbours_and_of_distant_columns() -> None:
    rng = np.random.default_rng(0)
    parts = {f"p{i}": rng.integers(0, 90, ROWS) for i in range(7)}
    noise = rng.integers(0, 9000, ROWS)
    columns = {**parts, "noise": noise, "sum": sum(parts.values()), "two": parts["p0"] + noise}
    assert words(columns) == [
        "sum = p0 + p1 + p2 + p3 + p4 + p5 + p6", "two = p0 + noise",
    ]  # fmt: skip


def test_running_balances_are_told_by_what_goes_before_them() -> None:
    rng = np.random.default_rng(0)
    held, columns = rng.integers(0, 90_000, 500), {}
    columns["held_0"] = held / 100
    for month in (1, 2):
        bought, paid = rng.integers(0, 30_000, 500), rng.integers(0, 20_000, 500)
        held = held + bought - paid
        columns |= {f"bought_{month}": bought / 100, f"paid_{month}": paid / 100,
                    f"held_{month}": held / 100}  # fmt: skip
    told = [
        "held_1 = held_0 + bought_1 - paid_1",
        "held_2 = held_1 + bought_2 - paid_2",
    ]
    assert [w for w in words(columns) if "=" in w] == told
    model = ts.fit(pd.DataFrame(columns), schema=infer_schema(pa.table(columns), constraints=True),
                   synthesizer="independent", seed=0)  # fmt: skip
    assert model.plan.describe() == [f"Kept by construction: {'; '.join(told)}."]
    drawn = ts.sample(model, 300, seed=1).to_pandas()
    kept = drawn["held_1"] + drawn["bought_2"] - drawn["paid_2"] - drawn["held_2"]
    assert kept.abs().max() < 1e-6
    # what follows from two sums is not told again
    net = {**columns, "net_2": np.round(columns["bought_2"] - columns["paid_2"], 2)}
    assert sum("- paid_2" in w for w in words(net)) == 0


def test_few_records_show_nothing() -> None:
    assert words({"a": np.arange(40), "b": np.arange(40) + 1}) == []


@pytest.mark.parametrize("animal", sorted(ZOO))
def test_proposals_for_tables_that_break_things_hold(animal: str) -> None:
    table = ZOO[animal]()
    assert not any(broken(c, table.modelled).any() for c in proposed(table))


def test_a_table_learns_under_its_own_proposals() -> None:
    frame = pd.DataFrame(Table.checked(pa.table(records(800)), infer_schema(
        pa.table(records(800)))).to_pandas())  # fmt: skip
    schema = infer_schema(pa.table(records(800)), constraints=True)
    fitted = ts.fit(frame, schema=schema, synthesizer="independent", seed=0)
    drawn = ts.sample(fitted, 500, seed=0)
    for constraint in schema.tabsynth.constraints:
        assert not broken(constraint, drawn.modelled).any()
