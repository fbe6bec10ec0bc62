"""Files come in as they are, or are refused in one line that shows no record."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import os
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabsynth.errors import DataError, OutputError, UsageError
from tabsynth.io.csvfile import parse_csv
from tabsynth.io.read import file_format, read_raw

SECRET = "s3cr3t"


def put(folder: Path, content: bytes | str, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(path: Path, *words: str) -> str:
    with pytest.raises(DataError) as caught:
        read_raw(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert SECRET not in message.removeprefix(str(path))
    # a chained message would be shown by --debug and by a notebook
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    for word in words:
        assert word in message
    return message


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a,b\n1,2\n", {"a": ["1"], "b": ["2"]}),
        ("a,b\n1,2", {"a": ["1"], "b": ["2"]}),
        ("a,b\r\n1,2\r\n3,4", {"a": ["1", "3"], "b": ["2", "4"]}),
        ("a,b\r1,2\r", {"a": ["1"], "b": ["2"]}),
        ("\ufeffa,b\n1,2\n", {"a": ["1"], "b": ["2"]}),
        ('\ufeff"a","b"\n1,2\n', {"a": ["1"], "b": ["2"]}),
        ("\n\na,b\n1,2\n", {"a": ["1"], "b": ["2"]}),
        ("a;b\n1,5;2\n", {"a": ["1,5"], "b": ["2"]}),
        ("a\tb\n1\t2\n", {"a": ["1"], "b": ["2"]}),
        ("a|b\n1|2\n", {"a": ["1"], "b": ["2"]}),
        ("x (kg; dry; wet),y\n1,2\n", {"x (kg; dry; wet)": ["1"], "y": ["2"]}),
        ('"a,x";b\n1;2\n', {"a,x": ["1"], "b": ["2"]}),
        ("a,b\n,NA\n null ,NaN\n", {"a": ["", " null "], "b": ["NA", "NaN"]}),
        ('a,b\n"",007\n', {"a": [""], "b": ["007"]}),
        ('a,b\n"x\n\ny",1\n', {"a": ["x\n\ny"], "b": ["1"]}),
        ('a,b\n"x""y",5" pipe\n', {"a": ['x"y'], "b": ['5" pipe']}),
        ('"a\nz",b\n1,2\n', {"a\nz": ["1"], "b": ["2"]}),
        ("a,b\n1,2\n\n3,4\n\n", {"a": ["1", "3"], "b": ["2", "4"]}),
        ("a\n1\n\n3\n", {"a": ["1", "", "3"]}),
        ('a\n""\n', {"a": [""]}),
        ("größe (m), b \n1,2\n", {"größe (m)": ["1"], " b ": ["2"]}),
        ("PAR1,b\n1,2\n", {"PAR1": ["1"], "b": ["2"]}),
        ("2019,2020\n1,2\n", {"2019": ["1"], "2020": ["2"]}),
    ],
)
def test_csv_is_cut_not_interpreted(
    tmp_path: Path, text: str, columns: dict[str, list[str]]
) -> None:
    table = read_raw(put(tmp_path, text))
    assert table.to_pydict() == columns
    assert table.column_names == list(columns)
    assert {field.type for field in table.schema} == {pa.string()}


def test_gzip_and_capital_ending(tmp_path: Path) -> None:
    packed = gzip.compress(b"a,b\n1,2\n", mtime=0) + gzip.compress(b"3,4\n", mtime=0)
    assert read_raw(put(tmp_path, packed, "t.CSV.gz")).to_pydict() == {
        "a": ["1", "3"],
        "b": ["2", "4"],
    }


def test_record_longer_than_a_block(tmp_path: Path) -> None:
    long = "x" * 3_000_000
    table = read_raw(put(tmp_path, f'a,b\n1,2\n"{long}\n{long}",3\n' + "4,5\n" * 5))
    assert table.num_rows == 7
    assert table["a"][1].as_py() == f"{long}\n{long}"


def test_many_blocks_keep_order(tmp_path: Path) -> None:
    lines = "".join(f'{i},"text {i}"\n' for i in range(200_000))
    table = read_raw(put(tmp_path, "i,t\n" + lines))
    assert table["i"].to_pylist() == [str(i) for i in range(200_000)]


@pytest.mark.parametrize("bad", [b"s3cr3t,2,3\n", b"s3cr3t\n"])
@pytest.mark.parametrize(
    ("before", "line"),
    [
        (b"1,2\n", 3),
        (b'1,2\n\n"x\n\ny",2\n', 7),
        (b"1,2\r\n\r\n3,4\r\n", 5),
        (b"1,2\n" * 300_000, 300_002),
    ],
)
def test_ragged_names_first_line_and_count(
    tmp_path: Path, bad: bytes, before: bytes, line: int
) -> None:
    path = put(tmp_path, b"a,b\n" + before + bad + b"1,2\n" + bad)
    got = "3 fields" if b"," in bad else "1 fields"
    refused(path, f"line {line}:", "expected 2 fields", f"{got} (2 such records")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["an empty file"]),
        (b"\n\n", ["an empty file"]),
        (b"a,b", ["header only"]),
        (b"a,b\n", ["header only"]),
        (b"a,b\n\r\n\n", ["header only"]),
        (b"a\n", ["header only"]),
        (b"a,b,a,c,c\n1,2,3,4,5\n", ["2 repeated", "columns 1, 3", "once"]),
        (b"a,,c, \n1,2,3,4\n", ["2 without one", "column 2 of 4"]),
        (b"a,b\n1,s3cr3t\xe9\n", ["line 2", "byte 13 of the file", "UTF-8"]),
        (b"a,\xe9\n1,2\n", ["line 1", "byte 3 "]),
        ("a,b\ns3cr3t,2\n".encode("utf-16"), ["UTF-16"]),
        ("a,b\ns3cr3t,2\n".encode("utf-16-le"), ["NUL", "UTF-16"]),
        (b"a,b\n1,2\ns3cr3t,\x003\n" + b"1,2\n" * 99, ["line 3", "a NUL byte;"]),
        (b'a,b\n1,"s3cr3t\n3,4\n5,6\n', ["line 2", "a quote that is not closed"]),
        (b'a,b\n1,2\n1,"s3cr3t\n3,"4"\n', ["line 3", "a quote that is not closed"]),
        (b'a,b\n1,"s3cr3t\n3,x\n5,"c\n7,8\n', ["line 2", "a quote that is not closed"]),
        (b'a,"b\n1,2\n', ["line 1", "a quote that is not closed"]),
        (b"PAR1\x00s3cr3t", ["a Parquet file"]),
        (b"PK\x03\x04s3cr3t", ["Excel"]),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), ["a gzip file"]),
        (b"x" * 200_000 + b"\n1\n", ["too long"]),
    ],
)
def test_csv_refused(tmp_path: Path, content: bytes, words: list[str]) -> None:
    refused(put(tmp_path, content), *words)


def test_unclosed_quote_in_a_large_file(tmp_path: Path) -> None:
    path = put(tmp_path, b"a,b\n" + b"1,2\n" * 9 + b'1,"s3cr3t\n' + b"1,2\n" * 900_000)
    refused(path, "line 11", "a quote that is not closed")


def test_repeated_values_of_a_record_stay_hidden(tmp_path: Path) -> None:
    # without a header, the first record stands where names should
    message = refused(put(tmp_path, "s3cr3t,41,s3cr3t\nx,42,y\n"), "columns 1, 3")
    assert "add a header" in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            gzip.compress(b"a,b\n" + np.random.default_rng(0).bytes(5000).hex().encode(), mtime=0)[
                :-900
            ],
            ["truncated"],
        ),
        (b"a,b\ns3cr3t,2\n", ["another format", "correct its name"]),
        (gzip.compress(b"", mtime=0), ["an empty file inside gzip"]),
        (gzip.compress(b"a,b\n1\n", mtime=0), ["line 2", "1 fields"]),
        (b"", ["an empty file"]),
    ],
)
def test_gzip_refused(tmp_path: Path, content: bytes, words: list[str]) -> None:
    refused(put(tmp_path, content, "t.csv.gz"), *words)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.jsonl", "t.parquet"])
def test_missing_file_and_directory(tmp_path: Path, name: str) -> None:
    refused(tmp_path / name, "no such file")
    refused(put(tmp_path, "", "file") / name, "no such file")
    refused(tmp_path / ("x" * 300 + name), "too long")
    (tmp_path / name).mkdir()
    refused(tmp_path / name, "a directory")


LOCKED = """
import os, sys
from tabsynth.errors import DataError
from tabsynth.io.read import read_raw
if os.getuid() == 0:
    os.setuid(65534)
