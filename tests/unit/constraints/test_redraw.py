from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.constraints import redraw
from tabsynth.constraints.plan import Plan
from tabsynth.constraints.redraw import draw_kept, without_repeats
from tabsynth.constraints.uniqueness import Seen
from tabsynth.errors import ConditionError, DataError
from tabsynth.table import Table
from tests.constrained import schema_of

FIELDS: list[dict[str, Any]] = [{"name": n, "type": "integer"} for n in ("a", "b")]
Sample = Callable[[int, Table | None], Table]


def even(limit: int) -> Plan:
    """A plan that only drawing again keeps: b is small."""
    return Plan.of(schema_of([{"kind": "expression", "expression": f"b < {limit}"}], FIELDS))


def uniform(plan: Plan, seed: int = 0, width: int = 1000) -> Sample:
    """A model of two columns from 0 to `width`; it meets conditions on `a` only."""
    rng = np.random.default_rng(seed)

    def sample(rows: int, given: Table | None) -> Table:
        a, b = rng.integers(0, width, (2, rows))
        if given is not None:
            told = given.column("a")
            a = np.where(told.is_null(), a, told.fill_null(0).to_numpy())
        return Table(plan.learnt, pa.table({"a": a, "b": b}))

    return sample


@pytest.mark.parametrize("rows", [1, 7, 500])
@pytest.mark.parametrize("limit", [1000, 500, 10])
def test_exactly_as_many_records_as_asked_for(rows: int, limit: int) -> None:
    plan = even(limit)
    drawn = draw_kept(plan, uniform(plan), rows)
    assert drawn.num_rows == rows
    assert drawn.column("b").to_numpy().max() < limit
    again = draw_kept(plan, uniform(plan), rows)
    assert again.data.equals(drawn.data)


def test_records_drawn_again_are_like_the_others() -> None:
    plan = even(100)
    b = draw_kept(plan, uniform(plan), 20_000).column("b").to_numpy()
    # of 100 counts around 200, one in 10,000 such tests would see one beyond 5 deviations
    assert np.abs(np.bincount(b, minlength=100) - 200).max() < 5 * np.sqrt(200)


def test_constraints_that_nothing_keeps_are_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redraw, "PATIENCE", 20_000)
    plan = even(0)
    with pytest.raises(DataError, match=r"`b < 0`, got none of [\d,]+ that were drawn"):
        draw_kept(plan, uniform(plan), 5)


def test_one_condition_that_a_model_cannot_be_told_is_met_by_drawing_again() -> None:
    rules = [{"kind": "inequality", "columns": ["a", "b"]}]
    plan = Plan.of(schema_of(rules, FIELDS))
    rng = np.random.default_rng(0)

    def sample(rows: int, given: Table | None) -> Table:
        assert given is None
        columns = {"a": rng.integers(0, 20, rows), "b - a": rng.integers(0, 9, rows),
                   "b without a": np.zeros(rows, int)}  # fmt: skip
        return Table(plan.learnt, pa.table(columns))

    wanted = Table(plan.schema.model_copy(update={"fields": plan.schema.fields[1:]}),
                   pa.table({"b": [7]}))  # fmt: skip
    drawn = draw_kept(plan, sample, 50, wanted)
    assert drawn.column("b").to_pylist() == [7] * 50
    assert set(drawn.column("a").to_pylist()) <= set(range(8))


def test_each_condition_is_met_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = even(50)
    given = Table(plan.schema.model_copy(update={"fields": plan.schema.fields[:1]}),
                  pa.table({"a": [3, None, 5, 7, None, 9]}))  # fmt: skip
    drawn = draw_kept(plan, uniform(plan), 6, given)
    values = drawn.column("a").to_pylist()
    assert [values[i] for i in (0, 2, 3, 5)] == [3, 5, 7, 9]
    assert drawn.column("b").to_numpy().max() < 50
    monkeypatch.setattr(redraw, "MOST_EACH", 2_000)
    with pytest.raises(DataError, match="none of"):
        draw_kept(even(0), uniform(even(0)), 6, given)


