"""Whether values are missing more often in some groups than in others."""

from __future__ import annotations

import numpy as np

from tabsynth.bias.groups import Grouping
from tabsynth.bias.outcomes import LEVEL, NOTICEABLE
from tabsynth.bias.rates import Gap, Tally, gap, holm, tally
from tabsynth.report.model import Result
from tabsynth.table import Table


def missingness_figures(
    table: Table,
    groupings: list[Grouping],
    *,
    rng: np.random.Generator,
    seed: int,
    real: Table | None = None,
) -> list[Result]:
    """`missing_gap`: for every column with missing values, the largest gap between groups.

    Args:
        table: the records; generated and text columns count too.
        groupings: the groups; only single protected columns are looked at.
        rng: for intervals and permutations.
        seed: of the report.
        real: real records, when another table is judged; the reference is then the difference
            between the same two groups of theirs.

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
            reference=own.chance if real is None else _difference(real, grouping, name, own),
            unit="share",
            n=table.num_rows,
            method=f"missing more often in {grouping.labels[own.highest]} than in "
            f"{grouping.labels[own.lowest]}; {_referring(real, own)}; p = {p:.3g} (Holm)",
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


def _difference(real: Table, grouping: Grouping, name: str, found: Gap) -> float | None:
    """The same two groups in real records: how much more often a value is missing in the first."""
    codes = grouping.codes(real)
    absent = real.column(name).is_null().to_numpy(zero_copy_only=False)
    counts = np.bincount(codes, minlength=len(grouping.labels))
    if not (counts[found.highest] and counts[found.lowest]):
        return None
    rates = np.bincount(codes, absent, minlength=len(counts)) / np.maximum(counts, 1)
    return float(rates[found.highest] - rates[found.lowest])


def _referring(real: Table | None, found: Gap) -> str:
    chance = "what 95 % of random groupings stay below"
    if real is None:
        return f"the reference is {chance}"
    return f"the reference is the same in the holdout; {chance}: {found.chance:.3g}"
