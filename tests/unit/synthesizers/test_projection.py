"""Projections are the nearest counts that are allowed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from tabsynth.synthesizers.projection import to_margins, to_total


@pytest.mark.parametrize("total", [0.0, 1.0, 37.5])
def test_counts_come_to_the_total_and_none_is_nearer(total: float) -> None:
    noisy = np.random.default_rng(0).normal(2, 6, (4, 9))
    found = to_total(noisy, total)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=-1), total, atol=1e-9)
    rng = np.random.default_rng(1)
    for row, mine in zip(noisy, found, strict=True):
        # the nearest point of a convex set: no other is on its far side
        others = rng.dirichlet(np.full(9, 0.3), 200) * total
        assert ((others - mine) @ (row - mine) <= 1e-7).all()


def test_counts_that_add_up_stay() -> None:
    counts = np.array([3.0, 0.0, 5.0])
    np.testing.assert_allclose(to_total(counts, 8.0), counts)


def test_a_table_is_the_nearest_with_its_sums() -> None:
    rng = np.random.default_rng(2)
    truth = rng.gamma(0.5, 10, (3, 4))
    rows, columns = truth.sum(axis=1), truth.sum(axis=0)
    noisy = truth + rng.normal(0, 4, truth.shape)
    found = to_margins(noisy, rows, columns)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=0), columns, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), rows, atol=1e-4)
    sums = [{"type": "eq", "fun": lambda x, r=r: x.reshape(3, 4)[r].sum() - rows[r]}
            for r in range(3)]  # fmt: skip
    sums += [{"type": "eq", "fun": lambda x, c=c: x.reshape(3, 4)[:, c].sum() - columns[c]}
             for c in range(3)]  # fmt: skip
    best = minimize(
        lambda x: ((x - noisy.ravel()) ** 2).sum(), truth.ravel(), bounds=[(0, None)] * 12,
        constraints=sums, method="SLSQP", options={"maxiter": 500, "ftol": 1e-12},
    )  # fmt: skip
    np.testing.assert_allclose(found.ravel(), best.x, atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_most_noise_around_an_exact_rule_goes(seed: int) -> None:
    """Where one column fixes another, what is off the rule is noise in empty cells."""
    truth = np.diag(np.full(16, 500.0))
    noisy = truth + np.random.default_rng(seed).normal(0, 20, truth.shape)
    found = to_margins(noisy, truth.sum(axis=1), truth.sum(axis=0))
    off = truth == 0
    # where negative counts are merely cut, a fifth of the records would be off the rule
    assert np.maximum(noisy, 0)[off].sum() > 0.15 * truth.sum()
    assert found[off].sum() < 0.07 * truth.sum()
