"""What every registered private synthesizer must do, on every table of the private zoo."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tabsynth import registry
from tabsynth.errors import ConditionError, PrivacyError
from tabsynth.modelfile import Fitted
from tabsynth.privacy.domain import Domain
from tabsynth.sampler import sample
from tabsynth.schema.check import check
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.protocol import Conditional, ModelState, PrivateModel, PrivateSynthesizer
from tests import quick
from tests.private_zoo import PRIVATE_ZOO, admitted
from tests.zoo import field

NAMES = registry.names("private_synthesizers")
RHO = 0.1

pytestmark = pytest.mark.parametrize("name", NAMES)


def kind(name: str) -> Any:
    return registry.find("private_synthesizers", name)


def refused(name: str, animal: str) -> str | None:
    """Why a table is too large for a synthesizer, before anything is spent; None when it is not."""
    try:
        getattr(kind(name)(), "check", lambda domain: None)(
            Domain.declared(PRIVATE_ZOO[animal]()[1])
        )
    except PrivacyError as error:
        return str(error)
    return None


@cache
def model(name: str, animal: str) -> PrivateModel:
    data = admitted(PRIVATE_ZOO[animal](), rho=RHO)
    fitted: PrivateModel = quick.private(name).fit(data, rng=np.random.default_rng(0))
    assert 0 <= data.remaining < RHO
    # of several columns, all of the budget is used
    assert len(data.domain.names) == 1 or data.remaining <= 1e-9 * RHO
    return fitted


def drawn(fitted: PrivateModel, n: int, given: pa.Table | None = None, seed: int = 1) -> pa.Table:
    whole = Fitted(fitted, fitted.schema, "any")
    return sample(whole, n, seed=seed, given=given).data


def test_keeps_to_the_protocol(name: str) -> None:
    assert dataclasses.is_dataclass(kind(name))
    assert kind(name).__dataclass_params__.frozen
    assert isinstance(kind(name)(), PrivateSynthesizer)
    assert kind(name).name == name
    assert kind(name).summary


@pytest.mark.parametrize("animal", sorted(PRIVATE_ZOO))
def test_draws_valid_records(name: str, animal: str) -> None:
    if (why := refused(name, animal)) is not None:
        # only what is large, with its size and a way out, and without a cost
        assert animal == "wide"
        assert "got 300; use mst" in why
        data = admitted(PRIVATE_ZOO[animal](), rho=RHO)
        with pytest.raises(PrivacyError):
            kind(name)().fit(data, rng=np.random.default_rng(0))
        assert data.remaining == RHO
        return
    fitted = model(name, animal)
    assert isinstance(fitted, PrivateModel)
    assert isinstance(fitted, Conditional)
    assert isinstance(fitted.rows, int)
    assert fitted.rows >= 1
    table = drawn(fitted, 70)
    assert table.num_rows == 70
    data, violations = check(table, fitted.schema)
    assert violations == ()
    assert data.to_pydict() == table.to_pydict()
    assert all(isinstance(line, str) and line for line in fitted.describe())


@pytest.mark.parametrize("animal", sorted(PRIVATE_ZOO))
def test_state_is_plain_and_draws_the_same(name: str, animal: str) -> None:
    if refused(name, animal):
        return
    fitted = model(name, animal)
    state = fitted.state()
    settings = json.loads(json.dumps(state.settings, allow_nan=False))
    for array in state.arrays.values():
        assert array.dtype.kind in "biuf"
        assert array.size < 10_000_000
    kept = ModelState(settings, dict(state.arrays), dict(state.weights))
    again = kind(name).restore(fitted.schema, kept)
    assert drawn(again, 90).equals(drawn(fitted, 90))
    assert again.describe() == fitted.describe()
    assert again.rows == fitted.rows


def test_same_answers_same_model_and_records(name: str) -> None:
    first = model(name, "declared_types")
    data = admitted(PRIVATE_ZOO["declared_types"](), rho=RHO)
    again = quick.private(name).fit(data, rng=np.random.default_rng(0))
    assert drawn(first, 50).equals(drawn(again, 50))
    assert not drawn(first, 50).equals(drawn(first, 50, seed=2))


@pytest.mark.parametrize("column", PRIVATE_ZOO["declared_types"]()[1].names)
def test_conditions_hold_in_every_record(name: str, column: str) -> None:
    raw, _ = PRIVATE_ZOO["declared_types"]()
    values = sorted(raw.column(column).drop_null().to_pylist())
    wanted = values[len(values) // 2]
    given = pa.table({column: pa.array([wanted], raw.schema.field(column).type)})
    found = drawn(model(name, "declared_types"), 40, given=given).column(column).to_pylist()
    assert found == [wanted] * 40


def test_one_condition_per_record(name: str) -> None:
    given = pa.table({"ok": [True, False, None], "grade": [1, None, 3]})
    found = drawn(model(name, "declared_types"), 3, given=given)
    assert found.column("ok").to_pylist()[:2] == [True, False]
    assert [found.column("grade").to_pylist()[i] for i in (0, 2)] == [1, 3]


@pytest.mark.parametrize("animal", ["declared_types", "empty", "three_records"])
def test_every_declared_category_can_be_given(name: str, animal: str) -> None:
    """Whether a category occurs is private: none may be refused for not occurring."""
    fitted = model(name, animal)
    for column in ("größe", "город", "grade", "ok"):
        position = fitted.schema.names.index(column)
        declared = fitted.schema.fields[position].domain or (False, True)
        assert fitted.levels(column) == list(declared)  # type: ignore[attr-defined]
        for category in declared:
            found = drawn(fitted, 2, given=pa.table({column: [category]}))
            assert found.column(column).to_pylist() == [category] * 2


def test_odds_of_all_categories_add_up(name: str) -> None:
    fitted = model(name, "declared_types")
    assert isinstance(fitted, Conditional)
    raw = pa.table({"größe": ["klein", "mittel", "groß"]})
    schema = TableSchema(fields=(fitted.schema.field("größe"),))
    given = check(raw, schema)[0]
    from tabsynth.table import Table

    odds = fitted.odds(3, given=Table(schema, given), rng=np.random.default_rng(0))
    missing = 1 - odds.probability.sum()
    assert 0 <= missing < 0.3
    assert (odds.effective > 0).all()


@pytest.mark.parametrize("given", [{"whole number": 1000}, {"город": "nowhere"}, {"nothing": 1}])
def test_impossible_conditions_are_refused(name: str, given: dict[str, object]) -> None:
    with pytest.raises(ConditionError) as caught:
        drawn(model(name, "declared_types"), 5, given=pa.table({k: [v] for k, v in given.items()}))
    assert str(next(iter(given.values()))) not in str(caught.value)


@pytest.mark.parametrize("rows", [0, 3, 60, 400])
def test_the_state_does_not_depend_on_the_number_of_records(name: str, rows: int) -> None:
    """No array has an entry per record, and none holds counts."""
    rng = np.random.default_rng(rows)
    schema = TableSchema(
        fields=(
            field("a", categories=("u", "v", "w"), constraints={"required": True}),
            field("b", categories=("x", "y"), constraints={"required": True}),
        )
    )
    raw = pa.table({"a": rng.choice(["u", "v"], rows).astype(str),
                    "b": rng.choice(["x", "y"], rows).astype(str)})  # fmt: skip
    fitted = quick.private(name).fit(admitted((raw, schema)), rng=np.random.default_rng(0))
    for key, array in fitted.state().arrays.items():
        assert array.size <= 16, key
        if array.dtype.kind == "f":
            assert np.abs(array).max() <= 1 + 1e-9, key


def test_dependence_is_learnt_and_rare_values_are_not_invented(name: str) -> None:
    """A column that fixes another, an outcome with a number, a spike among many values."""
    raw, schema = dependent(3000, 0)
    data = admitted((raw, schema), rho=1.0)
    fitted = quick.private(name, faithful=True).fit(data, rng=np.random.default_rng(0))
    found = drawn(fitted, 3000).to_pandas()
    assert (found["kind"] == found["twin"]).mean() > 0.8
    high = found["outcome"] == "yes"
    assert high[found["x"] >= 60].mean() > high[found["x"] < 40].mean() + 0.4
    assert abs((found["amount"] == 777).mean() - 0.3) < 0.05
    assert (found["amount"] <= 1100).mean() > 0.95


def test_more_budget_is_no_less_faithful(name: str) -> None:
    """Mean distance of pairs over three fits, at budgets far apart; the seeds are fixed."""
    raw, schema = dependent(3000, 1)
    errors = [
        np.mean([
            pairs_distance(raw, drawn(quick.private(name).fit(
                admitted((raw, schema), rho=rho, seed=seed), rng=np.random.default_rng(0)
            ), 3000))
            for seed in range(3)
        ])
        for rho in (0.0005, 0.02, 1.0)
    ]  # fmt: skip
    assert errors[1] < errors[0]
    assert errors[2] < errors[1] * 1.05


def dependent(n: int, seed: int) -> tuple[pa.Table, TableSchema]:
    rng = np.random.default_rng(seed)
    kinds = ("p", "q", "r", "s")
    schema = TableSchema(
        fields=(
            field("kind", categories=kinds, constraints={"required": True}),
            field("twin", categories=kinds, constraints={"required": True}),
            field("x", "integer", constraints={"required": True, "minimum": 0, "maximum": 99}),
            field("outcome", categories=("no", "yes"), constraints={"required": True}),
            field("amount", "integer", constraints={"required": True, "minimum": 0,
                                                    "maximum": 20_000}),
        )
    )  # fmt: skip
    k = rng.choice(kinds, n, p=(0.4, 0.3, 0.2, 0.1))
    x = rng.integers(0, 100, n)
    columns = {
        "kind": k.astype(str),
        "twin": k.astype(str),
        "x": x,
        "outcome": np.where(rng.random(n) < x / 100, "yes", "no").astype(str),
        "amount": np.where(rng.random(n) < 0.3, 777, rng.integers(0, 1000, n)),
    }
    return pa.table(columns), schema


def pairs_distance(real: pa.Table, synthetic: pa.Table) -> float:
    """Mean total variation over pairs of columns, numbers in tenths of their range."""
    first, second = (t.to_pandas() for t in (real, synthetic))
    for frame in (first, second):
        frame["x"], frame["amount"] = frame["x"] // 10, np.minimum(frame["amount"] // 100, 12)
    names = list(first.columns)
    distances = []
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            p, q = (f.groupby([a, b], observed=True).size() / len(f) for f in (first, second))
            distances.append(0.5 * p.sub(q, fill_value=0).abs().sum())
    return float(np.mean(distances))
