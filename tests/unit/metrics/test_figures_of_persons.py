"""Intervals, folds and 'insufficient' go by persons where these have several records."""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.bias.groups import groupings
from tabsynth.bias.persons import as_people
from tabsynth.bias.proxies import told_apart as of_classes
from tabsynth.bias.quality import quality
from tabsynth.bias.representation import share_figures
from tabsynth.comparison import Comparison, Metric, dealt, redrawn, score
from tabsynth.metrics.detection import c2st_auc, c2st_auc_network, told_apart
from tabsynth.metrics.group_fidelity import group_fidelity
from tabsynth.metrics.group_proxies import group_proxies
from tabsynth.metrics.propensity import s_pmse
from tabsynth.metrics.support import alpha_precision_beta_recall
from tabsynth.metrics.transfer import tstr_columns
from tabsynth.metrics.utility import tstr
from tabsynth.metrics.variation import univariate_tv
from tabsynth.schema.generator import Personal
from tabsynth.schema.model import TableExtension, TableSchema
from tabsynth.table import Table
from tests.zoo import field

SCHEMA = TableSchema(
    fields=(
        field("person", tabsynth={"generator": Personal(what="name")}),
        field("kind", categories=("a", "b", "c")),
        field("x", "number"),
        field("y", "number"),
    ),
    tabsynth=TableExtension(privacy_unit="person"),
)


def table(sizes: list[int], seed: int) -> Table:
    """Persons whose records are alike."""
    rng = np.random.default_rng(seed)
    count = len(sizes)
    columns = {
        "person": [f"p{seed}-{i}" for i in range(count)],
        "kind": rng.choice(["a", "b", "c"], count),
        "x": rng.normal(size=count),
        "y": rng.normal(size=count),
    }
    return Table.checked(pa.table({n: np.repeat(v, sizes) for n, v in columns.items()}), SCHEMA)


def test_all_records_of_a_person_are_in_one_part() -> None:
    people = table([3] * 40, 0)
    part = dealt(people.units, 5, np.random.default_rng(0))
    assert set(np.unique(part)) == set(range(5))
    assert all(len(set(part[people.units == u])) == 1 for u in np.unique(people.units))
    alone = Table(TableSchema(fields=SCHEMA.fields), people.data)
    by_record = dealt(alone.units, 5, np.random.default_rng(0))
    assert (by_record == np.random.default_rng(0).permutation(120) % 5).all()


def test_persons_of_one_population_are_not_told_apart_by_their_own_records() -> None:
    """Record by record in folds, a person's others give them away: an AUC of 1."""
    found = [
        told_apart(
            *(t.modelled for t in (table([20] * 40, 2 * seed + 1), table([20] * 40, 2 * seed + 2))),
            most=800,
            rng=np.random.default_rng(seed),
        )
        for seed in range(3)
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.12)
    # one person a side leaves nobody to learn from
    lonely = (table([60], seed).modelled for seed in (1, 2))
    assert np.isnan(told_apart(*lonely, most=60, rng=np.random.default_rng(0)))


def test_the_interval_of_a_distance_rests_on_persons() -> None:
    def width(sizes: list[int]) -> float:
        parts = (table(sizes, seed) for seed in (1, 2, 3))
        kind = next(r for r in univariate_tv(Comparison(*parts)) if r.column == "kind")
        assert kind.ci_high is not None and kind.value is not None
        return kind.ci_high - kind.value

    each, several = width([1] * 150), width([10] * 150)
    assert several == pytest.approx(each, rel=0.5)
    assert several > 2 * width([1] * 1500)


def test_persons_are_drawn_again_with_all_of_their_records() -> None:
    owners = np.array([7, 3, 7, 7, 5])
    for rows in redrawn(5, owners, 20, np.random.default_rng(0)):
        times = np.bincount(rows, minlength=5)
        assert times[0] == times[2] == times[3]
        assert times[0] + times[1] + times[4] == 3
    each = list(redrawn(5, None, 4, np.random.default_rng(0)))
    assert (np.array(each) == np.random.default_rng(0).integers(0, 5, (4, 5))).all()


