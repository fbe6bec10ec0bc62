"""The type of a column of texts: the strictest one that all of its distinct texts have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tabsynth.schema.columns import without_markers
from tabsynth.schema.model import FieldSchema
from tabsynth.schema.parse import parse_texts

MARKERS: Final = (
    "", "NA", "N/A", "n/a", "nan", "NaN", "null", "NULL", "None", "?", "#N/A", "-",
)  # fmt: skip
MOST_DECIMALS: Final = 6

# a hyphen alone may well be a category, so it marks missing values of other types only
_TEXT_MARKERS: Final = tuple(m for m in MARKERS if m != "-")
_SAMPLE: Final = 500
_TRUE_FALSE: Final = (("true", "false"), ("True", "False"), ("TRUE", "FALSE"))
_INTEGER: Final = r"^[+-]?(0|[1-9][0-9]*)(\.0)?$"
_NUMBER: Final = r"^[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_INFINITE: Final = r"^[+-]?(?i:inf|infinity)$"
_DAYS: Final = (
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%d %b %Y",
    "%d-%b-%Y", "%b %d, %Y",
)  # fmt: skip
_CLOCKS: Final = (" %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_SWAPPED: Final = {"%d/%m/%Y": "%m/%d/%Y", "%d-%m-%Y": "%m-%d-%Y"}


@dataclass(frozen=True)
class Detected:
    """What a column of texts is.

    Args:
        field: name, type, format, markers and decimals.
        present: the distinct texts with null for markers, shape (N,).
        values: the same texts as values of the type, shape (N,).
        note: what a person should look at; empty when nothing.
    """

    field: FieldSchema
    present: pa.Array
    values: pa.Array
    note: str = ""


def detect(name: str, texts: pa.Array) -> Detected:
    """Find the type, format and missing-value markers of a column of texts.

    Args:
        name: the column.
        texts: its distinct texts, null included, shape (N,).
    """
    stripped = without_markers(texts, MARKERS)
    rest = stripped.drop_null()
    sample = rest.take(pa.array(range(min(len(rest), _SAMPLE)), pa.int64()))
    is_marker = pc.is_in(texts, value_set=pa.array(MARKERS))
    occurring = frozenset(texts.filter(is_marker).to_pylist())
    for settings, note in _candidates(rest) if len(rest) else ():
        field = _field(name, settings, occurring, MARKERS)
        if not _reads(sample, field):
            continue
        values = parse_texts(stripped, field)
        # infinities stay broken numbers for the check to report
        broken = values.null_count - stripped.null_count
        if broken and not (field.type == "number" and broken == _count(rest, _INFINITE)):
            continue
        return Detected(field, stripped, values, note(rest) if note else "")
    stripped = without_markers(texts, _TEXT_MARKERS)
    return Detected(_field(name, {"type": "string"}, occurring, _TEXT_MARKERS), stripped, stripped)


def _field(
    name: str, settings: dict[str, Any], occurring: frozenset[str], markers: tuple[str, ...]
) -> FieldSchema:
    found = [marker for marker in markers if marker in occurring]
    missing = {"missingValues": found} if found and found != [""] else {}
    return FieldSchema.model_validate({"name": name, **settings, **missing})


def _reads(texts: pa.Array, field: FieldSchema) -> bool:
    broken = parse_texts(texts, field).null_count
    return not broken or (field.type == "number" and broken == _count(texts, _INFINITE))


def _count(texts: pa.Array, pattern: str) -> int:
    return int(pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0)


def _candidates(rest: pa.Array) -> Iterator[tuple[dict[str, Any], Any]]:
    """Types to try, strictest first, each with what to note about the texts once it fits."""
    words = set(rest.to_pylist()) if len(rest) <= len(_TRUE_FALSE) * 2 else set()
    for pair in _TRUE_FALSE:
        if words and words <= set(pair):
            yield {"type": "boolean", "trueValues": [pair[0]], "falseValues": [pair[1]]}, None
    if words and words <= {word for pair in _TRUE_FALSE for word in pair}:
        yield {"type": "boolean"}, None
    plain = pc.utf8_trim_whitespace(rest)
    head = plain.slice(0, _SAMPLE)
    if _count(head, _NUMBER) + _count(head, _INFINITE) == len(head):
        yield from _number_candidates(plain)
        return
    if _count(head, "[0-9]") < len(head):
        return
    for kind in ("date", "datetime", "time"):
        yield {"type": kind}, None
    yield {"type": "datetime", "tabsynth": {"timezone": "UTC"}}, None
    for day in _DAYS:
        yield {"type": "date", "format": day}, _ambiguous(day, "")
        for clock in _CLOCKS:
            yield {"type": "datetime", "format": day + clock}, _ambiguous(day, clock)


def _number_candidates(plain: pa.Array) -> Iterator[tuple[dict[str, Any], Any]]:
    infinite = _count(plain, _INFINITE)
    if _count(plain, _INTEGER) == len(plain):
        yield {"type": "integer"}, None
        # all whole, and yet not all within 64 bits: digits that a float would lose
        return
    if infinite == len(plain) or _count(plain, _NUMBER) + infinite < len(plain):
        return
    decimals = None
    if not _count(plain, "[eE]"):
        tails = pc.replace_substring_regex(plain, r"^[^.]*\.?", "")
        decimals = pc.max(
            pc.utf8_length(pc.if_else(pc.match_substring(plain, "."), tails, ""))
        ).as_py()
    exact = decimals is not None and decimals <= MOST_DECIMALS
    yield {"type": "number", "tabsynth": {"decimals": decimals} if exact else {}}, None


def _ambiguous(day: str, clock: str) -> Any:
    swapped = _SWAPPED.get(day)
    if swapped is None:
        return None

    def note(rest: pa.Array) -> str:
        kind = "datetime" if clock else "date"
        other = FieldSchema(name="-", type=kind, format=swapped + clock)
        if not _reads(rest, other):
            return ""
        return f"its texts also read as {swapped}; {day} was taken"

    return note
