"""Missing values: their rate in each column, and which columns are missing together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabsynth.comparison import Comparison
from tabsynth.metrics.figure import Measure
from tabsynth.metrics.variation import (
    compared_tables,
    jackknife_groups,
    variation,
    variation_results,
)
from tabsynth.report.model import Result
from tabsynth.table import Table

METHOD = "against the holdout; jackknife over 50 groups"


def missingness(comparison: Comparison) -> list[Result]:
    """Whether as many values are missing as in the holdout, and in the same columns together.

    Returns:
        `missing_rate`: distance of the shares of missing values, for each column that misses any
        in any table, and their mean. `missing_patterns`: total variation between the joint
        patterns of missing columns. Both within 0 and 1, lower is better; nothing where no value
        is missing.

    Privacy: reads all real records; not differentially private.
    """
    small = comparison.modelled
    missing = [_missing(t) for t in compared_tables(small)]
    incomplete = np.flatnonzero(np.any([m.any(axis=0) for m in missing], axis=0))
    if not len(incomplete):
        return []
    groups = jackknife_groups(comparison)
    n, seed = small.synthetic.num_rows, comparison.seed
    rates = [
        variation(small.train.schema.names[j], [m[:, j].astype(np.int64) for m in missing], groups)
        for j in incomplete
    ]
    share = Measure("missing_rate", "share", f"distance of the rates {METHOD}", n, seed)
    results = variation_results(share, rates, listed=len(rates))
    if len(incomplete) > 1:
        joint = Measure("missing_patterns", "total variation", METHOD, n, seed)
        patterns = _patterns([m[:, incomplete] for m in missing])
        results += variation_results(joint, [variation("", patterns, groups)], listed=0)
    return results


def _missing(table: Table) -> NDArray[np.bool_]:
    columns = [table.column(name).is_null() for name in table.schema.names]
    return np.column_stack([c.to_numpy(zero_copy_only=False) for c in columns])


def _patterns(missing: list[NDArray[np.bool_]]) -> list[NDArray[np.int64]]:
    """A number per record, equal for records that miss the same columns."""
    packed = np.packbits(np.concatenate(missing), axis=1)
    codes = np.unique(packed, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return np.split(codes, np.cumsum([len(m) for m in missing])[:-1])
