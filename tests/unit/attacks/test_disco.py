"""DiSCO and repU are what the paper defines, and their differences find leaks only."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest

from tabsynth.attacks.disco import disco
from tabsynth.comparison import Comparison
from tabsynth.report.model import Result
from tests.leaks import compared, holding

TOLERANCE = 0.05
ROLES = {
    "job": "quasi-identifier",
    "town": "quasi-identifier",
    "sex": "quasi-identifier",
    "illness": "sensitive",
}
FINE = {**ROLES, "age": "quasi-identifier", "income": "quasi-identifier"}


def figure(results: list[Result], name: str) -> Result:
    return next(r for r in results if r.name == name)


def test_both_measures_are_counted_as_the_paper_does() -> None:
    """Equations of Raab, Nowok and Dibben, with loops over categories, where nothing is grouped."""
    comparison = compared("null", rows=600, roles=ROLES)
    train, control, synthetic = (
        list(zip(*(t.column(n).to_pylist() for n in ROLES), strict=True))
        for t in (comparison.train, comparison.control, comparison.synthetic)
    )
    in_train = Counter(r[:3] for r in train)
    in_synthetic = Counter(r[:3] for r in synthetic)
    values = defaultdict(set)
    for *key, value in synthetic:
        values[tuple(key)].add(value)
    repu = [in_train[r[:3]] == 1 and in_synthetic[r[:3]] == 1 for r in train]
    never = [in_train[r[:3]] == 0 and in_synthetic[r[:3]] == 1 for r in control]
    read_off = [[values[r[:3]] == {r[3]} for r in table] for table in (train, control)]
    results = disco(comparison)
    assert figure(results, "repu").value == pytest.approx(np.mean(repu))
    assert figure(results, "repu").reference == pytest.approx(np.mean(never))
    assert figure(results, "disco").value == pytest.approx(np.mean(read_off[0]))
    assert figure(results, "disco").reference == pytest.approx(np.mean(read_off[1]))
    assert figure(results, "disco").status == "diagnostic"
    assert [r.column for r in results if r.name == "disco"] == ["illness"]


def test_keys_and_a_secret_copied_while_the_rest_is_redrawn_are_caught() -> None:
    comparison = compared("null", roles=FINE)
    leaked = holding(comparison.synthetic, list(FINE), comparison.train)
    results = disco(Comparison(comparison.train, comparison.holdout, leaked))
    assert figure(results, "repu_advantage").ci_low > 0.3
    assert figure(results, "disco_advantage").ci_low > 0.3


def test_a_bootstrap_copy_is_caught_where_keys_are_fine() -> None:
    assert figure(disco(compared("bootstrap", roles=FINE)), "disco_advantage").ci_low > TOLERANCE


def test_another_draw_of_the_population_is_not_flagged() -> None:
    """Of 80 intervals at 95 % at most 11 miss 0 unless coverage is below 90 % (9 % false alarm)."""
    missed = 0
    for seed in range(40):
        results = disco(compared("null", seed=seed, rows=1000, roles=ROLES))
        for name in ("repu_advantage", "disco_advantage"):
            found = figure(results, name)
            missed += not found.ci_low <= 0 <= found.ci_high
            assert found.ci_low < TOLERANCE
    assert missed <= 11


def test_without_declared_roles_the_keys_are_named() -> None:
    comparison = compared("null", rows=300)
    first, second = disco(comparison), disco(comparison)
    assert first == second
    keys = figure(first, "repu").method.split(";")[0].removeprefix("keys ").split(", ")
    attacked = {r.column for r in first if r.name == "disco"}
    assert len(keys) == 4
    assert attacked == set(comparison.train.schema.names) - set(keys)
