"""Databases that break things: all types, all kinds of keys and names, each with its records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from tabsynth.database import Database
from tabsynth.schema.database import DatabaseSchema, parse_database_schema
from tabsynth.table import Table

WORDS = ("", "a", "NULL", "\\N", "it's", 'say "so"', "tab\there", "line\nend", "\\",
         "größe", "город", "日本語", "🤦🏼‍♂️", " lead", "trail ", "%s", "A", "0")  # fmt: skip


def database(descriptor: list[dict[str, Any]], records: Mapping[str, dict[str, Any]]) -> Database:
    schema = parse_database_schema({"resources": descriptor})
    raw = {}
    for name, table in schema.tables.items():
        columns = records.get(name, {})
        raw[name] = pa.table({f: columns.get(f, []) for f in table.names})
    return Database.checked(raw, schema, where="zoo")


def every_type() -> Database:
    """All types with extreme, missing and strange values."""
    rng = np.random.default_rng(5)
    rows = 200
    text = [str(t) for t in rng.choice(WORDS, rows)]
    moment = dt.datetime(1999, 12, 31, 23, 59, 59)
    late = [moment + dt.timedelta(microseconds=int(m)) for m in rng.integers(0, 10**15, rows)]
    days = [dt.date(1583, 1, 1), dt.date(9999, 12, 31), dt.date(2024, 2, 29)]
    columns: dict[str, list[Any]] = {
        "big": [2**63 - 1, -(2**63), 0, *map(int, rng.integers(-(2**40), 2**40, rows - 3))],
        "small": list(map(int, rng.integers(-5, 120, rows))),
        "ratio": [1e300, -1e-300, 0.1, *map(float, rng.normal(size=rows - 3))],
        "price": [round(float(x), 2) for x in rng.uniform(-999, 999, rows)],
        "flag": list(map(bool, rng.integers(0, 2, rows))),
        "word": text,
        "short": [t[:5] for t in text],
        "colour": [str(c) for c in rng.choice(["red", "it's blue", "grün"], rows)],
        "level": list(map(int, rng.integers(1, 4, rows))),
        "day": [days[i] for i in rng.integers(0, 3, rows)],
        "at": late,
        "instant": [t.replace(tzinfo=dt.UTC) for t in late],
        "clock": [t.time() for t in late],
        "code": [f"AB-{i:04d}" for i in range(rows)],
    }
    for place, name in enumerate(columns):
        if name not in ("code", "level"):
            columns[name][10 + place] = None
    fields = [
        {"name": "big", "type": "integer"},
        {"name": "small", "type": "integer", "constraints": {"minimum": -5, "maximum": 120}},
        {"name": "ratio", "type": "number"},
        {"name": "price", "type": "number", "tabsynth": {"decimals": 2},
         "constraints": {"minimum": -999, "maximum": 999}},
        {"name": "flag", "type": "boolean"},
        {"name": "word", "missingValues": ["missing"]},
        {"name": "short", "constraints": {"maxLength": 5}, "missingValues": ["missing"]},
        {"name": "colour", "categories": ["red", "it's blue", "grün"]},
        {"name": "level", "type": "integer", "categories": [1, 2, 3],
         "constraints": {"required": True}},
        {"name": "day", "type": "date", "constraints": {"minimum": "1583-01-01"}},
        {"name": "at", "type": "datetime", "constraints": {"minimum": "1999-01-01T00:00:00"}},
        {"name": "instant", "type": "datetime", "tabsynth": {"timezone": "UTC"}},
        {"name": "clock", "type": "time"},
        {"name": "code", "constraints": {"pattern": r"AB-\d{4}", "unique": True, "maxLength": 7}},
    ]  # fmt: skip
    rules = [
        {"kind": "inequality", "columns": ["small", "big"], "observed": True},
        {"kind": "expression", "expression": "level >= 1 and (small * 2 < 500 or flag is null)"},
        {"kind": "combinations", "columns": ["level", "flag"],
         "allowed": [[a, b] for a in (1, 2, 3) for b in (True, False, None)]},
    ]  # fmt: skip
    schema = {"fields": fields, "tabsynth": {"constraints": rules}}
    return database([{"name": "everything", "schema": schema}], {"everything": columns})


def strange_names() -> Database:
    """Reserved, mixed-case, spaced and foreign names; a link table of two keys; an empty table."""
    orders = {
        "fields": [
            {"name": "Order No", "type": "integer"},
            {"name": "select", "type": "integer", "constraints": {"required": True}},
            {"name": "100%", "type": "number", "tabsynth": {"decimals": 1}},
            {"name": "größe\"'", "constraints": {"maxLength": 10}},
        ],
        "primaryKey": "Order No",
        "foreignKeys": [{"fields": "select", "reference": {"resource": "User", "fields": "id"}}],
    }
    user = {"fields": [{"name": "id", "type": "integer"}, {"name": "Name"}], "primaryKey": "id"}
    link = {
        "fields": [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}],
        "primaryKey": ["a", "b"],
        "foreignKeys": [
            {"fields": "a", "reference": {"resource": "User", "fields": "id"}},
            {"fields": "b", "reference": {"resource": "order", "fields": "Order No"}},
        ],
    }
    empty = {
        "fields": [{"name": "link a", "type": "integer"}, {"name": "b", "type": "integer"}],
        "foreignKeys": [
            {"fields": ["b", "link a"], "reference": {"resource": "link", "fields": ["b", "a"]}}
        ],
    }
    return database(
        [
            {"name": "User", "schema": user},
            {"name": "order", "schema": orders},
            {"name": "link", "schema": link},
            {"name": "nobody's", "schema": empty},
        ],
        {
            "User": {"id": [1, 2, 30], "Name": ["a", None, "ü"]},
            "order": {"Order No": [7, 8], "select": [30, 1], "100%": [0.5, None],
                      "größe\"'": ["x", None]},
            "link": {"a": [1, 1, 2], "b": [7, 8, 7]},
        },
    )  # fmt: skip


def trees() -> Database:
    """A table that refers to itself, children before parents, and optional composite keys."""
    tree = {
        "fields": [
            {"name": "id", "type": "integer", "constraints": {"minimum": 0, "maximum": 1000}},
            {"name": "boss", "type": "integer"},
            {"name": "country", "constraints": {"maxLength": 2, "required": True}},
            {"name": "number", "type": "integer", "constraints": {"required": True}},
        ],
        "primaryKey": "id",
        "uniqueKeys": [["country", "number"]],
        "foreignKeys": [{"fields": "boss", "reference": {"fields": "id"}}],
    }
    child = {
        "fields": [
            {"name": "key"}, {"name": "n", "type": "integer"}, {"name": "c"},
            {"name": "twice", "type": "integer", "constraints": {"unique": True}},
        ],
        "primaryKey": "key",
        "foreignKeys": [
            {"fields": ["n", "c"],
             "reference": {"resource": "tree", "fields": ["number", "country"]}}
        ],
    }  # fmt: skip
    rows = 300
    return database(
        [{"name": "tree", "schema": tree}, {"name": "child", "schema": child}],
        {
            "tree": {
                "id": list(range(rows)),
                "boss": [i + 7 if i + 7 < rows and i % 5 else None for i in range(rows)],
                "country": ["CH" if i % 2 else "ch" for i in range(rows)],
                "number": [i // 2 for i in range(rows)],
            },
            "child": {
                "key": [f"k{i}" for i in range(rows)],
                "n": [i // 2 if i % 3 else None for i in range(rows)],
                "c": ["CH" if i % 2 else "ch" for i in range(rows)],
                "twice": [i if i % 2 else None for i in range(rows)],
            },
        },
    )


ZOO: dict[str, Callable[[], Database]] = {
    "every type": every_type, "strange names": strange_names, "trees": trees,
}  # fmt: skip


def sorted_rows(table: Table) -> list[tuple[Any, ...]]:
    """The records, in an order that does not depend on the store."""
    columns = [
        table.column(name).cast(pa.string()) if pa.types.is_dictionary(table.column(name).type)
        else table.column(name)
        for name in table.schema.names
    ]  # fmt: skip
    return sorted(zip(*(c.to_pylist() for c in columns), strict=True), key=repr)


def keys(schema: DatabaseSchema) -> dict[str, Any]:
    """Types and keys, without the order in which they are listed."""
    return {
        name: (
            table.primary_key,
            {frozenset(key) for key in schema.unique_keys(name)},
            {(frozenset(zip(k.fields, k.references, strict=True)), k.parent)
             for k in schema.foreign_keys[name]},
            [(f.name, f.type) for f in table.fields],
        )
        for name, table in schema.tables.items()
    }  # fmt: skip
