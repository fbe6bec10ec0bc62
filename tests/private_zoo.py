"""Private tables that break things: schemas with declared domains, and raw records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from tabsynth.privacy.intake import admit
from tabsynth.privacy.noise import SeededNoise
from tabsynth.privacy.private_table import PrivateTable
from tabsynth.privacy.spending import Account
from tabsynth.schema.model import TableSchema
from tests.zoo import every_type, field

Raw = tuple[pa.Table, TableSchema]


def declared_types() -> Raw:
    """All types together, a tenth missing, with dependence between the columns."""
    table = every_type()
    bounds = {
        "price": {"minimum": 0, "maximum": 60},
        "ratio": {"minimum": -5, "maximum": 5},
        "born": {"minimum": "1950-01-01", "maximum": "1999-12-31"},
        "seen": {"minimum": "1969-01-01T00:00:00", "maximum": "1970-12-31T00:00:00"},
        "seen utc": {"minimum": "1969-01-01T00:00:00Z", "maximum": "1970-12-31T00:00:00Z"},
    }
    fields = tuple(
        f.model_copy(update={"categories": tuple(f"город {k}" for k in range(7))})
        if f.name == "город"
        else f.model_validate({**f.model_dump(by_alias=True, exclude_none=True),
                               "constraints": bounds[f.name]})
        if f.name in bounds
        else f
        for f in table.schema.fields
    )  # fmt: skip
    return table.data, TableSchema(fields=fields)


def empty() -> Raw:
    raw, schema = declared_types()
    return raw.slice(0, 0), schema


def three_records() -> Raw:
    raw, schema = declared_types()
    return raw.slice(0, 3), schema


def constants() -> Raw:
    fields = (
        field("one", categories=("a",), constraints={"required": True}),
        field("maybe", categories=("a",)),
        field("number", "integer", constraints={"required": True, "minimum": 3, "maximum": 3}),
        field("same", "integer", constraints={"minimum": 0, "maximum": 9}),
    )
    columns = {"one": ["a"] * 50, "maybe": ["a"] * 50, "number": [3] * 50, "same": [7] * 50}
    return pa.table(columns), TableSchema(fields=fields)


def all_missing() -> Raw:
    fields = (
        field("void", categories=("a", "b")),
        field("x", "number", constraints={"minimum": 0, "maximum": 1}),
        field("when", "date", constraints={"minimum": "2000-01-01", "maximum": "2020-01-01"}),
    )
    columns = {"void": pa.nulls(40, pa.string()), "x": pa.nulls(40, pa.float64()),
               "when": pa.nulls(40, pa.date32())}  # fmt: skip
    return pa.table(columns), TableSchema(fields=fields)


def one_column() -> Raw:
    schema = TableSchema(
        fields=(field("x", "integer", constraints={"minimum": 0, "maximum": 5000}),)
    )
    return pa.table({"x": np.random.default_rng(0).integers(0, 40, 300)}), schema


def wide() -> Raw:
    """300 columns."""
    rng = np.random.default_rng(1)
    names = [f"v{i}" for i in range(300)]
    schema = TableSchema(
        fields=tuple(field(n, "integer", constraints={"minimum": 0, "maximum": 4}) for n in names)
    )
    return pa.table({n: rng.integers(0, 5, 60) for n in names}), schema


def many_categories() -> Raw:
    """2,000 declared categories of which few occur, beside moments on a fine scale."""
    rng = np.random.default_rng(2)
    names = tuple(f"c{i:04d}" for i in range(2000))
    start = dt.datetime(2020, 1, 1)
    moments = [start + dt.timedelta(seconds=int(s)) for s in rng.integers(0, 10**8, 500)]
    fields = (
        field("city", categories=names),
        field("when", "datetime",
              constraints={"minimum": "2020-01-01T00:00:00", "maximum": "2024-01-01T00:00:00"}),
    )  # fmt: skip
    city = [names[k] for k in rng.integers(0, 12, 500)]
    return pa.table({"city": city, "when": moments}), TableSchema(fields=fields)


PRIVATE_ZOO: dict[str, Callable[[], Raw]] = {
    f.__name__: f
    for f in (
        declared_types, empty, three_records, constants, all_missing, one_column, wide,
        many_categories,
    )
}  # fmt: skip


def admitted(raw: Raw, *, rho: float = 0.1, seed: int = 0) -> PrivateTable:
    """Raw records behind the door, with noise that a test can foresee."""
    table, schema = raw
    return admit(table, schema, Account(rho), noise=SeededNoise(seed))
