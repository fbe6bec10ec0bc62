"""What is added to tables that have records goes on behind their keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.database import Database
from tabsynth.errors import DataError
from tabsynth.relations.appending import beyond
from tests.database_zoo import ZOO, database
from tests.shop import shop


def both(drawn: Database, there: Database) -> Database:
    """What the store holds after the records of one database were added to those of another."""
    held = {name: table.data for name, table in there.tables.items()}
    added = beyond(drawn, held, rng=np.random.default_rng(0))
    together = {name: pa.concat_tables([held[name], data]) for name, data in added.items()}
    # every key is asked for again: unique ones by the schema, foreign ones by the database
    return Database.checked(together, drawn.schema, where="both")


@pytest.mark.parametrize("case", ["strange names", "trees"])
def test_the_same_database_can_be_added_to_itself(case: str) -> None:
    source = ZOO[case]()
    found = both(source, source)
    for name, table in source.tables.items():
        assert found.tables[name].num_rows == 2 * table.num_rows, name
        for key in source.schema.foreign_keys[name]:
            before, after = source.parents(name, key), found.parents(name, key)[table.num_rows :]
            size = source.tables[key.parent].num_rows
            # everybody has the parent that he had
            np.testing.assert_array_equal(np.where(after < 0, after, after - size), before)


def test_keys_that_do_not_collide_stay() -> None:
    added = beyond(shop(20, 2), {n: t.data for n, t in shop(20, 1).tables.items()},
                   rng=np.random.default_rng(0))  # fmt: skip
    assert added["clients"].column("id").equals(shop(20, 2).tables["clients"].data.column("id"))


def listed(prefix: str = "c", declared: bool = True) -> Database:
    codes = [f"{prefix}{i}" for i in range(4)]
    countries: dict[str, Any] = {"fields": [{"name": "code"}], "primaryKey": "code"}
    if declared:
        countries["fields"][0]["categories"] = ["c0", "c1", "c2", "c3"]
    return database(
        [
            {"name": "countries", "schema": countries},
            {"name": "towns", "schema": {
                "fields": [{"name": "id", "tabsynth": {"generator": {"kind": "uuid"}}},
                           {"name": "country"},
                           {"name": "mail", "constraints": {"unique": True},
                            "tabsynth": {"generator": {"kind": "personal", "what": "email"}}}],
                "primaryKey": "id",
                "foreignKeys": [{"fields": "country",
                                 "reference": {"resource": "countries", "fields": "code"}}]}},
        ],
        {"countries": {"code": codes},
         "towns": {"id": [f"u{i}" for i in range(8)], "country": codes * 2,
                   "mail": [f"m{i}@x.org" for i in range(8)]}},
    )  # fmt: skip


def test_a_declared_list_is_not_added_twice() -> None:
    found = both(listed(), listed())
    assert found.tables["countries"].num_rows == 4
    assert found.tables["towns"].num_rows == 16
    assert len(set(found.tables["towns"].column("mail").to_pylist())) == 16


def test_a_key_whose_form_is_used_up_is_refused() -> None:
    full = database(
        [{"name": "seats", "schema": {
            "fields": [{"name": "row", "type": "integer"},
                       {"name": "seat", "type": "integer", "constraints": {"maximum": 2}}],
            "primaryKey": ["row", "seat"]}}],
        {"seats": {"row": [1, 1, 2], "seat": [1, 2, 1]}},
    )  # fmt: skip
    with pytest.raises(DataError, match=r"key row, seat: expected keys that the target does not"):
        both(full, full)
    pattern = {"fields": [{"name": "code", "constraints": {"pattern": r"A\d"}}],
               "primaryKey": "code"}  # fmt: skip
    codes = database([{"name": "codes", "schema": pattern}],
                     {"codes": {"code": [f"A{i}" for i in range(8)]}})  # fmt: skip
    with pytest.raises(DataError, match="key code: expected keys that the target does not have"):
        both(codes, codes)
