"""Proxies, missing values and parity within strata: synthetic tables beside real ones."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.bias.groups import ENOUGH, groupings
from tabsynth.bias.missingness import missingness_figures
from tabsynth.comparison import Comparison
from tabsynth.metrics.conditional_parity import conditional_parity
from tabsynth.metrics.gap_change import beyond
from tabsynth.metrics.group_missingness import group_missingness
from tabsynth.metrics.group_proxies import group_proxies
from tabsynth.report.model import Result
from tabsynth.table import Table
from tests.unit.bias.population import SCHEMA, people
from tests.unit.bias.test_parity import admissions

TRAIN, HOLDOUT, GOOD = (
    people(3000, s, gap=0.1, missing_gap=0.15, height_gap=1.0) for s in (1, 2, 3)
)


def of(name: str, results: list[Result]) -> dict[str, Result]:
    return {str(r.group): r for r in results if r.name == name}


def compare(synthetic: Table, **settings: object) -> Comparison:
    return Comparison(TRAIN, HOLDOUT, synthetic, target="hired", protected=("sex",), **settings)


def shuffled(table: Table, name: str, seed: int = 0) -> Table:
    """The same table with one column redrawn independently of all others."""
    order = pa.array(np.random.default_rng(seed).permutation(table.num_rows))
    place = SCHEMA.names.index(name)
    return Table(SCHEMA, table.data.set_column(place, name, table.data[name].take(order)))


def test_beyond_is_measured_from_the_farther_of_nought_and_the_reference() -> None:
    assert beyond(0.3, 0.1) == pytest.approx(0.2)
    assert beyond(0.3, -0.1) == pytest.approx(0.3)
    assert beyond(-0.3, -0.1) == pytest.approx(-0.2)
    assert beyond(0.05, 0.1) == beyond(-0.05, -0.1) == 0


def test_what_is_kept_is_not_flagged_and_has_its_references() -> None:
    found = group_proxies(compare(GOOD)) + group_missingness(compare(GOOD))
    changes = [r for r in found if r.name.endswith("_change")]
    assert {r.name for r in changes} == {"proxy_change", "missing_gap_change"}
    for change in changes:
        assert change.status == "ok"
        assert change.ci_low <= change.value <= change.ci_high
        assert abs(change.reference) < 0.06 and "train minus holdout" in change.method
        assert "(Holm)" in change.method
    for level in [*of("proxy_auc", found).values(), *of("missing_gap", found).values()]:
        assert level.value == pytest.approx(level.reference, abs=0.06)


def test_levels_are_those_of_an_audit_of_the_synthetic_table() -> None:
    audited = missingness_figures(
        GOOD, groupings(TRAIN, ["sex"], beside=[HOLDOUT]),
        rng=compare(GOOD).rng("group_missingness"), seed=0,
    )  # fmt: skip
    levels = [r for r in group_missingness(compare(GOOD)) if r.name == "missing_gap"]
    assert [(r.value, r.ci_low, r.ci_high) for r in levels] == [
        (r.value, r.ci_low, r.ci_high) for r in audited
    ]


def test_a_proxy_that_is_hidden_and_one_that_is_made_are_found() -> None:
    hidden = of("proxy_change", group_proxies(compare(shuffled(GOOD, "height"))))
    assert hidden["by height"].status == "attention" and hidden["by height"].ci_high < -0.2
    assert hidden["all other columns together"].status == "attention"
    woman = np.array([v == "f" for v in GOOD.data["sex"].to_pylist()])
    skill = np.array(GOOD.data["skill"]) + 3.0 * woman
    place = SCHEMA.names.index("skill")
    made = Table(SCHEMA, GOOD.data.set_column(place, "skill", pa.array(skill)))
    found = of("proxy_change", group_proxies(compare(made)))
    assert found["by skill"].status == "attention" and found["by skill"].ci_low > 0.2


def test_missing_values_that_no_longer_follow_groups_are_found() -> None:
    (change,) = of("missing_gap_change", group_missingness(compare(people(3000, 3)))).values()
    assert change.status == "attention"
    assert change.ci_high < -0.05 and change.value == pytest.approx(-0.15, abs=0.05)


def test_a_gap_in_missing_values_that_only_the_synthetic_table_has_is_found() -> None:
    real = [people(3000, s) for s in (1, 2)]
    comparison = Comparison(*real, GOOD, target="hired", protected=("sex",))
    (level,) = of("missing_gap", group_missingness(comparison)).values()
    assert level.status == "attention" and level.reference == pytest.approx(0, abs=0.03)
    (change,) = of("missing_gap_change", group_missingness(comparison)).values()
    assert change.status == "attention"


def within_fields(synthetic: Table, **settings: object) -> tuple[Result, Result]:
    real = [admissions(within=0.12, seed=s) for s in (1, 2)]
    level, change = conditional_parity(
        Comparison(
            *real, synthetic, target="taken", protected=("sex",), strata=("field",), **settings
        )
    )
    assert (level.name, change.name) == ("conditional_odds", "conditional_odds_change")
    return level, change


def test_parity_within_strata_stands_beside_that_of_real_records() -> None:
    level, change = within_fields(admissions(within=0.12, seed=3))
    assert level.group == change.group == "f"
    assert level.value == pytest.approx(level.reference, rel=0.25) and level.value < 0.8
    assert change.value == pytest.approx(level.value / level.reference)
    assert change.ci_low < 1 < change.ci_high and change.status == "ok"
    assert change.reference == pytest.approx(1, abs=0.25)


def test_a_gap_within_strata_that_the_synthetic_table_hides_is_found() -> None:
    level, change = within_fields(admissions(within=-0.05, seed=3))
    assert change.status == "attention" and change.ci_low > 1.25
    assert level.value > 1 > level.reference


def test_further_draws_enter_value_and_interval_of_odds() -> None:
    draws = tuple(admissions(within=w, seed=4) for w in (0.0, 0.05, 0.1))
    alone, together = (
        within_fields(admissions(within=0.12, seed=3), draws=d)[1] for d in ((), draws)
    )
    assert together.value > alone.value
    assert together.ci_high / together.ci_low > alone.ci_high / alone.ci_low
    assert "4 synthetic tables" in together.method


def test_few_records_within_strata_say_so() -> None:
    small = admissions(within=0.0, seed=3).take(np.arange(2 * ENOUGH))
    _, change = within_fields(small)
    assert change.status == "uninformative" and change.method.startswith("insufficient")


def test_the_interval_of_the_odds_change_covers_it_as_often_as_it_says() -> None:
    """95 % of 100 draws of everything: fewer than 88 covered has a chance below 1 %."""
    covered = 0
    for seed in range(100):
        tables = [admissions(within=0.1, seed=900 + 3 * seed + i) for i in range(3)]
        tables = [t.take(np.arange(1500)) for t in tables]
        _, change = conditional_parity(
            Comparison(*tables, target="taken", protected=("sex",), strata=("field",))
        )
        covered += change.ci_low <= 1 <= change.ci_high
    assert covered >= 88


def test_nothing_is_said_without_strata() -> None:
    assert conditional_parity(compare(GOOD)) == []


def test_a_protected_stratum_says_what_is_needed() -> None:
    (none,) = conditional_parity(compare(GOOD, strata=("sex",)))
    assert none.value is None and none.method.startswith("needs a stratum")
