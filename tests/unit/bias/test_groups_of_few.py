"""A group of many records may be one of few persons, of whom a public report must not speak."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import tabsynth as ts
from tabsynth.bias.groups import groupings
from tabsynth.bias.outcome import favourable_outcome
from tabsynth.bias.persons import groups_of_few
from tabsynth.report.public import public_report
from tabsynth.schema.model import TableExtension, TableSchema
from tabsynth.table import Table
from tests.zoo import field

FIELDS = (
    field("who", "string", tabsynth={"generator": {"kind": "sequence"}, "role": "identifier"}),
    field("ward", "string", categories=["east", "north", "south", "villa"]),
    field("ill", "string", categories=["no", "yes"]),
    field("age", "integer"),
)


def visits(rows: int, persons: int, seed: int, *, unit: str | None = "who") -> Table:
    """Half of the records of the villa's are one person's, and three persons live there."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, persons, rows)
    ward = np.array(["east", "north", "south"])[who % 3]
    few = np.arange(rows) < 60
    who[few] = persons + np.arange(60) % 3
    ward[few] = "villa"
    ill = np.where(rng.random(rows) < 0.5, "yes", "no")
    schema = TableSchema(fields=FIELDS, tabsynth=TableExtension(privacy_unit=unit))
    raw = {"who": [f"{seed}-{w}" for w in who], "ward": ward, "ill": ill,
           "age": rng.integers(18, 90, rows)}  # fmt: skip
    return Table.checked(pa.table(raw), schema)


def test_persons_are_counted_and_not_their_records() -> None:
    table = visits(900, 300, 1)
    groups = groupings(table, ["ward"])
    assert groups_of_few([table], groups, None) == [["ward", "(all others)"], ["ward", "villa"]]
    outcome = favourable_outcome([table], "ill")
    assert ["ward", "villa"] in groups_of_few([table], groups, outcome)
    alone = visits(900, 300, 1, unit=None)
    assert groups_of_few([alone], groupings(alone, ["ward"]), outcome) == []


def test_an_outcome_of_few_persons_hides_its_group() -> None:
    table = visits(900, 300, 1)
    ill = np.array(table.column("ill").to_pylist(), dtype=object)
    south = np.array(table.column("ward").to_pylist()) == "south"
    who = np.array(table.column("who").to_pylist())
    # all ill records of the south are two persons'
    two = np.isin(who, np.unique(who[south])[:2])
    ill[south & ~two] = "no"
    ill[south & two] = "yes"
    data = table.data.set_column(2, "ill", pa.array(ill.tolist()).dictionary_encode())
    table = Table(table.schema, data.cast(table.data.schema))
    outcome = favourable_outcome([table], "ill", "yes")
    assert ["ward", "south"] in groups_of_few([table], groupings(table, ["ward"]), outcome)


@pytest.mark.parametrize("unit", ["who", None])
def test_a_public_audit_says_nothing_of_few_persons(unit: str | None) -> None:
    table = visits(900, 300, 1, unit=unit)
    report = ts.audit(table, protected=["ward"], target="ill", seed=1)
    shown = public_report(report, schema=table.schema).to_json()
    assert "villa" in report.to_json()
    assert ("villa" in shown) is (unit is None)
    assert "groups_of_few_persons" not in shown


def test_a_public_evaluation_says_nothing_of_few_persons() -> None:
    train, holdout = visits(900, 300, 1), visits(400, 150, 2)
    report = ts.evaluate(train, holdout, visits(400, 150, 3), protected=["ward"], target="ill")
    assert ["ward", "villa"] in report.provenance["groups_of_few_persons"]
    shown = public_report(report, schema=train.schema).to_json()
    assert "villa" not in shown
    assert "east" in shown
