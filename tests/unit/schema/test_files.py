from __future__ import annotations

import json
import runpy
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tabsynth.errors import SchemaError
from tabsynth.io.read import read_raw
from tabsynth.schema.check import check
from tabsynth.schema.database import (
    dump_database_schema,
    load_database_schema,
    parse_database_schema,
)
from tabsynth.schema.files import (
    bundled,
    dump_schema,
    json_schema,
    load_schema,
    parse_schema,
    parse_text,
)
from tabsynth.schema.generator import Sequence
from tabsynth.schema.model import FieldSchema, TableSchema
from tests.e2e.scene import WITHOUT_PRIVILEGES

ROOT = Path(__file__).resolve().parents[3]
DATABASES = ("shop.yaml",)
EXAMPLES = sorted(
    p for p in (ROOT / "schemas" / "examples").glob("*.yaml") if p.name not in DATABASES
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@st.composite
def field_descriptors(draw: st.DrawFn, name: str) -> dict[str, Any]:
    field: dict[str, Any] = {"name": name}
    field["type"] = draw(st.sampled_from(["string", "integer", "number", "boolean", "datetime"]))
    if field["type"] == "string":
        field["categories"] = draw(st.lists(texts, unique=True, max_size=5))
        field["categoriesOrdered"] = draw(st.booleans())
    if field["type"] in ("integer", "number"):
        low, high = sorted(draw(st.tuples(*[st.integers(-(2**60), 2**60)] * 2)))
        field["constraints"] = {"minimum": low, "maximum": high, "required": draw(st.booleans())}
    if field["type"] == "number":
        field["constraints"]["maximum"] = draw(st.floats(2.0**61, 1e300))
        field["tabsynth"] = {"decimals": draw(st.integers(0, 15)), "observed": ["decimals"]}
    if field["type"] == "datetime":
        field["constraints"] = {"minimum": "1912-06-23 12:30", "maximum": "2020-01-01"}
        field["tabsynth"] = {"timezone": "Europe/Berlin", "role": "quasi-identifier"}
    field["missingValues"] = draw(st.lists(texts, max_size=3))
    field["x-note"] = draw(texts)
    return field


@st.composite
def schemas(draw: st.DrawFn) -> TableSchema:
    labels = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    table = {"fields": [draw(field_descriptors(name)) for name in labels], "title": draw(texts)}
    if draw(st.booleans()):
        table["primaryKey"] = labels[0]
    return TableSchema.model_validate(table)


@settings(max_examples=60, deadline=None)
@given(schemas())
def test_what_is_dumped_is_read_back(schema: TableSchema) -> None:
    text = dump_schema(schema)
    assert parse_schema(parse_text(text, "x.yaml", as_json=False)) == schema
    # Other tools read YAML 1.1, and must find the same texts.
    assert yaml.safe_load(text) == schema.descriptor()
    as_json = parse_text(json.dumps(schema.descriptor()), "x.json", as_json=True)
    assert parse_schema(as_json) == schema


def test_the_dump_reads_well() -> None:
    schema = parse_schema(
        {
            "fields": [
                {"name": "größe", "categories": ["no", "yes"]},
                {"name": "id", "type": "integer", "tabsynth": {"generator": {"kind": "sequence"}}},
            ]
        }
    )
    lines = dump_schema(schema).splitlines()
    assert lines[1:5] == [
        "fields:",
        "  - name: größe",
        "    type: string",
        "    categories: ['no', 'yes']",
    ]
    assert lines[-1] == "        kind: sequence"


def test_long_lists_take_a_line_each() -> None:
    field = FieldSchema(name="a", categories=tuple(f"category {i}" for i in range(30)))
    assert "\n      - category 29" in dump_schema(TableSchema(fields=(field,)))


def test_a_generator_keeps_its_kind() -> None:
    field = FieldSchema.model_validate({"name": "a", "tabsynth": {"generator": Sequence()}})
    assert parse_schema(TableSchema(fields=(field,)).descriptor()).fields == (field,)


def test_unquoted_scalars_are_what_a_person_means() -> None:
    text = "a: [no, off, 2020-01-31, 08:30, 007, 1_000, 12:30:15, 1e5, yes]"
    assert parse_text(text, "x", as_json=False)["a"] == [
        "no", "off", "2020-01-31", "08:30", "007", "1_000", "12:30:15", "1e5", "yes",
    ]  # fmt: skip
    plain = parse_text("a: [1, -2, 0.5, true, ~, 1.0e+3]", "x", as_json=False)["a"]
    assert plain == [1, -2, 0.5, True, None, 1000.0]


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json"])
def test_files_are_loaded_by_suffix(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"schema{suffix}"
    body = {"fields": [{"name": "ä", "type": "integer"}]}
    text = json.dumps(body) if suffix == ".json" else "\ufeff" + yaml.safe_dump(body)
    path.write_text(text, encoding="utf-8")
    assert load_schema(path).names == ("ä",)


def _one_line(error: SchemaError) -> str:
    text = str(error)
    assert "\n" not in text
    assert "; " in text
    assert ": expected " in text
    assert "Traceback" not in text
    assert "pydantic" not in text
    return text


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("a.yaml", b"", "got an empty file"),
        ("a.yaml", b"- x\n", "got a list"),
        ("a.yaml", b"x,y\n1,2\n", "got a text"),
        ("a.yaml", b"a: [1\nb: 2", "at line 2"),
        ("a.yaml", b"\ta: 1", "at line 1, column 1"),
        ("a.yaml", b"a: 1\na: 2", "a key twice in one mapping at line 1"),
        ("a.yaml", b"a: &b 1\nc: *b", "alias at line 2"),
        ("a.yaml", b"a: !!python/object/apply:os.getcwd []", "at line 1"),
        ("a.yaml", b"a: !!timestamp 2020-01-01", "JSON does not know"),
        ("a.yaml", b"a: !!set {b}", "JSON does not know"),
        ("a.yaml", b"a: 1\x00", "characters that YAML does not allow"),
        ("a.yaml", b"[" * 20_000, "nested too deeply"),
        ("a.yaml", "fields: é".encode("latin-1"), "save it as UTF-8"),
        ("a.yaml", "fields: x".encode("utf-16"), "save it as UTF-8"),
        ("a.json", b"", "at line 1"),
        ("a.json", b'{"fields": [}', "at line 1, column 13"),
        ("a.json", b'{"a": 1, "a": 2}', "a key twice"),
        ("a.json", b"[" * 200_000, "nested too deeply"),
        ("a.json", b'{"resources": []}', "tabsynth schema convert"),
        ("a.json", b'{"columns": {}}', "tabsynth schema convert"),
        ("a.txt", b"fields: []", "ending in .yaml, .yml or .json"),
    ],
)
def test_files_that_hold_no_schema(tmp_path: Path, name: str, body: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(body)
    with pytest.raises(SchemaError) as caught:
        load_schema(tmp_path / name)
    text = _one_line(caught.value)
    assert text.startswith(f"{name}: ")
    assert said in text


def test_places_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    for path, said in [
        (tmp_path / "absent.yaml", "no such file"),
        (tmp_path / "folder.yaml", "got a folder"),
        (tmp_path / ("n" * 300 + ".yaml"), "cannot be read"),
        (Path("nul\0.yaml"), "cannot be read"),
    ]:
        with pytest.raises(SchemaError) as caught:
            load_schema(path)
        assert said in _one_line(caught.value)


def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.touch(mode=0o000)
    program = f"""
import sys
from tabsynth.errors import SchemaError
from tabsynth.schema.files import load_schema
{WITHOUT_PRIVILEGES}
try:
    load_schema(sys.argv[1])
except SchemaError as error:
    print(error)
"""
    words = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "no permission" in done.stdout


def _field(**keys: Any) -> dict[str, Any]:
    return {"fields": [{"name": "first"}, {"name": "SECRET column", **keys}]}


@pytest.mark.parametrize(
    ("descriptor", "where", "said"),
    [
        ({}, "s: fields", "the key 'fields', got none"),
        ({"fields": []}, "s: fields", "at least one field"),
        ({"fields": 3}, "s: fields", "a list, got a number"),
        ({"fields": ["a"]}, "s: fields.0", "a mapping, got a text"),
        ({"fields": [{}]}, "s: fields.0.name", "got none"),
        ({"fields": [{"name": ""}]}, "s: fields.0.name", "at least 1 character"),
        ({"fields": [{"name": "a"}] * 2}, "s", "each field name once"),
        (_field(type="array"), "s: fields.1.type", "array, which is not supported"),
        (_field(type="yearmonth"), "s: fields.1.type", "format: '%Y-%m'"),
        (_field(type="nonsense"), "s: fields.1.type", "choose one of these"),
        (_field(type=7), "s: fields.1.type", "choose one of these"),
        (_field(type=["x"]), "s: fields.1.type", "choose one of these"),
        (_field(constraints={"minimum": [1]}), "s: fields.1.constraints.minimum", "got a list"),
        (_field(constraints={"pattern": "("}), "s: fields.1.constraints.pattern", "regular"),
        (_field(constraints={"exclusiveMinimum": 1}), "s: fields.1.constraints", "use minimum"),
        (_field(categories="abc"), "s: fields.1.categories", "a list, got a text"),
        (_field(tabsynth={"rol": "x"}), "s: fields.1.tabsynth.rol", "write 'role'"),
        (_field(tabsynth={"role": "x"}), "s: fields.1.tabsynth.role", "'quasi-identifier'"),
        (_field(tabsynth={"generator": {}}), "s: fields.1.tabsynth.generator", "the key 'kind'"),
        (
            _field(tabsynth={"generator": {"kind": "pattern"}}),
            "s: fields.1.tabsynth.generator.pattern",
            "got none",
        ),
        (
            _field(tabsynth={"generator": {"kind": "pattern", "pattern": "A+"}}),
            "s: fields.1.tabsynth.generator.pattern",
            "write \\+",
        ),
        (
            _field(tabsynth={"generator": {"kind": "personal", "what": "name", "locale": "xx"}}),
            "s: fields.1.tabsynth.generator.locale",
            "such as en_US",
        ),
        (
            _field(type="integer", constraints={"minimum": 31415, "maximum": 1}),
            "s: fields.1",
            "minimum at most maximum",
        ),
        ({**_field(), "primaryKey": ["x"]}, "s", "not a field"),
        ({**_field(), 5: 6}, "s: 5", "got a number"),
    ],
)
def test_problems_are_named_by_place(descriptor: Any, where: str, said: str) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_schema(descriptor, "s")
    assert caught.value.where == where
    text = _one_line(caught.value)
    assert said in text
    assert "31415" not in text


def test_a_message_names_the_column_and_counts_the_rest() -> None:
    descriptor = _field(type="array", constraints={"minimum": [1]}, tabsynth={"role": 1})
    with pytest.raises(SchemaError, match=r"in column 'SECRET column' \(and 2 more, elsewhere\)"):
        parse_schema(descriptor)


def test_committed_json_schemas_are_the_generated_ones(tmp_path: Path) -> None:
    runpy.run_path(str(ROOT / "tests" / "golden" / "regenerate.py"))["write_json_schemas"](tmp_path)
    for fresh in tmp_path.iterdir():
        committed = json.loads((ROOT / "schemas" / fresh.name).read_text(encoding="utf-8"))
        assert committed == json.loads(fresh.read_text(encoding="utf-8")), (
            "run python tests/golden/regenerate.py"
        )


def test_the_json_schema_takes_what_we_take() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    jsonschema.Draft202012Validator.check_schema(json_schema())
    labelled = {
        "fields": [
            {"name": "a", "categories": [{"value": "x", "label": "X"}, "y"]},
            {"name": "b", "missingValues": [{"value": "-1", "label": "refused"}]},
        ],
        "primaryKey": "a",
        "missingValues": ["", {"value": "?"}],
    }
    assert parse_schema(labelled).primary_key == ("a",)
    validator.validate(labelled)
    for wrong in ({}, {"fields": [{"type": "string"}]}, _field(tabsynth={"rol": 1})):
        assert not validator.is_valid(wrong)


@settings(max_examples=30, deadline=None)
@given(schemas())
def test_descriptors_keep_the_json_schema(schema: TableSchema) -> None:
    jsonschema.Draft202012Validator(json_schema()).validate(schema.descriptor())


def test_bundled_files() -> None:
    assert bundled("table-schema.json").is_file()
    with pytest.raises(FileNotFoundError):
        bundled("absent.json")


def test_there_are_examples() -> None:
    assert [path.name for path in EXAMPLES] == ["adult.yaml", "fair.yaml", "randhie.yaml"]


@pytest.mark.parametrize("name", DATABASES)
def test_examples_of_databases_load(name: str) -> None:
    path = bundled(f"examples/{name}")
    assert path.read_text(encoding="utf-8").startswith("# ")
    schema = load_database_schema(path)
    again = parse_text(dump_database_schema(schema), "again", as_json=False)
    assert parse_database_schema(again) == schema
    fields = [field for table in schema.tables.values() for field in table.fields]
    assert not any(field.tabsynth.observed for field in fields)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_load_and_say_where_they_come_from(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    schema = load_schema(bundled(f"examples/{path.name}"))
    assert parse_schema(parse_text(dump_schema(schema), "again", as_json=False)) == schema
    # The file itself, labels included, keeps the JSON Schema, for any reader of YAML 1.1.
    jsonschema.Draft202012Validator(json_schema()).validate(yaml.safe_load(text))
    roles = {field.tabsynth.role for field in schema.fields}
    assert {"sensitive", "protected", "quasi-identifier"} <= roles
    assert not any(field.tabsynth.observed for field in schema.fields)


@pytest.mark.parametrize(("name", "rows"), [("fair", 6_366), ("randhie", 20_190)])
def test_examples_describe_their_tables(name: str, rows: int) -> None:
    path = files("statsmodels.datasets") / name / f"{name}.csv"
    raw = read_raw(str(path))
    data, violations = check(raw, load_schema(bundled(f"examples/{name}.yaml")))
    assert violations == ()
    assert data.num_rows == rows
    assert sum(column.null_count for column in data.columns) == 0


def test_adult_describes_its_table() -> None:
    path = ROOT.parent / "shared" / "data" / "adult.csv.gz"
    if not path.exists():
        pytest.skip("the table is not there")
    data, violations = check(read_raw(path), load_schema(bundled("examples/adult.yaml")))
    assert violations == ()
    missing = {n for n in data.column_names if data.column(n).null_count}
    assert missing == {"workclass", "occupation", "native_country"}


def test_adult_lists_its_public_domains() -> None:
    schema = load_schema(bundled("examples/adult.yaml"))
    sizes = {f.name: len(f.categories) for f in schema.fields if f.categories}
    assert sizes == {
        "workclass": 8,
        "education": 16,
        "marital_status": 7,
        "occupation": 14,
        "relationship": 6,
        "race": 5,
        "sex": 2,
        "native_country": 41,
        "income": 2,
    }
