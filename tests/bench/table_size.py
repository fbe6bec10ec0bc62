"""What can the membership attack find in very large tables, and does it fail small copulas?"""

from __future__ import annotations

from typing import Any

import tabsynth as ts
from tabsynth.attacks.membership import membership
from tabsynth.comparison import Comparison
from tabsynth.intervals import clopper_pearson
from tabsynth.learners import one_thread
from tabsynth.modelfile import Fitted
from tabsynth.table import Table
from tests.bench.adult_cases import CASES, tables
from tests.bench.peers import KINDS, ROWS
from tests.bench.peers import tables as small_tables
from tests.bench.record import commit, write
from tests.canaries.trial import attacked

SEED = 0
# records of train, which are as many as the synthetic ones; the holdout has a quarter of that
LARGE = (160_000, 800_000)
SMALL_RUNS = 45
COPULA = next(kind for kind in KINDS if kind.says == "Gaussian copula")


def main() -> None:
    """About three minutes of CPU."""
    body: dict[str, Any] = {"commit": commit(), "seed": SEED}
    with one_thread():
        p_values = [_small(seed) for seed in range(SMALL_RUNS)]
        adult = ts.fit(tables(CASES["copula"], SEED)[0], seed=SEED)
        body["large"] = [_large(adult, rows) for rows in LARGE]
    failed = sum(p < 0.01 for p in p_values)
    body["small"] = {
        "what": f"Gaussian copula of {ROWS:,} records of Adult, as many synthetic and holdout",
        "seeds": list(range(SMALL_RUNS)),
        "membership_p": p_values,
        "below 0.05": sum(p < 0.05 for p in p_values),
        "below 0.01": failed,
        "interval": clopper_pearson(failed, SMALL_RUNS),
    }
    write("table-size", body)


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


def _small(seed: int) -> float:
    train, holdout, synthetic = small_tables(COPULA, seed)
    return attacked(Comparison(train, holdout, synthetic, target="income", seed=seed)).p_value