def test_a_condition_that_is_hardly_ever_met_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redraw, "PATIENCE", 20_000)
    rules = [{"kind": "inequality", "columns": ["a", "b"]}]
    plan = Plan.of(schema_of(rules, FIELDS))

    def sample(rows: int, given: Table | None) -> Table:
        zeros = np.zeros(rows, int)
        return Table(plan.learnt, pa.table({"a": zeros, "b - a": zeros, "b without a": zeros}))

    wanted = Table(plan.schema.model_copy(update={"fields": plan.schema.fields[1:]}),
                   pa.table({"b": [7]}))  # fmt: skip
    with pytest.raises(ConditionError, match=r"given 'b': .* none of [\d,]+ that"):
        draw_kept(plan, sample, 50, wanted)


def unique() -> Plan:
    return Plan.of(schema_of([{"kind": "unique", "columns": ["a", "b"]}], FIELDS))


def test_repeats_are_drawn_again_until_nothing_is_left_to_draw() -> None:
    plan, seen = unique(), Seen(unique().unique)
    sample = uniform(plan, width=10)
    parts = []
    for rows in (40, 40, 20):
        part = without_repeats(plan, sample, draw_kept(plan, sample, rows), seen=seen)
        assert part.num_rows == rows
        parts.append(part.data.to_pandas())
    every = {tuple(row) for part in parts for row in part.to_numpy().tolist()}
    assert len(every) == 100


def test_more_records_than_there_are_keys_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redraw, "PATIENCE", 20_000)
    plan = unique()
    sample = uniform(plan, width=5)
    with pytest.raises(DataError, match="no two records alike in a, b"):
        without_repeats(plan, sample, draw_kept(plan, sample, 26), seen=Seen(plan.unique))


def test_unlike_records_are_told_apart_over_many_tables() -> None:
    schema = schema_of(
        [{"kind": "unique", "columns": ["s", "x", "d"]}, {"kind": "unique", "columns": ["t"]}],
        [{"name": "s"}, {"name": "x", "type": "number"}, {"name": "d", "type": "date"},
         {"name": "t", "type": "datetime"}],
    )  # fmt: skip
    rng = np.random.default_rng(1)
    seen, known = Seen(Plan.of(schema).unique), (set(), set())
    for _ in range(12):
        rows = int(rng.integers(1, 60))
        d = pa.array(rng.integers(0, 3, rows).astype("int32"), mask=rng.random(rows) < 0.1)
        raw = {
            "s": rng.choice(["a", "b", "c"], rows), "x": rng.choice([0.0, -0.0, 1.5], rows),
            "d": d.cast(pa.date32()), "t": pa.array(rng.integers(0, 400, rows), pa.timestamp("us")),
        }  # fmt: skip
        table = Table.checked(pa.table(raw), schema)
        mask = seen.new(table)
        taken = table.take(np.flatnonzero(mask))
        seen.add(taken)
        for row in taken.data.to_pylist():
            first, second = (row["s"], row["x"], row["d"]), row["t"]
            assert first not in known[0]
            assert second not in known[1]
            known[0].add(first if row["d"] is not None else object())
            known[1].add(second)
        # nothing that is new is left out
        for row, new in zip(table.data.to_pylist(), mask, strict=True):
            if not new:
                repeats = (row["s"], row["x"], row["d"]) in known[0] or row["t"] in known[1]
                assert repeats or _repeats_within(table, row)


def _repeats_within(table: Table, row: dict[str, Any]) -> bool:
    """Another record of the table is alike in a key; which of the two is kept is chance."""
    rows = table.data.to_pylist()
    keys = [(r["s"], r["x"], r["d"]) for r in rows]
    return (
        keys.count((row["s"], row["x"], row["d"])) > 1 or [r["t"] for r in rows].count(row["t"]) > 1
    )


def test_what_was_seen_takes_eight_bytes_a_record() -> None:
    plan = unique()
    seen = Seen(plan.unique)
    for start in range(0, 40_000, 1000):
        numbers = np.arange(start, start + 1000)
        seen.add(Table(plan.schema, pa.table({"a": numbers, "b": numbers})))
    runs = seen._known[0][1].runs
    assert sum(run.nbytes for run in runs) == 8 * 40_000
    assert len(runs) < 12
