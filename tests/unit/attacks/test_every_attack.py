"""Every attack, where roles are declared and where little is there; see also tests/contracts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tabsynth import registry
from tabsynth.comparison import Comparison
from tabsynth.report.model import Result
from tabsynth.report.words import WORDS
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tests.leaks import compared, population

# replay of texts says nothing of tables without texts; see tests/unit/wording
ATTACKS = [name for name in registry.names("attacks") if name != "text_replay"]
ROLES = {"age": "quasi-identifier", "town": "quasi-identifier", "illness": "sensitive"}


def attack(name: str, comparison: Comparison) -> list[Result]:
    results = registry.find("attacks", name)(comparison)
    assert results
    for result in results:
        assert result.family == "privacy"
        assert result.method
        if result.value is None:
            assert result.status in ("uninformative", "diagnostic")
            assert result.method.startswith("needs ")
        else:
            assert np.isfinite(result.value)
            assert result.reference is not None or result.name == "self_test_power"
        if result.ci_low is not None:
            assert result.ci_low <= result.value <= result.ci_high
    return results


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("sizes", [(3, 3, 3), (1, 2, 1), (2, 1, 1), (40, 2, 40)])
@pytest.mark.parametrize("roles", [{}, ROLES])
def test_few_records_survive(name: str, sizes: tuple[int, int, int], roles: dict[str, str]) -> None:
    tables = [population(n, seed, roles=roles) for seed, n in enumerate(sizes)]
    attack(name, Comparison(*tables, target="illness"))


@pytest.mark.parametrize("name", ATTACKS)
def test_a_single_column_survives(name: str) -> None:
    table = population(300, 0)
    alone = table.select(TableSchema(fields=table.schema.fields[:1]))
    attack(name, Comparison(*(alone.take(np.arange(i, 300, 3)) for i in range(3))))


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("lost", ["age", "illness", "income"])
def test_a_column_missing_throughout_the_synthetic_table_survives(name: str, lost: str) -> None:
    """Cells that do not parse are missing; a whole column can be."""
    comparison = compared("null", rows=150, roles=ROLES)
    data = comparison.synthetic.data
    place = data.column_names.index(lost)
    empty = data.set_column(
        place, data.schema.field(place), pa.nulls(data.num_rows, data.schema.types[place])
    )
    synthetic = Table(comparison.synthetic.schema, empty)
    attack(name, Comparison(comparison.train, comparison.holdout, synthetic))


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_is_a_pure_function_with_words(name: str) -> None:
    first, second = (attack(name, compared("null", rows=150, roles=ROLES)) for _ in range(2))
    assert first == second
    assert {r.name for r in first} <= set(WORDS)
    found = registry.find("attacks", name)
    assert "Privacy" in found.__doc__
