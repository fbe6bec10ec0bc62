"""People whose groups, outcomes and biases are known, because they are planted."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tests.zoo import field

SCHEMA = TableSchema(
    fields=(
        field("sex", categories=("f", "m")),
        field("region"),
        field("age", "integer"),
        field("skill", "number"),
        field("height", "number"),
        field("hired", "boolean"),
        field("pay", "number"),
    )
)


def people(
    rows: int,
    seed: int,
    *,
    gap: float = 0.0,
    women: float = 0.5,
    height_gap: float = 0.0,
    missing_gap: float = 0.0,
) -> Table:
    """People hired by skill; `gap` is taken from the chances of women."""
    rng = np.random.default_rng(seed)
    woman = rng.random(rows) < women
    skill = rng.normal(size=rows)
    chance = np.clip(1 / (1 + np.exp(-skill)) - gap * woman, 0, 1)
    height = rng.normal(size=rows) - height_gap * woman
    gone = rng.random(rows) < 0.05 + missing_gap * woman
    hired = rng.random(rows) < chance
    columns = {
        "sex": np.where(woman, "f", "m"),
        "region": rng.choice(["north", "south", "west"], rows, p=[0.5, 0.3, 0.2]),
        "age": rng.integers(18, 66, rows),
        "skill": skill,
        "height": [None if g else float(h) for g, h in zip(gone, height, strict=True)],
        "hired": hired,
        "pay": 1000 + 200 * hired + rng.normal(scale=200, size=rows),
    }
    return Table.checked(pa.table(columns), SCHEMA)


def of_columns(**columns: list[object]) -> Table:
    """A table of texts, numbers or booleans, as its columns say."""
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    fields = []
    for name, values in columns.items():
        first = next((v for v in values if v is not None), "")
        fields.append(field(name, kinds[type(first)]))
    return Table.checked(pa.table(columns), TableSchema(fields=tuple(fields)))
