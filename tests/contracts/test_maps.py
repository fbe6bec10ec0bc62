"""What every synthesizer that knows places must do with a map that has a hole."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tabsynth as ts
from tabsynth import registry
from tabsynth.choice import traits
from tabsynth.constraints.plan import without_places
from tabsynth.errors import ConditionError
from tabsynth.modelfile import Fitted
from tabsynth.synthesizers.protocol import Traits
from tabsynth.table import Table
from tests.quick import fit

NAMES = [n for n in registry.names("synthesizers") if (traits(n) or Traits()).places]
LAND = (0.8, 1.0)


def island(n: int, seed: int) -> pd.DataFrame:
    """People on the shore around a lake, in degrees of four decimals."""
    rng = np.random.default_rng(seed)
    turn, far = rng.uniform(0, 2 * np.pi, n), rng.uniform(*LAND, n)
    return pd.DataFrame(
        {
            "lat": np.round(47 + far * np.sin(turn), 4),
            "lon": np.round(8 + far * np.cos(turn), 4),
            "side": np.where(np.cos(turn) > 0, "east", "west"),
        }
    )


def in_the_water(frame: pd.DataFrame) -> float:
    """The share of points that are not on the shore, give or take 300 m."""
    far = np.hypot(frame["lat"] - 47, frame["lon"] - 8)
    return float(np.mean((far < LAND[0] - 0.003) | (far > LAND[1] + 0.003)))


@cache
def table() -> Table:
    frame = island(4000, 0)
    # four people on a rock far out
    frame.loc[[0, 1000, 2000, 3000], ["lat", "lon"]] = [[47.5, 10.5], [47.5, 10.6], [47.6, 10.5],
                                                         [47.6, 10.6]]  # fmt: skip
    return Table.from_pandas(frame, ts.infer_schema(frame))


@pytest.fixture(scope="module", params=NAMES)
def fitted(request: pytest.FixtureRequest) -> Fitted:
    return fit(table(), synthesizer=request.param, seed=0)


def test_points_stay_where_the_records_are(fitted: Fitted) -> None:
    drawn = ts.sample(fitted, 4000, seed=1).to_pandas()
    # of people who were not in the table none; squares of 5 records reach over the shore a little
    assert in_the_water(island(4000, 1)) == 0.0
    assert in_the_water(drawn) < 0.12
    assert (drawn["lon"] < 9.5).all(), "nobody else is on the rock"
    for name in ("lat", "lon"):
        assert (np.abs(drawn[name] * 1e4 - np.rint(drawn[name] * 1e4)) < 1e-6).all()
        assert drawn[name].nunique() > 2000
    # a map drawn column by column has most people in the water
    shuffled = drawn.assign(lon=np.random.default_rng(0).permutation(drawn["lon"]))
    assert in_the_water(shuffled) > 0.4


def test_conditions_on_both_are_met_and_on_one_refused(fitted: Fitted) -> None:
    place = {"lat": 47.9, "lon": 8.0}
    drawn = ts.sample(fitted, 40, seed=2, given=place).to_pandas()
    assert (drawn["lat"] == 47.9).all()
    assert (drawn["lon"] == 8.0).all()
    with pytest.raises(ConditionError, match="meet now and then"):
        ts.sample(fitted, 40, seed=2, given={"lat": 47.9})


def test_a_model_file_knows_its_places(fitted: Fitted, tmp_path: Path) -> None:
    fitted.save(tmp_path / "m.tabsynth")
    again = ts.load_model(tmp_path / "m.tabsynth")
    assert again.describe() == fitted.describe()
    assert any("squares that several records share" in line for line in again.describe())
    one, other = (ts.sample(m, 100, seed=3).data for m in (fitted, again))
    assert one.equals(other)


def test_what_goes_with_places_is_learnt() -> None:
    model = ts.fit(table(), synthesizer="trees", seed=0)
    drawn = ts.sample(model, 4000, seed=1).to_pandas()
    assert ((drawn["lon"] > 8) == (drawn["side"] == "east")).mean() > 0.95
    apart = without_places(table())[0]
    copula = ts.fit(apart, synthesizer="gaussian_copula", seed=0)
    assert in_the_water(ts.sample(copula, 4000, seed=1).to_pandas()) > 0.4
