"""What can the membership attack find in very large tables, and does it fail small copulas?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tabsynth as ts
from tabsynth.attacks.membership import membership
from tabsynth.comparison import Comparison
from tabsynth.intervals import clopper_pearson
from tabsynth.learners import one_thread
from tabsynth.modelfile import Fitted
from tabsynth.table import Table
from tests.bench.adult_cases import CASES, tables, whole
from tests.bench.record import commit, write
from tests.canaries.trial import attacked

SEED = 0
# records of train, which are as many as the synthetic ones; the holdout has a quarter of that
LARGE = (160_000, 800_000)
SMALL, SMALL_RUNS = 2_000, 300


def main() -> None:
    """About ten minutes of CPU."""
    body: dict[str, Any] = {"commit": commit(), "seed": SEED}
    with one_thread():
        small = [_small(seed) for seed in range(SMALL_RUNS)]
        adult = ts.fit(tables(CASES["copula"], SEED)[0], seed=SEED)
        body["large"] = [_large(adult, rows) for rows in LARGE]
    body["small"] = summary(*zip(*small, strict=True))
    write("table-size", body)


def summary(of_train: Sequence[float], of_others: Sequence[float]) -> dict[str, Any]:
    """How often small copulas are rejected, by p-values of repetitions 0, 1, and so on."""
    return {
        "what": f"{SMALL:,} records of Adult each in train, holdout and the synthetic table; a "
        "Gaussian copula fitted to train, and one fitted to other people, which cannot leak",
        "seeds": list(range(len(of_train))),
        "fitted to train": _rejections(of_train),
        "fitted to others": _rejections(of_others),
    }


def _rejections(p_values: Sequence[float]) -> dict[str, Any]:
    counts = {level: sum(p < level for p in p_values) for level in (0.01, 0.05)}
    return {
        "membership_p": list(p_values),
        **{
            f"below {level}": {"hits": n, "interval": clopper_pearson(n, len(p_values))}
            for level, n in counts.items()
        },
    }


def _large(adult: Fitted, rows: int) -> dict[str, Any]:
    """Power where train and holdout are drawn from a model of Adult, for want of a larger table."""
    train, holdout = (
        Table(adult.schema, ts.sample(adult, n, seed=i).data)
        for i, n in enumerate((rows, rows // 4))
    )
    drawn = ts.sample(ts.fit(train, seed=SEED + 5), rows, seed=SEED + 6)
    comparison = Comparison(
        train, holdout, Table(adult.schema, drawn.data), target="income", seed=SEED
    )
    results = membership(comparison)
    return {
        "records": [train.num_rows, holdout.num_rows, drawn.num_rows],
        "suspects": next(r.n for r in results if r.name == "membership_p"),
        "power": {str(r.group): r.value for r in results if r.name == "self_test_power"},
    }


def _small(seed: int) -> tuple[float, float]:
    """P-values for a copula of train, and for one of as many other people."""
    rows = np.random.default_rng([seed, 3]).permutation(whole().num_rows)[: 3 * SMALL]
    train, holdout, others = (whole().take(r) for r in np.split(rows, 3))

    def p_value(learnt: Table) -> float:
        model = ts.fit(learnt, synthesizer="gaussian_copula", seed=seed)
        drawn = Table(learnt.schema, ts.sample(model, SMALL, seed=seed).data)
        return attacked(Comparison(train, holdout, drawn, target="income", seed=seed)).p_value

    return p_value(train), p_value(others)
