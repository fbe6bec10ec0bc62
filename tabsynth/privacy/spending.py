"""What a fit spends: a charge per release, and the account they are debited from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import inf, nextafter
from threading import Lock
from typing import Final

from tabsynth.errors import BudgetError

# a request may exceed what is left by this share, as sums of floats do, and is then met with less
ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Charge:
    """One release and its cost; holds nothing that depends on records.

    Args:
        stage: what it was for, in the synthesizer's words.
        mechanism: the mechanism's name.
        sensitivity: how far one unit can move what is released: in L2 for sums, of each score for
            a selection.
        scale: the noise's parameter: sigma for sums, the temperature of the scores for a selection.
        rho: its cost under zCDP.
        delta: how likely the release may break that cost; 0 but for the discovery of categories.
    """

    stage: str
    mechanism: str
    sensitivity: float
    scale: float
    rho: float
    delta: float = 0.0


class Account:
    """A zCDP budget in memory; exact, safe between threads, and never refilled.

    Costs under approximate zCDP add up in both numbers (Bun and Steinke 2016, section 8).

    Args:
        rho: what may be spent, finite and above 0.
        delta: what may be spent of it on the discovery of categories, 0 to 1.
        watch: called after each debit with the share of rho that is spent.
    """

    def __init__(
        self, rho: float, delta: float = 0.0, *, watch: Callable[[float], object] | None = None
    ) -> None:
        if not (0 < rho < inf and 0 <= delta < 1):
            raise ValueError("expected a finite budget above 0")
        self.rho: Final = rho
        self.delta: Final = delta
        self._spent = Fraction(0)
        self._spent_delta = Fraction(0)
        self._charges: tuple[Charge, ...] = ()
        self._lock = Lock()
        self._watch = watch

    @property
    def charges(self) -> tuple[Charge, ...]:
        """Every charge so far, in order."""
        return self._charges

    @property
    def spent(self) -> float:
        """What the charges add up to, rounded up."""
        return _rounded(self._spent, up=True)

    @property
    def remaining(self) -> float:
        """What is left, rounded down; never below 0."""
        return _rounded(Fraction(self.rho) - self._spent, up=False)

    def affordable(self, rho: float, stage: str) -> float:
        """The request itself, or what is left where the request exceeds it by rounding alone.

        Raises:
            BudgetError: the request exceeds what is left.
            ValueError: the request is not a finite number above 0.
        """
        if not 0 < rho < inf:
            raise ValueError("expected a finite cost above 0")
        left = self.remaining
        if rho > left * (1 + ROUNDING):
            raise BudgetError(
                stage,
                expected=f"a query that costs at most what is left, {left:.6g} of rho",
                got=f"one of {rho:.6g}",
                remedy="ask for less; what was released cannot be taken back",
            )
        return min(rho, left)

    def debit(self, charges: Iterable[Charge]) -> None:
        """Take the charges, all of them or none.

        Raises:
            BudgetError: together they exceed what is left; nothing is taken.
        """
        charges = tuple(charges)
        cost = sum((Fraction(charge.rho) for charge in charges), Fraction(0))
        with self._lock:
            delta = self._spent_delta + sum((Fraction(c.delta) for c in charges), Fraction(0))
            beyond = self._spent + cost > Fraction(self.rho) or delta > Fraction(self.delta)
            if beyond or any(c.rho < 0 or c.delta < 0 for c in charges):
                raise BudgetError(
                    charges[0].stage,
                    expected=f"charges within what is left, {self.remaining:.6g} of rho",
                    got=f"{float(cost):.6g}" + (", or more delta than is left" if delta else ""),
                    remedy="ask for less; what was released cannot be taken back",
                )
            self._spent += cost
            self._spent_delta = delta
            self._charges += charges
        if self._watch is not None:
            self._watch(self.spent / self.rho)


def _rounded(exact: Fraction, *, up: bool) -> float:
    near = float(exact)
    if up and Fraction(near) < exact:
        return nextafter(near, inf)
    if not up and Fraction(near) > exact:
        return nextafter(near, -inf)
    return near