for name in ("t.csv", "t.parquet", "t.jsonl"):
    try:
        read_raw(os.path.join(sys.argv[1], name))
    except DataError as error:
        print(error.got)
"""


def test_file_that_may_not_be_read() -> None:
    # root may read anything; so a process of another user tries, in a folder that it can reach
    with tempfile.TemporaryDirectory() as made:
        for name in ("t.csv", "t.parquet", "t.jsonl"):
            put(Path(made), "a\n1\n", name).chmod(0)
        Path(made).chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-c", LOCKED, made], capture_output=True, text=True, check=False
        )
    assert done.stdout.splitlines() == ["no permission to read it"] * 3, done.stderr


def test_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    writer = subprocess.Popen(["/bin/sh", "-c", f"printf 'a,b\\n1,2\\n' > '{pipe}'"])
    assert read_raw(pipe).to_pydict() == {"a": ["1"], "b": ["2"]}
    assert writer.wait(timeout=10) == 0


def test_endings() -> None:
    assert file_format("x/Y.CSV.GZ") == ".csv.gz"
    with pytest.raises(DataError, match=r"\.csv, \.csv\.gz, \.parquet, \.jsonl"):
        file_format("t.xlsx")
    with pytest.raises(DataError, match="got none"):
        file_format("t")
    with pytest.raises(OutputError):
        file_format("t.txt", error=OutputError)
    with pytest.raises(UsageError, match="got a database URL; name a file") as caught:
        read_raw("postgresql://user:pa55word@host/db#orders")
    assert "pa55word" not in str(caught.value)


FIELDS = st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8
) | st.sampled_from(['"', ",", "\n", "\r\n", ";", '""', "NA", " x "])


@settings(deadline=None)
@given(st.data(), st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]))
def test_whatever_csv_writes_is_read(data: st.DataObject, delimiter: str, end: str) -> None:
    width = data.draw(st.integers(2, 4))
    row = st.lists(FIELDS, min_size=width, max_size=width)
    records = data.draw(st.lists(row, min_size=1, max_size=6))
    header = [f"c{i}" for i in range(width)]
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    writer.writerows(records)
    plain = text.getvalue().replace(f'"{header[0]}"', header[0], 1)
    table = parse_csv(pa.py_buffer(plain.encode()), "t.csv")
    assert [list(r.values()) for r in table.to_pylist()] == records


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text('a,"\n\r\x00é;', max_size=40).map(str.encode))
def test_no_bytes_crash_the_csv_reader(content: bytes) -> None:
    try:
        table = parse_csv(pa.py_buffer(content), "t.csv")
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert table.num_columns > 0


def test_parquet_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "i": pa.array([1, None], pa.int16()),
            "f": [0.5, None],
            "d": [Decimal("1.50"), None],
            "b": [True, None],
            "s": pa.array(["x", None]).dictionary_encode(),
            "l": pa.array(["x", None], pa.large_string()),
            "day": [dt.date(1950, 1, 1), None],
            "at": pa.array([dt.datetime(1950, 1, 1), None], pa.timestamp("ns", tz="Asia/Tokyo")),
            "t": [dt.time(1, 2), None],
            "n": pa.nulls(2),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    assert read_raw(tmp_path / "t.parquet").equals(table)


def test_parquet_drops_unnamed_pandas_index(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2, 3]}).iloc[[0, 2]]
    frame.to_parquet(tmp_path / "t.parquet")
    table = read_raw(tmp_path / "t.parquet")
    assert table.to_pydict() == {"a": [1, 3]}
    assert table.schema.metadata is None


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array([[1]]), ["column 'x'", "list"]),
        (pa.array([{"s3cr3t": 1}]), ["column 'x'", "struct"]),
        (pa.array([b"s3cr3t"]), ["column 'x'", "binary"]),
        (pa.array([dt.timedelta(1)]), ["column 'x'", "duration"]),
        (pa.array([], pa.int64()), ["0 records"]),
    ],
)
def test_parquet_types_refused(tmp_path: Path, column: pa.Array, words: list[str]) -> None:
    pq.write_table(pa.table({"x": column}), tmp_path / "t.parquet")
    refused(tmp_path / "t.parquet", *words)


@pytest.mark.parametrize(
    ("names", "words"), [(["a", "a"], ["'a' more than once"]), (["a", ""], ["without a name"])]
)
def test_parquet_names_refused(tmp_path: Path, names: list[str], words: list[str]) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=names)
    pq.write_table(table, tmp_path / "t.parquet")
    refused(tmp_path / "t.parquet", *words)


def test_damaged_parquet_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": ["s3cr3t"] * 99, "b": range(99)}), tmp_path / "t.parquet")
    whole = (tmp_path / "t.parquet").read_bytes()
    for size in (1, 4, 8, 100, len(whole) - 1):
        refused(put(tmp_path, whole[:size], "t.parquet"), "truncated")
    refused(put(tmp_path, b"a,b\ns3cr3t,2\n", "t.parquet"), "another format")
    refused(put(tmp_path, whole, "t.csv"), "a Parquet file")
    refused(put(tmp_path, whole, "t.jsonl"), "a Parquet file")


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ('{"a":1,"b":"x"}\n{"b":"y"}\n', {"a": [1, None], "b": ["x", "y"]}),
        ('\ufeff{"a":1}\n\n{"a":2}', {"a": [1, 2]}),
        ('{"a":1}\r\n{"a":2.5}\r\n', {"a": [1.0, 2.5]}),
        ('{"a":true}\n{"a":null}\n', {"a": [True, None]}),
        ('{"a":null}\n', {"a": [None]}),
        ('{"a":"2020-01-01"}\n{"a":"2020-01-02T03:04:05"}\n',
         {"a": ["2020-01-01", "2020-01-02T03:04:05"]}),
        ('{"a":1,"at":"2020-01-01"}\n', {"a": [1], "at": ["2020-01-01"]}),
        ('{"a":1}\n' * 200 + '{"b":"2020-01-01"}\n',
         {"a": [1] * 200 + [None], "b": [None] * 200 + ["2020-01-01"]}),
        ('{"a":9223372036854775807}\n', {"a": [2**63 - 1]}),
        ('{"a":1e20}\n', {"a": [1e20]}),
        ('{"grö ße":"\\ud83d\\ude00"}\n', {"grö ße": ["😀"]}),
    ],
)  # fmt: skip
def test_jsonl(tmp_path: Path, text: str, columns: dict[str, list[object]]) -> None:
    table = read_raw(put(tmp_path, text, "t.jsonl"))
    assert table.to_pydict() == columns
    assert table.column_names == list(columns)


def test_jsonl_line_longer_than_a_block(tmp_path: Path) -> None:
    path = put(tmp_path, '{"a":"%s"}\n{"a":"y"}\n' % ("x" * 3_000_000), "t.jsonl")
    assert read_raw(path).num_rows == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["an empty file"]),
        (b"\n\n", ["expected at least one record"]),
        (b"{}\n{}\n", ["expected at least one record"]),
        (b'{"a":1}\n{"a":"s3cr3t"}\n', ["column 'a'", "mixed types (number, then text at line 2)"]),
        (b'{"a":"s3cr3t"}\n' * 200 + b'{"a":1}\n', ["column 'a'", "text, then number at line 201"]),
        (b'{"a":1}\n{"a":true}\n', ["column 'a'", "boolean at line 2"]),
        (b'{"a":1}\n{"a":{"s3cr3t":1}}\n', ["line 2, column 'a'", "object or array"]),
        (b'{"a":["s3cr3t"]}\n', ["line 1, column 'a'", "object or array"]),
        (b'[{"a":"s3cr3t"}]\n', ["line 1", "another JSON value"]),
        (b'{"a":1}\n{"a":s3cr3t}\n', ["line 2", "no JSON"]),
        (b'{"a":"s3cr3t"}\n{"a":', ["line 2", "no JSON"]),
        (b"null\n", ["line 1", "another JSON value"]),
        (b'\xef\xbb\xbf \tnull{"a":1}', ["line 1", "no JSON"]),
        (b'{"a":"s3cr3t"}\r\n null\r\n', ["line 2", "another JSON value"]),
        (b'{"a":"s3cr3t"}\n' * 100_000 + b"null\n", ["line 100001", "another JSON value"]),
        (b'{"a\\ud800":"s3cr3t"}\n', ["one JSON object per line"]),
        (b'{"a":1,"a":2}\n', ["line 1", "repeated"]),
        (b'{"":1}\n', ["line 1", "empty"]),
        (b'{"a":1}\n{"a":99999999999999999999}\n', ["line 2, column 'a'", "64 bits"]),
        (b'{"a":"s3cr3t\xe9"}\n', ["line 1", "UTF-8"]),
        (b'{"a":"\x00"}\n', ["line 1", "NUL"]),
        ('{"a":1}'.encode("utf-16"), ["UTF-16"]),
        (b'{"a":' + b"[" * 5000 + b"}\n", ["line 1", "no JSON"]),
    ],
)
def test_jsonl_refused(tmp_path: Path, content: bytes, words: list[str]) -> None:
    refused(put(tmp_path, content, "t.jsonl"), *words)
