"""What one entity has in several records of a table is that entity's own."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tabsynth.database import Database
from tabsynth.relational.apart import whose
from tabsynth.relational.tables import table_results
from tabsynth.schema.database import parse_database_schema

SCHEMA = parse_database_schema(
    {
        "resources": [
            {
                "name": "clients",
                "schema": {
                    "fields": [{"name": "id", "type": "integer"}, {"name": "sex"}],
                    "primaryKey": "id",
                },
            },
            {
                "name": "orders",
                "schema": {
                    "fields": [
                        {"name": "client", "type": "integer"},
                        {"name": "amount", "type": "integer"},
                        {"name": "mail", "tabsynth": {"generator": {"kind": "personal",
                                                                    "what": "email"}}},
                    ],
                    "foreignKeys": [{"fields": "client",
                                     "reference": {"resource": "clients", "fields": "id"}}],
                },
            },
        ]
    }
)  # fmt: skip


def shop(start: int, *, mails: int | None = None) -> Database:
    """Sixty clients with three orders each, whose address each of these repeats."""
    ids = range(start, start + 60)
    mails = start if mails is None else mails
    orders = [(i, 10 * (i % 7), f"m{i - start + mails}@a.example") for i in ids for _ in range(3)]
    client, amount, mail = zip(*orders, strict=True)
    tables = {
        "clients": pa.table({"id": list(ids), "sex": ["f", "m"] * 30}),
        "orders": pa.table({"client": client, "amount": amount, "mail": mail}),
    }
    return Database.checked(tables, SCHEMA, where="made")


def test_addresses_that_each_client_repeats_are_caught_where_they_come_out() -> None:
    train, holdout = shop(0), shop(1000)
    found = {}
    for name, mails in (("copied", 0), ("made", 5000)):
        drawn = shop(2000, mails=mails)
        results = table_results(train, drawn, holdout, {}, entity="clients", seed=0)
        (found[name],) = [r for r in results if r.name == "withheld_copies" and r.table == "orders"]
    assert (found["copied"].status, found["copied"].n) == ("fail", 120)
    assert (found["made"].status, found["made"].value) == ("ok", 0.0)


def test_orders_are_not_told_apart_by_those_of_the_same_client() -> None:
    """Order by order in folds, a client's other orders give each one away: an AUC of 1."""
    rng = np.random.default_rng(0)

    def clients(start: int) -> Database:
        ids = list(range(start, start + 60))
        owners = np.repeat(ids, 20)
        tables = {
            "clients": pa.table({"id": ids, "sex": ["f", "m"] * 30}),
            "orders": pa.table({
                "client": owners,
                "amount": np.repeat(rng.integers(0, 10**6, 60), 20),
                "mail": [f"m{i}@a.example" for i in owners],
            }),
        }  # fmt: skip
        return Database.checked(tables, SCHEMA, where="made")

    train, drawn, holdout = (clients(start) for start in (0, 1000, 2000))
    results = table_results(train, drawn, holdout, {}, entity="clients", seed=0)
    found = next(r for r in results if r.name == "c2st_auc" and r.table == "orders")
    assert found.value is not None and found.value < 0.75
    assert found.ci_low is not None and found.ci_high is not None
    assert found.ci_low < 0.5 < found.ci_high


def test_records_without_an_entity_stand_alone() -> None:
    train = shop(0)
    owners = whose(train, "orders", "clients")
    assert owners is not None
    assert owners.tolist() == [i for i in range(60) for _ in range(3)]
    assert whose(train, "clients", "clients") is None
    assert whose(train, "orders", "orders") is None
