"""How faithful are private tables at each epsilon, and what does a fit cost?

Every private synthesizer, with OpenDP's noise, and open ones of other projects in environments of
their own, on the same splits, by the same judge. Domains are
declared in `schemas/examples/adult.yaml` and `online_shoppers.yaml` beside this file; only training
records are fitted, and holdout records judge. `PRIVATE_EPSILONS`, `PRIVATE_SEEDS`, `PRIVATE_TABLES`
and `PRIVATE_ONLY` (separated by commas) make a smaller run, which is shown and not written.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tabsynth import registry
from tabsynth.attacks.membership import membership
from tabsynth.comparison import Comparison
from tabsynth.learners import one_thread
from tabsynth.privacy.budget import DELTA, Budget
from tabsynth.privacy.intake import admit
from tabsynth.privacy.spending import Account
from tabsynth.schema.files import load_schema
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tests.bench.judge import detection, levels, triples_variation, utility, variation
from tests.bench.private_page import page
from tests.bench.private_peers import PEERS, drawn_by
from tests.bench.record import REPORTS, ROOT, commit, write
from tests.bench.tables import FRAMES, TARGETS

SCHEMAS = {
    "adult": ROOT / "schemas" / "examples" / "adult.yaml",
    "online_shoppers": Path(__file__).with_name("online_shoppers.yaml"),
}
# the epsilon of the targets first; attacks are tried there alone
EPSILONS, ATTACKED = (1.0, 0.1, 3.0, 10.0), 1.0
SEEDS = (0, 1, 2, 3, 4)
# other projects take minutes for a fit: on Adult alone; those that take a quarter of an hour, once
PEER_TABLE = "adult"
SLOW_PEERS = ("smartnoise-synth:aim", "dpmm:AIMPipeline", "opendp:AIM")
# a network's fits scatter less than they cost
NETWORK, NETWORK_SEEDS = "ctgan", 2


def main() -> None:
    """Run all of it; about an hour of CPU, and some more with the other projects."""
    named = {k: os.environ.get(f"PRIVATE_{k}") for k in ("EPSILONS", "SEEDS", "TABLES", "ONLY")}
    seeds = [int(s) for s in named["SEEDS"].split(",")] if named["SEEDS"] else list(SEEDS)
    epsilons = [float(e) for e in named["EPSILONS"].split(",")] if named["EPSILONS"] else EPSILONS
    every = [*registry.names("private_synthesizers"), *PEERS]
    engines = named["ONLY"].split(",") if named["ONLY"] else every
    tables = named["TABLES"].split(",") if named["TABLES"] else list(SCHEMAS)
    body: dict[str, Any] = {"commit": commit(), "seeds": seeds, "delta": DELTA, "rows": []}
    for epsilon in epsilons:
        for name in tables:
            for engine in engines:
                if engine in PEERS and name != PEER_TABLE:
                    continue
                if engine in SLOW_PEERS and epsilon != ATTACKED:
                    continue
                row = tried(name, engine, epsilon, seeds)
                body["rows"].append(row)
                print(row, flush=True)
                if not any(named.values()):
                    # as far as it has come: a run that is broken off leaves what it measured
                    write("private", body)
                    (REPORTS / "private.md").write_text(page(body), encoding="utf-8")
    if any(named.values()):
        print(page(body))


def tried(name: str, engine: str, epsilon: float, seeds: Sequence[int]) -> dict[str, Any]:
    """An engine on several splits of a table; what went wrong stands under `failed`."""
    row: dict[str, Any] = {"table": name, "engine": engine, "epsilon": epsilon, "runs": []}
    if engine not in PEERS:
        some = seeds[:NETWORK_SEEDS] if engine == NETWORK else seeds
        return {**row, "runs": [trial(name, engine, epsilon, seed) for seed in some]}
    for seed in seeds[:1] if engine in SLOW_PEERS else seeds:
        try:
            row["runs"].append(peer_trial(name, engine, epsilon, seed))
        except (OSError, RuntimeError) as error:
            return {**row, "failed": str(error)}
    return row


@cache
def parts(name: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, TableSchema]:
    """Training records, holdout records and the declared schema."""
    frame = FRAMES[name]()
    order = np.random.default_rng(seed).permutation(len(frame))
    size = int(0.8 * len(frame))
    train, holdout = (frame.iloc[o].reset_index(drop=True) for o in (order[:size], order[size:]))
    return train, holdout, load_schema(SCHEMAS[name])


def trial(name: str, engine: str, epsilon: float, seed: int) -> dict[str, Any]:
    """One fit with noise from the operating system, one draw, and how it is judged.

    The seed is of split, sampling and judge; no noise comes from it.
    """
    train, holdout, schema = parts(name, seed)
    raw = pa.Table.from_pandas(train, preserve_index=False)
    start = time.process_time()
    data = admit(raw, schema, Account(Budget(epsilon).rho))
    maker = registry.find("private_synthesizers", engine)()
    model = maker.fit(data, rng=np.random.default_rng(seed))
    seconds = time.process_time() - start
    drawn = model.sample(len(train), rng=np.random.default_rng(seed))
    figures = {"fit_cpu_seconds": seconds, **judged(name, train, holdout, drawn.to_pandas())}
    if epsilon == ATTACKED:
        figures["membership_p"] = _attacked(train, holdout, drawn, seed)
    return figures


def peer_trial(name: str, engine: str, epsilon: float, seed: int) -> dict[str, Any]:
    """One fit of another project, with noise of its own, and how it is judged.

    Raises:
        RuntimeError: it is not installed, or broke off.
    """
    train, holdout, schema = parts(name, seed)
    drawn, cost = drawn_by(engine, train, schema, epsilon)
    return {**cost, **judged(name, train, holdout, drawn)}


def judged(
    name: str, train: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame
) -> dict[str, float]:
    """The figures of a synthetic table."""
    seen, found = levels(train, train), levels(train, synthetic)
    return {
        **variation(seen, found),
        "triples_tv": triples_variation(seen, found),
        "c2st": detection(train, holdout, synthetic),
        "tstr": utility(train, holdout, synthetic, TARGETS[name]),
    }


def _attacked(train: pd.DataFrame, holdout: pd.DataFrame, drawn: Table, seed: int) -> float | None:
    """The p-value of the membership omnibus."""
    members, others = (Table.from_pandas(frame, drawn.schema) for frame in (train, holdout))
    with one_thread():
        attacked = membership(Comparison(members, others, drawn, seed=seed))
    return next((r.value for r in attacked if r.name == "membership_p"), None)
