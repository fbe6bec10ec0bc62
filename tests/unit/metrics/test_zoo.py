"""Every measure of fidelity and utility survives every table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from tabsynth import registry
from tabsynth.comparison import Comparison
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tests.zoo import ZOO, field


def three_hundred_columns() -> Table:
    rng = np.random.default_rng(1)
    names = [f"v{i}" for i in range(300)]
    schema = TableSchema(
        fields=tuple(field(n, "number" if i % 2 else "string") for i, n in enumerate(names))
    )
    return Table.checked(
        pa.table(
            {
                n: rng.normal(size=240) if i % 2 else rng.choice(["a", "b", "c"], 240)
                for i, n in enumerate(names)
            }
        ),
        schema,
    )


TABLES: dict[str, Callable[[], Table]] = {
    **ZOO,
    three_hundred_columns.__name__: three_hundred_columns,
}
MEASURES = [
    name
    for name in registry.names("metrics")
    if ".metrics." in registry.BUILT_IN["metrics"].get(name, "")
]


def thirds(table: Table, rows: int | None = None) -> list[Table]:
    order = np.random.default_rng(0).permutation(table.num_rows)[: 3 * rows if rows else None]
    return [table.take(order[i::3]) for i in range(3)]


def figures(results: list) -> None:
    for r in results:
        for figure in (r.value, r.ci_low, r.ci_high, r.reference, r.baseline):
            assert figure is None or np.isfinite(figure)
        if r.ci_low is not None:
            assert r.ci_low <= r.value <= r.ci_high


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("kind", TABLES)
def test_measures_survive_the_zoo(kind: str, measure: str) -> None:
    table = TABLES[kind]()
    target = table.schema.modelled_names[-1]
    if table.num_rows > 10_000:
        table = table.take(np.arange(0, table.num_rows, 10))
    metric = registry.find("metrics", measure)
    train, holdout, synthetic = thirds(table)
    figures(metric(Comparison(train, holdout, synthetic, target=target, draws=(train,))))
    for rows in (1, 2, 3):
        figures(metric(Comparison(*thirds(table, rows), target=target)))


@pytest.mark.parametrize("measure", MEASURES)
def test_measures_survive_synthetic_tables_that_are_wrong(measure: str) -> None:
    train, holdout, synthetic = thirds(ZOO["every_type"]())
    gone = {
        name: pa.nulls(synthetic.num_rows, kind)
        for name, kind in zip(synthetic.schema.names, synthetic.data.schema.types, strict=True)
    }
    blank = Table(synthetic.schema, pa.table(gone))
    once = synthetic.take(np.zeros(synthetic.num_rows, np.int64))
    metric = registry.find("metrics", measure)
    for wrong in (blank, once):
        figures(metric(Comparison(train, holdout, wrong, target="ok")))
