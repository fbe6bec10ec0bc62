"""What every registered synthesizer must do, on every table of the zoo."""

from __future__ import annotations

import dataclasses
import json
from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from tabsynth import registry
from tabsynth.encoding.codec import POOLED
from tabsynth.errors import ConditionError, DataError
from tabsynth.modelfile import Fitted, load
from tabsynth.sampler import sample
from tabsynth.schema.check import check
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.margins import margin
from tabsynth.synthesizers.protocol import Model, Synthesizer
from tabsynth.table import Table
from tests.quick import fit, fit_well
from tests.zoo import ZOO, every_type, field, many_categories

# reference packages come with an extra; tests/backends tries them
NAMES = [name for name in registry.names("synthesizers") if ":" not in name]

pytestmark = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    return {key: make() for key, make in ZOO.items()}


@cache
def fitted_on(animal: str, name: str) -> Fitted:
    """One fit for all tests that ask something of it: a model is frozen."""
    return fit(ZOO[animal](), synthesizer=name, seed=0)


def test_keeps_to_the_protocol(name: str) -> None:
    kind = registry.synthesizer(name)
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    assert isinstance(kind(), Synthesizer)
    assert kind.name == name
    assert kind.summary


@pytest.mark.parametrize("animal", sorted(ZOO))
def test_draws_valid_records(name: str, animal: str, tables: dict[str, Table]) -> None:
    fitted = fitted_on(animal, name)
    assert isinstance(fitted.model, Model)
    drawn = sample(fitted, 70, seed=1)
    assert drawn.num_rows == 70
    assert drawn.schema == tables[animal].schema.emitted
    data, violations = check(drawn.data, drawn.schema)
    assert violations == ()
    assert data.to_pydict() == drawn.data.to_pydict()


