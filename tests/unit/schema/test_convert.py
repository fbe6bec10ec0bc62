from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tabsynth.errors import SchemaError
from tabsynth.schema.convert import (
    convert,
    from_any,
    from_data_package,
    from_sdv,
    kind_of_file,
    to_data_package,
    to_sdv,
)
from tabsynth.schema.files import bundled, dump_schema, load_schema, parse_schema
from tabsynth.schema.generator import PersonalKind
from tabsynth.schema.model import FieldSchema, TableSchema

ID = {"role": "identifier"}
FIELDS: list[dict[str, Any]] = [
    {"name": "n", "type": "integer"},
    {"name": "m", "type": "integer", "constraints": {"minimum": 0, "maximum": 9}},
    {"name": "x", "type": "number", "tabsynth": {"decimals": 2}},
    {"name": "b", "type": "boolean"},
    {"name": "c", "type": "string", "categories": ["u", "v"]},
    {"name": "o", "categories": ["low", "high"], "categoriesOrdered": True},
    {"name": "k", "type": "integer", "categories": [3, 1], "categoriesOrdered": True},
    {"name": "l", "type": "integer", "categories": [3, 1]},
    {"name": "d", "type": "date"},
    {"name": "e", "type": "date", "format": "%d.%m.%Y"},
    {"name": "t", "type": "time"},
    {"name": "h", "type": "time", "format": "%H.%M"},
    {"name": "w", "type": "datetime"},
    {"name": "v", "type": "datetime", "format": "%d/%m/%Y %H:%M"},
    {"name": "z", "type": "datetime", "tabsynth": {"timezone": "UTC"}},
    {"name": "free", "tabsynth": {"free_text": "replace"}},
    {"name": "s", "type": "integer", "tabsynth": {**ID, "generator": {"kind": "sequence"}}},
    {"name": "q", "tabsynth": {**ID, "generator": {"kind": "sequence", "prefix": "Nº-"}}},
    {"name": "u", "tabsynth": {**ID, "generator": {"kind": "uuid"}}},
    {
        "name": "p",
        "tabsynth": {**ID, "generator": {"kind": "pattern", "pattern": r"[A-F]{2}-\d{4}"}},
    },
]


def schema_of(*fields: dict[str, Any], **table: Any) -> TableSchema:
    return parse_schema({"fields": list(fields), **table})


def sdv(**columns: Any) -> dict[str, Any]:
    return {"METADATA_SPEC_VERSION": "SINGLE_TABLE_V1", "columns": columns}


def kept(field: FieldSchema) -> tuple[Any, ...]:
    """What survives a journey through SDV metadata."""
    ordered = field.categories if field.categories_ordered else None
    extension = field.tabsynth
    return (field.name, field.type, field.format, ordered, extension.generator, extension.timezone)


@pytest.mark.parametrize("described", FIELDS, ids=lambda f: f["name"])
def test_fields_survive_sdv(described: dict[str, Any]) -> None:
    schema = schema_of(described)
    back = from_sdv(to_sdv(schema))
    assert kept(back.fields[0]) == kept(schema.fields[0])
    assert back.fields[0].tabsynth.free_text == schema.fields[0].tabsynth.free_text


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=8, unique_by=lambda f: f["name"]))
def test_tables_survive_sdv(fields: list[dict[str, Any]]) -> None:
    schema = schema_of(*fields)
    metadata = json.loads(json.dumps(to_sdv(schema)))
    assert [kept(f) for f in from_sdv(metadata).fields] == [kept(f) for f in schema.fields]
    # Unordered categories of integers are lost on the first journey, nothing on the second.
    again = to_sdv(from_sdv(metadata))
    assert to_sdv(from_sdv(again)) == again


@pytest.mark.parametrize("what", get_args(PersonalKind))
def test_personal_data_survives_sdv(what: str) -> None:
    kind = "date" if what == "date_of_birth" else "string"
    generator = {"kind": "personal", "what": what}
    schema = schema_of({"name": "a", "type": kind, "tabsynth": {"generator": generator}})
    assert to_sdv(schema)["columns"]["a"] == {"sdtype": what, "pii": True}
    assert kept(from_sdv(to_sdv(schema)).fields[0]) == kept(schema.fields[0])


