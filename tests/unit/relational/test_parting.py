"""A database in two parts, each valid, with no entity in both. Seeds are fixed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tabsynth.database import Database
from tabsynth.errors import DataError, SchemaError
from tabsynth.relational.parting import Parts, part
from tests.database_zoo import database
from tests.shop import shop


def parted(whole: Database, entity: str, seed: int = 1) -> Parts:
    """Two parts that are valid databases; together they hold no record that the source lacks."""
    found = part(whole, entity, rng=np.random.default_rng(seed))
    for half in (found.train, found.holdout):
        raw = {name: table.data for name, table in half.tables.items()}
        Database.checked(raw, whole.schema, where="part")
        assert half.tables[entity].num_rows > 0
    return found


def column(half: Database, table: str, name: str) -> list[Any]:
    return list(half.tables[table].column(name).to_pylist())


def table(name: str, fields: list[str], **keys: str) -> dict[str, Any]:
    """Whole-number columns, the first of them the primary key, and keys to other tables."""
    return {
        "name": name,
        "schema": {
            "fields": [{"name": field, "type": "integer"} for field in fields],
            "primaryKey": fields[0],
            "foreignKeys": [
                {"fields": field, "reference": {"resource": parent, "fields": "id"}}
                for field, parent in keys.items()
            ],
        },
    }


def test_entities_take_their_children_and_share_what_is_looked_up() -> None:
    whole = shop(200, 1)
    found = parted(whole, "clients")
    ids = [set(column(half, "clients", "id")) for half in (found.train, found.holdout)]
    assert (len(ids[0]), len(ids[1]), ids[0] & ids[1]) == (160, 40, set())
    assert (found.share, found.whole) == (0.8, {"towns"})
    for half, own in zip((found.train, found.holdout), ids, strict=True):
        assert set(column(half, "orders", "client")) <= own
        assert half.tables["towns"].num_rows == 4
    orders = sum(half.tables["orders"].num_rows for half in (found.train, found.holdout))
    assert orders == whole.tables["orders"].num_rows
    assert found.notes == ()
    again = part(whole, "clients", rng=np.random.default_rng(1))
    assert column(again.train, "clients", "id") == column(found.train, "clients", "id")
    assert set(column(parted(whole, "clients", 2).train, "clients", "id")) != ids[0]


def test_persons_of_an_account_and_what_hangs_from_them_go_with_it() -> None:
    rows = list(range(100))
    # two persons have each account of an even number; the last person has none
    holds = [(a, p) for p in range(150) for a in [p if p < 100 else 2 * (p - 100)]]
    whole = database(
        [table("accounts", ["id"]), table("persons", ["id", "x"]),
         table("holders", ["id", "account", "person"], account="accounts", person="persons"),
         table("notes", ["id", "person"], person="persons"),
         table("codes", ["id"]), table("uses", ["id", "account", "code"],
                                       account="accounts", code="codes")],
        {"accounts": {"id": rows}, "persons": {"id": list(range(151)), "x": [7] * 151},
         "holders": {"id": list(range(150)), "account": [a for a, _ in holds],
                     "person": [p for _, p in holds]},
         "notes": {"id": list(range(300)), "person": [i % 151 for i in range(300)]},
         "codes": {"id": [1, 2, 3]},
         "uses": {"id": list(range(200)), "account": [i // 2 for i in range(200)],
                  "code": [i % 3 + 1 for i in range(200)]}},
    )  # fmt: skip
    found = parted(whole, "accounts")
    halves = (found.train, found.holdout)
    for name in ("accounts", "persons", "holders", "notes", "uses"):
        ids = [set(column(half, name, "id")) for half in halves]
        assert not ids[0] & ids[1], name
        assert len(ids[0] | ids[1]) == whole.tables[name].num_rows, name
    # of a code most records have many accounts: it is looked up
    assert all(half.tables["codes"].num_rows == 3 for half in halves)


def test_what_leads_to_both_parts_is_in_neither_and_optional_keys_are_emptied() -> None:
    rng = np.random.default_rng(0)
    boss = [None, *(int(rng.integers(0, i)) for i in range(1, 200))]
    ends = rng.integers(0, 200, (500, 2))
    whole = database(
        [table("people", ["id", "boss"], boss="people"),
         table("letters", ["id", "sender", "receiver"], sender="people", receiver="people")],
        {"people": {"id": list(range(200)), "boss": boss},
         "letters": {"id": list(range(500)), "sender": [int(e) for e in ends[:, 0]],
                     "receiver": [int(e) for e in ends[:, 1]]}},
    )  # fmt: skip
    found = parted(whole, "people")
    assert found.share == 0.8
    kept = sum(half.tables["letters"].num_rows for half in (found.train, found.holdout))
    assert 250 < kept < 420
    assert found.train.tables["people"].column("boss").null_count > 10
    assert "keys of 'people' to 'people' that lead to the other part are empty" in found.notes[0]
    assert "records of 'letters' belong to both parts and are left out" in found.notes[1]


def test_small_families_are_not_torn_apart() -> None:
    whole = database(
        [table("people", ["id", "head"], head="people")],
        {"people": {"id": list(range(300)), "head": [i - i % 3 if i % 3 else None
                                                     for i in range(300)]}},
    )  # fmt: skip
    found = parted(whole, "people")
    assert found.notes == ()
    for half in (found.train, found.holdout):
        assert half.tables["people"].column("head").null_count * 3 == half.tables["people"].num_rows


def test_records_of_nobody_are_dealt_out_with_all_that_hangs_from_them() -> None:
    owner = [i // 2 if i < 100 else None for i in range(300)]
    whole = database(
        [table("people", ["id"]), table("orders", ["id", "person"], person="people"),
         table("lines", ["id", "order"], order="orders")],
        {"people": {"id": list(range(50))}, "orders": {"id": list(range(300)), "person": owner},
         "lines": {"id": list(range(900)), "order": [i // 3 for i in range(900)]}},
    )  # fmt: skip
    found = parted(whole, "people")
    orders = [half.tables["orders"].num_rows for half in (found.train, found.holdout)]
    lines = [half.tables["lines"].num_rows for half in (found.train, found.holdout)]
    assert sum(orders) == 300 and lines == [3 * n for n in orders]
    # 0.8 of 300 by chance; fails by chance once in 10^6 seeds
    assert 200 < orders[0] < 275


def test_one_household_stays_together() -> None:
    people = table("people", ["id", "household"])
    people["schema"]["tabsynth"] = {"privacy_unit": "household"}
    whole = database(
        [people], {"people": {"id": list(range(60)), "household": [i // 20 for i in range(60)]}}
    )
    found = parted(whole, "people")
    homes = [set(column(half, "people", "household")) for half in (found.train, found.holdout)]
    assert sorted(map(len, homes)) == [1, 2] and not homes[0] & homes[1]


def test_what_cannot_be_dealt_out_is_refused() -> None:
    one = database([table("people", ["id"])], {"people": {"id": [1]}})
    with pytest.raises(DataError, match="at least 2 entities"):
        part(one, "people", rng=np.random.default_rng(0))
    circle = database(
        [table("a", ["id", "b"], b="b"), table("b", ["id", "a"], a="a")],
        {"a": {"id": [1, 2], "b": [1, 2]}, "b": {"id": [1, 2], "a": [None, None]}},
    )
    with pytest.raises(SchemaError, match="a circle among the tables 'a', 'b'"):
        part(circle, "a", rng=np.random.default_rng(0))
