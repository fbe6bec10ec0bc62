"""Draws and probabilities of a tree of cliques, against the whole distribution written out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from tabsynth.encoding.codec import POOLED
from tabsynth.synthesizers.clique_tree import CliqueTree, draw_in_rows

SIZES = (3, 2, 4, 2, 3)
SHAPES = {
    "pairs": ((0, 2), (1, 2), (2, 3), (0, 4)),
    "triples": ((0, 1, 2), (1, 2, 3), (2, 4)),
    "a chain of triples": ((0, 1, 2), (1, 2, 3), (2, 3, 4)),
    "parts": ((0, 3), (1, 4), (2,)),
    "one column each": ((0,), (1,), (2,), (3,), (4,)),
    "all in one": ((0, 1, 2, 3, 4),),
}


def tree(shape: str) -> CliqueTree:
    rng = np.random.default_rng(0)
    tables = []
    for clique in SHAPES[shape]:
        table = rng.gamma(0.7, size=tuple(SIZES[j] for j in clique))
        table[rng.random(table.shape) < 0.04] = 0.0
        tables.append(table)
    return CliqueTree(SIZES, SHAPES[shape], tuple(tables))


def written_out(known: CliqueTree) -> np.ndarray:
    """The probability of every record, from the definition: conditional tables multiplied."""
    joint = np.ones(SIZES)
    seen: set[int] = set()
    for clique, table in zip(known.cliques, known.tables, strict=True):
        shared = [a for a, j in enumerate(clique) if j in seen]
        for record in product(*map(range, SIZES)):
            at = tuple(record[j] for j in clique)
            same = tuple(at[a] if a in shared else slice(None) for a in range(len(clique)))
            total = table[same].sum()
            added = np.prod([SIZES[j] for j in clique if j not in seen])
            joint[record] *= table[at] / total if total > 0 else 1 / added
        seen |= set(clique)
    return joint


@pytest.mark.parametrize("shape", SHAPES)
def test_margins_are_those_of_the_whole(shape: str) -> None:
    known = tree(shape)
    joint = written_out(known)
    assert joint.sum() == pytest.approx(1)
    for j, margin in enumerate(known.margins):
        others = tuple(k for k in range(len(SIZES)) if k != j)
        np.testing.assert_allclose(margin, joint.sum(axis=others), atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_draws_follow_the_whole_distribution(shape: str) -> None:
    """Chi-square over all records; false alarms one in ten thousand; the seed is fixed."""
    known = tree(shape)
    n = 100_000
    drawn = np.array(known.draw(n, rng=np.random.default_rng(1)))
    counts = np.bincount(np.ravel_multi_index(tuple(drawn), SIZES), minlength=np.prod(SIZES))
    expected = n * written_out(known).ravel()
    assert counts[expected == 0].sum() == 0
    assert _p_value(counts, expected) > 1e-4


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("given", [{2: 1}, {0: 2, 3: 1}, {4: 0, 1: 1, 2: 3}])
def test_draws_follow_their_conditions(shape: str, given: dict[int, int]) -> None:
    known = tree(shape)
    n = 40_000
    wanted = {j: np.full(n, k) for j, k in given.items()}
    drawn = np.array(known.draw(n, rng=np.random.default_rng(2), given=wanted))
    for j, k in given.items():
        assert (drawn[j] == k).all()
    joint = written_out(known)
    kept = np.zeros(SIZES)
    at = tuple(given.get(j, slice(None)) for j in range(len(SIZES)))
    kept[at] = joint[at]
    counts = np.bincount(np.ravel_multi_index(tuple(drawn), SIZES), minlength=np.prod(SIZES))
    expected = n * (kept / kept.sum()).ravel()
    assert counts[expected == 0].sum() == 0
    assert _p_value(counts, expected) > 1e-4


@pytest.mark.parametrize("shape", SHAPES)
def test_probabilities_of_conditions_are_exact(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = tree(shape)
    joint = written_out(known)
    rng = np.random.default_rng(3)
    # some columns free in some conditions
    given = {j: rng.integers(-1, SIZES[j], 60) for j in (0, 2, 3, 4)}
    expected = [
        joint[tuple(given[j][i] if j in given and given[j][i] != POOLED else slice(None)
                    for j in range(len(SIZES)))].sum()
        for i in range(60)
    ]  # fmt: skip
    np.testing.assert_allclose(np.exp(known.log_probability(given)), expected, atol=1e-12)
    # and a few conditions at a time give the same
    monkeypatch.setattr("tabsynth.synthesizers.clique_tree.AT_ONCE", 7)
    np.testing.assert_allclose(np.exp(known.log_probability(given)), expected, atol=1e-12)


def test_conditions_differ_from_record_to_record(monkeypatch: pytest.MonkeyPatch) -> None:
    known = tree("a chain of triples")
    joint = written_out(known)
    n = 60_000
    wanted = np.random.default_rng(4).integers(-1, SIZES[4], n)
    for limit in (1 << 22, 50):
        monkeypatch.setattr("tabsynth.synthesizers.clique_tree.AT_ONCE", limit)
        drawn = np.array(known.draw(n, rng=np.random.default_rng(5), given={4: wanted}))
        for k in range(-1, SIZES[4]):
            rows = drawn[:, wanted == k]
            part = joint if k == POOLED else joint[..., k : k + 1]
            expected = rows.shape[1] * part.sum(axis=(1, 2, 3, 4)) / part.sum()
            counts = np.bincount(rows[0], minlength=SIZES[0])
            assert _p_value(counts, expected) > 1e-4


def test_many_columns_stay_within_floats() -> None:
    d = 400
    table = np.full((9, 9), 1 / 81)
    known = CliqueTree((9,) * d, tuple((j, j + 1) for j in range(d - 1)), (table,) * (d - 1))
    given = {j: np.zeros(1, np.int64) for j in range(d)}
    assert known.log_probability(given)[0] == pytest.approx(-d * np.log(9))


def test_what_is_impossible_has_no_probability_and_still_draws() -> None:
    known = CliqueTree((2, 2), ((0, 1),), (np.eye(2),))
    given = {0: np.zeros(3, np.int64), 1: np.array([0, 1, POOLED])}
    np.testing.assert_allclose(known.log_probability(given), [np.log(0.5), -np.inf, np.log(0.5)])
    drawn = known.draw(3, rng=np.random.default_rng(0), given=given)
    assert drawn[1].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("cliques", "tables"),
    [
        (((0, 1), (1, 2), (0, 2)), (np.ones((2, 2)),) * 3),
        (((0, 1),), (np.ones((2, 2)),)),
        (((0, 1), (2, 1)), (np.ones((2, 2)),) * 2),
        (((0, 1), (1, 2)), (np.ones((2, 2)), np.ones((2, 3)))),
        (((0, 1), (1, 2)), (np.ones((2, 2)), -np.ones((2, 2)))),
        (((0, 1), (1, 2)), (np.ones((2, 2)), np.full((2, 2), np.nan))),
        ((), ()),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    cliques: tuple[tuple[int, ...], ...], tables: tuple[np.ndarray, ...]
) -> None:
    with pytest.raises(ValueError, match="expected"):
        CliqueTree((2, 2, 2), cliques, tables)


def test_positions_are_drawn_by_weight_and_never_where_there_is_none() -> None:
    weights = np.array([[0.0, 1.0, 0.0, 3.0], [0.0, 0.0, 0.0, 0.0], [5.0, 0.0, 0.0, 0.0]])
    rows = np.repeat([0, 1, 2], 40_000)
    drawn = draw_in_rows(weights, rows, np.random.default_rng(6)).reshape(3, -1)
    counts = [np.bincount(d, minlength=4) for d in drawn]
    assert counts[0][0] == counts[0][2] == 0
    assert counts[0][3] / 40_000 == pytest.approx(0.75, abs=0.01)
    np.testing.assert_allclose(counts[1] / 40_000, 0.25, atol=0.01)
    assert counts[2].tolist() == [40_000, 0, 0, 0]


def _p_value(counts: np.ndarray, expected: np.ndarray) -> float:
    """Of a chi-square test, cells expected under 5 put together."""
    few = expected < 5
    observed = np.append(counts[~few], counts[few].sum())
    wanted = np.append(expected[~few], expected[few].sum())
    observed, wanted = observed[wanted > 0], wanted[wanted > 0]
    if len(wanted) < 2:
        return 1.0
    return float(stats.chisquare(observed, wanted * observed.sum() / wanted.sum()).pvalue)
