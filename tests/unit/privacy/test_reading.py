"""Files are read without an error that depends on what one record holds."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tabsynth.errors import DataError
from tabsynth.privacy.parting import TRAIN_SHARE, part
from tabsynth.privacy.reading import raw_columns, read_private
from tabsynth.schema.columns import read_values
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tests.zoo import field

SCHEMA = TableSchema(fields=(field("a"), field("b", "boolean"), field("c", "integer")))


def read(folder: Path, name: str, content: bytes) -> pa.Table:
    (folder / name).write_bytes(content)
    return read_private(folder / name, SCHEMA)


def test_json_lines_are_read_one_by_one(tmp_path: Path) -> None:
    lines = [
        '{"a": "x", "b": true, "c": 3}', '{"a": 7, "b": "no", "c": 2.5}', "{}", "[1]", "no JSON",
        '{"a": {"deep": 1}, "b": [], "c": null}', '{"a": "\\ud800", "b": false, "c": 1e400}', "",
    ]  # fmt: skip
    table = read(tmp_path, "t.jsonl", "\n".join(lines).encode() + b"\n\xff\xfe\n")
    assert table.column("a").to_pylist() == ["x", "7", None, None, None, None, "?", None]
    assert table.column("b").to_pylist()[:2] == ["true", "no"]
    assert table.column("b").to_pylist()[6] == "false"
    assert table.column("c").to_pylist()[:2] == ["3", "2.5"]


def test_one_line_changes_no_other(tmp_path: Path) -> None:
    lines = [json.dumps({"a": str(i), "b": i % 2 == 0, "c": i}).encode() for i in range(5)]
    alone = read(tmp_path, "t.jsonl", b"\n".join(lines))
    for other in (b'{"a": 1.5, "c": "x"}', b"\x00", b'{"z": 1}', b"null", b"[" * 100_000):
        both = read(tmp_path, "t.jsonl", b"\n".join([*lines, other]))
        assert both.slice(0, 5).equals(alone)


def test_a_frame_is_read_value_by_value() -> None:
    values = ["x", 7, None, np.nan, 2.5, True, dt.date(2020, 1, 2), pd.NA, "\ud800"]
    flags = [True, False, None, "no", 1, 0, pd.NaT, np.True_, {"deep": 1}]
    table = raw_columns(pd.DataFrame({"a": values, "b": flags, "z": flags}, dtype=object), SCHEMA)
    assert table.column_names == ["a", "b"]
    expected = ["x", "7", None, None, "2.5", "True", "2020-01-02", None, "?"]
    assert table.column("a").to_pylist()[:5] == expected[:5]
    assert table.column("a").to_pylist()[6:] == expected[6:]
    assert table.column("b").to_pylist() == [
        "true", "false", None, "no", "1", "0", None, "true", None,
    ]  # fmt: skip


def test_a_value_of_another_type_changes_no_other() -> None:
    ages = [31, 32, 33]
    alone = raw_columns(pd.DataFrame({"c": pd.Series(ages, dtype=object)}), SCHEMA)
    for other in ("old", 1.5, [1], b"x", object(), 10**400, 10**9000):
        both = raw_columns(pd.DataFrame({"c": pd.Series([*ages, other], dtype=object)}), SCHEMA)
        assert both.slice(0, 3).equals(alone)


def test_a_category_of_another_type_changes_no_other() -> None:
    def read(values: list[object]) -> pa.Table:
        kind = pd.CategoricalDtype(pd.Index(values, dtype=object))
        return raw_columns(pd.DataFrame({"a": pd.Series(values, dtype=kind)}), SCHEMA)

    for known in ([1.0, 2.0, 7.0], [1, 2, 7], [True, False]):
        alone = read(list(known))
        for other in ("old", 1.5, b"x", dt.date(2020, 1, 2)):
            assert read([*known, other]).slice(0, len(known)).equals(alone)


@pytest.mark.parametrize(
    ("name", "content"), [("t.csv", b"a,b,c\n"), ("t.csv", b"a,b,c"), ("t.jsonl", b"")]
)
def test_a_file_without_records_is_a_table(tmp_path: Path, name: str, content: bytes) -> None:
    table = read(tmp_path, name, content)
    assert (table.column_names, table.num_rows) == (["a", "b", "c"], 0)


def test_an_empty_parquet_file_is_a_table(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.array([], pa.string())}), tmp_path / "t.parquet")
    assert read_private(tmp_path / "t.parquet", SCHEMA).num_rows == 0


def test_the_header_alone_chooses_the_delimiter(tmp_path: Path) -> None:
    # by its records, this one would be cut at semicolons
    records = b"x,1;2,3\ny,4;5,6\n"
    assert read(tmp_path, "t.csv", b"a,b;c,d\n").column_names == ["a", "b;c", "d"]
    assert read(tmp_path, "t.csv", b"a,b;c,d\n" + records).column_names == ["a", "b;c", "d"]


@pytest.mark.parametrize(
    "content",
    [b"a,b,c\n1,2\n", b'a,b,c\n1,"2,3\n4,5,6\n', b"a,b,c\n1,2,\xff\n", b"a,b,c\n1,2,\x00\n"],
)
def test_what_is_wrong_with_a_file_is_told_alike(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError) as refused:
        read(tmp_path, "t.csv", content)
    assert refused.value.got == "one that does not"
    assert refused.value.__cause__ is None


def test_what_is_wrong_with_a_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_private(tmp_path / "none.csv", SCHEMA)
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(DataError, match="a directory"):
        read_private(tmp_path / "d.csv", SCHEMA)
    with pytest.raises(DataError, match="no such file"):
        read_private("sqlite:///x.db#t", SCHEMA)


def test_types_of_a_duckdb_file_are_kept(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "t.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE t (n DOUBLE, i INTEGER, ok BOOLEAN, born DATE, "
            "seen TIMESTAMP, owner HUGEINT)"
        )
        connection.execute(
            "INSERT INTO t VALUES (1.5, 3, true, '2024-01-02', '2024-01-02 03:04:05', 1e37), "
            "(-99, -99, false, '9999-12-31', NULL, 1e37::HUGEINT + 1)"
        )
    schema = TableSchema.model_validate({
        "fields": [
            field("n", "number", decimalChar=",", missingValues=["-99"]),
            field("i", "integer", missingValues=["-99"]),
            field("ok", "boolean", trueValues=["yes"], falseValues=["no"]),
            field("born", "date", format="%d/%m/%Y", missingValues=["9999-12-31"]),
            field("seen", "datetime", format="%d/%m/%Y %H:%M"), field("owner"),
        ],
    })  # fmt: skip
    raw = read_private(f"duckdb:///{tmp_path}/t.duckdb#t", schema)
    first, second = Table.checked(raw, schema).data.to_pylist()
    assert (first["n"], first["i"], first["ok"]) == (1.5, 3, True)
    assert first["born"] == dt.date(2024, 1, 2)
    assert first["seen"] == dt.datetime(2024, 1, 2, 3, 4, 5)
    assert second | {"owner": None} == dict.fromkeys(schema.names) | {"ok": False}
    assert first["owner"] != second["owner"]


def test_a_number_of_sqlite_is_one_and_a_text_beside_it_is_of_a_file(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "t.db")
    connection.execute("CREATE TABLE t (n REAL, i INTEGER, s NUMERIC, w TEXT)")
    connection.executemany(
        "INSERT INTO t VALUES (?, ?, ?, ?)",
        [(1.5, 3, "low", "1.234"), (-99, -99, 2, "1,5"), ("2,5", "x", 3, None), ("9,9", 4, 4, "7")],
    )
    connection.commit()
    connection.close()
    number = {"decimalChar": ",", "groupChar": ".", "missingValues": ["-99", "9,9"]}
    schema = TableSchema.model_validate({
        "fields": [field("n", "number", **number), field("i", "integer", missingValues=["-99"]),
                   field("s"), field("w", "number", **number)],
    })  # fmt: skip
    raw = read_private(f"sqlite:///{tmp_path}/t.db#t", schema)
    read = {f.name: read_values(raw.column(f.name), f, schema.markers(f)) for f in schema.fields}
    assert read["n"].values.to_pylist() == [1.5, None, 2.5, None]
    assert read["i"].values.to_pylist() == [3, None, None, 4]
    assert raw.column("s").to_pylist() == ["low", "2", "3", "4"]
    texts, places = read["w"].values, read["w"].codes
    assert places is not None
    assert texts.take(pa.array(places[0])).to_pylist() == [1234, 1.5, None, 7]


def test_parts_keep_units_together_and_lose_no_record() -> None:
    schema = TableSchema.model_validate(
        {"fields": [field("who"), field("n", "integer")],
         "tabsynth": {"privacy_unit": "who", "max_records_per_unit": 3}}
    )  # fmt: skip
    raw = pa.table({"who": [f"p{i // 3}" for i in range(6000)], "n": list(range(6000))})
    train, apart = part(raw, schema)
    assert sorted([*train["n"].to_pylist(), *apart["n"].to_pylist()]) == list(range(6000))
    assert not set(train["who"].to_pylist()) & set(apart["who"].to_pylist())
    # 2,000 coins: false alarm below one in a million
    assert abs(train.num_rows / 6000 - TRAIN_SHARE) < 5 * (0.16 / 2000) ** 0.5
    assert not train.equals(part(raw, schema)[0])


def test_a_unit_that_is_spelled_in_two_ways_is_in_one_part() -> None:
    schema = TableSchema.model_validate(
        {"fields": [field("who", "integer"), field("n", "integer")],
         "tabsynth": {"privacy_unit": "who", "max_records_per_unit": 2}}
    )  # fmt: skip
    raw = pa.table({"who": [f"{'0' * (i % 2)}{1 + i // 2}" for i in range(400)], "n": [1] * 400})
    train, apart = ({int(w) for w in p["who"].to_pylist()} for p in part(raw, schema))
    assert train
    assert apart
    assert not train & apart


def test_coins_of_others_do_not_depend_on_how_many_there_are() -> None:
    # a split into fixed sizes would always give 4 of 5 here
    raw = pa.table({"a": ["x"] * 5})
    sizes = {part(raw, SCHEMA)[0].num_rows for _ in range(200)}
    assert len(sizes) > 2
