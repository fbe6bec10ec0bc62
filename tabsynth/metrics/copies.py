"""Exact copies: synthetic records equal to a training record in every modelled column."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.stats import norm

from tabsynth.metrics.comparison import Comparison
from tabsynth.report.model import Result
from tabsynth.table import Table

Keys = NDArray[np.int64]

Z95: Final = float(norm.ppf(0.975))
Z99: Final = float(norm.ppf(0.995))


def exact_copies(comparison: Comparison) -> list[Result]:
    """How many synthetic records equal a training record, and whether that is memory or chance.

    Returns:
        `exact_copies`: share of synthetic records equal to some training record; the reference is
        the holdout's own share, since tables of few levels repeat themselves. `copy_advantage`:
        of the records that occur once among all real ones, the share of training records that some
        synthetic record equals, minus the same for holdout records; 0 for a method that remembers
        nobody. It fails when the lower end of its 99 % interval is above 0.

    Privacy: reads all real records; not differentially private. A copy rate is no proof of safety.

    Source: Wilson (1927) and Newcombe (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<873.
    """
    train, holdout, synthetic = _keys(
        [comparison.train.modelled, comparison.holdout.modelled, comparison.synthetic.modelled]
    )
    known = np.isin(synthetic, train)
    low, high = wilson(int(known.sum()), len(known), Z95)
    copies = Result(
        name="exact_copies",
        family="privacy",
        value=float(known.mean()),
        ci_low=low,
        ci_high=high,
        reference=float(np.isin(holdout, train).mean()),
        unit="share",
        n=len(synthetic),
        method="equal in every modelled column; Wilson interval",
        status="diagnostic",
    )
    return [copies, _advantage(train, holdout, synthetic)]


def _advantage(train: Keys, holdout: Keys, synthetic: Keys) -> Result:
    # a record that several people share comes out of any faithful method, and rather if training
    # saw more of them; only one that occurs once tells memory from likeness
    records, times = np.unique(np.concatenate([train, holdout]), return_counts=True)
    once = records[times == 1]
    members = np.isin(train[np.isin(train, once)], synthetic)
    others = np.isin(holdout[np.isin(holdout, once)], synthetic)
    compared = bool(len(members)) and bool(len(others))
    narrow = newcombe(members, others, Z95) if compared else (None, None)
    caught = compared and newcombe(members, others, Z99)[0] > 0
    return Result(
        name="copy_advantage",
        family="privacy",
        value=float(members.mean() - others.mean()) if compared else None,
        ci_low=narrow[0],
        ci_high=narrow[1],
        reference=0.0,
        unit="share",
        n=len(members) + len(others),
        method="unique training records replicated minus unique holdout records; Newcombe interval"
        if compared
        else "needs records that occur once, in train and in holdout",
        status="fail" if caught else "ok" if compared else "uninformative",
    )


def wilson(hits: int, trials: int, z: float) -> tuple[float, float]:
    """Interval of a share."""
    p = hits / trials
    centre = p + z**2 / (2 * trials)
    spread = z * np.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    scale = 1 + z**2 / trials
    # rounding must not push an end past the share itself
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return float(np.clip(low, 0, p)), float(np.clip(high, p, 1))


def newcombe(first: NDArray[np.bool_], second: NDArray[np.bool_], z: float) -> tuple[float, float]:
    """Interval of the difference of two independent shares."""
    p, q = first.mean(), second.mean()
    low_p, high_p = wilson(int(first.sum()), len(first), z)
    low_q, high_q = wilson(int(second.sum()), len(second), z)
    low = p - q - np.sqrt((p - low_p) ** 2 + (high_q - q) ** 2)
    high = p - q + np.sqrt((high_p - p) ** 2 + (q - low_q) ** 2)
    return float(low), float(high)


def _keys(tables: list[Table]) -> list[Keys]:
    """One number per record; equal numbers for equal records, over all tables."""
    sizes = [t.num_rows for t in tables]
    key = np.zeros(sum(sizes), np.int64)
    for name in tables[0].schema.names:
        codes = _codes([t.column(name) for t in tables])
        combined = key * (int(codes.max(initial=0)) + 1) + codes
        # renumbering after each column keeps the product far from overflow
        key = np.unique(combined, return_inverse=True)[1].astype(np.int64)
    return np.split(key, np.cumsum(sizes)[:-1])


def _codes(columns: list[Any]) -> NDArray[np.int64]:
    plain = [c.cast(c.type.value_type) if pa.types.is_dictionary(c.type) else c for c in columns]
    encoded = pa.chunked_array(plain).combine_chunks().dictionary_encode()
    codes: NDArray[np.int64] = (
        encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
    )
    return codes
