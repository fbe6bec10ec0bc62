"""Do other evaluators see the leaks that we plant, and do they agree on what is faithful?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np

import tabsynth as ts
from tabsynth import registry
from tabsynth.comparison import Comparison
from tabsynth.gate import Policy, gate, held
from tabsynth.learners import one_thread
from tabsynth.table import Table
from tests.bench.adult_cases import whole
from tests.bench.peers_page import page
from tests.bench.record import REPORTS, ROOT, write
from tests.bench.verdicts import GATED_METRICS, measured
from tests.canaries.leaks import bootstrap, exact, one_field_changed

ROWS = 2000
REPETITIONS, NULL_REPETITIONS = 5, 6
FAITHFUL = ("univariate_tv", "pairwise_tv", "shape_error", "trend_error", "c2st_auc")
# newer versions of sdmetrics leave pairs without a strong relation out of their trends
FIGURES = (*FAITHFUL, "trend_error_associated")
# each in an environment of its own: they need other versions than we do
PYTHONS = {
    "sdmetrics": sys.executable,
    "anonymeter": os.environ.get("ANONYMETER_PYTHON", ROOT / ".venv-anonymeter" / "bin" / "python"),
    "mostlyai": os.environ.get("MOSTLYAI_PYTHON", ROOT / ".venv-mostlyai" / "bin" / "python"),
}


@dataclass(frozen=True)
class Planted:
    """A kind of synthetic table and how much of it leaks.

    Args:
        says: what it is.
        make: from train, other people, share and generator.
        share: of the synthetic records that leak.
    """

    says: str
    make: Callable[[Table, Table, float, np.random.Generator], Table]
    share: float = 0.0


def _others(train: Table, others: Table, share: float, rng: np.random.Generator) -> Table:
    return others


def _copula(train: Table, others: Table, share: float, rng: np.random.Generator) -> Table:
    seed = int(rng.integers(2**31))
    drawn = ts.sample(ts.fit(train, synthesizer="gaussian_copula", seed=seed), ROWS, seed=seed)
    return Table(train.schema, drawn.data)


KINDS = (
    Planted("other real people", _others),
    Planted("Gaussian copula", _copula),
    Planted("0.5 % exact copies", exact, 0.005),
    Planted("1 % exact copies", exact, 0.01),
    Planted("5 % exact copies", exact, 0.05),
    Planted("1 % near copies", one_field_changed, 0.01),
    Planted("5 % near copies", one_field_changed, 0.05),
    Planted("bootstrap of train", bootstrap, 1.0),
)


def main() -> None:
    """Ask everybody about the same tables; about an hour of CPU, most of it sdmetrics'."""
    os.environ["OMP_NUM_THREADS"] = "1"
    asked = [
        (kind, seed)
        for seed in range(NULL_REPETITIONS)
        for kind in KINDS
        if seed < REPETITIONS or kind is KINDS[0]
    ]
    with TemporaryDirectory() as place:
        folders = [_laid_out(kind, seed, Path(place)) for kind, seed in asked]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            theirs = {name: pool.submit(_asked, name, folders) for name in PYTHONS}
            ours = [_ours(kind, seed) for kind, seed in asked]
            answers = {name: task.result() for name, task in theirs.items()}
    body = {
        "table": f"UCI Adult; train, holdout and synthetic of {ROWS:,} records each, drawn anew",
        "seeds": {"repetitions": REPETITIONS, "of other real people": NULL_REPETITIONS},
        "tools": {
            name: answer["tool"] if isinstance(answer, dict) else answer
            for name, answer in answers.items()
        },
        "kinds": [
            {
                "kind": kind.says,
                "share": kind.share,
                "tabsynth": [o for o, (k, _) in zip(ours, asked, strict=True) if k is kind],
                **{
                    name: [a for a, (k, _) in zip(answer["said"], asked, strict=True) if k is kind]
                    for name, answer in answers.items()
                    if isinstance(answer, dict)
                },
            }
            for kind in KINDS
        ],
    }
    write("peers", body)
    (REPORTS / "peers.md").write_text(page(body), encoding="utf-8")


def tables(kind: Planted, seed: int) -> tuple[Table, Table, Table]:
    """Train, holdout and synthetic; the people are the same for all kinds of one seed."""
    rows = np.random.default_rng(seed).permutation(whole().num_rows)[: 3 * ROWS]
    train, holdout, others = (whole().take(r) for r in np.split(rows, 3))
    rng = np.random.default_rng([seed, *kind.says.encode()])
    synthetic = kind.make(train, others, kind.share, rng)
    return train, holdout, synthetic.take(rng.permutation(synthetic.num_rows))


def _laid_out(kind: Planted, seed: int, place: Path) -> Path:
    """The tables as files that every peer can read."""
    folder = place / f"{seed}-{KINDS.index(kind)}"
    folder.mkdir()
    parts = dict(zip(("train", "holdout", "synthetic"), tables(kind, seed), strict=True))
    for name, table in parts.items():
        table.to_pandas().to_csv(folder / f"{name}.csv", index=False)
    schema = parts["train"].schema
    kinds = {f.name: "categorical" if f.is_categorical else "numerical" for f in schema.fields}
    (folder / "columns.json").write_text(json.dumps(kinds), encoding="utf-8")
    return folder


def _ours(kind: Planted, seed: int) -> dict[str, Any]:
    """Our verdict, p-value, and figures of fidelity."""
    train, holdout, synthetic = tables(kind, seed)
    comparison = Comparison(train, holdout, synthetic, target="income", seed=seed)
    start = process_time()
    with one_thread():
        figures = measured("metrics", GATED_METRICS, comparison)
        attacked = measured("attacks", registry.names("attacks"), comparison)
        spent = process_time() - start
        faithful = measured("metrics", FAITHFUL, comparison)
    attacked = [held(r, Policy()) for r in attacked]
    verdict, _ = gate(figures, attacked, Policy())
    return {
        "verdict": verdict,
        "failed_by": sorted({r.name for r in (*figures, *attacked) if r.status == "fail"}),
        "p": next(r.value for r in attacked if r.name == "membership_p"),
        "power": next(r.value for r in attacked if r.group == Policy().leak_name),
        "figures": {n: next(r.value for r in faithful if r.name == n) for n in FIGURES},
        "cpu_seconds": spent,
    }


def _asked(name: str, folders: list[Path]) -> dict[str, Any] | str:
    """What a peer says of each folder, and its versions; or why it says nothing."""
    python = Path(PYTHONS[name])
    if not python.exists():
        return "not installed here"
    program = Path(__file__).with_name(f"ask_{name}.py")
    done = subprocess.run(
        [python, program, *folders], capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or len(lines) != len(folders) + 1:
        return f"broke off: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"
    return {"tool": lines[0], "said": lines[1:]}
