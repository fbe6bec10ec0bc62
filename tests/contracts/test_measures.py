"""What every registered metric and attack must do, on every table of the zoo."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tabsynth import registry
from tabsynth.comparison import Comparison
from tabsynth.report.model import Result
from tabsynth.table import Table
from tabsynth.testing import check_attack, check_metric
from tests.zoo import ZOO, TableSchema, every_type, field

MEASURES = [(kind, name) for kind in ("metrics", "attacks") for name in registry.names(kind)]
MOST = 600

pytestmark = pytest.mark.parametrize(("kind", "name"), MEASURES, ids=lambda m: m)


@cache
def thirds(key: str) -> tuple[Table, Table, Table]:
    table = ZOO[key]()
    rows = np.random.default_rng(0).permutation(table.num_rows)[:MOST]
    first, second, third = (table.take(part) for part in np.array_split(rows, 3))
    return first, second, third


def blank(table: Table) -> Table:
    types = table.data.schema.types
    columns = [pa.nulls(table.num_rows, t) for t in types]
    return Table(table.schema, pa.table(columns, names=list(table.schema.names)))


def ask(kind: str, name: str, comparison: Comparison) -> list[Result]:
    results: list[Result] = registry.find(kind, name)(comparison)
    for result in results:
        figures = (result.value, result.ci_low, result.ci_high, result.reference, result.baseline)
        assert all(f is None or np.isfinite(f) for f in figures), result
        if None not in (result.value, result.ci_low, result.ci_high):
            assert result.ci_low - 1e-9 <= result.value <= result.ci_high + 1e-9, result
    return results


def test_keeps_to_the_protocol(kind: str, name: str) -> None:
    measure = registry.find(kind, name)
    check_metric(measure) if kind == "metrics" else check_attack(measure)
    assert "Privacy" in measure.__doc__


@pytest.mark.parametrize("key", sorted(ZOO))
def test_survives_the_zoo(kind: str, name: str, key: str) -> None:
    train, holdout, synthetic = thirds(key)
    names = train.schema.modelled_names
    once = synthetic.take(np.zeros(synthetic.num_rows, np.int64))
    for drawn, target, protected in (
        (synthetic, names[-1], names[:1]),
        (blank(synthetic), names[0], names[-2:]),
        (once, None, ()),
    ):
        strata = tuple(name for name in names if name != target)[:2]
        comparison = Comparison(
            train, holdout, drawn, target=target, protected=protected, strata=strata
        )
        ask(kind, name, comparison)


def test_survives_three_hundred_columns(kind: str, name: str) -> None:
    names = [f"v{i}" for i in range(300)]
    schema = TableSchema(fields=tuple(field(n, "number") for n in names))
    rng = np.random.default_rng(0)
    tables = [
        Table.checked(pa.table({n: rng.normal(size=80) for n in names}), schema) for _ in range(3)
    ]
    ask(kind, name, Comparison(*tables, target="v0"))


@pytest.mark.parametrize("records", [1, 2, 3, 30])
def test_survives_few_records(kind: str, name: str, records: int) -> None:
    tables = [t.take(np.arange(min(records, t.num_rows))) for t in thirds("every_type")]
    ask(kind, name, Comparison(*tables, target="größe", protected=("ok", "born")))
    train, holdout, synthetic = thirds("every_type")
    few = np.arange(records)
    for comparison in (
        Comparison(train.take(few), holdout, synthetic),
        Comparison(train, holdout.take(few), synthetic),
        Comparison(train, holdout, synthetic.take(few)),
    ):
        ask(kind, name, dataclasses.replace(comparison, target="ok", protected=("город",)))


def test_survives_categories_that_nobody_has(kind: str, name: str) -> None:
    train, holdout, synthetic = thirds("every_type")
    place = train.schema.names.index("город")
    strange = pa.array([f"nowhere {i}" for i in range(synthetic.num_rows)]).dictionary_encode()
    data = synthetic.data.set_column(place, "город", strange.cast(train.data.schema.types[place]))
    comparison = Comparison(train, holdout, Table(train.schema, data), target="город",
                            protected=("город",))  # fmt: skip
    ask(kind, name, comparison)


def test_survives_numbers_that_hardly_anybody_has(kind: str, name: str) -> None:
    """The other columns are as they were, so learners have something to learn."""

    def sparse(table: Table, known: int) -> Table:
        data = table.data
        for column in ("ratio", "born"):
            place = table.schema.names.index(column)
            kept = pa.array(np.arange(table.num_rows) < known)
            values = pc.if_else(kept, table.column(column), pa.scalar(None, data.field(place).type))
            data = data.set_column(place, column, values)
        return Table(table.schema, data)

    train, holdout, synthetic = thirds("every_type")
    everywhere = [sparse(t, 1) for t in (train, holdout, synthetic)]
    for tables in ((train, holdout, sparse(synthetic, 0)), everywhere):
        ask(kind, name, Comparison(*tables, target="ok", protected=("größe",)))


def test_records_of_a_person_may_be_many(kind: str, name: str) -> None:
    def persons(rows: int, seed: int) -> Table:
        rng = np.random.default_rng(seed)
        person = np.sort(rng.integers(0, rows // 4, rows))
        columns = {
            "person": [f"{seed}-{p}" for p in person],
            "age": 20 + person % 50,
            "visit": rng.choice(["a", "b", "c"], rows),
        }
        schema = TableSchema.model_validate(
            {
                "fields": [
                    field("person", tabsynth={"role": "identifier", "generator": {"kind": "uuid"}}),
                    field("age", "integer"), field("visit"),
                ],
                "tabsynth": {"privacy_unit": "person"},
            }
        )  # fmt: skip
        return Table.checked(pa.table(columns), schema)

    comparison = Comparison(persons(400, 0), persons(400, 1), persons(400, 2), target="visit")
    both = set(comparison.control.column("person").to_pylist())
    assert not both & set(comparison.auxiliary.column("person").to_pylist())
    ask(kind, name, comparison)


def test_shows_no_value_that_one_person_has(kind: str, name: str) -> None:
    def planted(table: Table, secret: str, number: float) -> Table:
        texts = table.column("город").cast(pa.string()).to_pylist()
        ratios = table.column("ratio").to_pylist()
        texts[0], ratios[0] = secret, number
        data = table.data.set_column(
            table.schema.names.index("город"), "город",
            pa.array(texts).dictionary_encode().cast(table.data.schema.field("город").type),
        ).set_column(table.schema.names.index("ratio"), "ratio", pa.array(ratios))  # fmt: skip
        return Table(table.schema, data)

    train, holdout, synthetic = thirds("every_type")
    comparison = Comparison(
        planted(train, "ZQX-TRAIN", 987654.25), planted(holdout, "ZQX-HOLDOUT", 987655.25),
        synthetic, target="ok", protected=("größe",),
    )  # fmt: skip
    text = " ".join(r.model_dump_json() for r in ask(kind, name, comparison))
    assert "ZQX" not in text
    assert "987654.25" not in text
    assert "987655.25" not in text


def test_more_draws_of_a_model_are_welcome(kind: str, name: str) -> None:
    train, holdout, synthetic = thirds("every_type")
    rng = np.random.default_rng(1)
    table = every_type()
    draws = tuple(table.take(rng.integers(0, table.num_rows, 130)) for _ in range(4))
    comparison = Comparison(train, holdout, synthetic, target="ok", protected=("größe",),
                            draws=draws)  # fmt: skip
    assert ask(kind, name, comparison) == ask(kind, name, comparison)
