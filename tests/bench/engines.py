"""Which engine is faithful, which keeps its distance, and what does each one cost?

Every registered engine, and arfpy in an environment of its own, on the same splits, by the same
judge. Each fit runs in a process of its own; CPU seconds of all its threads count. Networks train
for a few epochs, ours and others alike, and are named so. `ENGINES_RECORDS`, `ENGINES_SEEDS`,
`ENGINES_TABLES` and `ENGINES_ONLY` (separated by commas; `ctgan` alone trains for as long as it
does by default) make another run, which is shown and not written.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

import tabsynth as ts
from tabsynth import registry
from tabsynth.attacks.membership import membership
from tabsynth.comparison import Comparison
from tabsynth.learners import one_thread
from tabsynth.machine import peak_memory
from tabsynth.schema.check import check
from tabsynth.table import Table
from tabsynth.workflow import raw_table
from tests.bench.engines_page import page
from tests.bench.judge import (
    copies,
    detection,
    excess_closeness,
    levels,
    triples_variation,
    utility,
    variation,
)
from tests.bench.record import REPORTS, ROOT, commit, write
from tests.bench.tables import TARGETS, table

ARFPY = os.environ.get("ARFPY_PYTHON", str(ROOT / ".venv-arfpy" / "bin" / "python"))
REAL = ("another sample of people", "bootstrap copy of train")
TABLES = ("adult", "online_shoppers")
# three hundred epochs of each, the default of all five, would take days
NETWORKS = ("ctgan", "tvae", "sdv:tvae", "sdv:ctgan", "ctgan:ctgan")
EPOCHS = 10
SEEDS = (0, 1, 2)
# an engine that takes more CPU seconds than that for one fit is tried on so many seeds only
SLOW_SECONDS, SLOW_SEEDS = 30.0, 1


@dataclass(frozen=True)
class Settings:
    """What is run.

    Args:
        tables: names of tables.
        engines: registered names, maybe with parameters as in `ctgan(epochs=10)`; `arfpy`; and
            those of `REAL`.
        seeds: of split, fit and sample.
        records: of each table; None for all.
    """

    tables: Sequence[str] = TABLES
    engines: Sequence[str] = ()
    seeds: Sequence[int] = SEEDS
    records: int | None = None


def main() -> None:
    """Run all of it; what is done is written after each engine."""
    named = {k: os.environ.get(f"ENGINES_{k}") for k in ("RECORDS", "SEEDS", "TABLES", "ONLY")}
    settings = Settings(
        tables=named["TABLES"].split(",") if named["TABLES"] else TABLES,
        engines=named["ONLY"].split(",") if named["ONLY"] else every_engine(),
        seeds=[int(s) for s in named["SEEDS"].split(",")] if named["SEEDS"] else SEEDS,
        records=int(named["RECORDS"]) if named["RECORDS"] else None,
    )
    body: dict[str, Any] = {"commit": commit(), "seeds": list(settings.seeds),
                            "slow": [SLOW_SECONDS, SLOW_SEEDS], "engines": []}  # fmt: skip
    for engine in settings.engines:
        body["engines"] += run(replace(settings, engines=(engine,)))
        if not any(named.values()):
            write("engines", body)
            (REPORTS / "engines.md").write_text(page(body), encoding="utf-8")
    if any(named.values()):
        print(page(body))


def every_engine() -> tuple[str, ...]:
    """All that are compared, from the fastest to the slowest."""
    plain = [n for n in registry.names("synthesizers") if n not in NETWORKS]
    return (*REAL, *plain, *(f"{n}(epochs={EPOCHS})" for n in NETWORKS), "arfpy")


def run(settings: Settings) -> list[dict[str, Any]]:
    """Every engine on every table: `{"table", "engine", "runs", "failed"?}`."""
    rows = []
    for name in settings.tables:
        for engine in settings.engines:
            row: dict[str, Any] = {"table": name, "engine": engine, "runs": []}
            for seed in settings.seeds:
                try:
                    row["runs"].append(trial(name, engine, seed, records=settings.records))
                except (OSError, RuntimeError) as error:
                    row["failed"] = str(error)
                    break
                print(name, engine, seed, row["runs"][-1], flush=True)
                slow = row["runs"][-1].get("fit_cpu_seconds", 0) > SLOW_SECONDS
                if slow and len(row["runs"]) >= SLOW_SEEDS:
                    break
            rows.append(row)
    return rows


def trial(name: str, engine: str, seed: int, *, records: int | None = None) -> dict[str, Any]:
    """One engine on one split: what it cost, and how it is judged."""
    train, holdout = ts.split(table(name, records), seed=seed)
    if engine in REAL:
        drawn, cost = _real(train, holdout, engine, seed), {}
        if engine == REAL[0]:
            # half of the holdout judges the other half
            holdout = holdout.take(np.arange(holdout.num_rows // 2))
    else:
        with TemporaryDirectory() as place:
            asked = _arfpy if engine == "arfpy" else _registered
            drawn, cost = asked(train, engine, seed, Path(place))
    return {**cost, **judged(train, holdout, drawn, target=TARGETS[name], seed=seed)}


def _real(train: Table, holdout: Table, which: str, seed: int) -> pd.DataFrame:
    if which == REAL[0]:
        return holdout.take(np.arange(holdout.num_rows // 2, holdout.num_rows)).to_pandas()
    rng = np.random.default_rng([seed, 1])
    return train.take(rng.integers(0, train.num_rows, train.num_rows)).to_pandas()


def judged(
    train: Table, holdout: Table, drawn: pd.DataFrame, *, target: str, seed: int
) -> dict[str, Any]:
    """The figures of the design brief; total variation against the training records."""
    real, apart = train.to_pandas(), holdout.to_pandas()
    seen, found = levels(real, real), levels(real, drawn)
    data, _ = check(raw_table(drawn), train.schema)
    with one_thread():
        attacked = membership(
            Comparison(train, holdout, Table(train.schema, data), target=target, seed=seed)
        )
    return {
        "c2st": detection(real, apart, drawn),
        "excess": excess_closeness(real, apart, drawn, seed=seed),
        "copies": copies(real, drawn),
        "holdout_copies": copies(real, apart),
        **variation(seen, found),
        "triples_tv": triples_variation(seen, found),
        "tstr": utility(real, apart, drawn, target),
        # None where the records are too few to ask
        "membership_p": next((r.value for r in attacked if r.name == "membership_p"), None),
    }


def _registered(
    train: Table, engine: str, seed: int, place: Path
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Fit and sample a registered engine in another process."""
    from tabsynth.io.write import open_writer
    from tabsynth.schema.files import dump_schema

    (place / "schema.yaml").write_text(dump_schema(train.schema), encoding="utf-8")
    with open_writer(place / "train.parquet", train.schema) as writer:
        writer.write(train.data)
    call = f"fit_here({engine!r}, {seed}, {str(place)!r})"
    program = f"from tests.bench.engines import fit_here; {call}"
    cost = _asked([sys.executable, "-c", program])
    schema = ts.load_schema(place / "schema.yaml")
    return ts.read_table(place / "synthetic.parquet", schema).to_pandas(), cost


