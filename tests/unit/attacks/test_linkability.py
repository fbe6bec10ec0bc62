"""Two parts of a record lead to one synthetic record oftener where it is remembered."""

from __future__ import annotations

from tabsynth.attacks.linkability import linkability
from tabsynth.comparison import Comparison
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tests.leaks import compared, holding, population

TOLERANCE = 0.05
ROLES = {"age": "quasi-identifier", "town": "quasi-identifier", "gain": "quasi-identifier"}


def test_a_bootstrap_copy_is_caught() -> None:
    for result in linkability(compared("bootstrap")):
        assert result.ci_low > 0.2, result.group
        assert abs(result.baseline) < TOLERANCE


def test_a_fifth_of_copies_is_found_with_declared_quasi_identifiers() -> None:
    fine = {**ROLES, "income": "quasi-identifier"}
    for result in linkability(compared("copies", share=0.2, roles=fine)):
        assert result.ci_low > 0, result.group
        assert "quasi-identifiers" in result.method


def test_two_columns_copied_together_are_found_while_the_rest_is_redrawn() -> None:
    """Amounts stand on both sides, so that either leads to the record alone."""
    names = ["income", "gain"]
    everyone = population(6000, 3, roles={"gain": "quasi-identifier"})
    fields = tuple(everyone.schema.field(n) for n in names)
    table = everyone.select(TableSchema(fields=fields))
    train, holdout, fresh = (
        Table(table.schema, table.data.slice(i * 2000, 2000)) for i in range(3)
    )
    null = linkability(Comparison(train, holdout, fresh))
    leaked = linkability(Comparison(train, holdout, holding(fresh, names, train)))
    # nine in ten have no gain, and are nobody in particular
    for before, after in zip(null, leaked, strict=True):
        assert before.ci_low <= 0 <= before.ci_high
        assert after.ci_low > 0.01


def test_another_draw_of_the_population_is_not_flagged() -> None:
    """Of 80 intervals at 95 % at most 11 miss 0 unless coverage is below 90 % (9 % false alarm)."""
    missed = 0
    for seed in range(20):
        for roles in ({}, ROLES):
            for result in linkability(compared("null", seed=seed, rows=500, roles=roles)):
                missed += not result.ci_low <= 0 <= result.ci_high
                assert result.ci_low < TOLERANCE
    assert missed <= 11


def test_one_column_cannot_be_linked() -> None:
    table = population(200, 0)
    alone = table.select(TableSchema(fields=table.schema.fields[:1]))
    (result,) = linkability(Comparison(alone, alone, alone))
    assert result.value is None
    assert result.method.startswith("needs two columns")
