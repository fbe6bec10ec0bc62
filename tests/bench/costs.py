"""What does a fit cost, and does the estimate before it say so?"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np
import pandas as pd

import tabsynth as ts
from tabsynth.choice import configure
from tabsynth.machine import peak_memory, slowness
from tabsynth.preflight import size_of
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.table import Table
from tests.bench.record import ROOT, write

ENGINES = ("independent", "gaussian_copula", "trees")


@dataclass(frozen=True)
class Shape:
    """A made-up table.

    Args:
        records: how many.
        numbers: columns of floats, all different.
        counts: columns of small whole numbers.
        texts: columns of categories.
        categories: in each of these.
    """

    records: int
    numbers: int = 5
    counts: int = 3
    texts: int = 7
    categories: int = 12


SHAPES = (
    Shape(5_000),
    Shape(50_000),
    Shape(200_000),
    Shape(1_000_000),
    Shape(50_000, numbers=20, counts=10, texts=10),
    Shape(5_000, numbers=150, counts=50, texts=100),
    Shape(50_000, numbers=2, counts=2, texts=2, categories=5_000),
    Shape(300_000, numbers=2, counts=0, texts=2, categories=40_000),
)


def table(shape: Shape) -> Table:
    """The table: every column is a noisy view of the same three hidden numbers."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(3, shape.records))

    def column() -> np.ndarray[Any, Any]:
        weights = rng.normal(size=3)
        noise = rng.normal(size=shape.records)
        return np.asarray((weights @ hidden + noise) / np.sqrt(weights @ weights + 1))

    columns: dict[str, Any] = {f"x{j}": column() for j in range(shape.numbers)}
    columns |= {f"n{j}": np.floor(np.exp(column() + 2)).astype(int) for j in range(shape.counts)}
    for j in range(shape.texts):
        rank = np.argsort(np.argsort(column())) * shape.categories // shape.records
        columns[f"t{j}"] = np.char.add("v", rank.astype(str))
    kinds = {"x": "number", "n": "integer", "t": "string"}
    schema = TableSchema(
        fields=tuple(FieldSchema(name=name, type=kinds[name[0]]) for name in columns)
    )
    return Table.from_pandas(pd.DataFrame(columns), schema)


def measured(engine: str, shape: Shape) -> dict[str, float]:
    """CPU seconds and bytes at the peak of a fit in this process, and what was estimated."""
    made = table(shape)
    ts.fit(table(Shape(500)), synthesizer=engine, seed=0)  # imports are not the question
    maker = configure(engine, {})
    estimate = maker.cost(size_of(made))
    with peak_memory() as peak:
        start = process_time()
        maker.fit(made, rng=np.random.default_rng(0))
        seconds = process_time() - start
    return {
        "cpu_seconds": seconds,
        "memory": float(peak() or 0),
        "estimated_seconds": estimate.seconds,
        "estimated_memory": estimate.memory,
        "slowness": slowness(),
    }


def in_a_process(engine: str, shape: Shape) -> dict[str, float]:
    """The same in a process of its own."""
    program = f"from tests.bench.costs import *; print(json.dumps(measured({engine!r}, {shape!r})))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True,
        env={"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Fit every built-in engine to every table, each in a process of its own."""
    rows = []
    for shape in SHAPES:
        for engine in ENGINES:
            row = {"engine": engine, **vars(shape), **in_a_process(engine, shape)}
            print({k: v if isinstance(v, str) else float(f"{v:.3g}") for k, v in row.items()},
                  flush=True)  # fmt: skip
            rows.append(row)
    write("costs", {"table": "made up, see tests/bench/costs.py", "fits": rows})


if __name__ == "__main__":
    main()
