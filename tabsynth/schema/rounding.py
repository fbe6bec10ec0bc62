"""Bounds read from records, made too coarse to be any record's own value."""

from __future__ import annotations

import calendar
import datetime as dt
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final

DIGITS: Final = 2


def outward(bound: Any, *, up: bool) -> Any:
    """A bound rounded away from the records.

    Args:
        bound: a number, date, datetime or time.
        up: whether it is an upper bound.

    Returns:
        A number of two significant digits, the first or last day of a month, a midnight, or a full
        hour (the last second of the day, where there is none); never further inside.
    """
    if isinstance(bound, dt.datetime):
        return _midnight(bound, up=up)
    if isinstance(bound, dt.date):
        last = calendar.monthrange(bound.year, bound.month)[1]
        return bound.replace(day=last if up else 1)
    if isinstance(bound, dt.time):
        return _hour(bound, up=up)
    exact = Decimal(str(bound))
    if not exact:
        return bound
    unit = Decimal(1).scaleb(exact.adjusted() - DIGITS + 1)
    if isinstance(bound, int):
        unit = max(unit, Decimal(1))
    coarse = (exact / unit).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * unit
    return type(bound)(coarse)


def _midnight(bound: dt.datetime, *, up: bool) -> dt.datetime:
    midnight = bound.replace(hour=0, minute=0, second=0, microsecond=0)
    if not up or midnight == bound:
        return midnight
    if midnight.date() == dt.date.max:
        return midnight.replace(hour=23, minute=59, second=59, microsecond=999_999)
    return midnight + dt.timedelta(days=1)


def _hour(bound: dt.time, *, up: bool) -> dt.time:
    hour = bound.replace(minute=0, second=0, microsecond=0)
    if not up or hour == bound:
        return hour
    if hour.hour == 23:
        return dt.time.max
    return hour.replace(hour=hour.hour + 1)
