"""Tables that break things: one of every kind, each with its schema."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from tabsynth.schema.generator import Pattern, Personal, Sequence, Uuid
from tabsynth.schema.model import Constraints, FieldExtension, FieldSchema, TableSchema
from tabsynth.table import Table

ROWS = 400


def field(name: str, kind: str = "string", **settings: object) -> FieldSchema:
    constraints = settings.pop("constraints", {})
    ours = settings.pop("tabsynth", {})
    return FieldSchema(
        name=name,
        type=kind,
        constraints=Constraints(**constraints),
        tabsynth=FieldExtension(**ours),
        **settings,
    )


def with_missing(values: list[object], rng: np.random.Generator) -> list[object]:
    hits = rng.random(len(values)) < 0.1
    return [None if hit else v for v, hit in zip(values, hits, strict=True)]


def every_type() -> Table:
    """All types together, a tenth missing, with dependence between the columns."""
    rng = np.random.default_rng(7)
    base = rng.integers(0, 40, ROWS)
    day = dt.date(1950, 6, 1)
    moment = dt.datetime(1969, 12, 31, 23, 30)
    zone = dt.UTC
    columns = {
        "whole number": with_missing([int(b) - 20 for b in base], rng),
        "price": with_missing([round(float(b) * 1.25 + rng.random(), 2) for b in base], rng),
        "ratio": with_missing([float(x) for x in rng.normal(size=ROWS)], rng),
        "ok": with_missing([bool(b % 2) for b in base], rng),
        "größe": with_missing([["klein", "mittel", "groß"][b % 3] for b in base], rng),
        "город": with_missing([f"город {b % 7}" for b in base], rng),
        "grade": with_missing([int(b % 4) for b in base], rng),
        "born": with_missing([day + dt.timedelta(days=int(b) * 400) for b in base], rng),
        "seen": with_missing([moment + dt.timedelta(minutes=int(b) * 7) for b in base], rng),
        "seen utc": with_missing(
            [(moment + dt.timedelta(minutes=int(b) * 7)).replace(tzinfo=zone) for b in base], rng
        ),
        "clock": with_missing([dt.time(int(b) % 24, 30) for b in base], rng),
    }
    schema = TableSchema(
        fields=(
            field("whole number", "integer", constraints={"minimum": -20, "maximum": 19}),
            field("price", "number", tabsynth={"decimals": 2}),
            field("ratio", "number"),
            field("ok", "boolean"),
            field("größe", categories=("klein", "mittel", "groß"), categoriesOrdered=True),
            field("город"),
            field("grade", "integer", categories=(0, 1, 2, 3)),
            field("born", "date"),
            field("seen", "datetime"),
            field("seen utc", "datetime", tabsynth={"timezone": "Europe/Berlin"}),
            field("clock", "time"),
        )
    )
    return Table.checked(pa.table(columns), schema)


def generated() -> Table:
    """Identifiers, personal data and free text beside two modelled columns."""
    schema = TableSchema(
        fields=(
            field("id", "integer", tabsynth={"role": "identifier", "generator": Sequence()},
                  constraints={"required": True, "unique": True}),
            field("key", tabsynth={"generator": Uuid()}, constraints={"unique": True}),
            field("code", tabsynth={"generator": Pattern(pattern=r"[A-Z]{2}-\d{4}")}),
            field("name", tabsynth={"generator": Personal(what="name")}),
            field("note", tabsynth={"free_text": "replace"}),
            field("remark", tabsynth={"free_text": "drop"}),
            field("age", "integer"),
            field("sex", categories=("f", "m")),
        ),
        primaryKey="id",
    )  # fmt: skip
    rng = np.random.default_rng(3)
    rows = 60
    columns = {
        "id": np.arange(rows) + 900_000,
        "key": [f"secret-{i}" for i in range(rows)],
        "code": [f"ZZ-{i:04d}" for i in range(rows)],
        "name": [f"Person {i}" for i in range(rows)],
        "note": [f"long story {i}" for i in range(rows)],
        "remark": [f"remark {i}" for i in range(rows)],
        "age": rng.integers(18, 30, rows),
        "sex": rng.choice(["f", "m"], rows),
    }
    return Table.checked(pa.table(columns), schema)


def constant() -> Table:
    schema = TableSchema(fields=(field("same"), field("number", "integer"), field("x", "number")))
    columns = {"same": ["a"] * 50, "number": [3] * 50, "x": np.linspace(0, 1, 50)}
    return Table.checked(pa.table(columns), schema)


def all_missing() -> Table:
    gone = field("gone", "number")
    schema = TableSchema(fields=(field("void"), gone, field("when", "date"), field("x", "integer")))
    columns = {
        "void": pa.nulls(40, pa.string()),
        "gone": pa.nulls(40, pa.float64()),
        "when": pa.nulls(40, pa.date32()),
        "x": list(range(8)) * 5,
    }
    return Table.checked(pa.table(columns), schema)


def many_categories() -> Table:
    """20,000 categories of 5 records each."""
    names = np.repeat([f"c{i:05d}" for i in range(20_000)], 5)
    schema = TableSchema(fields=(field("city"), field("x", "number")))
    x = np.random.default_rng(0).normal(size=len(names))
    return Table.checked(pa.table({"city": names, "x": x}), schema)


def duplicates() -> Table:
    schema = TableSchema(fields=(field("a"), field("b", "integer")))
    return Table.checked(pa.table({"a": ["x", "y"] * 30, "b": [1, 2] * 30}), schema)


def wide() -> Table:
    rng = np.random.default_rng(5)
    names = [f"v{i}" for i in range(60)]
    schema = TableSchema(fields=tuple(field(n, "number") for n in names))
    return Table.checked(pa.table({n: rng.normal(size=120) for n in names}), schema)


def extremes() -> Table:
    """Whole numbers near the ends of 64 bits, tiny and huge floats."""
    rng = np.random.default_rng(11)
    big = [2**61 + int(i) * 2**40 for i in rng.integers(0, 1000, 200)]
    schema = TableSchema(fields=(field("big", "integer"), field("wild", "number")))
    wild = np.exp(rng.normal(scale=100, size=200))
    return Table.checked(pa.table({"big": big, "wild": wild}), schema)


ZOO: dict[str, Callable[[], Table]] = {
    f.__name__: f
    for f in (
        every_type,
        generated,
        constant,
        all_missing,
        many_categories,
        duplicates,
        wide,
        extremes,
    )
}