@pytest.mark.parametrize("key", [["s"], ["p"], ["u"], ["s", "p"], ["n"], ["c"], ["n", "c"]])
def test_keys_survive_sdv(key: list[str]) -> None:
    schema = schema_of(*FIELDS, primaryKey=key)
    back = from_sdv(to_sdv(schema))
    assert back.primary_key == tuple(key)
    assert [f.type for f in back.fields] == [f.type for f in schema.fields]
    unique = {f.name for f in back.fields if f.constraints.unique}
    assert unique == (set(key) if len(key) == 1 else set())


def test_alternate_keys_survive_sdv() -> None:
    fields = [{**f, "constraints": {"unique": True}} if f["name"] in "qp" else f for f in FIELDS]
    metadata = to_sdv(schema_of(*fields, primaryKey="q"))
    assert metadata["primary_key"] == "q"
    assert metadata["alternate_keys"] == ["p"]
    assert {f.name for f in from_sdv(metadata).fields if f.constraints.unique} == {"q", "p"}


def test_a_key_that_sdv_refuses_is_left_out() -> None:
    assert "primary_key" not in to_sdv(schema_of(*FIELDS, primaryKey="d"))
    assert "primary_key" not in to_sdv(schema_of(*FIELDS, primaryKey=["s", "x"]))


def test_what_sdv_gets() -> None:
    columns = to_sdv(schema_of(*FIELDS))["columns"]
    assert columns["n"] == {"sdtype": "numerical", "computer_representation": "Int64"}
    assert columns["x"] == {"sdtype": "numerical", "computer_representation": "Float"}
    assert columns["c"] == {"sdtype": "categorical"}
    assert columns["o"] == {"sdtype": "categorical", "order": ["low", "high"]}
    assert columns["e"] == {"sdtype": "datetime", "datetime_format": "%d.%m.%Y"}
    assert columns["s"] == {"sdtype": "id"}
    assert columns["p"] == {"sdtype": "id", "regex_format": r"[A-F]{2}-\d{4}"}
    assert columns["free"] == {"sdtype": "unknown", "pii": True}


def test_categories_read_from_records_do_not_reach_sdv() -> None:
    observed = {"name": "o", "categories": ["PRIVATE"], "categoriesOrdered": True}
    schema = schema_of({**observed, "tabsynth": {"observed": ["categories"]}})
    assert "PRIVATE" not in json.dumps(to_sdv(schema))


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ({"sdtype": "numerical"}, {"type": "number"}),
        ({"sdtype": "numerical", "computer_representation": "UInt8"}, {"type": "integer"}),
        ({"sdtype": "numerical", "decimal_places": 0, "range_min": 3}, {"type": "integer"}),
        (
            {"sdtype": "numerical", "decimal_places": 2},
            {"type": "number", "tabsynth": {"decimals": 2, "observed": ["decimals"]}},
        ),
        ({"sdtype": "numerical", "decimal_places": 15}, {"type": "number"}),
        ({"sdtype": "categorical", "range_values": ["PRIVATE"]}, {"type": "string"}),
        ({"sdtype": "categorical", "range_values": [True, False]}, {"type": "boolean"}),
        (
            {"sdtype": "ordinal", "range_values": ["a", "b"]},
            {"categories": ["a", "b"], "categoriesOrdered": True,
             "tabsynth": {"observed": ["categories"]}},
        ),
        ({"sdtype": "categorical", "order": ["a", 1]}, {"type": "string"}),
        ({"sdtype": "categorical", "order": ["a", None]},
         {"categories": ["a"], "categoriesOrdered": True}),
        ({"sdtype": "datetime"}, {"type": "datetime"}),
        ({"sdtype": "datetime", "datetime_format": "%d %b %y"},
         {"type": "date", "format": "%d %b %y"}),
        ({"sdtype": "datetime", "datetime_format": "%Y-%m-%dT%H:%M:%S%z"},
         {"type": "datetime", "tabsynth": {"timezone": "UTC"}}),
        ({"sdtype": "email"}, {"tabsynth": {"generator": {"kind": "personal", "what": "email"}}}),
        ({"sdtype": "ipv4_address", "pii": True},
         {"tabsynth": {"generator": {"kind": "personal", "what": "ipv4"}}}),
        ({"sdtype": "city", "pii": False}, {"type": "string"}),
        ({"sdtype": "unknown", "pii": False}, {"type": "string"}),
        ({"sdtype": "vin", "pii": True}, {"tabsynth": {"free_text": "replace"}}),
        ({"sdtype": "id", "regex_format": "^[A-Z]{3}$"},
         {"tabsynth": {**ID, "generator": {"kind": "pattern", "pattern": "[A-Z]{3}"}}}),
        ({"sdtype": "id", "regex_format": r"a\$"},
         {"tabsynth": {**ID, "generator": {"kind": "pattern", "pattern": r"a\$"}}}),
        ({"sdtype": "id", "regex_format": r"ID-\d+"},
         {"tabsynth": {**ID, "generator": {"kind": "sequence", "prefix": "ID-"}}}),
        ({"sdtype": "id", "regex_format": "[0-9]+"},
         {"tabsynth": {**ID, "generator": {"kind": "sequence"}}}),
    ],
)  # fmt: skip
def test_columns_of_sdv(column: dict[str, Any], expected: dict[str, Any]) -> None:
    back = from_sdv(sdv(a=column)).fields
    assert back == schema_of({"name": "a", **expected}).fields


