"""Columns in storage types as texts: the way back from what `schema.check` parses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.schema.model import FieldSchema, TableSchema

SECOND: Final = 1_000_000
# what a CSV field cannot hold bare, and a JSON text neither
CSV_SPECIAL: Final = r'[",\r\n]'
JSON_SPECIAL: Final = r'[\x00-\x1f"\\]'


def to_text_columns(data: pa.Table, schema: TableSchema) -> list[pa.Array]:
    """Columns as the texts that a CSV file holds, before quoting.

    Args:
        data: columns of the schema's storage types, in its order.
        schema: gives formats, decimals, true and false values, and missing markers.

    Returns:
        One array of strings per column, without nulls: a missing value is the empty text where
        that is a marker, else the first marker.
    """
    return [
        decoded(pc.fill_null(decoded(render(column(data, f.name), f)), missing_text(schema, f)))
        for f in schema.fields
    ]


def csv_rows(data: pa.Table, schema: TableSchema) -> pa.Buffer:
    """Records as lines of CSV, each with its line end; quoted only where needed."""
    cells = []
    for field in schema.fields:
        texts = render(column(data, field.name), field)
        if not _is_bare(field):
            # an empty text that is no marker is told from a missing value by its quotes
            texts = on_distinct(texts, _csv_quoted)
        missing = missing_text(schema, field)
        # other readers skip blank lines, so that an only cell needs its quotes
        if missing or len(schema.fields) == 1:
            missing = _csv_quoted(pa.array([missing]))[0].as_py()
        cells.append(pc.fill_null(decoded(texts), missing))
    cells[-1] = pc.binary_join_element_wise(cells[-1], "", "\n")
    return bytes_of(pc.binary_join_element_wise(*cells, ",") if len(cells) > 1 else cells[0])


def csv_header(schema: TableSchema) -> bytes:
    """The line of column names, quoted so that it is cut at commas only."""
    alone = r'[",;\t|\r\n\ufeff]'
    cells = [
        '"' + name.replace('"', '""') + '"' if re.search(alone, name) else name
        for name in schema.names
    ]
    return (",".join(cells) + "\n").encode()


def json_rows(data: pa.Table, schema: TableSchema) -> pa.Buffer:
    """Records as JSON objects, one per line; a missing value is null."""
    parts: list[pa.Array | str] = []
    for position, field in enumerate(schema.fields):
        key = json.dumps(field.name, ensure_ascii=False) + ":"
        texts = render(column(data, field.name), _for_json(field))
        if field.type in ("integer", "number", "boolean"):
            values = decoded(texts)
        else:
            values = decoded(on_distinct(texts, _json_quoted))
        parts += [("," if position else "{") + key, pc.fill_null(values, "null")]
    return bytes_of(pc.binary_join_element_wise(*parts, "}\n", ""))


def column(data: pa.Table, name: str) -> pa.Array:
    """One column as one array."""
    chunked = data.column(name)
    return chunked.chunk(0) if chunked.num_chunks == 1 else chunked.combine_chunks()


def missing_text(schema: TableSchema, field: FieldSchema) -> str:
    """What stands for a missing value: the empty text if it may, else the first marker."""
    markers = schema.markers(field)
    return "" if "" in markers or not markers else markers[0]


def render(values: pa.Array, field: FieldSchema) -> pa.Array:
    """Texts of one column, as strings or as a dictionary of them; null stays null."""
    if field.type == "string":
        return values
    if field.type == "boolean":
        texts = pa.array([field.false_values[0], field.true_values[0]])
        return pa.DictionaryArray.from_arrays(values.cast(pa.int32()), texts)
    if field.type == "integer":
        return values.cast(pa.string())
    if field.type == "number":
        texts = _numbers(values, field.tabsynth.decimals)
        point = field.decimal_char
        return texts if point == "." else pc.replace_substring(texts, ".", point)
    if field.format in (None, "default", "any"):
        return _iso(values, field)
    distinct = values.dictionary_encode()
    return pa.DictionaryArray.from_arrays(
        distinct.indices, _formatted(distinct.dictionary, field, str(field.format))
    )


def on_distinct(texts: pa.Array, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Change texts once per distinct one where they are a dictionary."""
    if pa.types.is_dictionary(texts.type):
        return pa.DictionaryArray.from_arrays(texts.indices, change(texts.dictionary))
    return change(texts)


def decoded(texts: pa.Array) -> pa.Array:
    """Strings, also from a dictionary of them."""
    return texts.cast(pa.string()) if pa.types.is_dictionary(texts.type) else texts


def _is_bare(field: FieldSchema) -> bool:
    if field.type == "number":
        return field.decimal_char == "."
    plain_format = field.format in (None, "default", "any")
    return field.type == "integer" or (field.type in ("date", "datetime", "time") and plain_format)


def _for_json(field: FieldSchema) -> FieldSchema:
    """Numbers and booleans have one form in JSON, whatever the schema says of texts."""
    form = {"decimal_char": ".", "true_values": ("true",), "false_values": ("false",)}
    return field.model_copy(update=form)


def _csv_quoted(texts: pa.Array) -> pa.Array:
    special = pc.or_(pc.match_substring_regex(texts, CSV_SPECIAL), pc.equal(texts, ""))
    if not pc.any(special).as_py():
        return texts
    inside = pc.replace_substring(texts, '"', '""')
    return pc.if_else(special, pc.binary_join_element_wise('"', inside, '"', ""), texts)


