"""Runs the metrics over a comparison and applies the gate."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import sklearn

from tabsynth import __version__, registry
from tabsynth.comparison import Comparison
from tabsynth.report.model import Report, Result, Verdict

FEW_HOLDOUT_RECORDS: Final = 500
EXPLAINED: Final = frozenset(
    {"copy_advantage", "unique_copies", "withheld_copies", "valid_cells", "violations"}
)
NO_ATTACKS: Final = (
    "Re-identification attacks are not part of this version, so nothing here shows that the table "
    "is safe to share; a pass cannot be given."
)


def judge(
    comparison: Comparison,
    *,
    provenance: dict[str, Any] | None = None,
    progress: Callable[[str], object] | None = None,
) -> Report:
    """Measure a synthetic table against real ones and say what follows.

    Args:
        comparison: training, holdout and synthetic records.
        provenance: what to add to the report about where the table came from.
        progress: called with the name of each metric before it runs.

    Returns:
        The report; its verdict is `fail` when the table breaks its schema or repeats training
        records, otherwise `inconclusive`.

    Privacy: the report holds statistics of private data and is not differentially private.
    """
    results: list[Result] = []
    for name in registry.names("metrics"):
        if progress is not None:
            progress(name)
        results.extend(registry.find("metrics", name)(comparison))
    verdict, reasons = gate(results, comparison)
    return Report(
        verdict=verdict,
        reasons=tuple(reasons),
        results=tuple(results),
        provenance={**_provenance(comparison), **(provenance or {})},
    )


def gate(results: list[Result], comparison: Comparison) -> tuple[Verdict, list[str]]:
    """The verdict and the reasons for it."""
    failed = [r for r in results if r.status == "fail"]
    reasons = []
    broken = [v.sentence() for v in comparison.violations]
    if broken:
        more = f"; and {len(broken) - 5} more kinds" if len(broken) > 5 else ""
        reasons.append(f"Synthetic records break the schema: {'; '.join(broken[:5])}{more}.")
    if any(r.name in ("copy_advantage", "unique_copies") for r in failed):
        reasons.append(
            "Training records come out exactly more often than holdout records do: the synthesizer "
            "remembers them, or very many values have just enough records to come out."
        )
    withheld = sorted({str(r.column) for r in failed if r.name == "withheld_copies"})
    if withheld:
        reasons.append(
            f"Training values came out of columns to be invented: {', '.join(withheld)}."
        )
    others = {r.name for r in failed} - EXPLAINED
    reasons.extend(f"Metric {name} fails." for name in sorted(others))
    if failed:
        return "fail", reasons
    if comparison.holdout.num_rows < FEW_HOLDOUT_RECORDS:
        reasons.append(
            f"The holdout has fewer than {FEW_HOLDOUT_RECORDS} records; intervals are wide."
        )
    reasons.extend(
        f"{r.name}: no figure; it {r.method}."
        for r in results
        if r.value is None and r.name != "withheld_copies"
    )
    return "inconclusive", [NO_ATTACKS, *reasons]


def _provenance(comparison: Comparison) -> dict[str, Any]:
    return {
        "tabsynth": __version__,
        "libraries": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pandas": pd.__version__,
            "pyarrow": pa.__version__,
            "scikit-learn": sklearn.__version__,
        },
        "columns": {
            "modelled": list(comparison.train.schema.modelled_names),
            "invented": [f.name for f in comparison.train.schema.fields if f.is_generated],
            "withheld": [f.name for f in comparison.train.schema.fields if f.tabsynth.free_text],
        },
        "evaluation_seed": comparison.seed,
        "train_records": comparison.train.num_rows,
        "holdout_records": comparison.holdout.num_rows,
        "synthetic_records": comparison.synthetic.num_rows,
        "target": comparison.target,
    }
