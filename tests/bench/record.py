"""What every benchmark leaves: a JSON file that says how it was made."""

from __future__ import annotations

import gzip
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
REPORTS = ROOT / "reports" / "benchmarks"
ADULT = ROOT.parent / "shared" / "data" / "adult.csv.gz"
LIBRARIES = ("numpy", "pandas", "scipy", "pyarrow", "scikit-learn", "sdv", "copulas", "ctgan",
             "torch")  # fmt: skip


def adult() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and holdout records of UCI Adult by the standard split."""
    if not ADULT.exists():
        sys.exit(f"this benchmark needs the UCI Adult table at {ADULT.relative_to(ROOT.parent)}")
    with gzip.open(ADULT, "rt", encoding="utf-8") as lines:
        frame = pd.read_csv(lines, na_values=["?"])
    order = np.random.default_rng(0).permutation(len(frame))
    size = int(0.8 * len(frame))
    parts = (frame.iloc[order[:size]], frame.iloc[order[size:]])
    return parts[0].reset_index(drop=True), parts[1].reset_index(drop=True)


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and most of repeated figures."""
    return {
        "median": float(np.median(values)),
        "min": float(min(values)),
        "max": float(max(values)),
        "repetitions": len(values),
    }


def commit() -> str:
    """The commit checked out now; long benchmarks ask before they run."""
    return subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()


def write(question: str, body: dict[str, Any]) -> None:
    """Write `reports/benchmarks/<question>.json` and show it."""
    document = {
        "question": question,
        "command": f"make evidence  # or: python -m tests.bench {question.replace('-', '_')}",
        "commit": commit(),
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.system(),
            "arch": platform.machine(),
        },
        "versions": {"python": platform.python_version(), **_versions()},
        **body,
    }
    REPORTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=2) + "\n"
    (REPORTS / f"{question}.json").write_text(text, encoding="utf-8")
    print(text)


def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
