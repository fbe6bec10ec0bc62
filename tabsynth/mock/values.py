"""The values that a key column can have, numbered from 0: a key follows from a place."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.errors import SchemaError
from tabsynth.generators import hashed
from tabsynth.mock.places import Places
from tabsynth.persons import LONGEST, Persons, personal_kind
from tabsynth.schema.columns import mask
from tabsynth.schema.generator import Pattern, Personal, Sequence, Uuid
from tabsynth.schema.model import FieldSchema
from tabsynth.schema.moments import DAY, FIRST_DAY, LAST_DAY, LAST_MOMENT, SECOND
from tabsynth.schema.parse import value_type
from tabsynth.schema.pattern import parse_pattern

# the days of values without declared bounds; fixed, so that a seed gives the same database always
FIRST: Final = (dt.date(2014, 1, 1) - dt.date(1970, 1, 1)).days
LAST: Final = (dt.date(2023, 12, 31) - dt.date(1970, 1, 1)).days
# products of two numbers below it fit into 64 bits
MOST: Final = 2**31 - 1
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_MAILS: Final = {"email": ("user", "@example.org"), "user_name": ("user", ""),
                 "url": ("https://example.org/", "")}  # fmt: skip


@dataclass(frozen=True)
class Values:
    """Distinct values of a field.

    Args:
        capacity: how many.
        ordered: whether they are given out in order, as numbers of records are.
        at: the values of some numbers below `capacity`.
    """

    capacity: int
    ordered: bool
    at: Callable[[Places], pa.Array]


def values_of(field: FieldSchema, *, salt: int, persons: Persons) -> Values:
    """The values that a key column can have.

    Args:
        field: a column of a primary, unique or foreign key.
        salt: makes UUIDs and the look of codes those of one seed.
        persons: whose e-mails and user names are taken, numbered.

    Raises:
        SchemaError: a pattern that cannot be written from.
    """
    if field.domain is not None:
        known = pa.array([str(v) for v in field.domain]).cast(value_type(field))
        low, high = lattice(field) if field.type == "integer" else (None, None)
        if low is not None and high is not None:
            known = known.filter(pc.and_(pc.greater_equal(known, low), pc.less_equal(known, high)))
        return Values(len(known), False, lambda i: known.take(pa.array(i)))
    if field.type == "boolean":
        return Values(2, False, lambda i: pa.array(i == 1))
    if field.type == "string":
        return _texts(field, salt, persons)
    if isinstance(generator := field.tabsynth.generator, Sequence):
        start = generator.start
        return Values(MOST, True, lambda i: pa.array(i + start))
    low, high = lattice(field, unique=True)
    step = SECOND if field.type in ("datetime", "time") and high - low >= SECOND else 1
    capacity = min((high - low) // step + 1, MOST)
    return Values(capacity, True, lambda i: from_lattice(low + i * step, field))


def lattice(field: FieldSchema, *, unique: bool = False) -> tuple[int, int]:
    """The smallest and the largest value of a column of numbers or moments, in whole units.

    Returns:
        Declared bounds where there are any: of integers; of numbers times `scale(field)`; days;
        microseconds.
    """
    low, high = field.bounds
    scaled = scale(field)
    least = None if low is None else math.ceil(round(low * scaled, 6)) if scaled != 1 else int(low)
    most = (
        None if high is None else math.floor(round(high * scaled, 6)) if scaled != 1 else int(high)
    )
    if field.type in ("integer", "number"):
        width = MOST if unique else 1_000 * scaled
        if least is None:
            least = (1 if unique else 0) if most is None else min(1 if unique else 0, most - width)
        most = least + width if most is None else most
        return max(least, -(2**62)), min(most, 2**62)
    first, last = FIRST, LAST
    if field.type == "time":
        first, last = 0, DAY - 1
    elif field.type == "datetime":
        first, last = FIRST * DAY, (LAST + 1) * DAY - 1
    year = 365 if field.type == "date" else 365 * DAY
    ends = {"date": (FIRST_DAY, LAST_DAY), "datetime": (FIRST_DAY * DAY, LAST_MOMENT),
            "time": (0, DAY - 1)}[field.type]  # fmt: skip
    if least is None:
        least = first if most is None or most >= first else most - year
    if most is None:
        most = ends[1] if unique else last if last >= least else least + year
    return max(least, ends[0]), min(most, ends[1])


def scale(field: FieldSchema) -> int:
    """Units of a number's lattice in 1: its decimals, two where it declares none."""
    if field.type != "number":
        return 1
    decimals = 2 if field.tabsynth.decimals is None else field.tabsynth.decimals
    return int(10**decimals)


def from_lattice(numbers: Places, field: FieldSchema) -> pa.Array:
    """Whole units as values of the field."""
    if field.type == "number":
        return pa.array(numbers / scale(field))
    if field.type == "date":
        return pa.array(numbers.astype(np.int32)).cast(pa.date32())
    return pa.array(numbers, pa.int64()).cast(value_type(field))


