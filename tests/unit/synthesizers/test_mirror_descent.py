"""Junction trees hold what they should, and a fit is the distribution its potentials say."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from tabsynth.privacy.private_table import Measurement
from tabsynth.synthesizers.clique_tree import CliqueTree
from tabsynth.synthesizers.junction import junction_cells, junction_cliques
from tabsynth.synthesizers.mirror_descent import Fit, fit_marginals

SIZES = (3, 2, 4, 2, 3)
SETS = {
    "nothing together": [],
    "a chain": [(0, 1), (1, 2), (2, 3), (3, 4)],
    "a circle": [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)],
    "triples": [(0, 1, 2), (1, 3), (2, 3, 4)],
    "all pairs": [(a, b) for a in range(5) for b in range(a + 1, 5)],
    "parts": [(0, 3), (1, 4)],
}


def measured(sets: list[tuple[int, ...]], noise: float, seed: int = 0) -> list[Measurement]:
    """Counts of 1,000 records of a random distribution, all columns and the sets."""
    rng = np.random.default_rng(seed)
    joint = rng.gamma(0.8, size=SIZES)
    joint *= 1000 / joint.sum()
    found = []
    for clique in [*((j,) for j in range(len(SIZES))), *sets]:
        counts = joint.sum(axis=tuple(j for j in range(len(SIZES)) if j not in clique))
        noisy = counts + rng.normal(0, noise, counts.shape)
        found.append(Measurement(clique, noisy, max(noise, 1.0)))
    return found


def written_out(fit: Fit) -> np.ndarray:
    """The distribution of the potentials, record by record."""
    logs = np.zeros(SIZES)
    for clique, potential in fit.potentials.items():
        for record in product(*map(range, SIZES)):
            logs[record] += potential[tuple(record[j] for j in clique)]
    weight = np.exp(logs - logs.max())
    return 1000 * weight / weight.sum()


@pytest.mark.parametrize("case", SETS)
def test_junction_trees_hold_every_set(case: str) -> None:
    cliques = junction_cliques(SIZES, SETS[case])
    for clique in [*SETS[case], *((j,) for j in range(5))]:
        assert any(set(clique) <= set(c) for c in cliques)
    cells = sum(math.prod(SIZES[j] for j in c) for c in cliques)
    assert junction_cells(SIZES, SETS[case]) == cells
    # raises where they are no tree
    CliqueTree(SIZES, tuple(cliques), tuple(np.ones([SIZES[j] for j in c]) for c in cliques))


def test_random_sets_of_many_columns_give_trees() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        d = int(rng.integers(1, 12))
        sizes = rng.integers(1, 4, d).tolist()
        drawn = [
            rng.choice(d, min(d, int(rng.integers(1, 4))), replace=False)
            for _ in range(int(rng.integers(0, 15)))
        ]
        sets = [tuple(sorted(columns.tolist())) for columns in drawn]
        cliques = junction_cliques(sizes, sets)
        tables = tuple(np.ones(tuple(sizes[j] for j in c)) for c in cliques)
        CliqueTree(tuple(sizes), tuple(cliques), tables)
        assert all(any(set(s) <= set(c) for c in cliques) for s in sets)


@pytest.mark.parametrize("case", SETS)
def test_marginals_are_those_of_the_potentials(case: str) -> None:
    fit = fit_marginals(SIZES, measured(SETS[case], 5.0), 1000.0, steps=30)
    joint = written_out(fit)
    for clique, marginal in zip(fit.cliques, fit.marginals, strict=True):
        others = tuple(j for j in range(len(SIZES)) if j not in clique)
        np.testing.assert_allclose(marginal, joint.sum(axis=others), rtol=1e-9)


@pytest.mark.parametrize("case", SETS)
def test_draws_follow_the_fitted_distribution(case: str) -> None:
    """Largest error of a cell's share over all records: four standard deviations are rare."""
    fit = fit_marginals(SIZES, measured(SETS[case], 5.0), 1000.0, steps=30)
    tree = CliqueTree(SIZES, fit.cliques, fit.marginals)
    n = 200_000
    drawn = tree.draw(n, rng=np.random.default_rng(2))
    counts = np.bincount(np.ravel_multi_index(tuple(drawn), SIZES), minlength=math.prod(SIZES))
    share = written_out(fit).ravel() / 1000
    off = np.abs(counts / n - share) / np.sqrt(share * (1 - share) / n)
    assert off.max() < 4.5


@pytest.mark.parametrize("case", SETS)
def test_marginals_without_noise_are_met(case: str) -> None:
    exact = measured(SETS[case], 0.0)
    fit = fit_marginals(SIZES, exact, 1000.0, steps=600)
    joint = written_out(fit)
    for m in exact:
        others = tuple(j for j in range(len(SIZES)) if j not in m.clique)
        np.testing.assert_allclose(joint.sum(axis=others), m.counts, atol=1.5)


def test_a_start_goes_on_where_it_stopped() -> None:
    sets = measured(SETS["triples"], 5.0)
    first = fit_marginals(SIZES, sets[:-1], 1000.0, steps=100)
    again = fit_marginals(SIZES, sets[:-1], 1000.0, steps=1, start=first)
    for a, b in zip(first.marginals, again.marginals, strict=True):
        np.testing.assert_allclose(a, b, atol=1.0)
    more = fit_marginals(SIZES, sets, 1000.0, steps=200, start=first)
    assert set(more.potentials) == {m.clique for m in sets}
