from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabsynth.errors import UsageError
from tabsynth.generations.regimes import BOOTSTRAP, parse_regimes
from tabsynth.table import Table

RECORDS = 40


def numbered(first: int) -> Table:
    """Records that can be told apart."""
    return Table.from_pandas(pd.DataFrame({"a": np.arange(first, first + RECORDS)}))


def values(table: Table) -> list[int]:
    return [int(v) for v in table.column("a").to_pylist()]


def test_what_each_regime_learns_from() -> None:
    real, first, second = numbered(0), numbered(100), numbered(200)
    floor, replace, accumulate, mix = parse_regimes("replace, accumulate,mix:0.25")
    rng = np.random.default_rng(0)
    assert values(replace.lesson(real, [first, second], rng)) == values(second)
    every = values(real) + values(first) + values(second)
    assert values(accumulate.lesson(real, [first, second], rng)) == every
    drawn = values(mix.lesson(real, [first, second], rng))
    assert len(set(drawn)) == RECORDS
    assert sum(v < 100 for v in drawn) == RECORDS // 4
    assert sum(v >= 200 for v in drawn) == 3 * RECORDS // 4
    # other real records each time
    again = values(mix.lesson(real, [first, second], rng))
    assert {v for v in drawn if v < 100} != {v for v in again if v < 100}
    assert floor == BOOTSTRAP
    resampled = values(floor.lesson(real, [first], rng))
    assert set(resampled) < set(values(first))
    assert len(resampled) == RECORDS


def test_a_share_however_small_leaves_something_of_both() -> None:
    rng = np.random.default_rng(0)
    for share in ("0.001", "0.999"):
        drawn = values(parse_regimes(f"mix:{share}")[1].lesson(numbered(0), [numbered(100)], rng))
        assert 0 < sum(v < 100 for v in drawn) < RECORDS


@pytest.mark.parametrize(
    "text",
    [
        "", "magic", "replace,replace", "bootstrap", "mix", "mix:", "mix:0", "mix:1", "mix:1.5",
        "mix:-0.1", "mix:nan", "mix:1e-1", "mix:0.5,mix:.50", "replace,,accumulate", "Replace",
    ],
)  # fmt: skip
def test_regimes_that_make_no_sense(text: str) -> None:
    with pytest.raises(UsageError, match="--regimes: expected replace, accumulate or mix:SHARE"):
        parse_regimes(text)