@pytest.mark.parametrize("animal", sorted(ZOO))
def test_a_saved_model_draws_the_same(
    name: str, animal: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    fitted = fitted_on(animal, name)
    path = tmp_path_factory.mktemp("models") / "m.tabsynth"
    fitted.save(path)
    again = load(path)
    assert sample(again, 90, seed=5).data.equals(sample(fitted, 90, seed=5).data)
    assert again.describe() == fitted.describe()


def test_same_seed_same_model_and_records(name: str, tables: dict[str, Table]) -> None:
    first, second = (fit(tables["every_type"], synthesizer=name, seed=3) for _ in range(2))
    assert sample(first, 50, seed=4).data.equals(sample(second, 50, seed=4).data)
    assert not sample(first, 50, seed=4).data.equals(sample(first, 50, seed=5).data)


def test_workers_do_not_change_the_records(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tabsynth.sampler.CHUNK_ROWS", 64)
    fitted = fitted_on("generated", name)
    one = sample(fitted, 500, seed=2, workers=1)
    assert one.data.equals(sample(fitted, 500, seed=2, workers=3).data)
    assert len(set(one.data["id"].to_pylist())) == 500
    assert len(set(one.data["key"].to_pylist())) == 500


def test_global_random_state_is_neither_read_nor_set(name: str, tables: dict[str, Table]) -> None:
    state = np.random.get_state()[1].tolist()  # noqa: NPY002 - the point of the test
    fitted = fit(tables["every_type"], synthesizer=name, seed=0)
    sample(fitted, 20, seed=0)
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


@pytest.mark.parametrize("column", every_type().schema.names)
def test_conditions_hold_in_every_record(name: str, column: str, tables: dict[str, Table]) -> None:
    table = tables["every_type"]
    fitted = fitted_on("every_type", name)
    values = table.column(column).drop_null().to_pylist()
    wanted = sorted(values)[len(values) // 2]
    drawn = sample(fitted, 40, seed=0, given={column: wanted})
    assert drawn.column(column).to_pylist() == [wanted] * 40


def test_one_condition_per_record(name: str) -> None:
    fitted = fitted_on("every_type", name)
    given = pa.table({"ok": [True, False, None], "grade": [1, None, 3]})
    drawn = sample(fitted, seed=0, given=given)
    assert drawn.num_rows == 3
    assert drawn.column("ok").to_pylist()[:2] == [True, False]
    assert [drawn.column("grade").to_pylist()[i] for i in (0, 2)] == [1, 3]


@pytest.mark.parametrize(
    "given",
    [{"whole number": 1000}, {"город": "nowhere"}, {"nothing": 1}, {"ratio": 1e9}, {"ok": "maybe"}],
)
def test_impossible_conditions_are_refused(name: str, given: dict[str, object]) -> None:
    fitted = fitted_on("every_type", name)
    with pytest.raises(ConditionError) as caught:
        sample(fitted, 5, given=given)
    assert str(next(iter(given.values()))) not in str(caught.value)


def test_generated_columns_cannot_be_given(name: str) -> None:
    fitted = fitted_on("generated", name)
    with pytest.raises(ConditionError, match="modelled"):
        sample(fitted, 5, given={"id": 900_000})


@pytest.mark.parametrize("rows", [0, 1, 9])
def test_too_few_records_are_refused(name: str, rows: int, tables: dict[str, Table]) -> None:
    few = tables["every_type"].take(np.arange(rows))
    with pytest.raises(DataError, match="at least 10 records"):
        fit(few, synthesizer=name)


def test_rare_categories_are_never_emitted(name: str) -> None:
    values = ["common"] * 500 + ["usual"] * 300 + ["rare"] * 4
    raw = pa.table({"c": values, "d": values})
    schema = TableSchema(fields=(field("c"), field("d", categories=("common", "usual", "rare"))))
    drawn = sample(fit(Table.checked(raw, schema), synthesizer=name, seed=0), 20_000, seed=0)
    assert set(drawn.column("c").to_pylist()) == {"common", "usual"}
    # what the schema declares is public: it may come out
    assert set(drawn.column("d").to_pylist()) == {"common", "usual", "rare"}


def test_one_persons_flag_and_one_gap_are_never_emitted(name: str) -> None:
    flags = [False] * 999 + [True]
    gaps = [None, *range(1, 1000)]
    declared = TableSchema(fields=(field("flag", "boolean"), field("x", "integer")))
    proposed = TableSchema(
        fields=(field("flag", "boolean", tabsynth={"observed": ("type",)}), field("x", "integer"))
    )
    raw = pa.table({"flag": flags, "x": gaps})
    drawn = sample(fit(Table.checked(raw, proposed), synthesizer=name, seed=0), 20_000, seed=0)
    assert set(drawn.column("flag").to_pylist()) == {False}
    assert drawn.column("x").null_count == 0
    drawn = sample(fit(Table.checked(raw, declared), synthesizer=name, seed=0), 20_000, seed=0)
    assert set(drawn.column("flag").to_pylist()) == {False, True}


@pytest.mark.parametrize("rows", [57, 1237, 19_873])
def test_the_exact_number_of_records_cannot_be_worked_out(name: str, rows: int) -> None:
    """Every share is a fraction of one grid, and the grid is the number to two digits."""
    rng = np.random.default_rng(rows)
    raw = pa.table({"a": rng.integers(0, 4, rows), "b": rng.choice(["u", "v"], rows)})
    schema = TableSchema(fields=(field("a", "integer"), field("b")))
    state = fit(Table.checked(raw, schema), synthesizer=name, seed=0).model.state()
    grid = 60 if rows == 57 else {1237: 1200, 19_873: 20_000}[rows]
    shares = [a for k, a in state.arrays.items() if k.endswith((".share", ".margin"))]
    if name == "trees":
        # logarithms of such shares, in steps of a 2,048th; of pairs there are no shares at all
        assert not shares
        logs = state.arrays["0.0.start"]
        counts = np.bincount(raw["a"].to_numpy())
        wanted = margin(np.repeat(np.arange(4), counts), 4, min_count=0)
        np.testing.assert_array_equal(logs[0], np.rint(np.log(wanted) * 2048))
        np.testing.assert_allclose(wanted * grid, np.rint(wanted * grid), atol=1e-9)
        return
    assert len(shares) == 2
    for share in shares:
        np.testing.assert_allclose(share * grid, np.rint(share * grid), atol=1e-9)


def test_extreme_values_are_never_emitted(name: str) -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=1000), [50.0, 60.0, 70.0, 80.0, -50.0, -60.0]])
    n = np.concatenate([rng.integers(0, 100, 1000), [5000, 6000, 7000, 8000, -900, -1000]])
    schema = TableSchema(fields=(field("x", "number"), field("n", "integer")))
    table = Table.checked(pa.table({"x": x, "n": n}), schema)
    drawn = sample(fit(table, synthesizer=name, seed=0), 50_000, seed=0)
    for column in ("x", "n"):
        ordered = np.sort(table.column(column).to_numpy())
        values = drawn.column(column).to_numpy()
        # the 5 smallest and 5 largest records leave no trace
        assert values.min() >= ordered[4]
        assert values.max() <= ordered[-5]


