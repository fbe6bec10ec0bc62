from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabsynth.bias.classifiers import LEARNERS
from tabsynth.bias.quality import MEASURES
from tabsynth.report import suppression
from tabsynth.report.facts import PUBLIC_FACTS, rounded_count
from tabsynth.report.html import render_html
from tabsynth.report.model import Report, Result
from tabsynth.report.public import _MEASURES, public_report
from tabsynth.report.suppression import SMALLEST, finest
from tabsynth.schema.model import TableSchema
from tests.unit.report.full import audit_report, figure

MakeReport = Callable[..., Report]
RACES = ["White", "Black", "Asian-Pac-Islander", "Amer-Indian-Eskimo", "Other"]


def schema(*, observed: bool) -> TableSchema:
    note = {"observed": ["categories"]} if observed else {}
    fields = [
        {"name": "race", "type": "string", "categories": RACES, "tabsynth": note},
        {"name": "sex", "type": "string", "categories": ["Male", "Female"]},
        {"name": "age", "type": "integer"},
        {"name": "member", "type": "boolean"},
    ]
    return TableSchema.model_validate({"fields": fields})


def one(result: Result, make_report: MakeReport, **more: Any) -> list[Result]:
    return list(public_report(make_report(results=(result,)), **more).results)


def groups_of(report: Report, column: str) -> set[str]:
    return {str(r.group) for r in report.results if r.family == "bias" and r.column == column}


def test_it_is_marked_and_no_figure_is_of_fewer_than_ten(full: Report) -> None:
    shown = public_report(full)
    assert shown.audience == "public"
    assert shown.verdict == full.verdict
    assert min(r.n for r in full.results if r.name != "self_test_power") < SMALLEST
    assert all(r.n >= SMALLEST for r in shown.results)
    left_out = len(full.results) - len(shown.results)
    assert shown.provenance["results_left_out"] == left_out > 0
    assert public_report(shown) is shown


def test_a_small_group_takes_everything_said_of_its_outcomes_with_it(full: Report) -> None:
    shown = public_report(full, schema=schema(observed=False))
    # eight of another race; seven of 64 with the outcome
    assert groups_of(full, "race") - groups_of(shown, "race") == {"Other", "Amer-Indian-Eskimo"}


def test_a_lonely_small_group_takes_the_next_smallest_with_it(make_report: MakeReport) -> None:
    sizes = {"White": 900, "Black": 80, "Other": 6}
    shares = [
        figure("group_share", "bias", column="race", group=g, value=n / 986, n=n)
        for g, n in sizes.items()
    ]
    report = public_report(make_report(results=tuple(shares)), schema=schema(observed=False))
    assert groups_of(report, "race") == {"White"}


@pytest.mark.parametrize("where", ["column", "crossing"])
def test_crossed_columns_do_not_tell_what_a_column_withholds(
    where: str, make_report: MakeReport
) -> None:
    """Cells of a crossing add up to the groups of its columns, and these tell the cell left out."""
    cells = {"Male, White": 500, "Female, White": 400, "Male, Black": 45, "Female, Black": 35}
    cells |= {"Male, Other": 6} if where == "column" else {"Male, Other": 34, "Female, Other": 6}
    counts: dict[str, dict[str, int]] = {"sex": {}, "race": {}, "sex × race": cells}
    for cell, n in cells.items():
        for column, group in zip(("sex", "race"), cell.split(", "), strict=True):
            counts[column][group] = counts[column].get(group, 0) + n
    total = sum(cells.values())
    shares = [
        figure("group_share", "bias", column=column, group=group, value=n / total, n=n)
        for column, sizes in counts.items()
        for group, n in sizes.items()
    ]
    report = public_report(make_report(results=tuple(shares)), schema=schema(observed=False))
    assert len(groups_of(report, "sex")) == 2
    assert len(groups_of(report, "race")) == (1 if where == "column" else 3)
    assert groups_of(report, "sex × race") == set()


