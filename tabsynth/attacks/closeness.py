"""Closeness: how near synthetic records come to training records. Diagnostics, no attacks.

Nobody attacks anybody here, so there is no threat model. These are the figures that papers report;
they can neither pass nor fail a table. Tables that leak the records of a few persons look harmless
by them, as averages hide it, and harmless tables can look close.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.attacks.knowledge import parties
from tabsynth.attacks.neighbours import Space, nearest
from tabsynth.comparison import Comparison, no_figure
from tabsynth.intervals import Z95
from tabsynth.report.model import Result

ASKED: Final = 5_000
REAL: Final = 20_000
MIN_RECORDS: Final = 10
NEITHER: Final = "can neither pass nor fail"

Floats = NDArray[np.float64]
Distances = NDArray[np.float32]


def closeness(comparison: Comparison) -> list[Result]:
    """Share of synthetic records nearer to train than to controls, and nearest-distance ratios.

    Returns:
        `dcr_share`: of synthetic records, the share nearer to a training record than to a record
        never seen, of which there are equally many; ties count half. 0.5 is expected; lower is
        better. `nearest_ratio`: the median ratio of a synthetic record's distance to the nearest
        training record to that to the next; within 0 and 1, small where records lie close to one
        person alone; the reference is that of control records. Both are diagnostics.

    Privacy: reads all real records; not differentially private.

    Source: Platzer and Reutterer (2021), doi:10.3389/fdata.2021.679939 (share);
        Zhao et al. (2021), arXiv:2102.08369 (ratio).
    """
    held = parties(comparison, "closeness", most=REAL)
    members, controls = held.members.num_rows, held.controls.num_rows
    if min(members, controls, held.synthetic.num_rows) < MIN_RECORDS:
        needed = f"needs at least {MIN_RECORDS} training, control and synthetic records"
        n = held.synthetic.num_rows
        return [
            no_figure(name, "privacy", unit=unit, n=n, method=needed)
            for name, unit in (("dcr_share", "share"), ("nearest_ratio", "ratio"))
        ]
    space = Space.of([held.synthetic, held.reference])
    train, others, drawn = (space.points(t) for t in (held.members, held.controls, held.synthetic))
    rng = comparison.rng("closeness records")
    asked = drawn.take(rng.permutation(len(drawn))[:ASKED])
    size = min(members, controls)
    equal = [p.take(rng.permutation(len(p))[:size]) for p in (train, others)]
    near = [nearest(asked, p, 1)[0][:, 0] for p in equal]
    results = [
        _share(np.where(near[0] == near[1], 0.5, near[0] < near[1]), size),
        _ratio(
            nearest(asked, train, 2)[0], nearest(others.take(np.arange(size)[:ASKED]), train, 2)[0]
        ),
    ]
    return [r.model_copy(update={"seed": comparison.seed}) for r in results]


def _share(nearer: Floats, size: int) -> Result:
    value = float(nearer.mean())
    margin = Z95 * float(nearer.std(ddof=1)) / np.sqrt(len(nearer))
    return Result(
        name="dcr_share",
        family="privacy",
        value=value,
        ci_low=max(0.0, value - margin),
        ci_high=min(1.0, value + margin),
        reference=0.5,
        unit="share",
        n=len(nearer),
        method=f"{len(nearer):,} synthetic records, against {size:,} training and as many control "
        f"records; normal interval, chance among synthetic records only; {NEITHER}",
        status="diagnostic",
    )


def _ratio(synthetic: Distances, control: Distances) -> Result:
    ratios = np.sort(_ratios(synthetic))
    n = len(ratios)
    # order statistics: how many of n lie below their median is binomial
    spread = Z95 * np.sqrt(n) / 2
    low, high = int(np.floor(n / 2 - spread)), int(np.ceil(n / 2 + spread))
    return Result(
        name="nearest_ratio",
        family="privacy",
        value=float(np.median(ratios)),
        ci_low=float(ratios[max(low, 0)]),
        ci_high=float(ratios[min(high, n - 1)]),
        reference=float(np.median(_ratios(control))),
        better="higher",
        unit="ratio",
        n=n,
        method=f"median over {n:,} synthetic records; interval by order statistics; {NEITHER}",
        status="diagnostic",
    )


def _ratios(distances: Distances) -> Floats:
    """Nearest to next distance; 1 where both are 0, since nobody is alone there."""
    nearer, next_one = distances[:, 0].astype(float), distances[:, 1].astype(float)
    ratios: Floats = np.divide(nearer, next_one, out=np.ones(len(nearer)), where=next_one > 0)
    return ratios
