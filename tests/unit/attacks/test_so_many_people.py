"""Where a table is too large to try everybody, people are left out, not some of their records."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from scipy.stats import binom

from tabsynth.attacks.knowledge import of_so_many_people
from tabsynth.attacks.omnibus import Permutations, Suspects
from tabsynth.schema.model import TableExtension, TableSchema
from tabsynth.table import Table
from tests.zoo import field

SCHEMA = TableSchema(
    fields=(field("person", "integer"), field("score", "number")),
    tabsynth=TableExtension(privacy_unit="person"),
)


def table(persons: int, sizes: np.ndarray, rng: np.random.Generator) -> Table:
    """Persons whose records are alike."""
    whose = np.repeat(np.arange(persons), sizes)
    score = rng.normal(size=persons)[whose] + 0.3 * rng.normal(size=len(whose))
    return Table.checked(pa.table({"person": whose, "score": score}), SCHEMA)


def counts(found: Table) -> np.ndarray:
    return np.unique(found.units, return_counts=True)[1]


def p_value(control: Table, train: Table, rng: np.random.Generator) -> float:
    scores = np.concatenate([t.column("score").to_numpy() for t in (train, control)])
    first, second = (np.unique(t.units, return_inverse=True)[1] for t in (train, control))
    deals = Permutations(
        Suspects(
            scores[:, None],
            isolated=np.zeros(len(scores), bool),
            member=np.repeat([True, False], [len(first), len(second)]),
            units=np.concatenate([first, second + first.max() + 1]),
        ),
        rng,
    )
    return deals.p_value(deals.observed)


def test_without_a_leak_a_large_table_is_not_failed() -> None:
    """Of most controls and of few members, record by record, one in six had p below 0.01."""
    small = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        real = table(190, np.full(190, 10), rng), table(1000, np.full(1000, 10), rng)
        control, train = of_so_many_people(real, (1200, 1300), rng)
        assert set(counts(control)) == set(counts(train)) == {10}
        small += p_value(control, train, rng) <= 0.05
    assert small <= binom.ppf(0.995, 60, 0.05)


def test_nobody_holds_most_of_what_is_looked_at() -> None:
    rng = np.random.default_rng(0)
    sizes = np.append(np.full(499, 2), 5000)
    real = table(500, sizes, rng), table(500, sizes, rng)
    found = of_so_many_people(real, (600, 900), rng)
    for part, most in zip(found, (600, 900), strict=True):
        assert counts(part).max() <= 30
        assert 0.8 * most <= part.num_rows <= 1.2 * most
        assert len(np.unique(part.column("score").to_numpy())) == part.num_rows


def test_tables_that_are_small_enough_stay_and_records_alone_are_drawn_one_by_one() -> None:
    rng = np.random.default_rng(0)
    real = table(50, np.full(50, 2), rng), table(80, np.full(80, 2), rng)
    assert of_so_many_people(real, (100, 160), rng) is real
    alone = TableSchema(fields=SCHEMA.fields)
    first, second = (Table(alone, t.data) for t in real)
    control, train = of_so_many_people((first, second), (30, 200), rng)
    assert (control.num_rows, train.num_rows) == (30, 160)
