"""The schema of a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tabsynth.errors import SchemaError
from tabsynth.schema.database import (
    DatabaseSchema,
    dump_database_schema,
    load_database_schema,
    parse_database_schema,
)

KEY = {"fields": "shop", "reference": {"resource": "shops", "fields": "id"}}
BOSS = {"fields": ["boss"], "reference": {"fields": ["id"]}}


def package(**changes: Any) -> dict[str, Any]:
    """Shops, and people who work there under another of them."""
    people = {
        "fields": [
            {"name": "id", "type": "integer"},
            {"name": "boss", "type": "integer"},
            {"name": "shop", "type": "integer"},
            {"name": "mail", "constraints": {"unique": True}},
        ],
        "primaryKey": "id",
        "uniqueKeys": [["shop", "mail"]],
        "foreignKeys": [KEY, BOSS],
    }
    shops = {"fields": [{"name": "id", "type": "integer"}, {"name": "city"}], "primaryKey": ["id"]}
    return {
        "name": "trade",
        "resources": [
            {"name": "people", "path": "people.csv", "schema": {**people, **changes}},
            {"name": "shops", "schema": shops},
        ],
    }


def test_keys_are_read() -> None:
    schema = parse_database_schema(package())
    shop, boss = schema.foreign_keys["people"]
    assert (shop.fields, shop.parent, shop.references) == (("shop",), "shops", ("id",))
    assert boss.parent == "people"
    assert schema.key_columns("people") == {"id", "boss", "shop"}
    assert schema.unique_keys("people") == (("id",), ("shop", "mail"), ("mail",))
    assert schema.parents_first == ("shops", "people")


@pytest.mark.parametrize("name", ["datapackage.yaml", "datapackage.json"])
def test_a_package_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    schema = parse_database_schema(package())
    path = tmp_path / name
    path.write_text(dump_database_schema(schema, as_json=name.endswith("json")))
    assert load_database_schema(path) == schema


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ({"fields": "shop"}, "a foreign key to have a reference"),
        ({**KEY, "fields": ["shop", "id"]}, "as many fields on both sides"),
        ({**KEY, "fields": "where"}, "'where', which it has not"),
        ({**KEY, "reference": {"resource": "stores", "fields": "id"}}, "'stores', which is not"),
        ({**KEY, "reference": {"resource": "shops", "fields": "code"}}, "'code', which it has not"),
        ({**KEY, "reference": {"resource": "shops", "fields": "city"}}, "or a unique one"),
        ({**KEY, "fields": "mail"}, "string and integer"),
    ],
)
def test_a_key_that_leads_nowhere_is_refused(key: dict[str, Any], words: str) -> None:
    with pytest.raises(SchemaError, match="foreignKeys") as error:
        parse_database_schema(package(foreignKeys=[key]))
    assert words in str(error.value)
    assert "people" in str(error.value)


def test_a_circle_is_named() -> None:
    body = package()
    body["resources"][1]["schema"] |= {
        "fields": [{"name": "id", "type": "integer"}, {"name": "chief", "type": "integer"}],
        "foreignKeys": [{"fields": "chief", "reference": {"resource": "people", "fields": "id"}}],
    }
    with pytest.raises(SchemaError, match="a circle among the tables 'people', 'shops'"):
        _ = parse_database_schema(body).parents_first


@pytest.mark.parametrize(
    ("resources", "words"),
    [([], "resources"), ([{"schema": {}}], "a name"), (None, "resources")],
)
def test_a_package_needs_named_tables(resources: Any, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        parse_database_schema({"resources": resources})


def test_a_unique_key_names_fields() -> None:
    with pytest.raises(SchemaError, match="uniqueKeys"):
        parse_database_schema(package(uniqueKeys=[["floor"]]))


def test_equal_schemas_are_equal() -> None:
    assert isinstance(parse_database_schema(package()), DatabaseSchema)
    assert parse_database_schema(package()) != parse_database_schema(package(uniqueKeys=[]))


@pytest.mark.parametrize(
    "path", ["../people.csv", "/etc/people.csv", "a/../../b.csv", "..\\b.csv", "C:\\b.csv", ""]
)
def test_a_path_that_leads_out_of_the_folder_is_refused(path: str) -> None:
    body = package()
    body["resources"][0]["path"] = path
    with pytest.raises(SchemaError, match="leads out of it"):
        parse_database_schema(body)


def test_a_path_into_a_folder_below_is_taken() -> None:
    body = package()
    body["resources"][0]["path"] = "data/people.v1..csv"
    assert parse_database_schema(body).paths == {"people": "data/people.v1..csv"}
