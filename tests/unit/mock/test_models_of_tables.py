"""Test databases whose tables are drawn from models, under the keys of the schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tabsynth.cli import main
from tabsynth.database import Database
from tabsynth.database_workflow import read_database
from tabsynth.errors import SchemaError, UsageError
from tabsynth.mock.records import Mock
from tabsynth.modelfile import Fitted
from tabsynth.schema.database import (
    DatabaseSchema,
    dump_database_schema,
    parse_database_schema,
)
from tabsynth.simulated import simulate


def _orders(*more: dict[str, Any]) -> Fitted:
    """The total is items times 10, and one order in ten is of the kind `big`."""
    return simulate({"source": "procedural", "columns": [
        {"name": "customer", "type": "integer", "draw": {"kind": "poisson", "mean": 5_000}},
        {"name": "kind", "draw": {"kind": "categorical", "shares": {"big": 0.1, "small": 0.9}}},
        {"name": "items", "type": "integer", "minimum": 0, "draw": {
            "kind": "poisson", "mean": {"by": "kind", "values": {"big": 20}, "otherwise": 2}}},
        {"name": "total", "type": "integer",
         "draw": {"kind": "formula", "expression": "items * 10"}},
        *more,
    ]})  # fmt: skip


def _shop(**ours: Any) -> DatabaseSchema:
    whole = {"type": "integer", "constraints": {"required": True}}
    return parse_database_schema({"resources": [
        {"name": "customers", "schema": {"fields": [{"name": "id", **whole}], "primaryKey": "id"}},
        {"name": "orders", "schema": {
            "fields": [{"name": "id", **whole}, {"name": "customer", **whole},
                       {"name": "kind", "categories": ["big", "small"]},
                       {"name": "items", **whole}, {"name": "total", **whole},
                       {"name": "note", "type": "string"}, {"name": "paid", **whole}],
            "primaryKey": "id", "tabsynth": ours,
            "foreignKeys": [{"fields": "customer",
                             "reference": {"resource": "customers", "fields": "id"}}]}},
    ]})  # fmt: skip


def _made(schema: DatabaseSchema, fitted: Fitted) -> dict[str, list[Any]]:
    mock = Mock.of(schema, {"customers": 100, "orders": 3_000}, seed=1, models={"orders": fitted})
    raw = {name: pa.concat_tables(mock.blocks(name)) for name in mock.rows}
    found: dict[str, list[Any]] = (
        Database.checked(raw, schema, where="mock").tables["orders"].data.to_pydict()
    )
    return found


def test_what_a_model_says_holds_under_the_keys_of_the_schema() -> None:
    orders = _made(_shop(), _orders())
    assert all(t == 10 * i for t, i in zip(orders["total"], orders["items"], strict=True))
    # four standard deviations of 3,000 draws
    assert abs(orders["kind"].count("big") / 3_000 - 0.1) < 0.022
    big = [i for i, k in zip(orders["items"], orders["kind"], strict=True) if k == "big"]
    assert sum(big) / len(big) > 15
    assert set(orders["customer"]) <= set(range(1, 101))
    assert len(set(orders["id"])) == 3_000
    assert None in orders["note"]


def test_rules_with_columns_that_no_model_knows_are_kept() -> None:
    rule = {"kind": "inequality", "columns": ["items", "paid"]}
    orders = _made(_shop(constraints=[rule]), _orders())
    assert all(i <= p for i, p in zip(orders["items"], orders["paid"], strict=True))
    assert all(t == 10 * i for t, i in zip(orders["total"], orders["items"], strict=True))


def test_models_that_do_not_fit_are_refused() -> None:
    schema = _shop()
    with pytest.raises(UsageError, match="got 'nowhere'"):
        Mock.of(schema, {}, seed=0, models={"nowhere": _orders()})
    other = _orders({"name": "colour", "draw": {"kind": "categorical", "shares": {"a": 1, "b": 1}}})
    with pytest.raises(
        SchemaError, match="'colour': expected string, as its model draws, got none"
    ):
        Mock.of(schema, {}, seed=0, models={"orders": other})
    text = _orders({"name": "paid", "draw": {"kind": "categorical", "shares": {"a": 1, "b": 1}}})
    with pytest.raises(SchemaError, match=r"'paid': expected string, .* got type integer"):
        Mock.of(schema, {}, seed=0, models={"orders": text})
    keys = simulate({"source": "procedural", "columns": [
        {"name": "id", "type": "integer", "draw": {"kind": "poisson", "mean": 5}}]})  # fmt: skip
    with pytest.raises(SchemaError, match="expected a column that its model draws"):
        Mock.of(schema, {}, seed=0, models={"customers": keys})


def test_a_database_is_filled_from_the_command_line(tmp_path: Path) -> None:
    package, model = tmp_path / "datapackage.yaml", tmp_path / "orders.tabsynth"
    package.write_text(dump_database_schema(_shop()), encoding="utf-8")
    _orders().save(model)
    with pytest.raises(SystemExit) as ended:
        main(["db", "mock", str(package), "--to", f"sqlite:///{tmp_path}/shop.db",
              "--rows", "orders=300", "--model", f"orders={model}"])  # fmt: skip
    assert ended.value.code == 0
    orders = read_database(f"sqlite:///{tmp_path}/shop.db").tables["orders"].data.to_pydict()
    assert all(t == 10 * i for t, i in zip(orders["total"], orders["items"], strict=True))
