"""`python ask_anonymeter.py DIR ...` in an environment with anonymeter: its risks, a line each.

Only its documented interface is called. Every DIR is as `ask_sdmetrics` has it.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import process_time
from typing import Any

import pandas as pd

PARTS = ("train", "holdout", "synthetic")
# the two halves of a record, as its example on Adult has them
FIRST = ["workclass", "education", "hours_per_week", "capital_loss", "capital_gain"]
SECOND = ["race", "sex", "fnlwgt", "age", "native_country"]
LINKED, GUESSED = 2000, 1000


def ask(folder: Path) -> dict[str, Any]:
    """Risk and 95 % interval of each attack; a lower end above 0 says that a risk was found."""
    train, holdout, synthetic = (pd.read_csv(folder / f"{part}.csv") for part in PARTS)
    offered = import_module("anonymeter.evaluators")
    tables = {"ori": train, "syn": synthetic, "control": holdout}
    start = process_time()
    risks = {}
    for mode in ("univariate", "multivariate"):
        attack = offered.SinglingOutEvaluator(**tables, seed=0)
        risks[f"singling out, {mode}"] = _risk(attack, mode=mode)
    attack = offered.LinkabilityEvaluator(**tables, aux_cols=(FIRST, SECOND), n_attacks=LINKED)
    risks["linkability"] = _risk(attack, n_jobs=1)
    for secret in train.columns:
        known = [name for name in train.columns if name != secret]
        attack = offered.InferenceEvaluator(
            **tables, aux_cols=known, secret=secret, n_attacks=GUESSED
        )
        risks[f"inference, {secret}"] = _risk(attack, n_jobs=1)
    return {"risks": risks, "cpu_seconds": process_time() - start}


def _risk(attack: Any, **how: Any) -> list[float] | str:
    """The risk and its interval, or why there is none."""
    try:
        risk = attack.evaluate(**how).risk(confidence_level=0.95)
    except (RuntimeError, ValueError) as error:
        return type(error).__name__
    return [float(risk.value), float(risk.ci[0]), float(risk.ci[1])]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    print(json.dumps({"version": version("anonymeter"), "pandas": pd.__version__}), flush=True)
    for place in sys.argv[1:]:
        print(json.dumps(ask(Path(place))), flush=True)
