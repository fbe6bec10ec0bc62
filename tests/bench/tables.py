"""The tables on which engines are compared."""

from __future__ import annotations

import sys
from functools import cache

import pandas as pd

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
