"""`python ask_arfpy.py DIR SEED` in an environment with arfpy: fits DIR/train.csv.

Leaves DIR/synthetic.csv of as many records, and prints seconds, rows a second and bytes.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd

STATUS = Path("/proc/self/status")


def held(which: str, *, anew: bool = False) -> int:
    """Bytes that the process holds (`VmRSS:`) or held at the peak (`VmHWM:`), counted anew."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    lines = STATUS.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(which))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    # arfpy takes texts as categories and knows no missing values: they are a category of texts,
    # and the median of numbers
    train = pd.read_csv(folder / "train.csv")
    for name in train.columns:
        if pd.api.types.is_bool_dtype(train[name].dtype):
            train[name] = train[name].astype(str).astype(object)
        elif pd.api.types.is_numeric_dtype(train[name].dtype):
            train[name] = train[name].fillna(train[name].median())
        else:
            train[name] = train[name].fillna("").astype(object)
    np.random.seed(seed)  # noqa: NPY002 - it draws from the global state
    before = held("VmRSS:", anew=True)
    start, cpu = time.perf_counter(), time.process_time()
    model = import_module("arfpy.arf").arf(x=train, random_state=seed, verbose=False)
    model.forde()
    cost = {
        "fit_seconds": time.perf_counter() - start,
        "fit_cpu_seconds": time.process_time() - cpu,
        "memory": held("VmHWM:") - before,
    }
    start, cpu = time.perf_counter(), time.process_time()
    drawn = model.forge(n=len(train))
    cost["rows_per_second"] = len(train) / (time.perf_counter() - start)
    cost["rows_per_cpu_second"] = len(train) / (time.process_time() - cpu)
    for name in train.columns:
        if pd.api.types.is_integer_dtype(train[name].dtype):
            drawn[name] = drawn[name].round().astype("int64")
    drawn.to_csv(folder / "synthetic.csv", index=False)
    print(json.dumps(cost))
