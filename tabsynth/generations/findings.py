"""What the figures of all generations come to: half-lives, what fails first, how much must be real.

A figure is turned into what is *kept* of it: 1 as in real training records, 0 nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import t as student

from tabsynth.generations.figures import Figures, name_of
from tabsynth.generations.journal import Outcome, Step
from tabsynth.generations.regimes import Regime
from tabsynth.report.collapse import FORESIGHT

TOLERANCE: Final = 0.2
# beyond what group_tv calls noticeable
GROUP_TOLERANCE: Final = 0.05
MIN_GENERATIONS: Final = 3
# a reference so near to chance is none
MIN_SKILL: Final = 0.02
# less than this counts as this: the logarithm of nothing says nothing of a rate
_SMALL: Final = 0.01


def _likeness(value: float, reference: float) -> float:
    """Of a ratio: as much above as below is as far."""
    if value <= 0 or reference <= 0:
        return 0.0
    ratio = value / reference
    return min(ratio, 1 / ratio)


def _share(value: float, reference: float) -> float:
    return min(1.0, max(0.0, value) / reference) if reference > 0 else math.nan


def _hidden(value: float, reference: float) -> float:
    """Of an AUC of telling records apart: 1 at 0.5, 0 at 1."""
    return min(1.0, max(0.0, 2 * (1 - value)))


# what is kept of each figure, and whether it decides on the tolerance
KEPT: Final[dict[str, tuple[Callable[[float, float], float], bool]]] = {
    "variance_ratio_median": (_likeness, True),
    "entropy_ratio_median": (_likeness, True),
    "tail_mass": (_likeness, True),
    "rare_survival": (_share, True),
    "pairwise_score": (_share, True),
    "c2st_auc": (_hidden, False),
    "tstr": (_share, True),
    "minority_recall": (_share, True),
}
_BY_COLUMN: Final = ("variance_ratio", "entropy_ratio")


@dataclass(frozen=True)
class HalfLife:
    """In how many generations half of what the first generation kept is gone.

    Args:
        generations: by the mean decline; None where no decline is sure.
        low: lower end of its 95 % interval over seeds; None with one seed.
        high: upper end.
    """

    generations: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Failure:
    """What left its tolerance first, and in which generation."""

    what: str
    generation: int
    figure: str


@dataclass(frozen=True)
class Finding:
    """What one regime came to.

    Args:
        regime: of it.
        half_lives: by figure.
        figure: the first figure of the whole table beyond tolerance; None where all stayed within.
        column: the first column.
        group: the first group.
        ended: the generation that could not be made, with the reason; the earliest of all seeds.
    """

    regime: Regime
    half_lives: Mapping[str, HalfLife]
    figure: Failure | None
    column: Failure | None
    group: Failure | None
    ended: tuple[int, str] | None

    @property
    def within(self) -> bool:
        """Whether every figure of the whole table stayed within tolerance in every generation."""
        return self.figure is None and self.ended is None


@dataclass(frozen=True)
class Study:
    """All figures of all chains.

    Args:
        regimes: in order, the bootstrap first.
        outcomes: by step.
        references: by seed, the figures of real training records.
        chance: what `tstr` is when nothing is learnt: 0.5 for an AUC, 0 for R².
    """

    regimes: tuple[Regime, ...]
    outcomes: Mapping[Step, Outcome]
    references: Mapping[int, Figures]
    chance: float = 0.5

    def values(self, regime: Regime, figure: str) -> dict[int, dict[int, float]]:
        """A figure by generation and seed, where it was taken."""
        found: dict[int, dict[int, float]] = {}
        for step, outcome in self.outcomes.items():
            if step.regime == regime.name and figure in outcome.figures:
                found.setdefault(step.generation, {})[step.seed] = outcome.figures[figure]
        return dict(sorted(found.items()))

    def kept(self, regime: Regime, figure: str) -> dict[int, dict[int, float]]:
        """What is kept of a figure, by generation and seed."""
        name = name_of(figure)[0]
        keep = _likeness if name in _BY_COLUMN else KEPT[name][0]
        floor = self.chance if name == "tstr" else 0.0
        kept: dict[int, dict[int, float]] = {}
        for generation, by_seed in self.values(regime, figure).items():
            for seed, value in by_seed.items():
                reference = self.references[seed].get(figure)
                if reference is None or reference - floor < (MIN_SKILL if floor else 0):
                    continue
                share = keep(value - floor, reference - floor)
                if math.isfinite(share):
                    kept.setdefault(generation, {})[seed] = share
        return kept


def find(study: Study, tolerance: float = TOLERANCE) -> list[Finding]:
    """What each regime came to."""
    return [_finding(study, regime, tolerance) for regime in study.regimes]


def smallest_real_share(findings: Sequence[Finding]) -> float | None:
    """The smallest share of real records that, with all larger ones tried, stays within tolerance.

    Returns:
        0 where `replace` does; None where no regime that replaces records does.
    """
    tried = sorted(
        (f for f in findings if f.regime.kind in ("replace", "mix")),
        key=lambda f: f.regime.real, reverse=True,
    )  # fmt: skip
    smallest = None
    for finding in tried:
        if not finding.within:
            break
        smallest = finding.regime.real
    return smallest


def _finding(study: Study, regime: Regime, tolerance: float) -> Finding:
    decisive = [name for name, (_, decides) in KEPT.items() if decides]
    known = sorted({f for s, o in study.outcomes.items() if s.regime == regime.name
                    for f in o.figures})  # fmt: skip
    columns = [f for f in known if name_of(f)[0] in _BY_COLUMN and name_of(f)[1]]
    ended = [(s.generation, o.ended) for s, o in study.outcomes.items()
             if s.regime == regime.name and o.ended is not None]  # fmt: skip
    return Finding(
        regime=regime,
        half_lives={name: _half_life(study.kept(regime, name)) for name in KEPT if name in known},
        figure=_first_beyond(study, regime, decisive, tolerance),
        column=_first_beyond(study, regime, columns, tolerance),
        group=_first_group(study, regime, [f for f in known if name_of(f)[0] == "group_tv"]),
        ended=min(ended) if ended else None,
    )


def _first_beyond(
    study: Study, regime: Regime, figures: Sequence[str], tolerance: float
) -> Failure | None:
    """The figure whose mean over seeds is beyond tolerance in the earliest generation."""
    beyond = [
        (generation, float(np.mean(list(by_seed.values()))), figure)
        for figure in figures
        for generation, by_seed in study.kept(regime, figure).items()
        if np.mean(list(by_seed.values())) < 1 - tolerance
    ]
    return _failure(beyond)


def _first_group(study: Study, regime: Regime, figures: Sequence[str]) -> Failure | None:
    """The group that moved from its holdout records by more than real ones differ, first."""
    beyond = []
    for figure in figures:
        for generation, by_seed in study.values(regime, figure).items():
            more = [
                value - study.references[seed][figure]
                for seed, value in by_seed.items()
                if figure in study.references[seed]
            ]
            if more and np.mean(more) > GROUP_TOLERANCE:
                beyond.append((generation, -float(np.mean(more)), figure))
    return _failure(beyond)


def _failure(beyond: Sequence[tuple[int, float, str]]) -> Failure | None:
    if not beyond:
        return None
    generation, _, figure = min(beyond)
    name, part = name_of(figure)
    return Failure(part or name, generation, name)


def _half_life(kept: Mapping[int, Mapping[int, float]]) -> HalfLife:
    """By least squares on logarithms, a rate for each seed."""
    last = max(kept, default=0)
    rates = []
    for seed in sorted({seed for by_seed in kept.values() for seed in by_seed}):
        points = [(g, by_seed[seed]) for g, by_seed in kept.items() if seed in by_seed]
        if len(points) >= MIN_GENERATIONS:
            generation, share = np.array(points).T
            slope = np.polyfit(generation, np.log(np.maximum(share, _SMALL)), 1)[0]
            rates.append(-float(slope))
    if not rates:
        return HalfLife()
    mean = float(np.mean(rates))
    low = high = mean
    if len(rates) > 1:
        margin = float(student.ppf(0.975, len(rates) - 1) * np.std(rates, ddof=1))
        margin /= math.sqrt(len(rates))
        low, high = mean - margin, mean + margin
    # a rate that may be none is none that one should tell of
    if low <= 0 or math.log(2) / mean > FORESIGHT * last:
        return HalfLife()
    ends = (math.log(2) / high, math.log(2) / low) if len(rates) > 1 else (None, None)
    return HalfLife(math.log(2) / mean, *ends)