def test_withheld_columns_are_noted() -> None:
    schema = from_sdv({**sdv(a={"sdtype": "vin", "pii": True}), "sequence_key": "a"})
    assert schema.tabsynth.source == "converted from SDV metadata"
    assert schema.tabsynth.notes == (
        "column 'a' is withheld: sdtype vin cannot be invented",
        "sequence_key of the SDV metadata is left out",
    )


@pytest.mark.parametrize("regex", [r"\d{2,4}", "[A-Z]+", "a|b", "(a)", ".", r"[A-Z]\d+", ""])
def test_regular_expressions_of_changing_length_are_refused(regex: str) -> None:
    with pytest.raises(SchemaError) as caught:
        from_sdv(sdv(code={"sdtype": "id", "regex_format": regex}))
    assert caught.value.where == "SDV metadata: column 'code'"
    assert "give it one fixed length" in str(caught.value)


def test_one_table_of_several() -> None:
    tables = {
        "guests": {"columns": {"a": {"sdtype": "boolean"}}},
        "hotels": {"primary_key": "b", "columns": {"b": {"sdtype": "id"}}},
    }
    metadata = {"METADATA_SPEC_VERSION": "V1", "tables": tables, "relationships": []}
    assert from_sdv(metadata, table="hotels").primary_key == ("b",)
    assert from_sdv({**metadata, "tables": {"hotels": tables["hotels"]}}).names == ("b",)
    with pytest.raises(SchemaError, match=r"one table, got 2 tables \(guests, hotels\); name one"):
        from_sdv(metadata)
    with pytest.raises(SchemaError, match="expected a table 'x'"):
        from_sdv(metadata, table="x")


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"METADATA_SPEC_VERSION": "V9"}, "SINGLE_TABLE_V1, MULTI_TABLE_V1, V1, V2"),
        ({"METADATA_SPEC_VERSION": ["V1"]}, "SINGLE_TABLE_V1"),
        ({}, "a mapping 'columns'"),
        ({"columns": []}, "a mapping 'columns'"),
        ({"columns": {}}, "a mapping 'columns'"),
        ({"columns": {"a": 3}}, "column 'a': expected an sdtype"),
        ({"columns": {"a": {}}}, "column 'a': expected an sdtype"),
        ({"columns": {"a": {"sdtype": "boolean"}}, "primary_key": "b"}, "not a field"),
        ({"tables": {}}, "expected one table, got no table"),
        ({"tables": {"a": 3}}, "expected one table"),
    ],
)
def test_malformed_metadata(metadata: dict[str, Any], said: str) -> None:
    with pytest.raises(SchemaError) as caught:
        from_sdv(metadata)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
