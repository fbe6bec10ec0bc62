"""From how many records on are trees more faithful than the copula? `auto` rests on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

import tabsynth as ts
from tests.bench.judge import detection, levels, variation
from tests.bench.record import spread, write
from tests.bench.tables import adult_whole, shoppers

RECORDS = (30, 60, 120, 250, 500, 1000, 2000)
ENGINES = ("trees", "gaussian_copula", "independent")
SEEDS = range(5)
JUDGED = 3000


def main() -> None:
    """Fit few records, and judge 3,000 synthetic ones against 3,000 that no fit saw."""
    tables = {"adult": adult_whole(), "online_shoppers": shoppers()}
    cells = [cell for name, frame in tables.items() for cell in _cells(name, frame)]
    write("small_tables", {"seeds": list(SEEDS), "judged_records": JUDGED, "cells": cells})


def _cells(name: str, frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    schema = ts.infer_schema(frame)
    for records in RECORDS:
        for engine in ENGINES:
            found = [judged(frame, schema, engine, records=records, seed=s) for s in SEEDS]
            cell = {k: spread([f[k] for f in found]) for k in found[0]}
            yield {"table": name, "records": records, "engine": engine, **cell}
            print(name, records, engine, {k: round(v["median"], 3) for k, v in cell.items()},
                  flush=True)  # fmt: skip


def judged(
    frame: pd.DataFrame, schema: ts.TableSchema, engine: str, *, records: int, seed: int
) -> dict[str, float]:
    """Detection and variation of pairs, by records that were not fitted."""
    order = np.random.default_rng(seed).permutation(len(frame))
    train, rest = frame.iloc[order[:records]], frame.iloc[order[records:]]
    holdout = rest.head(JUDGED)
    model = ts.fit(ts.Table.from_pandas(train, schema), synthesizer=engine, seed=seed)
    synthetic = ts.sample(model, JUDGED, seed=seed).to_pandas()
    pairs = variation(levels(rest, holdout), levels(rest, synthetic))["pairs_tv"]
    return {"c2st_auc": detection(rest, holdout, synthetic), "pairs_tv": pairs}
