"""An audit of a real table from end to end: what it finds, says and refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import tabsynth
from tabsynth.auditor import LABELS, NO_GATE, NO_POPULATION, NO_STRATA, audit
from tabsynth.errors import DataError, UsageError
from tabsynth.report.html import render_html
from tabsynth.report.model import Report
from tabsynth.report.words import WORDS
from tests.unit.bias.population import people
from tests.zoo import ZOO

FAIR, UNFAIR = people(2000, 0), people(2000, 0, gap=0.25, height_gap=2.0)


def flagged(report: Report) -> set[str]:
    return {r.name for r in report.results if r.status == "attention"}


def test_a_fair_table_has_nothing_to_look_at() -> None:
    report = audit(FAIR, protected=["sex", "region"], target="hired", strata=["skill"])
    assert flagged(report) == set()
    assert report.reasons[0] == NO_GATE
    assert report.reasons[-1] == LABELS
    assert NO_POPULATION in report.reasons


def test_an_unfair_one_has_and_the_reasons_say_what() -> None:
    report = audit(UNFAIR, protected=["sex"], target="hired", strata=["skill"])
    assert flagged(report) == {"impact_ratio", "rate_gap", "conditional_odds", "proxy_auc"}
    text = " ".join(report.reasons)
    assert "four fifths of that of the most favoured group: sex f." in text
    assert "give away: sex; sex by height." in text
    assert "hired is true is taken for it" in text


def test_it_gives_no_verdict_and_every_figure_has_words() -> None:
    report = audit(FAIR, protected=["sex", "age"], target="pay", strata=["skill"])
    assert report.verdict == "inconclusive"
    assert {r.family for r in report.results} == {"bias"}
    assert {r.name for r in report.results} <= set(WORDS)
    assert all(r.n <= FAIR.num_rows for r in report.results)
    assert "base_rate" in report.to_json()
    assert "Favourable outcomes by group" in render_html(report)


def test_groups_have_their_own_number_of_records() -> None:
    report = audit(FAIR, protected=["sex"], target="hired")
    women = FAIR.data["sex"].to_pylist().count("f")
    own = [r for r in report.results if r.group == "f"]
    assert {r.name for r in own} == {"group_share", "base_rate"} | (
        {"impact_ratio"} & {r.name for r in own}
    )
    assert {r.n for r in own} == {women}
    assert NO_STRATA in report.reasons


def test_a_population_is_named_and_what_it_does_not_know_too() -> None:
    population = pd.DataFrame({"sex": ["f", "m"], "share": [0.8, 0.2]})
    report = audit(FAIR, protected=["sex", "region"], target="hired", reference=population)
    assert NO_POPULATION not in report.reasons
    assert "The reference population does not know region, sex × region." in report.reasons
    assert any("far from the population's: sex f; sex m" in r for r in report.reasons)


def test_the_favourable_value_can_be_named() -> None:
    report = audit(FAIR, protected=["sex"], target="hired", favourable="false")
    assert "Favourable: hired is false." in report.reasons
    rates = [r.value for r in report.results if r.name == "base_rate"]
    unasked = audit(FAIR, protected=["sex"], target="hired")
    others = [r.value for r in unasked.results if r.name == "base_rate"]
    assert np.add(rates, others) == pytest.approx([1, 1])


def test_a_data_frame_and_the_public_name_do() -> None:
    frame = FAIR.to_pandas()
    report = tabsynth.audit(frame, protected=["sex"], target="hired")
    assert report.provenance["audited_records"] == 2000


def test_same_seed_same_bytes() -> None:
    first, second, other = (
        audit(FAIR, protected=["sex"], target="hired", seed=seed).to_json() for seed in (1, 1, 2)
    )
    assert first == second != other


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"protected": [], "target": "hired"}, "--protected"),
        ({"protected": ["gender"], "target": "hired"}, "--protected"),
        ({"protected": ["sex"], "target": "job"}, "--target"),
        ({"protected": ["sex"], "target": "sex"}, "--protected"),
        ({"protected": ["sex"], "target": "hired", "strata": ["rank"]}, "--strata"),
        ({"protected": ["sex"], "target": "hired", "favourable": "maybe"}, "--favourable"),
    ],
)
def test_what_cannot_be_audited_is_refused(settings: dict[str, object], where: str) -> None:
    with pytest.raises(UsageError) as refusal:
        audit(FAIR, **settings)
    assert refusal.value.where == where


def test_a_table_or_population_without_records_is_refused() -> None:
    with pytest.raises(DataError, match="data: expected records"):
        audit(FAIR.take(np.arange(0)), protected=["sex"], target="hired")
    with pytest.raises(DataError, match="reference"):
        audit(FAIR, protected=["sex"], target="hired", reference=pa.table({"town": ["x"]}))


@pytest.mark.parametrize("name", ZOO)
def test_every_table_of_the_zoo_is_survived(name: str) -> None:
    table = ZOO[name]()
    table = table.take(np.arange(min(table.num_rows, 300)))
    names = table.schema.modelled_names
    report = audit(table, protected=names[1:3], target=names[0], strata=names[3:5])
    assert all(r.value is None or np.isfinite(r.value) for r in report.results)
    render_html(report)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_tables_of_few_records_are_survived(rows: int) -> None:
    report = audit(people(rows, 0), protected=["sex", "age"], target="pay", strata=["skill"])
    assert {r.status for r in report.results} == {"uninformative"}
