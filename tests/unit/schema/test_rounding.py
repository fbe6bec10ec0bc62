from __future__ import annotations

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabsynth.schema.rounding import outward


@pytest.mark.parametrize(
    ("bound", "low", "high"),
    [
        (17, 17, 17),
        (0, 0, 0),
        (123_456, 120_000, 130_000),
        (-987, -990, -980),
        (3.14159, 3.1, 3.2),
        (0.00123, 0.0012, 0.0013),
        (dt.date(2020, 2, 11), dt.date(2020, 2, 1), dt.date(2020, 2, 29)),
        (
            dt.datetime(2020, 2, 29, 7, 8, 9),
            dt.datetime(2020, 2, 29),
            dt.datetime(2020, 3, 1),
        ),
        (dt.time(7, 8), dt.time(7), dt.time(8)),
        (dt.time(23, 8), dt.time(23), dt.time.max),
        (dt.time(7), dt.time(7), dt.time(7)),
    ],
)
def test_known_bounds(bound: object, low: object, high: object) -> None:
    assert outward(bound, up=False) == low
    assert outward(bound, up=True) == high


@given(
    st.one_of(
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300),
        st.dates(),
        st.datetimes(),
        st.times(),
    )
)
def test_never_inside(bound: object) -> None:
    low, high = outward(bound, up=False), outward(bound, up=True)
    assert type(low) is type(high) is type(bound)
    if isinstance(bound, float):
        slack = abs(bound) * 1e-15
        assert low <= bound + slack and high >= bound - slack
        assert math.isfinite(low) and math.isfinite(high)
    else:
        assert low <= bound <= high
