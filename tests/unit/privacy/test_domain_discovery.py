"""Categories and bounds found at a price: what comes out, what it costs, what must stay in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.errors import BudgetError, PrivacyError
from tabsynth.privacy import discovery
from tabsynth.privacy.budget import Budget
from tabsynth.privacy.discovery import (
    OTHER,
    discover_bounds,
    discover_categories,
    rare_threshold,
)
from tabsynth.privacy.domain import Domain
from tabsynth.privacy.noise import OpenDPNoise, SeededNoise
from tabsynth.privacy.spending import Account
from tabsynth.schema.files import parse_schema
from tabsynth.schema.model import TableExtension, TableSchema
from tests.audit import clopper_pearson
from tests.exact import discrete_gaussian
from tests.zoo import field

PLAIN = TableSchema(fields=(field("town"), field("x", "number"), field("day", "date")))
OWNED = TableSchema(
    fields=(field("who", tabsynth={"generator": {"kind": "uuid"}}), field("town")),
    tabsynth=TableExtension(privacy_unit="who", max_records_per_unit=3),
)


def towns(values: list[Any], **settings: Any) -> Any:
    raw = pa.table({"town": pa.array(values, pa.string())})
    schema = TableSchema(fields=(field("town"),))
    account = settings.pop("account", Account(1.0, 1e-6))
    asked = {"columns": ["town"], "rho": 1.0, "delta": 1e-6, **settings}
    return discover_categories(raw, schema, account, **asked).field("town")


def test_categories_of_many_are_found_and_those_of_few_are_not() -> None:
    found = towns(["b"] * 300 + ["a"] * 200 + ["only one"] + [None, ""] * 100)
    assert found.categories == ("a", "b", OTHER)
    assert found.tabsynth.other == OTHER
    assert Domain.declared(TableSchema(fields=(found,))).sizes == (4,)
    # it is a schema that can be written and read again
    written = TableSchema(fields=(found,)).descriptor()
    assert parse_schema(written, "schema").field("town") == found


def test_an_empty_table_has_no_categories_but_other() -> None:
    assert towns([]).categories == (OTHER,)


def test_discovery_pays_rho_and_delta_before_noise_is_drawn() -> None:
    account = Account(1.0, 1e-6)
    towns(["a"] * 100, account=account, rho=0.25, delta=4e-7)
    (charge,) = account.charges
    assert (charge.stage, charge.mechanism) == ("discover_categories", "threshold")
    assert charge.rho == pytest.approx(0.25)
    assert charge.delta == pytest.approx(4e-7)
    with pytest.raises(BudgetError, match="or more delta than is left"):
        towns(["a"], account=account, rho=0.25, delta=7e-7)
    with pytest.raises(BudgetError):
        towns(["a"], account=account, rho=0.8, delta=1e-7)
    with pytest.raises(BudgetError):
        towns(["a"], account=Account(1.0))
    with pytest.raises(PrivacyError, match="a delta above 0"):
        towns(["a"], delta=0.0)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 7.7, 250.0])
@pytest.mark.parametrize("bound", [1, 5])
@pytest.mark.parametrize("delta", [0.05, 1e-6, 1e-9])
def test_a_lone_category_stays_in_with_all_but_delta(
    sigma: float, bound: int, delta: float
) -> None:
    threshold = rare_threshold(sigma, bound, delta)
    reach = math.ceil(12 * sigma) + threshold
    exact = discrete_gaussian(sigma, reach)[reach + threshold - 1 :].sum()
    assert bound * exact <= delta
    # the price of the closed form is at most two records
    looser = discrete_gaussian(sigma, reach)[reach + threshold - 4 :].sum()
    assert bound * looser > delta or sigma < 1


def lone_towns() -> tuple[float, float]:
    """How often any of a unit's three lone categories comes out, bounded from below; and delta."""
    raw = pa.table({"who": ["u"] * 3, "town": ["a", "b", "c"]})
    asked: dict[str, Any] = {"columns": ["town"], "rho": 0.05, "delta": 0.3}
    trials = 700
    hits = sum(
        len(discover_categories(raw, OWNED, Account(1.0, 0.5), **asked).field("town").domain or ())
        > 1
        for _ in range(trials)
    )
    return clopper_pearson(hits, trials)[0], 0.3


def test_lone_categories_come_out_no_oftener_than_delta() -> None:
    lowest, delta = lone_towns()
    assert lowest <= delta
    # 0.17 by exact probabilities, less what 700 trials leave open
    assert lowest > delta / 6


def test_a_threshold_that_forgets_the_records_of_a_unit_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        discovery, "rare_threshold", lambda sigma, bound, delta: rare_threshold(sigma, 1, delta) - 2
    )
    lowest, delta = lone_towns()
    assert lowest > delta


def test_a_unit_counts_once_for_a_category() -> None:
    class Silent(SeededNoise):
        seen: list[Any] = []  # noqa: RUF012

        def gaussian(self, values: Any, sigma: float) -> Any:
            self.seen.append((sorted(values.tolist()), sigma))
            return values

    noise = Silent(0)
    raw = pa.table({"who": ["u"] * 9 + ["v", None], "town": ["a"] * 9 + ["a", "b"]})
    asked: dict[str, Any] = {"columns": ["town"], "rho": 0.5, "delta": 1e-6, "noise": noise}
    discover_categories(raw, OWNED, Account(1.0, 1e-6), **asked)
    ((counts, sigma),) = noise.seen
    # the record without a unit is left out
    assert counts == [2]
    assert sigma == pytest.approx(math.sqrt(3))


