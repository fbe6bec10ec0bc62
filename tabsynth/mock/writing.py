"""A test database into a store, table by table and block by block."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa

from tabsynth.errors import UsageError
from tabsynth.io.atomic import write_text
from tabsynth.mock.edges import Edge
from tabsynth.mock.records import Mock
from tabsynth.modelfile import Fitted
from tabsynth.schema.database import DatabaseSchema
from tabsynth.stores.protocol import Mode, Store

Say = Callable[[str], object]


def parse_rows(pairs: list[str]) -> dict[str, int]:
    """Numbers of records by table from their texts.

    Raises:
        UsageError: one that is no TABLE=NUMBER, or a table that comes twice.
    """
    found: dict[str, int] = {}
    for pair in pairs:
        name, _, number = pair.rpartition("=")
        if not name or name in found or not number.isascii() or not number.isdecimal():
            raise UsageError("--rows", expected="TABLE=NUMBER, each table once",
                             got="something else", remedy="write customers=1000")  # fmt: skip
        found[name] = int(number)
    return found


def write_mock(
    store: Store, schema: DatabaseSchema, rows: Mapping[str, int], *, seed: int, mode: Mode,
    edge_cases_file: Path | None = None, models: Mapping[str, Fitted] | None = None,
    say: Say = lambda _: None,
) -> dict[str, int]:  # fmt: skip
    """Fill a store with invented records that keep all that is declared; nothing is read.

    Args:
        store: where to.
        schema: of the database.
        rows: numbers of records by table; see `tabsynth.mock.sizes.sizes` for the others.
        seed: the same seed gives the same records.
        mode: what to do with tables that are there.
        edge_cases_file: adds records at the edges of what is allowed; what is special in each is
            written there.
        models: see `Mock.of`.
        say: called with a line before each table.

    Returns:
        Numbers of records by table.

    Raises:
        UsageError: a table that is not there.
        SchemaError: what cannot be kept; nothing was written.
        DataError: rules that hardly any drawn record keeps.
        OutputError: the store does not take them.
    """
    mock = Mock.of(schema, rows, seed=seed, edge_cases=edge_cases_file is not None, models=models)
    written: dict[str, int] = {}
    lines: list[tuple[str, str, str, str]] = []
    with ExitStack() as stack:
        writer = stack.enter_context(store.writing(schema, mode))
        for name in mock.rows:
            say(f"writing {name}")
            for block in mock.blocks(name):
                writer.write(name, block)
            data, special = mock.edge_records(name)
            if special:
                writer.write(name, data)
                lines += _marks(name, data, special, schema.tables[name].primary_key)
            written[name] = mock.rows[name] + data.num_rows
        if edge_cases_file is not None:
            text = io.StringIO()
            table = csv.writer(text, lineterminator="\n")
            table.writerows([("table", "key", "column", "case"), *lines])
            stack.callback(write_text, edge_cases_file, text.getvalue())
    return written


def _marks(
    table: str, data: pa.Table, special: list[Edge], key: tuple[str, ...]
) -> list[tuple[str, str, str, str]]:
    columns = [data.column(name).to_pylist() for name in key]
    keys = [",".join(map(str, parts)) for parts in zip(*columns, strict=True)]
    keys = keys or [""] * len(special)
    return [(table, k, e.column, e.case) for k, e in zip(keys, special, strict=True)]
