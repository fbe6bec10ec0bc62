"""How long does each metric and attack take, and how much memory, also on large and wide tables?"""

from __future__ import annotations

import multiprocessing
import os
import re
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

import tabsynth as ts
from tabsynth import registry
from tabsynth.comparison import Comparison, Metric
from tabsynth.io.write import open_writer
from tabsynth.learners import one_thread
from tabsynth.modelfile import Fitted, load
from tabsynth.schema.files import dump_schema, load_schema
from tabsynth.table import Table
from tests.bench.adult_cases import CASES, tables
from tests.bench.evaluation_time_page import page
from tests.bench.record import REPORTS, write

SEED = 0
MILLION = (800_000, 200_000, 1_000_000)
WIDE_ROWS, WIDE_COLUMNS, FACTORS, LEVELS = (5_000, 1_250), 300, 12, 6
PARTS = ("train", "holdout", "synthetic")
SUITE, WHOLE = "all attacks", "evaluate"


def main() -> None:
    """Each measure in a process of its own; about half an hour of CPU."""
    context = multiprocessing.get_context("spawn")
    rows: dict[str, list[dict[str, Any]]] = {}
    with TemporaryDirectory() as place:
        for name, make in MAKERS.items():
            folder = Path(place) / name
            folder.mkdir()
            asked = [(kind, n) for kind in ("attacks", "metrics") for n in registry.names(kind)]
            # the tables are made in a process of their own too: ours must stay small
            tasks: list[tuple[Callable[..., Any], tuple[str, ...]]] = [
                (make, (str(folder),)),
                *((measure, (str(folder), *ask)) for ask in asked),
                (suite, (str(folder),)),
                (whole, (str(folder),)),
            ]
            done = []
            for task, given in tasks:
                with ProcessPoolExecutor(1, mp_context=context) as one:
                    done.append(one.submit(task, *given).result())
                print(name, done[-1], flush=True)
            rows[name] = done[1:]
    body = {
        "seed": SEED,
        "what": "wall and CPU seconds; MiB: the most memory that the process held, of which "
        "`tables` before it began",
        "load_average": os.getloadavg(),
        "tables": rows,
    }
    write("evaluation-time", body)
    (REPORTS / "evaluation-time.md").write_text(page(body), encoding="utf-8")


def make_adult(folder: str) -> None:
    """Adult by the usual split, and a draw of the Gaussian copula."""
    train, holdout, others = tables(CASES["copula"], SEED)
    synthetic, model = CASES["copula"].make(train, others, SEED)
    _lay_out(folder, (train, holdout, synthetic), model)


def make_million(folder: str) -> None:
    """Three draws of the copula of Adult, a million records and more."""
    model = ts.fit(tables(CASES["copula"], SEED)[0], seed=SEED)
    drawn = [ts.sample(model, n, seed=i) for i, n in enumerate(MILLION)]
    _lay_out(folder, (drawn[0], drawn[1], drawn[2]), model)


def make_wide(folder: str) -> None:
    """Three hundred columns, half of them categories, that depend on twelve hidden numbers."""
    rng = np.random.default_rng(SEED)
    size = sum(WIDE_ROWS)
    hidden = rng.normal(size=(size, FACTORS)) @ rng.normal(size=(FACTORS, WIDE_COLUMNS))
    values = hidden + rng.normal(size=hidden.shape)
    columns: dict[str, Any] = {}
    for j, column in enumerate(values.T):
        if j % 2:
            cuts = np.quantile(column, np.linspace(0, 1, LEVELS + 1)[1:-1])
            columns[f"c{j}"] = np.array(list("abcdef"))[np.searchsorted(cuts, column)]
        else:
            columns[f"c{j}"] = column.round(3)
    frame = pd.DataFrame(columns)
    whole_table = Table.from_pandas(frame, ts.infer_schema(frame))
    train = whole_table.take(np.arange(WIDE_ROWS[0]))
    holdout = whole_table.take(np.arange(WIDE_ROWS[0], size))
    model = ts.fit(train, seed=SEED)
    _lay_out(folder, (train, holdout, ts.sample(model, WIDE_ROWS[0], seed=SEED)), model)


MAKERS = {
    "Adult, 39,073 x 15": make_adult,
    "5,000 x 300": make_wide,
    "a million x 15": make_million,
}


def measure(folder: str, kind: registry.Kind, name: str) -> dict[str, Any]:
    """One metric or attack."""
    found: Metric = registry.find(kind, name)
    comparison = _comparison(folder)

    def alone() -> int:
        with one_thread():
            return max((r.n for r in found(comparison)), default=0)

    return {"kind": kind, "name": name, **_spent(alone)}


def suite(folder: str) -> dict[str, Any]:
    """All attacks side by side, as `evaluate` runs them."""
    comparison = _comparison(folder)

    def attack(name: str) -> int:
        found: Metric = registry.find("attacks", name)
        return max((r.n for r in found(comparison)), default=0)

    def together() -> int:
        with one_thread(), ThreadPoolExecutor(os.cpu_count()) as pool:
            return max(pool.map(attack, registry.names("attacks")))

    return {"kind": "attacks", "name": SUITE, **_spent(together)}


def whole(folder: str) -> dict[str, Any]:
    """Everything: checks, further draws, metrics, attacks, the gate."""
    loaded = [_load(folder, part) for part in PARTS]
    model = load(Path(folder) / "model.tabsynth")
    about = _about(loaded[0])

    def evaluate() -> int:
        report = ts.evaluate(loaded[0], loaded[1], loaded[2], model=model, seed=SEED, **about)
        return max(r.n for r in report.results)

    return {"kind": "all", "name": WHOLE, **_spent(evaluate)}


def _spent(task: Callable[[], int]) -> dict[str, Any]:
    before = _peak_mib()
    wall, cpu = time.perf_counter(), time.process_time()
    records = task()
    return {
        "wall_seconds": round(time.perf_counter() - wall, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "peak_mib": _peak_mib(),
        "tables_mib": before,
        "records_at_most": records,
    }


def _peak_mib() -> int:
    """The most memory this process has held; the kernel's count starts anew with the program."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) // 1024


def _lay_out(folder: str, parts: tuple[Table, Table, Table], model: Fitted | None) -> None:
    place = Path(folder)
    schema = parts[0].schema
    (place / "schema.yaml").write_text(dump_schema(schema), encoding="utf-8")
    for name, table in zip(PARTS, parts, strict=True):
        with open_writer(place / f"{name}.parquet", schema) as writer:
            writer.write(table.data)
    assert model is not None
    model.save(place / "model.tabsynth")


def _load(folder: str, part: str) -> Table:
    return ts.read_table(
        Path(folder) / f"{part}.parquet", load_schema(Path(folder) / "schema.yaml")
    )


def _about(train: Table) -> dict[str, Any]:
    """Target and protected columns."""
    if "income" not in train.schema.names:
        return {"target": "c1", "protected": ("c3",)}
    return {"target": "income", "protected": ("sex", "race")}


def _comparison(folder: str) -> Comparison:
    train, holdout, synthetic = (_load(folder, part) for part in PARTS)
    return Comparison(train, holdout, synthetic, seed=SEED, **_about(train))
