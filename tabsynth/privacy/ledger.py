"""The ledger: what has been spent on each source of records, kept so that nobody can overspend.

A fit reserves its whole budget before it counts a record and commits when it is done. What is
reserved is spent, whatever becomes of the fit: a crash, a kill or an error gives nothing back, as
nobody can prove that no answer got out. Under zero-concentrated differential privacy the spends of
one source simply add up in rho, also when later requests depend on earlier answers (Bun and
Steinke 2016, lemma 1.7; Whitehouse et al. 2023, arXiv:2203.05481, where budgets are chosen as one
goes).
"""

from __future__ import annotations

import datetime as dt
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from tabsynth import __version__
from tabsynth.errors import LedgerError, UsageError
from tabsynth.privacy.accounting import epsilon_of, rho_of
from tabsynth.privacy.budget import Budget
from tabsynth.privacy.chain import PATIENCE, Appending, Body, Chain
from tabsynth.privacy.places import default_ledger, witness_of

# of a source for which nobody has declared one, unless its first fit asks for more
DEFAULT_CAP: Final = 10.0
LONGEST_ID: Final = 100
RECORD: Final = "one record"
# stands where the synthesizer's name does, for a spend that fitted nothing
EVALUATION: Final = "evaluate"


@dataclass(frozen=True)
class FitSpend:
    """What one fit spent, or one evaluation.

    Args:
        fit: a random name.
        day: when it was reserved, in UTC; no finer, as durations can depend on records.
        what: the synthesizer, or `EVALUATION`.
        epsilon: of the fit's budget.
        delta: of the fit's budget.
        rho: what was charged.
        discovery: what was charged of delta, for finding categories.
        committed: whether the fit ended well; it is charged either way.
        answers: how many were drawn, of a fit that keeps them to go on from.
    """

    fit: str
    day: str
    what: str
    epsilon: float
    delta: float
    rho: float
    discovery: float = 0.0
    committed: bool = False
    answers: int = 0

    def sentence(self) -> str:
        """The spend in words."""
        end = "committed" if self.committed else "reserved and never committed, so it counts"
        who = "evaluation" if self.what == EVALUATION else "fit"
        by = "" if self.what == EVALUATION else f" by {self.what}"
        return (
            f"{self.day}  {who} {self.fit}{by}: epsilon {self.epsilon:g} at delta "
            f"{self.delta:g}, rho {self.rho:.6g}; {end}"
        )


@dataclass(frozen=True)
class SourceAccount:
    """All spends on one source.

    Args:
        source: the declared id of the records.
        unit: whose presence is hidden, in words.
        epsilon: the cap.
        delta: the cap's, at which the cumulative epsilon is stated.
        spends: in order.
    """

    source: str
    unit: str
    epsilon: float
    delta: float
    spends: tuple[FitSpend, ...] = ()

    @property
    def cap(self) -> float:
        """The largest sum of rho under the cap, after what discoveries have spent of delta."""
        left = self._delta_left
        return rho_of(self.epsilon, left) if left > 0 else 0.0

    @property
    def _delta_left(self) -> float:
        """The account's delta without what discoveries have spent of it, rounded down."""
        left = Fraction(self.delta) - sum((Fraction(s.discovery) for s in self.spends), Fraction(0))
        return -_upward(-left)

    @property
    def rho(self) -> float:
        """The sum of all spends, never rounded down."""
        return _upward(_total(self.spends))

    @property
    def cumulative(self) -> float:
        """The epsilon that all spends have together, at the account's delta; it may be infinite."""
        if not self.spends:
            return 0.0
        left = self._delta_left
        return epsilon_of(self.rho, left) if left > 0 else math.inf

    def sentence(self) -> str:
        """The account in words."""
        return (
            f"source {self.source!r} (unit: {self.unit}): epsilon {upward(self.cumulative)} of "
            f"{self.epsilon:g} spent, at delta {self.delta:g} (rho {self.rho:.6g} of "
            f"{self.cap:.6g})"
        )


