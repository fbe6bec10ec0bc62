"""Small databases, one for each way in which tables can belong together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tabsynth.database import Database
from tests.database_zoo import database, trees
from tests.shop import shop

Fields = list[dict[str, Any]]


def _key(fields: str | list[str], table: str | None, references: str | list[str]) -> dict[str, Any]:
    resource = {} if table is None else {"resource": table}
    return {"fields": fields, "reference": {**resource, "fields": references}}


def _table(name: str, fields: Fields, *, primary: Any = (), keys: Any = (), **more: Any) -> Any:
    return {"name": name, "schema": {"fields": fields, "primaryKey": primary,
                                     "foreignKeys": list(keys), **more}}  # fmt: skip


def _whole(name: str, **constraints: Any) -> dict[str, Any]:
    return {"name": name, "type": "integer", "constraints": constraints}


def _choice(rng: np.random.Generator, values: Any, size: int) -> list[Any]:
    return [v.item() for v in rng.choice(values, size)]


def link_table() -> Database:
    """Students and courses, and who takes which: a primary key of two foreign ones."""
    rng = np.random.default_rng(1)
    drawn = zip(rng.integers(0, 60, 150).tolist(), rng.integers(0, 12, 150).tolist(), strict=True)
    pairs = sorted(set(drawn))
    return database(
        [
            _table("students", [_whole("id"), {"name": "year"}], primary="id"),
            _table("courses", [_whole("no"), {"name": "level"}], primary="no"),
            _table("takes", [_whole("student"), _whole("course"), {"name": "mark"}],
                   primary=["student", "course"],
                   keys=[_key("student", "students", "id"), _key("course", "courses", "no")]),
        ],
        {
            "students": {"id": list(range(1, 61)), "year": _choice(rng, ["1st", "2nd"], 60)},
            "courses": {"no": list(range(100, 112)), "level": ["low", "high"] * 6},
            "takes": {"student": [s + 1 for s, _ in pairs], "course": [c + 100 for _, c in pairs],
                      "mark": _choice(rng, list("abc"), len(pairs))},
        },
    )  # fmt: skip


def optional_parents() -> Database:
    """Visits of persons, some by nobody, some without a guide."""
    rng = np.random.default_rng(2)
    by = [None if x < 0.3 else int(x * 80) + 1 for x in rng.random(200)]
    guide = [None if x < 0.5 else int(x * 20) + 1 for x in rng.random(200)]
    return database(
        [
            _table("persons", [_whole("id"), {"name": "sex"}], primary="id"),
            _table("guides", [_whole("id"), {"name": "tongue"}], primary="id"),
            _table("visits", [_whole("id"), _whole("by"), _whole("guide"), {"name": "kind"}],
                   primary="id", keys=[_key("by", "persons", "id"), _key("guide", "guides", "id")]),
        ],
        {
            "persons": {"id": list(range(1, 81)), "sex": _choice(rng, ["f", "m"], 80)},
            "guides": {"id": list(range(1, 21)), "tongue": ["en", "fr"] * 10},
            "visits": {"id": list(range(1, 201)), "by": by, "guide": guide,
                       "kind": ["long" if g else "short" for g in guide]},
        },
    )  # fmt: skip


def one_to_one() -> Database:
    """Persons of whom half have a passport, whose key is theirs, and each a locker."""
    rng = np.random.default_rng(3)
    holders = sorted(int(i) for i in rng.choice(100, 50, replace=False))
    return database(
        [
            _table("persons", [_whole("id"), {"name": "sex"}], primary="id"),
            _table("passports", [_whole("person"), {"name": "state"}], primary="person",
                   keys=[_key("person", "persons", "id")]),
            _table("lockers", [{"name": "code"}, _whole("person", unique=True)], primary="code",
                   keys=[_key("person", "persons", "id")]),
        ],
        {
            "persons": {"id": list(range(100)), "sex": _choice(rng, ["f", "m"], 100)},
            "passports": {"person": holders, "state": _choice(rng, ["ch", "de"], 50)},
            "lockers": {"code": [f"L-{i:05d}" for i in range(0, 9_900, 99)],
                        "person": [int(i) for i in rng.permutation(100)]},
        },
    )  # fmt: skip


def numbered_lines() -> Database:
    """Bills with lines 1, 2, 3, and parts of lines that name both."""
    rng = np.random.default_rng(4)
    lines = [(b, n + 1) for b in range(1, 61) for n in range(int(rng.integers(0, 5)))]
    parts = [line for line in lines for _ in range(int(rng.integers(0, 3)))]
    return database(
        [
            _table("bills", [_whole("no"), {"name": "paid", "type": "boolean"}], primary="no"),
            _table("lines", [_whole("bill"), _whole("line"), {"name": "ware"}],
                   primary=["bill", "line"], keys=[_key("bill", "bills", "no")]),
            _table("parts", [_whole("bill"), _whole("line"), {"name": "colour"}],
                   keys=[_key(["bill", "line"], "lines", ["bill", "line"])]),
        ],
        {
            "bills": {"no": list(range(1, 61)), "paid": _choice(rng, [True, False], 60)},
            "lines": {"bill": [b for b, _ in lines], "line": [n for _, n in lines],
                      "ware": _choice(rng, ["nut", "bolt"], len(lines))},
            "parts": {"bill": [b for b, _ in parts], "line": [n for _, n in parts],
                      "colour": _choice(rng, ["red", "blue"], len(parts))},
        },
    )  # fmt: skip


def tenants() -> Database:
    """Keys that share a column: a task and its worker are of one tenant."""
    rng = np.random.default_rng(5)
    of = [int(t) for t in rng.integers(1, 11, 80)]
    chosen = [int(w) for w in rng.integers(0, 80, 200)]
    tenant = [_whole("tenant"), _whole("id")]
    return database(
        [
            _table("tenants", [_whole("id"), {"name": "plan"}], primary="id"),
            _table("workers", [*tenant, {"name": "trade"}], primary=["tenant", "id"],
                   keys=[_key("tenant", "tenants", "id")]),
            _table("tasks", [*tenant, _whole("worker"), {"name": "state"}], primary="id",
                   keys=[_key("tenant", "tenants", "id"),
                         _key(["tenant", "worker"], "workers", ["tenant", "id"])]),
        ],
        {
            "tenants": {"id": list(range(1, 11)), "plan": ["free", "paid"] * 5},
            "workers": {"tenant": of, "id": list(range(80)),
                        "trade": _choice(rng, ["smith", "mason"], 80)},
            "tasks": {"id": list(range(200)), "tenant": [of[w] for w in chosen], "worker": chosen,
                      "state": _choice(rng, ["open", "done"], 200)},
        },
    )  # fmt: skip


def staff() -> Database:
    """A tree whose first record leads to itself, as it may not do without."""
    rng = np.random.default_rng(6)
    boss = [0, *(int(rng.integers(0, max(i // 4, 1))) for i in range(1, 150))]
    return database(
        [_table("staff", [_whole("id"), _whole("boss", required=True), {"name": "grade"}],
                primary="id", keys=[_key("boss", None, "id")])],
        {"staff": {"id": list(range(150)), "boss": boss,
                   "grade": ["head" if i < 40 else "hand" for i in range(150)]}},
    )  # fmt: skip


def empty_in_the_middle() -> Database:
    """Grandparents with records, parents and children without any."""
    return database(
        [
            _table("above", [_whole("id"), {"name": "x"}], primary="id"),
            _table("middle", [_whole("id"), _whole("above")], primary="id",
                   keys=[_key("above", "above", "id")]),
            _table("below", [_whole("middle"), {"name": "y"}],
                   keys=[_key("middle", "middle", "id")]),
        ],
        {"above": {"id": list(range(40)), "x": ["a", "b"] * 20}},
    )  # fmt: skip


def only_keys() -> Database:
    """Two tables that hold nothing but keys."""
    return database(
        [
            _table("users", [_whole("id")], primary="id"),
            _table("logins", [_whole("id"), _whole("user")], primary="id",
                   keys=[_key("user", "users", "id")]),
        ],
        {"users": {"id": list(range(50))},
         "logins": {"id": list(range(150)), "user": [i % 25 for i in range(150)]}},
    )  # fmt: skip


def kinds_of_keys() -> Database:
    """Keys of every form, and personal data that is the same in parent and child."""
    rng = np.random.default_rng(7)
    numbers = rng.integers(0, 2**32, 60).tolist()
    uuids = [f"{number:08x}-0000-4000-8000-{number:012x}" for number in numbers]
    mails = [f"p{i}@example.org" for i in range(60)]
    mail = {"name": "mail", "tabsynth": {"generator": {"kind": "personal", "what": "email"}}}
    last = {"name": "last", "tabsynth": {"generator": {"kind": "personal", "what": "last_name"}}}
    sequence = {"generator": {"kind": "sequence", "prefix": "C"}}
    chosen = [int(i) for i in rng.integers(0, 60, 150)]
    return database(
        [
            _table("firms", [{"name": "code", "tabsynth": sequence}, {"name": "size"}],
                   primary="code"),
            _table("people", [{"name": "uuid", "tabsynth": {"generator": {"kind": "uuid"}}},
                              {**mail, "constraints": {"unique": True}}, last,
                              {"name": "firm"}, {"name": "born", "type": "date",
                                                 "constraints": {"unique": True}}],
                   primary="uuid", keys=[_key("firm", "firms", "code")]),
            _table("letters", [{"name": "to"}, mail, last, {"name": "note", "tabsynth":
                                                      {"free_text": "drop"}},
                               {"name": "text", "tabsynth": {"free_text": "replace"}}],
                   keys=[_key("to", "people", "uuid")]),
        ],
        {
            "firms": {"code": [f"C{i}" for i in range(1, 21)], "size": ["big", "small"] * 10},
            "people": {"uuid": uuids, "mail": mails, "last": ["Q"] * 60,
                       "firm": [f"C{int(i)}" for i in rng.integers(1, 21, 60)],
                       "born": [f"19{50 + i % 50}-0{1 + i % 9}-{10 + i // 9}" for i in range(60)]},
            "letters": {"to": [uuids[i] for i in chosen], "mail": [mails[i] for i in chosen],
                        "last": ["R"] * 150,
                        "note": ["secret"] * 150, "text": ["dear"] * 150},
        },
    )  # fmt: skip


ZOO: Mapping[str, Callable[[], Database]] = {
    "shop": lambda: shop(120, 1), "link table": link_table, "optional parents": optional_parents,
    "one to one": one_to_one, "numbered lines": numbered_lines, "tenants": tenants,
    "staff": staff, "empty in the middle": empty_in_the_middle, "only keys": only_keys,
    "kinds of keys": kinds_of_keys, "trees": trees,
}  # fmt: skip
