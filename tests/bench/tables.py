"""The tables on which engines are compared."""

from __future__ import annotations

import sys
from functools import cache

import numpy as np
import pandas as pd

import tabsynth as ts
from tabsynth.schema.files import load_schema
from tabsynth.table import Table
from tests.bench.bills import bills
from tests.bench.record import ROOT, adult

SHOPPERS = ROOT.parent / "shared" / "data" / "online_shoppers.csv.gz"


@cache
def adult_whole() -> pd.DataFrame:
    """UCI Adult (doi:10.24432/C5XW20), 48,842 records of 15 columns."""
    return pd.concat(adult(), ignore_index=True)


@cache
def shoppers() -> pd.DataFrame:
    """UCI Online Shoppers (doi:10.24432/C5F88Q), 12,330 records of 18 columns."""
    if not SHOPPERS.exists():
        sys.exit(f"this benchmark needs the table at {SHOPPERS.relative_to(ROOT.parent)}")
    return pd.read_csv(SHOPPERS)


FRAMES = {"adult": adult_whole, "online_shoppers": shoppers, "bills": bills}
TARGETS = {"adult": "income", "online_shoppers": "Revenue", "bills": "default"}


@cache
def table(name: str, records: int | None = None) -> Table:
    """One of the tables with its schema; the first records of a random order where asked for few.

    Adult has its own schema; those of the others are inferred.
    """
    frame = FRAMES[name]()
    if records is not None:
        frame = frame.iloc[np.random.default_rng(0).permutation(len(frame))[:records]]
    example = ROOT / "schemas" / "examples" / f"{name}.yaml"
    schema = load_schema(example) if example.exists() else ts.infer_schema(frame)
    return Table.from_pandas(frame.reset_index(drop=True), schema)
