"""Personal columns of one record are those of one person, who lives in one town."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.database import Database
from tabsynth.database_workflow import fit_database, sample_database
from tabsynth.mock.records import Mock
from tabsynth.persons import Persons
from tabsynth.sampler import sample
from tabsynth.schema.database import parse_database_schema
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tabsynth.workflow import fit

KINDS = ("name", "email", "city", "postcode", "country")
Columns = Mapping[str, list[Any]]


def invented(what: str, **rules: Any) -> dict[str, Any]:
    locale = "en_US" if what in ("name", "email") else "de_DE"
    generator = {"kind": "personal", "what": what, "locale": locale}
    return {"name": what, "constraints": rules, "tabsynth": {"generator": generator}}


def require_homes(columns: Columns, *, beginning: int) -> None:
    """A postcode lies in one city, and the postcodes of a city begin alike."""
    cities, begins = defaultdict(set), defaultdict(set)
    for city, code in zip(columns["city"], columns["postcode"], strict=True):
        cities[code].add(city)
        begins[city].add(code[:beginning])
    assert len(begins) > 20
    assert all(len(found) == 1 for found in (*cities.values(), *begins.values()))


def require_persons(columns: Columns) -> None:
    for name, email in zip(columns["name"], columns["email"], strict=True):
        first, _, last = name.lower().partition(" ")
        assert email == f"{first}.{last}@example.org"


@pytest.mark.parametrize("locale", ["en_US", "de_DE", "en_GB", "nl_NL", "sv_SE", "pl_PL", "zh_CN"])
def test_towns_have_postcodes_of_their_own(locale: str) -> None:
    people = Persons(locale, 7)
    city, code = (people.column(k, np.arange(5_000)).to_pylist() for k in ("city", "postcode"))
    where = defaultdict(set)
    for one, other in zip(city, code, strict=True):
        where[other].add(one)
    assert len(where) > 3 * len(set(city)) or len(where) > 1_000
    assert all(len(found) == 1 for found in where.values())


def test_e_mails_of_names_without_latin_letters_differ() -> None:
    mails = Persons("zh_CN", 1).column("email", np.arange(200)).to_pylist()
    assert len(set(mails)) > 150
    assert all(mail.isascii() for mail in mails)


def test_a_record_of_one_table_is_about_one_person() -> None:
    schema = TableSchema.model_validate(
        {"fields": [{"name": "age", "type": "integer"}, *map(invented, KINDS)]}
    )
    source = {kind: [f"{kind}-of-the-source-{i}" for i in range(60)] for kind in KINDS}
    table = Table.checked(pa.table({"age": [20 + i % 40 for i in range(60)], **source}), schema)
    fitted = fit(table, seed=0)
    drawn = sample(fitted, 2_000, seed=4).data
    columns = drawn.to_pydict()
    require_persons(columns)
    require_homes(columns, beginning=3)
    assert set(columns["country"]) == {"Germany"}
    assert drawn.equals(sample(fitted, 2_000, seed=4).data)
    assert not drawn.column("city").equals(sample(fitted, 2_000, seed=5).data.column("city"))


def test_a_country_that_stands_alone_varies() -> None:
    fields = [{"name": "age", "type": "integer"}, invented("country")]
    schema = TableSchema.model_validate({"fields": fields})
    raw = pa.table({"age": [20 + i % 40 for i in range(60)], "country": ["A"] * 60})
    drawn = sample(fit(Table.checked(raw, schema), seed=0), 200, seed=1)
    assert len(set(drawn.column("country").to_pylist())) > 20


def _key(field: str) -> dict[str, Any]:
    return {"fields": field, "reference": {"resource": "people", "fields": "id"}}


def test_invented_databases_hold_one_town_and_one_person_across_a_shared_key() -> None:
    whole = {"name": "id", "type": "integer"}
    mail = invented("email", unique=True)
    named = [{"name": "town"}, {"name": "zip", "constraints": {"maxLength": 5}}]
    schema = parse_database_schema({"resources": [
        {"name": "people", "schema": {
            "fields": [whole, invented("name"), mail, *named], "primaryKey": "id"}},
        {"name": "members", "schema": {
            "fields": [whole, *map(invented, KINDS)], "primaryKey": "id",
            "foreignKeys": [_key("id")]}},
    ]})  # fmt: skip
    mock = Mock.of(schema, {"people": 800, "members": 600}, seed=2)
    tables = {name: pa.concat_tables(mock.blocks(name)).to_pydict() for name in mock.rows}
    people, members = tables["people"], tables["members"]
    towns = [(c, z) for c, z in zip(people["town"], people["zip"], strict=True) if c and z]
    require_homes(dict(zip(("city", "postcode"), zip(*towns, strict=True), strict=True)),  # type: ignore[arg-type]
                  beginning=3)  # fmt: skip
    place = {number: i for i, number in enumerate(people["id"])}
    for i, number in enumerate(members["id"]):
        above = place[number]
        assert members["name"][i] == people["name"][above]
        assert members["email"][i] == people["email"][above]
        assert people["town"][above] in (None, members["city"][i])


def test_a_child_that_repeats_a_city_has_the_postcode_too() -> None:
    """The copy is found by what the source says, and nothing of its values is kept."""
    rng = np.random.default_rng(0)
    owner = rng.integers(0, 200, 600).tolist()
    homes = [invented("city"), invented("postcode")]
    schema = parse_database_schema({"resources": [
        {"name": "people", "schema": {
            "fields": [{"name": "id", "type": "integer"}, *homes], "primaryKey": "id"}},
        {"name": "parcels", "schema": {
            "fields": [{"name": "person", "type": "integer"}, *homes,
                       {"name": "weight", "type": "integer"}],
            "foreignKeys": [_key("person")]}},
    ]})  # fmt: skip
    city = [f"real city {i}" for i in range(200)]
    code = [f"real code {i}" for i in range(200)]
    database = Database.checked(
        {"people": pa.table({"id": list(range(200)), "city": city, "postcode": code}),
         "parcels": pa.table({"person": owner, "city": [city[i] for i in owner],
                              "postcode": [code[i] for i in owner],
                              "weight": rng.integers(1, 9, 600)})},
        schema, where="test")  # fmt: skip
    drawn = sample_database(fit_database(database, seed=0), seed=1)
    people, parcels = (drawn.tables[n].data.to_pydict() for n in ("people", "parcels"))
    require_homes(people, beginning=3)
    home = dict(
        zip(people["id"], zip(people["city"], people["postcode"], strict=True), strict=True)
    )
    both = zip(parcels["person"], parcels["city"], parcels["postcode"], strict=True)
    assert all(home[person] == (town, zip_) for person, town, zip_ in both)
    assert not any(str(text).startswith("real") for text in (*people["city"], *people["postcode"]))
