"""What every registered synthesizer must do with a table under every kind of constraint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tabsynth import registry, sampler
from tabsynth.constraints.training import violations
from tabsynth.modelfile import Fitted, load
from tabsynth.sampler import sample
from tabsynth.schema.check import check
from tabsynth.table import Table
from tests.constrained import RULES, constrained
from tests.quick import fit

NAMES = [name for name in registry.names("synthesizers") if ":" not in name]


@pytest.fixture(autouse=True)
def rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "BUILT_IN", {**registry.BUILT_IN, "constraints": RULES})


@pytest.fixture(scope="module", params=NAMES)
def fitted(request: pytest.FixtureRequest) -> Fitted:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "BUILT_IN", {**registry.BUILT_IN, "constraints": RULES})
        return fit(constrained(), synthesizer=request.param, seed=0)


def require_valid(drawn: Table, rows: int) -> None:
    assert drawn.num_rows == rows
    assert check(drawn.data, drawn.schema)[1] == ()
    assert violations(drawn) == ()


@pytest.mark.parametrize("rows", [1, 60, 900])
def test_exactly_as_many_valid_records(fitted: Fitted, rows: int) -> None:
    drawn = sample(fitted, rows, seed=1)
    require_valid(drawn, rows)
    assert drawn.schema == constrained().schema.emitted


def test_workers_and_a_file_do_not_change_the_records(
    fitted: Fitted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sampler, "CHUNK_ROWS", 64)
    one = sample(fitted, 300, seed=2, workers=1)
    require_valid(one, 300)
    assert one.data.equals(sample(fitted, 300, seed=2, workers=3).data)
    fitted.save(tmp_path / "m.tabsynth")
    again = load(tmp_path / "m.tabsynth")
    assert one.data.equals(sample(again, 300, seed=2, workers=2).data)
    assert again.describe() == fitted.describe()


@pytest.mark.parametrize(
    "given",
    [
        {"city": "city 4", "country": "country 1"},
        {"country": "country 1"},
        {"green": True},
        {"start": "2019-12-01"},
        {"age": 12},
        {"children": 2},
    ],
)
def test_conditions_and_constraints_hold_together(fitted: Fitted, given: dict[str, Any]) -> None:
    drawn = sample(fitted, 40, seed=3, given=given)
    require_valid(drawn, 40)
    for name, value in given.items():
        assert {str(v) for v in drawn.column(name).to_pylist()} == {str(value)}


def test_conditions_differ_from_record_to_record(fitted: Fitted) -> None:
    given = {"city": ["city 1", None, None], "red": [None, True, None], "age": [None, None, 33]}
    drawn = sample(fitted, seed=4, given=pa.table(given))
    require_valid(drawn, 3)
    assert drawn.column("city").to_pylist()[0] == "city 1"
    assert drawn.column("red").to_pylist()[1] is True
    assert drawn.column("age").to_pylist()[2] == 33
