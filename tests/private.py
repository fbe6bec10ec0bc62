"""Small private tables for tests."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from tabsynth.privacy.domain import Domain
from tabsynth.privacy.noise import NoiseSource, SeededNoise
from tabsynth.privacy.private_table import PrivateTable
from tabsynth.privacy.spending import Account
from tabsynth.schema.model import TableSchema
from tests.zoo import field


@cache
def domain(*sizes: int) -> Domain:
    """Columns of so many categories each, none missing."""
    return Domain.declared(
        TableSchema(
            fields=tuple(
                field(
                    f"c{j}",
                    categories=tuple(f"v{k}" for k in range(size)),
                    constraints={"required": True},
                )
                for j, size in enumerate(sizes)
            )
        )
    )


def private(
    rows: Sequence[Sequence[int]],
    *sizes: int,
    rho: float = 1e6,
    noise: NoiseSource | None = None,
    unit_bound: int = 1,
) -> PrivateTable:
    """Records of codes, shape (records, columns), behind the door."""
    table = np.array(rows, np.int32).reshape(-1, len(sizes))
    return PrivateTable(
        list(table.T),
        domain(*sizes),
        Account(rho),
        noise=SeededNoise(0) if noise is None else noise,
        unit_bound=unit_bound,
    )
