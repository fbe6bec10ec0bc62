"""What every synthetic database keeps, whatever its tables are like."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from tabsynth import registry
from tabsynth.database import Database
from tabsynth.relations.learning import fit_database
from tabsynth.relations.model import DatabaseModel
from tabsynth.relations.ties import is_unique
from tabsynth.schema.columns import spelled_out
from tabsynth.synthesizers.protocol import ModelState
from tests.related_zoo import ZOO

NAMES = sorted(ZOO)


@cache
def source(name: str) -> Database:
    return ZOO[name]()


@cache
def model(name: str, synthesizer: str = "trees") -> DatabaseModel:
    maker = registry.synthesizer(synthesizer)()
    return fit_database(source(name), synthesizer=maker, rng=np.random.default_rng(0))


def sampled(name: str, scale: float = 1.0, seed: int = 1) -> Database:
    return model(name).sample(scale, rng=np.random.default_rng(seed))


def values(database: Database, table: str, column: str) -> set[object]:
    return set(spelled_out(database.tables[table].column(column)).to_pylist()) - {None}


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_keeps_every_key(name: str) -> None:
    found = sampled(name)
    again = {n: t.data for n, t in found.tables.items()}
    # it was checked when it was drawn; here it is checked as anybody would
    assert Database.checked(again, source(name).schema, where="again").schema == found.schema
    for table, keys in found.schema.foreign_keys.items():
        for index, key in enumerate(keys):
            places = found.parents(table, key)
            real = source(name).parents(table, key)
            # children without a parent come out where there were some, and as often
            lost, expected = (np.mean(p < 0) if len(p) else 0.0 for p in (places, real))
            assert abs(lost - expected) < 0.2 and (lost == 0) == (expected == 0), (table, index)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_records(name: str) -> None:
    one, other, third = sampled(name), sampled(name), sampled(name, seed=2)
    assert all(one.tables[t].data.equals(other.tables[t].data) for t in one.tables)
    if name != "only keys":
        assert any(not one.tables[t].data.equals(third.tables[t].data) for t in one.tables)


@pytest.mark.parametrize("name", NAMES)
def test_scale_doubles_every_table(name: str) -> None:
    once, twice = sampled(name), sampled(name, 2.0)
    for table in once.tables:
        if not model(name).tables[table].ties.main and not model(name).tables[table].ties.own:
            assert twice.tables[table].num_rows == 2 * once.tables[table].num_rows
        real = source(name).tables[table].num_rows
        assert abs(once.tables[table].num_rows - real) <= 0.3 * real, table
        assert abs(twice.tables[table].num_rows - 2 * real) <= 0.6 * real, table


@pytest.mark.parametrize("name", NAMES)
def test_no_key_is_one_of_the_source(name: str) -> None:
    schema = source(name).schema
    found = sampled(name)
    for table in schema.tables:
        foreign = {field for key in schema.foreign_keys[table] for field in key.fields}
        for key in schema.unique_keys(table):
            if len(key) == 1 and key[0] not in foreign:
                assert not values(found, table, key[0]) & values(source(name), table, key[0])


@pytest.mark.parametrize("name", NAMES)
def test_a_model_comes_back_whole(name: str) -> None:
    state = model(name).state()
    settings = json.loads(json.dumps(state.settings))
    restored = DatabaseModel.restore(
        source(name).schema, ModelState(settings, dict(state.arrays), dict(state.weights))
    )
    one, other = sampled(name), restored.sample(rng=np.random.default_rng(1))
    assert all(one.tables[t].data.equals(other.tables[t].data) for t in one.tables)
    assert restored.describe() == model(name).describe()


@pytest.mark.parametrize("name", NAMES)
def test_no_array_has_an_entry_for_each_record(name: str) -> None:
    sizes = {t.num_rows for t in source(name).tables.values() if t.num_rows > 130}
    arrays = model(name).state().arrays
    assert not [key for key, array in arrays.items() if sizes & set(np.shape(array))]


@pytest.mark.parametrize("synthesizer", ["gaussian_copula", "independent"])
@pytest.mark.parametrize("name", ["shop", "link table", "optional parents", "staff"])
def test_other_synthesizers_learn_a_database_too(name: str, synthesizer: str) -> None:
    found = model(name, synthesizer).sample(rng=np.random.default_rng(0))
    for table in found.tables:
        real = source(name).tables[table].num_rows
        assert abs(found.tables[table].num_rows - real) <= 0.3 * real


def test_one_to_one_stays_so() -> None:
    found = sampled("one to one", 3.0)
    for table, keys in found.schema.foreign_keys.items():
        for index, key in enumerate(keys):
            places = found.parents(table, key)
            assert len(np.unique(places)) == len(places), index
    ties = model("one to one").tables["passports"].ties
    assert ties.main is not None and is_unique(found.schema, ties.main)


def test_numbers_within_a_parent_begin_at_one_without_gaps() -> None:
    found = sampled("numbered lines")
    lines = found.tables["lines"].data.to_pandas()
    for _, group in lines.groupby("bill"):
        assert sorted(group["line"]) == list(range(1, len(group) + 1))


def test_a_tree_leads_up_to_its_root() -> None:
    found = sampled("staff")
    (key,) = found.schema.foreign_keys["staff"]
    above = found.parents("staff", key)
    place = np.arange(len(above))
    for _ in range(len(above)):
        place = above[place]
    assert np.all(above[place] == place)
    assert isinstance(found.tables["staff"].column("grade"), pa.DictionaryArray)


def test_personal_data_of_an_entity_is_the_same_in_every_table() -> None:
    found = sampled("kinds of keys")
    people, letters = found.tables["people"], found.tables["letters"]
    places = pa.array(found.parents("letters", found.schema.foreign_keys["letters"][0]))
    assert letters.column("mail").equals(people.column("mail").take(places))
    # the source never says the same last name of both, but they are one person's all the same
    assert letters.column("last").equals(people.column("last").take(places))
    mails, lasts = (people.column(name).to_pylist() for name in ("mail", "last"))
    assert all(
        mail.split(".")[1] == "".join(c for c in last.lower() if c.isalnum())
        for mail, last in zip(mails, lasts, strict=True)
    )
    assert letters.column("note").null_count == letters.num_rows
