"""How far one unit moves every statistic, over neighbouring tables with extreme records.

`path_cost` adds up what the two tables drive apart; no statistic may exceed what it debits. For the
worst tables, where it reaches the debit, see test_audits.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tabsynth.privacy.gradients import MAX_WEIGHT
from tabsynth.privacy.intake import admit
from tabsynth.privacy.moments import (
    MAX_RADIUS,
    ceil_root,
    off_diagonal_bound,
    second_moments,
    within_ball,
)
from tabsynth.privacy.private_table import PrivateTable
from tabsynth.privacy.spending import Account
from tabsynth.schema.model import TableExtension, TableSchema
from tests.audit import path_cost
from tests.private import private
from tests.zoo import field

SIZES = (3, 1, 5)
CLIQUES = [c for k in (1, 2, 3) for c in combinations(range(3), k)]
records = st.tuples(*(st.integers(0, size - 1) for size in SIZES))
extreme = st.sampled_from([0, 1, -1, 2**20, -(2**20), 2**62, -(2**62)]) | st.integers(-9999, 9999)
costs = st.floats(1e-3, 2.0)
weights = st.floats(0.01, 100.0)
small = st.integers(1, 4)


@st.composite
def questions(draw: Any) -> Callable[[PrivateTable], None]:
    """One question of any kind, about fine or coarse cells."""
    kinds = ["marginals", "select", "moments", "gradient", "coarse", "distances", "outcomes"]
    rho, kind = draw(costs), draw(st.sampled_from(kinds))
    cliques = draw(st.lists(st.sampled_from(CLIQUES), min_size=1, max_size=5))
    each = draw(st.none() | st.lists(weights, min_size=len(cliques), max_size=len(cliques)))
    level = draw(st.floats(-1e6, 1e6))
    scores = [np.array(draw(st.lists(extreme, min_size=s, max_size=s)), np.int64) for s in SIZES]
    radius = draw(st.integers(1, 200) | st.just(MAX_RADIUS))
    diagonal = draw(st.booleans())
    reach, shape = draw(st.sampled_from([0, 1, MAX_WEIGHT])), draw(st.tuples(small, small))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    critic = [rng.integers(-reach, reach + 1, (size, *shape)) for size in SIZES]

    def ask(table: PrivateTable) -> None:
        if kind == "marginals":
            table.marginals(cliques, rho=rho, weights=each, stage="s")
        elif kind == "select":
            shapes = [tuple(SIZES[column] for column in clique) for clique in cliques]
            estimates = [np.full(shape, level) for shape in shapes]
            penalties = [level / 3] * len(cliques)
            table.select(cliques, estimates, rho=rho, weights=each, penalties=penalties, stage="s")
        elif kind == "moments":
            table.second_moments(scores, radius=radius, rho=rho, diagonal=diagonal, stage="s")
        elif kind == "distances":
            shapes = [tuple(SIZES[column] for column in clique) for clique in cliques]
            estimates = [np.full(shape, level / 7) for shape in shapes]
            table.distances(cliques, estimates, rho=rho, stage="s")
        elif kind == "outcomes":
            guesses = [np.stack([s % 2**20, s % 3], axis=1) for s in scores]
            cuts = [np.array([0, radius]), np.array([1, 2])]
            classes = np.array([0, -1, 1, 2, 0])
            table.outcomes(guesses, cuts, target=2, classes=classes, rho=rho, stage="s")
        elif kind == "gradient":
            table.critic_gradient(critic, rho=rho, stage="s")
        else:
            coarse = table.coarsened(
                [np.array([1, 0, 1]), np.array([0]), np.array([0, 1, 1, 2, 0])]
            )
            coarse.marginals(cliques, rho=rho, weights=each, stage="s")

    return ask


@given(
    st.lists(records, max_size=12),
    st.integers(1, 4),
    st.data(),
    st.lists(questions(), min_size=1, max_size=3),
)
@settings(max_examples=150, deadline=None)
def test_one_unit_costs_no_more_than_the_debit(
    others: list[Any], bound: int, data: st.DataObject, asked: list[Callable[[PrivateTable], None]]
) -> None:
    unit = data.draw(
        st.lists(records, min_size=1, max_size=bound) | records.map(lambda r: [r] * bound)
    )

    def ask(table: PrivateTable) -> None:
        for question in asked:
            question(table)

    def maker(rows: list[Any]) -> Callable[[Any], PrivateTable]:
        return lambda noise: private(rows, *SIZES, noise=noise, unit_bound=bound)

    for first, second in ((others + unit, others), (others, unit + others)):
        assert not path_cost(ask, maker(first), maker(second)).broken


EXTREME = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["a", "b", "never seen", "", None]),
        "size": st.sampled_from(["1", "10", "-1e300", "1e300", "NaN", "many", None]),
        "day": st.sampled_from(["2020-01-05", "0001-01-01", "9999-12-31", "31.12.2020", None]),
    }
)
SCHEMA = TableSchema(
    fields=(
        field("kind", categories=("a", "b")),
        field("size", "number", constraints={"minimum": 0, "maximum": 20, "required": True}),
        field("day", "date", constraints={"minimum": "2020-01-01", "maximum": "2020-01-31"}),
        field("who", tabsynth={"generator": {"kind": "uuid"}}),
    ),
    tabsynth=TableExtension(privacy_unit="who", max_records_per_unit=2),
)


@given(st.lists(EXTREME, max_size=6), st.lists(EXTREME, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_person_of_many_extreme_records_costs_no_more_than_the_debit(
    others: list[dict[str, Any]], theirs: list[dict[str, Any]]
) -> None:
    def maker(rows: list[dict[str, Any]]) -> Callable[[Any], PrivateTable]:
        columns = {n: pa.array([r[n] for r in rows], pa.string()) for n in SCHEMA.names}
        raw = pa.table(columns)
        return lambda noise: admit(raw, SCHEMA, Account(10.0), noise=noise)

    def ask(table: PrivateTable) -> None:
        cliques = [(0,), (1,), (0, 2)]
        table.marginals(cliques, rho=1.0, weights=[1, 2, 3], stage="s")
        empty = [np.zeros([table.domain.sizes[c] for c in clique]) for clique in cliques]
        table.select(cliques, empty, rho=1.0, stage="s")
        scores = [np.arange(size) for size in table.domain.sizes]
        table.second_moments(scores, radius=90, rho=1.0, stage="s")

    known = [{**row, "who": str(place)} for place, row in enumerate(others)]
    person = [{**row, "who": "the one"} for row in theirs]
    found = path_cost(ask, maker(known + person), maker(known))
    assert not found.broken
    # nobody's bound covers records without a unit: they do not count at all
    nobody = [{**row, "who": None} for row in theirs]
    assert path_cost(ask, maker(known + nobody), maker(known)).cost == 0


vectors = st.integers(1, 6).flatmap(
    lambda d: st.lists(
        st.lists(st.integers(-(2**20), 2**20), min_size=d, max_size=d), min_size=1, max_size=8
    )
)


@given(vectors, st.integers(1, MAX_RADIUS))
@settings(max_examples=200, deadline=None)
def test_records_are_brought_within_the_ball_and_no_further(
    rows: list[list[int]], radius: int
) -> None:
    given_ = np.array(rows, np.int64)
    inside = within_ball(given_, radius)
    for before, after in zip(given_.tolist(), inside.tolist(), strict=True):
        size = sum(x * x for x in after)
        assert size <= radius * radius
        if sum(x * x for x in before) <= radius * radius:
            assert after == before
        else:
            # rounding towards 0 costs at most one per coordinate, and the norm's ceiling one more
            assert size >= max(0, radius - 2 - len(after)) ** 2 or radius < 2 + len(after)
            assert all(x * y >= 0 for x, y in zip(before, after, strict=True))


@given(st.lists(st.integers(0, 2**50), min_size=1, max_size=50))
@settings(max_examples=100, deadline=None)
def test_the_ceiling_of_a_root_is_exact(squared: list[int]) -> None:
    roots = ceil_root(np.array(squared, np.int64)).tolist()
    for square, root in zip(squared, roots, strict=True):
        assert root * root >= square
        assert root == 0 or (root - 1) ** 2 < square
    perfect = np.arange(2**20 - 50, 2**20 + 50)
    assert np.array_equal(ceil_root(perfect * perfect), perfect)


@given(vectors, st.integers(1, MAX_RADIUS))
@settings(max_examples=100, deadline=None)
def test_products_of_one_record_keep_their_stated_norm(rows: list[list[int]], radius: int) -> None:
    for row in rows:
        codes = [np.zeros(1, np.int64)] * len(row)
        exact = second_moments(codes, [np.array([x]) for x in row], radius).astype(object)
        upper = [exact[i, j] for i in range(len(row)) for j in range(i, len(row))]
        strict = [exact[i, j] for i in range(len(row)) for j in range(i + 1, len(row))]
        # in whole numbers: no rounding in the comparison
        assert sum(x * x for x in upper) <= radius**4
        assert sum(x * x for x in strict) <= off_diagonal_bound(radius, len(row)) ** 2
