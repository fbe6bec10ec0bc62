"""What the attacker computes about each suspect, from the synthetic table and a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

SCORES: Final = (
    "nearer than the reference",
    "near for its surroundings",
    "share of the neighbours",
    "classifier",
    "fields that agree",
    "rare values that agree",
)
NEIGHBOURS: Final = 20
AROUND: Final = 5
ISOLATED: Final = 0.05
# keeps the ratio of two distances finite and, where both are 0, at 1
TINY: Final = 1e-3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Surroundings:
    """What the attacker sees around each suspect.

    Args:
        synthetic: distances to the nearest synthetic records, ascending; shape (suspects, k).
        reference: the same to records of the reference.
        logit: how much rather a classifier takes the suspect for a synthetic record.
        surprise: how unlikely the value of each field is; shape (suspects, columns).
        agreement: the most surprise that a synthetic record repeats, one or two fields apart.
        rare: the most surprise that it repeats in up to three fields, for their number.
    """

    synthetic: Floats
    reference: Floats
    logit: Floats
    surprise: Floats
    agreement: Floats
    rare: Floats

    def scores(self) -> Floats:
        """The scores, higher for a likelier member; shape (suspects, scores)."""
        near, other = self.synthetic[:, 0], self.reference[:, 0]
        around = self.reference[:, :AROUND].mean(axis=1)
        both = np.concatenate([self.synthetic, self.reference], axis=1)
        size = min(NEIGHBOURS, both.shape[1])
        radius = np.partition(both, size - 1, axis=1)[:, size - 1 : size]
        inside = (self.synthetic <= radius).sum(axis=1)
        share = inside / (inside + (self.reference <= radius).sum(axis=1))
        ratio = (near + TINY) / (around + TINY)
        return np.column_stack([other - near, -ratio, share, self.logit, self.agreement, self.rare])

    @property
    def isolated(self) -> NDArray[np.bool_]:
        """The suspects farthest from everybody in the reference: 5 %, and those that tie."""
        around = self.reference[:, :AROUND].mean(axis=1)
        limit: NDArray[np.bool_] = around >= np.quantile(around, 1 - ISOLATED)
        return limit

    def with_copies(
        self, rows: NDArray[np.int64], distances: Floats, differ: NDArray[np.bool_]
    ) -> Surroundings:
        """The same around some suspects, had the synthetic table a near copy of each.

        Args:
            rows: the suspects copied; shape (copies,).
            distances: from each to its copy.
            differ: which fields of the copy are not those of the suspect; shape (copies, columns).
        """
        nearer = np.column_stack([distances, self.synthetic[rows, :-1]])
        weight = self.surprise[rows]
        repeated = np.where(differ.sum(axis=1) <= 2, (weight * ~differ).sum(axis=1), 0.0)
        return Surroundings(
            np.sort(nearer, axis=1),
            self.reference[rows],
            self.logit[rows],
            weight,
            np.maximum(self.agreement[rows], repeated),
            # higher for most copies; which parts are tried is left to chance
            self.rare[rows],
        )
