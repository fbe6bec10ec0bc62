"""JSON lines to typed columns, and, when that fails, the reason in line numbers."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

from tabsynth.errors import DataError
from tabsynth.io.contents import check_is_text, check_utf8, view_of

BLOCKS = (1 << 20, 1 << 25, 2**31 - 1)
PREVIEWED = 100
# from here on a float may stand for an integer that it does not equal
EXACT = 2.0**53
# a block that begins with it ends the process inside Arrow, without an error
NULL_LINE = re.compile(rb"\n[ \t\r]*+null")
NULL_START = re.compile(rb"[ \t\r]*+null")
KINDS = {str: "text", int: "number", float: "number", bool: "boolean"}


def parse_jsonl(data: pa.Buffer, where: str) -> pa.Table:
    """One column per key, in order of appearance; a key that a line lacks is null.

    Args:
        data: UTF-8 text, one JSON object per line, values plain.
        where: how messages name the file.

    Raises:
        DataError: text that is not one table, with the line or column at fault.
    """
    check_is_text(data, where)
    # Arrow does not look at the encoding of texts in JSON
    check_utf8(data, where)
    if bytes(view_of(data)[:3]) == b"\xef\xbb\xbf":
        data = data.slice(3)
    if NULL_START.match(view_of(data)) or NULL_LINE.search(view_of(data)):
        _diagnose(data, where)
    texts, order = _preview(data)
    table = _parse(data, where, texts)
    moments = [f.name for f in table.schema if pa.types.is_temporal(f.type)]
    if moments:
        # Arrow takes texts that look like dates for dates; ours is a matter of the schema
        table = _parse(data, where, [*texts, *moments])
    names = [*(n for n in order if n in table.column_names)]
    names += [n for n in table.column_names if n not in set(names)]
    table = table.select(names)
    suspect = any(_nested(f.type) for f in table.schema) or "" in names or not names
    if suspect or any(_may_be_rounded(table.column(name)) for name in names):
        _diagnose(data, where)
    return table


def _preview(data: pa.Buffer) -> tuple[list[str], list[str]]:
    """Names of columns that hold texts, and all names in order, both from the first lines."""
    texts: dict[str, None] = {}
    names: dict[str, None] = {}
    for _, line in islice(_lines(data), PREVIEWED):
        try:
            record = json.loads(line)
            # half of a character, which JSON can write and Arrow cannot name a column by
            "".join(record).encode()
        except (ValueError, TypeError, RecursionError):
            break
        if not isinstance(record, dict):
            break
        names |= dict.fromkeys(record)
        texts |= dict.fromkeys(k for k, v in record.items() if isinstance(v, str))
    return list(texts), list(names)


def _parse(data: pa.Buffer, where: str, texts: list[str]) -> pa.Table:
    explicit = pa.schema([(name, pa.string()) for name in dict.fromkeys(texts)])
    for block in BLOCKS:
        try:
            return pa_json.read_json(
                pa.BufferReader(data),
                read_options=pa_json.ReadOptions(block_size=block),
                parse_options=pa_json.ParseOptions(explicit_schema=explicit),
            )
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError) as error:
            # a line longer than a block; Arrow tells it by these words only
            if "straddl" not in str(error):
                break
    _diagnose(data, where)
    raise DataError(
        where,
        expected="one JSON object per line",
        got="text that cannot be read so",
        remedy="check that the file is JSON lines, or export it again",
    )


def _lines(data: pa.Buffer) -> Iterator[tuple[int, bytes]]:
    """Line numbers from 1 and the lines that are not blank."""
    with io.BufferedReader(pa.BufferReader(data)) as source:
        for number, line in enumerate(source, start=1):
            if line.strip():
                yield number, line


def _diagnose(data: pa.Buffer, where: str) -> None:
    """Raise the error that explains what is wrong with the text, if it is found."""
    kinds: dict[str, str] = {}
    for number, line in _lines(data):
        place = f"{where}: line {number}"
        try:
            pairs = json.loads(line, object_pairs_hook=tuple)
        except (ValueError, RecursionError):
            raise DataError(
                place,
                expected="one JSON object per line",
                got="text that is no JSON",
                remedy="write each record as one object on one line",
            ) from None
        if not isinstance(pairs, tuple):
            raise DataError(
                place,
                expected="one JSON object per line",
                got="another JSON value",
                remedy="write each record as one object on one line",
            )
        _check_record(pairs, kinds, place, where)
    if not kinds:
        raise DataError(
            where, expected="at least one record", got="no keys", remedy="check the file"
        )


def _check_record(
    pairs: tuple[tuple[str, Any], ...], kinds: dict[str, str], place: str, where: str
) -> None:
    if len({key for key, _ in pairs}) < len(pairs) or any(not key for key, _ in pairs):
        raise DataError(
            place,
            expected="different keys with a name",
            got="a key that is repeated or empty",
            remedy="name every key once",
        )
    for key, value in pairs:
        if value is None:
            kinds.setdefault(key, "")
            continue
        if isinstance(value, (tuple, list)):
            raise DataError(
                f"{place}, column {key!r}",
                expected="plain values",
                got="an object or array",
                remedy="spread it over plain columns",
            )
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise DataError(
                f"{place}, column {key!r}",
                expected="integers of at most 64 bits",
                got="a larger one",
                remedy="write the column as text",
            )
        kind = KINDS[type(value)]
        known = kinds.get(key)
        if known and known != kind:
            raise DataError(
                f"{where}: column {key!r}",
                expected="values of one type",
                got=f"a column of mixed types ({known}, then {kind} at {place.rsplit(': ', 1)[1]})",
                remedy="write all its values as one type, for example as text",
            )
        kinds[key] = kind


def _nested(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind))


def _may_be_rounded(column: pa.ChunkedArray) -> bool:
    if not pa.types.is_floating(column.type):
        return False
    ends = pc.min_max(column).as_py()
    return any(end is not None and abs(end) >= EXACT for end in ends.values())
