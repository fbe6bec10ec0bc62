"""What is written reads back as the same table, in the same bytes each time."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tabsynth.errors import DataError, OutputError, UsageError
from tabsynth.io.read import read_raw
from tabsynth.io.text import csv_header, csv_rows, to_text_columns
from tabsynth.io.write import BLOCK_ROWS, open_writer
from tabsynth.schema.check import check, storage_type
from tabsynth.schema.model import TableSchema

ENDINGS = ("csv", "csv.gz", "parquet", "jsonl")


def schema_of(*fields: dict[str, Any], **table: Any) -> TableSchema:
    return TableSchema.model_validate({"fields": fields, **table})


def table_of(schema: TableSchema, **columns: list[Any]) -> pa.Table:
    arrays = [pa.array(columns[f.name], storage_type(f)) for f in schema.fields]
    return pa.Table.from_arrays(arrays, names=list(schema.names))


def written(path: Path, schema: TableSchema, *chunks: pa.Table) -> bytes:
    with open_writer(path, schema) as writer:
        for chunk in chunks:
            writer.write(chunk)
    return path.read_bytes()


def texts_of(field: dict[str, Any], values: list[Any], **table: Any) -> list[str]:
    schema = schema_of({"name": "x", **field}, **table)
    return list(to_text_columns(table_of(schema, x=values), schema)[0].to_pylist())


UTC = dt.UTC
MOMENT = dt.datetime(1969, 12, 31, 23, 59, 59)


@pytest.mark.parametrize(
    ("field", "values", "texts"),
    [
        ({"type": "integer"}, [1, -(2**63), None], ["1", "-9223372036854775808", ""]),
        ({"type": "number"}, [0.1, 1e-7, 1e22, None], ["0.1", "1e-7", "1e+22", ""]),
        ({"type": "number", "decimalChar": ","}, [1.5], ["1,5"]),
        ({"type": "number", "tabsynth": {"decimals": 2}},
         [1.0, -0.05, -0.001, 12345678901234.56, None, 0.1],
         ["1.00", "-0.05", "0.00", "12345678901234.56", "", "0.10"]),
        ({"type": "number", "tabsynth": {"decimals": 2}}, [-1e22, 1e308],
         ["-10000000000000000000000.00", f"{1e308:.2f}"]),
        ({"type": "number", "tabsynth": {"decimals": 0}}, [-3.0, 0.0, None], ["-3", "0", ""]),
        ({"type": "number", "tabsynth": {"decimals": 15}}, [1e-15, -0.5],
         ["0.000000000000001", "-0.500000000000000"]),
        ({"type": "boolean"}, [True, False, None], ["true", "false", ""]),
        ({"type": "boolean", "trueValues": ["ja"], "falseValues": ["nein"]}, [True, False],
         ["ja", "nein"]),
        ({"type": "date"}, [dt.date(1, 1, 1), dt.date(9999, 12, 31), None],
         ["0001-01-01", "9999-12-31", ""]),
        ({"type": "date", "format": "%d.%m.%Y"}, [dt.date(1950, 2, 1), None], ["01.02.1950", ""]),
        ({"type": "datetime"}, [MOMENT, MOMENT.replace(microsecond=50), None],
         ["1969-12-31T23:59:59", "1969-12-31T23:59:59.000050", ""]),
        ({"type": "datetime", "format": "%d/%m/%Y %H:%M:%S"}, [MOMENT, None],
         ["31/12/1969 23:59:59", ""]),
        ({"type": "datetime", "format": "%f|%Y %%f %m"}, [MOMENT.replace(microsecond=50), None],
         ["000050|1969 %f 12", ""]),
        ({"type": "datetime", "tabsynth": {"timezone": "Europe/Berlin"}},
         [dt.datetime(2020, 7, 1, tzinfo=UTC), dt.datetime(2020, 1, 1, 0, 0, 0, 7, UTC),
          dt.datetime(1880, 1, 1, tzinfo=UTC), None],
         ["2020-07-01T02:00:00+02:00", "2020-01-01T01:00:00.000007+01:00",
          "1880-01-01T00:53:28+00:53:28", ""]),
        ({"type": "datetime", "tabsynth": {"timezone": "America/New_York"}},
         [dt.datetime(2020, 7, 1, tzinfo=UTC)], ["2020-06-30T20:00:00-04:00"]),
        ({"type": "datetime", "format": "%Y-%m-%d %H:%M %z",
          "tabsynth": {"timezone": "Asia/Tokyo"}},
         [dt.datetime(2020, 7, 1, tzinfo=UTC)], ["2020-07-01 09:00 +0900"]),
        ({"type": "time"}, [dt.time(1, 2, 3), dt.time(1, 2, 3, 40), None],
         ["01:02:03", "01:02:03.000040", ""]),
        ({"type": "time", "format": "%H.%M"}, [dt.time(1, 2), None], ["01.02", ""]),
        ({}, ["a", "", None], ["a", "", ""]),
        ({"missingValues": ["NA", ""]}, ["a", None], ["a", ""]),
        ({"missingValues": ["NA", "?"]}, ["a", None], ["a", "NA"]),
    ],
)  # fmt: skip
def test_texts(field: dict[str, Any], values: list[Any], texts: list[str]) -> None:
    assert texts_of(field, values) == texts


def test_fraction_does_not_depend_on_neighbours() -> None:
    whole, half = MOMENT, MOMENT.replace(microsecond=500_000)
    both = texts_of({"type": "datetime"}, [whole, half])
    alone = texts_of({"type": "datetime"}, [whole]) + texts_of({"type": "datetime"}, [half])
    assert both == alone


def test_csv_quotes_only_where_needed() -> None:
    schema = schema_of(
        {"name": "a, b"},
        {"name": "c", "missingValues": ["NA"]},
        {"name": "d;e", "type": "number", "decimalChar": ","},
    )
    data = table_of(
        schema,
        **{
            "a, b": ["x", 'y"z', "l\nm", None],
            "c": ["", None, " s ", "t,u"],
            "d;e": [1.5, None, 2, 3],
        },
    )
    assert csv_header(schema) == b'"a, b",c,"d;e"\n'
    assert csv_rows(data, schema).to_pybytes() == (
        b'x,"","1,5"\n"y""z",NA,\n"l\nm", s ,2\n,"t,u",3\n'
    )


def test_only_cell_is_never_a_blank_line() -> None:
    schema = schema_of({"name": "a"})
    assert csv_rows(table_of(schema, a=["x", None]), schema).to_pybytes() == b'x\n""\n'


def test_jsonl_is_json(tmp_path: Path) -> None:
    schema = schema_of(
        {"name": 'k"1'},
        {"name": "n", "type": "number", "decimalChar": ",", "tabsynth": {"decimals": 2}},
        {"name": "b", "type": "boolean", "trueValues": ["ja"], "falseValues": ["nein"]},
        {"name": "d", "type": "date"},
        {"name": "i", "type": "integer"},
    )
    data = table_of(
        schema,
        **{'k"1': ['a"\n\x01\\é', None]},
        n=[1.5, None],
        b=[True, None],
        d=[dt.date(2020, 1, 2), None],
        i=[7, None],
    )
    lines = written(tmp_path / "t.jsonl", schema, data).decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {'k"1': 'a"\n\x01\\é', "n": 1.5, "b": True, "d": "2020-01-02", "i": 7},
        dict.fromkeys(schema.names),
    ]
    assert '"n":1.50' in lines[0]


TEXT = st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=6
) | st.sampled_from(['"', ",", "\n", "\r\n", "\\", " ", "null", "NaN", "007", "1,5", "'"])
ZONES = ("Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "UTC")
NAIVE = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)) | st.datetimes(
    dt.datetime(1900, 1, 2), dt.datetime(2100, 12, 30)
).map(lambda moment: moment.replace(microsecond=0))
KINDS: list[tuple[dict[str, Any], st.SearchStrategy[Any]]] = [
    ({}, TEXT),
    ({"missingValues": ["NA", "?"]}, TEXT.filter(lambda t: t not in ("NA", "?")) | st.just("")),
    ({"tabsynth": {"generator": {"kind": "uuid"}}}, TEXT),
    ({"type": "integer"}, st.integers(-(2**63), 2**63 - 1)),
    ({"type": "integer", "missingValues": ["x,y"]}, st.integers(-9, 9)),
    ({"type": "number"}, st.floats(allow_nan=False, allow_infinity=False)),
    ({"type": "number", "decimalChar": ","}, st.floats(-1e9, 1e9)),
    ({"type": "number", "tabsynth": {"decimals": 3}},
     st.integers(-(10**14), 10**14).map(lambda n: n / 1000)),
    ({"type": "number", "tabsynth": {"decimals": 1}}, st.floats(1e20, 1e300)),
    ({"type": "boolean"}, st.booleans()),
    ({"type": "boolean", "trueValues": ["y,"], "falseValues": ["n"]}, st.booleans()),
    ({"type": "date"}, st.dates()),
    ({"type": "date", "format": "%d/%m/%Y"}, st.dates()),
    ({"type": "date", "format": "%b %d, %Y"}, st.dates()),
    ({"type": "datetime"}, NAIVE),
    ({"type": "datetime", "format": "any"}, NAIVE),
    ({"type": "datetime", "format": "%d.%m.%Y %H:%M:%S.%f"}, NAIVE),
    ({"type": "time"}, st.times()),
    ({"type": "time", "format": "%H:%M:%S.%f"}, st.times()),
    *(({"type": "datetime", "tabsynth": {"timezone": zone}},
       NAIVE.map(lambda moment: moment.replace(tzinfo=UTC))) for zone in ZONES),
]  # fmt: skip
NAMES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1)


@st.composite
def tables(draw: st.DrawFn) -> tuple[TableSchema, pa.Table]:
    picked = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
    names = draw(
        st.lists(
            NAMES.filter(lambda name: bool(name.strip())),
            min_size=len(picked), max_size=len(picked), unique=True,
        )
    )  # fmt: skip
    rows = draw(st.integers(1, 5))
    schema = schema_of(*({"name": n, **kind} for n, (kind, _) in zip(names, picked, strict=True)))
    columns = {
        name: draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
        for name, (_, values) in zip(names, picked, strict=True)
    }
    return schema, table_of(schema, **columns)


@pytest.mark.parametrize("ending", ENDINGS)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(tables())
def test_written_reads_back(
    tmp_path: Path, ending: str, made: tuple[TableSchema, pa.Table]
) -> None:
    schema, data = made
    path = tmp_path / f"t.{ending}"
    written(path, schema, data)
    back, violations = check(read_raw(path), schema)
    assert violations == ()
    assert back.to_pydict() == data.to_pydict()
    assert back.schema.types == [storage_type(f) for f in schema.fields]


def chunks_with_different_dictionaries() -> tuple[TableSchema, list[pa.Table]]:
    schema = schema_of({"name": "c"}, {"name": "i", "type": "integer"})
    values = [["a", "b", None], ["z", "a", "a"], [None, None, None]]
    return schema, [table_of(schema, c=v, i=[1, 2, None]) for v in values]


@pytest.mark.parametrize("ending", ENDINGS)
def test_chunks_make_one_table_in_the_same_bytes(tmp_path: Path, ending: str) -> None:
    schema, chunks = chunks_with_different_dictionaries()
    first = written(tmp_path / f"first.{ending}", schema, *chunks)
    assert written(tmp_path / f"second.{ending}", schema, *chunks) == first
    back, violations = check(read_raw(tmp_path / f"first.{ending}"), schema)
    assert violations == ()
    assert back.to_pydict() == pa.concat_tables(chunks).to_pydict()
    at_once = written(tmp_path / f"whole.{ending}", schema, pa.concat_tables(chunks))
    if ending != "parquet":
        assert at_once == first
    else:
        assert read_raw(tmp_path / "whole.parquet").to_pydict() == back.to_pydict()


def test_parquet_keeps_dictionaries(tmp_path: Path) -> None:
    schema, chunks = chunks_with_different_dictionaries()
    written(tmp_path / "t.parquet", schema, *chunks)
    file = pq.ParquetFile(tmp_path / "t.parquet")
    assert file.num_row_groups == 3
    for group in range(3):
        column = file.metadata.row_group(group).column(0)
        assert "RLE_DICTIONARY" in column.encodings
        assert column.compression == "ZSTD"
    assert pa.types.is_dictionary(file.schema_arrow.field("c").type)


def test_blocks_bound_what_is_held(tmp_path: Path) -> None:
    rows = BLOCK_ROWS + 10
    schema = schema_of({"name": "i", "type": "integer"})
    data = table_of(schema, i=list(range(rows)))
    for ending in ENDINGS:
        written(tmp_path / f"t.{ending}", schema, data)
        back, _ = check(read_raw(tmp_path / f"t.{ending}"), schema)
        assert back["i"].to_pylist() == list(range(rows))
    assert pq.ParquetFile(tmp_path / "t.parquet").num_row_groups == 2


def test_other_tools_read_it(tmp_path: Path) -> None:
    schema = schema_of({"name": "a, b"}, {"name": "n", "type": "number"})
    data = table_of(schema, **{"a, b": ['x"y', "l\nm", None]}, n=[1.5, None, 2.0])
    written(tmp_path / "t.csv.gz", schema, data)
    with gzip.open(tmp_path / "t.csv.gz", "rt", newline="") as file:
        assert list(csv.reader(file)) == [["a, b", "n"], ['x"y', "1.5"], ["l\nm", ""], ["", "2"]]
    written(tmp_path / "t.jsonl", schema, data)
    frame = pd.read_json(tmp_path / "t.jsonl", lines=True)
    assert frame["a, b"].tolist()[:2] == ['x"y', "l\nm"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_records(tmp_path: Path, ending: str) -> None:
    schema = schema_of({"name": "a"})
    written(tmp_path / f"t.{ending}", schema, table_of(schema, a=[]))
    if ending == "parquet":
        assert pq.read_table(tmp_path / "t.parquet").column_names == ["a"]
    elif ending == "csv":
        assert (tmp_path / "t.csv").read_bytes() == b"a\n"


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("extra", [{}, {"tabsynth": {"generator": {"kind": "uuid"}}}])
def test_text_equal_to_a_marker_is_refused(
    tmp_path: Path, ending: str, extra: dict[str, Any]
) -> None:
    schema = schema_of({"name": "a", "missingValues": ["NA"], **extra})
    path = tmp_path / f"t.{ending}"
    with pytest.raises(DataError, match=r"column 'a'.* 2 that would be read as missing"):
        written(path, schema, table_of(schema, a=["NA", "x", "NA"]))
    assert not path.exists()
    assert list(tmp_path.iterdir()) == []


def test_unused_marker_in_a_dictionary_is_fine(tmp_path: Path) -> None:
    schema = schema_of({"name": "a", "missingValues": ["NA"]})
    column = pa.DictionaryArray.from_arrays(pa.array([1], pa.int32()), pa.array(["NA", "x"]))
    assert written(tmp_path / "t.csv", schema, pa.table({"a": column})) == b"a\nx\n"


@pytest.mark.parametrize("ending", ENDINGS)
def test_error_leaves_nothing(tmp_path: Path, ending: str) -> None:
    schema, chunks = chunks_with_different_dictionaries()
    path = tmp_path / f"t.{ending}"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), open_writer(path, schema) as writer:
        writer.write(chunks[0])
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_refused_places(tmp_path: Path) -> None:
    schema = schema_of({"name": "a"})
    for place, error in (("t.xlsx", OutputError), ("absent/t.csv", OutputError)):
        with pytest.raises(error), open_writer(tmp_path / place, schema):
            pass
    with pytest.raises(UsageError), open_writer("sqlite:///shop.db#orders", schema):
        pass


ENDLESS = """
import resource, sys
import pyarrow as pa
from tabsynth.errors import OutputError
from tabsynth.io.atomic import raise_on_sigterm
from tabsynth.io.write import open_writer
from tabsynth.schema.model import TableSchema
raise_on_sigterm()
if sys.argv[2] == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
schema = TableSchema.model_validate({"fields": [{"name": "x", "type": "number"}]})
chunk = pa.table({"x": [i / 7 for i in range(20_000)]})
try:
    with open_writer(sys.argv[1], schema) as writer:
        for i in range(1_000_000):
            writer.write(chunk)
            if i == 3:
                print("writing", flush=True)
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize("ending", ENDINGS)
def test_full_disk_leaves_target(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"t.{ending}"
    path.write_text("old")
    done = subprocess.run(
        [sys.executable, "-c", ENDLESS, str(path), "limit"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "expected room on the disk" in done.stdout.splitlines()[-1]
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped_half_way_leaves_target(tmp_path: Path, ending: str, number: int) -> None:
    path = tmp_path / f"t.{ending}"
    path.write_text("old")
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(path), ""], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode != 0
    assert path.read_text() == "old"
    if number != signal.SIGKILL:
        assert [file.name for file in tmp_path.iterdir()] == [path.name]
