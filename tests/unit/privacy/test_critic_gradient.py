"""The step that trains a critic on private records: what it releases, and what moves it.

Audits of it, and mutations, stand with those of the other measurements in test_audits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabsynth.errors import BudgetError
from tabsynth.privacy.gradients import MAX_WEIGHT, critic_gradient, largest_pieces
from tests.private import private

SIZES = (3, 2, 4)


def weights_of(rng: np.random.Generator, units: int = 2, pieces: int = 3) -> list[Any]:
    return [rng.integers(-(10**6), 10**6, (size, units, pieces)) for size in SIZES]


def codes_of(rng: np.random.Generator, n: int) -> list[Any]:
    return [rng.integers(0, size, n) for size in SIZES]


def test_it_is_what_differentiating_each_record_by_itself_gives() -> None:
    """torch differentiates the scores record by record; no value is rounded on either side."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    weights, codes = weights_of(rng), codes_of(rng, 40)
    found = critic_gradient(codes, weights)
    leaves = [torch.tensor(w.astype(np.float64), requires_grad=True) for w in weights]
    total = [np.zeros(w.shape) for w in weights]
    for i in range(40):
        score = sum(leaf[int(c[i])] for leaf, c in zip(leaves, codes, strict=True))
        for own, part in zip(total, torch.autograd.grad(score.amax(1).sum(), leaves), strict=True):
            np.add(own, part.numpy(), out=own)
    for one, other in zip(found, total, strict=True):
        assert one.dtype == np.int64
        assert np.array_equal(one, other)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4), st.booleans())
@settings(max_examples=60, deadline=None)
def test_one_record_moves_it_by_a_known_norm_and_no_other(
    seed: int, units: int, pieces: int, tied: bool
) -> None:
    """Wherever it stands among the others, and also where pieces are equal."""
    rng = np.random.default_rng(seed)
    weights = weights_of(rng, units, pieces)
    if tied:
        weights = [np.zeros_like(w) for w in weights]
    others, record = codes_of(rng, 9), codes_of(rng, 1)
    place = int(rng.integers(10))
    both = [np.insert(o, place, r[0]) for o, r in zip(others, record, strict=True)]
    pairs = zip(critic_gradient(both, weights), critic_gradient(others, weights), strict=True)
    moved = [a - b for a, b in pairs]
    for own, alone in zip(moved, critic_gradient(record, weights), strict=True):
        assert np.array_equal(own, alone)
        assert set(np.unique(own)) <= {0, 1}
    assert sum(int((m**2).sum()) for m in moved) == len(SIZES) * units


def test_the_first_of_equal_pieces_counts_and_weights_as_large_as_they_may_be_are_exact() -> None:
    most = MAX_WEIGHT
    # equal but for the last unit of a sum that no float holds
    weights = [np.array([[[most, most, most - 1]]]), np.array([[[most - 1, most, most]]])]
    assert largest_pieces([np.array([0]), np.array([0])], weights).tolist() == [[1]]
    assert largest_pieces([np.array([0])], [np.array([[[7, 7]]])]).tolist() == [[0]]


@pytest.mark.parametrize("units", [1, 2, 5])
@pytest.mark.parametrize("bound", [1, 3])
def test_noise_is_what_the_cost_pays_for(units: int, bound: int) -> None:
    table = private([], *SIZES, rho=0.5, unit_bound=bound)
    weights = [np.zeros((size, units, 2), np.int64) for size in SIZES]
    released, sigma = table.critic_gradient(weights, rho=0.1, stage="s")
    assert [r.shape for r in released] == [w.shape for w in weights]
    # L2 sensitivity bound sqrt(columns units): sigma^2 = that squared / (2 rho)
    assert sigma == pytest.approx(bound * math.sqrt(3 * units / 0.2), rel=1e-9)
    assert table.remaining == pytest.approx(0.4, rel=1e-9)
    spread = np.concatenate([r.ravel() for r in released])
    assert 0.3 * sigma < spread.std() < 2 * sigma


def test_a_step_that_is_not_paid_for_draws_nothing() -> None:
    table = private([(0, 1, 2)], *SIZES, rho=0.5)
    weights = weights_of(np.random.default_rng(0))
    with pytest.raises(BudgetError):
        table.critic_gradient(weights, rho=0.6, stage="s")
    assert table.remaining == 0.5


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w[:2],
        lambda w: [w[0], w[1], w[2][:3]],
        lambda w: [w[0], w[1], w[2][:, :1]],
        lambda w: [x.astype(float) for x in w],
        lambda w: [x[..., :0] for x in w],
        lambda w: [x[:, :0] for x in w],
        lambda w: [x[..., 0] for x in w],
        lambda w: [w[0], w[1], np.full_like(w[2], MAX_WEIGHT + 1)],
        lambda w: [w[0], w[1], np.full_like(w[2], np.iinfo(np.int64).min)],
    ],
)  # fmt: skip
def test_weights_that_make_no_sense_are_refused_before_anything_is_spent(change: Any) -> None:
    table = private([(0, 1, 2)], *SIZES, rho=0.5)
    with pytest.raises(ValueError, match="expected"):
        table.critic_gradient(change(weights_of(np.random.default_rng(0))), rho=0.1, stage="s")
    assert table.remaining == 0.5
