"""Pairs of coordinates: the curve, its squares, and what becomes of a schema's pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tabsynth as ts
from tabsynth import registry
from tabsynth.constraints.curve import HALF, LEVELS, across, along
from tabsynth.constraints.plan import Plan
from tabsynth.encoding.squares import MOST, squares
from tabsynth.errors import DataError, PrivacyError, SchemaError
from tabsynth.hard_columns import hard_columns
from tabsynth.schema.constraint import Place
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.independent import Independent
from tabsynth.synthesizers.protocol import Traits
from tabsynth.table import Table
from tests.constrained import schema_of

DEGREES = {"type": "number", "tabsynth": {"decimals": 4}}
PAIR = {"kind": "place", "columns": ["lat", "lon"]}


class Plain(Independent):
    """A synthesizer that says nothing of places."""

    traits = Traits()


def pair_schema(**changes: Any) -> TableSchema:
    fields = [{"name": n, **DEGREES, **changes} for n in ("lat", "lon")]
    return schema_of([PAIR], [*fields, {"name": "kind"}])


@given(st.lists(st.tuples(*[st.integers(-HALF, HALF - 1)] * 2), min_size=1, max_size=20))
def test_the_curve_meets_every_point_once(points: list[tuple[int, int]]) -> None:
    x, y = np.array(points).T
    place = along(x, y)
    assert (place >= 0).all()
    assert (place < 4**LEVELS).all()
    assert [tuple(p) for p in np.column_stack(across(place))] == points


@pytest.mark.parametrize("start", [0, 7 * 4**9, 4**LEVELS - 4**5])
def test_the_curve_goes_on_beside_where_it_is_and_fills_squares(start: int) -> None:
    x, y = across(np.arange(start, start + 4**5))
    assert (np.abs(np.diff(x)) + np.abs(np.diff(y)) == 1).all()
    assert np.ptp(x) == np.ptp(y) == 2**5 - 1


def test_squares_hold_enough_records_and_leave_out_what_is_empty() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1e6, (2, 3000)).astype(np.int64)
    # a crowd at one point, and four people far from everybody
    x, y = np.append(x, [5] * 40 + [4 * 10**8] * 4), np.append(y, [5] * 40 + [4 * 10**8] * 4)
    places, counts = np.unique(along(x, y), return_counts=True)
    low, high = squares(places, counts, 5)
    assert (low[1:] > high[:-1]).all()
    size = high - low + 1
    assert (4 ** np.rint(np.emath.logn(4, size)).astype(int) == size).all()
    assert (low % size == 0).all()
    inside = [int(counts[(places >= a) & (places <= b)].sum()) for a, b in zip(low, high)]  # noqa: B905
    assert min(inside) >= 5
    assert sum(inside) > 0.9 * 3000
    crowd, hermits = along(np.array([5, 4 * 10**8]), np.array([5, 4 * 10**8]))
    assert ((low == crowd) & (high == crowd)).any()
    assert not ((low <= hermits) & (high >= hermits)).any()
    # more records make no more squares than a model can learn
    assert len(squares(places, counts * 1000, 5)[0]) <= MOST
    assert len(squares(places[:4], np.ones(4, np.int64), 5)[0]) == 0


def test_pairs_come_back_as_they_were_also_where_one_is_missing() -> None:
    rng = np.random.default_rng(0)
    lat, lon = np.round(rng.uniform(-90, 90, 50), 4), np.round(rng.uniform(-180, 180, 50), 4)
    columns = {
        "lat": pa.array(lat, mask=rng.random(50) < 0.3),
        "lon": pa.array(lon, mask=rng.random(50) < 0.3),
        "kind": pa.array(["a"] * 50).dictionary_encode(),
    }
    table = Table(pair_schema(), pa.table(columns))
    plan = Plan.of(table.schema)
    learnt = plan.forward(table)
    assert learnt.schema.names == (
        "place of lat, lon", "lat without lon", "lon without lat", "kind",
    )  # fmt: skip
    assert learnt.schema.fields[0].is_place
    assert plan.back(learnt).data.equals(table.data)
    assert not plan.broken(table).any()
    assert plan.describe() == ["Kept by construction: places of lat, lon."]


def test_two_coordinates_that_were_drawn_alone_make_no_point() -> None:
    plan = Plan.of(pair_schema())
    drawn = pa.table(
        {
            "place of lat, lon": pa.nulls(2, pa.int64()),
            "lat without lon": pa.array([1.5, None]), "lon without lat": pa.array([2.5, 2.5]),
            "kind": pa.nulls(2, pa.dictionary(pa.int32(), pa.string())),
        }
    )  # fmt: skip
    back = plan.back(Table(plan.learnt, drawn))
    assert back.column("lat").to_pylist() == [1.5, None]
    assert back.column("lon").to_pylist() == [None, 2.5]


@pytest.mark.parametrize(
    ("changes", "decimals"),
    [
        ({}, 4),
        ({"tabsynth": {"decimals": 8}}, 6),
        ({"tabsynth": {}}, 6),
        # metres of a national grid
        ({"constraints": {"minimum": 1_000_000, "maximum": 2_900_000}}, 2),
        ({"type": "integer", "tabsynth": {}}, 0),
    ],
)
def test_the_grid_is_as_fine_as_the_columns_and_their_bounds_allow(
    changes: dict[str, Any], decimals: int
) -> None:
    schema = pair_schema(**changes)
    values = [123.0] if changes.get("type") == "integer" else [123.456789]
    if "constraints" in changes:
        values = [2_600_000.25]
    numbers = pa.array(values).cast(pa.int64() if "type" in changes else pa.float64())
    texts = pa.array(["a"]).dictionary_encode()
    table = Table(schema, pa.table({"lat": numbers, "lon": numbers, "kind": texts}))
    back = Plan.of(schema).back(Plan.of(schema).forward(table))
    assert back.column("lon").to_pylist() == [pytest.approx(values[0], abs=0.51 * 10.0**-decimals)]


def test_what_cannot_be_a_place_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"columns of type integer, number"):
        Plan.of(schema_of([{"kind": "place", "columns": ["a", "b"]}], [{"name": n} for n in "ab"]))
    with pytest.raises(SchemaError, match="half a billion"):
        Plan.of(pair_schema(constraints={"minimum": 0, "maximum": 1e12}))
    with pytest.raises(PrivacyError, match="learnt as any others"):
        Plan.unlearnt(pair_schema())
    frame = pd.DataFrame({"lat": [5e8] * 20, "lon": [7.0] * 20, "kind": ["a"] * 20})
    with pytest.raises(DataError, match=r"places of lat, lon"):
        ts.fit(frame, schema=pair_schema(), synthesizer="independent", seed=0)


def test_another_rule_on_a_coordinate_has_it_as_a_column() -> None:
    rule = {"kind": "combinations", "columns": ["lat", "kind"]}
    schema = pair_schema()
    both = schema_of([PAIR, rule], [f.model_dump(by_alias=True) for f in schema.fields])
    plan = Plan.of(both)
    assert "lon" in plan.learnt.names
    assert plan.describe()[1].endswith("as another rule needs one of them: places of lat, lon.")


def coast(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "Pickup_Latitude": np.round(rng.uniform(40, 41, n), 4),
            "Pickup_Longitude": np.round(rng.uniform(-74, -73, n), 4),
            "lat": np.round(rng.uniform(0, 5000, n), 1),
            "lng": np.round(rng.uniform(0, 9, n), 1),
            "long_name": rng.choice(["a", "b"], n),
        }
    )


def test_inference_takes_named_degrees_for_places_and_nothing_else() -> None:
    schema = ts.infer_schema(coast(200), constraints=True)
    pairs = [c for c in schema.tabsynth.constraints if isinstance(c, Place)]
    assert [c.columns for c in pairs] == [("Pickup_Latitude", "Pickup_Longitude")]
    assert pairs[0].observed
    assert any("taken for places" in note for note in schema.tabsynth.notes)


def test_it_is_said_before_a_fit_what_becomes_of_places(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = {**registry.BUILT_IN["synthesizers"], "plain": f"{__name__}:Plain"}
    monkeypatch.setattr(registry, "BUILT_IN", {**registry.BUILT_IN, "synthesizers": plain})
    table = Table.from_pandas(coast(200), ts.infer_schema(coast(200)))
    line = "`Pickup_Latitude`, `Pickup_Longitude`: learnt"
    assert f"{line} together, as places that at least 5 records share" in hard_columns(
        table, Independent.traits
    )
    assert any(f"{line} as two columns" in said for said in hard_columns(table, Plain.traits))
    model = ts.fit(table, synthesizer="plain", seed=0)
    assert model.plan.steps == ()
    assert any("knows no places: Pickup_Latitude" in said for said in model.describe())
    assert ts.sample(model, 50, seed=0).schema.names == table.schema.names