def test_small_groups_that_are_few_together_take_the_next_smallest_too(
    make_report: MakeReport,
) -> None:
    """Three and four people are the rest of a table whose other groups are told."""
    sizes = {"White": 900, "Black": 80, "Asian-Pac-Islander": 4, "Other": 3}
    shares = [
        figure("group_share", "bias", column="race", group=g, value=n / 987, n=n)
        for g, n in sizes.items()
    ]
    report = public_report(make_report(results=tuple(shares)), schema=schema(observed=False))
    assert groups_of(report, "race") == {"White"}


@pytest.mark.parametrize("few", ["in the holdout", "persons of many records"])
def test_groups_of_many_records_may_be_few_people_together(
    few: str, make_report: MakeReport
) -> None:
    sizes = {"White": 900, "Black": 80, "Asian-Pac-Islander": 400, "Other": 300}
    real = {"White": 0.9, "Black": 0.093, "Asian-Pac-Islander": 0.004, "Other": 0.003}
    holdout = few == "in the holdout"
    shares = [
        figure("group_share", "bias", column="race", group=g, value=n / 1680, n=n,
               reference=real[g] if holdout else None)
        for g, n in sizes.items()
    ]  # fmt: skip
    provenance = (
        {"holdout_records": 1000}
        if holdout
        else {"groups_of_few_persons": [["race", "Asian-Pac-Islander"], ["race", "Other"]]}
    )
    report = make_report(results=tuple(shares), provenance=provenance)
    shown = public_report(report, schema=schema(observed=False))
    assert groups_of(shown, "race") == {"White"}


def in_bias(name: str, group: str, **more: Any) -> Result:
    return figure(name, "bias", **{"column": "race", "group": group, "n": 500, **more})


def test_a_group_that_is_small_among_real_people_is_small(make_report: MakeReport) -> None:
    """Figures of the synthetic table have many records; what they stand beside may have few."""
    results = (
        in_bias("group_share", "White", value=0.9, reference=0.9),
        in_bias("group_share", "Black", value=0.08, reference=0.08),
        in_bias("group_share", "Other", value=0.02, reference=0.002),
        in_bias("base_rate", "White", value=0.4, reference=0.5),
        in_bias("base_rate", "Black", value=0.4, reference=0.99),
        in_bias("base_rate", "Other", value=0.4, reference=1.0),
        in_bias("group_tv", "Other", value=0.1, unit="total variation"),
    )
    known = {"holdout_records": 1000, "synthetic_records": 1000}
    report = public_report(
        make_report(results=results, provenance=known), schema=schema(observed=False)
    )
    # two of a thousand are Other; of 80 Black people, one lacks the outcome
    assert [(r.name, r.group) for r in report.results] == [
        ("group_share", "White"), ("base_rate", "White"),
    ]  # fmt: skip


def test_a_reference_of_unknown_size_is_withheld(make_report: MakeReport) -> None:
    [shown] = one(in_bias("base_rate", "White", value=0.5, reference=0.25), make_report)
    assert (shown.value, shown.reference) == (0.5, None)
    [shown] = one(figure("rate_gap", "bias", column="race", value=0.2, reference=0.1), make_report)
    assert shown.reference == 0.1


def test_models_do_not_bring_a_small_group_back(make_report: MakeReport) -> None:
    results = (
        in_bias("group_share", "White", value=0.6),
        in_bias("group_share", "Black", value=0.4),
        in_bias("group_share", "Other", value=0.01, n=9),
        in_bias("group_share", "Amer-Indian-Eskimo", value=0.01, n=9),
        *(
            in_bias("downstream_tpr", f"{group}, {learner}", value=0.5)
            for group in ("White", "Other")
            for learner in LEARNERS
        ),
        in_bias("downstream_gap", "precision, boosted trees", value=0.1, unit="difference"),
    )
    for declared in (False, True):
        known = schema(observed=False) if declared else None
        shown = public_report(make_report(results=results), schema=known)
        white = "White" if declared else "group 1"
        assert [r.group for r in shown.results if r.name.startswith("downstream")] == [
            f"{white}, boosted trees", f"{white}, logistic regression", "precision, boosted trees",
        ]  # fmt: skip


def test_words_of_models_are_those_of_the_figures() -> None:
    assert tuple(LEARNERS) == suppression.LEARNERS
    assert set(_MEASURES) == set(MEASURES.values())


