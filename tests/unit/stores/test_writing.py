"""What is written to a store is what is read from it, and keys and rules hold there."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tabsynth.database import Database
from tabsynth.stores.address import open_store
from tabsynth.stores.protocol import Mode
from tests.database_zoo import ZOO, keys, sorted_rows


def write(database: Database, address: str, mode: Mode = "create", *, chunk: int = 64) -> None:
    with open_store(address).writing(database.schema, mode) as writer:
        for name in database.schema.parents_first:
            data = database.tables[name].data
            for start in range(0, data.num_rows, chunk):
                writer.write(name, data.slice(start, chunk))


def read(database: Database, address: str) -> Database:
    store = open_store(address)
    raw = {}
    for name, table in database.schema.tables.items():
        batches = list(store.read(name, table))
        columns = {f: [] for f in table.names}
        raw[name] = pa.Table.from_batches(batches) if batches else pa.table(columns)
    return Database.checked(raw, database.schema, where="target")


@pytest.mark.parametrize("case", ZOO)
def test_what_is_written_is_what_is_read(case: str, target: str) -> None:
    database = ZOO[case]()
    write(database, target)
    found = read(database, target)
    for name, table in database.tables.items():
        assert sorted_rows(found.tables[name]) == sorted_rows(table), name
    assert keys(open_store(target).reflect()) == keys(database.schema)
