"""Tables that cannot be used: one line, the right code, nothing written, nothing shown."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.e2e.scene import (
    HEADER,
    ROW,
    SCHEMA,
    SECRET_TEXT,
    WITHOUT_PRIVILEGES,
    Done,
    Place,
    Run,
)  # fmt: skip

Refuses = Callable[..., str]

SECRET_ROW = f"{SECRET_TEXT},44,987654.25,2019-05-06"
LINES = [HEADER, *[ROW] * 30, SECRET_ROW]


def csv_text(*changed: str) -> bytes:
    return "\n".join([*LINES, *changed, ""]).encode()


def jsonl(*more: str) -> bytes:
    line = json.dumps(dict(zip(HEADER.split(","), [SECRET_TEXT, 44, 1.5, "2019-05-06"], strict=1)))
    return "\n".join([*[line] * 30, *more, ""]).encode()


def parquet(table: pa.Table | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    cities = pa.table({"city": [SECRET_TEXT, "Basel"] * 400, "age": range(800)})
    pq.write_table(
        cities if table is None else table, sink, compression="none", use_dictionary=False
    )
    return sink.getvalue().to_pybytes()


def damaged_parquet() -> bytes:
    body = bytearray(parquet())
    body[200:400] = b"\xff" * 200
    return bytes(body)


def not_utf8_parquet() -> bytes:
    """What some writers leave: a text column whose bytes are Latin-1."""
    return parquet().replace(b"Basel", b"B\xe2sel")


# name of the file, its bytes, and what the message must say it got
UNREADABLE = {
    "empty file": ("t.csv", b"", "an empty file"),
    "empty parquet": ("t.parquet", b"", "an empty file"),
    "empty json": ("t.jsonl", b"", "an empty file"),
    "empty gzip": ("t.csv.gz", gzip.compress(b"", mtime=0), "an empty file"),
    "blank lines": ("t.csv", b"\n\n\n", "an empty file"),
    "header only": ("t.csv", HEADER.encode() + b"\n", "a header only"),
    "ragged, short": ("t.csv", csv_text(f"{SECRET_TEXT},3"), "2 fields"),
    "ragged, long": ("t.csv", csv_text(f"{SECRET_TEXT},1,2,3,4,5"), "6 fields"),
    "duplicate names": ("t.csv", b"a,b,a\n1,2,3\n", "1 repeated"),
    "no header, repeated": ("t.csv", b"987654.25,987654.25,1\n1,2,3\n", "1 repeated"),
    "empty name": ("t.csv", b"a,,c\n1,2,3\n", "1 without one"),
    "latin-1": ("t.csv", csv_text("Zürich,1,2,2019-05-06").decode().encode("latin-1"), "encoding"),
    "latin-1 header": ("t.csv", "größe,b\n1,2\n".encode("latin-1"), "encoding"),
    "UTF-16": ("t.csv", csv_text().decode().encode("utf-16"), "UTF-16"),
    "UTF-16 without mark": ("t.csv", csv_text().decode().encode("utf-16-le"), "UTF-16"),
    "NUL byte": ("t.csv", csv_text(f"{SECRET_TEXT}\0,1,2,2019-05-06"), "a NUL byte"),
    "unclosed quote": ("t.csv", csv_text(f'"{SECRET_TEXT},1,2,2019-05-06', ROW), "not closed"),
    "unclosed quote in header": ("t.csv", b'a,"b\n1,2\n', "not closed"),
    "truncated gzip": ("t.csv.gz", gzip.compress(csv_text() * 50, mtime=0)[:90], "truncated"),
    "csv named gzip": ("t.csv.gz", csv_text(), "another format"),
    "truncated parquet": ("t.parquet", parquet()[:-40], "truncated"),
    "half a parquet": ("t.parquet", parquet()[:3000], "truncated"),
    "damaged parquet": ("t.parquet", damaged_parquet(), "damaged"),
    "csv named parquet": ("t.parquet", csv_text(), "another format"),
    "parquet named csv": ("t.csv", parquet(), "a Parquet file"),
    "parquet named jsonl": ("t.jsonl", parquet(), "a Parquet file"),
    "gzip named csv": ("t.csv", gzip.compress(csv_text(), mtime=0), "a gzip file"),
    "parquet, nested": ("t.parquet", parquet(pa.table({"a": [[1], [2]]})), "type list"),
    "parquet, no rows": ("t.parquet", parquet(pa.table({"a": pa.array([], "int64")})), "0 records"),
    "parquet, no UTF-8": ("t.parquet", not_utf8_parquet(), "encoding"),
    "json, broken": ("t.jsonl", jsonl('{"city": "' + SECRET_TEXT), "no JSON"),
    "json, no object": ("t.jsonl", jsonl('["' + SECRET_TEXT + '"]'), "another JSON value"),
    "json, nested": ("t.jsonl", jsonl('{"city": {"a": "' + SECRET_TEXT + '"}}'), "an object"),
    "json, mixed types": ("t.jsonl", jsonl('{"age": "' + SECRET_TEXT + '"}'), "mixed types"),
    "json, long integer": ("t.jsonl", jsonl('{"age": 98765498765498765499999}'), "a larger one"),
    "json, repeated key": ("t.jsonl", jsonl('{"age": 1, "age": 987654}'), "repeated"),
    "unknown ending": ("t.txt", csv_text(), "another ending"),
    "spreadsheet": ("t.xlsx", csv_text(), "spreadsheet"),
    "database": ("t.sqlite", csv_text(), "a database"),
    "no ending": ("table", csv_text(), "none"),
}

COMMANDS: dict[str, tuple[list[str], str | None]] = {
    "fit": (["fit", "{bad}"], "model.tabsynth"),
    "run": (["run", "{bad}"], "dir"),
    "infer": (["schema", "infer", "{bad}"], "schema.yaml"),
    "check": (["schema", "check", "{schema}", "{bad}"], None),
    "train": (
        ["evaluate", "--train", "{bad}", "--holdout", "{good}", "--synthetic", "{good}"], "dir",
    ),
    "holdout": (
        ["evaluate", "--train", "{good}", "--holdout", "{bad}", "--synthetic", "{good}"], "dir",
    ),
    "synthetic": (
        ["evaluate", "--train", "{good}", "--holdout", "{good}", "--synthetic", "{bad}"], "dir",
    ),
    "given": (["sample", "{model}", "--given-file", "{bad}"], "out.csv"),
}  # fmt: skip


def filled(words: list[str], place: Place, bad: object) -> list[str]:
    paths = {"bad": bad, "good": place.table, "schema": place.schema, "model": place.model}
    return [word.format(**paths) for word in words]


@pytest.mark.parametrize("command", COMMANDS)
def test_unreadable_files(command: str, place: Place, refuses: Refuses) -> None:
    words, out = COMMANDS[command]
    for case, (name, content, _) in UNREADABLE.items():
        bad = place.given(name, content)
        where = refuses(*filled(words, place, bad), out=out)
        assert where.startswith(str(bad)), case
        bad.unlink()


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_wrong_is_said(case: str, place: Place, tabsynth: Run) -> None:
    name, content, got = UNREADABLE[case]
    done = tabsynth("fit", place.given(name, content), "-o", place.outputs / "m", "--quiet")
    assert got in done.err.partition(", got ")[2].partition("; ")[0], done.err


@pytest.mark.parametrize("command", COMMANDS)
def test_places_without_a_file(command: str, place: Place, refuses: Refuses) -> None:
    words, out = COMMANDS[command]
    folder = place.inputs / "folder.csv"
    folder.mkdir()
    absent = place.inputs / "absent.csv"
    for bad in (
        folder,
        place.inputs,
        absent,
        absent / "x.csv",
        place.table / "x.csv",
        f"/{'n' * 300}.csv",
    ):
        assert refuses(*filled(words, place, bad), out=out).startswith(str(bad))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_on_no_host_shows_no_secret(
    command: str, place: Place, refuses: Refuses
) -> None:
    words, out = COMMANDS[command]
    url = f"postgresql://me:{SECRET_TEXT}@host.invalid/db#orders"
    # conditions and references are files
    is_file = "--given-file" in words or "--reference" in words
    where = refuses(*filled(words, place, url), out=out, code=2 if is_file else 4)
    assert where == ("postgresql://..." if is_file else "postgresql://host.invalid/db")


LOCKED = {
    "data": (["fit", "{bad}", "-o", "{out}"], "table"),
    "data to check": (["schema", "check", "{schema}", "{bad}"], "table"),
    "schema": (["schema", "check", "{bad}"], "schema"),
    "model": (["inspect", "{bad}"], "model"),
    "earlier output": (["fit", "{good}", "-o", "{bad}"], "model"),
}


@pytest.mark.parametrize("case", LOCKED)
def test_files_without_permission(
    case: str, place: Place, tabsynth_process: Callable[..., Done]
) -> None:
    words, kind = LOCKED[case]
    locked = getattr(place, kind)
    locked.chmod(0)
    out = place.outputs / "m"
    words = [w.replace("{out}", str(out)) for w in words]
    done = tabsynth_process(*filled(words, place, locked), "--quiet", before=WITHOUT_PRIVILEGES)
    assert done.refused() in (str(locked), locked.name)
    assert not out.exists()


# lines in the place of good ones, and what the message counts
BREAKS_SCHEMA = {
    "words for integers": (f"Basel,{SECRET_TEXT},1,2019-05-06", "'age': 1 record is not"),
    "a fraction for an integer": ("Basel,987654.25,1,2019-05-06", "'age': 1 record is not"),
    "past 2^63": ("Basel,9876549876549876540,1,2019-05-06", "'age': 1 record is not"),
    "past 10^400": (f"Basel,{'987654' * 70},1,2019-05-06", "'age': 1 record is not"),
    "words for numbers": (f"Basel,1,{SECRET_TEXT},2019-05-06", "'income': 1 record is not"),
    "infinity": ("Basel,1,inf,2019-05-06", "'income': 1 record is not a finite number"),
    "minus infinity": ("Basel,1,-Infinity,2019-05-06", "'income': 1 record is not a finite"),
    "a number too large": ("Basel,1,987654e999,2019-05-06", "'income': 1 record is not a finite"),
    "no date": (f"Basel,1,1,{SECRET_TEXT}", "'joined': 1 record is not"),
    "no such day": ("Basel,1,1,2019-02-30", "'joined': 1 record is not"),
    "another format": ("Basel,1,1,06.05.2019", "'joined': 1 record is not"),
}


@pytest.mark.parametrize("command", ["fit", "run", "train", "holdout"])
@pytest.mark.parametrize("case", BREAKS_SCHEMA)
def test_records_that_break_the_schema(
    case: str, command: str, place: Place, refuses: Refuses, tabsynth: Run
) -> None:
    line, said = BREAKS_SCHEMA[case]
    words, out = COMMANDS[command]
    bad = place.given("bad.csv", csv_text(line))
    where = refuses(*filled(words, place, bad), "--schema", place.schema, out=out)
    assert where == str(bad)
    target = place.outputs / (out or "x")
    done = tabsynth(*filled(words, place, bad), "--schema", place.schema, "-o", target, "--quiet")
    assert said in done.err


@pytest.mark.parametrize("case", BREAKS_SCHEMA)
def test_schema_check_lists_violations(case: str, place: Place, tabsynth: Run) -> None:
    line, said = BREAKS_SCHEMA[case]
    bad = place.given("bad.csv", csv_text(line, f"Basel,x{SECRET_TEXT},1,x{SECRET_TEXT}"))
    done = tabsynth("schema", "check", place.schema, bad, "--quiet")
    assert done.refused() == str(bad)
    column = said.partition(":")[0]
    assert f"column {column}: " in done.out
    assert len(done.out.splitlines()) >= 2


def test_typed_infinities_and_long_integers(place: Place, refuses: Refuses) -> None:
    infinite = pa.table({"a": [1.5, float("inf")] * 20})
    bad = place.given("bad.parquet", parquet(infinite))
    assert refuses("fit", bad, out="model.tabsynth") == str(bad)
    assert refuses("run", bad, out="dir") == str(bad)
    long = pa.table({"age": pa.array([9876549876549876540, 2] * 20, pa.uint64())})
    bad = place.given("long.parquet", parquet(long))
    schema = place.given("s.yaml", "fields: [{name: age, type: integer}]")
    assert refuses("fit", bad, "--schema", schema, out="model.tabsynth") == str(bad)


def test_integers_beyond_62_bits(place: Place, refuses: Refuses) -> None:
    values = [9223372036854775807, -9223372036854775807] * 20
    bad = place.given("bad.csv", "a\n" + "\n".join(map(str, values)) + "\n")
    assert refuses("fit", bad, out="model.tabsynth") == "column 'a'"
    assert refuses("run", bad, out="dir") == "column 'a'"


@pytest.mark.parametrize("rows", [1, 2, 9])
def test_too_few_records(rows: int, place: Place, refuses: Refuses, tabsynth: Run) -> None:
    few = place.given("few.csv", "\n".join([HEADER, *[SECRET_ROW] * rows, ""]))
    for schema in ([], ["--schema", place.schema]):
        assert refuses("fit", few, *schema, out="model.tabsynth") == "data"
        assert refuses("run", few, *schema, out="dir") == "data"
    done = tabsynth("schema", "infer", few, "-o", place.outputs / "one.yaml")
    assert done.code == 0
    done.shows_no_secret()
    text = (place.outputs / "one.yaml").read_text()
    if rows < 5:
        assert SECRET_TEXT not in text


def test_no_column_to_model(place: Place, refuses: Refuses) -> None:
    schema = place.given("ids.yaml", "fields: [{name: id, tabsynth: {generator: {kind: uuid}}}]")
    table = place.given("ids.csv", "id\n" + "".join(f"{SECRET_TEXT}-{i}\n" for i in range(30)))
    assert refuses("fit", table, "--schema", schema, out="model.tabsynth") == "data"
    assert refuses("run", table, "--schema", schema, out="dir") == "data"


def test_only_rare_categories(place: Place, refuses: Refuses) -> None:
    schema = place.given("s.yaml", "fields: [{name: a, constraints: {required: true}}]")
    table = place.given("t.csv", "a\n" + "".join(f"{SECRET_TEXT}-{i}\n" for i in range(30)))
    assert refuses("fit", table, "--schema", schema, out="model.tabsynth") == "column 'a'"


def test_a_table_without_any_value_still_works(place: Place, tabsynth: Run) -> None:
    table = place.given("void.csv", "a,b,c\n" + ",,\n" * 40)
    for name in ("gaussian_copula", "independent"):
        out = place.outputs / name
        done = tabsynth("run", table, "--synthesizer", name, "-o", out, "--seed", "1", "--quiet")
        assert (done.code, done.err) == (3, "")
    schema = place.given("s.yaml", SCHEMA)
    typed = place.given("typed.csv", HEADER + "\n" + ",,,\n" * 40)
    out = place.outputs / "typed"
    done = tabsynth("run", typed, "--schema", schema, "-o", out, "--seed", "1", "--quiet")
    assert (done.code, done.err) == (3, "")
    assert set(pq.read_table(out / "synthetic.parquet").column("age").to_pylist()) == {None}


def test_words_in_a_column_of_numbers_become_categories(place: Place, tabsynth: Run) -> None:
    rows = [f"{v},{i % 7}" for i, v in enumerate(["1", "2", "many"] * 20)]
    table = place.given("mixed.csv", "\n".join(["a,b", *rows, ""]))
    out = place.outputs / "mixed"
    done = tabsynth("run", table, "-o", out, "--seed", "1", "--quiet")
    assert (done.code, done.err) == (3, "")
    assert set(pq.read_table(out / "synthetic.parquet").column("a").to_pylist()) == {
        "1", "2", "many",
    }  # fmt: skip
