"""What every source keeps to: its models are models like any other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tabsynth import registry
from tabsynth.comparison import Comparison
from tabsynth.errors import ConditionError
from tabsynth.metrics.validity import validity
from tabsynth.modelfile import Fitted, load
from tabsynth.sampler import CHUNK_ROWS, sample, sample_to
from tabsynth.schema.check import check
from tabsynth.simulated import simulate
from tabsynth.synthesizers.odds import Odds
from tabsynth.synthesizers.protocol import Conditional, Model, ModelState
from tests.simulators import installed

PROCEDURAL = {
    "source": "procedural",
    "columns": [
        {"name": "id", "generator": {"kind": "sequence", "prefix": "P-"}},
        {"name": "level",
         "draw": {"kind": "categorical", "shares": {"low": 5, "high": 2, "top": 1}}},
        {"name": "age", "type": "integer", "minimum": 18, "maximum": 90,
         "draw": {"kind": "normal", "mean": {"by": "level", "values": {"low": 40}, "otherwise": 60},
                  "sd": 15}},
        {"name": "flag", "missing": 0.1,
         "draw": {"kind": "bernoulli", "probability": {"logistic": "0.1 * age - 5"}}},
        {"name": "amount", "decimals": 2, "draw": {"kind": "gamma", "shape": 2, "scale": "age"}},
        {"name": "start", "draw": {"kind": "dates", "first": "2026-01-01", "last": "2026-12-31"}},
        {"name": "end", "type": "date", "draw": {"kind": "formula", "expression": "start + age"}},
    ],
    "constraints": [{"kind": "expression", "expression": "amount < 900 or level == 'top'"}],
}  # fmt: skip


def procedural() -> Fitted:
    return simulate(PROCEDURAL)


def simulation() -> Fitted:
    priors = {
        "share": {"kind": "uniform", "low": 0, "high": 1},
        "scale": {"kind": "loguniform", "low": 5, "high": 50},
    }
    return simulate({"source": "simulation", "simulator": "visits", "parameters": priors})


MAKERS: dict[str, Callable[[], Fitted]] = {"procedural": procedural, "simulation": simulation}


@pytest.fixture(params=registry.names("sources"), scope="module")
def fitted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fitted]:
    with installed(tmp_path_factory.mktemp("package")):
        made = MAKERS[request.param]()
        assert made.synthesizer == request.param
        yield made


def test_a_source_says_what_it_is(fitted: Fitted) -> None:
    kind = registry.find("sources", fitted.synthesizer)
    assert kind.name == fitted.synthesizer
    assert kind.summary
    assert kind.traits.conditions == "weighted"
    assert isinstance(fitted.model, Model)
    assert isinstance(fitted.model, Conditional)
    assert all(isinstance(line, str) for line in fitted.describe())
    # the word that tables mixed of several sources have for its records
    assert fitted.source == "simulated"


@pytest.mark.parametrize("rows", [1, 2, 997])
def test_so_many_records_as_asked_that_keep_the_schema(fitted: Fitted, rows: int) -> None:
    drawn = sample(fitted, rows, seed=3)
    assert drawn.num_rows == rows
    assert drawn.schema == fitted.schema.emitted
    stored, violations = check(drawn.data, fitted.schema)
    assert not violations
    assert stored.schema.types == drawn.data.schema.types
    assert stored.to_pydict() == drawn.data.to_pydict()


def test_the_seed_alone_decides(fitted: Fitted) -> None:
    rows = CHUNK_ROWS + 100
    one, two = (sample(fitted, rows, seed=5, workers=w).data for w in (1, 3))
    assert one.to_pydict() == two.to_pydict()
    # the first chunk does not depend on how many follow
    assert (
        sample(fitted, 50, seed=6).data.to_pydict() == sample(fitted, 50, seed=6).data.to_pydict()
    )
    assert (
        sample(fitted, 50, seed=6).data.to_pydict() != sample(fitted, 50, seed=7).data.to_pydict()
    )


def test_a_file_gives_the_same_model(fitted: Fitted, tmp_path: Path) -> None:
    fitted.save(tmp_path / "m.tabsynth")
    back = load(tmp_path / "m.tabsynth")
    assert back.describe() == fitted.describe()
    assert back.source == "simulated"
    assert (
        sample(back, 300, seed=1).data.to_pydict() == sample(fitted, 300, seed=1).data.to_pydict()
    )


def test_the_state_is_plain_and_belongs_to_its_schema(fitted: Fitted) -> None:
    state = fitted.model.state()
    json.dumps(state.settings, allow_nan=False)
    kind = registry.find("sources", fitted.synthesizer)
    with pytest.raises((ValueError, LookupError)):
        kind.restore(sample(fitted, 1, seed=0).schema, ModelState({}, {}))
    fewer = fitted.plan.learnt.model_copy(update={"fields": fitted.plan.learnt.fields[:1]})
    with pytest.raises(ValueError, match="schema"):
        kind.restore(fewer, state)


@pytest.mark.parametrize(
    "given",
    [{"level": "top"}, {"age": 40}, {"level": "high", "age": 71}, {"flag": True, "level": "low"}],
    ids=str,
)
def test_conditions_are_met_in_every_record(fitted: Fitted, given: dict[str, object]) -> None:
    drawn = sample(fitted, 400, given=given, seed=1)
    assert drawn.num_rows == 400
    for name, wanted in given.items():
        assert drawn.column(name).to_pylist() == [wanted] * 400
    assert len(set(drawn.column("amount").to_pylist())) > 20


def test_a_condition_for_each_record_and_a_free_cell(fitted: Fitted) -> None:
    wanted = ["top", None, "low", "high"] * 50
    ages = [30, 60, None, None] * 50
    given = pa.table({"level": wanted, "age": pa.array(ages, pa.int64())})
    drawn = sample(fitted, given=given, seed=2)
    assert drawn.num_rows == 200
    for asked, column in ((wanted, "level"), (ages, "age")):
        got = drawn.column(column).to_pylist()
        assert all(w is None or w == g for w, g in zip(asked, got, strict=True))
    assert set(drawn.column("level").to_pylist()[1::4]) >= {"low", "high"}


def test_what_cannot_be_is_refused(fitted: Fitted) -> None:
    for given in ({"age": 100_000}, {"level": "nowhere"}, {"nothing": 1}):
        with pytest.raises(ConditionError):
            sample(fitted, 5, given=given, seed=0)


def test_the_odds_of_all_categories_add_up_to_one(fitted: Fitted) -> None:
    model = fitted.model
    assert isinstance(model, Conditional)
    levels = model.levels("level")
    assert sorted(levels) == ["high", "low", "top"]
    schema = fitted.plan.learnt
    given = sample(fitted, 200, seed=0).select(
        schema.model_copy(update={"fields": (schema.field("level"),)})
    )
    first = [given.column("level").to_pylist().index(level) for level in levels]
    odds: Odds = model.odds(3, given=given.take(np.array(first)), rng=np.random.default_rng(0))
    assert odds.probability.sum() == pytest.approx(1, abs=0.05)
    assert (odds.effective > 0).all()


def test_quotas_and_the_evaluator_take_it(fitted: Fitted, tmp_path: Path) -> None:
    even = sample(fitted, 300, shares={"level": "equal"}, seed=0)
    assert {even.column("level").to_pylist().count(x) for x in ("low", "high", "top")} == {100}
    three = [sample(fitted, 200, seed=s).modelled for s in range(3)]
    assert all(r.value in (0, None) for r in validity(Comparison(*three)) if r.unit == "records")
    assert sample_to(tmp_path / "t.csv", fitted, 10, seed=0) == 10
