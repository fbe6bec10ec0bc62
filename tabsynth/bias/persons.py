"""Groups of few persons, where persons have several records: a public report leaves them out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tabsynth.bias.groups import Grouping
from tabsynth.bias.outcome import Outcome
from tabsynth.encoding.analysis import held_by
from tabsynth.report.suppression import SMALLEST
from tabsynth.table import Table


def groups_of_few(
    tables: Sequence[Table], groupings: Sequence[Grouping], outcome: Outcome | None
) -> list[list[str]]:
    """Groups that fewer than 10 persons of a table are in, or have or lack the outcome in.

    Args:
        tables: real records.
        groupings: of the records into groups.
        outcome: what is favourable, where that is known.

    Returns:
        Columns and label of each, sorted; none where each record is a person's own, since records
        are then counted by the figures themselves.

    Privacy: names groups of few persons, so it has no place in a public report.
    """
    found: set[tuple[str, str]] = set()
    for table in tables:
        owners = table.owners
        if owners is None:
            continue
        hits = None if outcome is None else outcome.of(table)
        for grouping in groupings:
            codes = grouping.codes(table)
            persons = [_persons(codes, owners, len(grouping.labels))]
            if hits is not None:
                persons += [
                    _persons(codes[hits == side], owners[hits == side], len(grouping.labels))
                    for side in (0, 1)
                ]
            few = np.flatnonzero(np.min(persons, axis=0) < SMALLEST)
            found |= {(grouping.name, grouping.labels[g]) for g in few}
    return sorted(map(list, found))


def _persons(codes: NDArray[np.int64], owners: NDArray[np.int64], groups: int) -> NDArray[np.int64]:
    return np.bincount(held_by(codes, owners)[0], minlength=groups)


def persons_in(codes: NDArray[np.int64], table: Table, groups: int) -> NDArray[np.int64]:
    """How many persons are in each group; each record is one where the table names none.

    Args:
        codes: group of each record.
        table: the records.
        groups: how many there are.
    """
    owners = table.owners
    if owners is None:
        return np.bincount(codes, minlength=groups)
    return _persons(codes, owners, groups)


def as_people(units: NDArray[np.int64]) -> float:
    """What a record counts in intervals: 1, or less where a person has several.

    Records of one person are not independent; they are taken for wholly alike.

    Args:
        units: whose each record is, shape (records,).

    Source: Kish (1965), Survey Sampling, 8.2 (the effective number of clusters of unequal size).
    """
    sizes = np.unique(units, return_counts=True)[1].astype(np.float64)
    return float(sizes.sum() / np.sum(sizes**2)) if len(sizes) else 1.0
