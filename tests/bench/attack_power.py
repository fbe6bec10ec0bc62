"""Does the evaluator find the leaks that we plant, and does it leave what does not leak alone?"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import kstest

import tabsynth as ts
from tabsynth import registry
from tabsynth.comparison import Comparison
from tabsynth.intervals import clopper_pearson
from tabsynth.table import Table
from tests.bench.power_page import write_page
from tests.bench.record import adult, commit, write
from tests.canaries.leaks import LEAKS, NULLS
from tests.canaries.trial import OTHERS, Outcome, attacked, planted

SLOW = "attribute_inference"
QUICK = tuple(n for n in OTHERS if n != SLOW)
LEVELS = (0.01, 0.05)
LEVEL = 0.01
NULL_ROWS, LEAK_ROWS = 600, 2000
# the other populations are rarer: their nulls are the same code on other shapes of columns
NULL_RUNS = {"households": 200, "answers": 100, "measurements": 100}
OTHER_NULL_RUNS = 200
# a null whose rate at p < 0.05 these do not show to lie below 8 % is repeated, the omnibus alone
HIGHEST, MORE_NULL_RUNS = 0.08, (1000, 2000)
COMPARED = {"exact copies": "exact copies", "copies, one field changed": "near copies"}
LEAK_RUNS, COMPARED_RUNS, SLOW_RUNS, SELF_TESTS = 12, 24, 6, 4
ADULT_RUNS = 3


@dataclass(frozen=True)
class Task:
    """One trial to run."""

    table: str
    kind: str
    share: float
    rows: int
    seed: int
    others: tuple[str, ...] = ()


def main() -> None:
    """Run the matrix on as many processes as there are cores; about 40 minutes of CPU."""
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    start = time.perf_counter()
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        body = {
            "commit": commit(),
            "seeds": "repetition i of a cell has seed i; the draws of a kind of leak are its own",
            "level": LEVEL,
            "records": {"nulls": NULL_ROWS, "leaks": LEAK_ROWS, "holdout": "half of that"},
            "nulls": _nulls(pool),
            "leaks": _leaks(pool),
            "self_test": _self_test(pool),
            "adult": _adult(pool),
        }
    body["not_monotone"] = not_monotone(body["leaks"])
    body["wall_seconds"] = round(time.perf_counter() - start)
    write("attack-power", body)
    write_page(body)


def run(task: Task) -> tuple[Outcome, float]:
    """The outcome of a trial and the CPU seconds it took."""
    start = time.process_time()
    comparison = (
        _adult_comparison(task)
        if task.table == "adult"
        else planted(task.table, task.kind, task.share, rows=task.rows, seed=task.seed)
    )
    return attacked(comparison, task.others), time.process_time() - start


def rate(hits: int, trials: int) -> dict[str, Any]:
    """A share with its 95 % interval."""
    low, high = clopper_pearson(hits, trials)
    return {"hits": hits, "trials": trials, "share": round(hits / trials, 4),
            "low": round(low, 4), "high": round(high, 4)}  # fmt: skip


def not_monotone(cells: list[dict[str, Any]]) -> list[str]:
    """Kinds in which a larger leak is found more seldom than a smaller one, beyond noise."""
    found = []
    for first, second in pairwise(cells):
        same = first["kind"] == second["kind"]
        if same and second["omnibus"]["high"] < first["omnibus"]["low"]:
            found.append(f"{first['kind']}: {first['share']} against {second['share']}")
    return found


def _cell(pool: ProcessPoolExecutor, tasks: list[Task]) -> dict[str, Any]:
    done = list(pool.map(run, tasks))
    p_values = np.array([o.p_value for o, _ in done])
    by = Counter(name for o, _ in done for name in o.failed_by)
    first = tasks[0]
    cell = {
        "table": first.table,
        "kind": first.kind,
        "share": first.share,
        "omnibus": rate(int((p_values < LEVEL).sum()), len(done)),
        "gate_fails": rate(sum(bool(o.failed_by) for o, _ in done), len(done)),
        "failed_by": dict(sorted(by.items())),
        "p_values": [round(float(p), 3) for p in p_values],
        "cpu_seconds": round(float(np.median([s for _, s in done])), 2),
    }
    shown = cell["omnibus"]
    print(f"{first.table:14s}{first.kind:28s}{first.share:6g}  {shown['share']:.2f} "
          f"[{shown['low']:.2f}, {shown['high']:.2f}] {cell['failed_by']}", flush=True)  # fmt: skip
    return cell


def _nulls(pool: ProcessPoolExecutor) -> list[dict[str, Any]]:
    cells = []
    for kind in NULLS:
        tables = NULL_RUNS if kind == "another split" else {"households": OTHER_NULL_RUNS}
        for table, runs in tables.items():
            whole = kind == "another split" and table == "households"
            others = OTHERS if whole else QUICK
            cell = _cell(pool, [Task(table, kind, 0, NULL_ROWS, i, others) for i in range(runs)])
            found = rejections(cell["p_values"])
            for enough in MORE_NULL_RUNS:
                if found["rejected"]["0.05"]["high"] > HIGHEST:
                    known = found["p_values"]
                    more = [Task(table, kind, 0, NULL_ROWS, i) for i in range(len(known), enough)]
                    again = [round(o.p_value, 3) for o, _ in pool.map(run, more)]
                    found = rejections([*known, *again])
            cells.append({**cell, **found})
    return cells


def rejections(p_values: list[float]) -> dict[str, Any]:
    """How often the omnibus rejects at each level, and how even its p-values are."""
    found = np.array(p_values)
    test = kstest(found, "uniform")
    return {
        "p_values": p_values,
        "rejected": {
            str(level): rate(int((found < level).sum()), len(found)) for level in LEVELS
        },
        "uniform": {"distance": round(float(test.statistic), 3),
                    "p": round(float(test.pvalue), 3)},
    }  # fmt: skip


def _leaks(pool: ProcessPoolExecutor) -> list[dict[str, Any]]:
    cells = []
    for kind, (_, shares) in LEAKS.items():
        runs = COMPARED_RUNS if kind in COMPARED else LEAK_RUNS
        for share in shares:
            tasks = [Task("households", kind, share, LEAK_ROWS, i, QUICK) for i in range(runs)]
            cell = _cell(pool, tasks)
            if share == shares[-1]:
                slow = [Task("households", kind, share, LEAK_ROWS, i, (SLOW,))
                        for i in range(SLOW_RUNS)]  # fmt: skip
                outcomes = [o for o, _ in pool.map(run, slow)]
                hits = sum(SLOW in o.failed_by for o in outcomes)
                cell[SLOW] = rate(hits, SLOW_RUNS)
            cells.append(cell)
    return cells


def _promised(task: Task) -> dict[str, float]:
    """What the self-test says on a comparison where nothing is planted."""
    comparison = (
        _adult_comparison(task)
        if task.table == "adult"
        else planted(task.table, task.kind, task.share, rows=task.rows, seed=task.seed)
    )
    results = registry.find("attacks", "membership")(comparison)
    return {r.group: r.value for r in results if r.name == "self_test_power"}


def _self_test(pool: ProcessPoolExecutor) -> dict[str, Any]:
    """Promised power by size, the mean over tables without a leak."""
    tasks = [Task("households", "another split", 0, LEAK_ROWS, i) for i in range(SELF_TESTS)]
    promised = list(pool.map(_promised, tasks))
    households = {g: round(float(np.mean([p[g] for p in promised])), 3) for g in promised[0]}
    return {"households": households, "adult": _promised(Task("adult", "copula", 0, 0, 0))}


def _adult(pool: ProcessPoolExecutor) -> list[dict[str, Any]]:
    cells = [_cell(pool, [Task("adult", "copula", 0, 0, i) for i in range(ADULT_RUNS)])]
    for kind in COMPARED:
        for share in LEAKS[kind][1]:
            tasks = [Task("adult", kind, share, 0, i) for i in range(ADULT_RUNS)]
            cells.append(_cell(pool, tasks))
    return cells


@cache
def _adult_model() -> tuple[Table, Table, Any]:
    train, holdout = adult()
    schema = ts.infer_schema(train)
    real = Table.from_pandas(train, schema)
    return real, Table.from_pandas(holdout, schema), ts.fit(train, schema=schema, seed=0)


def _adult_comparison(task: Task) -> Comparison:
    """Adult, and a draw of the Gaussian copula into which training records are mixed."""
    train, holdout, model = _adult_model()
    drawn = ts.sample(model, train.num_rows, seed=task.seed)
    synthetic = Table(train.schema, drawn.data)
    if task.share:
        rng = np.random.default_rng([task.seed, *task.kind.encode()])
        synthetic = LEAKS[task.kind][0](train, synthetic, task.share, rng)
    return Comparison(train, holdout, synthetic, seed=task.seed)
