"""Shadow fits find methods that remember, and do not accuse those that cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tabsynth.attacks.likelihood_ratio import Evidence, area_interval, dealt
from tabsynth.attacks.shadow import shadow
from tabsynth.attacks.shadow_findings import findings
from tabsynth.attacks.shadow_targets import choose
from tabsynth.comparison import Comparison, Refit
from tabsynth.errors import DataError, UsageError
from tabsynth.report.model import Result
from tabsynth.schema.model import TableExtension, TableSchema
from tabsynth.table import Table
from tabsynth.workflow import fit, sample
from tests.leaks import COLUMNS, joined, population
from tests.zoo import ZOO, field

PEOPLE = population(600, 0)
FRESH = population(4000, 1)


def unrelated(table: Table, seed: int) -> Table:
    """Other people: nothing of the input."""
    return FRESH.take(np.random.default_rng(seed).integers(0, FRESH.num_rows, table.num_rows))


def copied(table: Table, seed: int) -> Table:
    return table


def bootstrap(table: Table, seed: int) -> Table:
    return table.take(np.random.default_rng(seed).integers(0, table.num_rows, table.num_rows))


def attacked(refit: Refit | None, *, table: Table = PEOPLE, **settings: Any) -> list[Result]:
    return shadow(Comparison(table, table, table, refit=refit, seed=0), **settings)


def found(results: list[Result], name: str, group: str | None = None) -> Result:
    return next(r for r in results if (r.name, r.group) == (name, group))


def test_a_copier_is_found_for_every_kind_of_target() -> None:
    results = attacked(copied, fits=32)
    assert found(results, "deep_p").value == pytest.approx(0.001)
    for kind in ("isolated", "rare", "random"):
        assert found(results, "deep_auc", kind).value > 0.95
    best = found(results, "deep_best_auc")
    assert best.value == 1.0
    assert best.ci_low > 0.6


def test_a_bootstrap_leaves_out_a_third_and_the_figure_says_so() -> None:
    """A copy of a target comes out in 63 % of the fits with it: at best an AUC of 0.82."""
    results = attacked(bootstrap)
    overall = found(results, "deep_auc")
    assert overall.value == pytest.approx(1 - np.exp(-1) / 2, abs=0.03)
    assert overall.ci_low <= 1 - np.exp(-1) / 2 <= overall.ci_high
    assert found(results, "deep_p").value < 0.01


@pytest.mark.parametrize("seed", range(3))
def test_a_method_that_ignores_its_input_is_not_accused(seed: int) -> None:
    """Three p-values below 0.01 have a chance of 3 %; the seeds are fixed."""
    table = PEOPLE.take(np.arange(seed * 100, seed * 100 + 300))
    results = shadow(Comparison(table, table, table, refit=unrelated, seed=seed), fits=32)
    overall = found(results, "deep_auc")
    assert overall.ci_low <= 0.5 <= overall.ci_high
    assert found(results, "deep_best_auc").ci_low < 0.5
    assert found(results, "deep_p").value > 0.01


def test_a_memory_of_rare_values_only_is_found_among_rare_targets() -> None:
    def refit(table: Table, seed: int) -> Table:
        drawn = unrelated(table, seed)
        remembered = table.column("town")
        counts = {c["values"]: c["counts"] for c in remembered.value_counts().to_pylist()}
        rare = pc.is_in(remembered, pa.array([t for t, n in counts.items() if n == 1]))
        rows = np.flatnonzero(rare.to_numpy(zero_copy_only=False))
        towns = drawn.column("town").to_pylist()
        towns[: len(rows)] = remembered.take(pa.array(rows)).to_pylist()
        place = list(COLUMNS).index("town")
        return Table(drawn.schema, drawn.data.set_column(place, "town", pa.array(towns)))

    towns = PEOPLE.column("town").to_pylist()
    for i in range(8):
        towns[40 * i] = f"hamlet {i}"
    place = list(COLUMNS).index("town")
    table = Table(PEOPLE.schema, PEOPLE.data.set_column(place, "town", pa.array(towns)))
    results = attacked(refit, table=table)
    rare = sorted(r.value for r in results if (r.group or "").startswith("rare "))
    assert rare[-2] > 0.9
    assert found(results, "deep_auc", "rare").value > found(results, "deep_auc", "random").ci_high
    assert found(results, "deep_p").value < 0.01


def test_our_own_method_is_fitted_and_not_accused() -> None:
    def refit(table: Table, seed: int) -> Table:
        return sample(fit(table, synthesizer="independent", seed=seed), table.num_rows, seed=seed)

    said: list[str] = []
    results = attacked(refit, table=population(400, 3), fits=32, say=said.append)
    # a copier has 0.8 and more
    assert found(results, "deep_auc", "random").ci_low < 0.7
    assert said[0] == "shadow fits: 0 of 32"


def test_the_same_seed_gives_the_same_results() -> None:
    table = PEOPLE.take(np.arange(120))
    first, second = (attacked(bootstrap, table=table, fits=16) for _ in range(2))
    assert first == second


def test_named_targets_stand_in_their_order_and_no_value_or_row_is_shown() -> None:
    named = [411, 77, 411, 200]
    results = attacked(bootstrap, targets=named, fits=16)
    groups = [r.group for r in results if r.name == "deep_target_auc"]
    assert groups[:4] == ["named 1", "named 2", "named 3", "isolated 1"]
    assert found(results, "deep_auc", "named").n == 3
    text = " ".join(r.model_dump_json() for r in results)
    shown = {
        str(v) for row in (411, 77, 200) for v in PEOPLE.data.slice(row, 1).to_pylist()[0].values()
    }
    assert not any(v in text for v in shown if len(v) > 3)
    assert "411" not in text
    assert all(r.column is None for r in results)


def test_targets_stand_out_as_their_kind_says() -> None:
    far = {"age": [500], "job": ["x"], "town": ["y"], "sex": ["z"], "income": [1e9],
           "gain": [10**6], "illness": ["w"]}  # fmt: skip
    outlier = Table.checked(pa.table(far), PEOPLE.schema)
    table = joined(PEOPLE, outlier)
    chosen = choose(table, (), np.random.default_rng(0))
    assert chosen.rows[chosen.kinds.index("isolated")] == 600
    rare = [row for row, kind in zip(chosen.rows, chosen.kinds, strict=True) if kind == "rare"]
    gains = PEOPLE.column("gain").to_pylist()
    assert int(np.argmax(gains)) in [*rare, *chosen.rows[:10]]
    assert len(set(chosen.rows.tolist())) == len(chosen.rows) == 30


def test_a_person_is_in_or_out_with_all_records() -> None:
    fields = (field("person", "integer"), field("x", "number"))
    schema = TableSchema(fields=fields, tabsynth=TableExtension(privacy_unit="person"))
    x = np.random.default_rng(0).normal(size=300)
    table = Table.checked(pa.table({"person": np.arange(300) // 3, "x": x}), schema)
    sizes: list[int] = []

    def refit(part: Table, seed: int) -> Table:
        counts = np.unique(part.units, return_counts=True)[1]
        assert set(counts.tolist()) == {3}
        sizes.append(part.num_rows)
        return part

    results = attacked(refit, table=table, fits=16)
    assert found(results, "deep_auc").value > 0.9
    assert max(sizes) < 200


@pytest.mark.parametrize("rows", [1, 3, 40])
def test_small_tables_give_no_figure(rows: int) -> None:
    (result,) = attacked(copied, table=PEOPLE.take(np.arange(rows)))
    assert (result.name, result.value, result.status) == ("deep_auc", None, "uninformative")


def test_without_a_model_the_result_says_what_is_needed() -> None:
    (result,) = attacked(None)
    assert result.value is None
    assert "--model" in result.method


def test_a_method_that_fails_on_a_part_gives_no_figure() -> None:
    def refit(table: Table, seed: int) -> Table:
        raise DataError("data", expected="more", got="less", remedy="give more")

    (result,) = attacked(refit, fits=16)
    assert result.value is None


def test_targets_that_are_not_there_are_refused() -> None:
    with pytest.raises(UsageError, match="counted from 0"):
        attacked(copied, targets=[600])
    with pytest.raises(UsageError, match="at most 20"):
        attacked(copied, targets=list(range(21)))


@pytest.mark.parametrize("name", sorted(set(ZOO) - {"many_categories"}))
def test_every_table_of_the_zoo_survives(name: str) -> None:
    results = attacked(bootstrap, table=ZOO[name](), fits=16)
    for result in results:
        assert result.value is None or 0 <= result.value <= 1
        if result.ci_low is not None:
            assert result.ci_low <= result.value <= result.ci_high


def test_a_synthetic_table_without_records_is_no_crash() -> None:
    results = attacked(lambda t, _: t.take(np.arange(0)), fits=16)
    assert found(results, "deep_auc").value == 0.5
    assert found(results, "deep_p").value > 0.5


def test_p_values_and_intervals_hold_their_promise() -> None:
    """Of 20 nulls more than 4 below 0.05, or beyond an interval, have a chance of 0.3 %."""
    small, missed = 0, 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        inside = dealt(16, 4, rng)
        # targets see the same tables, so their features go together
        features = rng.normal(size=(16, 4, 3)) + rng.normal(size=(16, 1, 3))
        evidence = Evidence.of(features, inside, rng)
        results = findings(evidence, ("rare",) * 4, setting="16 fits", rng=rng)
        small += results[0].value < 0.05
        missed += not results[1].ci_low <= 0.5 <= results[1].ci_high
    assert small <= 4
    assert missed <= 4


def test_the_interval_of_an_area_is_newcombes() -> None:
    low, high = area_interval(0.5, 32, 32)
    assert high - 0.5 == pytest.approx(0.5 - low, abs=1e-3)
    assert 0.12 < high - 0.5 < 0.16
    low, high = area_interval(1.0, 32, 32)
    assert high == 1.0
    assert 0.8 < low < 0.96


def test_fits_that_are_cut_for_time_can_neither_pass_nor_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = population(400, 0)
    whole, cut = None, None
    for limit in (5_000, 100):
        monkeypatch.setattr("tabsynth.attacks.shadow.MAX_FITTED", limit)
        found = shadow(Comparison(table, table, table, refit=lambda t, seed: t), fits=8)
        (p_value,) = [r for r in found if r.name == "deep_p"]
        whole, cut = (p_value, cut) if limit == 5_000 else (whole, p_value)
    assert whole is not None
    assert cut is not None
    assert (whole.status, cut.status) == ("ok", "diagnostic")
    assert "larger than these fits" in cut.method
