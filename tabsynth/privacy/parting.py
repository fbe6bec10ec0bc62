"""Records to fit and records to keep apart, by a coin for each privacy unit.

A split into parts of fixed sizes would move other units when one more joins the table, which the
bound does not cover. Coins that fall for each unit by itself leave all others where they are.
"""

from __future__ import annotations

import secrets
from typing import Final

import numpy as np
import pyarrow as pa

from tabsynth.privacy.intake import units_of
from tabsynth.schema.model import TableSchema

TRAIN_SHARE: Final = 0.8


def part(raw: pa.Table, schema: TableSchema) -> tuple[pa.Table, pa.Table]:
    """The records of each privacy unit together, into one of two parts.

    Args:
        raw: columns as read from a file.
        schema: of the table.

    Returns:
        On average four fifths of the units, and the others; which, nobody can foresee.
    """
    rng = np.random.default_rng(secrets.randbits(128))
    name = schema.tabsynth.privacy_unit
    if name is None or name not in raw.column_names:
        units = np.arange(raw.num_rows)
    else:
        # of no unit are all together
        units = 1 + units_of(raw.column(name), schema)
    train = (rng.random(units.max(initial=0) + 1) < TRAIN_SHARE)[units]
    return raw.filter(pa.array(train)), raw.filter(pa.array(~train))
