"""Columns as a few levels each: categories, stretches between quantiles, and missing."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.learners import features
from tabsynth.table import Table

QUANTILES: Final = 20
LEVELS: Final = 100


def levels(tables: list[Table]) -> tuple[list[NDArray[np.int64]], list[int]]:
    """Levels of every modelled column in tables of one schema.

    Args:
        tables: the first decides the quantiles.

    Returns:
        Per table an array of shape (records, columns), and the number of levels of each column.
        Missing is a level; beyond 100 categories the rarest share one.

    Privacy: reads all tables.
    """
    arrays, categorical = features([t.modelled for t in tables])
    sizes = []
    for column, is_category in enumerate(categorical):
        first = arrays[0][:, column]
        known = first[~np.isnan(first)]
        if is_category:
            size = LEVELS
            for array in arrays:
                array[:, column] = np.minimum(array[:, column], LEVELS - 1)
        else:
            edges = (
                np.unique(np.quantile(known, np.arange(1, QUANTILES) / QUANTILES))
                if len(known)
                else np.array([])
            )
            size = len(edges) + 1
            for array in arrays:
                gone = np.isnan(array[:, column])
                array[:, column] = np.searchsorted(edges, array[:, column], side="left")
                array[gone, column] = np.nan
        sizes.append(size + 1)
        for array in arrays:
            array[np.isnan(array[:, column]), column] = size
    return [a.astype(np.int64) for a in arrays], sizes
