"""Whether other columns give protected groups away as much in synthetic records as in real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import norm

from tabsynth.bias.groups import Grouping
from tabsynth.bias.outcomes import LEVEL, NOTICEABLE
from tabsynth.bias.proxies import (
    ALL_TOGETHER,
    Area,
    Clues,
    no_proxies,
    proxy_figure,
    proxy_words,
    told_apart,
)
from tabsynth.bias.rates import holm
from tabsynth.comparison import Comparison, at_most
from tabsynth.intervals import Z95
from tabsynth.metrics.bias import real_groupings
from tabsynth.metrics.gap_change import beyond
from tabsynth.report.model import Result

NAME: Final = "proxy_change"
# areas depend on how many records there are to learn from; so all tables have equally many
MAX_RECORDS: Final = 4_000
LISTED: Final = 10


@dataclass(frozen=True)
class _Change:
    """One proxy in all tables.

    Args:
        train: its area in training records.
        holdout: in the holdout.
        synthetic: in synthetic records.
        draws: its values in further draws of the model.
    """

    train: Area
    holdout: Area
    synthetic: Area
    draws: tuple[float, ...]

    @property
    def value(self) -> float:
        return float(np.mean([self.synthetic.value, *self.draws])) - self.holdout.value

    @property
    def reference(self) -> float:
        return self.train.value - self.holdout.value

    @property
    def beyond(self) -> float:
        return beyond(self.value, self.reference)

    @property
    def error(self) -> float:
        between = np.var([self.synthetic.value, *self.draws], ddof=1) if self.draws else 0.0
        return float(np.sqrt(self.synthetic.error**2 + self.holdout.error**2 + between))

    @property
    def p(self) -> float:
        """P-value of the change lying between 0 and the reference."""
        return float(2 * norm.sf(abs(self.beyond) / self.error)) if self.error > 0 else 1.0

    @property
    def strength(self) -> float:
        return float(np.nan_to_num(max(self.holdout.value, self.synthetic.value)))

    @property
    def known(self) -> bool:
        areas = (self.train.value, self.holdout.value, self.synthetic.value, *self.draws)
        return bool(np.isfinite(areas).all())


def group_proxies(comparison: Comparison) -> list[Result]:
    """How well one column, then all together, tell the groups apart, synthetic beside real.

    Equally many records of each table are read, at most 4,000.

    Returns:
        `proxy_auc` of the synthetic table, cross-fitted within it; the reference is the same in
        the holdout. `proxy_change`: the synthetic AUC minus that of the holdout, within -1 and 1;
        the reference is train minus holdout. It deserves attention when beyond 0.05 and the
        reference, and its p-value, adjusted over all columns (Holm), is below 0.05. All columns
        together, and the 10 single ones that are strongest in either table. Single protected
        columns only; nothing without any.

    Raises:
        UsageError: a protected column is not a modelled one.

    Privacy: reads real records; not differentially private.
    """
    groups = [g for g in real_groupings(comparison) if not g.is_intersection]
    if not groups:
        return []
    rng = comparison.rng("group_proxies")
    real = comparison.holdout, comparison.train
    size = min(MAX_RECORDS, *(t.num_rows for t in (*real, comparison.synthetic)))
    tables = [at_most(t, size, rng) for t in (*real, comparison.synthetic, *comparison.draws)]
    clues = Clues.of(tables, groups, comparison.target, rng)
    found: list[tuple[Grouping, list[_Change]]] = []
    for grouping in groups:
        classes = told_apart(grouping, [c.table for c in clues])
        enough = len(classes) >= 2 and bool(clues[0].places)
        areas = [c.areas(grouping, classes) for c in clues] if enough else []
        found.append((grouping, [_changed(list(a)) for a in zip(*areas, strict=True)]))
    adjusted = iter(holm(np.array([c.p for _, own in found for c in own if c.known])))
    results = []
    for grouping, changes in found:
        if not changes:
            results.append(no_proxies(NAME, grouping, size))
        figures = [_figures(c, grouping, p=float(next(adjusted)) if c.known else 1.0,
                            seed=comparison.seed) for c in changes]  # fmt: skip
        order = sorted(range(1, len(changes)), key=lambda i: -changes[i].strength)
        for i in [0, *order[:LISTED]] if changes else []:
            results += figures[i]
    return results


def _changed(areas: list[Area]) -> _Change:
    holdout, train, synthetic, *draws = areas
    return _Change(train, holdout, synthetic, tuple(a.value for a in draws))


def _figures(change: _Change, grouping: Grouping, *, p: float, seed: int) -> list[Result]:
    level = proxy_figure(
        change.synthetic, grouping, reference=_finite(change.holdout.value), seed=seed,
        referring="; within synthetic records; the reference is the same within the holdout",
    )  # fmt: skip
    if not change.known:
        return [level]
    value, reference, margin = change.value, change.reference, Z95 * change.error
    how = "boosted trees" if change.holdout.words == ALL_TOGETHER else "rates of its levels"
    over = f"; mean of {len(change.draws) + 1} synthetic tables" if change.draws else ""
    return [
        level,
        Result(
            name=NAME,
            family="bias",
            column=grouping.name,
            group=proxy_words(change.holdout),
            value=value,
            ci_low=max(-1.0, value - margin),
            ci_high=min(1.0, value + margin),
            reference=reference,
            unit="AUC difference",
            n=change.synthetic.n,
            method=f"AUC by {how} within synthetic records minus within the holdout, equally many "
            f"of each; DeLong errors{over}; the reference is train minus holdout; p = {p:.3g} "
            "(Holm)",
            seed=seed,
            status="attention" if p < LEVEL and abs(change.beyond) > NOTICEABLE else "ok",
        ),
    ]


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
