"""Figures of one table: what is planted is found, what is not there is not flagged."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.bias.groups import groupings
from tabsynth.bias.missingness import missingness_figures
from tabsynth.bias.outcome import favourable_outcome
from tabsynth.bias.outcomes import count_outcomes, gap_figures, mean_figures, rate_figures
from tabsynth.bias.proxies import ALL_TOGETHER, proxy_figures
from tabsynth.bias.representation import read_population, share_figures
from tabsynth.errors import DataError
from tabsynth.report.model import Result
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tests.unit.bias.population import SCHEMA, of_columns, people
from tests.zoo import field


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def flagged(results: list[Result]) -> list[str]:
    return [str(r.group) for r in results if r.status == "attention"]


def outcomes(table: Table, *protected: str, target: str = "hired") -> list[Result]:
    groups = groupings(table, protected)
    outcome = favourable_outcome([table], target)
    assert outcome is not None
    counted = count_outcomes(table, groups, outcome, rng=rng())
    return [
        *rate_figures(counted, outcome, seed=0),
        *gap_figures(counted, outcome, rng=rng(), seed=0),
        *mean_figures(table, groups, outcome, seed=0),
    ]


def test_equal_outcomes_are_not_flagged() -> None:
    assert flagged(outcomes(people(3000, 0), "sex", "region")) == []


def test_unequal_outcomes_are() -> None:
    found = outcomes(people(3000, 0, gap=0.25), "sex", "region")
    ratios = [r for r in found if r.name == "impact_ratio" and r.column == "sex"]
    assert [r.group for r in ratios] == ["f"]
    assert ratios[0].status == "attention" and ratios[0].value < 0.65
    gaps = {r.column: r for r in found if r.name == "rate_gap"}
    assert gaps["sex"].status == "attention"
    assert gaps["sex"].value == pytest.approx(0.22, abs=0.05)
    assert gaps["region"].status == "ok"
    assert gaps["sex × region"].status == "attention"
    crossed = [r.group for r in found if r.name == "impact_ratio" and r.status == "attention"]
    assert {"f, north", "f, south", "f, west"} <= set(crossed)


def test_a_low_ratio_among_few_is_not_flagged_and_says_why() -> None:
    table = of_columns(
        g=["a"] * 200 + ["b"] * 12 + ["c"] * 40,
        y=[True, False] * 100 + [False] * 10 + [True] * 2 + [False] * 25 + [True] * 15,
    )
    found = {(r.name, r.group): r for r in outcomes(table, "g", target="y")}
    assert found["impact_ratio", "b"].status == "uninformative"
    assert found["impact_ratio", "b"].method.startswith("insufficient")
    assert found["impact_ratio", "b"].n == 12
    # 0.375 against 0.5: the ratio is 0.75, its interval reaches beyond 0.8
    assert found["impact_ratio", "c"].value < 0.8
    assert found["impact_ratio", "c"].status == "ok"


def test_numbers_are_cut_at_the_median_and_have_means() -> None:
    table = people(2000, 1, gap=0.25)
    means = [r for r in outcomes(table, "sex", target="pay") if r.name == "outcome_mean"]
    assert [r.group for r in means] == ["f", "m"]
    assert means[0].value < means[0].reference < means[1].value
    assert all(r.ci_low < r.value < r.ci_high for r in means)
    few = table.take(np.arange(20))
    assert not [r for r in outcomes(few, "sex", target="pay") if r.name == "outcome_mean"]


def test_records_of_one_person_do_not_count_as_many() -> None:
    fields = (field("who"), field("g"), field("y", "boolean"))
    schema = TableSchema(fields=fields, tabsynth={"privacy_unit": "who"})
    columns = {
        "who": np.repeat([f"p{i}" for i in range(40)], 50),
        "g": np.repeat(["a", "b"], 1000),
        # 20 persons a group, each always with the same outcome
        "y": np.repeat([True] * 14 + [False] * 6 + [True] * 8 + [False] * 12, 50),
    }
    table = Table.checked(pa.table(columns), schema)
    found = outcomes(table, "g", target="y")
    assert {r.status for r in found if r.group} == {"uninformative"}
    (gap,) = (r for r in found if r.name == "rate_gap")
    assert gap.value is None


def test_missing_values_of_one_group_are_found() -> None:
    def figures(table: Table) -> list[Result]:
        return missingness_figures(table, groupings(table, ["sex", "region"]), rng=rng(), seed=0)

    assert flagged(figures(people(2000, 0))) == []
    found = figures(people(2000, 0, missing_gap=0.2))
    assert [(r.column, r.group) for r in found if r.status == "attention"] == [
        ("sex", "missing height")
    ]
    assert found[0].value == pytest.approx(0.2, abs=0.05)


def test_proxies_are_found_and_sorted_and_what_is_none_is_not() -> None:
    def figures(table: Table) -> list[Result]:
        groups = groupings(table, ["sex"])
        return proxy_figures(table, groups, "hired", rng=rng(), seed=0)

    plain = figures(people(2000, 0))
    assert flagged(plain) == []
    assert all(r.ci_low < 0.53 and r.ci_high > 0.47 for r in plain)
    found = figures(people(2000, 0, height_gap=1.5))
    assert found[0].group == ALL_TOGETHER
    assert found[1].group == "by height"
    assert flagged(found) == [ALL_TOGETHER, "by height"]
    # a normal shift of 1.5 gives an AUC of 0.856
    assert found[1].value == pytest.approx(0.856, abs=0.03)
    assert {r.group for r in found} == {
        ALL_TOGETHER, "by height", "by skill", "by age", "by pay", "by region",
    }  # fmt: skip


def test_proxies_of_several_groups() -> None:
    table = people(1500, 3)
    groups = groupings(table, ["region", "age"])
    found = proxy_figures(table, groups, "hired", rng=rng(), seed=0)
    assert {r.column for r in found} == {"region", "age"}
    assert flagged(found) == []


def shares(table: Table, population: pa.Table, *protected: str) -> dict[str, Result]:
    beside = read_population(population, table, protected)
    assert beside is not None
    groups = groupings(table, protected, beside=[beside.table])
    found = share_figures(table, groups, beside, rng=rng(), seed=0)
    return {str(r.group): r for r in found}


def test_shares_beside_a_population_of_shares_counts_or_records() -> None:
    table = people(2000, 0, women=0.3)
    even = {"sex": ["f", "m"]}
    records = pa.table({"sex": ["f", "m"] * 500, "other": range(1000)})
    for population in (
        pa.table({**even, "share": [50.0, 50.0]}),
        pa.table({**even, "count": ["7000", "7000"]}),
        records,
    ):
        found = shares(table, population, "sex")
        assert found["f"].value == pytest.approx(0.3, abs=0.03)
        assert found["f"].reference == pytest.approx(0.5)
        assert found["f"].status == found["m"].status == "attention"
    same = shares(people(2000, 0), records, "sex")
    assert {r.status for r in same.values()} == {"ok"}


def test_a_small_population_proves_little() -> None:
    table = people(2000, 0, women=0.3)
    found = shares(table, pa.table({"sex": ["f", "m"] * 8}), "sex")
    assert found["f"].status == "ok"


def test_a_group_that_only_the_population_has_is_listed() -> None:
    table = people(400, 0)
    population = pa.table({"region": ["north", "south", "west", "east"], "share": [4, 3, 2, 1]})
    found = shares(table, population, "region")
    assert (found["east"].n, found["east"].value) == (0, 0)
    assert found["east"].status == "attention"


def test_populations_that_cannot_be_used() -> None:
    table = people(50, 0)
    assert read_population(pa.table({"town": ["x"]}), table, ["sex"]) is None
    assert read_population(pa.table({"sex": ["f"], "share": [0]}), table, ["sex"]) is None
    assert read_population(pa.table({"sex": pa.array([], pa.string())}), table, ["sex"]) is None
    with pytest.raises(DataError, match="reference"):
        read_population(pa.table({"age": ["young"]}), table, ["age"])
    assert SCHEMA.field("sex").categories == ("f", "m")
