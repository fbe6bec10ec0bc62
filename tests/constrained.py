"""A table with a constraint of every kind, and rules of our own as a plugin would register them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.schema.files import parse_schema
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table

# what a plugin's entry points say
RULES = {"even_day": "tests.constrained:even_day", "odd_answer": "tests.constrained:odd_answer"}
DECIMALS = {"decimals": 2}
NEEDED = {"required": True}
CONSTRAINTS: list[dict[str, Any]] = [
    {"kind": "inequality", "columns": ["start", "end"]},
    {"kind": "combinations", "columns": ["city", "country"]},
    {"kind": "increment", "column": "price", "step": 0.05},
    {"kind": "one_hot", "columns": ["red", "green", "blue"]},
    {"kind": "total", "total": "gross", "parts": ["net", "tax"]},
    {"kind": "unique", "columns": ["day", "room"]},
    {"kind": "exclusive", "columns": ["phone", "mail"]},
    {"kind": "expression", "expression": "age >= 18 or children == 0"},
    {"kind": "custom", "name": "even_day", "columns": ["day"]},
]


def schema_of(
    constraints: list[dict[str, Any]], fields: list[dict[str, Any]] | None = None
) -> TableSchema:
    own = {"fields": fields or FIELDS, "tabsynth": {"constraints": constraints}}
    return parse_schema(own, "schema")


FIELDS: list[dict[str, Any]] = [
    {"name": "start", "type": "date"},
    {"name": "end", "type": "date"},
    {"name": "city"},
    {"name": "country"},
    {"name": "price", "type": "number", "tabsynth": DECIMALS},
    *({"name": n, "type": "boolean", "constraints": NEEDED} for n in ("red", "green", "blue")),
    *({"name": n, "type": "number", "tabsynth": DECIMALS} for n in ("net", "tax", "gross")),
    *({"name": n, "type": "integer"} for n in ("day", "room", "phone", "mail")),
    *({"name": n, "type": "integer"} for n in ("age", "children")),
]


def records(rows: int = 600, seed: int = 0) -> dict[str, Any]:
    """Columns that keep every constraint, with missing values where they may be."""
    rng = np.random.default_rng(seed)
    start = rng.integers(18_000, 19_000, rows)
    gone = rng.random(rows) < 0.1
    cents = rng.integers(100, 9_000, (2, rows))
    city, colour = rng.integers(0, 9, rows), rng.integers(0, 3, rows)
    reached = rng.integers(0, 3, rows)
    age = rng.integers(5, 80, rows)
    place = rng.permutation(40 * 100)[:rows]
    epoch = dt.date(1970, 1, 1)

    def dates(days: NDArray[np.int64], missing: NDArray[np.bool_]) -> list[dt.date | None]:
        return [None if m else epoch + dt.timedelta(int(d)) for d, m in zip(days, missing)]  # noqa: B905

    return {
        "start": dates(start, np.zeros(rows, bool)),
        "end": dates(start + rng.integers(0, 40, rows), gone),
        "city": [f"city {c}" for c in city],
        "country": [f"country {c // 3}" for c in city],
        "price": np.round(rng.integers(1, 90, rows) * 0.05, 2),
        **{name: colour == i for i, name in enumerate(("red", "green", "blue"))},
        "net": cents[0] / 100,
        "tax": pa.array(cents[1] / 100, mask=gone),
        "gross": pa.array(np.round((cents[0] + cents[1]) / 100, 2), mask=gone),
        "day": place // 40 * 2,
        "room": place % 40,
        "phone": pa.array(rng.integers(100, 120, rows), mask=reached != 0),
        "mail": pa.array(rng.integers(200, 220, rows), mask=reached != 1),
        "age": age,
        "children": np.where(age >= 18, rng.integers(0, 4, rows), 0),
    }


def constrained(rows: int = 600, seed: int = 0) -> Table:
    return Table.checked(pa.table(records(rows, seed)), schema_of(CONSTRAINTS))


def even_day(table: Table) -> NDArray[np.bool_]:
    """Days are even."""
    days = table.column("day").fill_null(0).to_numpy(zero_copy_only=False)
    return np.asarray(days % 2 != 0)


def odd_answer(table: Table) -> list[int]:
    """Not what a rule should answer with."""
    return [1] * table.num_rows
