"""A made-up table of credit cards: six months of bills and payments with running balances.

30,000 records of 24 mostly numeric columns. What one month leaves unpaid stands in the next
month's bill, so columns determine each other nearly but not quite, in both directions: hard for
methods that look at two columns at a time. Nobody's data went into it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

RECORDS: Final = 30_000
SEED: Final = 123
MONTHS: Final = 6
# habits of holders: do not use the card, pay in full, pay the least, pay irregularly
UNUSED, FULL, LEAST, IRREGULAR = range(4)

Floats = NDArray[np.float64]


def bills(records: int = RECORDS, seed: int = SEED) -> pd.DataFrame:
    """The table.

    Args:
        records: how many cards.
        seed: the same seed gives the same table.

    Returns:
        `limit`, `sex`, `education`, `marriage`, `age`; per month, 1 being the latest, `status_m`
        (-2: nothing due, -1: paid in full, else months behind), `bill_m` and `pay_m`; and
        `default`.
    """
    rng = np.random.default_rng(seed)
    limit = np.round(np.exp(rng.normal(11.6, 0.9, records)) / 1e4).clip(1, 80) * 1e4
    who = _holders(rng, records)
    usage = rng.beta(0.6, 1.2, records)
    habit = rng.choice(4, records, p=[0.2, 0.35, 0.3, 0.15])
    balance, late = np.where(habit == UNUSED, 0, usage * limit), np.zeros(records)
    months: list[tuple[Any, ...]] = []
    for _ in range(MONTHS):
        charged = _charged(rng, habit, usage, limit)
        bill = np.round(balance + charged).clip(-5000, None)
        paid = _paid(rng, habit, bill)
        missed = (paid == 0) & (bill > 0)
        recovered = np.maximum(late - 1, 0) * (rng.random(records) < 0.5)
        late = np.where(missed, late + 1, recovered)
        settled = np.where((habit == FULL) & (late == 0), -1, np.minimum(late, 8))
        months.append((np.where(bill <= 0, -2, settled).astype(int), bill, paid))
        balance = np.maximum(bill - paid, -2000)
    columns: dict[str, Any] = {"limit": limit.astype(int), **who}
    for part, name in enumerate(("status", "bill", "pay")):
        for month in range(MONTHS):
            columns[f"{name}_{month + 1}"] = months[-1 - month][part].astype(int)
    behind = 0.6 * columns["status_1"].clip(0) + 0.2 * columns["status_2"].clip(0)
    odds = 1 / (1 + np.exp(1.6 - behind + limit / 4e5))
    columns["default"] = (rng.random(records) < odds).astype(int)
    return pd.DataFrame(columns)


def _holders(rng: np.random.Generator, records: int) -> dict[str, NDArray[Any]]:
    education = ["grad", "univ", "high", "other"]
    marriage = ["single", "married", "other"]
    return {
        "sex": rng.choice(["f", "m"], records, p=[0.6, 0.4]),
        "education": rng.choice(education, records, p=[0.35, 0.47, 0.16, 0.02]),
        "marriage": rng.choice(marriage, records, p=[0.53, 0.455, 0.015]),
        "age": np.clip(rng.gamma(9, 2.2, records) + 20, 21, 75).astype(int),
    }


def _charged(
    rng: np.random.Generator, habit: NDArray[np.int64], usage: Floats, limit: Floats
) -> Floats:
    """What is bought in a month."""
    n = len(habit)
    seldom = (rng.random(n) < 0.2) * rng.gamma(1, 3000, n)
    usual = rng.gamma(0.8, 1, n) * limit * 0.05 * (1 + usage)
    return np.where(habit == UNUSED, seldom, usual)


def _paid(rng: np.random.Generator, habit: NDArray[np.int64], bill: Floats) -> Floats:
    """What is paid of a bill, a quarter of it in round sums."""
    n = len(habit)
    in_full = bill * (rng.random(n) < 0.95)
    least = np.round(bill * 0.04 / 100) * 100 + (rng.random(n) < 0.3) * rng.gamma(1, 2000, n)
    otherwise = bill * (rng.random(n) < 0.8)
    paid = np.where(habit == FULL, in_full, np.where(habit >= LEAST, least, otherwise))
    paid = np.where(rng.random(n) < 0.12 * (habit == IRREGULAR) + 0.03, 0, paid)
    paid = np.round(np.maximum(paid, 0))
    return np.where(rng.random(n) < 0.25, np.round(paid / 1000) * 1000, paid)
