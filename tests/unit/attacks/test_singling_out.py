"""Conditions taken from synthetic records single out members only where records leak."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.attacks.singling_out import singling_out
from tabsynth.comparison import Comparison
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tests.leaks import compared, holding, population
from tests.zoo import field


def test_a_bootstrap_copy_is_caught_by_all_conditions() -> None:
    for result in singling_out(compared("bootstrap")):
        assert result.ci_low > 0.4, result.group


def test_a_fifth_of_copies_is_found() -> None:
    for result in singling_out(compared("copies", share=0.2)):
        assert result.ci_low > 0.05, result.group
        assert result.value == pytest.approx(0.2, abs=0.1)


def test_a_secret_copied_while_everything_else_is_redrawn_is_found_by_one_column() -> None:
    comparison = compared("null")
    leaked = holding(comparison.synthetic, ["income"], comparison.train)
    single, _ = singling_out(Comparison(comparison.train, comparison.holdout, leaked))
    assert single.group == "one column"
    assert single.ci_low > 0.5


def test_another_draw_of_the_population_is_not_flagged() -> None:
    """Of 60 intervals at 95 % at most 9 miss 0 unless coverage is below 90 % (7 % false alarm)."""
    missed = 0
    for seed in range(30):
        for result in singling_out(compared("null", seed=seed, rows=1000)):
            missed += not result.ci_low <= 0 <= result.ci_high
            assert result.ci_low < 0.05
    assert missed <= 9


def test_a_larger_training_table_is_no_advantage() -> None:
    """Eight members per control, as in practice: more members meet a condition, but no oftener."""
    values = []
    for seed in range(10):
        everyone = population(5000, 100 + seed)
        train, holdout = everyone.take(np.arange(2000)), everyone.take(np.arange(2000, 2500))
        fresh = everyone.take(np.arange(2500, 5000))
        values += [r.value for r in singling_out(Comparison(train, holdout, fresh, seed=seed))]
    # standard error of the mean about 0.01
    assert abs(float(np.mean(values))) < 0.04


def test_conditions_that_nobody_alone_meets_are_no_figure() -> None:
    schema = TableSchema(fields=(field("a", categories=("x", "y")), field("b", "boolean")))
    raw = pa.table({"a": ["x", "y"] * 100, "b": [True, True, False, False] * 50})
    table = Table.checked(raw, schema)
    for result in singling_out(Comparison(table, table, table)):
        assert result.value is None
        assert result.status == "diagnostic"
        assert result.method.startswith("needs at least 20 conditions")