def fit_here(engine: str, seed: int, folder: str) -> None:
    """Fit and sample in this process; seconds, records a second and bytes go to the output."""
    from tabsynth.io.write import open_writer

    place = Path(folder)
    train = ts.read_table(place / "train.parquet", ts.load_schema(place / "schema.yaml"))
    name, parameters = with_parameters(engine)
    with peak_memory() as peak:
        wall, cpu = time.perf_counter(), time.process_time()
        model = ts.fit(train, synthesizer=name, parameters=parameters, seed=seed)
        cost = {
            "fit_seconds": time.perf_counter() - wall,
            "fit_cpu_seconds": time.process_time() - cpu,
            "memory": peak(),
        }
    wall, cpu = time.perf_counter(), time.process_time()
    synthetic = ts.sample(model, train.num_rows, seed=seed)
    cost["rows_per_second"] = train.num_rows / (time.perf_counter() - wall)
    cost["rows_per_cpu_second"] = train.num_rows / (time.process_time() - cpu)
    with open_writer(place / "synthetic.parquet", synthetic.schema) as writer:
        writer.write(synthetic.data)
    print(json.dumps(cost))


def with_parameters(engine: str) -> tuple[str, dict[str, Any]]:
    """The registered name and the parameters in `ctgan(epochs=10)`."""
    name, _, rest = engine.removesuffix(")").partition("(")
    pairs = (part.partition("=") for part in rest.split(";") if part)
    return name, {key: json.loads(value) for key, _, value in pairs}


def _arfpy(
    train: Table, engine: str, seed: int, place: Path
) -> tuple[pd.DataFrame, dict[str, float]]:
    train.to_pandas().to_csv(place / "train.csv", index=False)
    program = str(Path(__file__).with_name("ask_arfpy.py"))
    cost = _asked([ARFPY, program, str(place), str(seed)])
    raw = pd.read_csv(place / "synthetic.csv", dtype=str)
    data, _ = check(raw_table(raw), train.schema)
    return Table(train.schema, data).to_pandas(), cost


def _asked(command: list[str]) -> dict[str, float]:
    """The last line of a process's output; `RuntimeError` with its last words where it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no message"])[-1])
    found: dict[str, float] = json.loads(lines[-1])
    return found
