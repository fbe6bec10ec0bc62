from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.constraints.plan import Plan
from tabsynth.constraints.training import learnable, require_kept, share_words, violations
from tabsynth.errors import DataError
from tabsynth.table import Table
from tests.constrained import constrained, records, schema_of

FIELDS: list[dict[str, Any]] = [{"name": n, "type": "integer"} for n in ("a", "b")]


def ordered(breaking: int, **rule: Any) -> Table:
    a = np.arange(1000)
    b = np.where(a < breaking, a - 1, a + 1)
    schema = schema_of([{"kind": "inequality", "columns": ["a", "b"], **rule}], FIELDS)
    return Table.checked(pa.table({"a": a, "b": b}), schema)


def test_records_that_break_a_declared_constraint_are_counted() -> None:
    (found,) = violations(ordered(17))
    assert found.sentence() == "17 records break `a <= b`"
    assert violations(ordered(1))[0].sentence() == "1 record breaks `a <= b`"
    assert violations(ordered(0)) == ()
    assert violations(constrained()) == ()


def test_a_declared_constraint_that_is_broken_is_refused_with_the_share() -> None:
    require_kept(ordered(0), where="data")
    with pytest.raises(DataError) as caught:
        require_kept(ordered(17), where="data")
    assert "`a <= b` broken by 1.7 % of the records" in str(caught.value)


@pytest.mark.parametrize(
    ("count", "words"), [(1, "less than 0.1 %"), (123_456, "12 %"), (4_567, "0.46 %")]
)
def test_shares_hide_exact_counts(count: int, words: str) -> None:
    assert share_words(count, 1_000_000) == f"{words} of the records"


def test_records_that_break_a_proposed_constraint_are_left_out() -> None:
    table = ordered(17, observed=True)
    assert violations(table) == ()
    learnt, notes = learnable(Plan.of(table.schema), table)
    assert learnt.num_rows == 983
    assert notes == ("Left out of the fit, as it breaks `a <= b`: 1.7 % of the records.",)
    assert set(learnt.column("b - a").to_pylist()) == {1}


def test_a_proposal_that_many_records_break_is_refused() -> None:
    table = ordered(100, observed=True)
    with pytest.raises(DataError, match="take the constraint out"):
        learnable(Plan.of(table.schema), table)


def test_combinations_that_hardly_any_records_share_are_refused() -> None:
    schema = schema_of([{"kind": "combinations", "columns": ["city", "day"]}])
    table = Table.checked(pa.table(records()), schema)
    with pytest.raises(DataError, match="known combinations of city, day"):
        learnable(Plan.of(schema), table)
