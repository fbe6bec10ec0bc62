from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import tabsynth as ts
from tabsynth.comparison import Comparison
from tabsynth.errors import DataError
from tabsynth.gate import Policy, gate
from tabsynth.metrics.constraints import constraint_violations
from tabsynth.report.junit import junit_xml
from tabsynth.report.model import Report, Result
from tabsynth.report.public import public_report
from tabsynth.table import Table
from tests.constrained import CONSTRAINTS, records, schema_of

RULES = [r for r in CONSTRAINTS if r["kind"] != "custom"]


def results(synthetic: dict[str, Any], rules: list[dict[str, Any]]) -> dict[str | None, Result]:
    schema = schema_of(rules)
    real = [Table.checked(pa.table(records(300, seed)), schema) for seed in (1, 2)]
    found = constraint_violations(Comparison(*real, Table.checked(pa.table(synthetic), schema)))
    return {r.group: r for r in found}


def broken() -> dict[str, Any]:
    columns = records(400, 3)
    columns["end"] = [*columns["start"][:40][::-1], *columns["end"][40:]]
    columns["country"] = ["country 9", *columns["country"][1:]]
    return columns


def test_what_keeps_the_constraints_is_well() -> None:
    found = results(records(400, 3), RULES)
    assert set(found) == {None, *(r["kind"] for r in RULES)}
    assert {r.status for r in found.values()} == {"ok"}
    assert {(r.value, r.reference) for r in found.values()} == {(0.0, 0.0)}


def test_what_breaks_a_declared_one_fails_with_synthetic_examples() -> None:
    columns = broken()
    found = results(columns, RULES)
    bad = sum(e is not None and e < s for s, e in zip(columns["start"], columns["end"]))  # noqa: B905
    assert bad > 10
    assert found["inequality"].value == bad / 400
    assert found["inequality"].column == "start × end"
    assert found["combinations"].value == 1 / 400
    assert "synthetic records show city" in found["combinations"].method
    assert "country 9" in found["combinations"].method
    assert (
        found["inequality"].status == found["combinations"].status == found[None].status == "fail"
    )
    assert found["total"].status == "ok"


def test_what_breaks_a_proposed_one_is_worth_a_look() -> None:
    found = results(broken(), [{**rule, "observed": True} for rule in RULES])
    assert found["inequality"].status == found[None].status == "attention"


def test_nothing_without_constraints() -> None:
    assert results(broken(), []) == {}


def test_the_gate_names_the_constraint_and_a_public_report_shows_no_example() -> None:
    figures = tuple(results(broken(), RULES).values())
    verdict, reasons = gate(figures, [], Policy())
    assert verdict == "fail"
    assert reasons == [
        "Synthetic records break constraints of the schema: start × end (inequality); "
        "city × country (combinations)."
    ]
    report = Report(verdict=verdict, reasons=tuple(reasons), results=figures, provenance={})
    public = public_report(report, schema=schema_of(RULES)).results
    assert [r.group for r in public] == [r.group for r in figures]
    assert not any("city" in r.method for r in public)
    assert "failures=" in junit_xml(report)


def test_real_records_that_break_a_constraint_are_refused() -> None:
    schema = schema_of([RULES[0]])
    train = Table.checked(pa.table(records(300, 1)), schema)
    holdout = Table.checked(pa.table(broken()), schema)
    with pytest.raises(DataError, match=r"holdout: .*`start <= end` broken by"):
        ts.evaluate(train, holdout, train.take(np.arange(50)))
