"""Figures of sdmetrics on tables of every kind, for our own to be checked against.

sdmetrics needs pandas below 3, so its figures are taken in an environment of its own (the one of
`make evidence`) and committed: `python -m tests.golden.published_figures`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FIGURES = Path(__file__).with_name("published_figures.json")
SDTYPES = {
    "age": "numerical",
    "income": "numerical",
    "score": "numerical",
    "joined": "datetime",
    "town": "categorical",
    "kind": "categorical",
    "member": "boolean",
}


def people(rows: int, seed: int, *, shift: float = 0.0, dependent: bool = True) -> pd.DataFrame:
    """Numbers, dates and categories that hang together, some of them missing."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=rows) + shift
    age = np.clip(np.round(45 + 15 * base), 18, 90)
    income = np.where(rng.random(rows) < 0.3, 0.0, np.exp(8 + base + rng.normal(0, 0.3, rows)))
    town = np.array([f"t{int(t)}" for t in np.clip(np.round(3 * base + 6), 0, 12)], object)
    columns: dict[str, Any] = {
        "age": np.where(rng.random(rows) < 0.1, np.nan, age),
        "income": income,
        "score": np.where(rng.random(rows) < 0.05, np.nan, base + rng.normal(0, 2, rows)),
        "joined": np.datetime64("2000-01-01", "D") + (500 + 100 * base).astype("timedelta64[D]"),
        "town": np.where(rng.random(rows) < 0.08, None, town),
        "kind": np.where(base > 0.5, "high", np.where(base < -0.5, "low", "middle")),
        "member": base + rng.normal(0, 0.5, rows) > 0,
    }
    order = (lambda v: v) if dependent else rng.permutation
    return pd.DataFrame({name: order(values) for name, values in columns.items()})


def cases() -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Real and synthetic tables: alike, shifted, and without relations."""
    real = people(1500, 1)
    return {
        "alike": (real, people(2000, 2)),
        "shifted": (real, people(2000, 3, shift=0.4)),
        "independent": (real, people(2000, 4, dependent=False)),
    }


def _of_sdmetrics(real: pd.DataFrame, synthetic: pd.DataFrame) -> dict[str, Any]:
    from sdmetrics.reports.single_table import QualityReport
    from sdmetrics.reports.single_table._properties import ColumnPairTrends, ColumnShapes

    metadata = {"columns": {name: {"sdtype": kind} for name, kind in SDTYPES.items()}}
    shapes, trends = ColumnShapes(), ColumnPairTrends()
    found = {
        "shape_error": 1 - shapes.get_score(real, synthetic, metadata),
        "trend_error": 1 - trends.get_score(real, synthetic, metadata),
    }
    report = QualityReport()
    report.generate(real, synthetic, metadata, verbose=False)
    named = report.get_properties().set_index("Property")["Score"]
    found["trend_error_associated"] = 1 - named["Column Pair Trends"]
    found["columns"] = dict(zip(shapes.details["Column"], 1 - shapes.details["Score"], strict=True))
    pairs = trends.details["Column 1"] + " × " + trends.details["Column 2"]
    found["pairs"] = dict(zip(pairs, 1 - trends.details["Score"], strict=True))
    return found


if __name__ == "__main__":
    from importlib.metadata import version

    figures = {name: _of_sdmetrics(*tables) for name, tables in cases().items()}
    document = {"sdmetrics": version("sdmetrics"), **figures}
    FIGURES.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
