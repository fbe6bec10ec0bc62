"""Contribution bounds of a database: so many records of one entity, whatever they hold."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from tabsynth.database import Database
from tabsynth.database_workflow import fit_database
from tabsynth.errors import SchemaError
from tabsynth.relations.bounding import bounded
from tests.related_zoo import database

PERSONS = 60
# the first person has 50 visits, the others 4 each, and ten visits are nobody's
OWNER: list[int | None] = [*[0] * 50, *np.repeat(np.arange(1, PERSONS), 4).tolist(), *[None] * 10]


def _whole(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "type": "integer"} for name in names]


def _key(field: str, parent: str) -> dict[str, Any]:
    return {"fields": field, "reference": {"resource": parent, "fields": "id"}}


def clinic(**bounds: dict[str, Any]) -> Database:
    """Persons, their visits, two lines of each visit, and letters from a person to another."""
    visits, lines = len(OWNER), np.repeat(np.arange(len(OWNER)), 2)
    tables = {
        "persons": {"fields": _whole("id"), "primaryKey": "id"},
        "visits": {"fields": _whole("id", "person", "after", "x"), "primaryKey": "id",
                   "foreignKeys": [_key("person", "persons"), _key("after", "visits")]},
        "lines": {"fields": _whole("visit", "x"), "foreignKeys": [_key("visit", "visits")]},
        "letters": {"fields": _whole("by", "to"),
                    "foreignKeys": [_key("by", "persons"), _key("to", "persons")]},
    }  # fmt: skip
    resources = [
        {"name": name, "schema": {**table, "tabsynth": bounds.get(name, {})}}
        for name, table in tables.items()
    ]
    # every second visit follows the one before it
    after = [i - 1 if i % 2 else None for i in range(visits)]
    return database(
        resources,
        {"persons": {"id": list(range(PERSONS))},
         "visits": {"id": list(range(visits)), "person": OWNER, "after": after,
                    "x": [i % 5 for i in range(visits)]},
         "lines": {"visit": lines.tolist(), "x": [i % 3 for i in range(len(lines))]},
         "letters": {"by": [0] * 9 + [1], "to": [1] * 9 + [2]}},
    )  # fmt: skip


def _held(found: Database, table: str, name: str) -> list[Any]:
    return found.tables[table].column(name).to_pylist()


def test_nobody_has_more_records_than_the_bound_and_no_key_leads_nowhere() -> None:
    source = clinic(visits={"max_records_per_unit": 3})
    found = bounded(source, "persons", np.random.default_rng(0))
    each = Counter(_held(found, "visits", "person"))
    assert max(each.values()) <= 3
    assert None not in each
    visits = set(_held(found, "visits", "id"))
    assert set(_held(found, "lines", "visit")) == visits
    assert {a for a in _held(found, "visits", "after") if a is not None} <= visits
    assert found.tables["letters"].num_rows == 10
    Database.checked({n: t.data for n, t in found.tables.items()}, found.schema, where="bounded")


def test_which_records_stay_is_chance() -> None:
    source = clinic(lines={"max_records_per_unit": 2})
    times: Counter[int] = Counter()
    for seed in range(300):
        found = bounded(source, "persons", np.random.default_rng(seed))
        held = [v for v in _held(found, "lines", "visit") if v < 50]
        assert len(held) == 2
        times.update(held)
    # 600 picks among 50 visits: 12 each; under chance a count beyond 30 has odds below 1e-5
    assert len(times) > 45
    assert max(times.values()) < 30


def test_the_bound_of_the_entity_is_that_of_all_below_it() -> None:
    fewer = clinic(
        persons={"max_records_per_unit": 4}, visits={"max_records_per_unit": 2},
        letters={"privacy_unit": "by"},
    )  # fmt: skip
    found = bounded(fewer, "persons", np.random.default_rng(0))
    assert max(Counter(_held(found, "visits", "person")).values()) == 2
    assert max(Counter(_held(found, "letters", "by")).values()) == 4
    assert found.tables["lines"].num_rows == 2 * found.tables["visits"].num_rows
    assert found.tables["persons"].num_rows == PERSONS


def test_a_bound_is_refused_where_it_is_not_clear_whose_a_record_is() -> None:
    with pytest.raises(SchemaError, match=r"'letters': expected one way .* got 2 ways"):
        bounded(clinic(letters={"max_records_per_unit": 1}), "persons", np.random.default_rng(0))
    alone = clinic(persons={"max_records_per_unit": 1})
    with pytest.raises(SchemaError, match=r"'persons': expected one way .* got none"):
        bounded(alone, "visits", np.random.default_rng(0))


def test_a_fit_learns_families_no_larger_than_the_bound() -> None:
    """The bound was ignored by fits of databases."""
    source = clinic(visits={"max_records_per_unit": 3})
    drawn = fit_database(source, entity="persons", seed=0).model.sample(
        rng=np.random.default_rng(1)
    )
    each = Counter(v for v in _held(drawn, "visits", "person") if v is not None)
    assert max(each.values()) <= 3
    whole = fit_database(clinic(), entity="persons", seed=0).model
    each = Counter(_held(whole.sample(rng=np.random.default_rng(1)), "visits", "person"))
    assert max(each.values()) > 3
