"""The bytes of an input file, and what is wrong with them."""

from __future__ import annotations

import codecs
import errno
import gzip
import io
import os
import shutil
import stat
import zlib
from pathlib import Path

import pyarrow as pa

from tabsynth.errors import DataError

SLICE = 1 << 24
SNIFFED = 4096
# first bytes of files that people rename instead of converting
OTHER_FORMATS = {
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "a gzip file",
    b"PK\x03\x04": "a zip or Excel file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"SQLite format 3\x00": "an SQLite database",
    b"ARROW1\x00\x00": "an Arrow file",
}
WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


def contents(path: str | Path, where: str) -> pa.Buffer:
    """The bytes of a file, mapped where the system can, not copied.

    Raises:
        DataError: the file is missing, a directory, empty or unreadable.
    """
    source = mapped(Path(path), where)
    return source.read_buffer()


def mapped(path: Path, where: str) -> pa.NativeFile:
    """An Arrow file to read from; raises as `contents` does."""
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, "directory")
        if not stat.S_ISREG(found.st_mode):
            # a pipe has neither size nor places
            source = pa.BufferReader(path.read_bytes())
        elif found.st_size == 0:
            source = pa.BufferReader(b"")
        else:
            source = pa.memory_map(os.fsencode(path))
    except (OSError, ValueError) as error:
        raise _unreadable(error, where) from None
    if source.size() == 0:
        raise DataError(
            where, expected="a table", got="an empty file", remedy="check what wrote the file"
        )
    return source


def gunzipped(data: pa.Buffer, where: str) -> pa.Buffer:
    """The bytes inside a gzip file.

    Raises:
        DataError: it is truncated, damaged, empty or no gzip file.
    """
    unpacked = io.BytesIO()
    try:
        with gzip.open(pa.BufferReader(data)) as packed:
            shutil.copyfileobj(packed, unpacked, SLICE)
    except (EOFError, OSError, zlib.error):
        whole = bytes(view_of(data)[:2]) == b"\x1f\x8b"
        raise DataError(
            where,
            expected="a whole gzip file",
            got="one that is truncated or damaged" if whole else "a file of another format",
            remedy="fetch or compress the file again" if whole else "correct its name",
        ) from None
    if not unpacked.tell():
        raise DataError(
            where,
            expected="a table",
            got="an empty file inside gzip",
            remedy="check what wrote the file",
        )
    return pa.py_buffer(unpacked.getbuffer())


def view_of(data: pa.Buffer) -> memoryview:
    """The bytes of a buffer without a copy, as numbers 0 to 255; Arrow's own view is signed."""
    return memoryview(data).cast("B")


def check_is_text(data: pa.Buffer, where: str) -> None:
    """Refuse other formats, wide encodings and NUL bytes; costs one fast pass.

    Raises:
        DataError: naming the format, or the line of the first NUL byte.
    """
    view = view_of(data)
    start = bytes(view[:16])
    for mark, name in OTHER_FORMATS.items():
        # a header may well begin with the letters PAR1; but then no zero byte follows
        if start.startswith(mark) and (mark != b"PAR1" or 0 in bytes(view[:SNIFFED])):
            raise DataError(
                where,
                expected="text",
                got=name,
                remedy="give the file the ending of its real format, or convert it",
            )
    if start.startswith(WIDE_MARKS):
        raise DataError(
            where, expected="UTF-8 text", got="UTF-16 or UTF-32", remedy="convert it to UTF-8"
        )
    for offset in range(0, len(view), SLICE):
        piece = bytes(view[offset : offset + SLICE])
        place = piece.find(b"\0")
        if place >= 0:
            wide = piece[:SNIFFED].count(b"\0") * 4 > len(piece[:SNIFFED])
            raise DataError(
                f"{where}: line {line_at(data, offset + place)}",
                expected="UTF-8 text",
                got="a NUL byte" + (", as UTF-16 has them" if wide else ""),
                remedy="convert it to UTF-8"
                if wide
                else "remove NUL bytes or export the file again",
            )


def check_utf8(data: pa.Buffer, where: str) -> None:
    """Find the first byte that is not UTF-8.

    Raises:
        DataError: naming its line and its place in the file.
    """
    view = view_of(data)
    decoder, offset = codecs.getincrementaldecoder("utf-8")(), 0
    for offset in range(0, len(view), SLICE):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(view[offset : offset + SLICE], final=offset + SLICE >= len(view))
        except UnicodeDecodeError as error:
            place = offset - pending + error.start
            raise DataError(
                f"{where}: line {line_at(data, place)}",
                expected="UTF-8 text",
                got=f"a byte of another encoding (byte {place + 1} of the file)",
                remedy="convert the file to UTF-8, for example with iconv",
            ) from None


def line_at(data: pa.Buffer, place: int) -> int:
    """The line, from 1, that holds the byte at `place`."""
    view = view_of(data)
    before = {b"\n": 0, b"\r": 0}
    for offset in range(0, place, SLICE):
        piece = bytes(view[offset : min(offset + SLICE, place)])
        for end in before:
            before[end] += piece.count(end)
    return 1 + (before[b"\n"] or before[b"\r"])


def _unreadable(error: OSError | ValueError, where: str) -> DataError:
    number = getattr(error, "errno", None)
    got, remedy = "one that cannot be read", "check the path and the disk"
    if number in (errno.ENOENT, errno.ENOTDIR):
        got, remedy = "no such file", "check the path"
    elif number == errno.EISDIR:
        got, remedy = "a directory", "name a file in it"
    elif number in (errno.EACCES, errno.EPERM):
        got, remedy = "no permission to read it", "change its permissions"
    elif number == errno.ENAMETOOLONG:
        got, remedy = "a name that is too long", "check the path"
    return DataError(where, expected="a readable file", got=got, remedy=remedy)
