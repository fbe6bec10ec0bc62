"""What is written to a store is what is read from it; what fails leaves the store as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tabsynth.errors import OutputError
from tabsynth.schema.database import parse_database_schema
from tabsynth.stores.address import open_store
from tabsynth.stores.protocol import Mode
from tests.database_zoo import ZOO, database, keys, sorted_rows
from tests.unit.stores.writing import (
    CUSTOMERS,
    DESCRIPTOR,
    ORDERS,
    SECRET,
    content,
    read,
    shop,
    write,
)


@pytest.mark.parametrize("case", ZOO)
def test_what_is_written_is_what_is_read(case: str, target: str) -> None:
    source = ZOO[case]()
    write(source, target)
    found = read(source, target)
    for name, table in source.tables.items():
        assert sorted_rows(found.tables[name]) == sorted_rows(table), name
    assert keys(open_store(target).reflect()) == keys(source.schema)


def test_tables_that_are_there_are_not_made_again(target: str) -> None:
    write(shop(), target)
    before = content(target)
    assert len(before["customers"]) == 5
    with pytest.raises(OutputError, match="'customers', 'orders'; append to them or replace"):
        write(shop(9), target)
    assert content(target) == before


def test_records_are_added_to_what_is_there(target: str) -> None:
    write(shop(), target)
    write(shop(first=6, name="Bob"), target, "append")
    found = content(target)
    assert {row[0] for row in found["customers"]} == set(range(1, 11))
    assert {row[1] for row in found["customers"]} == {"Ada", "Bob"}
    assert len(found["orders"]) == 10


def test_new_tables_take_the_place_of_old_ones(target: str) -> None:
    write(shop(), target)
    more = {"name": "note", "schema": {"fields": [{"name": "text"}]}}
    write(database([more], {"note": {"text": ["kept"]}}), target)
    wider = {**ORDERS, "fields": [*ORDERS["fields"], {"name": "paid", "type": "boolean"}]}
    new = database(
        [{"name": "customers", "schema": CUSTOMERS}, {"name": "orders", "schema": wider}],
        {"customers": {"id": [70], "name": ["Eve"], "age": [None]},
         "orders": {"no": [1, 2], "customer": [70, None], "paid": [True, None]}},
    )  # fmt: skip
    write(new, target, "replace")
    found = content(target)
    assert found["customers"] == [(70, "Eve", None)]
    assert found["orders"] == [(1, 70, True), (2, None, None)]
    assert found["note"] == [("kept",)]
    after = keys(open_store(target).reflect())
    del after["note"]
    assert after == keys(new.schema)
    # names are free for the next one
    write(shop(), target, "replace")
    assert len(content(target)["customers"]) == 5


def test_a_table_that_others_refer_to_is_not_replaced_alone(target: str) -> None:
    write(shop(), target)
    before = content(target)
    alone = database(DESCRIPTOR[:1], {"customers": {"id": [1], "name": ["x"], "age": [1]}})
    with pytest.raises(OutputError, match="got a foreign key of 'orders'"):
        write(alone, target, "replace")
    assert content(target) == before


def test_tables_that_differ_are_not_added_to(target: str) -> None:
    write(shop(), target)
    before = content(target)
    fields = [{"name": "id", "type": "integer"}, {"name": "name", "type": "date"}, {"name": "new"}]
    other = parse_database_schema(
        {"resources": [{"name": "customers", "schema": {"fields": fields}}]}
    )
    with pytest.raises(OutputError) as error, open_store(target).writing(other, "append"):
        pass
    told = str(error.value)
    assert "table 'customers'" in told
    assert "'name' is of type string there and date in the schema" in told
    assert "'new' is not there" in told
    absent = parse_database_schema({"resources": [{"name": "gone", "schema": {"fields": fields}}]})
    with (
        pytest.raises(OutputError, match="the table 'gone'"),
        open_store(target).writing(absent, "append"),
    ):
        pass
    assert content(target) == before


@pytest.mark.parametrize("mode", ["create", "append", "replace"])
def test_what_ends_a_run_early_leaves_the_store_as_it_was(mode: Mode, target: str) -> None:
    if mode != "create":
        write(shop(), target)
    before = content(target)
    source = shop(first=100, rows=300)
    for error in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(error), open_store(target).writing(source.schema, mode) as writer:
            writer.write("customers", source.tables["customers"].data)
            raise error
        assert content(target) == before
    write(source, target, mode)
    assert len(content(target)["customers"]) == 300 + 5 * (mode == "append")


# what a database refuses, by the records of a second table or a second run
BROKEN: dict[str, dict[str, Any]] = {
    "a parent that is not there": {"orders": {"no": [1], "customer": [987654]}},
    "a key twice": {"customers": {"id": [987654, 987654], "name": [SECRET, "b"], "age": [1, 2]}},
    "a broken rule": {"customers": {"id": [9], "name": [SECRET], "age": [987654]}},
    "a text that is too long": {"customers": {"id": [9], "name": [SECRET * 4], "age": [1]}},
    "no key": {"customers": {"id": [None], "name": [SECRET], "age": [1]}},
}


@pytest.mark.parametrize("mode", ["append", "replace"])
def test_a_database_checks_and_its_words_are_not_passed_on(
    mode: Mode, kind: str, target: str
) -> None:
    if kind == "folder":
        return  # files check nothing; `Database.checked` does when they are read
    write(shop(), target)
    before = content(target)
    for case, tables in BROKEN.items():
        with (
            pytest.raises(OutputError) as error,
            open_store(target).writing(shop().schema, mode) as writer,
        ):
            for name, columns in tables.items():
                writer.write(name, pa.table(columns))
        told = str(error.value)
        assert "nothing was changed" in told, case
        assert "from the driver" not in told, case
        for secret in (SECRET, "987654", "s3cret"):
            assert secret not in told, case
        assert content(target) == before, case


def test_a_new_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    for address in (f"sqlite:///{tmp_path}/a.db", f"duckdb:///{tmp_path}/b.db", f"{tmp_path}/c"):
        with (
            pytest.raises(RuntimeError),
            open_store(address).writing(shop().schema, "create") as writer,
        ):
            writer.write("customers", shop().tables["customers"].data)
            raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_files_of_other_programs_stay_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    write(shop(), str(tmp_path))
    assert {p.name for p in tmp_path.iterdir()} == {
        "notes.txt", "customers.csv", "orders.csv", "datapackage.yaml",
    }  # fmt: skip