def test_only_declared_categories_are_named(full: Report) -> None:
    declared = public_report(full, schema=schema(observed=False))
    assert "White" in groups_of(declared, "race")
    for other in (public_report(full), public_report(full, schema=schema(observed=True))):
        text = other.to_json() + render_html(other)
        for race in RACES:
            # "Other" is a word of the page as well
            assert race == "Other" or race not in text
        assert groups_of(other, "race") == {"group 1", "group 2", "group 3"}
    assert groups_of(public_report(full, schema=schema(observed=True)), "sex") == {"Male", "Female"}


@pytest.mark.parametrize(
    ("name", "column", "group", "kept"),
    [
        ("base_rate", "race × sex", "White, Female", True),
        ("base_rate", "race × sex", "White, Neither", False),
        ("base_rate", "race", "(missing)", True),
        ("base_rate", "race × sex", "(all others)", True),
        ("base_rate", "member", "true", True),
        ("base_rate", "age", "over 37 to 48", False),
        ("base_rate", "unknown", "White", False),
        ("missing_gap", "race", "missing age", True),
        ("missing_gap", "race", "missing something", False),
        ("proxy_auc", "race", "by age", True),
        ("proxy_change", "race", "by age", True),
        ("missing_gap_change", "race", "missing age", True),
        ("proxy_auc", "race", "all other columns together", True),
        ("proxy_auc", "race", "White", False),
    ],
)
def test_names_of_groups(
    name: str, column: str, group: str, kept: bool, make_report: MakeReport
) -> None:
    result = figure(name, "bias", column=column, group=group, value=0.5, n=500)
    [shown] = one(result, make_report, schema=schema(observed=False))
    assert shown.group == (group if kept else "group 1")


@pytest.mark.parametrize("family", ["privacy", "fidelity", "utility", "validity"])
def test_groups_and_methods_of_plugins_are_not_shown(family: str, make_report: MakeReport) -> None:
    result = figure("plugin", family, group="HIV", value=0.5, method="HIV against none")
    shown = public_report(make_report(results=(result,)), schema=schema(observed=False))
    assert "HIV" not in shown.to_json()


def test_there_is_no_score_of_a_person(make_report: MakeReport) -> None:
    results = (
        figure("deep_auc", group="isolated", value=0.51, unit="AUC", n=640),
        figure("deep_best_auc", value=0.9, unit="AUC", n=64),
        figure("deep_target_auc", group="isolated 3", value=0.9, unit="AUC", n=64),
        figure("deep_auc", group="record 4711", value=0.99, unit="AUC", n=64),
    )
    shown = public_report(make_report(results=results))
    assert [r.group for r in shown.results] == ["isolated"]


def test_a_hundredth_of_few_records_is_too_few(make_report: MakeReport) -> None:
    results = tuple(
        figure("membership_top", group=f"top {share}%, classifier, isolated", value=0.5, n=287)
        for share in (1, 2, 10)
    )
    shown = public_report(make_report(results=results))
    assert [r.group for r in shown.results] == ["top 10%, classifier, isolated"]


def test_counts_are_coarse(full: Report) -> None:
    shown = public_report(full)
    text = shown.to_json()
    for exact in ("26048", "26,048", "6513", "6,513", "4331", "5561"):
        assert exact not in text
        assert exact not in render_html(shown)
    assert shown.provenance["train_records"] == 26_000
    counts = [r.n for r in shown.results if r.name != "self_test_power"]
    assert all(len(str(n).rstrip("0")) <= 2 for n in counts)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("of 26,048 records, 512 were tried", "of 26,000 records, 510 were tried"),
        ("5 folds, 95 % interval, 20 quantiles", "5 folds, 95 % interval, 20 quantiles"),
        ("p = 0.00123, at least 0.071", "p = 0.00123, at least 0.071"),
        ("column '2016' of x1234", "column '2016' of x1234"),
    ],
)
def test_counts_in_texts_are_coarse(before: str, after: str, make_report: MakeReport) -> None:
    report = public_report(make_report(reasons=(before,)))
    assert report.reasons == (after,)


