"""The privacy budget that a person grants: epsilon and delta."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from tabsynth.errors import UsageError
from tabsynth.privacy.accounting import rho_of

DELTA: Final = 1e-6
LARGE_EPSILON: Final = 10.0


@dataclass(frozen=True)
class Budget:
    """An (epsilon, delta) bound on everything that is learnt from the records.

    Args:
        epsilon: finite and above 0; smaller is more private.
        delta: between 0 and 1, both excluded; never derived from the number of records, which is
            private.
        discovery: the share of delta that the discovery of categories may spend, 0 to below 1; 0
            where all categories are declared.

    Raises:
        UsageError: values outside these ranges.
    """

    epsilon: float
    delta: float = DELTA
    discovery: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.epsilon) and self.epsilon > 0):
            raise UsageError(
                "epsilon",
                expected="a finite number above 0",
                got=f"{self.epsilon!r}",
                remedy="1 is a common choice; smaller is more private",
            )
        if not 0 < self.delta < 1:
            raise UsageError(
                "delta",
                expected="a number above 0 and below 1",
                got=f"{self.delta!r}",
                remedy=f"{DELTA:g} is the default; far below one in the number of people",
            )

        if not 0 <= self.discovery < 1:
            raise ValueError("expected a share of delta of at least 0 and below 1")

    @property
    def rho(self) -> float:
        """The zCDP budget that this bound allows, after what discovery may spend of delta."""
        left = self.delta - self.discovery_delta
        return rho_of(self.epsilon, math.nextafter(left, 0.0) if self.discovery else left)

    @property
    def discovery_delta(self) -> float:
        """What the discovery of categories may spend of delta."""
        return self.delta * self.discovery

    @property
    def caution(self) -> str | None:
        """What a person should know about an unusual budget; None for a usual one."""
        if self.epsilon > LARGE_EPSILON:
            return (
                f"epsilon {self.epsilon:g} is above {LARGE_EPSILON:g}: the bound is nearly empty,"
                " one person can make some outcome e^epsilon times as likely"
            )
        if self.delta > 1e-3:
            return (
                f"delta {self.delta:g} is large: with that probability the bound may not hold at"
                " all; it should be far below one in the number of people"
            )
        return None
