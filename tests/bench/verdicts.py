"""What does the gate say of synthetic tables whose truth is known, and how often does it say so?"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import tabsynth as ts
from tabsynth import registry
from tabsynth.comparison import Comparison
from tabsynth.gate import Policy, gate, held
from tabsynth.intervals import clopper_pearson
from tabsynth.learners import one_thread
from tabsynth.report.model import Report, Result
from tabsynth.report_files import for_audience, save_report
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tests.bench.adult_cases import CASES, tables
from tests.bench.record import REPORTS, ROOT, commit, write
from tests.bench.verdicts_page import page

SEED = 0
TARGET, PROTECTED = "income", ("sex", "race")
SPLITS = range(10)
# metrics that the gate reads; all others describe
GATED_METRICS = ("validity", "exact_copies")
EXAMPLES = ROOT / "reports" / "examples"


def main() -> None:
    """Evaluate every case in full once, then attack it over ten splits; about an hour of CPU."""
    made_by = commit()
    full = in_full()
    context = multiprocessing.get_context("spawn")
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        repeated = [_over_splits(name, pool) for name in CASES if CASES[name].repeated]
    save(made_by, full, {
        "commit": made_by,
        "what": "other splits, fits and draws; attacks and the metrics that the gate reads",
        "seeds": list(SPLITS),
        "cases": repeated,
    })  # fmt: skip


def in_full() -> list[dict[str, Any]]:
    """Every case evaluated once; the reports of `reports/examples/adult-*` are left on the way."""
    return [_in_full(name) for name in CASES]


def save(made_by: str, full: list[dict[str, Any]], over_splits: dict[str, Any]) -> None:
    """Write figures and page; the two parts name their commits, since each can be made alone."""
    body = {
        "commit": made_by,
        "table": "UCI Adult, 48,842 records, 15 columns, schema schemas/examples/adult.yaml",
        "seed": SEED,
        "target": TARGET,
        "protected": PROTECTED,
        "policy": Policy().model_dump(),
        "in_full": full,
        "over_splits": over_splits,
    }
    write("verdicts", body)
    (REPORTS / "verdicts.md").write_text(page(body), encoding="utf-8")


def _in_full(name: str) -> dict[str, Any]:
    """All metrics, attacks and the gate, as `tabsynth evaluate` runs them."""
    case = CASES[name]
    train, holdout, others = tables(case, SEED)
    synthetic, model = case.make(train, others, SEED)
    wall, cpu = time.perf_counter(), time.process_time()
    report = ts.evaluate(
        train, holdout, synthetic, model=model, target=TARGET, protected=PROTECTED, seed=SEED
    )
    spent = {
        "wall_seconds": round(time.perf_counter() - wall, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
    }
    if case.reported:
        _keep(report, name, train.schema)
    row = {
        "case": name,
        "synthetic": case.says,
        "report": f"adult-{name}" if case.reported else None,
        "records": [train.num_rows, holdout.num_rows, synthetic.num_rows],
        "truth": case.truth,
        "verdict": report.verdict,
        "reasons": list(report.reasons),
        **_headline(list(report.results)),
        "c2st_auc": _figure(list(report.results), "c2st_auc"),
        "pairwise_tv": _figure(list(report.results), "pairwise_tv"),
        **spent,
    }
    print(name, report.verdict, row["membership_p"], row["power"], spent, flush=True)
    return row


def _keep(report: Report, name: str, schema: TableSchema) -> None:
    folder = EXAMPLES / f"adult-{name}"
    shown = for_audience(report, "public", schema)
    save_report(shown, folder)
    case = CASES[name]
    text = (
        f"# Adult: {case.says}\n\n"
        f"Verdict: **{report.verdict}**; by construction: {case.truth}. Made by `python -m "
        "tests.bench verdicts` from UCI Adult (doi:10.24432/C5XW20, CC BY 4.0), seed "
        f"{SEED}, target `{TARGET}`, protected {', '.join(f'`{p}`' for p in PROTECTED)}. This is "
        "the public form of the report: counts are rounded and small groups left out. Open "
        "`report.html` in a browser; `report.json` holds the same figures. How often the verdict "
        "comes out so is told in [verdicts](../../benchmarks/verdicts.md).\n"
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _figure(results: list[Result], name: str) -> list[float | None]:
    """Value, interval and reference of the first figure of that name."""
    found = next(r for r in results if r.name == name)
    figures = (found.value, found.ci_low, found.ci_high, found.reference)
    return [None if f is None else round(f, 4) for f in figures]


def _headline(results: list[Result]) -> dict[str, Any]:
    leak = Policy().leak_name
    return {
        "membership_p": next((r.value for r in results if r.name == "membership_p"), None),
        "power": next((r.value for r in results if r.group == leak), None),
        "failed_by": sorted({r.name for r in results if r.status == "fail"}),
    }


def _over_splits(name: str, pool: ProcessPoolExecutor) -> dict[str, Any]:
    """How often each verdict comes over other splits."""
    found = list(pool.map(trial, [name] * len(SPLITS), SPLITS))
    counted = Counter(f["verdict"] for f in found)
    row = {
        "case": name,
        "verdicts": {v: _rate(counted[v], len(found)) for v in ("pass", "inconclusive", "fail")},
        "failed_by": dict(sorted(Counter(n for f in found for n in f["failed_by"]).items())),
        "membership_p": [f["membership_p"] for f in found],
        "power": [f["power"] for f in found],
        "reasons": sorted({r for f in found for r in f["reasons"]}),
    }
    print(name, dict(counted), row["failed_by"], row["membership_p"], flush=True)
    return row


def trial(name: str, seed: int) -> dict[str, Any]:
    """The verdict on one split, by the attacks and by the metrics that the gate reads."""
    case = CASES[name]
    train, holdout, others = tables(case, seed)
    drawn, _ = case.make(train, others, seed)
    synthetic = Table(train.schema, drawn.data)
    comparison = Comparison(train, holdout, synthetic, target=TARGET, seed=seed)
    policy = Policy()
    with one_thread():
        figures = measured("metrics", GATED_METRICS, comparison)
        attacked = measured("attacks", registry.names("attacks"), comparison)
    attacked = [held(r, policy) for r in attacked]
    verdict, reasons = gate(figures, attacked, policy)
    return {"verdict": verdict, "reasons": reasons, **_headline([*figures, *attacked])}


def measured(kind: registry.Kind, names: Sequence[str], comparison: Comparison) -> list[Result]:
    return [r for name in names for r in registry.find(kind, name)(comparison)]


def _rate(hits: int, trials: int) -> dict[str, Any]:
    low, high = clopper_pearson(hits, trials)
    return {"hits": hits, "trials": trials, "low": round(low, 3), "high": round(high, 3)}
