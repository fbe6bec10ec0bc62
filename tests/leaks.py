"""A population, and synthetic tables drawn from it that leak in known ways, or not at all."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tabsynth.comparison import Comparison
from tabsynth.schema.model import Role, TableSchema
from tabsynth.table import Table
from tests.zoo import field

COLUMNS = {
    "age": "integer",
    "job": "string",
    "town": "string",
    "sex": "string",
    "income": "number",
    "gain": "integer",
    "illness": "string",
}


def schema_of(roles: dict[str, Role]) -> TableSchema:
    ours = {n: {"tabsynth": {"role": roles[n]}} if n in roles else {} for n in COLUMNS}
    return TableSchema(fields=tuple(field(n, kind, **ours[n]) for n, kind in COLUMNS.items()))


def population(rows: int, seed: int, *, roles: dict[str, Role] | None = None) -> Table:
    """People whose columns depend on each other; amounts are nearly unique, most gains are 0."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, rows)
    job = np.minimum(rng.geometric(0.25, rows), 9)
    columns = {
        "age": age,
        "job": [f"job {j}" for j in job],
        "town": [f"town {t}" for t in np.minimum(rng.geometric(0.08, rows), 40)],
        "sex": rng.choice(["f", "m"], rows),
        "income": np.round(np.exp(9 + job / 8 + rng.normal(0, 0.5, rows)), 2),
        "gain": np.where(rng.random(rows) < 0.9, 0, rng.integers(1, 20_000, rows)),
        "illness": [f"illness {i}" for i in (age // 30 + rng.integers(0, 5, rows)) % 6],
    }
    return Table.checked(pa.table(columns), schema_of(roles or {}))


def joined(*tables: Table) -> Table:
    return Table(tables[0].schema, pa.concat_tables([t.data for t in tables]))


def compared(
    kind: str,
    *,
    seed: int = 0,
    rows: int = 2000,
    roles: dict[str, Role] | None = None,
    share: float = 1.0,
) -> Comparison:
    """Train, a holdout half as large, and a synthetic table.

    Args:
        kind: `null`: another draw of the population; `copies`: a share of the synthetic records
            are distinct training records, the rest another draw; `bootstrap`: training records
            drawn with replacement.
        seed: of the population.
        rows: of train and of the synthetic table.
        roles: of columns.
        share: of copies.
    """
    everyone = population(3 * rows, seed, roles=roles)
    train = everyone.take(np.arange(rows))
    holdout = everyone.take(np.arange(rows, 2 * rows))
    fresh = everyone.take(np.arange(2 * rows, 3 * rows))
    copied = round(share * rows)
    synthetic = {
        "null": fresh,
        "copies": joined(train.take(np.arange(copied)), fresh.take(np.arange(rows - copied))),
        "bootstrap": train.take(np.random.default_rng(seed).integers(0, rows, rows)),
    }[kind]
    return Comparison(train, holdout, synthetic, seed=seed)


def holding(synthetic: Table, columns: list[str], source: Table) -> Table:
    """The synthetic table with some columns of other records, row by row, in their place."""
    data = synthetic.data
    for name in columns:
        data = data.set_column(data.column_names.index(name), name, source.data[name])
    return Table(synthetic.schema, data)