@pytest.mark.parametrize("measure", [tstr, tstr_columns])
def test_what_is_learnt_is_tested_on_persons(measure: Metric) -> None:
    def width(sizes: list[int]) -> float:
        parts = [table(sizes, seed) for seed in (1, 2, 3)]
        kinds = [np.where(t.column("x").to_numpy() > 0, "a", "b") for t in parts]
        parts = [
            Table.checked(t.data.set_column(1, "kind", pa.array(k).dictionary_encode()), SCHEMA)
            for t, k in zip(parts, kinds, strict=True)
        ]
        found = measure(Comparison(*parts, target="y"))
        result = next(r for r in found if r.column == "y")
        assert result.ci_high is not None and result.ci_low is not None
        return result.ci_high - result.ci_low

    assert width([8] * 100) > 1.5 * width([1] * 800)


@pytest.mark.parametrize(
    ("measure", "name"),
    [
        (c2st_auc, "c2st_auc"),
        (c2st_auc_network, "c2st_auc_network"),
        (s_pmse, "s_pmse"),
        (alpha_precision_beta_recall, "alpha_precision"),
        (group_fidelity, "group_tv"),
        (group_proxies, "proxy_change"),
    ],
)
def test_records_of_the_same_persons_narrow_no_interval(measure: Metric, name: str) -> None:
    def width(parts: list[Table]) -> float:
        found = measure(Comparison(*parts, protected=("kind",)))
        result = next(r for r in found if r.name == name)
        assert result.ci_high is not None and result.ci_low is not None
        return result.ci_high - result.ci_low

    people = [table([8] * 150, seed) for seed in (11, 12, 13)]
    records = [Table(TableSchema(fields=SCHEMA.fields), t.data) for t in people]
    others = [table([1] * 1200, seed) for seed in (11, 12, 13)]
    # eight records of a person that are alike say no more than one
    assert width(people) > 1.5 * max(width(records), width(others))


def test_a_group_of_one_person_says_too_little() -> None:
    sizes = [1] * 300
    people = table(sizes, 4)
    kinds = ["a"] * 200 + ["b"] * 99 + ["c"]
    rows = np.append(np.arange(299), np.full(60, 299))
    changed = people.data.set_column(1, "kind", pa.array(kinds).dictionary_encode())
    heavy = Table.checked(changed, SCHEMA).take(rows)
    figures = partial(share_figures, population=None, rng=np.random.default_rng(0), seed=0)
    found = {r.group: r for r in figures(heavy, groupings(heavy, ["kind"]))}
    assert found["c"].n == 60
    assert found["c"].method.startswith("insufficient")
    assert found["a"].status == "ok"
    assert as_people(people.units) == 1.0
    assert as_people(table([4] * 50, 0).units) == pytest.approx(0.25)


def test_a_perfect_value_is_not_scored_where_the_baseline_happens_to_be_no_worse() -> None:
    """One value missing in train, none in the holdout nor in the other two."""
    assert score(0.0, 0.00025, 0.0, margin=0.0) == (None, "uninformative")
    assert score(0.3, 0.1, 0.02, margin=0.01) == (None, "attention")
    assert score(0.9, 0.8, 0.9, margin=0.0, better="higher") == (None, "uninformative")


def test_thirty_records_of_few_persons_are_not_thirty() -> None:
    """Four persons of a kind have forty records of it."""
    rng = np.random.default_rng(0)
    sizes = [1] * 120 + [10] * 4
    kinds = pa.array(["a", "b"] * 60 + ["c"] * 4).dictionary_encode()
    few = Table.checked(table([1] * 124, 5).data.set_column(1, "kind", kinds), SCHEMA)
    few = few.take(np.repeat(np.arange(124), sizes))
    (grouping,) = groupings(few, ["kind"])
    assert [grouping.labels[g] for g in of_classes(grouping, [few])] == ["a", "b"]
    comparison = Comparison(few, few, few, protected=("kind",))
    assert {r.group for r in group_fidelity(comparison)} == {"a", "b"}
    truth, guess = rng.integers(0, 2, len(sizes) + 36), rng.random(len(sizes) + 36)
    served = [
        quality(grouping.codes(few), len(grouping.labels), truth.astype(float), guess,
                weights=np.ones((1, len(guess))), owners=owners)
        for owners in (few.owners, None)
    ]  # fmt: skip
    assert [found.counts[2, 0] for found in served] == [4, 40]