@given(st.integers(1, 10**7), st.integers(0, 10**7))
def test_no_count_can_be_computed_back_from_a_share(n: int, hits: int) -> None:
    value = min(hits, n) / n
    low, high = max(0.0, value - 0.0123456), min(1.0, value + 0.0123456)
    result = figure("tstr", "utility", value=value, ci_low=low, ci_high=high, n=n)
    report = Report(verdict="pass", reasons=(), results=(result,), provenance={})
    for shown in public_report(report).results:
        assert shown.n == rounded_count(n)
        assert shown.value is not None
        assert shown.ci_low is not None
        assert shown.ci_high is not None
        step = finest(report)(result)
        assert shown.value == pytest.approx(value, abs=step / 2 + 1e-9)
        assert max(0.001, 1 / n) <= step <= max(0.001, 2.5 / n)
        # one record more, of which some other number are hits, looks the same
        more = (np.arange(n + 2) / (n + 1) if n < 5000 else np.array([value])) / step
        assert np.any(np.abs(more - shown.value / step) <= 0.5 + 1e-6)
        # rounded outwards: the interval still holds what it held
        assert shown.ci_low <= low
        assert shown.ci_high >= high
        assert shown.ci_low <= shown.value <= shown.ci_high


SECRETS: dict[str, Any] = {
    "command": "tabsynth run /home/me/patients.csv --seed 4711",
    "seed": 4711,
    "evaluation_seed": 4712,
    "source_sha256": "9f86d081884c7d659a2feaa0c55ad015",
    "source": "/home/me/patients.csv",
    "created_by": "Dr Who",
    "train_records": 26_048,
    "records": {"train": 26_048},
    "libraries": {"python": "3.11.7", "/home/me": "1", "numpy": "at /home/me/numpy"},
    "parameters": {"epochs": 300, "reference": "/home/me/patients.csv", "seed": 4711},
    "columns": {"modelled": ["age"], "values": ["4711"]},
    "synthesizer": "gaussian_copula",
}


def test_only_facts_on_the_list_get_through(make_report: MakeReport) -> None:
    shown = public_report(make_report(provenance=SECRETS, results=()))
    assert shown.provenance == {
        "train_records": 26_000,
        "libraries": {"python": "3.11.7"},
        "parameters": {"epochs": 300},
        "columns": {"modelled": ["age"]},
        "synthesizer": "gaussian_copula",
        "results_left_out": 0,
        "facts_left_out": 7,
    }
    assert not re.search("me/|4711|9f86|26048|26,048", render_html(shown))


words = st.text("abcdefXYZ 0123456789/", min_size=1)
trees = st.recursive(
    st.one_of(words, st.integers(), st.none()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(words, inner)),
    max_leaves=8,
)


@given(st.dictionaries(words.map(lambda w: f"x{w}"), trees))
def test_an_unknown_fact_never_gets_through(facts: dict[str, Any]) -> None:
    report = Report(verdict="pass", reasons=(), results=(), provenance=facts)
    shown = public_report(report)
    assert set(shown.provenance) == {"results_left_out", "facts_left_out"}


@given(st.sampled_from(sorted(PUBLIC_FACTS)), trees)
def test_a_known_fact_of_another_form_does_no_harm(key: str, value: Any) -> None:
    report = Report(verdict="pass", reasons=(), results=(), provenance={key: value})
    shown = public_report(report).provenance
    json.dumps(shown)
    assert set(shown) <= {key, "results_left_out", "facts_left_out"}


def test_an_audit_names_no_undeclared_group_in_its_findings() -> None:
    shown = public_report(audit_report())
    text = shown.to_json() + render_html(shown)
    for race in RACES[:4]:
        assert race not in text
    assert "50K" not in text
    assert shown.provenance["audited_records"] == 6500
    assert any("worth a look" in reason for reason in shown.reasons)


def test_no_seed_is_left(full: Report) -> None:
    assert any(r.seed is not None for r in full.results)
    shown = public_report(full)
    assert all(r.seed is None for r in shown.results)
    assert "seed" not in json.dumps(shown.provenance)


def test_pages_say_for_whom_they_are(full: Report) -> None:
    internal, public = render_html(full), render_html(public_report(full))
    warning = "Contains statistics of private data: not for release"
    assert internal.count(warning) >= 3
    assert warning not in public
    assert "Shareable version" in public
    assert 'class="watermark internal"' in internal
    assert 'class="watermark public"' in public
