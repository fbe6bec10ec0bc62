"""The reference packages keep our protocol, with what they cannot keep said aloud."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pyarrow as pa
import pytest
import torch

from tabsynth import registry
from tabsynth.backends import frames
from tabsynth.backends.engines import RECORDS, Engine
from tabsynth.backends.packages import contained
from tabsynth.errors import ConditionError, DataError
from tabsynth.modelfile import Fitted, load
from tabsynth.sampler import sample
from tabsynth.schema.check import check
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tabsynth.testing import check_synthesizer
from tabsynth.workflow import fit
from tests.backends.conftest import NAMES, WITH_RECORDS, quick
from tests.zoo import ZOO, field


def test_there_are_four() -> None:
    assert NAMES == ["ctgan:ctgan", "sdv:ctgan", "sdv:gaussian_copula", "sdv:tvae"]


def test_keeps_the_contract_for_plugins(name: str) -> None:
    kind = registry.synthesizer(name)
    assert kind.name == name
    short = [(key, int, value) for key, value in quick(name).items()]
    check_synthesizer(dataclasses.make_dataclass(kind.__name__, short, bases=(kind,), frozen=True))


@pytest.mark.parametrize("animal", sorted(set(ZOO) - {"many_categories", "wide"}))
def test_draws_valid_records_of_every_table(name: str, animal: str) -> None:
    table = ZOO[animal]()
    model = fit(table, synthesizer=name, parameters=quick(name), seed=0)
    drawn = sample(model, 70, seed=1)
    assert drawn.num_rows == 70
    assert drawn.schema == table.schema.emitted
    data, violations = check(drawn.data, drawn.schema)
    assert violations == ()
    assert data.schema.types == drawn.data.schema.types
    assert data.to_pydict() == drawn.data.to_pydict()


def test_a_saved_model_draws_the_same(
    name: str, fitted: Fitted, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("models") / "m.tabsynth"
    fitted.save(path)
    again = load(path)
    assert sample(again, 90, seed=5).data.equals(sample(fitted, 90, seed=5).data)
    assert again.describe() == fitted.describe()


def test_what_is_rebuilt_draws_what_the_packages_own_object_draws(name: str, table: Table) -> None:
    learnt = frames.learn(table)
    metadata = frames.to_metadata(table.schema, learnt)
    parameters = dataclasses.asdict(registry.synthesizer(name)(**quick(name)))
    with contained(np.random.default_rng(0)):
        own = Engine.fit(name, frames.to_frame(table, learnt), metadata, parameters)
        state = own.take_apart()
    with contained(np.random.default_rng(1)) as seed:
        expected = own.draw(200, seed)
    with contained(np.random.default_rng(2)):
        rebuilt = Engine.put_together(name, metadata, parameters, state)
    with contained(np.random.default_rng(1)) as seed:
        drawn = rebuilt.draw(200, seed)
    assert drawn.equals(expected)


def test_same_seed_same_model_and_records(name: str, table: Table, fitted: Fitted) -> None:
    again = fit(table, synthesizer=name, parameters=quick(name), seed=0)
    for key, array in fitted.model.state().arrays.items():
        np.testing.assert_array_equal(array, again.model.state().arrays[key], err_msg=key)
    assert again.model.state().settings == fitted.model.state().settings
    assert sample(again, 50, seed=4).data.equals(sample(fitted, 50, seed=4).data)
    assert not sample(fitted, 50, seed=4).data.equals(sample(fitted, 50, seed=5).data)


def test_workers_do_not_change_the_records(fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tabsynth.sampler.CHUNK_ROWS", 64)
    one = sample(fitted, 300, seed=2, workers=1)
    assert one.data.equals(sample(fitted, 300, seed=2, workers=3).data)


def test_global_random_state_is_put_back(name: str, table: Table) -> None:
    np.random.seed(5)  # noqa: NPY002
    random.seed(6)
    torch.manual_seed(7)
    expected = np.random.RandomState(5).random(), random.Random(6).random()
    tensor = torch.rand(1, generator=torch.Generator().manual_seed(7))
    sample(fit(table, synthesizer=name, parameters=quick(name), seed=0), 20, seed=0)
    assert (np.random.random(), random.random()) == expected  # noqa: NPY002
    assert torch.equal(torch.rand(1), tensor)


def test_training_records_are_told_of_and_left_out(
    name: str, table: Table, fitted: Fitted, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert fitted.keeps_records == (name in WITH_RECORDS)
    assert registry.synthesizer(name).traits.keeps_records == (name in WITH_RECORDS)
    stripped = fitted.stripped()
    assert not stripped.keeps_records
    shapes = [array.shape for array in stripped.model.state().arrays.values()]
    assert not any(table.num_rows in shape for shape in shapes)
    path = tmp_path_factory.mktemp("stripped") / "m.tabsynth"
    fitted.save(path, strip=True)
    assert sample(load(path), 90, seed=5).data.equals(sample(fitted, 90, seed=5).data)
    warned = "holds training records" in " ".join(fitted.describe())
    assert warned == fitted.keeps_records
    assert "holds training records" not in " ".join(stripped.describe())


def test_the_records_in_a_model_are_the_training_records(
    name: str, table: Table, fitted: Fitted
) -> None:
    """Rows of the array are columns of the table: a code for the category of every record."""
    codes = fitted.model.state().arrays.get(RECORDS)
    assert (codes is not None) == (name in WITH_RECORDS)
    if codes is None:
        return
    assert codes.shape[1] == table.num_rows
    values = table.column("ok").to_pylist()
    pairs = [set(zip(values, column.tolist(), strict=True)) for column in codes]
    # true, false and missing, each with a code of its own
    assert 3 in map(len, pairs)


def test_the_copula_keeps_dependence() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=2000)
    raw = pa.table({"x": base, "y": base + 0.1 * rng.normal(size=2000)})
    table = Table.checked(raw, TableSchema(fields=(field("x", "number"), field("y", "number"))))
    drawn = sample(fit(table, synthesizer="sdv:gaussian_copula", seed=0), 4000, seed=0)
    x, y = (drawn.column(c).to_numpy() for c in ("x", "y"))
    assert np.corrcoef(x, y)[0, 1] > 0.95
    near = sample(
        fit(table, synthesizer="sdv:gaussian_copula", seed=0), 500, seed=0, given={"x": 1.5}
    )
    assert set(near.column("x").to_pylist()) == {1.5}
    assert abs(near.column("y").to_numpy().mean() - 1.5) < 0.2


def test_conditions_hold_in_every_record(table: Table, fitted: Fitted) -> None:
    for column in ("price", "ok", "grade", "born", "seen utc"):
        values = table.column(column).drop_null().to_pylist()
        wanted = sorted(values)[len(values) // 2]
        drawn = sample(fitted, 40, seed=0, given={column: wanted})
        assert drawn.column(column).to_pylist() == [wanted] * 40, column


def test_one_condition_per_record(fitted: Fitted) -> None:
    given = pa.table({"ok": [True, False, None], "grade": [1, None, 3]})
    drawn = sample(fitted, seed=0, given=given)
    assert drawn.column("ok").to_pylist()[:2] == [True, False]
    assert [drawn.column("grade").to_pylist()[i] for i in (0, 2)] == [1, 3]


@pytest.mark.parametrize(
    "given", [{"whole number": 1000}, {"город": "nowhere"}, {"nothing": 1}, {"ratio": 1e9}]
)
def test_impossible_conditions_are_refused(given: dict[str, object], fitted: Fitted) -> None:
    with pytest.raises(ConditionError) as caught:
        sample(fitted, 5, given=given)
    assert str(next(iter(given.values()))) not in str(caught.value)


def test_generated_columns_cannot_be_given() -> None:
    model = fit(ZOO["generated"](), synthesizer="sdv:gaussian_copula", seed=0)
    with pytest.raises(ConditionError, match="modelled"):
        sample(model, 5, given={"id": 900_000})


def test_conditions_that_hardly_ever_come_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tabsynth.backends.matching.MOST", 8_000)
    # each in 1 % of the records, independent of each other: all together in 1 of 100,000,000
    columns = {f"c{i}": [("r" if k % 100 == i else "s") for k in range(1000)] for i in range(4)}
    schema = TableSchema(fields=tuple(field(name) for name in columns))
    table = Table.checked(pa.table(columns), schema)
    model = fit(table, synthesizer="sdv:gaussian_copula", seed=0)
    drawn = sample(model, 9, seed=0, given={"c0": "r"})
    assert drawn.column("c0").to_pylist() == ["r"] * 9
    with pytest.raises(ConditionError, match="none meets"):
        sample(model, 9, seed=0, given=dict.fromkeys(columns, "r"))


@pytest.mark.parametrize("rows", [0, 1, 9])
def test_too_few_records_are_refused(name: str, rows: int, table: Table) -> None:
    with pytest.raises(DataError, match="at least 10 records"):
        fit(table.take(np.arange(rows)), synthesizer=name)


def test_what_a_package_refuses_shows_no_value(table: Table) -> None:
    few = table.select(TableSchema(fields=table.schema.fields[3:5]))
    with pytest.raises(DataError, match="stopped \\(AssertionError\\)") as caught:
        fit(few, synthesizer="ctgan:ctgan", parameters={"epochs": 1, "pac": 7}, seed=0)
    assert caught.value.__cause__ is None


def test_layers_may_be_given_as_text(table: Table) -> None:
    parameters = {"epochs": "1", "generator_dim": "(16, 8)", "discriminator_dim": "16"}
    few = table.select(TableSchema(fields=table.schema.fields[3:5]))
    model = fit(few, synthesizer="sdv:ctgan", parameters=parameters, seed=0)
    assert model.parameters["generator_dim"] == (16, 8)
    assert model.model.state().arrays["weights.seq.1.fc.weight"].shape[0] == 8
