"""How fast, and in how much memory, are records written? Whole commands, timed from outside."""

from __future__ import annotations

import subprocess
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
        ts.fit(train, synthesizer="trees", seed=0).save(model)
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
            "table": "trees of UCI Adult, 15 columns",
            "process_start_s": spread(start),
            "throughput": throughput,
            "memory": large,
            "targets": {"parquet": ">= 300,000 rows/s on two cores",
                        "memory": "10,000,000 rows under 2 GiB"},
        },
    )  # fmt: skip


def command(model: Path, out: Path, rows: int) -> dict[str, Any]:
    """Seconds and peak resident memory of one `tabsynth sample` process."""
    found = process("sample", str(model), "-o", str(out), "-n", str(rows), "--seed", "0")
    size = out.stat().st_size
    out.unlink()
    return {**found, "bytes": size}


def process(*arguments: str) -> dict[str, float]:
    """Seconds and peak resident memory of one `tabsynth` process.

    The peak is the process's own high-water mark, read every 20 ms while it runs: the figure that
    `wait4` gives starts at the peak of the process that started it.
    """
    start = time.perf_counter()
    started = subprocess.Popen(
        [sys.executable, "-m", "tabsynth", "--quiet", *arguments], stdout=subprocess.DEVNULL
    )
    peak = 0
    while started.poll() is None:
        peak = max(peak, high_water(started.pid))
        time.sleep(0.02)
    seconds = time.perf_counter() - start
    if started.returncode:
        sys.exit(f"tabsynth {arguments[0]} failed with status {started.returncode}")
    return {"seconds": seconds, "peak_memory_mib": peak / 1024}


def high_water(process: int) -> int:
    """Peak resident memory of a running process in KiB; 0 when it has just ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
