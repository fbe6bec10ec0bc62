"""How fast are records written to PostgreSQL, beside COPY of the same bytes? In how much memory?

The server is Debian's, as tests start it: on the same machine, with fsync off for both sides.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tabsynth.schema.database import (
    DatabaseSchema,
    dump_database_schema,
    parse_database_schema,
)
from tabsynth.stores.address import open_store
from tabsynth.stores.ddl import Plan
from tabsynth.stores.rows import blocks, tab_rows
from tests.bench.record import spread, write
from tests.bench.sampling import high_water, process
from tests.servers import Server, connection, postgresql_server

SEED = 6
CHUNK = 262_144
ROWS = 1_000_000
MOST_ROWS = 10_000_000
REPETITIONS = 3


def schema() -> DatabaseSchema:
    """A table of payments: a key, a parent, and five columns of the common types."""
    fields = [
        {"name": "id", "type": "integer"},
        {"name": "account", "type": "integer"},
        {"name": "amount", "type": "number", "tabsynth": {"decimals": 2},
         "constraints": {"minimum": 0, "maximum": 100000}},
        {"name": "kind", "categories": ["transfer", "cash", "card", "standing order"]},
        {"name": "day", "type": "date"},
        {"name": "booked", "type": "datetime"},
        {"name": "note"},
    ]  # fmt: skip
    accounts = {"fields": [{"name": "id", "type": "integer"}], "primaryKey": "id"}
    payments = {
        "fields": fields,
        "primaryKey": "id",
        "foreignKeys": [
            {"fields": "account", "reference": {"resource": "accounts", "fields": "id"}}
        ],
    }
    return parse_database_schema(
        {"resources": [{"name": "accounts", "schema": accounts},
                       {"name": "payments", "schema": payments}]}
    )  # fmt: skip


def chunk(start: int, rows: int) -> pa.Table:
    """So many payments with keys from `start`."""
    rng = np.random.default_rng([SEED, start])
    kinds = pa.array(["transfer", "cash", "card", "standing order"])
    notes = pa.array([f"payment for invoice {i}" for i in range(5_000)])
    pick = lambda texts: pa.DictionaryArray.from_arrays(  # noqa: E731
        pa.array(rng.integers(0, len(texts), rows).astype(np.int32)), texts
    )
    return pa.table(
        {
            "id": np.arange(start, start + rows),
            "account": rng.integers(0, 1_000, rows),
            "amount": np.round(rng.gamma(2.0, 300.0, rows), 2),
            "kind": pick(kinds),
            "day": pa.array(rng.integers(10_000, 20_000, rows).astype(np.int32), pa.date32()),
            "booked": pa.array(rng.integers(10**15, 17 * 10**14, rows), pa.timestamp("us")),
            "note": pick(notes),
        }
    )


def ours(address: str, rows: int) -> dict[str, float]:
    """Seconds of a whole run through `Store.writing`, keys included; records are made outside."""
    made = 0.0
    started = time.perf_counter()
    with open_store(address).writing(schema(), "replace") as writer:
        writer.write("accounts", pa.table({"id": np.arange(1_000)}))
        for start in range(0, rows, CHUNK):
            before = time.perf_counter()
            data = chunk(start, min(CHUNK, rows - start))
            made += time.perf_counter() - before
            writer.write("payments", data)
        finishing = time.perf_counter()
    ended = time.perf_counter()
    return {"seconds": ended - started - made, "until_keys": finishing - started - made,
            "keys": ended - finishing}  # fmt: skip


def plain(server: Server, database: str, rows: int) -> dict[str, float]:
    """Seconds of COPY of the same bytes, made before, into the same table; then its keys."""
    plan = Plan(schema(), "postgresql")
    table = plan.schema.tables["payments"]
    with connection(server, database) as driver:
        driver.execute("DROP TABLE IF EXISTS payments, accounts")
        driver.execute("BEGIN")
        for name in plan.order:
            driver.execute(plan.create(name, keys=False))
        driver.execute("INSERT INTO accounts SELECT generate_series(0, 999)")
        seconds = 0.0
        with driver.cursor().copy("COPY payments FROM STDIN") as copy:
            for start in range(0, rows, CHUNK):
                data = chunk(start, min(CHUNK, rows - start))
                parts = [bytes(memoryview(tab_rows(b, table))) for b in blocks(data, table)]
                before = time.perf_counter()
                for part in parts:
                    copy.write(part)
                seconds += time.perf_counter() - before
            before = time.perf_counter()
        seconds += time.perf_counter() - before
        copied = seconds
        before = time.perf_counter()
        for name in plan.order:
            for key in plan.unique(name):
                driver.execute(f'ALTER TABLE "{name}" ADD {key}')
        for statement in plan.foreign("payments"):
            driver.execute(statement)
        driver.execute("COMMIT")
        keys = time.perf_counter() - before
    return {"seconds": copied + keys, "until_keys": copied, "keys": keys}


def main() -> None:
    """One million records three times in turns; ten million once, for memory."""
    with postgresql_server() as server:
        address = server.database()
        name = address.rpartition("/")[2]
        runs: dict[str, list[dict[str, float]]] = {"ours": [], "plain": []}
        for _ in range(REPETITIONS):
            runs["plain"].append(plain(server, name, ROWS))
            runs["ours"].append(ours(address, ROWS))
        memory = {f"{n:,} rows": peak(address, n) for n in (ROWS, MOST_ROWS)}
        mocks = {f"{n:,} rows": mocked(address, n) for n in (ROWS, MOST_ROWS)}
    pairs = list(zip(runs["plain"], runs["ours"], strict=True))
    write(
        "loading",
        {
            "table": "payments: 7 columns of made-up values, a primary and a foreign key",
            "seed": SEED,
            "rows": ROWS,
            "rows_per_s": {
                side: spread([ROWS / r["seconds"] for r in found]) for side, found in runs.items()
            },
            "rows_per_s_without_keys": {
                side: spread([ROWS / r["until_keys"] for r in found])
                for side, found in runs.items()
            },
            "rate_beside_plain_copy": spread([a["seconds"] / b["seconds"] for a, b in pairs]),
            "rate_beside_plain_copy_without_keys": spread(
                [a["until_keys"] / b["until_keys"] for a, b in pairs]
            ),
            "peak_memory": memory,
            "db_mock": mocks,
            "targets": {"rate_beside_plain_copy": ">= 0.5",
                        "memory": "flat: ten times the records in the same memory"},
        },
    )  # fmt: skip


def mocked(address: str, rows: int) -> dict[str, float]:
    """Peak resident memory and seconds of `tabsynth db mock`, which makes the records as well."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder, "datapackage.yaml")
        package.write_text(dump_database_schema(schema()), encoding="utf-8")
        return process("db", "mock", str(package), "--to", address, "--replace", "--seed", "1",
                       "--rows", "accounts=1000", "--rows", f"payments={rows}")  # fmt: skip


def peak(address: str, rows: int) -> dict[str, Any]:
    """Peak resident memory and seconds of a process of its own that writes so many records."""
    program = f"from tests.bench.loading import alone; alone({address!r}, {rows})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    seconds, mib = map(float, done.stdout.split())
    return {"seconds": seconds, "peak_memory_mib": mib}


def alone(address: str, rows: int) -> None:
    """Print seconds and the peak memory of this process in MiB."""
    seconds = ours(address, rows)["seconds"]
    print(seconds, high_water(os.getpid()) / 1024)
