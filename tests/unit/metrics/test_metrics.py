"""Metrics say what they should on tables whose answer is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from tabsynth.comparison import Comparison, score
from tabsynth.errors import UsageError
from tabsynth.intervals import delong, newcombe, wilson
from tabsynth.metrics.copies import exact_copies
from tabsynth.metrics.detection import c2st_auc
from tabsynth.metrics.utility import tstr
from tabsynth.metrics.validity import validity
from tabsynth.metrics.variation import pairwise_tv, univariate_tv
from tabsynth.report.model import Result
from tabsynth.sampler import sample
from tabsynth.schema.check import Violation
from tabsynth.schema.generator import Personal
from tabsynth.schema.generator import Sequence as IdSequence
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tabsynth.workflow import fit, split
from tests.canaries.trial import planted
from tests.zoo import field

SCHEMA = TableSchema(
    fields=(
        field("x", "number"),
        field("y", "number"),
        field("group", categories=("a", "b", "c")),
        field("label", "boolean"),
    )
)


def population(rows: int, seed: int, *, shift: float = 0.0, dependent: bool = True) -> Table:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows) + shift
    columns = {
        "x": x,
        "y": x + rng.normal(scale=0.5, size=rows),
        "group": np.where(x < -0.5, "a", np.where(x < 0.5, "b", "c")),
        "label": x + rng.normal(scale=0.5, size=rows) > 0,
    }
    raw = pa.table({k: v if dependent else rng.permutation(v) for k, v in columns.items()})
    return Table.checked(raw, SCHEMA)


def compare(synthetic: Table, **settings: object) -> Comparison:
    return Comparison(population(4000, 1), population(1500, 2), synthetic, **settings)


GOOD = population(4000, 3)
SHIFTED = population(4000, 3, shift=1.0)
INDEPENDENT = population(4000, 3, dependent=False)


def overall(results: list[Result]) -> Result:
    return next(r for r in results if r.column is None)


def test_univariate_distance_sees_a_shift_but_no_lost_dependence() -> None:
    good, shifted, independent = (
        overall(univariate_tv(compare(t))) for t in (GOOD, SHIFTED, INDEPENDENT)
    )
    assert good.value < 0.05
    assert shifted.value > 0.2
    assert independent.value < 0.05
    assert good.ci_low <= good.value <= good.ci_high
    assert shifted.status == "attention"
    # columns one by one cannot tell independent columns from real ones: no scale
    assert good.status == "uninformative"
    assert good.score is None


def test_pairwise_distance_sees_lost_dependence() -> None:
    good, independent = (overall(pairwise_tv(compare(t))) for t in (GOOD, INDEPENDENT))
    assert good.score > 90
    assert independent.score < 10
    assert independent.status == "attention"
    assert abs(independent.value - independent.baseline) < 0.03
    assert abs(good.value - good.reference) < 0.03


def test_worst_columns_come_first_and_by_name() -> None:
    broken = GOOD.data.set_column(0, "x", SHIFTED.data["x"])
    results = univariate_tv(compare(Table(SCHEMA, broken)))[1:]
    assert results[0].column == "x"
    assert [r.column for r in pairwise_tv(compare(GOOD))[1:]].count("x × y") == 1


def test_total_variation_of_known_shares_is_exact() -> None:
    schema = TableSchema(fields=(field("g", categories=("a", "b")), field("h", "boolean")))

    def shares(a: int, b: int) -> Table:
        raw = pa.table({"g": ["a"] * a + ["b"] * b, "h": [True] * (a + b)})
        return Table.checked(raw, schema)

    comparison = Comparison(shares(60, 40), shares(50, 50), shares(80, 20))
    by_column = {r.column: r.value for r in univariate_tv(comparison)}
    assert by_column["g"] == pytest.approx(0.3)
    assert by_column["h"] == pytest.approx(0.0)
    assert by_column[None] == pytest.approx(0.15)


def test_a_lost_spike_is_seen() -> None:
    schema = TableSchema(fields=(field("gain", "number"),))

    def amounts(zeros: float, seed: int) -> Table:
        rng = np.random.default_rng(seed)
        gain = np.where(rng.random(4000) < zeros, 0.0, rng.lognormal(8, 1, 4000))
        return Table.checked(pa.table({"gain": gain}), schema)

    real = amounts(0.96, 0), amounts(0.96, 1)
    good, bad = (
        overall(univariate_tv(Comparison(*real, amounts(zeros, 2)))).value for zeros in (0.96, 0.86)
    )
    assert good < 0.02
    assert bad == pytest.approx(0.1, abs=0.02)


def test_interval_of_total_variation_covers_the_truth() -> None:
    """Of 60 intervals of a distance whose true value is 0.3, a nominal 95 % cover it.

    With 60 repetitions at least 50 are covered unless true coverage is below 90 % (false alarm
    under 3 %).
    """
    schema = TableSchema(fields=(field("g", categories=("a", "b")),))
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)

        def shares(p: float, rows: int, rng: np.random.Generator = rng) -> Table:
            raw = pa.table({"g": np.where(rng.random(rows) < p, "a", "b")})
            return Table.checked(raw, schema)

        comparison = Comparison(shares(0.5, 800), shares(0.5, 800), shares(0.8, 800), seed=seed)
        result = overall(univariate_tv(comparison))
        covered += result.ci_low <= 0.3 <= result.ci_high
    assert covered >= 50


def test_detection_tells_shifted_and_independent_tables_apart() -> None:
    good, shifted, independent = (c2st_auc(compare(t))[0] for t in (GOOD, SHIFTED, INDEPENDENT))
    assert good.ci_low <= 0.5 <= good.ci_high + 0.02
    assert shifted.value > 0.7
    assert independent.value > 0.8
    assert good.score > 90
    assert independent.score < 15


def test_too_few_records_give_no_figure_and_say_so() -> None:
    comparison = Comparison(GOOD, population(30, 2), GOOD, target="label")
    for metric in (c2st_auc, tstr):
        (result,) = metric(comparison)
        assert result.value is None
        assert result.status == "uninformative"
        assert "at least 50" in result.method


def test_delong_area_is_the_roc_area_and_its_error_is_right() -> None:
    rng = np.random.default_rng(0)
    areas, variances = [], []
    for _ in range(200):
        positive, negative = rng.normal(1, 1, 80), rng.normal(0, 1, 120)
        area, variance = delong(positive, negative)
        areas.append(area)
        variances.append(variance)
    label = np.repeat([1, 0], [80, 120])
    expected = roc_auc_score(label, np.concatenate([positive, negative]))
    assert area == pytest.approx(expected)
    # standard deviation over draws against the mean estimated error; 200 draws give +-15 %
    assert np.std(areas) == pytest.approx(np.sqrt(np.mean(variances)), rel=0.2)


@pytest.mark.parametrize(("target", "unit"), [("label", "AUC"), ("group", "AUC"), ("y", "R²")])
def test_utility_is_kept_by_good_tables_and_lost_by_independent_ones(
    target: str, unit: str
) -> None:
    good, independent = (tstr(compare(t, target=target))[0] for t in (GOOD, INDEPENDENT))
    assert good.unit == unit
    assert good.better == "higher"
    assert good.score > 85
    assert independent.score < 30
    assert good.ci_low <= good.value <= good.ci_high


def test_utility_without_a_target_is_silent_and_with_a_wrong_one_refused() -> None:
    assert tstr(compare(GOOD)) == []
    with pytest.raises(UsageError, match="--target"):
        tstr(compare(GOOD, target="nothing"))


def test_utility_that_cannot_be_learnt_has_no_figure_and_is_no_error() -> None:
    missing = GOOD.data.set_column(1, "y", pa.nulls(GOOD.num_rows, pa.float64()))
    lost = compare(Table(SCHEMA, missing), target="y")
    alone = TableSchema(fields=(field("y", "number"),))
    lonely = Comparison(*(t.select(alone) for t in (GOOD, SHIFTED, GOOD)), target="y")
    once = GOOD.take(np.arange(60))
    labels = pa.array([True] + [False] * 59)
    rare = Comparison(
        GOOD, Table(SCHEMA, once.data.set_column(3, "label", labels)), GOOD, target="label"
    )
    for comparison, unit in ((lost, "R²"), (lonely, "R²"), (rare, "AUC")):
        (result,) = tstr(comparison)
        assert result.value is None
        assert result.status == "uninformative"
        assert result.unit == unit
        assert result.method.startswith("needs ")


def test_a_bootstrap_copy_is_caught() -> None:
    comparison = compare(GOOD)
    copied = comparison.train.take(np.random.default_rng(0).integers(0, 4000, 4000))
    results = {r.name: r for r in exact_copies(compare(copied))}
    assert results["exact_copies"].value == 1.0
    assert results["exact_copies"].reference == 0.0
    assert results["unique_copies"].status == "fail"


def test_copies_by_chance_do_not_fail() -> None:
    """Tables of few levels repeat each other; the holdout shows how much of that is chance."""
    schema = TableSchema(fields=(field("a", categories=("x", "y")), field("b", "boolean")))

    def draw(seed: int) -> Table:
        rng = np.random.default_rng(seed)
        raw = pa.table({"a": rng.choice(["x", "y"], 500), "b": rng.random(500) < 0.5})
        return Table.checked(raw, schema)

    results = {r.name: r for r in exact_copies(Comparison(draw(0), draw(1), draw(2)))}
    assert results["exact_copies"].value == 1.0
    assert results["exact_copies"].reference == 1.0
    # nobody's record occurs once: there is nobody to remember
    assert results["unique_copies"].value == 0.0
    assert results["unique_copies"].status == "ok"


def test_a_few_persons_copied_many_times_are_caught() -> None:
    comparison = compare(GOOD)
    three = comparison.train.take(np.arange(3).repeat(1000))
    results = {r.name: r for r in exact_copies(compare(three))}
    assert results["unique_copies"].status == "fail"
    assert results["unique_copies"].value == 1.0


def test_withheld_values_that_come_out_are_caught() -> None:
    schema = TableSchema(
        fields=(
            field("x", "number"),
            field("mail", tabsynth={"generator": Personal(what="email")}),
            field("note", tabsynth={"free_text": "replace"}),
        )
    )

    def people(start: int) -> pa.Table:
        names = [f"p{i}" for i in range(start, start + 300)]
        x = np.random.default_rng(start).normal(size=300)
        return pa.table({"x": x, "mail": [f"{n}@a.example" for n in names], "note": names})

    real = [Table.checked(people(s), schema) for s in (0, 300)]
    leaked = people(600).set_column(1, "mail", people(0)["mail"])
    results = exact_copies(Comparison(*real, Table.checked(leaked, schema)))
    status = {r.column: r.status for r in results if r.name == "withheld_copies"}
    assert status == {"mail": "fail", "note": "ok"}


def test_a_sequence_that_meets_real_numbers_is_no_copy() -> None:
    """Real records numbered in order of time, the holdout being the latest."""
    schema = TableSchema(
        fields=(field("id", "integer", tabsynth={"generator": IdSequence()}), field("x", "number"))
    )
    x = np.random.default_rng(0).normal(size=1400)
    real = Table.checked(pa.table({"id": np.arange(1, 1401), "x": x}), schema)
    train, holdout = real.take(np.arange(1000)), real.take(np.arange(1000, 1400))
    drawn = sample(fit(train, seed=0), 1000, seed=0)
    assert drawn.column("id").to_pylist() == train.column("id").to_pylist()
    results = exact_copies(Comparison(train, holdout, drawn))
    assert not [r for r in results if r.status == "fail"]


def test_values_just_frequent_enough_to_be_emitted_do_not_fail() -> None:
    """Every value occurs six or seven times; those with five of them in train come out."""
    raw = pa.table({"age": [20 + i % 60 for i in range(400)]})
    table = Table.checked(raw, TableSchema(fields=(field("age", "integer"),)))
    for seed in range(20):
        train, holdout = split(table, seed=seed)
        drawn = sample(fit(train, seed=seed), 320, seed=seed)
        results = exact_copies(Comparison(train, holdout, drawn))
        assert not [r for r in results if r.status == "fail"]


def test_real_records_from_another_split_are_not_failed() -> None:
    """At 99 %, two-sided, at most 1 in 200 splits should fail; 3 in 200 would be a bug."""
    failed = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        rows = [(int(a), int(b)) for a, b in rng.integers(0, 40, (900, 2))]
        schema = TableSchema(fields=(field("a", "integer"), field("b", "integer")))
        raw = pa.table({"a": [r[0] for r in rows], "b": [r[1] for r in rows]})
        table = Table.checked(raw, schema)
        parts = [table.take(np.arange(i, 900, 3)) for i in range(3)]
        failed += any(r.status == "fail" for r in exact_copies(Comparison(*parts)))
    assert failed <= 3


def test_missing_values_take_part_in_copies() -> None:
    schema = TableSchema(fields=(field("a", "number"), field("b")))
    rows = {"a": [1.0, None, 3.0], "b": ["u", "v", None]}
    table = Table.checked(pa.table(rows), schema)
    other = Table.checked(pa.table({"a": [None, 3.0], "b": ["v", "u"]}), schema)
    results = exact_copies(Comparison(table, other, other))
    assert results[0].value == pytest.approx(0.5)


def test_wilson_and_newcombe_match_published_examples() -> None:
    # Newcombe (1998), two-sided 95 %: 81/263 -> 0.2553, 0.3662 (Wilson, no continuity correction)
    assert wilson(81, 263, 1.959964) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    # Newcombe (1998), Statistics in Medicine 17:873, table II: 56/70 - 48/80 -> 0.0524, 0.3339
    first, second = np.arange(70) < 56, np.arange(80) < 48
    assert newcombe(first, second, 1.959964) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_validity_counts_what_is_broken() -> None:
    broken = (Violation("x", "type", 40, "a number"), Violation("group", "categories", 4, "a, b"))
    results = validity(compare(GOOD, violations=broken))
    assert results[0].value == pytest.approx(1 - 44 / 16_000)
    assert {(r.column, r.value, r.status) for r in results[1:]} == {
        ("x", 0.01, "fail"),
        ("group", 0.001, "fail"),
    }
    assert validity(compare(GOOD))[0].status == "ok"


def test_scores_run_from_the_baseline_to_the_reference() -> None:
    assert score(0.1, 0.1, 0.5, margin=0.01) == (100.0, "ok")
    assert score(0.5, 0.1, 0.5, margin=0.01) == (0.0, "attention")
    assert score(0.2, 0.1, 0.5, margin=0.01)[0] == pytest.approx(75)
    assert score(0.9, 0.9, 0.5, margin=0.01, better="higher") == (100.0, "ok")
    assert score(0.1, 0.1, 0.12, margin=0.05) == (None, "uninformative")
    # no scale between reference and baseline, but far worse than both
    assert score(0.4, 0.1, 0.12, margin=0.05) == (None, "attention")
    assert score(0.1, 0.5, 0.52, margin=0.05, better="higher") == (None, "attention")
    assert score(0.9, 0.5, 0.52, margin=0.05, better="higher") == (None, "uninformative")


@pytest.mark.parametrize("persons", [1, 5, 30])
def test_near_copies_of_few_persons_fail(persons: int) -> None:
    """One field redrawn each time: no attack on members sees so few of them."""
    comparison = planted("households", "another split", 0, rows=2000, seed=0)
    rng = np.random.default_rng(persons)
    who = comparison.train.take(np.tile(rng.choice(2000, persons, replace=False), 60 // persons))
    names = list(comparison.train.schema.names)
    columns = {n: who.column(n).to_pylist() for n in names}
    for i in range(60):
        name = names[rng.integers(len(names))]
        columns[name][i] = comparison.synthetic.column(name)[int(rng.integers(2000))].as_py()
    types = comparison.train.data.schema
    copies = pa.table([pa.array(columns[n], types.field(n).type) for n in names], names=names)
    mixed = pa.concat_tables([comparison.synthetic.data.slice(60), copies]).unify_dictionaries()
    leaking = dataclasses.replace(
        comparison, synthetic=Table(comparison.train.schema, mixed.combine_chunks())
    )
    for judged, status in ((comparison, "ok"), (leaking, "fail")):
        (found,) = [r for r in exact_copies(judged) if r.name == "near_copies"]
        assert found.status == status
    assert found.value >= 0.02
