from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import tabsynth as ts
from tabsynth import registry
from tabsynth.choice import Choice
from tabsynth.encoding.analysis import analyze
from tabsynth.encoding.freeze import freeze
from tabsynth.errors import DataError
from tabsynth.preflight import Preflight, size_of
from tabsynth.synthesizers.protocol import Cost, Size
from tabsynth.table import Table
from tabsynth.workflow import plan
from tests import zoo
from tests.bench.costs import ENGINES, Shape, in_a_process

TABLES = {
    "every type": zoo.every_type,
    "generated": zoo.generated,
    "duplicates": zoo.duplicates,
    "many numbers": lambda: Table.from_pandas(
        pd.DataFrame({"x": np.random.default_rng(0).normal(size=60_000),
                      "n": np.random.default_rng(1).poisson(9, 60_000)})
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_the_size_is_about_that_of_the_codec(name: str) -> None:
    table = TABLES[name]()
    size = size_of(table)
    assert size.records == table.num_rows
    cells = [c.cells for c in freeze(analyze(table)).columns]
    for guessed, true in zip(size.cells, cells, strict=True):
        assert true / 2 - 4 <= guessed <= 2 * true + 4


def test_the_estimate_is_one_line_of_rounded_figures() -> None:
    ready = Preflight(Choice("trees"), Size(39_073, (3, 4)), 24 * 10**9, Cost(125.0, 3.14e8))
    line = ready.estimate()
    found = re.fullmatch(
        r"trees on 39,000 records and 2 columns: about (\d+) (s|min), 314 MB of memory "
        r"\(24 GB are free\)", line,
    )  # fmt: skip
    assert found, line
    ready.require_room()


def test_nothing_is_said_where_nothing_is_known() -> None:
    silent = Preflight(Choice("plugin"), Size(100, (2,)), 10, None)
    assert silent.estimate().endswith("time and memory are not known beforehand")
    silent.require_room()
    free = Preflight(Choice("trees"), Size(100, (2,)), None, Cost(1.0, 1e15))
    assert "free" not in free.estimate()
    free.require_room()


def test_a_fit_without_room_is_refused_with_ways_out() -> None:
    size = Size(10_000_000, (500,) * 40)
    least = registry.synthesizer("gaussian_copula")().cost(size).memory
    ready = Preflight(Choice("trees"), size, int(2 * least), Cost(1.0, 3 * least))
    with pytest.raises(DataError, match=r"fit a sample .*merge categories .*gaussian_copula"):
        ready.require_room()
    with pytest.raises(DataError, match="a machine with more memory"):
        Preflight(Choice("trees"), size, 1000, Cost(1.0, 3e9)).require_room()


def test_a_fit_asks_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN["synthesizers"], "huge", "tests.huge:Huge")
    said: list[str] = []
    with pytest.raises(DataError, match=r"got one by huge that needs about 1,000 TB"):
        ts.fit(zoo.duplicates(), synthesizer="huge", seed=0, say=said.append)
    assert re.match(r"huge on 60 records and 2 columns: about \d+ (s|min), 1,000 TB", said[0])


def test_hard_columns_are_told_in_words() -> None:
    rng = np.random.default_rng(0)
    n = 4000
    frame = pd.DataFrame(
        {
            "city": [f"city {i % 300}" for i in range(n)],
            "village": [f"v{i}" for i in range(n // 2)] + ["town"] * (n // 2),
            "age": rng.integers(18, 90, n),
            "land": "CH",
            "nothing": pd.Series([None] * n, dtype="float"),
        }
    )
    fields = [
        zoo.field("city"), zoo.field("village"), zoo.field("age", "integer"), zoo.field("land"),
        zoo.field("nothing", "number"), zoo.field("note", tabsynth={"free_text": "drop"}),
        zoo.field("remark", tabsynth={"free_text": "replace"}),
        zoo.field("id", "integer", tabsynth={"generator": zoo.Sequence()}),
    ]  # fmt: skip
    frame = frame.assign(note="so", remark="and so", id=range(n))
    table = Table.from_pandas(frame, ts.TableSchema(fields=tuple(fields)))
    _, ready = plan(table, "gaussian_copula")
    assert ready.lines(table)[1:] == [
        "`city`: 300 categories, laid out along one scale",
        "`village`: 50 % of the values are shared by fewer than 5 records each, and will not be "
        "drawn",
        "`note`: free text, left out",
        "`remark`: free text, replaced by a placeholder",
        "`id`: invented anew, not learnt",
        "`land`: one value only, kept",
        "`nothing`: no values, stays empty",
    ]
    _, ready = plan(table)
    assert ready.lines(table)[0].startswith("synthesizer trees: ")
    assert "`city`: 300 categories, coded hierarchically" in ready.lines(table)


def test_of_very_many_hard_columns_some_are_named() -> None:
    frame = pd.DataFrame({f"c{j}": [f"v{i // 5}" for i in range(1500)] for j in range(12)})
    schema = ts.TableSchema(fields=tuple(zoo.field(name) for name in frame))
    table = Table.from_pandas(frame, schema)
    lines = plan(table, "independent")[1].lines(table)
    assert len(lines) == 10
    assert lines[-1].startswith("4 more columns of many or rare categories")


@pytest.mark.parametrize("engine", ENGINES)
def test_memory_is_within_a_factor_of_the_estimate(engine: str) -> None:
    # trees take long enough to be measured on fewer records
    shape = Shape(5_000, 4, 1, 1) if engine == "trees" else Shape(150_000, 6, 2, 2, 1_000)
    found = in_a_process(engine, shape)
    assert found["memory"] < 1.2 * found["estimated_memory"], found
    assert found["estimated_memory"] < 5 * found["memory"], found