sdv_keys = st.sampled_from(
    ["sdtype", "order", "order_by", "pii", "regex_format", "datetime_format",
     "computer_representation", "decimal_places", "range_values"]
)  # fmt: skip
sdv_kinds = st.sampled_from(["numerical", "categorical", "ordinal", "datetime", "id", "email", "x"])
field_keys = st.sampled_from(
    ["name", "type", "format", "constraints", "categories", "missingValues", "tabsynth", "title"]
)
field_kinds = st.sampled_from(["integer", "year", "any", "object", "yearmonth", "number", "string"])
bounds = st.sampled_from(["minimum", "exclusiveMinimum", "exclusiveMaximum", "required", "enum"])


@settings(max_examples=200, deadline=None)
@given(
    column=st.dictionaries(sdv_keys, json_values, max_size=4),
    kind=sdv_kinds,
    table=st.dictionaries(st.sampled_from(["primary_key", "alternate_keys"]), json_values),
)
def test_any_metadata_converts_or_is_refused(column: Any, kind: str, table: Any) -> None:
    try:
        schema = from_sdv({"columns": {"a": {"sdtype": kind, **column}}, **table})
    except SchemaError as error:
        assert "\n" not in str(error)
    else:
        assert schema.names == ("a",)


@settings(max_examples=200, deadline=None)
@given(
    field=st.dictionaries(field_keys, json_values, max_size=4),
    kind=field_kinds,
    constraints=st.dictionaries(bounds, json_values, max_size=3),
    table=st.dictionaries(
        st.sampled_from(["tabsynth", "primaryKey", "missingValues"]), json_values
    ),
)
def test_any_descriptor_converts_or_is_refused(
    field: Any, kind: str, constraints: Any, table: Any
) -> None:
    body = {"name": "a", "type": kind, "constraints": constraints, **field}
    try:
        from_data_package({"fields": [body], **table})
    except SchemaError as error:
        assert "\n" not in str(error)


def test_types_that_we_lack_are_brought_near() -> None:
    schema = from_data_package(
        {
            "fields": [
                {"name": "y", "type": "year", "format": "default"},
                {"name": "ym", "type": "yearmonth"},
                {"name": "a", "type": "any"},
                {"name": "g", "type": "geojson", "constraints": {"required": True, "enum": ["{}"]}},
                {"name": "i", "type": "integer",
                 "constraints": {"exclusiveMinimum": 0, "minimum": -5, "exclusiveMaximum": "10"}},
            ]
        }
    )  # fmt: skip
    assert schema == schema_of(
        {"name": "y", "type": "integer"},
        {"name": "ym", "type": "date", "format": "%Y-%m"},
        {"name": "a", "type": "string"},
        {"name": "g", "constraints": {"required": True}, "tabsynth": {"free_text": "replace"}},
        {"name": "i", "type": "integer", "constraints": {"minimum": 1, "maximum": 9}},
        tabsynth={
            "notes": [
                "column 'y' was of type year",
                "column 'ym' was of type yearmonth",
                "column 'a' was of type any",
                "column 'g' is withheld: type geojson is not modelled",
            ]
        },
    )


def test_exclusive_bounds_of_other_types_are_refused() -> None:
    field = {"name": "x", "type": "number", "constraints": {"exclusiveMinimum": 0}}
    with pytest.raises(SchemaError, match="exclusiveMinimum is not supported"):
        from_data_package({"fields": [field]})


def test_labels_are_read_as_values() -> None:
    field = {"name": "a", "type": "integer", "categories": [{"value": 1, "label": "one"}, 2]}
    schema = from_data_package(
        {"fields": [field], "missingValues": [{"value": "?", "label": "no"}]}
    )
    assert schema.fields[0].categories == (1, 2)
    assert schema.missing_values == ("?",)


def test_a_plain_data_package_keeps_all_of_the_standard() -> None:
    schema = schema_of(*FIELDS, primaryKey="s", missingValues=["", "?"], title="T")
    package = json.loads(json.dumps(to_data_package(schema, name="Ünser Table.1")))
    assert "tabsynth" not in json.dumps(package)
    assert package["name"] == "nser-table.1"
    plain = from_data_package(package)
    assert plain == from_data_package(to_data_package(plain, name="x"))
    for before, after in zip(schema.fields, plain.fields, strict=True):
        assert after == before.model_copy(update={"tabsynth": after.tabsynth})
    assert (plain.primary_key, plain.missing_values) == (("s",), ("", "?"))


