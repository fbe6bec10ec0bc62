"""Copies where a person has several records: what one person alone has is that person's own."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.attacks.replicated_uniques import replicated_uniques
from tabsynth.comparison import Comparison
from tabsynth.matching import of_one_person
from tabsynth.metrics.copies import exact_copies, overlap
from tabsynth.schema.generator import Personal
from tabsynth.schema.model import TableExtension, TableSchema
from tabsynth.table import Table
from tests.zoo import field

SCHEMA = TableSchema(
    fields=(
        field("person", tabsynth={"generator": Personal(what="name"), "role": "identifier"}),
        field("mail", tabsynth={"generator": Personal(what="email")}),
        field("born", "integer", tabsynth={"role": "quasi-identifier"}),
        field("height", "integer", tabsynth={"role": "quasi-identifier"}),
        field("income", "integer"),
    ),
    tabsynth=TableExtension(privacy_unit="person"),
)
RECORDS = 3


def people(start: int, count: int, *, mails: str = "real") -> Table:
    """Persons of three equal records each."""
    rng = np.random.default_rng(start)
    columns = {
        "person": [f"p{i}" for i in range(start, start + count)],
        "mail": [f"{mails}{i}@a.example" for i in range(start, start + count)],
        "born": rng.integers(1930, 2010, count),
        "height": rng.integers(1500, 2000, count),
        "income": rng.integers(0, 90_000, count),
    }
    return Table.checked(
        pa.table({name: np.repeat(values, RECORDS) for name, values in columns.items()}), SCHEMA
    )


def replaced(table: Table, column: str, other: Table) -> Table:
    place = table.schema.names.index(column)
    return Table(table.schema, table.data.set_column(place, column, other.data.column(column)))


TRAIN, HOLDOUT, OTHERS = people(0, 400), people(1000, 120), people(2000, 400, mails="made")


def test_values_that_a_person_has_in_several_records_are_caught_in_columns_to_be_invented() -> None:
    leaked = replaced(OTHERS, "mail", TRAIN)
    found = {r.column: r for r in exact_copies(Comparison(TRAIN, HOLDOUT, leaked)) if r.column}
    assert (found["mail"].status, found["mail"].value) == ("fail", 1.0)
    # persons, not records
    assert found["mail"].n == 520
    assert (found["person"].status, found["person"].value) == ("ok", 0.0)


def test_records_that_one_person_has_several_times_are_caught() -> None:
    few = TRAIN.take(np.tile(np.arange(30), 40))
    results = {r.name: r for r in exact_copies(Comparison(TRAIN, HOLDOUT, few))}
    assert results["unique_copies"].status == "fail"
    assert results["near_copies"].status == "fail"
    found = replicated_uniques(Comparison(TRAIN, HOLDOUT, TRAIN))
    assert [r.group for r in found] == ["whole records", "quasi-identifiers"]
    assert all(r.value is not None and r.value > 0.9 for r in found)


@pytest.mark.parametrize("held_out", ["nothing", "one value"])
def test_copies_that_cannot_be_told_from_chance_are_in_doubt(held_out: str) -> None:
    """Five persons have a value of their own, and all five come out."""

    def with_mails(table: Table, mails: int) -> Table:
        kept = np.arange(table.num_rows) < RECORDS * mails
        values = pa.array(np.where(kept, table.column("mail").to_pylist(), None), pa.string())
        return Table(table.schema, table.data.set_column(1, "mail", values))

    holdout = with_mails(HOLDOUT, 0 if held_out == "nothing" else 1)
    results = [
        {r.column: r for r in exact_copies(Comparison(with_mails(TRAIN, 5), holdout, drawn))}
        for drawn in (replaced(OTHERS, "mail", TRAIN), OTHERS)
    ]
    told = [own["mail"].status for own in results]
    assert told == (["uninformative", "diagnostic"] if held_out == "nothing" else ["ok", "ok"])


def test_keys_of_one_person_are_found_in_all_tables_together() -> None:
    keys = [np.array([0, 0, 1, 2]), np.array([1, 3, 3])]
    owners = [np.array([5, 5, 5, 6]), np.array([5, 0, 0])]
    assert of_one_person(keys, owners).tolist() == [0, 2, 3]
    assert of_one_person(keys[:1], owners[:1]).tolist() == [0, 1, 2]
    assert of_one_person([np.empty(0, np.int64)] * 2, [np.empty(0, np.int64)] * 2).tolist() == []


def test_a_holdout_of_training_persons_is_none() -> None:
    """Where all repeat themselves, no record occurs once: the same file passed for a holdout."""
    assert overlap(TRAIN, TRAIN)
    assert not overlap(TRAIN, HOLDOUT)
    # other records, but of the same persons
    again = replaced(people(5000, 400), "person", TRAIN)
    assert overlap(TRAIN, again)
    two = np.concatenate([np.arange(6), 1200 + np.arange(3 * 118)])
    joined = pa.concat_tables([TRAIN.data, people(3000, 400).data]).unify_dictionaries()
    assert overlap(TRAIN, Table(SCHEMA, joined).take(two))
    one = Table(SCHEMA, joined).take(two[3:])
    assert not overlap(TRAIN, one)


def test_the_same_table_twice_is_no_holdout_though_records_repeat_themselves() -> None:
    schema = TableSchema(fields=(field("a", "integer"), field("b", "integer")))

    def drawn(seed: int, levels: int) -> Table:
        raw = np.random.default_rng(seed).integers(0, levels, (900, 2))
        return Table.checked(pa.table({"a": raw[:, 0], "b": raw[:, 1]}), schema)

    one = drawn(0, 7)
    assert overlap(one, one.take(np.random.default_rng(1).permutation(900)))
    assert not overlap(one, drawn(1, 7))
    # few kinds are equally often in both by chance
    assert not overlap(drawn(0, 1), drawn(1, 1))
