"""`python ask_mostlyai.py DIR ...` in an environment with mostlyai-qa: its metrics, a line each.

Every DIR is as `ask_sdmetrics` has it.
"""

from __future__ import annotations

import json
import sys
import warnings
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import pandas as pd

PARTS = ("train", "holdout", "synthetic")


def ask(folder: Path) -> dict[str, Any]:
    """Accuracy, similarity and distances of its report."""
    train, holdout, synthetic = (pd.read_csv(folder / f"{part}.csv") for part in PARTS)
    qa = import_module("mostlyai.qa")
    start = process_time()
    with TemporaryDirectory() as out:
        _, metrics = qa.report(
            syn_tgt_data=synthetic, trn_tgt_data=train, hol_tgt_data=holdout,
            report_path=Path(out) / "report.html",
        )  # fmt: skip
    return {"metrics": metrics.model_dump(), "cpu_seconds": process_time() - start}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps({"version": version("mostlyai-qa"), "pandas": pd.__version__}), flush=True)
    for place in sys.argv[1:]:
        print(json.dumps(ask(Path(place))), flush=True)
