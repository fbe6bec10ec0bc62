"""Whether values are missing more often in some groups than in others."""

from __future__ import annotations

import numpy as np

from tabsynth.bias.groups import Grouping
from tabsynth.bias.outcomes import LEVEL, NOTICEABLE
from tabsynth.bias.rates import Gap, Tally, gap, holm, tally
from tabsynth.report.model import Result
from tabsynth.table import Table


def missingness_figures(
    table: Table, groupings: list[Grouping], *, rng: np.random.Generator, seed: int
) -> list[Result]:
    """`missing_gap`: for every column with missing values, the largest gap between groups.

    Args:
        table: the records; generated and text columns count too.
        groupings: the groups; only single protected columns are looked at.
        rng: for intervals and permutations.
        seed: of the report.

    Returns:
        Gaps of the share of missing values within 0 and 1, lower is better. A gap deserves
        attention when its p-value, adjusted over all columns (Holm), is below 0.05 and its
        interval above 0.05.
    """
    tallies = _tallies(table, groupings)
    found: list[tuple[Grouping, str, Gap]] = []
    for grouping, name, counted in tallies:
        own = gap(counted, rng, looks=len(tallies))
        if own is not None:
            found.append((grouping, name, own))
    adjusted = holm(np.array([own.p for _, _, own in found]))
    return [
        Result(
            name="missing_gap",
            family="bias",
            column=grouping.name,
            group=f"missing {name}",
            value=own.value,
            ci_low=own.low,
            ci_high=own.high,
            reference=own.chance,
            unit="share",
            n=table.num_rows,
            method=f"missing more often in {grouping.labels[own.highest]} than in "
            f"{grouping.labels[own.lowest]}; the reference is what 95 % of random groupings stay "
            f"below; p = {p:.3g} (Holm)",
            seed=seed,
            status="attention" if p < LEVEL and own.low > NOTICEABLE else "ok",
        )
        for (grouping, name, own), p in zip(found, adjusted, strict=True)
    ]


def _tallies(table: Table, groupings: list[Grouping]) -> list[tuple[Grouping, str, Tally]]:
    """Missing values by group, of every column that has some but not only these."""
    units = table.units if table.schema.tabsynth.privacy_unit is not None else None
    found = []
    for grouping in groupings:
        if grouping.is_intersection:
            continue
        codes = grouping.codes(table)
        for name in table.schema.names:
            column = table.column(name)
            if name not in grouping.columns and 0 < column.null_count < len(column):
                absent = column.is_null().to_numpy(zero_copy_only=False).astype(np.float64)
                counted = tally(codes, len(grouping.labels), absent, units)
                found.append((grouping, name, counted))
    return found
