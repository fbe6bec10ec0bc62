"""What aim does with columns of very many values."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.aim import Aim
from tests.private_zoo import admitted
from tests.zoo import field


@pytest.mark.parametrize("rho", [0.2, 20.0])
def test_pairs_of_columns_of_many_values_are_learnt_however_much_is_spent(rho: float) -> None:
    """At a large budget every value stands out of the noise; a table of all pairs is too large."""
    rng = np.random.default_rng(0)
    first = rng.integers(0, 300, 20_000) * 100
    second = np.clip(first + rng.integers(-20, 21, 20_000) * 100, 0, 29_900)
    limits = {"required": True, "minimum": 0, "maximum": 30_000}
    schema = TableSchema(
        fields=tuple(field(n, "integer", constraints=limits) for n in ("first", "second"))
    )
    data = admitted((pa.table({"first": first, "second": second}), schema), rho=rho)
    found = Aim().fit(data, rng=rng).sample(20_000, rng=rng).to_pandas()
    assert found.corr().loc["first", "second"] > 0.8
