"""Simulators for tests, in a folder that stands in for an installed package."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

BODY: Final = """
import sys, time
import numpy as np
import pandas as pd


def visits(parameters, n, seed):
    rng = np.random.default_rng(seed)
    print("a simulator may print")
    level = rng.choice(["low", "high", "top"], n, p=[0.6, 0.3, 0.1])
    age = np.clip(np.rint(rng.normal(40 + 10 * (level == "top"), 12, n)), 18, 90).astype(int)
    flag = rng.random(n) < parameters["share"]
    amount = np.round(rng.gamma(2, parameters["scale"], n) * (1 + flag), 2)
    return pd.DataFrame({"level": level, "age": age, "flag": flag, "amount": amount})


def bad(parameters, n, seed):
    how = parameters["how"]
    if how == "raises":
        raise ValueError("the tank is empty")
    if how == "dies":
        print("out of luck", file=sys.stderr, flush=True)
        import os
        os._exit(7)
    if how == "hangs":
        print("still computing", file=sys.stderr, flush=True)
        time.sleep(600)
    if how == "no table":
        return 5
    if how == "few":
        return pd.DataFrame({"x": np.arange(1.0)})
    return pd.DataFrame({"y": ["text"] * n})


def chosen(parameters, n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(parameters["mean"], 1, n)
    if parameters["shape"] == "skewed":
        x = parameters["mean"] + rng.exponential(1, n)
    return pd.DataFrame({"x": x})
"""
NAMES: Final = ("visits", "bad", "chosen")


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """These simulators, as if a package had brought them."""
    (folder / "simulators_of_tests.py").write_text(BODY)
    package = folder / "simulators_of_tests-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: simulators-of-tests\nVersion: 1\n"
    )
    lines = "".join(f"{name} = simulators_of_tests:{name}\n" for name in NAMES)
    (package / "entry_points.txt").write_text(f"[tabsynth.simulators]\n{lines}")
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