def test_a_unit_that_is_spelled_in_two_ways_counts_once_for_a_category() -> None:
    who = field("who", "integer", tabsynth={"generator": {"kind": "sequence"}})
    schema = OWNED.model_copy(update={"fields": (who, field("town"))})
    # a lone unit would else pass for dozens
    raw = pa.table({"who": ["0" * k + "7" for k in range(400)], "town": ["a"] * 400})
    asked: dict[str, Any] = {"columns": ["town"], "rho": 0.5, "delta": 1e-6}
    found = discover_categories(raw, schema, Account(1.0, 1e-6), **asked, noise=SeededNoise(0))
    assert found.field("town").domain == (OTHER,)


@pytest.mark.parametrize("bound", [1, 4])
def test_opendps_own_proof_agrees_on_rho_and_delta(bound: int) -> None:
    import opendp.prelude as dp

    dp.enable_features("contrib")
    sigma, delta = 5.0, 1e-6
    threshold = rare_threshold(sigma, bound, delta)
    space = (
        dp.map_domain(dp.atom_domain(T=str), dp.atom_domain(T="i64")),
        dp.l02inf_distance(dp.absolute_distance(T="i64")),
    )
    theirs = [
        dp.m.make_gaussian_threshold(*space, scale=sigma, threshold=t).map(
            (bound, math.isqrt(bound), 1)
        )
        for t in (threshold, threshold - 2)
    ]
    assert theirs[0][0] == pytest.approx(bound / (2 * sigma**2))
    # their delta is within ours, and would not be two records lower
    assert theirs[0][1] <= delta < theirs[1][1]


def numbers(values: list[Any], kind: str = "number", **settings: Any) -> Any:
    raw = pa.table({"x": pa.array(values)})
    schema = TableSchema(fields=(field("x", kind, **settings),))
    found = discover_bounds(raw, schema, Account(1.0), columns=["x"], rho=0.1).field("x")
    assert Domain.declared(TableSchema(fields=(found,))).sizes[0] > 1
    return found.constraints.minimum, found.constraints.maximum


def test_bounds_are_found_to_a_factor_of_two() -> None:
    rng = np.random.default_rng(0)
    spread = rng.uniform(-3, 100, 5000)
    assert numbers(spread.tolist()) == (-4.0, 128.0)
    # a single far record stays out of sight
    assert numbers([*spread.tolist(), 1e17]) == (-4.0, 128.0)
    low, high = numbers(rng.integers(5, 90, 5000).tolist(), "integer")
    assert (low, high) == (4, 127)
    seen = {"observed": ("minimum", "maximum")}
    bounds = {"minimum": 5, "maximum": 89}
    assert numbers(["5", "89"] * 500, "integer", constraints=bounds, tabsynth=seen) == (4, 127)


def test_bounds_of_dates_are_whole_years() -> None:
    assert numbers(["1999-05-05", "2003-03-03"] * 300, "date") == ("1999-01-01", "2003-12-31")
    low, high = numbers(["1999-05-05T10:00:00"] * 300, "datetime")
    assert (low, high[:10]) == ("1999-01-01T00:00:00", "1999-12-31")


def test_an_empty_table_has_bounds_too() -> None:
    low, high = numbers([])
    assert low < high


def test_bounds_cost_what_they_say_under_a_unit() -> None:
    schema = TableSchema(fields=(OWNED.fields[0], field("x", "number")), tabsynth=OWNED.tabsynth)
    raw = pa.table({"who": ["a", "b", "c"] * 50, "x": ["1", "2", "3"] * 50})
    account = Account(1.0)
    discover_bounds(raw, schema, account, columns=["x"], rho=0.5, noise=OpenDPNoise())
    (charge,) = account.charges
    assert (charge.stage, charge.sensitivity) == ("discover_bounds", 3.0)
    assert charge.rho == 0.5


def test_only_what_is_undeclared_is_looked_for() -> None:
    raw = pa.table({"town": ["a"], "x": [1.0], "day": ["2020-01-01"]})
    declared = TableSchema(
        fields=(
            field("town", categories=("a",)),
            field("x", "number", constraints={"minimum": 0}),
            field("day", "date"),
        )
    )
    account = Account(1.0, 1e-6)
    for schema, column in ((declared, "town"), (PLAIN, "x"), (PLAIN, "nowhere")):
        with pytest.raises(PrivacyError):
            discover_categories(raw, schema, account, columns=[column], rho=0.1, delta=1e-7)
    for schema, column in ((declared, "x"), (PLAIN, "town")):
        with pytest.raises(PrivacyError):
            discover_bounds(raw, schema, account, columns=[column], rho=0.1)
    assert account.charges == ()


def test_a_budget_sets_delta_aside_for_discovery() -> None:
    whole, shared = Budget(1.0), Budget(1.0, discovery=0.5)
    assert whole.discovery_delta == 0
    assert shared.discovery_delta == 5e-7
    assert shared.rho < whole.rho
    assert shared.rho == pytest.approx(Budget(1.0, 5e-7).rho)
    with pytest.raises(ValueError, match="share of delta"):
        Budget(1.0, discovery=1.0)
