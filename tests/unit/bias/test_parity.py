"""Mantel-Haenszel agrees with statsmodels and sees through a confounded comparison."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.stats.contingency_tables import StratifiedTable

from tabsynth.bias.groups import groupings
from tabsynth.bias.outcome import favourable_outcome
from tabsynth.bias.parity import common_odds, parity_figures
from tabsynth.report.model import Result
from tabsynth.table import Table
from tests.unit.bias.population import of_columns


@settings(max_examples=30, deadline=None)
@given(arrays(np.int64, st.tuples(st.integers(1, 6), st.just(2), st.just(2)),
              elements=st.integers(1, 80)))  # fmt: skip
def test_odds_and_interval_are_those_of_statsmodels(tables: np.ndarray) -> None:
    found = common_odds(tables.astype(float))
    oracle = StratifiedTable([t.astype(float) for t in tables])
    assert found is not None
    assert found.ratio == pytest.approx(oracle.oddsratio_pooled)
    assert found.interval == pytest.approx(oracle.oddsratio_pooled_confint())


def test_strata_without_records_or_without_one_group_change_nothing() -> None:
    tables = np.array([[[5.0, 7.0], [9.0, 4.0]]])
    alone = np.array([[[3.0, 8.0], [0.0, 0.0]]])
    assert common_odds(tables) == common_odds(np.concatenate([tables, np.zeros((2, 2, 2))]))
    both, one = common_odds(np.concatenate([tables, alone])), common_odds(tables)
    assert both is not None and one is not None
    assert (both.ratio, both.error) == pytest.approx((one.ratio, one.error))
    assert common_odds(alone) is None


def test_a_group_of_which_nobody_is_favoured_is_not_left_out() -> None:
    none = np.array([[[0.0, 50.0], [30.0, 20.0]], [[0.0, 10.0], [5.0, 5.0]]])
    found, turned = common_odds(none), common_odds(none[:, :, ::-1])
    assert found is not None and turned is not None
    assert found.interval[1] < 0.2
    assert found.ratio == pytest.approx(1 / turned.ratio)
    # in one stratum it is Haldane's: half a record in each cell
    (single,) = [common_odds(none[:1])]
    assert single is not None
    assert single.ratio == pytest.approx(0.5 * 20.5 / (50.5 * 30.5))
    # a stratum in which nobody at all is favoured tells nothing
    assert common_odds(np.array([[[0.0, 50.0], [0.0, 40.0]]])) is None


def admissions(*, within: float, seed: int = 0) -> Table:
    """Women apply where few are taken; `within` is what they lose beside men of the same field."""
    rng = np.random.default_rng(seed)
    woman = rng.random(6000) < 0.45
    hard = rng.random(6000) < np.where(woman, 0.8, 0.2)
    taken = rng.random(6000) < np.where(hard, 0.2, 0.7) - within * woman
    return of_columns(
        sex=np.where(woman, "f", "m").tolist(),
        field=np.where(hard, "law", "art").tolist(),
        taken=taken.tolist(),
    )


def of_women(table: Table, by: tuple[str, ...] = ("field",)) -> Result:
    outcome = favourable_outcome([table], "taken")
    assert outcome is not None
    (found,) = parity_figures(table, groupings(table, ["sex"]), outcome, by=by, seed=0)
    return found


def test_a_gap_that_strata_explain_is_even_within_them() -> None:
    found = of_women(admissions(within=0.0))
    assert found.group == "f"
    assert found.reference is not None and found.reference < 0.4
    assert found.ci_low is not None and found.ci_high is not None
    assert found.ci_low < 1 < found.ci_high
    assert found.status == "ok"


def test_a_gap_within_strata_is_found() -> None:
    found = of_women(admissions(within=0.12))
    assert found.ci_high is not None and found.ci_high < 0.8
    assert found.status == "attention"


def test_a_protected_column_is_no_stratum_of_itself() -> None:
    found = of_women(admissions(within=0.1), by=("sex",))
    assert found.value is None
    assert found.method.startswith("needs")


def test_small_groups_say_so() -> None:
    table = admissions(within=0.0).take(np.arange(45))
    found = of_women(table)
    assert found.status == "uninformative"