@dataclass(frozen=True)
class Reservation:
    """A budget that has been charged, and may be spent once.

    Args:
        fit: a random name, under which the ledger knows it.
        rho: how much.
        account: as it stands with this fit.
    """

    fit: str
    rho: float
    account: SourceAccount


@dataclass(frozen=True)
class Ledger:
    """A ledger file.

    Args:
        path: the file; made by the first reservation or cap.
        witness: the file that remembers its last entry.
        patience: seconds for which another process is waited for.
    """

    path: Path
    witness: Path
    patience: float = PATIENCE

    @classmethod
    def at(cls, path: str | Path | None = None) -> Ledger:
        """The ledger at a place, or the person's own, with the person's own witness."""
        place = default_ledger() if path is None else Path(path)
        return cls(place, witness_of(place))

    def accounts(self) -> tuple[SourceAccount, ...]:
        """Every source's account, after all checks on the file.

        Raises:
            InputError: there is no such file.
            LedgerError: a file that is locked, damaged, changed, cut short or something else.
        """
        return tuple(self._read(self._chain.read()).values())

    def entries(self) -> int:
        """How many entries the file holds, after all checks on it; see `accounts`."""
        return len(self._chain.read())

    def reserve(
        self, source: str, unit: str, budget: Budget, *, what: str, fit: str | None = None
    ) -> Reservation:
        """Charge a fit's whole budget; after this returns, it stays charged.

        Args:
            source: the declared id of the records.
            unit: whose presence is hidden, in words.
            budget: the fit's.
            what: the synthesizer, or `EVALUATION`.
            fit: its random name; by default a new one.

        Raises:
            UsageError: a source id that is none.
            LedgerError: too little is left; a source that this ledger does not know, while it
                knows others; another unit than the source's; or a file that cannot be used.
        """
        require_source_id(source)
        epsilon, delta, rho = budget.epsilon, budget.delta, budget.rho
        spend = FitSpend(
            fit or secrets.token_hex(8), _today(), what, epsilon, delta, rho, budget.discovery_delta
        )
        with self._chain.appending() as chain:
            accounts = self._read(chain.entries)
            account = accounts.get(source)
            if account is None:
                if accounts:
                    raise self._unknown(source, accounts)
                account = _open(
                    chain, SourceAccount(source, unit, max(epsilon, DEFAULT_CAP), delta)
                )
            self._require_unit(account, unit)
            after = _with(account, spend)
            if _total(after.spends) > Fraction(after.cap):
                raise self._exhausted(account, budget)
            chain.append(
                _stamped("reserve", source=source, fit=spend.fit, what=what, epsilon=epsilon,
                         delta=delta, rho=rho, discovery=spend.discovery)
            )  # fmt: skip
        return Reservation(spend.fit, rho, after)

    def resume(
        self, source: str, unit: str, budget: Budget, *, what: str, fit: str, answers: int
    ) -> Reservation:
        """The reservation of a fit that was broken off, or a new one where it had not come so far.

        Args:
            source: as of `reserve`.
            unit: as of `reserve`.
            budget: as of `reserve`.
            what: as of `reserve`.
            fit: its random name.
            answers: how many of its answers are known.

        Raises:
            LedgerError: as `reserve`; other answers than the ledger knows of; a fit that ended, or
                of another source or budget.
        """
        known = self.accounts() if self.path.exists() else ()
        found = [(a, s) for a in known for s in a.spends if s.fit == fit]
        if not found and not answers:
            return self.reserve(source, unit, budget, what=what, fit=fit)
        same = (source, unit, what, budget.epsilon, budget.delta, budget.rho, answers, False)
        if [(a.source, a.unit, s.what, s.epsilon, s.delta, s.rho, s.answers, s.committed)
            for a, s in found] != [same]:  # fmt: skip
            raise self._error(
                "an open fit with the answers that the checkpoint holds",
                "another one: it ended, an answer was lost when it broke off, or the checkpoint is "
                "an old copy",
                "remove the checkpoint and fit again, at the price of another fit",
            )
        return Reservation(fit, budget.rho, found[0][0])

    def announce(self, reservation: Reservation, number: int) -> None:
        """Note that a fit is about to draw an answer that it keeps.

        Raises:
            LedgerError: it is not the next one, the fit is not open, or the ledger cannot be used.
        """
        with self._chain.appending() as chain:
            spends = [c for a in self._read(chain.entries).values() for c in a.spends]
            if not any(
                c.fit == reservation.fit and c.answers == number - 1 and not c.committed
                for c in spends
            ):
                raise self._error(
                    f"answer {number} of this fit to be the next", "one that was drawn before",
                    "remove the checkpoint and fit again, at the price of another fit; only one "
                    "process can go on from it",
                )  # fmt: skip
            chain.append(_stamped("answer", fit=reservation.fit, number=number))

    def commit(self, reservation: Reservation) -> None:
        """Note that a fit ended well; what it was charged stays.

        Raises:
            LedgerError: the ledger does not know the reservation, or it cannot be used.
        """
        with self._chain.appending() as chain:
            waiting = {
                c.fit
                for a in self._read(chain.entries).values()
                for c in a.spends
                if not c.committed
            }
            if reservation.fit not in waiting:
                raise self._error("the reservation of this fit", "none that is open",
                                  "put back the ledger that the fit began with")  # fmt: skip
            chain.append(_stamped("commit", fit=reservation.fit))

    def cap(
        self, source: str, unit: str | None = None, *, epsilon: float, delta: float
    ) -> SourceAccount:
        """Declare what may be spent on a source in all, and open its account where it has none.

        Args:
            source: the declared id of the records.
            unit: whose presence is hidden, in words; may be left out for a known source.
            epsilon: the cap; below what is spent already, nothing more may be spent.
            delta: the cap's.

        Raises:
            UsageError: a source id that is none.
            LedgerError: another unit than the source's, or a file that cannot be used.
        """
        require_source_id(source)
        with self._chain.appending() as chain:
            known = self._read(chain.entries).get(source)
            # a unit may be corrected while nothing hangs on it
            if known is None or (not known.spends and unit not in (None, known.unit)):
                return _open(chain, SourceAccount(source, unit or RECORD, epsilon, delta))
            self._require_unit(known, unit or known.unit)
            chain.append(_stamped("cap", source=source, epsilon=epsilon, delta=delta))
            return replace(known, epsilon=epsilon, delta=delta)

    @property
    def _chain(self) -> Chain:
        return Chain(self.path, self.witness, self.patience)

    def _read(self, entries: Sequence[Body]) -> dict[str, SourceAccount]:
        accounts: dict[str, SourceAccount] = {}
        try:
            for entry in entries[1:]:
                _apply(entry, accounts)
        except (LookupError, TypeError, ValueError):
            raise self._error("entries of a ledger", "others", "put the right file back") from None
        return accounts

    def _require_unit(self, account: SourceAccount, unit: str) -> None:
        if account.unit != unit:
            raise self._error(
                f"{account.unit} as the privacy unit of source {account.source!r}", unit,
                "declare the same privacy unit; spends under two units do not add up",
            )  # fmt: skip

    def _unknown(self, source: str, accounts: dict[str, SourceAccount]) -> LedgerError:
        return self._error(
            f"a source that it knows ({', '.join(map(repr, sorted(accounts)[:6]))})",
            f"another one, {source!r}",
            "correct --source-id, name another --ledger, or open the source's account: "
            f"tabsynth ledger cap --source-id {source} --epsilon E",
        )

    def _exhausted(self, account: SourceAccount, budget: Budget) -> LedgerError:
        left = Fraction(account.cap) - _total(account.spends)
        most = epsilon_of(float(left), budget.delta) if left > 0 else 0.0
        if budget.discovery:
            return self._error(
                f"a request within the cap of source {account.source!r}, epsilon "
                f"{account.epsilon:g} at delta {account.delta:g}",
                "one beyond it, with what discovery takes of delta",
                "declare domains instead, or have a cap of a larger delta declared "
                "(tabsynth ledger cap)",
            )
        return self._error(
            f"at most epsilon {_down(most)} more for source {account.source!r}, whose cap is "
            f"epsilon {account.epsilon:g} at delta {account.delta:g}",
            f"a request for {budget.epsilon:g}",
            "ask for less, or have whoever answers for the records declare a higher cap "
            "(tabsynth ledger cap)",
        )

    def _error(self, expected: str, got: str, remedy: str) -> LedgerError:
        return LedgerError(str(self.path), expected=expected, got=got, remedy=remedy)


