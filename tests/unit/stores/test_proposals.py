"""Keys of a folder without a Data Package: proposed by names and values together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tabsynth.database_workflow import read_database
from tabsynth.errors import DataError
from tabsynth.schema.database import DatabaseSchema, dump_database_schema
from tabsynth.stores.address import open_store


def reflected(folder: Path, files: Mapping[str, str]) -> DatabaseSchema:
    for name, text in files.items():
        (folder / name).write_text(text)
    return open_store(str(folder)).reflect()


def keys(schema: DatabaseSchema) -> set[tuple[str, str, str]]:
    return {
        (child, *key.fields, key.parent)
        for child, found in schema.foreign_keys.items()
        for key in found
    }


CUSTOMERS = "id,name,parent_id\n1,a,\n2,b,1\n5,c,1\n"


def test_names_and_values_together_make_a_key(tmp_path: Path) -> None:
    schema = reflected(
        tmp_path,
        {
            "customers.csv": CUSTOMERS,
            "orders.csv": "order_id,customer_id,billing_customer_id,amount\n7,1,1,3\n8,1,5,3\n",
            "categories.csv": "categoryId,n\nx,1\ny,2\n",
            # one card for each order, so that its key is unique here as well
            "cards.csv": "card_id,order_id\n1,8\n2,7\n",
            "items.csv": "order_id,category_id\n7,x\n7,y\n8,y\n",
        },
    )
    assert {n: t.primary_key for n, t in schema.tables.items()} == {
        "customers": ("id",), "orders": ("order_id",), "categories": ("categoryId",), "items": (),
        "cards": ("card_id",),
    }  # fmt: skip
    assert keys(schema) == {
        ("customers", "parent_id", "customers"),
        ("orders", "customer_id", "customers"),
        ("orders", "billing_customer_id", "customers"),
        ("items", "order_id", "orders"),
        ("cards", "order_id", "orders"),
        ("items", "category_id", "categories"),
    }
    notes = schema.tables["items"].tabsynth.notes
    assert "foreign key order_id: proposed, as the names say so and the values agree" in notes


@pytest.mark.parametrize(
    "orders",
    [
        "order_id,customer_id\n7,1\n8,3\n",
        "order_id,buyer\n7,1\n8,2\n",
        "order_id,customer_id\n7,a\n8,b\n",
        "order_id,customer_id\n7,\n8,\n",
    ],
    ids=["a value that is not there", "another name", "another type", "no value"],
)
def test_no_key_without_both(tmp_path: Path, orders: str) -> None:
    schema = reflected(tmp_path, {"customers.csv": CUSTOMERS, "orders.csv": orders})
    assert not schema.foreign_keys["orders"]


def test_values_that_come_twice_are_no_primary_key(tmp_path: Path) -> None:
    schema = reflected(tmp_path, {"orders.csv": "order_id,n\n7,1\n7,2\n"})
    assert schema.tables["orders"].primary_key == ()


def test_a_declared_key_that_comes_twice_is_counted(tmp_path: Path) -> None:
    schema = reflected(tmp_path, {"customers.csv": CUSTOMERS})
    (tmp_path / "datapackage.yaml").write_text(dump_database_schema(schema))
    assert read_database(open_store(str(tmp_path))).tables["customers"].num_rows == 3
    (tmp_path / "customers.csv").write_text(CUSTOMERS + "5,d,1\n")
    with pytest.raises(DataError, match="column 'id': 1 record breaks the primary key"):
        read_database(open_store(str(tmp_path)))


def test_two_files_of_one_table_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"x": 1}\n')
    with pytest.raises(DataError, match=r"one file for each table, got a\.csv and a\.jsonl"):
        reflected(tmp_path, {"a.csv": "x\n1\n"})
