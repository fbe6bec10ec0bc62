"""People from a seeded generator: mixed tables with dependence, as large as a test wants them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.schema.model import Role, TableSchema
from tabsynth.table import Table
from tests.zoo import field

HOLDOUT = 0.5


def households(rows: int, rng: np.random.Generator) -> Table:
    """Twelve columns: nearly unique amounts and dates, spikes, long tails, missing cells.

    Education drives job, pay and hours; region drives language; age drives illness and marriage.
    """
    age = np.clip(rng.gamma(9, 5, rows), 17, 95).astype(int)
    school = np.clip((rng.normal(7, 2.5, rows) - (age > 60)).round(), 0, 13).astype(int)
    job = np.clip((school / 2 + rng.gamma(1.5, 1.5, rows)).astype(int), 0, 14)
    region = np.minimum(rng.geometric(0.09, rows), 45)
    speaks = np.where(rng.random(rows) < 0.8, region % 6, rng.integers(0, 9, rows))
    hours = np.where(rng.random(rows) < 0.45, 40, np.clip(rng.normal(38, 13, rows), 1, 90))
    pay = np.exp(7 + 0.11 * school + 0.004 * hours + rng.normal(0, 0.45, rows)).round(2)
    gain = np.where(rng.random(rows) < 0.91, 0, np.exp(rng.normal(8, 1.3, rows))).astype(int)
    single = rng.random(rows) < 1 / (1 + np.exp((age - 32) / 6))
    illness = np.minimum(rng.geometric(0.35, rows) + (age > 55) * rng.integers(0, 4, rows), 14)
    since = np.datetime64("2024-01-01") - (rng.gamma(1.5, 900, rows)).astype("timedelta64[D]")
    columns = {
        "age": age,
        "school": school,
        "job": [f"job {j}" for j in job],
        "region": [f"region {r}" for r in region],
        "language": [f"language {s}" for s in speaks],
        "hours": hours.astype(int),
        "pay": pa.array(pay, mask=rng.random(rows) < 0.04),
        "gain": gain,
        "marriage": np.where(single, "single", rng.choice(["married", "divorced"], rows)),
        "sex": rng.choice(["f", "m"], rows),
        "illness": pa.array([f"illness {i}" for i in illness], mask=rng.random(rows) < 0.02),
        "customer since": pa.array(since.astype("datetime64[D]")),
    }
    kinds = ("integer", "integer", "string", "string", "string", "integer", "number", "integer",
             "string", "string", "string", "date")  # fmt: skip
    return _table(columns, kinds, {"pay": "sensitive"})


def answers(rows: int, rng: np.random.Generator) -> Table:
    """Nine columns of categories: many people are alike, some are the only ones of their kind."""
    group = rng.integers(0, 4, rows)
    columns = {}
    for j, size in enumerate((2, 3, 4, 5, 6, 8, 12, 20, 60)):
        own = np.minimum(rng.geometric(2.5 / (size + 1), rows), size) - 1
        columns[f"question {j}"] = [f"answer {v}" for v in (own + group * (j % 2)) % size]
    return _table(columns, ("string",) * 9, {"question 7": "sensitive"})


def measurements(rows: int, rng: np.random.Generator) -> Table:
    """Eight correlated numbers of full precision, no two alike."""
    latent = rng.normal(size=(rows, 3))
    mixed = latent @ rng.permutation(np.linspace(-1, 1, 24)).reshape(3, 8)
    mixed += 0.5 * rng.standard_t(4, (rows, 8))
    columns = {f"sensor {j}": mixed[:, j] for j in range(8)}
    return _table(columns, ("number",) * 8, {"sensor 7": "sensitive"})


POPULATIONS: dict[str, Callable[[int, np.random.Generator], Table]] = {
    f.__name__: f for f in (households, answers, measurements)
}


def three_samples(name: str, rows: int, rng: np.random.Generator) -> tuple[Table, Table, Table]:
    """Training records, a holdout half as large, and as many further people as training records.

    All are one draw of the population, dealt out at random.
    """
    held = round(HOLDOUT * rows)
    everyone = POPULATIONS[name](2 * rows + held, rng)
    places: NDArray[np.int64] = rng.permutation(everyone.num_rows)
    train, holdout, others = np.split(places, [rows, rows + held])
    return everyone.take(train), everyone.take(holdout), everyone.take(others)


def _table(columns: dict[str, object], kinds: tuple[str, ...], roles: dict[str, Role]) -> Table:
    fields = tuple(
        field(name, kind, **({"tabsynth": {"role": roles[name]}} if name in roles else {}))
        for name, kind in zip(columns, kinds, strict=True)
    )
    return Table.checked(pa.table(columns), TableSchema(fields=fields))
