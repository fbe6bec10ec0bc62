"""Every mechanism under audit; and every mutation of one must turn its audit red.

False alarms: an audit of a true claim fails with a chance of at most 2 in a million.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tabsynth.privacy import moments, private_table
from tabsynth.privacy.gradients import critic_gradient
from tabsynth.privacy.noise import OpenDPNoise, SeededNoise
from tabsynth.privacy.private_table import PrivateTable
from tests.audit import DifferentQuestionsError, Finding, PathCost, audit, path_cost
from tests.private import private

RHO = 0.5
# a unit of so many records, all alike: worst for every statistic here
UNIT = 8
BACKGROUND = [(0, 1), (1, 0), (1, 1)]
ROW = (2, 1)

Number = Callable[[PrivateTable], float]
Maker = Callable[[], PrivateTable]


def tables(noise: Any) -> tuple[Maker, Maker]:
    """Makers of two tables: with all records of one unit, and without."""
    return tuple(
        lambda rows=rows: private(rows, 3, 2, rho=10.0, noise=noise, unit_bound=UNIT)
        for rows in (BACKGROUND + [ROW] * UNIT, BACKGROUND)
    )


# --- mechanisms: each returns one number, larger with the unit present ------------------------


def one_way(table: PrivateTable) -> float:
    (one,) = table.marginals([(0,)], rho=RHO, stage="s")
    return float(one.counts[ROW[0]])


def weighted_ways(table: PrivateTable) -> float:
    """All that several sets tell of the unit, in the best combination."""
    released = table.marginals([(0,), (1,), (0, 1)], rho=RHO, weights=[1, 1, 2.5], stage="s")
    cells = [m.counts[tuple(ROW[c] for c in m.clique)] / m.sigma**2 for m in released]
    return float(sum(cells) / sum(1 / m.sigma**2 for m in released))


def coarse_way(table: PrivateTable) -> float:
    coarse = table.coarsened([np.array([0, 0, 1]), np.array([0, 0])])
    return float(coarse.marginals([(0,)], rho=RHO, stage="s")[0].counts[1])


RADIUS = 7072
# the unit's records lie outside the ball, along one axis, or evenly between two
FAR = [np.array([0, 0, 50_000]), np.array([0, 0])]
EVEN = [np.array([0, 0, 50_000]), np.array([0, 50_000])]


def squares(table: PrivateTable) -> float:
    return float(table.second_moments(FAR, radius=RADIUS, rho=RHO, stage="s")[0, 0])


def products(table: PrivateTable) -> float:
    released = table.second_moments(EVEN, radius=RADIUS, rho=RHO, stage="s", diagonal=False)
    return float(released[0, 1])


def far_off(table: PrivateTable) -> float:
    """Distances of several sets from nothing: the unit moves all of them the same way."""
    shapes = [np.zeros(3), np.zeros(2), np.zeros((3, 2))]
    found, _ = table.distances([(0,), (1,), (0, 1)], shapes, rho=RHO, stage="s")
    return float(found.sum())


def guessed(table: PrivateTable) -> float:
    """The unit counts once for each class."""
    scores = [np.array([[0, 0], [0, 0], [9, 9]]), np.zeros((2, 2), np.int64)]
    found, _ = table.outcomes(
        scores, [np.array([5])] * 2, target=1, classes=np.array([0, 1]), rho=RHO, stage="s"
    )
    return float(found[0, 1, 0] + found[1, 1, 1])


STEPS = 2


def critic_steps(table: PrivateTable) -> float:
    """A critic's training: each step's weights follow from what the last one released.

    The unit is the canary: alone at its piece, its gradient is the same in every step, and it is
    along that gradient that the noisy sums are read.
    """
    weights, found = [np.zeros((size, 1, 2), np.int64) for size in (3, 2)], 0.0
    weights[0][ROW[0], 0, 1] = 2**30
    for _ in range(STEPS):
        sums, _ = table.critic_gradient(weights, rho=RHO / STEPS, stage="s")
        found += float(sums[0][ROW[0], 0, 1] + sums[1][ROW[1], 0, 1])
        for own, gradient in zip(weights, sums, strict=True):
            own[..., 0] += np.clip(gradient[..., 0], -1000, 1000)
    return found


SUMS = [
    one_way, weighted_ways, coarse_way, squares, products, far_off, guessed, critic_steps,
]  # fmt: skip


def far_apart(table: PrivateTable) -> int:
    """A choice whose scores the unit drives apart: it raises one and lowers the other."""
    # distances 3 and 999 without the unit, 11 and 991 with it
    estimates = [np.zeros(3), np.array([0.0, 1000.0])]
    return table.select([(0,), (1,)], estimates, rho=RHO, penalties=[0, 988], stage="s")


# --- audits by frequency ----------------------------------------------------------------------


class Silent(SeededNoise):
    def gaussian(self, values: Any, sigma: float) -> Any:
        return values


def audited(mechanism: Number, noise: Any, *, trials: int) -> Finding:
    present, absent = tables(noise)
    if mechanism in (far_apart,) or getattr(mechanism, "chooses", False):
        return audit(mechanism, present, absent, lambda k: k == 0, trials=trials, kind="range")
    # half way between the answers without noise
    without = [mechanism(make()) for make in tables(Silent(0))]
    cut = sum(without) / 2
    return audit(mechanism, present, absent, lambda x: x > cut, trials=trials, kind="gaussian")


@pytest.mark.parametrize("mechanism", [*SUMS, far_apart])
def test_mechanisms_cost_what_they_say_and_nearly_all_of_it(mechanism: Number) -> None:
    found = audited(mechanism, OpenDPNoise(), trials=2500)
    assert not found.broken
    # so many trials show about 0.7 of it; 0.5 is five standard deviations less
    assert found.lower > 0.5 * found.claim


@pytest.mark.evidence
@pytest.mark.parametrize("mechanism", [*SUMS, far_apart])
def test_mechanisms_cost_what_they_say_and_even_nearer(mechanism: Number) -> None:
    found = audited(mechanism, OpenDPNoise(), trials=100_000)
    print(f"{mechanism.__name__}: epsilon at least {found.lower:.3f}, claimed {found.claim:.3f}")
    assert not found.broken
    assert found.lower > 0.85 * found.claim


# --- the same without chance ------------------------------------------------------------------


def path(
    mechanism: Number, wrap: Callable[[Any], Any] = lambda noise: noise, records: int = UNIT
) -> PathCost:
    def maker(rows: list[tuple[int, int]]) -> Callable[[Any], PrivateTable]:
        return lambda noise: private(rows, 3, 2, rho=10.0, noise=noise, unit_bound=UNIT)

    return path_cost(mechanism, maker(BACKGROUND + [ROW] * records), maker(BACKGROUND), wrap=wrap)


@pytest.mark.parametrize("mechanism", [*SUMS, far_apart])
def test_worst_tables_drive_answers_apart_by_the_claim_and_no_more(mechanism: Number) -> None:
    found = path(mechanism)
    assert not found.broken
    assert found.cost > 0.99 * found.claimed


# --- mutations: each must be found out --------------------------------------------------------


class Wrapped:
    """A noise source that is wrong in one way."""

    certified = False
    name = "mutation"

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class HalfNoise(Wrapped):
    def gaussian(self, values: Any, sigma: float) -> Any:
        return self.inner.gaussian(values, sigma / 2)


def unclipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "within_ball", lambda vectors, radius: vectors)


def as_records(mechanism: Number) -> Number:
    """The measurement forgets that a unit has several records."""

    def forgetful(table: PrivateTable) -> float:
        table._unit_bound = 1
        return mechanism(table)

    forgetful.chooses = mechanism is far_apart
    return forgetful


def exact(table: PrivateTable) -> float:
    """The counts of the categories as they are, beside a query that is paid."""
    table.marginals([(1,)], rho=RHO, stage="s")
    return float(table._marginal((0,))[ROW[0]])


def uncharged(table: PrivateTable) -> float:
    """Four queries, one of them paid."""
    more = np.tile(table._marginal((0,)), (3, 1))
    noisy = table._noise.gaussian(more, UNIT / np.sqrt(2 * RHO))
    return (one_way(table) + float(noisy[:, ROW[0]].sum())) / 4


def by_size(table: PrivateTable) -> float:
    """A decision taken from the records: how many they are."""
    rho = RHO if len(table._codes[0]) > len(BACKGROUND) else RHO / 2
    return float(table.marginals([(0,)], rho=rho, stage="s")[0].counts[ROW[0]])


@pytest.mark.parametrize("mechanism", [one_way, critic_steps])
def test_half_the_noise_is_found_out(mechanism: Number) -> None:
    assert audited(mechanism, HalfNoise(OpenDPNoise()), trials=1200).broken
    assert path(mechanism, HalfNoise).broken


@pytest.mark.parametrize("mechanism", [squares, products])
def test_a_missing_clip_is_found_out(mechanism: Number, monkeypatch: pytest.MonkeyPatch) -> None:
    unclipped(monkeypatch)
    assert path(mechanism).broken
    assert audited(mechanism, OpenDPNoise(), trials=400).broken


def at_every_piece(codes: Any, weights: Any) -> list[Any]:
    """Gradients of units that add up their pieces: of a norm that grows with their number."""
    pieces = weights[0].shape[2]
    return [np.repeat(g.sum(2, keepdims=True), pieces, 2) for g in critic_gradient(codes, weights)]


def all_pieces(table: PrivateTable) -> float:
    weights = [np.zeros((size, 1, 4), np.int64) for size in (3, 2)]
    sums, _ = table.critic_gradient(weights, rho=RHO, stage="s")
    return float(sums[0][ROW[0]].sum() + sums[1][ROW[1]].sum())


def test_gradients_without_a_bound_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_table, "critic_gradient", at_every_piece)
    found = path(all_pieces)
    assert found.cost == pytest.approx(4 * found.claimed)
    assert audited(all_pieces, OpenDPNoise(), trials=400).broken


def step_unpaid(table: PrivateTable) -> float:
    """One more step, with half the noise and without a charge."""
    weights = [np.zeros((size, 1, 1), np.int64) for size in (3, 2)]
    sigma = UNIT * np.sqrt(2) / np.sqrt(2 * RHO / STEPS) / 2
    exact = critic_gradient(table._codes, weights)
    free = [table._noise.gaussian(gradient, sigma) for gradient in exact]
    # both are read in the best combination
    return critic_steps(table) + 4 * float(free[0][ROW[0], 0, 0] + free[1][ROW[1], 0, 0])


def test_a_step_that_is_not_paid_for_is_found_out() -> None:
    assert path(step_unpaid).broken
    assert audited(step_unpaid, OpenDPNoise(), trials=600).broken


def test_exact_counts_are_found_out() -> None:
    assert audited(exact, OpenDPNoise(), trials=400).broken


def test_an_uncharged_query_is_found_out() -> None:
    assert audited(uncharged, OpenDPNoise(), trials=1200).broken
    assert path(uncharged).broken


def test_a_choice_paid_as_if_monotone_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The constant of scores that one unit moves all the same way: four times the claimed cost."""
    monkeypatch.setattr(private_table, "scale_for", lambda noise, s, rho: s / np.sqrt(8 * rho))
    found = path(far_apart)
    assert found.cost == pytest.approx(4 * found.claimed)
    assert audited(far_apart, OpenDPNoise(), trials=1200).broken


@pytest.mark.parametrize("mechanism", [*SUMS, far_apart])
def test_a_unit_bound_that_one_measurement_ignores_is_found_out(mechanism: Number) -> None:
    assert audited(as_records(mechanism), OpenDPNoise(), trials=400).broken
    assert path(as_records(mechanism)).broken


def test_more_records_than_the_bound_are_found_out() -> None:
    """Truncation at the intake left out."""
    assert path(one_way, records=UNIT + 1).broken


def test_a_question_that_depends_on_records_is_found_out() -> None:
    with pytest.raises(DifferentQuestionsError):
        path(by_size)


def test_sets_of_a_release_counted_as_one_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_table, "root_up", lambda k: 1.0)
    for mechanism in (weighted_ways, far_off, guessed):
        assert path(mechanism).broken


def test_a_bound_of_products_that_is_too_small_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = lambda radius, d: 0.99 * moments.off_diagonal_bound(radius, d)  # noqa: E731
    monkeypatch.setattr(private_table, "off_diagonal_bound", small)
    assert path(products).broken
