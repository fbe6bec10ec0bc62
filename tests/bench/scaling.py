"""How does the time to fit grow from 10 thousand to 10 million records?"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from itertools import pairwise

from tests.bench.record import ROOT, write

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)

CHILD = """
import json, resource, sys, time
import numpy as np, pyarrow as pa
import tabsynth as ts
from tests.bench.record import adult
train, _ = adult()
table = ts.Table.from_pandas(train)
rows, rng = int(sys.argv[1]), np.random.default_rng(0)
grown = table.take(rng.integers(0, table.num_rows, rows))
# drawing again repeats values; noise keeps the nearly unique column nearly unique
place = table.schema.names.index("fnlwgt")
weight = grown.data["fnlwgt"].to_numpy() + rng.integers(-5000, 5000, rows)
grown = ts.Table(grown.schema, grown.data.set_column(place, "fnlwgt", pa.array(weight)))
ts.fit(table.take(np.arange(1000)), seed=0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
times = []
for _ in range(3):
    start = time.perf_counter()
    ts.fit(grown, seed=0)
    times.append(time.perf_counter() - start)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
table_mib = grown.data.nbytes / 2**20
print(json.dumps({"seconds": times, "table_mib": table_mib, "peak_memory_mib": after,
                  "peak_before_fit_mib": before}))
"""


def main() -> None:
    """Fit Adult's records drawn with replacement, each size in a process of its own."""
    runs = {}
    for rows in SIZES:
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(rows)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        runs[rows] = json.loads(done.stdout)
    best = {rows: min(run["seconds"]) for rows, run in runs.items()}
    growth = {
        f"{a:,} to {b:,}": {
            "times_longer": best[b] / best[a],
            "n_log_n_would_be": b * math.log(b) / (a * math.log(a)),
        }
        for a, b in pairwise(SIZES)
    }
    write("scaling", {"table": "UCI Adult drawn with replacement, 15 columns",
                      "runs": {f"{k:,}": v for k, v in runs.items()}, "growth": growth,
                      "target": "near n log n"})  # fmt: skip
