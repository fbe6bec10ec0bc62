"""Texts to moments: dates, datetimes and times, on the integer scale they are stored on.

Formats made of numeric directives, ISO among them, are read by one regular expression over all
distinct texts at once; any other strptime format is read text by text.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.errors import SchemaError
from tabsynth.schema.model import FieldSchema

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND
FIRST_DAY: Final = -719_162
LAST_DAY: Final = 2_932_896
FIRST_MOMENT: Final = FIRST_DAY * DAY
LAST_MOMENT: Final = (LAST_DAY + 1) * DAY - 1

_EPOCH = dt.datetime(1970, 1, 1)
_PARTS = {
    "Y": "(?P<Y>[0-9]{4})",
    "m": "(?P<m>1[0-2]|0?[1-9])",
    "d": "(?P<d>3[01]|[12][0-9]|0?[1-9])",
    "H": "(?P<H>2[0-3]|[01]?[0-9])",
    "M": "(?P<M>[0-5]?[0-9])",
    "S": "(?P<S>[0-5]?[0-9])",
    "f": "(?P<f>[0-9]{1,6})",
}
_ISO_DAY = "(?P<Y>[0-9]{4})-(?P<m>0[1-9]|1[0-2])-(?P<d>0[1-9]|[12][0-9]|3[01])"
_ISO_CLOCK = (
    r"(?P<H>[01][0-9]|2[0-3]):(?P<M>[0-5][0-9])(?::(?P<S>[0-5][0-9])(?:\.(?P<f>[0-9]{1,9}))?)?"
)
_OFFSET = "(?P<z>Z|[+-][0-9]{2}(?::?[0-9]{2}(?::[0-9]{2})?)?)"
_ISO = {
    "date": f"^{_ISO_DAY}$",
    "datetime": f"^{_ISO_DAY}(?:[T ]{_ISO_CLOCK}{_OFFSET}?)?$",
    "time": f"^{_ISO_CLOCK}$",
}
_DEFAULT = {"Y": "1900", "m": "1", "d": "1", "H": "0", "M": "0", "S": "0", "f": "0"}


@dataclass(frozen=True)
class _Walls:
    """Wall-clock readings: microseconds since 1970-01-01T00:00 on the wall, and the wall's offset.

    Args:
        wall: shape (texts,).
        offset: microseconds east of UTC, shape (texts,); 0 where the text states none.
        stated: whether the text states an offset, shape (texts,).
        valid: whether the text is a moment at all, shape (texts,).
    """

    wall: NDArray[np.int64]
    offset: NDArray[np.int64]
    stated: NDArray[np.bool_]
    valid: NDArray[np.bool_]


def parse_moments(texts: pa.Array, field: FieldSchema) -> pa.Array:
    """Dates, datetimes or times in storage type; null where a text is none.

    Args:
        texts: distinct texts, shape (N,); null stays null.
        field: a field of type date, datetime or time.

    Raises:
        SchemaError: the field's format is not a strptime format.
    """
    walls = _read(pc.utf8_trim_whitespace(texts), field)
    if field.type == "date":
        days = walls.wall // DAY
        return pa.array(days.astype(np.int32), mask=~walls.valid).cast(pa.date32())
    if field.type == "time":
        return pa.array(walls.wall % DAY, mask=~walls.valid).cast(pa.time64("us"))
    if field.tabsynth.timezone is None:
        return from_microseconds(walls.wall, walls.valid & ~walls.stated)
    local = from_microseconds(walls.wall, walls.valid & ~walls.stated)
    instant = from_microseconds(walls.wall - walls.offset, walls.valid & walls.stated)
    zone = field.tabsynth.timezone
    return pc.coalesce(on_the_wall(local, zone), instant.cast(pa.timestamp("us", tz=zone)))


def from_microseconds(moments: NDArray[np.int64], valid: NDArray[np.bool_]) -> pa.Array:
    """Timestamps without a zone; null where not valid or outside the years 1 to 9999."""
    inside = (moments >= FIRST_MOMENT) & (moments <= LAST_MOMENT)
    return pa.array(moments, mask=~(valid & inside)).cast(pa.timestamp("us"))


def on_the_wall(local: pa.Array, zone: str) -> pa.Array:
    """Instants at which a clock in that zone shows these wall-clock times.

    An hour that the clock shows twice is taken at its first showing; one that it skips becomes
    the moment after the gap.
    """
    instants = pc.assume_timezone(local, zone, ambiguous="earliest", nonexistent="latest")
    moments = instants.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    valid = instants.is_valid().to_numpy(zero_copy_only=False)
    return from_microseconds(moments, valid).cast(instants.type)


def expected_moment(field: FieldSchema) -> str:
    """What a text of that field must look like, in words."""
    zone = "" if field.tabsynth.timezone or field.type != "datetime" else (
        " without an offset (declare tabsynth.timezone where the data has offsets)"
    )  # fmt: skip
    if field.format not in (None, "default", "any"):
        return f"a {field.type} in the format {field.format}"
    example = {"date": "2024-03-31", "datetime": "2024-03-31T12:30:00", "time": "12:30:00"}
    return f"a {field.type} such as {example[field.type]}{zone}"


def _read(texts: pa.Array, field: FieldSchema) -> _Walls:
    if field.format in (None, "default"):
        return _read_numeric(texts, _ISO[field.type])
    if field.format == "any":
        return _read_singly(texts, _any_iso(field.type))
    format_ = str(field.format)
    _require_format(format_, field)
    pattern = _numeric_pattern(format_)
    if pattern is not None:
        return _read_numeric(texts, pattern)
    return _read_singly(texts, lambda text: dt.datetime.strptime(text, format_))


def _numeric_pattern(format_: str) -> str | None:
    """The regular expression of a strptime format; None unless all directives are numeric."""
    pattern, seen = "", set()
    for directive, space, literal in re.findall(r"%(.)|(\s+)|([^%\s]+)", format_):
        if directive and directive != "%":
            if directive not in _PARTS or directive in seen:
                return None
            seen.add(directive)
            pattern += _PARTS[directive]
        else:
            pattern += r"\s+" if space else re.escape(literal or "%")
    return f"^{pattern}$"


def _require_format(format_: str, field: FieldSchema) -> None:
    moment = dt.datetime(2001, 2, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
    try:
        dt.datetime.strptime(moment.strftime(format_), format_)
    except (ValueError, re.error) as error:
        raise SchemaError(
            f"field {field.name!r}",
            expected="a format of strptime directives such as %d/%m/%Y",
            got=f"{format_!r}",
            remedy="correct the format",
        ) from error


def _read_numeric(texts: pa.Array, pattern: str) -> _Walls:
    found = pc.extract_regex(texts, pattern)
    valid = found.is_valid().to_numpy(zero_copy_only=False)
    names = {found.type.field(i).name for i in range(found.type.num_fields)}

    def part(name: str) -> NDArray[np.int64]:
        if name not in names:
            return np.full(len(texts), int(_DEFAULT[name]), np.int64)
        digits = pc.struct_field(found, name)
        if name == "f":
            digits = pc.utf8_slice_codeunits(pc.utf8_rpad(digits, 6, "0"), 0, 6)
        absent = pc.fill_null(pc.equal(digits, ""), True)
        numbers = pc.if_else(absent, _DEFAULT[name], digits).cast(pa.int64())
        return np.asarray(numbers.to_numpy(zero_copy_only=False), np.int64)

    year = part("Y")
    month = ((year - 1970) * 12 + part("m") - 1).astype("datetime64[M]")
    day = month.astype("datetime64[D]") + (part("d") - 1)
    valid &= (day.astype("datetime64[M]") == month) & (year >= 1)
    clock = (part("H") * 60 + part("M")) * 60 + part("S")
    wall = day.astype(np.int64) * DAY + clock * SECOND + part("f")
    offset = np.zeros(len(texts), np.int64)
    stated = np.zeros(len(texts), bool)
    if "z" in names:
        zones = pc.fill_null(pc.struct_field(found, "z"), "").dictionary_encode()
        known = [_offset(text) for text in zones.dictionary.to_pylist()]
        codes = zones.indices.to_numpy(zero_copy_only=False)
        offset = np.array([shift or 0 for shift in known], np.int64)[codes]
        stated = np.array([shift is not None for shift in known], bool)[codes]
        valid &= np.abs(offset) < DAY
    return _Walls(wall, offset, stated, valid)


def _offset(text: str) -> int | None:
    if text == "":
        return None
    if text == "Z":
        return 0
    digits = text[1:].replace(":", "").ljust(6, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:6])
    return (-seconds if text[0] == "-" else seconds) * SECOND


def _any_iso(kind: str) -> Callable[[str], dt.datetime]:
    def read(text: str) -> dt.datetime:
        if kind == "time":
            return dt.datetime.combine(dt.date(1970, 1, 1), dt.time.fromisoformat(text))
        moment = dt.datetime.fromisoformat(text)
        if kind == "date" and (moment.tzinfo is not None or moment.time() != dt.time()):
            raise ValueError("expected a date alone")
        return moment

    return read


def _read_singly(texts: pa.Array, read: Callable[[str], dt.datetime]) -> _Walls:
    rows: list[tuple[int, int, bool, bool]] = []
    for text in texts.to_pylist():
        rows.append(_one(text, read))
    table: NDArray[Any] = np.array(rows, dtype=np.int64).reshape(len(rows), 4)
    return _Walls(table[:, 0], table[:, 1], table[:, 2] > 0, table[:, 3] > 0)


def _one(text: str | None, read: Callable[[str], dt.datetime]) -> tuple[int, int, bool, bool]:
    if text is None:
        return 0, 0, False, False
    try:
        moment = read(text)
    except (ValueError, OverflowError):
        return 0, 0, False, False
    shift = moment.utcoffset()
    micro = dt.timedelta(microseconds=1)
    wall = (moment.replace(tzinfo=None) - _EPOCH) // micro
    return wall, (shift or dt.timedelta()) // micro, shift is not None, True
