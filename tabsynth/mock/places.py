"""Places of records in their table, from 0, and what is drawn by them alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabsynth.generators import hashed

Places = NDArray[np.int64]


def uniform(places: Places, salt: int) -> NDArray[np.float64]:
    """A number from 0 to below 1 for each place, the same for the same place and salt."""
    mixed = hashed(hashed(places.astype(np.uint64)) ^ np.uint64(salt % 2**64))
    return (mixed >> np.uint64(11)) / 2.0**53
