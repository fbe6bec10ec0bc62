"""What the membership attack would have found in this very comparison: planted leaks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.attacks.neighbours import Points
from tabsynth.attacks.omnibus import Permutations, Suspects, statistics
from tabsynth.attacks.surroundings import Surroundings
from tabsynth.intervals import clopper_pearson
from tabsynth.report.model import Result
from tabsynth.threads import in_threads

LEAKS: Final = (0.001, 0.005, 0.01, 0.05)
KINDS: Final = ("exact copies", "near copies")
REPETITIONS: Final = 30
LEVEL: Final = 0.01
PARTLY: Final = "the table is too large to try all training records"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SelfTest:
    """Plants copies of members among the synthetic records and tests again.

    Membership is dealt anew each time, so that what the synthetic table really leaks does not help.
    A planted copy changes what the attacker sees around the person copied; what little it changes
    around others, and that the classifier would have learnt from it, is left out.

    Args:
        around: what the attacker sees around each suspect.
        suspects: the suspects.
        deals: the test, and its distribution when there is no leak.
        places: where the suspects lie.
        synthetic: where the synthetic records lie.
        sampled: share of the training records that are suspects; copies of others help nobody.
    """

    around: Surroundings
    suspects: Suspects
    deals: Permutations
    places: Points
    synthetic: Points
    sampled: float

    def power_curve(self, rng: np.random.Generator) -> list[Result]:
        """Share of repetitions in which the p-value is below 0.01, for each kind and size of leak.

        Returns:
            Within 0 and 1, higher is better, with Clopper-Pearson intervals.
        """
        return [self._power(kind, share, rng) for kind in KINDS for share in LEAKS]

    def _power(self, kind: str, share: float, rng: np.random.Generator) -> Result:
        tries = in_threads(partial(self._detected, kind, share), rng.spawn(REPETITIONS))
        found = sum(tries)
        low, high = clopper_pearson(found, REPETITIONS)
        return Result(
            name="self_test_power",
            family="privacy",
            group=f"{100 * share:g} % {kind}",
            value=found / REPETITIONS,
            ci_low=low,
            ci_high=high,
            better="higher",
            unit="share",
            n=REPETITIONS,
            method="copies of members planted among the synthetic records, membership dealt anew; "
            f"share of repetitions with p below {LEVEL}; near copies have one field redrawn"
            + (f"; {PARTLY}" if self.sampled < 1 else ""),
            status="diagnostic",
        )

    def _detected(self, kind: str, share: float, rng: np.random.Generator) -> bool:
        controls = self.deals.deal(rng)
        member = np.flatnonzero(~np.isin(self.suspects.units, controls))
        planted = rng.binomial(round(share * len(self.synthetic)), min(1.0, self.sampled))
        rows = rng.choice(member, min(planted, len(member)), replace=False)
        scores = self.suspects.scores.copy()
        if len(rows):
            fields = self._redrawn(rows, rng) if kind == KINDS[1] else self._untouched(rows)
            distances = np.sqrt((fields**2).sum(axis=1))
            scores[rows] = self.around.with_copies(rows, distances, fields != 0).scores()
        table = statistics(scores, self.suspects.isolated)
        return self.deals.p_value(self.deals.greatest(table, controls)) < LEVEL

    def _untouched(self, rows: NDArray[np.int64]) -> Floats:
        return np.zeros((len(rows), len(self.places.names)))

    def _redrawn(self, rows: NDArray[np.int64], rng: np.random.Generator) -> Floats:
        """How far each field moves when one of them is taken from a random synthetic record."""
        moved = self._untouched(rows)
        split = self.places.ranks.shape[1]
        field = rng.integers(0, len(self.places.names), len(rows))
        donors = rng.integers(0, len(self.synthetic), len(rows))
        for j in range(len(self.places.names)):
            at = field == j
            if j < split:
                first = self.places.ranks[rows[at], j]
                second = self.synthetic.ranks[donors[at], j]
                gaps = np.isnan(first) != np.isnan(second)
                moved[at, j] = np.where(gaps, 1.0, np.abs(np.nan_to_num(first - second)))
            else:
                first = self.places.codes[rows[at], j - split]
                second = self.synthetic.codes[donors[at], j - split]
                moved[at, j] = first != second
        return moved
