from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.attacks.neighbours import Points, Space, nearest
from tabsynth.table import Table
from tests import zoo


def mixed(rows: int, seed: int, *, cities: int = 200) -> Table:
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=rows)
    amount = np.round(np.exp(hidden + rng.normal(size=rows)), 2)
    columns = {
        "amount": [None if x < 0.3 else float(x) for x in amount],
        "age": np.clip(40 + 12 * hidden + rng.normal(size=rows), 18, 90).astype(int),
        "city": [f"c{int(abs(h) * cities / 3) % cities}" for h in hidden],
        "flag": [None if h > 1.5 else bool(h > 0) for h in hidden],
    }
    schema = zoo.TableSchema(
        fields=(
            zoo.field("amount", "number"), zoo.field("age", "integer"),
            zoo.field("city"), zoo.field("flag", "boolean"),
        )
    )  # fmt: skip
    return Table.checked(pa.table(columns), schema)


def brute_force(queries: Points, among: Points) -> np.ndarray:
    total = np.zeros((len(queries), len(among)))
    for first, second in zip(queries.ranks.T, among.ranks.T, strict=True):
        a, b = first[:, None].astype(float), second[None].astype(float)
        gap = np.isnan(a) != np.isnan(b)
        total += np.where(gap, 1, np.nan_to_num(a - b) ** 2)
    for first, second in zip(queries.codes.T, among.codes.T, strict=True):
        total += (first[:, None] != second[None]) | (first[:, None] < 0)
    return np.sqrt(total)


@pytest.mark.parametrize("rows", [1, 3, 30, 900, 9_000])
@pytest.mark.parametrize("k", [1, 20])
def test_finds_what_brute_force_finds(rows: int, k: int) -> None:
    among, asked = mixed(rows, 1), mixed(130, 2)
    space = Space.of([among])
    queries, points = space.points(asked), space.points(among)
    distances, places = nearest(queries, points, k)
    expected = np.sort(brute_force(queries, points), axis=1)[:, :k]
    assert distances.shape == (130, min(k, rows))
    np.testing.assert_allclose(distances, expected, atol=1e-6)
    own = np.take_along_axis(brute_force(queries, points), places, axis=1)
    np.testing.assert_allclose(own, distances, atol=1e-6)


def test_a_record_is_at_distance_0_of_itself_and_of_nothing_else() -> None:
    table = mixed(2_000, 3)
    points = Space.of([table]).points(table)
    distances, places = nearest(points, points, 1)
    assert distances.max() == 0
    same = brute_force(points.take(np.arange(200)), points)[np.arange(200), places[:200, 0]]
    assert same.max() == 0


def test_a_category_that_the_attacker_never_saw_matches_nothing() -> None:
    known = mixed(300, 4)
    stranger = mixed(50, 5, cities=100_000)
    space = Space.of([known])
    strange = space.points(stranger)
    unknown = strange.codes[:, strange.names.index("city") - strange.ranks.shape[1]] < 0
    assert unknown.mean() > 0.5
    distances, _ = nearest(strange, space.points(known), 1)
    assert distances[unknown].min() >= 1


def test_columns_can_be_looked_at_alone() -> None:
    table = mixed(400, 6)
    points = Space.of([table]).points(table)
    some = points.columns(["city", "age"])
    assert some.names == ("age", "city")
    assert some.ranks.shape == (400, 1)
    assert some.codes.shape == (400, 1)
    np.testing.assert_array_equal(some.ranks[:, 0], points.ranks[:, points.names.index("age")])


@pytest.mark.parametrize("name", sorted(zoo.ZOO))
def test_every_table_of_the_zoo_has_neighbours(name: str) -> None:
    table = zoo.ZOO[name]().modelled
    table = table.take(np.arange(min(table.num_rows, 3_000)))
    if not table.num_rows or not table.schema.fields:
        return
    points = Space.of([table, table]).points(table)
    distances, places = nearest(points, points, 3)
    assert np.isfinite(distances).all()
    assert (np.diff(distances, axis=1) >= 0).all()
    assert (places < table.num_rows).all()
    assert distances[:, 0].max() == 0
