"""Is our Gaussian copula faster and more faithful than sdv's, on the same records in one run?"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import pandas as pd

import tabsynth as ts
from tests.bench.judge import detection, levels, variation
from tests.bench.record import adult, spread, write

SEEDS = range(5)


def main() -> None:
    """Fit and sample alternately, five times each, every time from and to a DataFrame."""
    from sdv.metadata import Metadata
    from sdv.single_table import GaussianCopulaSynthesizer

    train, holdout = adult()
    schema = ts.infer_schema(train)
    metadata = Metadata.detect_from_dataframes({"adult": train})
    rows = len(train)
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    target = levels(train, train)

    def judged(frame: pd.DataFrame) -> dict[str, float]:
        figures = variation(target, levels(train, frame))
        return {**figures, "c2st_auc": detection(train, holdout, frame)}

    ts.fit(train.head(1000), schema=schema)  # imports and warm-up are not the question
    for seed in SEEDS:
        fitted, fit_seconds = timed(lambda s=seed: ts.fit(train, schema=schema, seed=s))
        frame, sample_seconds = timed(
            lambda f=fitted, s=seed: ts.sample(f, rows, seed=s).to_pandas()
        )
        ours.append({"fit_s": fit_seconds, "sample_s": sample_seconds, **judged(frame)})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer = GaussianCopulaSynthesizer(metadata)
            _, fit_seconds = timed(lambda p=peer: p.fit({"adult": train}))
            tables, sample_seconds = timed(lambda p=peer: p.sample(rows))
        theirs.append(
            {
                "fit_s": fit_seconds,
                "sample_s": sample_seconds,
                **judged(tables["adult"][train.columns]),
            }
        )
    noise = {**variation(target, levels(train, holdout))}
    write(
        "copula_vs_sdv",
        {
            "table": "UCI Adult, 80/20 split, 39,073 training records, 15 columns",
            "seeds": list(SEEDS),
            "tabsynth": summary(ours),
            "sdv": summary(theirs),
            "ratio": {
                "fit": ratio(ours, theirs, "fit_s"),
                "sample_to_dataframe": ratio(ours, theirs, "sample_s"),
                "pairs_tv": ratio(ours, theirs, "pairs_tv"),
            },
            "holdout_in_place_of_synthetic": noise,
            "targets": {"fit": ">= 15", "sample_to_dataframe": ">= 10", "pairs_tv": "<= 0.065"},
        },
    )


def timed(task: Callable[[], Any]) -> tuple[Any, float]:
    """The result and the seconds it took."""
    start = time.perf_counter()
    result = task()
    return result, time.perf_counter() - start


def summary(runs: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Spread of each figure over the seeds."""
    return {key: spread([r[key] for r in runs]) for key in runs[0]}


def ratio(
    ours: list[dict[str, float]], theirs: list[dict[str, float]], key: str
) -> dict[str, float]:
    """How many times theirs is ours, seed by seed."""
    return spread([b[key] / a[key] for a, b in zip(ours, theirs, strict=True)])
