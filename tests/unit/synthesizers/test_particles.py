"""Particles against the truth: every combination of cells, added up."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tabsynth.encoding.codec import POOLED
from tabsynth.errors import ConditionError
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.odds import RAREST
from tabsynth.synthesizers.pools import AT_ONCE, Pools, effective_size, picks
from tabsynth.synthesizers.trees import Trees, TreesModel
from tabsynth.table import Table
from tests.zoo import field

NAMES = ("a", "b", "c", "d")


def dependent(rows: int = 6000) -> Table:
    """Four columns, each depending on those before; the last is a rare event."""
    rng = np.random.default_rng(0)
    a = rng.integers(0, 4, rows)
    b = (a + rng.integers(0, 2, rows)) % 4
    c = np.where(rng.random(rows) < 0.8, (a * b) % 3, rng.integers(0, 3, rows))
    d = rng.random(rows) < np.where((a == 3) & (c == 0), 0.3, 0.005)
    columns = {
        n: [f"{n}{v}" for v in x.astype(int)] for n, x in zip(NAMES, (a, b, c, d), strict=True)
    }
    return Table.checked(pa.table(columns), TableSchema(fields=tuple(map(field, NAMES))))


@pytest.fixture(scope="module")
def model() -> TreesModel:
    return Trees().fit(dependent(), rng=np.random.default_rng(0))


def joint(model: TreesModel) -> dict[tuple[int, ...], float]:
    """The probability of every combination of cells under the chain."""
    sizes = [c.cells - 1 for c in model.codec.columns]
    cells = np.array(list(itertools.product(*map(range, sizes)))).T
    drawn = list(cells)
    seen = {j: model.bins[j][k] for j, k in enumerate(drawn)}
    share = np.prod([k.probability(cells[k.column], drawn, seen) for k in model.links], axis=0)
    return dict(zip(map(tuple, cells.T.tolist()), share.tolist(), strict=True))


def posterior(
    model: TreesModel, wanted: dict[int, int]
) -> tuple[list[tuple[int, ...]], np.ndarray]:
    met = {k: p for k, p in joint(model).items() if all(k[j] == c for j, c in wanted.items()) and p}
    share = np.array(list(met.values()))
    return list(met), share


CASES = [{3: 1}, {2: 0}, {0: 3}, {0: 3, 1: 0}, {1: 2, 3: 1}, {0: 1, 3: 1}, {0: 0, 1: 1, 2: 2, 3: 0}]


@pytest.mark.parametrize("wanted", CASES)
@pytest.mark.parametrize("alone", [False, True])
def test_records_follow_the_chain_given_some_columns(
    model: TreesModel, wanted: dict[int, int], alone: bool
) -> None:
    """Chi-square against all combinations, together or one by one; false alarm 1 in 10,000."""
    rng = np.random.default_rng(1)
    combinations, share = posterior(model, wanted)
    calls, n = (400, 1) if alone else (1, 4000)
    drawn = np.concatenate([
        np.array(model._chain.draw_given(n, {j: np.full(n, c) for j, c in wanted.items()}, rng))
        for _ in range(calls)
    ], axis=1)  # fmt: skip
    for j, c in wanted.items():
        assert np.all(drawn[j] == c)
    places = [combinations.index(tuple(k)) for k in drawn.T.tolist()]
    expected = share / share.sum() * len(places)
    counts = np.bincount(places, minlength=len(share))
    # records of one pool share particles: they are worth less than so many independent ones
    common = expected >= 5
    statistic = (np.square(counts - expected) / expected)[common].sum()
    slack = 1.0 if alone or wanted == {0: 3} else 2.5
    assert statistic < slack * stats.chi2.ppf(1 - 1e-4, max(common.sum() - 1, 1))


@pytest.mark.parametrize("wanted", CASES)
def test_the_estimated_probability_is_the_chains(model: TreesModel, wanted: dict[int, int]) -> None:
    """Mean of 20 estimates within 5 standard errors; exact where nothing is drawn."""
    _, share = posterior(model, wanted)
    cells = {j: np.array([c]) for j, c in wanted.items()}
    odds = [model._chain.ask(cells, 500, np.random.default_rng(i)) for i in range(20)]
    found = np.array([float(o.probability[0]) for o in odds])
    error = found.std() / np.sqrt(20)
    assert abs(found.mean() - share.sum()) < 5 * error + 1e-6
    places = [link.column for link in model.links]
    first = set(places[: len(wanted)]) == set(wanted)
    assert np.isinf(odds[0].effective[0]) == first


def test_impossible_combinations_are_hopeless_and_rules_are_kept() -> None:
    rng = np.random.default_rng(0)
    town = rng.integers(0, 12, 3000)
    region = town // 4
    other = rng.integers(0, 3, 3000)
    columns = {"other": other, "town": town, "region": region, "late": (town + other) % 3}
    raw = pa.table({n: [f"{n}{v}" for v in x] for n, x in columns.items()})
    table = Table.checked(raw, TableSchema(fields=tuple(map(field, columns))))
    model = Trees().fit(table, rng=rng)
    schema = TableSchema(fields=(field("town"), field("region")))
    given = Table.checked(
        pa.table({"town": ["town1", "town1"], "region": ["region0", "region2"]}), schema
    )
    odds = model.odds(2, given=given, rng=rng)
    assert odds.hopeless.tolist() == [False, True]
    assert np.isneginf(odds.log_probability[1])
    late = Table.checked(pa.table({"region": ["region1"]}), TableSchema(fields=(field("region"),)))
    drawn = model.sample(500, rng=rng, given=late)
    assert {int(t[4:]) // 4 for t in drawn.column("town").to_pylist()} == {1}
    with pytest.raises(ConditionError):
        model.sample(2, rng=rng, given=given)


def test_mixed_conditions_are_each_met(model: TreesModel) -> None:
    rng = np.random.default_rng(3)
    table = dependent(700)
    holes = {
        n: [v if rng.random() < 0.5 else None for v in table.column(n).to_pylist()] for n in NAMES
    }
    given = Table.checked(pa.table(holes), table.schema)
    drawn = model.sample(700, rng=rng, given=given)
    for n in NAMES:
        assert all(
            w is None or w == v for w, v in zip(holes[n], drawn.column(n).to_pylist(), strict=True)
        )
        assert drawn.column(n).null_count == 0


def test_odds_of_records_are_far_from_hopeless(model: TreesModel) -> None:
    odds = model.odds(300, given=dependent(300), rng=np.random.default_rng(0))
    assert np.all(odds.log_probability > odds.log_unrelated + np.log(RAREST) / 2)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 6)), min_size=1, max_size=12),
    st.integers(0, 2**32 - 1),
)
def test_picks_are_as_many_as_wanted_and_close_to_the_weights(
    shapes: list[tuple[int, int]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    sizes, wanted = (np.array(x) for x in zip(*shapes, strict=True))
    weight = rng.random(sizes.sum()) ** 4
    starts = np.cumsum(sizes) - sizes
    weight /= np.repeat(np.add.reduceat(weight, starts), sizes)
    kept = picks(weight, sizes, wanted, rng)
    pool = np.repeat(np.arange(len(sizes)), sizes)
    assert np.bincount(pool[kept], minlength=len(sizes)).tolist() == wanted.tolist()
    copies = np.bincount(kept, minlength=len(weight))
    assert np.all(np.abs(copies - weight * wanted[pool]) < 1 + 1e-6)
    worth = effective_size(weight, sizes)
    assert np.all((worth > 1 - 1e-9) & (worth < sizes + 1e-9))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 90_000), st.booleans()), min_size=1, max_size=6),
    st.sampled_from([1, 4, 16, 64]),
)
def test_pools_hold_every_record_within_bounds(groups: list[tuple[int, bool]], factor: int) -> None:
    records, exact = (np.array(x) for x in zip(*groups, strict=True))
    pools = Pools.plan(np.arange(len(records)), records, exact=exact, factor=factor)
    assert np.bincount(pools.kind, weights=pools.records).tolist() == records.tolist()
    assert pools.particles.max() <= AT_ONCE
    parts = list(pools.batches())
    assert [i for some in parts for i in range(len(pools.kind))[some]] == list(
        range(len(pools.kind))
    )
    assert all(pools.part(some).particles.sum() <= 2 * AT_ONCE for some in parts)


def test_no_condition_is_a_free_draw(model: TreesModel) -> None:
    nothing = {0: np.full(50, POOLED)}
    drawn = model._chain.draw_given(50, nothing, np.random.default_rng(0))
    assert all(len(k) == 50 for k in drawn)
