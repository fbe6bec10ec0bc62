"""Laws of the accountant: against closed forms, against dp-accounting, and under composition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabsynth.errors import BudgetError, UsageError
from tabsynth.privacy.accounting import (
    epsilon_of,
    gaussian_cost,
    rho_of,
    rho_of_pure,
    selection_cost,
)
from tabsynth.privacy.budget import Budget
from tabsynth.privacy.spending import Account, Charge

rhos = st.floats(1e-8, 1e3)
deltas = st.floats(1e-12, 0.5)
epsilons = st.floats(1e-4, 200)


@given(rhos, deltas)
@settings(max_examples=100, deadline=None)
def test_epsilon_is_the_smallest_over_a_grid_of_orders(rho: float, delta: float) -> None:
    alpha = 1 + np.geomspace(1e-6, 1e9, 20_000)
    # proposition 12 of Canonne, Kamath and Steinke, written out
    bound = alpha * rho + np.log1p(-1 / alpha) - np.log(alpha * delta) / (alpha - 1)
    grid = max(float(bound.min()), 0.0)
    assert epsilon_of(rho, delta) <= grid * (1 + 1e-9) + 1e-12
    assert epsilon_of(rho, delta) >= grid * (1 - 1e-3) - 1e-9


@given(rhos, deltas)
@settings(max_examples=100, deadline=None)
def test_epsilon_is_tighter_than_the_standard_conversion(rho: float, delta: float) -> None:
    # Bun and Steinke 2016, proposition 1.3
    assert epsilon_of(rho, delta) <= (rho + 2 * math.sqrt(rho * math.log(1 / delta))) * (1 + 1e-9)


@given(rhos, st.floats(1, 10), deltas)
@settings(max_examples=100, deadline=None)
def test_more_rho_is_more_epsilon_and_more_delta_is_less(
    rho: float, times: float, delta: float
) -> None:
    assert epsilon_of(rho * times, delta) >= epsilon_of(rho, delta) * (1 - 1e-9)
    assert epsilon_of(rho, min(delta * times, 0.9)) <= epsilon_of(rho, delta) * (1 + 1e-9)


@given(epsilons, deltas)
@settings(max_examples=100, deadline=None)
def test_rho_never_exceeds_its_epsilon_and_comes_close(epsilon: float, delta: float) -> None:
    rho = rho_of(epsilon, delta)
    assert epsilon_of(rho, delta) <= epsilon
    assert epsilon_of(rho * (1 + 1e-6), delta) > epsilon * (1 - 1e-9)


@pytest.mark.parametrize(("rho", "delta"), [(1e-4, 1e-6), (0.024, 1e-6), (0.5, 1e-9), (20, 1e-5)])
def test_epsilon_agrees_with_dp_accounting(rho: float, delta: float) -> None:
    from dp_accounting import dp_event
    from dp_accounting.rdp import RdpAccountant

    orders = (1 + np.geomspace(1e-3, 1e4, 4000)).tolist()
    accountant = RdpAccountant(orders)
    accountant.compose(dp_event.GaussianDpEvent(math.sqrt(1 / (2 * rho))))
    theirs = accountant.get_epsilon(delta)
    # both are valid bounds; theirs is confined to the orders listed
    assert epsilon_of(rho, delta) <= theirs * (1 + 1e-9)
    assert epsilon_of(rho, delta) == pytest.approx(theirs, rel=1e-3)


@pytest.mark.parametrize(("epsilon", "delta"), [(0.1, 1e-6), (1, 1e-6), (3, 1e-9), (10, 1e-5)])
def test_the_bound_contains_the_exact_gaussian(epsilon: float, delta: float) -> None:
    from dp_accounting.pld import privacy_loss_distribution

    sigma = 1 / math.sqrt(2 * rho_of(epsilon, delta))
    exact = privacy_loss_distribution.from_gaussian_mechanism(sigma)
    assert exact.get_epsilon_for_delta(delta) <= epsilon
    # and is not loose beyond what zCDP costs against the exact curve
    assert exact.get_epsilon_for_delta(delta) >= 0.75 * epsilon


def test_costs_of_single_mechanisms_are_the_closed_forms() -> None:
    assert gaussian_cost(3.0, 6.0) == 1 / 8
    assert rho_of_pure(1.0) == 0.5
    # epsilon = 2 * 1 / 4, bounded range: epsilon^2 / 8
    assert selection_cost(1, 4.0) == 0.5**2 / 8
    assert epsilon_of(0.0, 1e-6) == 0.0


@pytest.mark.parametrize(
    ("rho", "delta"), [(-1.0, 0.1), (math.nan, 0.1), (1.0, 0.0), (1.0, 1.0), (1.0, math.nan)]
)
def test_conversions_refuse_what_is_no_bound(rho: float, delta: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        epsilon_of(rho, delta)


@pytest.mark.parametrize("delta", [1e-300, 5e-324, 0.999999999])
@pytest.mark.parametrize("epsilon", [1e-9, 1.0, 1e6])
def test_conversions_hold_at_the_ends(epsilon: float, delta: float) -> None:
    rho = rho_of(epsilon, delta)
    assert math.isfinite(rho)
    assert epsilon_of(rho, delta) <= epsilon


@pytest.mark.parametrize(
    ("epsilon", "delta"),
    [(0, 1e-6), (-1, 1e-6), (math.nan, 1e-6), (math.inf, 1e-6), (1, 0), (1, 1), (1, math.nan)],
)
def test_a_budget_refuses_values_that_promise_nothing(epsilon: float, delta: float) -> None:
    with pytest.raises(UsageError, match=r"^(epsilon|delta): expected "):
        Budget(epsilon, delta)


def test_a_budget_warns_of_large_values_only() -> None:
    assert Budget(1.0).caution is None
    assert Budget(1.0).delta == 1e-6
    assert "nearly empty" in (Budget(10.5).caution or "")
    assert "delta" in (Budget(1.0, 0.1).caution or "")


def charge(rho: float) -> Charge:
    return Charge("stage", "mechanism", 1.0, 1.0, rho)


@given(st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_charges_add_up_exactly_and_never_beyond(costs: list[float]) -> None:
    account = Account(1.0)
    for cost in costs:
        before = account.remaining
        try:
            account.debit([charge(account.affordable(cost, "stage"))])
        except BudgetError:
            assert cost > before
            assert account.remaining == before
    assert math.fsum(c.rho for c in account.charges) <= 1.0
    assert account.spent + account.remaining == pytest.approx(1.0, abs=1e-15)


def test_a_budget_in_parts_can_be_spent_to_the_end() -> None:
    account = Account(0.3)
    for _ in range(10):
        account.debit([charge(account.affordable(0.03, "stage"))])
    assert account.remaining <= 1e-16
    with pytest.raises(BudgetError, match=r"^stage: expected .* left"):
        account.affordable(1e-9, "stage")


def test_charges_are_taken_together_or_not_at_all() -> None:
    account = Account(1.0)
    with pytest.raises(BudgetError):
        account.debit([charge(0.6), charge(0.6)])
    with pytest.raises(BudgetError):
        account.debit([charge(-0.5)])
    assert account.charges == ()
    assert account.remaining == 1.0


def test_threads_cannot_overspend() -> None:
    from concurrent.futures import ThreadPoolExecutor

    account = Account(1.0)

    def spend(_: int) -> bool:
        try:
            account.debit([charge(0.03)])
        except BudgetError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(spend, range(200))) == 33


@pytest.mark.parametrize("epsilon", [1.0, 10.0])
@pytest.mark.parametrize("rate", [0.3, 0.1, 0.01])
def test_steps_on_all_records_need_no_more_noise_than_steps_on_some(
    epsilon: float, rate: float
) -> None:
    """Why a critic's steps take all records: of as many steps, with as much noise in a mean.

    dp-accounting says what Poisson samples would save; they make the sums smaller by as much.
    """
    from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent
    from dp_accounting.rdp import RdpAccountant

    steps = 20
    # of sums of records that count for 1, with all of the budget
    sigma = math.sqrt(steps / (2 * rho_of(epsilon, 1e-6)))
    sampled = RdpAccountant(orders=range(2, 65))
    sampled.compose(PoissonSampledDpEvent(rate, GaussianDpEvent(rate * sigma)), steps)
    assert sampled.get_epsilon(1e-6) > epsilon
