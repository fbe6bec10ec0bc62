"""Whether groups fare alike within strata in synthetic records as they do in real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import norm

from tabsynth.bias.groups import Grouping
from tabsynth.bias.outcome import Outcome
from tabsynth.bias.outcomes import INSUFFICIENT, LEVEL
from tabsynth.bias.parity import (
    EVEN,
    GroupOdds,
    adjust_odds,
    group_odds,
    no_odds,
    odds_figure,
    strata_beside,
)
from tabsynth.comparison import Comparison
from tabsynth.intervals import Z95
from tabsynth.metrics.bias import real_groupings, real_outcome
from tabsynth.report.model import Result

NAME: Final = "conditional_odds_change"


@dataclass(frozen=True)
class _Change:
    """The odds of one group in all tables.

    Args:
        train: its odds in training records; None where these do not tell.
        holdout: in the holdout.
        synthetic: in synthetic records.
        draws: logarithms of its odds in further draws of the model.
    """

    train: GroupOdds | None
    holdout: GroupOdds
    synthetic: GroupOdds
    draws: tuple[float, ...]

    @property
    def log(self) -> float:
        """Logarithm of the synthetic odds ratio over the holdout's."""
        made = [np.log(self.synthetic.within.ratio), *self.draws]
        return float(np.mean(made) - np.log(self.holdout.within.ratio))

    @property
    def error(self) -> float:
        """Standard error of that logarithm."""
        made = [np.log(self.synthetic.within.ratio), *self.draws]
        between = np.var(made, ddof=1) if self.draws else 0.0
        own = self.synthetic.within.error**2 + self.holdout.within.error**2
        return float(np.sqrt(own + between))

    @property
    def reference(self) -> float | None:
        if self.train is None:
            return None
        return self.train.within.ratio / self.holdout.within.ratio

    @property
    def enough(self) -> bool:
        return self.synthetic.enough and self.holdout.enough

    @property
    def p(self) -> float:
        """P-value of the odds ratio changing by no more than a factor of 1.25."""
        if not self.enough or not self.error > 0:
            return 1.0
        return float(norm.sf((abs(self.log) - np.log(EVEN)) / self.error))


def conditional_parity(comparison: Comparison) -> list[Result]:
    """Odds of the favourable outcome by group within declared strata, synthetic beside real.

    Returns:
        `conditional_odds` of every group of the synthetic table over the largest group of train,
        1 being parity within strata; the reference is the same in the holdout.
        `conditional_odds_change`: the synthetic odds ratio over the holdout's, 1 being no change;
        the reference is train's over the holdout's. It deserves attention when it, and its p-value
        adjusted for the number of groups, say that it is not within 0.8 and 1.25. Nothing without
        strata, protected columns and target.

    Raises:
        UsageError: a protected column or the target is not a modelled one.

    Privacy: reads real records; not differentially private.
    """
    groups, outcome = real_groupings(comparison), real_outcome(comparison)
    if outcome is None or not comparison.strata:
        return []
    found = [_changes(comparison, grouping, outcome) for grouping in groups]
    by_level = adjust_odds(
        [[c.synthetic.within.uneven if c.synthetic.enough else 1.0 for c in own] for own in found],
        groups,
    )
    by_change = adjust_odds([[c.p for c in own] for own in found], groups)
    results: list[Result] = []
    for grouping, own, of_level, of_change in zip(groups, found, by_level, by_change, strict=True):
        if not own:
            results.append(no_odds(NAME, grouping, comparison.synthetic.num_rows))
        for change, p_level, p_change in zip(own, of_level, of_change, strict=True):
            level = odds_figure(
                change.synthetic, grouping, comparison.strata, seed=comparison.seed,
                reference=change.holdout.within.ratio, referring="the same in the holdout",
            )  # fmt: skip
            if p_level < LEVEL and change.synthetic.enough:
                level = level.model_copy(update={"status": "attention"})
            results += [level, _figure(comparison, grouping, change, p=float(p_change))]
    return results


def _changes(comparison: Comparison, grouping: Grouping, outcome: Outcome) -> list[_Change]:
    """Groups that synthetic records and the holdout both tell of."""
    real = [comparison.train, comparison.holdout]
    within = strata_beside(grouping, real, comparison.strata)
    if within is None:
        return []
    counts = np.bincount(grouping.codes(comparison.train), minlength=len(grouping.labels))
    beside = int(np.argmax(counts))
    train, holdout, synthetic, *draws = (
        {o.group: o for o in group_odds(t, grouping, outcome, within, beside=beside)}
        for t in (*real, comparison.synthetic, *comparison.draws)
    )
    return [
        _Change(
            train.get(g),
            holdout[g],
            own,
            tuple(float(np.log(d[g].within.ratio)) for d in draws if g in d),
        )
        for g, own in synthetic.items()
        if g in holdout
    ]


def _figure(comparison: Comparison, grouping: Grouping, change: _Change, *, p: float) -> Result:
    adjusted = "Benjamini-Hochberg" if grouping.is_intersection else "Holm"
    value, spread = float(np.exp(change.log)), float(np.exp(Z95 * change.error))
    over = f"; mean of {len(change.draws) + 1} synthetic tables" if change.draws else ""
    return Result(
        name=NAME,
        family="bias",
        column=grouping.name,
        group=grouping.labels[change.synthetic.group],
        value=value,
        ci_low=value / spread,
        ci_high=value * spread,
        reference=change.reference,
        better="higher",
        unit="ratio of odds ratios",
        n=min(change.synthetic.records, change.holdout.records),
        method="Mantel-Haenszel odds ratio within strata (against "
        f"{grouping.labels[change.synthetic.beside]}), synthetic over holdout{over}; the reference "
        "is train over holdout; worth a look when surely not within 0.8 and 1.25; "
        f"p = {p:.3g} ({adjusted})"
        if change.enough
        else INSUFFICIENT,
        seed=comparison.seed,
        status="uninformative" if not change.enough else "attention" if p < LEVEL else "ok",
    )