def unit_words(column: str | None) -> str:
    """Whose presence is hidden, in words that name the same unit alike: a column's, or a record."""
    return RECORD if column is None else f"all records of one {column}"


def require_source_id(source: str) -> None:
    """Refuse an id that cannot be told apart when it is read.

    Raises:
        UsageError: it is empty, long, or holds what does not print.
    """
    if not source.strip() or len(source) > LONGEST_ID or not source.isprintable():
        raise UsageError(
            "--source-id", expected=f"1 to {LONGEST_ID} characters that print", got="others",
            remedy="name the records, for example clinic-2026; the name is written to outputs",
        )  # fmt: skip


def _apply(entry: Body, accounts: dict[str, SourceAccount]) -> None:
    """Bring the accounts to where they stand after an entry."""
    kind = entry["entry"]
    if kind in ("commit", "answer"):
        change = {"committed": True} if kind == "commit" else {"answers": int(entry["number"])}
        for source, account in accounts.items():
            done = tuple(
                replace(c, **change) if c.fit == entry["fit"] else c for c in account.spends
            )
            accounts[source] = replace(account, spends=done)
        return
    source = entry["source"]
    if kind == "open":
        if source in accounts and accounts[source].spends:
            raise ValueError("an account with spends is not opened again")
        accounts[source] = SourceAccount(source, entry["unit"], entry["epsilon"], entry["delta"])
    elif kind == "cap":
        accounts[source] = replace(accounts[source], epsilon=entry["epsilon"], delta=entry["delta"])
    elif kind == "reserve":
        if not (math.isfinite(entry["rho"]) and entry["rho"] > 0):
            raise ValueError("a spend is a positive number")
        names = ("fit", "day", "what", "epsilon", "delta", "rho", "discovery")
        spend = FitSpend(**{name: entry[name] for name in names})
        accounts[source] = _with(accounts[source], spend)
    else:
        raise ValueError("an entry of no known kind")


