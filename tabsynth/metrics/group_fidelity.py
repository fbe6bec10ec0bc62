"""Whether synthetic records are as good for every group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.bias.groups import ENOUGH
from tabsynth.bias.levels import levels
from tabsynth.bias.outcomes import NOTICEABLE
from tabsynth.bias.persons import persons_in
from tabsynth.comparison import Comparison, dealt
from tabsynth.metrics.bias import real_groupings
from tabsynth.report.model import Result

BLOCKS: Final = 20

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def group_fidelity(comparison: Comparison) -> list[Result]:
    """How far the columns of each group are from those of the same group in the holdout.

    Returns:
        `group_tv`: mean total variation over single columns within 0 and 1, lower is better; the
        reference is as many training records of the group. It deserves attention when its
        interval is above the reference by more than 0.05. Only groups of 30 records (or persons)
        in every table; single protected columns.

    Raises:
        UsageError: a protected column is not a modelled one.

    Privacy: reads all real records; not differentially private.
    """
    groups = [g for g in real_groupings(comparison) if not g.is_intersection]
    if not groups:
        return []
    small = comparison.modelled
    tables = [small.holdout, small.synthetic, small.train]
    coded, sizes = levels([small.train, *tables])
    rng = comparison.rng("group_fidelity")
    results = []
    for grouping in groups:
        codes = [grouping.codes(t) for t in tables]
        size = len(grouping.labels)
        people = [persons_in(c, t, size) for c, t in zip(codes, tables, strict=True)]
        others = [i for i, n in enumerate(small.train.schema.names) if n not in grouping.columns]
        for g, label in enumerate(grouping.labels):
            rows = [np.flatnonzero(c == g) for c in codes]
            if others and min(p[g] for p in people) >= ENOUGH:
                parts = [c[r][:, others] for c, r in zip(coded[1:], rows, strict=True)]
                units = [t.units[r] for t, r in zip(tables, rows, strict=True)]
                own = _group_distance(parts, units, [sizes[i] for i in others], rng)
                results.append(_distance_figure(grouping.name, label, own, comparison.seed))
    return results


@dataclass(frozen=True)
class _Distance:
    """Mean total variation of a group, its standard error, and train's in its place."""

    value: float
    error: float
    reference: float
    records: int


def _group_distance(
    parts: list[Ints], units: list[Ints], sizes: list[int], rng: np.random.Generator
) -> _Distance:
    """Distances of synthetic and training records from holdout ones, equally many of each."""
    holdout, synthetic, train = parts
    size = min(len(synthetic), len(train))
    kept, others = (rng.permutation(len(p))[:size] for p in (synthetic, train))
    synthetic, train = synthetic[kept], train[others]
    # blocks of persons leave both tables together, so that the error holds that of the holdout too
    own, held = (dealt(of, BLOCKS, rng) for of in (units[1][kept], units[0]))
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    width = int(np.sum(sizes))

    def by_block(records: Ints, block: Ints) -> Floats:
        flat = (records + offsets) + block[:, None] * width
        counts = np.bincount(flat.ravel(), minlength=BLOCKS * width)
        return counts.reshape(BLOCKS, width).astype(np.float64)

    def distance(first: Floats, second: Floats) -> Floats:
        # every record has one level of the first column
        p = first / first[..., : sizes[0]].sum(axis=-1, keepdims=True)
        q = second / second[..., : sizes[0]].sum(axis=-1, keepdims=True)
        mean: Floats = 0.5 * np.abs(p - q).sum(axis=-1) / len(sizes)
        return mean

    made, real = by_block(synthetic, own), by_block(holdout, held)
    total, target = made.sum(axis=0), real.sum(axis=0)
    left_out = distance(total - made, target - real)
    reference = distance(by_block(train, own).sum(axis=0), target)
    return _Distance(
        float(distance(total, target)),
        float(np.sqrt((BLOCKS - 1) * np.var(left_out))),
        float(reference),
        size,
    )


def _distance_figure(column: str, label: str, found: _Distance, seed: int) -> Result:
    margin = 1.96 * found.error
    low = max(0.0, found.value - margin)
    return Result(
        name="group_tv",
        family="bias",
        column=column,
        group=label,
        value=found.value,
        ci_low=low,
        ci_high=min(1.0, found.value + margin),
        reference=found.reference,
        unit="total variation",
        n=found.records,
        method="mean over the other columns, against the group's holdout records; the reference "
        f"is as many training records; jackknife over {BLOCKS} blocks",
        seed=seed,
        status="attention" if low > found.reference + NOTICEABLE else "ok",
    )
