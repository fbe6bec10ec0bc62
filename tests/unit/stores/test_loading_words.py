"""What drivers say becomes one of our sentences, whatever a record holds."""

from __future__ import annotations

import sqlite3

import psycopg
import pyarrow as pa
import pymysql
import pytest

from tabsynth.errors import OutputError
from tabsynth.stores.address import open_store
from tabsynth.stores.loading import written
from tests.servers import Server
from tests.unit.stores.writing import SECRET, content, shop, write

ERRORS: list[tuple[Exception, str]] = [
    (psycopg.errors.DiskFull(f"could not extend file {SECRET}"), "a full disk"),
    (psycopg.errors.UniqueViolation(f"Key (id)=({SECRET} disk is full) exists"), "repeat a key"),
    (psycopg.errors.CheckViolation(f"Failing row contains ({SECRET})"), "break a CHECK"),
    (psycopg.errors.NumericValueOutOfRange(SECRET), "values that do not fit the type"),
    (pymysql.err.OperationalError(1114, f"The table '{SECRET}' is full"), "a full disk"),
    (pymysql.err.IntegrityError(1062, f"Duplicate entry '{SECRET}'"), "repeat a key"),
    (pymysql.err.OperationalError(1205, SECRET), "another program writes to"),
    (sqlite3.OperationalError("database or disk is full"), "a full disk"),
    (sqlite3.OperationalError("database is locked"), "another program writes to"),
    (OSError(28, "No space left on device"), "a full disk"),
    (pymysql.err.OperationalError(9999, SECRET), "OperationalError from the driver"),
]


@pytest.mark.parametrize(("error", "words"), ERRORS, ids=lambda e: type(e).__name__)
def test_words_of_drivers_are_not_passed_on(error: Exception, words: str) -> None:
    with pytest.raises(OutputError, match=words) as told, written("shop.db"):
        raise error
    assert SECRET not in str(told.value)
    assert told.value.__suppress_context__


def test_other_errors_are_not_a_databases() -> None:
    with pytest.raises(ZeroDivisionError), written("shop.db"):
        raise ZeroDivisionError


def test_a_character_that_postgresql_does_not_keep(postgresql: Server) -> None:
    address = postgresql.database()
    write(shop(), address)
    before = content(address)
    with (
        pytest.raises(OutputError, match="texts with characters that the database does not keep"),
        open_store(address).writing(shop().schema, "append") as writer,
    ):
        writer.write("customers", pa.table({"id": [9], "name": [f"{SECRET}\0"], "age": [1]}))
    assert content(address) == before
