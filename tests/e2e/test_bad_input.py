"""Schemas, conditions and options that cannot be used, through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.e2e.scene import HEADER, ROW, SCHEMA, SECRET_TEXT, Place, Run

Refuses = Callable[..., str]

MALFORMED = {
    "no YAML": ("s.yaml", "fields: [{name: a\n b: ]["),
    "tabs": ("s.yaml", "fields:\n\t- name: a"),
    "control character": ("s.yaml", "fields: [{name: a\x01}]"),
    "no JSON": ("s.json", '{"fields": [}'),
    "JSON nested deeply": ("s.json", "[" * 100_000),
    "YAML nested deeply": ("s.yaml", "[" * 5_000),
    "half a character": ("s.json", '{"fields": [{"name": "a\\ud800"}]}'),
    "half a character in YAML": ("s.yaml", 'fields: [{name: "a\\uD800"}]'),
    "empty": ("s.yaml", ""),
    "a list": ("s.yaml", "- a\n- b"),
    "a text": ("s.yaml", "hello"),
    "latin-1": ("s.yaml", "fields: [{name: größe}]".encode("latin-1")),
    "UTF-16": ("s.yaml", SCHEMA.encode("utf-16")),
    "NUL": ("s.yaml", "fields: [{name: a\0}]"),
    "an object": ("s.yaml", "fields: !!python/object/apply:os.system ['true']"),
    "aliases": ("s.yaml", "a: &x [1, 2]\nfields: *x"),
    "key twice": ("s.yaml", "fields: [{name: a, name: b}]"),
    "no fields": ("s.yaml", "title: nothing"),
    "fields empty": ("s.yaml", "fields: []"),
    "fields a text": ("s.yaml", "fields: city"),
    "field a text": ("s.yaml", "fields: [city]"),
    "field without name": ("s.yaml", "fields: [{type: integer}]"),
    "name twice": ("s.yaml", "fields: [{name: a}, {name: a}]"),
    "unknown key of ours": ("s.yaml", "fields: [{name: a, tabsynth: {rolle: sensitive}}]"),
    "unknown key of the table": ("s.yaml", "fields: [{name: a}]\ntabsynth: {sourec: x}"),
    "unknown role": ("s.yaml", "fields: [{name: a, tabsynth: {role: secret}}]"),
    "unsupported type": ("s.yaml", "fields: [{name: a, type: geopoint}]"),
    "unknown type": ("s.yaml", "fields: [{name: a, type: words}]"),
    "unknown generator": ("s.yaml", "fields: [{name: a, tabsynth: {generator: {kind: magic}}}]"),
    "unknown locale": (
        "s.yaml",
        "fields: [{name: a, tabsynth: {generator: {kind: personal, what: name, locale: xx_XX}}}]",
    ),
    "unknown zone": ("s.yaml", "fields: [{name: a, type: datetime, tabsynth: {timezone: Moon}}]"),
    "zone that leads elsewhere": (
        "s.yaml", "fields: [{name: a, type: datetime, tabsynth: {timezone: ../../etc/passwd}}]",
    ),
    "min above max": (
        "s.yaml", "fields: [{name: a, type: integer, constraints: {minimum: 9, maximum: 1}}]",
    ),
    "bound is a word": (
        "s.yaml", "fields: [{name: a, type: integer, constraints: {minimum: low}}]",
    ),
    "bound is infinite": (
        "s.yaml", "fields: [{name: a, type: number, constraints: {maximum: .inf}}]",
    ),
    "bound is no date": (
        "s.yaml", "fields: [{name: a, type: date, constraints: {minimum: 2019-02-30}}]",
    ),
    "bound of a text": ("s.yaml", "fields: [{name: a, constraints: {minimum: 1}}]"),
    "bad pattern": ("s.yaml", "fields: [{name: a, constraints: {pattern: '(('}}]"),
    "category twice": ("s.yaml", "fields: [{name: a, categories: [x, x]}]"),
    "categories of a number": ("s.yaml", "fields: [{name: a, type: number, categories: [1]}]"),
    "key is no field": ("s.yaml", "fields: [{name: a}]\nprimaryKey: b"),
    "unsupported constraint": (
        "s.yaml", "fields: [{name: a, type: integer, constraints: {exclusiveMinimum: 1}}]",
    ),
    "SDV metadata": ("s.json", json.dumps({"METADATA_SPEC_VERSION": "V1", "columns": {}})),
    "a package": ("s.json", json.dumps({"name": "p", "resources": []})),
    "another ending": ("s.toml", SCHEMA),
}  # fmt: skip


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_schemas(case: str, place: Place, refuses: Refuses) -> None:
    name, content = MALFORMED[case]
    bad = place.given(name, content)
    assert name in refuses("schema", "check", bad)
    refuses("schema", "check", bad, place.table)
    refuses("fit", place.table, "--schema", bad, out="model.tabsynth")
    refuses("run", place.table, "--schema", bad, out="dir")
    three = ["--train", place.table, "--holdout", place.holdout, "--synthetic", place.table]
    refuses("evaluate", *three, "--schema", bad, out="dir")


def test_schemas_that_are_no_files(place: Place, refuses: Refuses) -> None:
    folder = place.inputs / "folder.yaml"
    folder.mkdir()
    for bad in (folder, place.inputs / "absent.yaml", place.table / "x.yaml"):
        refuses("schema", "check", bad)
        refuses("fit", place.table, "--schema", bad, out="model.tabsynth")


CONTRADICTED = {
    "a column is absent": SCHEMA + "  - {name: height, type: number}\n",
    "a column is undeclared": SCHEMA.replace("  - {name: age, type: integer}\n", ""),
    "minimum": SCHEMA.replace("integer}", "integer, constraints: {minimum: 40}}"),
    "maximum": SCHEMA.replace("integer}", "integer, constraints: {maximum: 40}}"),
    "earliest date": SCHEMA.replace("date}", "date, constraints: {minimum: 2019-01-01}}"),
    "categories": SCHEMA.replace("string}", "string, categories: [Basel, Bern, Biel]}"),
    "enum": SCHEMA.replace("string}", "string, constraints: {enum: [Basel, Bern, Biel]}}"),
    "pattern": SCHEMA.replace("string}", "string, constraints: {pattern: 'B[a-z]+'}}"),
    "length": SCHEMA.replace("string}", "string, constraints: {maxLength: 5}}"),
    "unique": SCHEMA.replace("string}", "string, constraints: {unique: true}}"),
    "key": SCHEMA + "primaryKey: city\n",
    "type": SCHEMA.replace("city, type: string", "city, type: integer"),
    "boolean": SCHEMA.replace("city, type: string", "city, type: boolean"),
    "format": SCHEMA.replace("date}", "date, format: '%d.%m.%Y'}"),
    "required": SCHEMA.replace(
        "string}", "string, missingValues: [Bern], constraints: {required: true}}"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CONTRADICTED)
def test_schemas_that_the_data_breaks(case: str, place: Place, refuses: Refuses) -> None:
    schema = place.given("s.yaml", CONTRADICTED[case])
    refuses("fit", place.table, "--schema", schema, out="model.tabsynth")
    refuses("run", place.table, "--schema", schema, out="dir")
    three = ["--train", place.table, "--holdout", place.holdout, "--synthetic", place.table]
    refuses("evaluate", *three, "--schema", schema, out="dir")


@pytest.mark.parametrize("case", CONTRADICTED)
def test_check_lists_them_on_stdout(case: str, place: Place, tabsynth: Run) -> None:
    done = tabsynth("schema", "check", place.given("s.yaml", CONTRADICTED[case]), place.table)
    assert done.refused() == str(place.table)
    assert done.out.startswith("column ")


def test_clip_and_missing_take_what_is_out_of_range(place: Place, tabsynth: Run) -> None:
    for treatment in ("clip", "missing"):
        text = SCHEMA.replace(
            "decimals: 2}",
            f"decimals: 2, out_of_range: {treatment}}}, constraints: {{maximum: 500}}",
        )
        schema = place.given("s.yaml", text)
        out = place.outputs / "m"
        done = tabsynth("fit", place.table, "--schema", schema, "-o", out, "--quiet")
        assert (done.code, done.err) == (0, "")


IMPOSSIBLE = {
    "unknown column": ["--given", "height=3"],
    "no equals sign": ["--given", "city"],
    "no column": ["--given", "=Basel"],
    "empty": ["--given", ""],
    "twice": ["--given", "city=Basel", "city=Bern"],
    "unknown category": ["--given", f"city={SECRET_TEXT}"],
    "missing value": ["--given", "city="],
    "no integer": ["--given", f"age={SECRET_TEXT}"],
    "a fraction": ["--given", "age=987654.25"],
    "out of range": ["--given", "age=987654"],
    "past 2^63": ["--given", f"age={987654 * 10**20}"],
    "infinity": ["--given", "income=inf"],
    "not a number": ["--given", "income=nan"],
    "a number too large": ["--given", "income=987654e300"],
    "no date": ["--given", "joined=yesterday"],
    "a date out of range": ["--given", "joined=9876-05-04"],
    "one of two is wrong": ["--given", "city=Basel", "age=987654"],
}


@pytest.mark.parametrize("synthesizer", ["gaussian_copula", "independent"])
@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_impossible_conditions(
    case: str, synthesizer: str, place: Place, refuses: Refuses, tabsynth: Run
) -> None:
    model = place.inputs / "m.tabsynth"
    words = ["fit", place.table, "--schema", place.schema, "--synthesizer", synthesizer]
    assert tabsynth(*words, "-o", model).code == 0
    assert "given" in refuses("sample", model, *IMPOSSIBLE[case], "-n", 10, out="out.csv")


GIVEN_FILES = {
    "unknown column": "city,height\nBasel,3\nBern,4\n",
    "unknown category": f"city\nBasel\n{SECRET_TEXT}\n",
    "no integer": f"age\n30\n{SECRET_TEXT}\n",
    "out of range": "age\n30\n987654\n",
    "header only": "city\n",
    "ragged": "city,age\nBasel,3\nBern\n",
}


@pytest.mark.parametrize("case", GIVEN_FILES)
def test_files_of_impossible_conditions(case: str, place: Place, refuses: Refuses) -> None:
    bad = place.given("given.csv", GIVEN_FILES[case])
    refuses("sample", place.model, "--given-file", bad, out="out.csv")


def test_more_or_fewer_conditions_than_records(place: Place, refuses: Refuses) -> None:
    three = place.given("given.csv", "city\nBasel\nBern\nBiel\n")
    for count in (1, 2, 4, 400):
        refuses("sample", place.model, "--given-file", three, "-n", count, out="out.csv")


def test_both_kinds_of_conditions(place: Place, refuses: Refuses) -> None:
    both = ["--given", "city=Basel", "--given-file", place.given("g.csv", "age\n30\n")]
    refuses("sample", place.model, *both, out="out.csv", code=2)


@pytest.mark.parametrize("count", ["0", "-1", "-99999999"])
def test_fewer_than_one_record(count: str, place: Place, tabsynth: Run) -> None:
    for words in (["sample", place.model, "-o", place.outputs / "out.csv"],
                  ["run", place.table, "-o", place.outputs / "dir"]):  # fmt: skip
        for option in ("-n", "--rows"):
            done = tabsynth(*words, option, count, "--quiet")
            assert done.refused(2) == "-n"
    assert not (place.outputs / "out.csv").exists()
    assert not (place.outputs / "dir").exists()


WRONG_OPTIONS = {
    "synthesizer": ["fit", "{table}", "--synthesizer", "magic"],
    "synthesizer of run": ["run", "{table}", "--synthesizer", "magic"],
    "parameter": ["fit", "{table}", "--param", "depth=3"],
    "value of a parameter": ["fit", "{table}", "--param", "min_count=many"],
    "parameter below 1": ["fit", "{table}", "--param", "min_count=0"],
    "parameter without value": ["fit", "{table}", "--param", "min_count"],
    "parameter twice": ["fit", "{table}", "--param", "min_count=5", "min_count=6"],
    "parameter of run": ["run", "{table}", "--param", "min_count=x"],
    "target": ["run", "{table}", "--target", "height"],
    "target of evaluate": [
        "evaluate", "--train", "{table}", "--holdout", "{holdout}", "--synthetic", "{table}",
        "--target", "height",
    ],
    "delta": ["fit", "{table}", "--delta", "1e-6"],
    "ledger": ["run", "{table}", "--ledger", "l.json"],
    "source": ["fit", "{table}", "--source-id", "me"],
    "policy": ["run", "{table}", "--policy", "nowhere.yaml"],
    "protected": ["run", "{table}", "--protected", "nothing"],
    "list": ["list", "kings"],
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_OPTIONS)
def test_options_that_cannot_be_used(case: str, place: Place, refuses: Refuses) -> None:
    words = [word.format(table=place.table, holdout=place.holdout) for word in WRONG_OPTIONS[case]]
    out = {"fit": "model.tabsynth", "list": None}.get(words[0], "dir")
    refuses(*words, out=out, code=2)


SLIPS = {
    "fit {table} --synthesizer gausian_copula": "'gaussian_copula'",
    "fit {table} --param min_cont=3": "'min_count'",
    "fit {table} --synthesizer independent --param mincount=3": "'min_count'",
    "run {table} --target incme": "'income'",
    "run {table} --protected agee": "'age'",
    "audit {table} --protected cty --target income": "'city'",
    "fit {table} --text ciy=template": "'city'",
    "fit {table} --text city=templat": "'template'",
    "list atacks": "'attacks'",
}


@pytest.mark.parametrize("words", SLIPS)
def test_a_slip_of_the_pen_is_asked_for(words: str, place: Place, tabsynth: Run) -> None:
    out = () if words.startswith("list") else ("-o", place.outputs / "new", "--quiet")
    done = tabsynth(*words.format(table=place.table).split(" "), *out)
    done.refused(2)
    assert f"did you mean {SLIPS[words]}?" in done.err


@pytest.mark.parametrize("command", ["fit", "run"])
def test_privacy_that_cannot_be_given_is_refused(
    command: str, place: Place, refuses: Refuses
) -> None:
    out = "dir" if command == "run" else "model.tabsynth"
    for name in ("trees", "independent"):
        words = (command, place.table, "--synthesizer", name, "--epsilon", "1")
        assert refuses(*words, out=out, code=5) == "--epsilon"


def test_options_of_evaluate_that_cannot_be_met(place: Place, refuses: Refuses) -> None:
    three = ["--train", place.table, "--holdout", place.holdout, "--synthetic", place.table]
    for more in (["--deep"], ["--policy", "nowhere.yaml"], ["--protected", "nothing"],
                 ["--deep", "--model", place.model, "--deep-record", 10**6]):  # fmt: skip
        refuses("evaluate", *three, *more, out="dir", code=2)
    refuses("evaluate", *three, "--model", place.table, out="dir", code=4)


USAGE = {
    "unknown command": ["conjure"],
    "unknown subcommand": ["schema", "conjure"],
    "unknown option": ["fit", "t.csv", "-o", "m", "--magic"],
    "no data": ["fit", "-o", "m"],
    "no OUT": ["fit", "t.csv"],
    "no OUT of run": ["run", "t.csv"],
    "no OUT of sample": ["sample", "m"],
    "no model": ["sample", "-o", "out.csv"],
    "no holdout": ["evaluate", "--train", "t.csv", "--synthetic", "t.csv", "-o", "d"],
    "no value": ["fit", "t.csv", "-o"],
    "too many": ["inspect", "a", "b"],
    "rows in words": ["sample", "m", "-o", "out.csv", "-n", "many"],
    "seed in words": ["fit", "t.csv", "-o", "m", "--seed", "lucky"],
    "negative seed": ["fit", "t.csv", "-o", "m", "--seed", "-1"],
    "no workers": ["sample", "m", "-o", "out.csv", "--workers", "0"],
    "no kind": ["list"],
}


@pytest.mark.parametrize("case", USAGE)
def test_usage_errors(case: str, tabsynth: Run) -> None:
    done = tabsynth(*USAGE[case])
    assert done.code == 2
    assert "Traceback" not in done.err


@pytest.mark.parametrize("words", [[], ["schema"]])
def test_no_command_shows_the_help(words: list[str], tabsynth: Run) -> None:
    done = tabsynth(*words)
    assert done.code == 2
    assert "Usage: tabsynth" in done.out + done.err


def test_bad_sources_of_conversion(place: Place, refuses: Refuses) -> None:
    for name, content in {
        "s.json": "{}",
        "broken.json": "{",
        "list.json": "[]",
        "columns.json": json.dumps({"columns": 3}),
        "spec.json": json.dumps({"METADATA_SPEC_VERSION": "V9", "columns": {"a": {}}}),
        "type.json": json.dumps(
            {"METADATA_SPEC_VERSION": "V1", "columns": {"a": {"sdtype": ["x"]}}}
        ),
        "package.json": json.dumps({"resources": [{"name": "x"}]}),
        "s.csv": HEADER + "\n" + ROW,
    }.items():
        refuses("schema", "convert", place.given(name, content), out="schema.yaml")
    refuses("schema", "convert", place.inputs / "absent.yaml", out="schema.yaml")
