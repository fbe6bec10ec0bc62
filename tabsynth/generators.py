"""Values for the columns that are not modelled: identifiers, personal data, withheld text.

Nothing here has seen a record. Identifiers are a function of the row's place in the whole table, so
that they are distinct over all chunks; other values are drawn from the chunk's own random numbers.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.errors import DataError, SchemaError
from tabsynth.schema.generator import UNIQUE_KINDS, Pattern, Personal, Sequence, Uuid
from tabsynth.schema.model import FieldSchema
from tabsynth.schema.pattern import parse_pattern, pattern_capacity

__all__ = ["WITHHELD", "generate", "hashed", "pattern_capacity"]

WITHHELD: Final = "(free text withheld)"

# Faker makes some 50,000 values a second; beyond this many, a chunk draws from those it has made.
_POOL: Final = 4_096
# Products of two numbers below it fit into 64 bits.
_BLOCK: Final = 2**31
_EPOCH: Final = dt.date(1970, 1, 1)
_BIRTHS: Final = ((dt.date(1935, 1, 1) - _EPOCH).days, (dt.date(2007, 12, 31) - _EPOCH).days)
_HEX: Final = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


def generate(field: FieldSchema, rows: int, *, start: int, rng: np.random.Generator) -> pa.Array:
    """Invent the values of one column for one chunk of a synthetic table.

    Args:
        field: a field with a generator, or free text that is not dropped: where no texts were
            learnt, a placeholder stands for each.
        rows: how many values, at least 0.
        start: the place of the chunk's first row in the whole table, from 0. Sequences and patterns
            depend on it alone; they are distinct over all chunks and the same for any chunking.
        rng: the chunk's random numbers, for UUIDs and personal data.

    Returns:
        Exactly `rows` values, none missing: int64 for an integer sequence, date32 for a date of
        birth in a date field, strings otherwise.

    Raises:
        DataError: a pattern or sequence has fewer values than the table has rows, or personal data
            of a kind that cannot be made distinct is declared unique.
        SchemaError: the locale has no data of that kind.
        ValueError: the column is modelled or dropped, so it is not for inventing.

    Privacy: reads no record; the values depend on the schema and the random numbers alone.
    """
    match field.tabsynth.generator:
        case Sequence() as sequence:
            return _sequence(field, sequence, rows, start)
        case Uuid():
            return _uuids(rows, rng)
        case Pattern(pattern=pattern):
            return _pattern(field, pattern, rows, start)
        case Personal(what="date_of_birth"):
            return _births(field, rows, rng)
        case Personal(what="ipv4") if not field.constraints.unique:
            return _addresses(rows, rng)
        case Personal() as personal:
            return _personal(field, personal, rows, start=start, rng=rng)
    if field.tabsynth.free_text in (None, "drop"):
        raise ValueError(f"expected a column that is invented, got {field.name!r}")
    if field.constraints.unique:
        return pc.binary_join_element_wise(WITHHELD, _places(start, rows), " ")
    return pa.array([WITHHELD], pa.string()).take(pa.array(np.zeros(rows, dtype=np.int32)))


def _sequence(field: FieldSchema, sequence: Sequence, rows: int, start: int) -> pa.Array:
    first = sequence.start + start
    if not -(2**63) <= first <= first + rows <= 2**63:
        raise DataError(
            f"column {field.name!r}",
            expected="identifiers within 64 bits",
            got="a sequence that goes on past them",
            remedy="lower the generator's start",
        )
    numbers = pa.array(np.arange(first, first + rows, dtype=np.int64))
    if field.type == "integer":
        return numbers
    if first < 0:
        # A sign stands before the padding; seldom wanted, so not worth vectorising.
        texts = [f"{number:0{sequence.width}d}" for number in range(first, first + rows)]
        return pa.array([sequence.prefix + text for text in texts], pa.string())
    digits = pc.utf8_lpad(pc.cast(numbers, pa.string()), sequence.width, padding="0")
    return pc.binary_join_element_wise(sequence.prefix, digits, "")


def _uuids(rows: int, rng: np.random.Generator) -> pa.Array:
    """Version 4, variant 1 (RFC 9562, section 5.4)."""
    raw = np.frombuffer(rng.bytes(16 * rows), dtype=np.uint8).reshape(rows, 16).copy()
    raw[:, 6] = (raw[:, 6] & 0x0F) | 0x40
    raw[:, 8] = (raw[:, 8] & 0x3F) | 0x80
    text = np.full((rows, 36), ord("-"), dtype=np.uint8)
    places = [i for i in range(36) if i not in (8, 13, 18, 23)]
    text[:, places[0::2]] = _HEX[raw >> 4]
    text[:, places[1::2]] = _HEX[raw & 0x0F]
    return pa.array(text.view("S36").ravel(), pa.binary()).cast(pa.string())


def _pattern(field: FieldSchema, pattern: str, rows: int, start: int) -> pa.Array:
    positions = parse_pattern(pattern)
    capacity = pattern_capacity(pattern)
    if start + rows > capacity:
        raise DataError(
            f"column {field.name!r}",
            expected=f"at most {capacity:,} records, as its pattern has no more values",
            got=f"{start + rows:,}",
            remedy="lengthen the pattern, or ask for fewer records",
        )
    index = np.arange(start, start + rows, dtype=np.uint64)
    codes = np.empty((rows, len(positions)), dtype=np.uint32)
    for block, number in _scrambled(positions, index):
        rest = number
        for place in reversed(block):
            allowed = np.array([ord(char) for char in positions[place]], dtype=np.uint32)
            codes[:, place] = allowed[rest % np.uint64(len(allowed))]
            rest = rest // np.uint64(len(allowed))
    return pa.array(codes.view(f"U{len(positions)}").ravel(), pa.string())


def _scrambled(
    positions: tuple[str, ...], index: NDArray[np.uint64]
) -> list[tuple[list[int], NDArray[np.uint64]]]:
    """Blocks of positions, and the number that each row writes into each block.

    The first block holds the index times a constant coprime to the block's capacity. Every other
    holds its digit of the index, shifted by a hash of the block before it. Read in order, each step
    can be undone; so different rows get different strings, while neighbours look unrelated.
    """
    blocks: list[tuple[list[int], NDArray[np.uint64]]] = []
    rest, before = index, None
    for block, capacity in _blocks(positions):
        rest, digit = np.divmod(rest, np.uint64(capacity))
        if before is None:
            value = digit * np.uint64(_coprime(capacity)) % np.uint64(capacity)
        else:
            value = (digit + hashed(before) % np.uint64(capacity)) % np.uint64(capacity)
        blocks.append((block, value))
        before = value
    return blocks


def _blocks(positions: tuple[str, ...]) -> list[tuple[list[int], int]]:
    """Neighbouring positions, taken together while fewer than 2^31 strings fill them."""
    blocks: list[tuple[list[int], int]] = []
    for place, allowed in enumerate(positions):
        if blocks and blocks[-1][1] * len(allowed) < _BLOCK:
            block, capacity = blocks.pop()
            blocks.append(([*block, place], capacity * len(allowed)))
        else:
            blocks.append(([place], len(allowed)))
    return blocks


def _coprime(capacity: int) -> int:
    """A multiplier near the golden section, which spreads neighbours widely."""
    candidate = max(1, round(capacity * 0.6180339887498949))
    while math.gcd(candidate, capacity) != 1:
        candidate += 1
    return candidate


def hashed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _births(field: FieldSchema, rows: int, rng: np.random.Generator) -> pa.Array:
    low, high = _BIRTHS
    if field.type == "date":
        # Bounds that were read from records say something about them: only declared ones count.
        least, most = field.bounds
        low = int(least) if least is not None and field.declares("minimum") else low
        high = int(most) if most is not None and field.declares("maximum") else high
        if low > high:
            low, high = (low, low) if least is not None else (high, high)
    days = pa.array(rng.integers(low, high, size=rows, dtype=np.int32, endpoint=True), pa.int32())
    dates = days.cast(pa.date32())
    return dates if field.type == "date" else dates.cast(pa.string())


def _addresses(rows: int, rng: np.random.Generator) -> pa.Array:
    """IPv4 addresses of hosts, outside the ranges for multicast and loopback."""
    numbers = rng.integers(1, [127, 255, 255, 255], size=(rows, 4))
    return pc.binary_join_element_wise(*(pc.cast(pa.array(n), pa.string()) for n in numbers.T), ".")


def _personal(
    field: FieldSchema, personal: Personal, rows: int, *, start: int, rng: np.random.Generator
) -> pa.Array:
    unique = field.constraints.unique
    if unique and personal.what not in UNIQUE_KINDS:
        kinds = ", ".join(UNIQUE_KINDS)
        raise DataError(
            f"column {field.name!r}",
            expected=f"a generator that can make unique values ({kinds}, sequence, uuid, pattern)",
            got=f"the generator {personal.what}",
            remedy="delete constraints.unique, or choose another generator",
        )
    made = pa.array(_invented(field, personal, min(rows, _POOL), rng), pa.string())
    values = made if rows <= _POOL else made.take(pa.array(rng.integers(0, _POOL, size=rows)))
    if not unique:
        return values
    places = _places(start, rows)
    if personal.what != "email":
        return pc.binary_join_element_wise(
            values, places, "_" if personal.what == "user_name" else ""
        )
    parts = pc.split_pattern(values, "@")
    return pc.binary_join_element_wise(
        pc.binary_join_element_wise(pc.list_element(parts, 0), places, "."),
        pc.list_element(parts, 1),
        "@",
    )


def _invented(
    field: FieldSchema, personal: Personal, count: int, rng: np.random.Generator
) -> list[str]:
    from faker import Faker  # slow to import, and seldom needed

    seed = int(rng.integers(2**63))
    # Without weights Faker is many times faster; a few locales lack the data to do without.
    for weighted in (False, True):
        # An instance of its own: Faker's global state is never read or set.
        faker: Any = Faker(personal.locale, use_weighting=weighted)
        faker.seed_instance(seed)
        try:
            invent = getattr(faker, personal.what)
            # Addresses have several lines; in a table they stand on one.
            return [", ".join(str(invent()).split("\n")) for _ in range(count)]
        except (AttributeError, AssertionError):
            continue
    raise SchemaError(
        f"column {field.name!r}",
        expected=f"a locale with data for {personal.what}",
        got=personal.locale,
        remedy="choose another locale, such as en_US",
    )


def _places(start: int, rows: int) -> pa.Array:
    """Row numbers from 1 over the whole table, as texts."""
    numbers = np.arange(start + 1, start + rows + 1, dtype=np.int64)
    return pc.cast(pa.array(numbers), pa.string())
