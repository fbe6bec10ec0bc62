"""Whether a synthetic table keeps groups, their shares and their outcomes."""

from __future__ import annotations

from typing import Final

import numpy as np

from tabsynth.bias.groups import Grouping, groupings
from tabsynth.bias.outcome import Outcome, favourable_outcome
from tabsynth.bias.outcomes import count_outcomes, rate_figures
from tabsynth.bias.persons import as_people
from tabsynth.bias.representation import Population, share_figures
from tabsynth.comparison import Comparison
from tabsynth.errors import UsageError
from tabsynth.report.model import Result

# synthetic records that a group would have, below which its absence may be chance
EXPECTED: Final = 10


def group_shares(comparison: Comparison) -> list[Result]:
    """The share of each protected group beside its share of the holdout, and groups that are lost.

    Returns:
        `group_share` of every group; it deserves attention when surely below 0.8 or above 1.25
        times the holdout's. `groups_lost` per grouping: how many groups of which at least 10
        records were to be expected have none; lower is better. Nothing without protected columns.

    Raises:
        UsageError: a protected column is not a modelled one.

    Privacy: reads real records; not differentially private.
    """
    groups = real_groupings(comparison)
    if not groups:
        return []
    holdout = comparison.holdout
    weights = np.full(holdout.num_rows, as_people(holdout.units))
    beside = Population(holdout, weights, counted=True, words="the holdout")
    rng = comparison.rng("group_shares")
    shares = share_figures(comparison.synthetic, groups, beside, rng=rng, seed=comparison.seed)
    return [*shares, *(_lost(comparison, grouping) for grouping in groups)]


def group_outcomes(comparison: Comparison) -> list[Result]:
    """Favourable outcomes by group in synthetic records, beside the same in the holdout.

    Returns:
        `base_rate` and `impact_ratio` of every group; the yardstick is the group that the holdout
        favours most. Nothing without protected columns or target.

    Raises:
        UsageError: a protected column or the target is not a modelled one.

    Privacy: reads real records; not differentially private.
    """
    outcome = real_outcome(comparison)
    groups = real_groupings(comparison)
    if outcome is None or not groups:
        return []
    rng = comparison.rng("group_outcomes")
    counted = count_outcomes(
        comparison.synthetic, groups, outcome, rng=rng, real=comparison.holdout
    )
    return rate_figures(counted, outcome, seed=comparison.seed)


def real_groupings(comparison: Comparison) -> list[Grouping]:
    """Groups of the protected columns, as training and holdout records have them.

    Raises:
        UsageError: a protected column is not a modelled one.
    """
    _require_modelled("--protected", comparison.protected, comparison)
    if not comparison.protected:
        return []
    return groupings(comparison.train, comparison.protected, beside=[comparison.holdout])


def real_outcome(comparison: Comparison) -> Outcome | None:
    """The favourable outcome; None without protected columns, or where there are no two outcomes.

    Raises:
        UsageError: the target is not a modelled column.
    """
    target = comparison.target
    if target is None or not comparison.protected or target in comparison.protected:
        return None
    _require_modelled("--target", (target,), comparison)
    return favourable_outcome([comparison.train, comparison.holdout], target)


def _require_modelled(option: str, names: tuple[str, ...], comparison: Comparison) -> None:
    known = comparison.train.schema.modelled_names
    for name in names:
        if name not in known:
            raise UsageError(
                option, expected="a modelled column", got=f"{name!r}",
                remedy=f"choose one of {', '.join(known[:12])}",
            )  # fmt: skip


def _lost(comparison: Comparison, grouping: Grouping) -> Result:
    tables = comparison.holdout, comparison.synthetic, comparison.train
    counts = [np.bincount(grouping.codes(t), minlength=len(grouping.labels))[:-1] for t in tables]
    holdout, synthetic, train = counts
    real = (holdout + train) / max(int(holdout.sum() + train.sum()), 1)
    # the table's size decides which groups can be missed at all
    expected = real * comparison.synthetic.num_rows >= EXPECTED
    lost = [grouping.labels[g] for g in np.flatnonzero(expected & (synthetic == 0))]
    named = f": {'; '.join(lost[:5])}" if lost else ""
    return Result(
        name="groups_lost",
        family="bias",
        column=grouping.name,
        value=float(len(lost)),
        reference=0.0,
        unit="groups",
        n=comparison.synthetic.num_rows,
        method=f"of {int(expected.sum())} groups of which at least {EXPECTED} synthetic records "
        f"were to be expected, those without any{named}",
        seed=comparison.seed,
        status="attention" if lost else "ok",
    )
