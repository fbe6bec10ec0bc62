"""Read a file into a raw table: texts from CSV, typed columns from Parquet and JSON lines."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tabsynth.errors import DataError, TabsynthError, UsageError
from tabsynth.io.contents import contents, gunzipped, mapped
from tabsynth.io.csvfile import parse_csv
from tabsynth.io.jsonl import parse_jsonl

FORMATS = (".csv", ".csv.gz", ".parquet", ".jsonl")
# endings of files that people have at hand, what they are, and the way to one of ours
DATABASE_ENDINGS = {
    ".db": "sqlite", ".sqlite": "sqlite", ".sqlite3": "sqlite", ".duckdb": "duckdb",
}  # fmt: skip
SHEET_ENDINGS = (".xlsx", ".xls", ".xlsm", ".ods")


def file_format(path: str | Path, *, error: type[TabsynthError] = DataError) -> str:
    """Which of `FORMATS` a path names by its ending.

    Args:
        path: a file as the user named it.
        error: what to raise when it is none of them.

    Raises:
        UsageError: a database URL.
        TabsynthError: another ending, as an `error`.
    """
    where = str(path)
    # one slash, since a Path made of a URL has lost the second; two letters, since drives have one
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", where):
        scheme = where.split(":", 1)[0]
        # the rest of a URL may hold a password
        raise UsageError(
            f"{scheme}://...",
            expected=f"a path ending in {', '.join(FORMATS)}",
            got="a database URL",
            remedy="name a file here",
        )
    for ending in FORMATS:
        if where.lower().endswith(ending):
            return ending
    got, remedy = _other_kind(Path(where))
    raise error(where, expected=f"a path ending in {', '.join(FORMATS)}", got=got, remedy=remedy)


def _other_kind(path: Path) -> tuple[str, str]:
    """What a path with another ending seems to name, and what to do."""
    ending = path.suffix.lower()
    if path.is_dir():
        return "a folder", "name a file in it"
    if ending in DATABASE_ENDINGS:
        url = f"{DATABASE_ENDINGS[ending]}:///{path}#TABLE"
        return "the path of a database", f"write {url} for a table of it"
    if ending in SHEET_ENDINGS:
        return "the path of a spreadsheet", "use CSV, which spreadsheets read and write"
    return "another ending" if ending else "none", "correct the name, or convert the file"


def read_raw(path: str | Path, *, private: bool = False) -> pa.Table:
    """Read a file as it is: no marker, number or date in a CSV is interpreted.

    Args:
        path: ends in .csv, .csv.gz, .parquet or .jsonl.
        private: no record is asked for, and the delimiter of a CSV is chosen by its header alone.

    Returns:
        At least one record, unless it is `private`. CSV: every column is text, without nulls. JSON
        lines: text, int64, float64, boolean or null columns; a key that a line lacks is null.
        Parquet: as stored.

    Raises:
        UsageError: a database URL.
        DataError: anything else that cannot be read as one table.

    Privacy:
        Messages name lines, columns and counts, never what a record holds.
    """
    ending, where = file_format(path), str(path)
    if ending == ".parquet":
        table = _read_parquet(Path(path), where)
    elif ending == ".jsonl":
        table = parse_jsonl(contents(path, where), where)
    else:
        data = contents(path, where)
        text = gunzipped(data, where) if ending == ".csv.gz" else data
        table = parse_csv(text, where, private=private)
    if table.num_rows == 0 and not private:
        raise DataError(
            where, expected="at least one record", got="0 records", remedy="check the file"
        )
    return table


def _read_parquet(path: Path, where: str) -> pa.Table:
    source = mapped(path, where)
    try:
        table = pq.ParquetFile(source).read()
        names = table.column_names
    except (pa.ArrowException, OSError, ValueError):
        # the library's own message can quote bytes of the file
        raise DataError(
            where,
            expected="a whole Parquet file",
            got="a file that is truncated, damaged or of another format",
            remedy="write the file again, or give it the ending of its real format",
        ) from None
    kept = [name for name in names if not re.fullmatch(r"__index_level_\d+__", name)]
    _check_names(names, where)
    # what pandas notes beside the columns would bring its index back later
    table = table.select(kept).replace_schema_metadata(None)
    for field in table.schema:
        if not _is_plain(field.type):
            raise DataError(
                f"{where}: column {field.name!r}",
                expected="numbers, texts, booleans, dates or times",
                got=f"type {field.type.id and str(field.type).split('<')[0]}",
                remedy="drop the column or spread it over plain columns",
            )
        _check_texts(table.column(field.name), f"{where}: column {field.name!r}")
    return table


def _check_texts(column: pa.ChunkedArray, where: str) -> None:
    """Refuse texts that are not UTF-8, which Parquet's readers do not look at."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        # the library's own message can quote the value
        raise DataError(
            where,
            expected="UTF-8 text",
            got="bytes of another encoding",
            remedy="write the file again with its texts in UTF-8",
        ) from None


def _check_names(names: list[str], where: str) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated or not names or "" in names:
        raise DataError(
            where,
            expected="columns with different names",
            got=f"the name {repeated[0]!r} more than once" if repeated else "one without a name",
            remedy="rename the columns",
        )


def _is_plain(kind: pa.DataType) -> bool:
    types = pa.types
    if types.is_dictionary(kind):
        return _is_plain(kind.value_type)
    plain = (
        types.is_integer, types.is_floating, types.is_decimal, types.is_boolean, types.is_string,
        types.is_large_string, types.is_date, types.is_timestamp, types.is_time, types.is_null,
    )  # fmt: skip
    return any(test(kind) for test in plain)