def test_continuous_columns_hand_out_no_training_values(name: str) -> None:
    x = np.random.default_rng(0).normal(size=5000)
    table = Table.checked(pa.table({"x": x}), TableSchema(fields=(field("x", "number"),)))
    fitted = fit(table, synthesizer=name, seed=0)
    drawn = sample(fitted, 20_000, seed=0).column("x").to_numpy()
    assert not np.isin(drawn, x).any()
    for array in fitted.model.state().arrays.values():
        assert not np.isin(array, x).any()


@pytest.mark.parametrize("animal", sorted(ZOO))
def test_no_training_record_can_be_rebuilt(
    name: str, animal: str, tables: dict[str, Table]
) -> None:
    """The state's size depends on cells, not records, and every cell stands for 5 records or more.

    Two tables with the same margins and the same pairwise cell moments give the same copula; so
    nothing beyond margins and pairs is in it. What could differ per record would need an array
    with one entry per record, and there is none. A forest has at most a fixed number of trees of 16
    leaves for each group of records that is large enough.
    """
    table = tables[animal]
    fitted = fitted_on(animal, name)
    state = fitted.model.state()
    rounds = fitted.parameters.get("rounds", 0)
    json.dumps(state.settings, allow_nan=False)
    for key, array in state.arrays.items():
        assert array.dtype.kind in "biuf", key
        most = max(table.num_rows // 5 + 3, len(table.schema.fields))
        part = key.rpartition(".")[2]
        if part in ("feature", "cut", "value"):
            # 8 leaves' worth of records and more to a group of its own
            assert array.shape[0] <= rounds * max(table.num_rows // 40, 1), key
        elif part in ("first", "start"):
            assert array.shape[0] <= most + 1, key
        elif part == "ranks":
            assert array.shape[1:] == (128,), key
        else:
            assert table.num_rows not in array.shape, key
            assert array.shape[0] <= most, key


def test_the_order_of_records_leaves_no_trace(name: str) -> None:
    """The model of a table and of its records in another order are the same: no order is kept."""
    table = every_type()
    shuffled = table.take(np.random.default_rng(0).permutation(table.num_rows))
    first, second = (fit(t, synthesizer=name, seed=0).model.state() for t in (table, shuffled))
    assert first.settings == second.settings
    for key, array in first.arrays.items():
        np.testing.assert_allclose(array, second.arrays[key], rtol=0, atol=1e-5, err_msg=key)


def test_missingness_goes_with_the_other_columns(name: str) -> None:
    rng = np.random.default_rng(0)
    flag = rng.random(6000) < 0.5
    amount = np.where(flag, rng.normal(size=6000), np.nan)
    raw = pa.table({"flag": flag, "amount": pa.array(amount, from_pandas=True)})
    schema = TableSchema(fields=(field("flag", "boolean"), field("amount", "number")))
    drawn = sample(fit_well(Table.checked(raw, schema), synthesizer=name, seed=0), 6000, seed=0)
    missing = drawn.column("amount").is_null().to_numpy(zero_copy_only=False)
    assert abs(missing.mean() - np.mean(~flag)) < 0.03
    if name == "independent":
        return
    drawn_flag = drawn.column("flag").to_numpy(zero_copy_only=False).astype(bool)
    assert missing[~drawn_flag].mean() > 0.95
    assert missing[drawn_flag].mean() < 0.05


def test_many_categories_stay_sparse(name: str) -> None:
    table = many_categories()
    fitted = fit(table, synthesizer=name, seed=0)
    each = 80 if name == "trees" else 40
    assert sum(a.nbytes for a in fitted.model.state().arrays.values()) < each * 20_000
    codes = fitted.model.codec.encode(table)[0]  # type: ignore[attr-defined]
    assert codes.dtype.itemsize <= 4
    assert (codes != POOLED).all()
