"""Bias of synthetic tables: what is planted is found, real records in their place are not."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.bias.quality import MEASURES
from tabsynth.comparison import Comparison
from tabsynth.errors import UsageError
from tabsynth.metrics.amplification import amplification
from tabsynth.metrics.bias import group_outcomes, group_shares
from tabsynth.metrics.conditional_parity import conditional_parity
from tabsynth.metrics.downstream import downstream
from tabsynth.metrics.group_fidelity import group_fidelity
from tabsynth.metrics.group_missingness import group_missingness
from tabsynth.metrics.group_proxies import group_proxies
from tabsynth.report.model import Result
from tabsynth.report.words import WORDS
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tests.unit.bias.population import SCHEMA, people
from tests.zoo import ZOO, field

METRICS = (
    group_shares, group_outcomes, amplification, group_fidelity, downstream, group_missingness,
    group_proxies, conditional_parity,
)  # fmt: skip
TRAIN, HOLDOUT = people(4000, 1, gap=0.1), people(2000, 2, gap=0.1)


def compare(synthetic: Table, *protected: str, **settings: object) -> Comparison:
    settings.setdefault("target", "hired")
    return Comparison(TRAIN, HOLDOUT, synthetic, protected=protected, **settings)


def with_column(table: Table, name: str, values: object) -> Table:
    place = SCHEMA.names.index(name)
    return Table(SCHEMA, table.data.set_column(place, name, pa.array(values)))


def flagged(results: list[Result]) -> list[tuple[str | None, str | None]]:
    return [(r.column, r.group) for r in results if r.status == "attention"]


GOOD = people(4000, 3, gap=0.1)


@pytest.mark.parametrize("metric", METRICS)
def test_nothing_is_said_without_protected_columns(metric: object) -> None:
    assert metric(compare(GOOD)) == []


@pytest.mark.parametrize("metric", [group_outcomes, amplification, downstream, conditional_parity])
def test_nothing_is_said_of_outcomes_without_a_target(metric: object) -> None:
    assert metric(compare(GOOD, "sex", target=None, strata=("skill",))) == []
    assert metric(compare(GOOD, "sex", "hired", strata=("skill",))) == []


@pytest.mark.parametrize("metric", METRICS)
def test_unknown_columns_are_refused(metric: object) -> None:
    with pytest.raises(UsageError, match="--protected"):
        metric(compare(GOOD, "gender"))


def test_other_real_records_are_like_real_records() -> None:
    good = compare(GOOD, "sex", "region")
    for metric in (group_shares, amplification, group_fidelity, group_missingness, group_proxies):
        results = metric(good)
        assert flagged(results) == [], metric
        assert all(r.family == "bias" for r in results)
        assert {r.name for r in results} <= set(WORDS)


def test_shares_that_drift_and_groups_that_are_lost_are_found() -> None:
    synthetic = people(4000, 3, women=0.3)
    kept = np.array([v != "west" for v in synthetic.data["region"].to_pylist()])
    found = group_shares(compare(synthetic.take(np.flatnonzero(kept)), "sex", "region"))
    by_group = {r.group: r for r in found if r.name == "group_share" and " × " not in r.column}
    assert by_group["f"].status == "attention"
    assert by_group["f"].reference == pytest.approx(0.5, abs=0.05)
    assert (by_group["west"].value, by_group["west"].status) == (0, "attention")
    lost = {r.column: r for r in found if r.name == "groups_lost"}
    assert (lost["sex"].value, lost["region"].value, lost["sex × region"].value) == (0, 1, 2)
    assert "west" in lost["region"].method


def test_a_rare_group_is_not_lost_in_a_small_table() -> None:
    found = group_shares(compare(people(30, 3), "region"))
    assert next(r for r in found if r.name == "groups_lost").method.startswith("of 1 groups")


def test_outcomes_stand_beside_those_of_the_holdout() -> None:
    found = group_outcomes(compare(people(4000, 3, gap=0.4), "sex"))
    rates = {r.group: r for r in found if r.name == "base_rate"}
    assert rates["f"].value < rates["f"].reference - 0.15
    assert rates["m"].value == pytest.approx(rates["m"].reference, abs=0.06)
    (ratio,) = (r for r in found if r.name == "impact_ratio")
    assert ratio.group == "f"
    assert ratio.value < ratio.reference - 0.3
    assert ratio.status == "attention"


def gap_of(synthetic: Table, **settings: object) -> Result:
    (found,) = amplification(compare(synthetic, "sex", **settings))
    assert found.ci_low <= found.value <= found.ci_high
    return found


def test_a_gap_that_grows_and_one_that_is_hidden_are_found() -> None:
    wider = gap_of(people(4000, 3, gap=0.35))
    assert wider.ci_low > 0.05 and wider.status == "attention"
    hidden = gap_of(people(4000, 3, gap=-0.1))
    assert hidden.ci_high < -0.05 and hidden.status == "attention"
    same = gap_of(GOOD)
    assert same.ci_low < 0.05 and same.ci_high > -0.05 and same.status == "ok"
    assert abs(same.reference) < 0.08


def test_the_interval_of_the_change_covers_it_as_often_as_it_says() -> None:
    """95 % of 60 draws of everything: fewer than 51 covered has a chance below 1 %."""
    covered = 0
    for seed in range(60):
        tables = [people(600, 1000 + 3 * seed + i, gap=0.2) for i in range(3)]
        (found,) = amplification(Comparison(*tables, target="hired", protected=("sex",)))
        covered += found.ci_low <= 0 <= found.ci_high
    assert covered >= 51


def test_further_draws_enter_value_and_interval() -> None:
    draws = tuple(people(4000, 10 + i, gap=0.1 + 0.1 * i) for i in range(4))
    alone, together = gap_of(GOOD), gap_of(GOOD, draws=draws)
    assert together.value > alone.value + 0.05
    assert together.ci_high - together.ci_low > 2 * (alone.ci_high - alone.ci_low)
    assert "5 synthetic tables" in together.method


def test_a_group_whose_records_are_worse_is_found() -> None:
    woman = np.array([v == "f" for v in GOOD.data["sex"].to_pylist()])
    skill = np.array(GOOD.data["skill"])
    spoilt = with_column(GOOD, "skill", np.where(woman, skill * 0.01, skill))
    found = {r.group: r for r in group_fidelity(compare(spoilt, "sex"))}
    assert found["f"].status == "attention" and found["m"].status == "ok"
    assert found["f"].value > found["f"].reference + 0.1


def gap_changes(synthetic: Table, **settings: object) -> dict[str, Result]:
    found = downstream(compare(synthetic, "sex", **settings))
    return {str(r.group): r for r in found if r.name == "downstream_gap_change"}


def test_models_trained_on_a_biased_table_treat_groups_less_alike() -> None:
    biased = gap_changes(people(4000, 3, gap=0.5))
    for learner in ("boosted trees", "logistic regression"):
        change = biased[f"selection rate, {learner}"]
        assert change.status == "attention"
        assert change.ci_low > 0
    good = gap_changes(GOOD)
    assert [r.group for r in good.values() if r.status == "attention"] == []


def test_models_have_every_figure_for_every_group() -> None:
    found = downstream(compare(GOOD, "sex", draws=(people(4000, 4, gap=0.1),)))
    for name in MEASURES:
        own = [r for r in found if r.name == f"downstream_{name}"]
        assert {r.group for r in own} == {
            f"{g}, {learner}" for g in "fm" for learner in ("boosted trees", "logistic regression")
        }
        assert all(r.ci_low <= r.value <= r.ci_high for r in own)
        assert all(abs(r.value - r.reference) < 0.12 for r in own)
    sizes = [r.n for r in found if r.name == "downstream_selection_rate"][:2]
    assert sum(sizes) == HOLDOUT.num_rows
    assert {r.name for r in found} <= set(WORDS)
    assert "2 synthetic tables" in found[0].method


def test_same_seed_same_figures() -> None:
    few = GOOD.take(np.arange(200))
    first, second = ([r for m in METRICS for r in m(compare(few, "sex", seed=5))] for _ in range(2))
    assert first == second
    assert amplification(compare(few, "sex", seed=6)) != amplification(compare(few, "sex", seed=5))


def test_a_privacy_unit_that_is_not_modelled_is_kept_together() -> None:
    who = field("who", tabsynth={"generator": {"kind": "uuid"}, "role": "identifier"})
    schema = TableSchema(fields=(who, *SCHEMA.fields), tabsynth={"privacy_unit": "who"})

    def of(table: Table) -> Table:
        ids = pa.array([f"p{i // 4}" for i in range(table.num_rows)])
        return Table.checked(table.data.add_column(0, "who", ids), schema)

    tables = [of(t.take(np.arange(800))) for t in (TRAIN, HOLDOUT, GOOD)]
    comparison = Comparison(*tables, target="hired", protected=("sex",))
    for metric in METRICS:
        assert metric(comparison) or metric is conditional_parity


@pytest.mark.parametrize("name", ZOO)
def test_every_table_of_the_zoo_is_survived(name: str) -> None:
    table = ZOO[name]()
    rows = np.arange(min(table.num_rows, 300))
    train, holdout, synthetic = (table.take(rows[i::3]) for i in range(3))
    names = list(islice(table.schema.modelled_names, 4))
    for target, protected in ((names[-1], names[:2]), (names[0], names[1:]), (names[0], names[:1])):
        comparison = Comparison(
            train,
            holdout,
            synthetic,
            target=target,
            protected=tuple(protected),
            strata=tuple(n for n in names if n != target)[-2:],
        )
        for metric in METRICS:
            for result in metric(comparison):
                assert result.value is None or np.isfinite(result.value)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_tables_of_few_records_are_survived(rows: int) -> None:
    tables = [people(rows, seed) for seed in range(3)]
    comparison = Comparison(*tables, target="hired", protected=("sex", "age"), strata=("skill",))
    for metric in METRICS:
        assert all(r.status in ("ok", "uninformative") for r in metric(comparison))