def positions_of(field: FieldSchema) -> tuple[str, ...] | None:
    """What each character of a text may be, by its generator or pattern; None without either.

    Raises:
        SchemaError: a pattern that is none of `tabsynth.schema.pattern`, or too long or short.
    """
    generator = field.tabsynth.generator
    pattern = generator.pattern if isinstance(generator, Pattern) else field.constraints.pattern
    if pattern is None:
        return None
    try:
        found = parse_pattern(re.sub(r"^\^|\$$", "", pattern))
    except ValueError:
        raise SchemaError(
            f"column {field.name!r}", expected="a pattern of literals, \\d, classes, counts",
            got="one of another form", remedy="write it so, or list the values as enum",
        ) from None  # fmt: skip
    least, most = field.constraints.min_length or 0, field.constraints.max_length
    if len(found) < least or (most is not None and len(found) > most):
        raise SchemaError(
            f"column {field.name!r}", expected="a pattern that its minLength and maxLength allow",
            got=f"one of {len(found)} characters", remedy="correct the pattern or the lengths",
        )  # fmt: skip
    return found


def _texts(field: FieldSchema, salt: int, persons: Persons) -> Values:
    generator = field.tabsynth.generator
    if isinstance(generator, Sequence):
        start, prefix, width = generator.start, generator.prefix, generator.width
        return Values(MOST, True, lambda i: _numbered(i + start, prefix, width))
    if isinstance(generator, Uuid) or field.format == "uuid":
        return Values(MOST, True, lambda i: uuids(i, salt))
    kind = generator.what if isinstance(generator, Personal) else field.format
    longest = field.constraints.max_length
    person = personal_kind(field)
    roomy = longest is None or longest >= LONGEST
    if person in ("email", "user_name") and roomy and not field.constraints.min_length:
        return Values(MOST, True, lambda i: persons.column(person, i, numbered=True))
    before, after = _MAILS.get("url" if kind == "uri" else kind or "", ("", ""))
    if before:
        room = 9 if longest is None else min(longest - len(before) - len(after), 9)
        shortest = max(field.constraints.min_length or 1, 1) - len(before) - len(after)
        width = max(min(room, 6), shortest)
        most = 10**room - 1 if room > 0 else 0
        return Values(most, True, lambda i: _numbered(i + 1, before, width, after))
    positions = positions_of(field)
    if positions is None:
        length = max(min(8, 8 if longest is None else longest), field.constraints.min_length or 0)
        positions = (_LETTERS,) * length
    return Values(min(math.prod(map(len, positions)), MOST), False,
                  lambda i: coded(i, positions, salt))  # fmt: skip


def _numbered(numbers: Places, before: str, width: int, after: str = "") -> pa.Array:
    return pa.array([f"{before}{n:0{width}d}{after}" for n in numbers.tolist()], pa.string())


def coded(numbers: Places, positions: tuple[str, ...], salt: int) -> pa.Array:
    """Texts of one form, different for different numbers below 2^31 and below their count."""
    if not positions:
        return pa.array([""] * len(numbers), pa.string())
    codes = np.empty((len(numbers), len(positions)), np.uint32)
    rest, filled = numbers.astype(np.uint64), 1
    look = hashed(rest ^ np.uint64(salt))
    for place in reversed(range(len(positions))):
        allowed = np.array([ord(char) for char in positions[place]], np.uint32)
        size = np.uint64(len(allowed))
        if filled <= MOST:
            codes[:, place] = allowed[rest % size]
            rest //= size
        else:
            # the number is written already; what is left only has to look like the rest
            codes[:, place] = allowed[look % size]
            look = hashed(look)
        filled *= len(allowed)
    return pa.array(codes.view(f"U{len(positions)}").ravel().tolist(), pa.string())


def uuids(numbers: Places, salt: int) -> pa.Array:
    """UUIDs of version 4, a function of the numbers; different ones for different numbers."""
    high = hashed(numbers.astype(np.uint64) ^ np.uint64(salt))
    low = hashed(high ^ np.uint64(salt))
    made = []
    # the number itself stands in the first 32 bits, scrambled, so that no two are alike
    first = (numbers.astype(np.uint64) * np.uint64(2654435761) + np.uint64(salt)) % np.uint64(2**32)
    for a, b, c in zip(first.tolist(), high.tolist(), low.tolist(), strict=True):
        made.append(
            f"{a:08x}-{b >> 48:04x}-4{b & 0xFFF:03x}-"
            f"{0x8 + (c >> 62):x}{(c >> 48) & 0xFFF:03x}-{c & 0xFFFFFFFFFFFF:012x}"
        )
    return pa.array(made, pa.string())


def absent(column: pa.Array, where: NDArray[np.bool_]) -> pa.Array:
    """The column with nothing at some places."""
    return pc.if_else(pa.array(where), pa.scalar(None, column.type), column)


def given(column: pa.Array) -> NDArray[np.bool_]:
    """Where a column has a value."""
    return mask(column.is_valid())
