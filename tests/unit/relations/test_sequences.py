"""Events of one parent follow each other in time."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa

from tabsynth.database import Database
from tabsynth.relations.learning import fit_database
from tabsynth.relations.model import DatabaseModel
from tabsynth.relations.sequences import previous_of
from tabsynth.schema.database import parse_database_schema
from tabsynth.synthesizers.trees import Trees

SCHEMA = parse_database_schema(
    {
        "resources": [
            {"name": "persons", "schema": {"fields": [{"name": "id", "type": "integer"}],
                                           "primaryKey": "id"}},
            {"name": "visits", "schema": {
                "fields": [{"name": "person", "type": "integer"}, {"name": "day", "type": "date"},
                           {"name": "kind"}],
                "foreignKeys": [{"fields": "person",
                                 "reference": {"resource": "persons", "fields": "id"}}]}},
        ]
    }
)  # fmt: skip


@cache
def visits() -> Database:
    """Kinds go round a, b, c; after an a the next visit comes in a day, else in a week."""
    rng = np.random.default_rng(0)
    records: dict[str, list[object]] = {"person": [], "day": [], "kind": []}
    for person in range(300):
        day, kind = int(rng.integers(0, 100)), int(rng.integers(0, 3))
        for _ in range(int(rng.integers(1, 6))):
            records["person"].append(person)
            records["day"].append(np.datetime64("2020-01-01") + day)
            records["kind"].append("abc"[kind])
            day += 1 if kind == 0 else 7
            kind = (kind + 1) % 3
    order = rng.permutation(len(records["day"]))
    table = pa.table({**records, "day": pa.array(np.array(records["day"], "datetime64[D]"))})
    tables = {"persons": pa.table({"id": np.arange(300)}), "visits": table.take(pa.array(order))}
    return Database.checked(tables, SCHEMA, where="made")


@cache
def model() -> DatabaseModel:
    return fit_database(visits(), synthesizer=Trees(), rng=np.random.default_rng(1))


def followers(database: Database) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kinds before and after, and the days between."""
    frame = database.tables["visits"].data.to_pandas()
    frame["day"] = frame["day"].astype("datetime64[s]")
    frame = frame.sort_values(["person", "day"], kind="stable")
    same = (frame["person"].shift(1) == frame["person"]).to_numpy()
    gap = frame["day"].diff().dt.days.to_numpy()
    kind = frame["kind"].astype(str).to_numpy()
    return kind[:-1][same[1:]], kind[1:][same[1:]], gap[same]


def test_the_next_event_goes_by_the_last() -> None:
    before, after, gap = followers(model().sample(rng=np.random.default_rng(2)))
    following = dict(zip("abc", "bca", strict=True))
    right = np.mean([following[b] == a for b, a in zip(before, after, strict=True)])
    # drawn without the last one, a third would be right
    assert right > 0.8
    wanted = np.where(before == "a", 1, 7)
    assert np.mean(gap == wanted) > 0.8


def test_events_do_not_go_on_beyond_those_of_the_source() -> None:
    source = np.asarray(visits().tables["visits"].column("day"))
    drawn = np.asarray(model().sample(rng=np.random.default_rng(3)).tables["visits"].column("day"))
    assert drawn.max() <= source.max()


def test_the_record_before_is_the_last_of_the_same_parent() -> None:
    main = np.array([1, 0, 1, -1, 0, 1])
    order = np.array([5, 4, 3, 2, 1, 0])
    assert previous_of(main, order).tolist() == [2, 4, 5, -1, -1, -1]


def test_what_is_said_of_it() -> None:
    said = [line for line in model().describe() if "follow each other" in line]
    assert said == [
        "Table visits: records of one parent follow each other by day, each given the one before."
    ]


def test_siblings_without_a_time_know_of_the_one_before() -> None:
    """An account has one owner, and at most two others; who they are follows from no date."""
    rng = np.random.default_rng(0)
    others = rng.integers(0, 3, 400)
    accounts = np.repeat(np.arange(400), others + 1)
    role = np.where(np.append(-1, accounts[:-1]) != accounts, "owner", "other")
    fields = [{"name": "account", "type": "integer"}, {"name": "person", "type": "integer"},
              {"name": "role"}]  # fmt: skip
    keys = [{"fields": name, "reference": {"resource": f"{name}s", "fields": "id"}}
            for name in ("account", "person")]  # fmt: skip
    own = {"fields": [{"name": "id", "type": "integer"}], "primaryKey": "id"}
    schema = parse_database_schema({"resources": [
        {"name": "persons", "schema": own}, {"name": "accounts", "schema": own},
        {"name": "roles", "schema": {"fields": fields, "foreignKeys": keys}}]})  # fmt: skip
    persons = rng.permutation(len(accounts))
    tables = {
        "persons": pa.table({"id": np.arange(len(accounts))}),
        "accounts": pa.table({"id": np.arange(400)}),
        "roles": pa.table({"account": accounts, "person": persons, "role": role}),
    }
    source = Database.checked(tables, schema, where="made")
    fitted = fit_database(source, synthesizer=Trees(), rng=np.random.default_rng(1))
    # by the account a record has siblings, by the person none, though no key says so
    assert fitted.tables["roles"].ties.main is not None
    assert fitted.tables["roles"].ties.main.index == 0
    drawn = fitted.sample(rng=np.random.default_rng(2)).tables["roles"].data.to_pandas()
    owners = drawn[drawn["role"] == "owner"].groupby("account").size()
    assert len(owners) == drawn["account"].nunique() and owners.max() == 1
    assert drawn["person"].nunique() > 0.97 * len(drawn)
