"""Replicated uniques find remembered records, and do not take likeness for memory."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tabsynth import registry
from tabsynth.attacks.replicated_uniques import replicated_uniques
from tabsynth.comparison import Comparison
from tabsynth.sampler import sample
from tabsynth.schema.model import TableExtension, TableSchema
from tabsynth.table import Table
from tabsynth.workflow import split
from tests.leaks import compared, holding
from tests.quick import fit
from tests.zoo import field

TOLERANCE = 0.05
# reference packages come with an extra; tests/backends tries them
OWN = [name for name in registry.names("synthesizers") if ":" not in name]
KEYS = {"age": "quasi-identifier", "town": "quasi-identifier", "income": "quasi-identifier"}


def test_a_bootstrap_copy_is_caught() -> None:
    (result,) = replicated_uniques(compared("bootstrap"))
    assert result.ci_low > 0.5
    assert result.value == pytest.approx(1 - np.exp(-1), abs=0.03)


def test_five_percent_of_copies_are_counted() -> None:
    (result,) = replicated_uniques(compared("copies", share=0.05))
    assert result.value == pytest.approx(0.05, abs=0.002)
    assert result.ci_low > 0


def test_copied_quasi_identifiers_are_caught_although_no_record_is() -> None:
    comparison = compared("null", roles=KEYS)
    leaked = holding(comparison.synthetic, list(KEYS), comparison.train)
    whole, keys = replicated_uniques(
        Comparison(comparison.train, comparison.holdout, leaked, seed=0)
    )
    assert (whole.group, keys.group) == ("whole records", "quasi-identifiers")
    assert whole.ci_low < TOLERANCE
    assert keys.ci_low > 0.9


def test_another_draw_of_the_population_is_not_flagged() -> None:
    """Of 40 intervals at 95 % at most 6 miss 0 unless coverage is below 90 % (1 % false alarm)."""
    missed = 0
    schema = TableSchema(fields=(field("a", "integer"), field("b", "integer")))
    for seed in range(40):
        rng = np.random.default_rng(seed)
        raw = pa.table({name: rng.integers(0, 40, 3000) for name in "ab"})
        table = Table.checked(raw, schema)
        parts = [table.take(np.arange(i, 3000, 3)) for i in range(3)]
        (result,) = replicated_uniques(Comparison(*parts, seed=seed))
        missed += not result.ci_low <= 0 <= result.ci_high
    assert missed <= 6


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("levels", [800, 60])
def test_our_own_models_are_not_failed(name: str, levels: int) -> None:
    """What at least five records share comes out, and that favours no single person.

    With 800 levels of about five records the threshold itself favours training records; only
    records whose categories all come out are compared.
    """
    rng = np.random.default_rng(levels)
    codes = [f"c{i}" for i in rng.integers(0, levels, 5000)]
    raw = pa.table({"postcode": codes, "sex": rng.choice(["f", "m"], 5000)})
    table = Table.checked(raw, TableSchema(fields=(field("postcode"), field("sex"))))
    for seed in range(5):
        train, holdout = split(table, seed=seed)
        drawn = sample(fit(train, synthesizer=name, seed=seed), 4000, seed=seed)
        for result in replicated_uniques(Comparison(train, holdout, drawn)):
            assert result.value is None or result.ci_low < TOLERANCE


def test_where_nobody_is_unique_there_is_no_figure() -> None:
    schema = TableSchema(fields=(field("a", categories=("x", "y")), field("b", "boolean")))

    def draw(seed: int) -> Table:
        rng = np.random.default_rng(seed)
        raw = pa.table({"a": rng.choice(["x", "y"], 500), "b": rng.random(500) < 0.5})
        return Table.checked(raw, schema)

    (result,) = replicated_uniques(Comparison(draw(0), draw(1), draw(2)))
    # nor does it keep a table from passing
    assert result.status == "diagnostic"
    assert result.value is None


def test_a_person_with_many_records_counts_once() -> None:
    fields = (field("person", "integer"), field("x", "number"))
    schema = TableSchema(fields=fields, tabsynth=TableExtension(privacy_unit="person"))
    rng = np.random.default_rng(0)
    raw = pa.table({"person": np.arange(900) // 3, "x": rng.normal(size=900)})
    table = Table.checked(raw, schema)
    train, holdout = table.take(np.arange(600)), table.take(np.arange(600, 900))
    (result,) = replicated_uniques(Comparison(train, holdout, train))
    assert result.n == 200 + 75
    assert result.value == 1.0
