"""How fast, and in how much memory, are records written? Whole commands, timed from outside."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import tabsynth as ts
from tests.bench.record import adult, spread, write

MILLION = 1_000_000


def main() -> None:
    """`tabsynth sample` to each format, three times, and once with 10 million records."""
    train, _ = adult()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "adult.tabsynth")
        ts.fit(train, seed=0).save(model)
        start = [command(model, Path(folder, "s.parquet"), 1)["seconds"] for _ in range(3)]
        sizes = {"parquet": 4 * MILLION, "csv": 2 * MILLION, "csv.gz": MILLION // 4,
                 "jsonl": MILLION // 4}  # fmt: skip
        throughput = {}
        for ending, rows in sizes.items():
            runs = [command(model, Path(folder, f"s.{ending}"), rows) for _ in range(3)]
            throughput[ending] = {
                "rows": rows,
                "rows_per_s": spread([rows / r["seconds"] for r in runs]),
                "rows_per_s_after_start": spread(
                    [rows / (r["seconds"] - min(start)) for r in runs]
                ),
                "peak_memory_mib": spread([r["peak_memory_mib"] for r in runs]),
            }
        large = {}
        for rows in (MILLION, 10 * MILLION):
            for ending in ("parquet", "csv"):
                run = command(model, Path(folder, f"s.{ending}"), rows)
                large[f"{rows:,} rows to {ending}"] = run
    write(
        "sampling",
        {
            "table": "model of UCI Adult, 15 columns",
            "process_start_s": spread(start),
            "throughput": throughput,
            "memory": large,
            "targets": {"parquet": ">= 1,000,000 rows/s on two cores",
                        "memory": "10,000,000 rows under 2 GiB"},
        },
    )  # fmt: skip


def command(model: Path, out: Path, rows: int) -> dict[str, Any]:
    """Seconds and peak resident memory of one `tabsynth sample` process."""
    arguments = [sys.executable, "-m", "tabsynth", "--quiet", "sample", str(model), "-o", str(out),
                 "-n", str(rows), "--seed", "0"]  # fmt: skip
    start = time.perf_counter()
    process = os.posix_spawn(sys.executable, arguments, os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])  # fmt: skip
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - start
    if status:
        sys.exit(f"tabsynth sample failed with status {status}")
    size = out.stat().st_size
    out.unlink()
    return {"seconds": seconds, "peak_memory_mib": usage.ru_maxrss / 1024, "bytes": size}
