"""CSV text to a table of texts, and, when that fails, the reason in line numbers."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from tabsynth.errors import DataError
from tabsynth.io.contents import SLICE, check_is_text, check_utf8, line_at, view_of

DELIMITERS = ",;\t|"
BLOCKS = (1 << 20, 1 << 25, 2**31 - 1)
BOM = b"\xef\xbb\xbf"
SNIFFED = 1 << 16
FIRST_RECORD = re.compile(
    rb'(?:[^\r\n"]++|"[^"]*+(?:""[^"]*+)*+"(?=[,;\t|\r\n]|\Z)|")*+(\r\n|\r|\n|\Z)'
)
MORE_LINES = re.compile(rb"[\r\n]*+\Z")


@dataclass(frozen=True)
class _Layout:
    """Where the records begin and how they are cut.

    Args:
        where: the file as the user named it.
        data: the whole file.
        names: the header.
        delimiter: between fields.
        body: offset of the first record.
    """

    where: str
    data: pa.Buffer
    names: tuple[str, ...]
    delimiter: str
    body: int

    @property
    def records(self) -> pa.Buffer:
        """The bytes after the header."""
        return self.data.slice(self.body)

    @property
    def skips_blank_lines(self) -> bool:
        """In a table of one column a blank line is a record with an empty text."""
        return len(self.names) > 1


def parse_csv(data: pa.Buffer, where: str, *, private: bool = False) -> pa.Table:
    """Cut CSV text into columns of text; nothing is interpreted, nothing is null.

    Args:
        data: UTF-8, with a header; delimiter one of comma, semicolon, tab, bar.
        where: how messages name the file.
        private: see `read_raw`.

    Raises:
        DataError: text that is not one table, with the line at fault, never its content.
    """
    check_is_text(data, where)
    layout = _layout(data, where, sampled=0 if private else SNIFFED)
    _check_header(layout)
    records = view_of(layout.records)
    if not records or (layout.skips_blank_lines and MORE_LINES.match(records)):
        if private:
            return pa.table({name: pa.array([], pa.string()) for name in layout.names})
        raise DataError(
            where,
            expected="a header and at least one record",
            got="a header only",
            remedy="check what wrote the file",
        )
    quotes, lines = _count(records)
    table = _cut(layout, quoted=quotes > 0)
    if quotes % 2 or (quotes and lines > table.num_rows):
        # an unclosed quote swallows the records up to the next quote without an error
        _check_quotes(layout)
    return table


def _layout(data: pa.Buffer, where: str, *, sampled: int) -> _Layout:
    view = view_of(data)
    start = len(BOM) if view[:3] == BOM else 0
    while start < len(view) and view[start] in b"\r\n":
        start += 1
    found = FIRST_RECORD.match(view, start)
    if found is None or found.start(1) == start:
        raise DataError(
            where, expected="a header", got="an empty file", remedy="check what wrote the file"
        )
    sample = bytes(view[found.end() : found.end() + sampled])
    try:
        header = bytes(view[start : found.start(1)]).decode()
    except UnicodeDecodeError:
        check_utf8(data, where)
        raise
    try:
        delimiter = _delimiter(header, sample.decode(errors="replace"))
        names = next(csv.reader(io.StringIO(header, newline=""), delimiter=delimiter))
    except csv.Error:
        raise DataError(
            where,
            expected="a header with column names",
            got="a first line that is too long for one",
            remedy="check that the file is CSV",
        ) from None
    return _Layout(where, data, tuple(names), delimiter, found.end())


def _delimiter(header: str, sample: str) -> str:
    """The delimiter that cuts header and first records alike, into the most fields."""
    bare = re.sub(r'"[^"]*"', "", header)
    lines = sample.splitlines(keepends=True)
    first = lines[:-1] if len(sample) >= SNIFFED // 4 else lines

    def rank(delimiter: str) -> tuple[bool, int]:
        width = len(next(csv.reader(io.StringIO(header, newline=""), delimiter=delimiter)))
        try:
            cut = list(csv.reader(first[:20], delimiter=delimiter))
        except csv.Error:
            cut = []
        # the last one may be cut off inside a quoted text
        return all(len(r) == width for r in cut[:19] if r), width

    return max((d for d in DELIMITERS if d in bare), key=rank, default=",")


def _check_header(layout: _Layout) -> None:
    names, where = layout.names, layout.where
    header = layout.data.slice(0, layout.body)
    _check_quotes(_Layout(where, header, names, layout.delimiter, 0))
    empty = [i + 1 for i, name in enumerate(names) if not name.strip()]
    if empty:
        raise DataError(
            f"{where}: header",
            expected="a name for every column",
            got=f"{len(empty)} without one (first: column {empty[0]} of {len(names)})",
            remedy="name every column; pandas leaves its index out with index=False",
        )
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        # in a file without a header the names are a record's values; so only their places are shown
        places = [i + 1 for i, name in enumerate(names) if name == repeated[0]]
        raise DataError(
            f"{where}: header",
            expected="each column name once",
            got=f"{len(repeated)} repeated (first: columns {_listed(places)})",
            remedy="rename the columns, or add a header if the file has none",
        )


def _count(records: memoryview) -> tuple[int, int]:
    """How many quotes and how many line ends."""
    quotes = lines = 0
    for offset in range(0, len(records), SLICE):
        piece = bytes(records[offset : offset + SLICE])
        quotes += piece.count(b'"')
        lines += piece.count(b"\n")
    return quotes, lines


def _cut(layout: _Layout, *, quoted: bool) -> pa.Table:
    for block in BLOCKS:
        try:
            return _parsed(layout, block=block, quoted=quoted)
        except pa.ArrowInvalid as error:
            # a record longer than a block; Arrow tells it by these words only
            if "straddl" not in str(error):
                break
        _check_quotes(layout)
    _diagnose(layout, block=block, quoted=quoted)
    raise DataError(
        layout.where,
        expected="a CSV table",
        got="text that cannot be cut into records",
        remedy="check that the file is CSV, or export it again",
    )


def _parsed(layout: _Layout, *, block: int, quoted: bool, handler: Any = None) -> pa.Table:
    return pa_csv.read_csv(
        pa.BufferReader(layout.records),
        read_options=pa_csv.ReadOptions(
            column_names=list(layout.names), block_size=block, use_threads=handler is None
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=layout.delimiter,
            newlines_in_values=quoted,
            ignore_empty_lines=layout.skips_blank_lines,
            invalid_row_handler=handler,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(layout.names, pa.string()),
            strings_can_be_null=False,
            quoted_strings_can_be_null=False,
        ),
    )


def _diagnose(layout: _Layout, *, block: int, quoted: bool) -> None:
    """Raise the error that explains why the text could not be cut, if it is found."""
    check_utf8(layout.data, layout.where)
    _check_quotes(layout)
    ragged: list[tuple[int, int]] = []

    def note(row: Any) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    try:
        _parsed(layout, block=block, quoted=quoted, handler=note)
    except pa.ArrowInvalid:
        if not ragged:
            return
    if ragged:
        number, fields = ragged[0]
        line = line_at(layout.data, layout.body + _start_of_record(layout, number))
        raise DataError(
            f"{layout.where}: line {line}",
            expected=f"{len(layout.names)} fields, as in the header",
            got=f"{fields} fields ({len(ragged):,} such records in all)",
            remedy="quote fields that hold the delimiter, or export the file again",
        )


def _quoted_fields(layout: _Layout) -> re.Pattern[bytes]:
    before = re.escape(layout.delimiter).encode()
    return re.compile(
        rb'(?<![^\r\n%b])"[^"]*+(?:""[^"]*+)*+("?)(?=([\r\n%b]|\Z)?)' % (before, before)
    )


def _check_quotes(layout: _Layout) -> None:
    """Refuse a quote that is never closed, or closed only where another record's text opens."""
    records = view_of(layout.records)
    for field in _quoted_fields(layout).finditer(records):
        if field.group(1) and field.group(2) is not None:
            continue
        text = bytes(records[field.start() : field.end()])
        if not field.group(1) or b"\n" in text or b"\r" in text:
            raise DataError(
                f"{layout.where}: line {line_at(layout.data, layout.body + field.start())}",
                expected="every quote that opens a field to close at its end",
                got="a quote that is not closed",
                remedy="close it, or write quotes inside a quoted field twice",
            )


def _start_of_record(layout: _Layout, number: int) -> int:
    """Offset, from the first record, of record `number` (from 1)."""
    records = view_of(layout.records)
    text = np.frombuffer(records, np.uint8)
    ends = np.flatnonzero(text == ord("\n"))
    if not len(ends):
        ends = np.flatnonzero(text == ord("\r"))
    spans = [m.span() for m in _quoted_fields(layout).finditer(records)]
    if spans:
        opened, closed = np.array(spans).T
        span: NDArray[np.intp] = np.searchsorted(opened, ends) - 1
        ends = ends[(span < 0) | (ends >= closed[span])]
    starts = np.append(0, ends + 1)
    if layout.skips_blank_lines:
        width = np.append(ends, len(text)) - starts
        returns = text[np.minimum(starts, len(text) - 1)] == ord("\r")
        starts = starts[(width > 1) | ((width == 1) & ~returns)]
    return int(starts[min(number, len(starts)) - 1])


def _listed(items: list[Any]) -> str:
    shown = ", ".join(repr(item) for item in items[:5])
    return shown + (", ..." if len(items) > 5 else "")
