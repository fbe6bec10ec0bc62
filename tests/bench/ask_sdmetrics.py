"""`python ask_sdmetrics.py DIR ...` in an environment with sdmetrics: its scores, a line each.

Every DIR holds train.csv, holdout.csv, synthetic.csv and columns.json (name to sdtype).
"""

from __future__ import annotations

import json
import sys
import warnings
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import process_time
from typing import Any

import pandas as pd

TABLE, SECRET = "records", "income"
PARTS = ("train", "holdout", "synthetic")


def ask(folder: Path) -> dict[str, Any]:
    """Scores of the privacy metrics and of the quality report; 1 is best in all."""
    train, holdout, synthetic = (pd.read_csv(folder / f"{part}.csv") for part in PARTS)
    columns = json.loads((folder / "columns.json").read_text(encoding="utf-8"))
    metrics = import_module("sdmetrics.single_table")
    reports = import_module("sdmetrics.reports")
    described = {"columns": {name: {"sdtype": kind} for name, kind in columns.items()}}
    metadata = {"tables": {TABLE: described}}
    where = {"metadata": metadata, "table_name": TABLE}
    start = process_time()
    overfitting = metrics.DCROverfittingProtection.compute_breakdown(
        real_training_data=train, synthetic_data=synthetic, real_validation_data=holdout, **where
    )
    scores = {
        "DCROverfittingProtection": overfitting["score"],
        "DCRBaselineProtection": metrics.DCRBaselineProtection.compute(
            real_data=train, synthetic_data=synthetic, **where
        ),
        "NewRowSynthesis": metrics.NewRowSynthesis.compute(
            real_data=train, synthetic_data=synthetic, **where
        ),
        "CategoricalCAP": metrics.CategoricalCAP.compute(
            real_data=train,
            synthetic_data=synthetic,
            key_fields=[n for n, k in columns.items() if k == "categorical" and n != SECRET],
            sensitive_fields=[SECRET],
        ),
    }
    privacy_seconds = process_time() - start
    report = reports.QualityReport()
    report.generate({TABLE: holdout}, {TABLE: synthetic}, metadata, verbose=False)
    shown = report.get_properties().set_index("Property")["Score"].to_dict()
    return {
        "scores": {k: float(v) for k, v in scores.items()},
        "quality": {k: float(v) for k, v in shown.items()},
        "cpu_seconds": process_time() - start,
        "cpu_seconds_privacy": privacy_seconds,
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps({"version": version("sdmetrics"), "pandas": pd.__version__}), flush=True)
    for place in sys.argv[1:]:
        print(json.dumps(ask(Path(place))), flush=True)