def test_facts_read_from_records_do_not_reach_a_plain_package() -> None:
    schema = schema_of(
        {"name": "a", "categories": ["PRIVATE"], "constraints": {"required": True},
         "tabsynth": {"observed": ["categories", "required", "type"]}},
        {"name": "b", "type": "integer", "constraints": {"minimum": 777, "maximum": 5_000},
         "tabsynth": {"observed": ["minimum"]}},
        {"name": "c", "constraints": {"enum": ["PRIVATE"]},
         "tabsynth": {"observed": ["categories"]}},
        tabsynth={"source": "inferred from records", "notes": ["PRIVATE"]},
    )  # fmt: skip
    fields = to_data_package(schema, name="x")["resources"][0]["schema"]["fields"]
    assert fields == [
        {"name": "a", "type": "string"},
        {"name": "b", "type": "integer", "constraints": {"maximum": 5_000}},
        {"name": "c", "type": "string"},
    ]
    assert "PRIVATE" not in json.dumps(to_data_package(schema, name="x"))


def test_one_resource_of_several() -> None:
    resources = [
        {"name": n, "schema": {"fields": [{"name": n, "type": "number"}]}} for n in ("a", "b")
    ]
    assert from_data_package({"resources": resources}, resource="b").names == ("b",)
    assert from_data_package({"resources": resources[:1]}).names == ("a",)
    assert from_data_package(resources[0]).names == ("a",)
    with pytest.raises(SchemaError, match=r"one resource, got 2 \(a, b\); name one of them"):
        from_data_package({"resources": resources})
    for broken, said in [
        ({"resources": []}, "got none"),
        ({"resources": 3}, "got none"),
        ({}, "got none"),
        ({"resources": [{"name": "a"}]}, "expected a resource with its schema inside, got none"),
        ({"resources": [{"name": "a", "schema": "s.json"}]}, "a schema in another file"),
        ({"resources": [{"name": "a", "schema": {}}]}, "the key 'fields'"),
        ({"fields": 3}, "a list, got a number"),
    ]:
        with pytest.raises(SchemaError) as caught:
            from_data_package(broken)
        assert said in str(caught.value)


@pytest.mark.parametrize("name", ["fair", "randhie", "adult"])
@pytest.mark.parametrize("to", ["sdv", "datapackage", "tabsynth"])
def test_examples_convert_and_come_back(name: str, to: Any) -> None:
    path = bundled(f"examples/{name}.yaml")
    schema = load_schema(path)
    text = convert(path.read_text(encoding="utf-8"), to=to)
    back = from_any(text)
    assert back.names == schema.names
    assert [f.type for f in back.fields] == [f.type for f in schema.fields]
    if to == "tabsynth":
        assert back == schema
    else:
        assert back == from_any(json.loads(text))
    again = convert(convert(text, to="tabsynth"), to=to)
    assert convert(convert(again, to="tabsynth"), to=to) == again


def test_texts_are_told_apart_by_their_keys() -> None:
    schema = schema_of(FIELDS[0])
    for text in (dump_schema(schema), json.dumps(schema.descriptor()), "\ufeff {}"):
        if "{}" in text:
            with pytest.raises(SchemaError):
                from_any(text)
        else:
            assert from_any(text) == schema
    assert from_any(json.dumps({"tables": {"t": sdv(n={"sdtype": "id"})}})).names == ("n",)
    assert from_any(yaml.safe_dump(to_data_package(schema, name="x"))) == schema
    with pytest.raises(SchemaError, match=r"^in\.yaml: expected valid YAML"):
        from_any("a: [", where="in.yaml")


def test_nothing_of_sdv_is_imported() -> None:
    folder = Path(__file__).resolve().parents[3] / "tabsynth"
    # the backends alone may, and only where they are used
    for path in (p for p in folder.rglob("*.py") if p.parent.name != "backends"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert line.split()[:2] not in (["import", "sdv"], ["from", "sdv"])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("schema.yaml", "tabsynth"),
        ("metadata.json", "sdv"),
        ("datapackage.json", "datapackage"),
        ("Package.JSON", "datapackage"),
    ],
)
def test_the_name_of_a_file_tells_its_form(name: str, kind: str) -> None:
    assert kind_of_file(Path("folder") / name) == kind
