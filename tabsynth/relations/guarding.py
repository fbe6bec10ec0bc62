"""What many records share may be one person's: who has many records repeats himself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tabsynth.encoding.analysis import held_by
from tabsynth.encoding.freeze import MIN_COUNT
from tabsynth.entities import rank_in_group
from tabsynth.facts import each_alone
from tabsynth.relations.ties import Places
from tabsynth.schema.columns import spelled_out
from tabsynth.table import Table


def repeats(own: Table, owners: Sequence[Places]) -> NDArray[np.bool_]:
    """Records that make a value, or a missing one, seem frequent which fewer than 5 parents have.

    Without them such a value stands in at most 4 records, and is pooled as any rare one.

    Args:
        own: columns of the records.
        owners: places of their parents and of those above, one kind after the other; -1 for none.

    Returns:
        Shape (records,), true where a record should be left out of a fit.
    """
    found = np.zeros(own.num_rows, bool)
    for name in own.schema.names:
        column = spelled_out(own.column(name)).dictionary_encode(null_encoding="encode")
        value = column.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        for places in owners:
            found |= _of_few(value, each_alone(places))
    return found


def _of_few(value: NDArray[np.int64], who: Places) -> NDArray[np.bool_]:
    """Of a value that fewer than 5 parents have, the fifth record and all after it."""
    parents = np.bincount(held_by(value, who)[0])
    return (parents < MIN_COUNT)[value] & (rank_in_group(value) >= MIN_COUNT - 1)