def _json_quoted(texts: pa.Array) -> pa.Array:
    quoted = pc.binary_join_element_wise('"', texts, '"', "")
    special = pc.fill_null(pc.match_substring_regex(texts, JSON_SPECIAL), False)
    if not pc.any(special).as_py():
        return quoted
    escaped = [json.dumps(t, ensure_ascii=False) for t in texts.filter(special).to_pylist()]
    return pc.replace_with_mask(quoted, special, pa.array(escaped, pa.string()))


def _numbers(values: pa.Array, decimals: int | None) -> pa.Array:
    """Shortest texts that read back as the same number, or exactly that many decimals."""
    if decimals is None:
        return values.cast(pa.string())
    floats = values.fill_null(0.0).to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):
        units = np.rint(np.abs(floats) * 10.0**decimals)
    # beyond 2**53 a float holds no exact number of units
    exact = units < 2.0**53
    texts = pa.array(np.where(exact, units, 0.0).astype(np.int64)).cast(pa.string())
    if decimals:
        texts = pc.ascii_lpad(texts, decimals + 1, "0")
        texts = pc.binary_replace_slice(texts, start=-decimals, stop=-decimals, replacement=".")
    negative = (floats < 0) & (units > 0)
    if negative.any():
        signs = pc.if_else(pa.array(negative), "-", "")
        texts = pc.binary_join_element_wise(signs, texts, "")
    if not exact.all():
        large = [f"{number:.{decimals}f}" for number in floats[~exact].tolist()]
        texts = pc.replace_with_mask(texts, pa.array(~exact), pa.array(large, pa.string()))
    return _with_nulls(texts, values)


def _iso(values: pa.Array, field: FieldSchema) -> pa.Array:
    """ISO 8601; a fraction of a second is printed for those values that have one."""
    if field.type == "date":
        return values.cast(pa.string())
    if field.type == "time":
        seconds, fraction = _split(values)
        clock = pa.array(seconds.astype(np.int32)).cast(pa.time32("s")).cast(pa.string())
        return _with_nulls(_joined(clock, _fractions(fraction)), values)
    local = values if values.type.tz is None else pc.local_timestamp(values)
    seconds, fraction = _split(local)
    texts = pa.array(seconds).cast(pa.timestamp("s")).cast(pa.string())
    texts = pc.binary_replace_slice(texts, start=10, stop=11, replacement="T")
    offsets = None if values.type.tz is None else _offsets(values, local)
    return _with_nulls(_joined(texts, _fractions(fraction), offsets), values)


def _formatted(values: pa.Array, field: FieldSchema, format_: str) -> pa.Array:
    """Distinct moments in a strptime format."""
    if field.type == "date":
        return pc.strftime(values.cast(pa.timestamp("s")), format=format_)
    # Arrow prints a fraction with %S in finer units, and does not know %f
    zone = values.type.tz if field.type == "datetime" else None
    seconds, fraction = _split(values)
    whole = pa.array(seconds).cast(pa.timestamp("s", tz=zone))
    digits = pc.ascii_lpad(pa.array(fraction).cast(pa.string()), 6, "0")
    parts: list[pa.Array] = []
    for position, piece in enumerate(_split_format(format_)):
        if position:
            parts.append(digits)
        if piece:
            parts.append(pc.strftime(whole, format=piece))
    return _with_nulls(_joined(*parts), values)


def _split_format(format_: str) -> list[str]:
    """The pieces of a format between its %f directives."""
    pieces = [""]
    for directive in re.findall(r"%.|[^%]+|%", format_, flags=re.DOTALL):
        if directive == "%f":
            pieces.append("")
        else:
            pieces[-1] += directive
    return pieces


def _split(values: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Whole seconds, rounded down, and the microseconds beyond; 0 where null."""
    numbers = values.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    return np.divmod(numbers, SECOND)


def _fractions(microseconds: NDArray[np.int64]) -> pa.Array | None:
    if not microseconds.any():
        return None
    digits = pc.ascii_lpad(pa.array(microseconds).cast(pa.string()), 6, "0")
    return pc.if_else(pa.array(microseconds == 0), "", pc.binary_join_element_wise(".", digits, ""))


def _offsets(values: pa.Array, local: pa.Array) -> pa.Array:
    """Offsets from UTC, such as +01:00; with seconds where a zone had local mean time."""
    east = (_split(local)[0] - _split(values)[0]).astype(np.int32)
    distinct = pa.array(east).dictionary_encode()
    texts = []
    for seconds in distinct.dictionary.to_pylist():
        minutes, rest = divmod(abs(seconds), 60)
        sign = "-" if seconds < 0 else "+"
        texts.append(
            f"{sign}{minutes // 60:02}:{minutes % 60:02}" + (f":{rest:02}" if rest else "")
        )
    return decoded(pa.DictionaryArray.from_arrays(distinct.indices, pa.array(texts, pa.string())))


def _joined(*parts: pa.Array | None) -> pa.Array:
    present = [part for part in parts if part is not None]
    return pc.binary_join_element_wise(*present, "") if len(present) > 1 else present[0]


def _with_nulls(texts: pa.Array, values: pa.Array) -> pa.Array:
    return texts if not values.null_count else pc.if_else(values.is_valid(), texts, None)


def bytes_of(texts: pa.Array) -> pa.Buffer:
    """All texts one after the other, as Arrow already holds them."""
    _, offsets, content = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)
    start, stop = int(ends[texts.offset]), int(ends[texts.offset + len(texts)])
    return content.slice(start, stop - start)
