"""How do time and memory of trees grow to 5 million records, and with 300 columns?

CPU seconds of all threads count; seconds by the clock depend on what else the machine does.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from itertools import pairwise
from typing import Any

import tabsynth as ts
from tabsynth.machine import peak_memory
from tests.bench.costs import Shape, table
from tests.bench.record import ROOT, adult, spread, write

RECORDS = (10_000, 100_000, 1_000_000, 5_000_000)
WIDE = Shape(5_000, numbers=150, counts=50, texts=100)


def measured(shape: Shape) -> dict[str, Any]:
    """Seconds and bytes of a fit and of sampling in this process."""
    made = table(shape)
    ts.fit(table(Shape(500)), synthesizer="trees", seed=0)
    with peak_memory() as peak:
        start, cpu = time.perf_counter(), time.process_time()
        model = ts.fit(made, synthesizer="trees", seed=0)
        fit_cpu = time.process_time() - cpu
        fit_seconds, memory = time.perf_counter() - start, peak()
    rows = min(shape.records, 1_000_000)
    start, cpu = time.perf_counter(), time.process_time()
    ts.sample(model, rows, seed=0)
    sample_cpu = time.process_time() - cpu
    return {
        "records": shape.records,
        "columns": len(made.schema.names),
        "fit_seconds": fit_seconds,
        "fit_cpu_seconds": fit_cpu,
        "memory": memory,
        "rows_per_cpu_second": rows / sample_cpu,
        "rows_per_second": rows / (time.perf_counter() - start),
        "sampled": any("sample of the records" in line for line in model.describe()),
    }


def in_a_process(shape: Shape) -> dict[str, Any]:
    """The same in a process of its own."""
    call = f"print(json.dumps(measured({shape!r})))"
    done = subprocess.run(
        [sys.executable, "-c", f"from tests.bench.trees_scaling import *; {call}"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    print(found, flush=True)
    return found


def on_adult() -> dict[str, Any]:
    """Seconds by the clock of five fits of Adult, and of three times a million records of it."""
    train, _ = adult()
    ts.fit(train, synthesizer="trees", seed=9)
    fits, draws = [], []
    for seed in range(5):
        start = time.perf_counter()
        model = ts.fit(train, synthesizer="trees", seed=seed)
        fits.append(time.perf_counter() - start)
    for seed in range(3):
        start = time.perf_counter()
        ts.sample(model, 1_000_000, seed=seed)
        draws.append(1_000_000 / (time.perf_counter() - start))
    return {
        "records": len(train),
        "fit_seconds": spread(fits),
        "sampled_rows_per_second": spread(draws),
        "targets": {"fit": "<= 5 s", "sampling": ">= 300,000 rows/s on two cores"},
    }


def main() -> None:
    """Fit made-up tables of 15 columns, and one of 300."""
    runs = [in_a_process(Shape(n)) for n in RECORDS]
    growth = [
        {
            "from": a["records"],
            "to": b["records"],
            "times_more_cpu": b["fit_cpu_seconds"] / a["fit_cpu_seconds"],
            "n_log_n_would_be": b["records"] * math.log(b["records"])
            / (a["records"] * math.log(a["records"])),
        }
        for a, b in pairwise(runs)
    ]  # fmt: skip
    found = {"runs": runs, "growth": growth, "wide": in_a_process(WIDE), "adult": on_adult()}
    write("trees_scaling", found)
