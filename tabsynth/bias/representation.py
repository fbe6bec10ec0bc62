"""Who is in the table: shares of groups, beside those of a population."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.bias.groups import ENOUGH, Grouping
from tabsynth.bias.outcomes import INSUFFICIENT
from tabsynth.bias.persons import as_people
from tabsynth.bias.rates import share_draws, shares
from tabsynth.encoding.analysis import held_by
from tabsynth.report.model import Result, Status
from tabsynth.table import Table

# a group is under- or over-represented beyond this ratio, one way or the other
LOW: Final = 0.8
HIGH: Final = 1.25


@dataclass(frozen=True, eq=False)
class Population:
    """What the groups of a table are to be set beside.

    Args:
        table: its protected columns, under the schema of the table to be judged.
        weights: records or shares behind each row.
        counted: whether weights are numbers of records, and so uncertain; else shares, taken as
            exact.
        words: what it is, for the method line.
    """

    table: Table
    weights: NDArray[np.float64]
    counted: bool
    words: str

    def knows(self, grouping: Grouping) -> bool:
        """Whether it has the columns of a grouping."""
        return set(grouping.columns) <= set(self.table.schema.names)

    def counts(self, grouping: Grouping) -> NDArray[np.float64]:
        """Weight of each group."""
        codes = grouping.codes(self.table)
        weight: NDArray[np.float64] = np.zeros(len(grouping.labels))
        np.add.at(weight, codes, self.weights)
        return weight


def share_figures(
    table: Table,
    groupings: list[Grouping],
    population: Population | None,
    *,
    rng: np.random.Generator,
    seed: int,
) -> list[Result]:
    """`group_share` of every group, beside its share of the population where one is given.

    Returns:
        Shares within 0 and 1. A share deserves attention when the interval of its ratio to the
        population's lies wholly below 0.8 or above 1.25, unless the group neither has nor should
        have 30 records (or persons, where these have several). Groups of the population that the
        table lacks are listed with share 0.

    Privacy: reads the protected columns; not differentially private.
    """
    results: list[Result] = []
    independent = as_people(table.units)
    persons = len(np.unique(table.units))
    for grouping in groupings:
        codes = grouping.codes(table)
        counts = np.bincount(codes, minlength=len(grouping.labels))
        own = np.bincount(held_by(codes, table.units)[0], minlength=len(grouping.labels))
        beside = population if population is not None and population.knows(grouping) else None
        expected = None if beside is None else beside.counts(grouping)
        present = counts > 0 if expected is None else (counts > 0) | (expected > 0)
        places = np.flatnonzero(present)
        weight = np.asarray(counts[places] * independent, np.float64)
        status = _status(weight, None if expected is None else expected[places], beside, rng)
        value, low, high = shares(weight)
        total = 1.0 if expected is None else float(expected.sum())
        for i, g in enumerate(places):
            wanted = 0.0 if expected is None else expected[g] / total * persons
            small = max(float(own[g]), wanted) < ENOUGH
            results.append(
                Result(
                    name="group_share",
                    family="bias",
                    column=grouping.name,
                    group=grouping.labels[g],
                    value=float(value[i]),
                    ci_low=float(low[i]),
                    ci_high=float(high[i]),
                    reference=None if expected is None else float(expected[g] / total),
                    better="higher",
                    unit="share",
                    n=int(counts[g]),
                    method=INSUFFICIENT if small else _method(beside),
                    seed=seed,
                    status="uninformative" if small else status[i],
                )
            )
    return results


def read_population(raw: pa.Table, table: Table, protected: Sequence[str]) -> Population | None:
    """A population from a table with protected columns and, optionally, `share` or `count`.

    Args:
        raw: its columns, unchecked but for the weights; other columns are left out.
        table: the table to be judged, whose schema its protected columns must have.
        protected: names of columns.

    Returns:
        The population; None where it has none of the protected columns, or no weight at all.
    """
    names = [n for n in dict.fromkeys(protected) if n in raw.column_names]
    weighed = [n for n in ("share", "count") if n in raw.column_names and n not in names]
    if not names or raw.num_rows == 0:
        return None
    schema = table.schema.model_copy(
        update={
            "fields": tuple(table.schema.field(n) for n in names),
            "primary_key": (),
            "unique_keys": (),
        }
    )
    schema = schema.model_copy(
        update={"tabsynth": schema.tabsynth.model_copy(update={"privacy_unit": None})}
    )
    rows = Table.checked(raw.select(names), schema, where="reference")
    weights = np.ones(raw.num_rows)
    if weighed:
        weights = _weights(raw.column(weighed[0]))
    if not weights.sum() > 0:
        return None
    words = {"share": "its `share` column", "count": "its `count` column"}
    kind = weighed[0] if weighed else None
    return Population(rows, weights, kind != "share", words.get(str(kind), "its records"))


def _weights(column: pa.ChunkedArray) -> NDArray[np.float64]:
    import pandas as pd

    values = pd.to_numeric(pd.Series(column.to_pylist(), dtype="object"), errors="coerce")
    weights = values.to_numpy(np.float64, na_value=np.nan)
    return np.where(np.isfinite(weights) & (weights > 0), weights, 0.0)


def _status(
    counts: NDArray[np.float64],
    expected: NDArray[np.float64] | None,
    population: Population | None,
    rng: np.random.Generator,
) -> list[Status]:
    if expected is None or population is None or len(counts) < 2:
        return ["ok"] * len(counts)
    drawn = share_draws(counts, rng)
    beside = share_draws(expected, rng) if population.counted else expected / expected.sum()
    low, high = np.quantile(drawn / np.maximum(beside, 1e-12), [0.025, 0.975], axis=0)
    off = (high < LOW) | (low > HIGH)
    return ["attention" if found else "ok" for found in off]


def _method(population: Population | None) -> str:
    if population is None:
        return "share of the records; Dirichlet interval; no population to compare with"
    kind = "with its own uncertainty" if population.counted else "taken as exact"
    return (
        f"share of the records; Dirichlet interval; the reference is {population.words}, {kind}; "
        "worth a look when surely below 0.8 or above 1.25 times the reference"
    )