def _open(chain: Appending, account: SourceAccount) -> SourceAccount:
    chain.append(
        _stamped("open", source=account.source, unit=account.unit, epsilon=account.epsilon,
                 delta=account.delta)
    )  # fmt: skip
    return account


def _with(account: SourceAccount, spend: FitSpend) -> SourceAccount:
    return replace(account, spends=(*account.spends, spend))


def _stamped(kind: str, **body: Any) -> Body:
    return {"entry": kind, "day": _today(), "tabsynth": __version__, **body}


def _today() -> str:
    return dt.datetime.now(dt.UTC).date().isoformat()


def _total(spends: Sequence[FitSpend]) -> Fraction:
    """The exact sum: floats are fractions, and sums of fractions are not rounded."""
    return sum((Fraction(s.rho) for s in spends), Fraction(0))


def _upward(exact: Fraction) -> float:
    """The nearest float that is not smaller."""
    rounded = float(exact)
    return rounded if Fraction(rounded) >= exact else math.nextafter(rounded, math.inf)


def upward(value: float) -> str:
    """Three digits, never below the value but for a billionth of it."""
    return _digits(value * (1 - 1e-9), 3, ROUND_CEILING)


def _down(value: float) -> str:
    """Four digits, rounded down, so that what is told can be asked for."""
    return _digits(value, 4, ROUND_FLOOR)


def _digits(value: float, digits: int, rounding: str) -> str:
    if value <= 0 or math.isinf(value):
        return f"{max(value, 0):g}"
    exact = Decimal(value)
    step = Decimal(1).scaleb(exact.adjusted() + 1 - digits)
    return f"{float(exact.quantize(step, rounding=rounding)):g}"
