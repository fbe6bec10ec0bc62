"""Values as drivers give them, as Arrow columns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, Final

import pyarrow as pa

from tabsynth.errors import DataError

BATCH: Final = 65_536
BYTES: Final = "bytes"
_MIDNIGHT: Final = dt.datetime(1970, 1, 1)


def column_of(values: Sequence[Any], kind: pa.DataType, where: str) -> pa.Array:
    """One column of a batch.

    Args:
        values: as the driver gives them; None is missing. Bytes stand for themselves as `bytes`.
        kind: what they should be.
        where: how messages name the column.

    Raises:
        DataError: values of another kind; the message counts them.
    """
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        pass
    change = _CHANGES[kind.id]
    changed, failed = [], 0
    for value in values:
        try:
            new = None if value is None else change(value)
            pa.scalar(new, kind)
        except (pa.ArrowException, TypeError, ValueError, ArithmeticError):
            new, failed = None, failed + 1
        changed.append(new)
    if failed:
        raise DataError(
            where, expected=f"values that can be read as {kind}",
            got=f"{failed:,} among {len(values):,} records that cannot",
            remedy="correct them, or declare the column as a string in a schema",
        )  # fmt: skip
    return pa.array(changed, kind)


def _whole(value: Any) -> int:
    if isinstance(value, bytes):
        return int.from_bytes(value)
    number = int(value)
    if number != value:
        raise ValueError("not whole")
    return number


def _clock(value: Any) -> dt.time:
    if isinstance(value, dt.timedelta):
        if not dt.timedelta() <= value < dt.timedelta(days=1):
            raise ValueError("not within a day")
        return (_MIDNIGHT + value).time()
    if isinstance(value, dt.time):
        return value
    raise TypeError("not a time")


def _same(value: Any) -> Any:
    return value


def _text(value: Any) -> str:
    return BYTES if isinstance(value, (bytes, bytearray, memoryview)) else str(value)


_CHANGES: Final[dict[int, Callable[[Any], Any]]] = {
    pa.int64().id: _whole,
    pa.float64().id: float,
    pa.bool_().id: lambda value: bool(_whole(value)),
    pa.date32().id: _same,
    pa.timestamp("us").id: _same,
    pa.time64("us").id: _clock,
    pa.string().id: _text,
}
