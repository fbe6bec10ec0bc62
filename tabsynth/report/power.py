"""What a run would have found: the power of its attack against planted leaks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from tabsynth.report.charts import Scale, finite
from tabsynth.report.model import Report, Result

POWER: Final = "self_test_power"
LEAK: Final = 0.01
NEEDED: Final = 0.9
DECLARED_KIND: Final = "near copies"
_TOGETHER: Final = "\u00a0"
_PLANTED = re.compile(r"(\d+(?:\.\d+)?) % (\S.*)")


class Planted(NamedTuple):
    """How often a leak of one size is found.

    Args:
        share: of the synthetic records that were replaced by copies of training records.
        found: share of the repetitions in which the attack rejects; None without a figure.
        low: lower end of its 95 % interval.
        high: upper end of it.
        n: repetitions.
    """

    share: float
    found: float | None
    low: float | None
    high: float | None
    n: int


class Curve(NamedTuple):
    """Power against one kind of leak, by its size."""

    kind: str
    points: tuple[Planted, ...]

    def at(self, share: float) -> Planted | None:
        """The point at that size of leak, where it was tried."""
        return next((p for p in self.points if abs(p.share - share) < 1e-9), None)

    def found_from(self, needed: float) -> float | None:
        """The smallest leak from which on every larger one is found with the needed power."""
        smallest = None
        for point in reversed(self.points):
            if point.found is None or point.found < needed:
                break
            smallest = point.share
        return smallest


class Power(NamedTuple):
    """Everything a report says about the leaks it would have found.

    Args:
        curves: one for each kind of leak.
        leak: the size of leak that the policy asks to be found.
        needed: the power it asks for.
    """

    curves: tuple[Curve, ...]
    leak: float
    needed: float

    @property
    def declared(self) -> Planted | None:
        """The point that the gate asks about: near copies of the declared size."""
        curve = next((c for c in self.curves if c.kind == DECLARED_KIND), None)
        return None if curve is None else curve.at(self.leak)

    def sentence(self, *, failed: bool) -> str:
        """What no alarm would have meant, or what it means here."""
        point = self.declared
        if point is None or point.found is None:
            return (
                "How large a leak this run would have found is not known: no self-test planted "
                "leaks of this size. That no leak was found then says little."
            )
        tables = (
            f"{_share(point.found)}{_range(point)} of the tables in which {_share(self.leak)} of "
            f"the records are {DECLARED_KIND} of training records"
        )
        if failed and point.found < self.needed:
            return (
                "A leak planted on top of what is in this table is hard to see: the membership "
                f"attack of this run finds {tables}."
            )
        if failed:
            return f"The membership attack of this run finds {tables}."
        if point.found < self.needed:
            return (
                f"No leak found, but by a membership attack that finds only {tables}; "
                f"{_share(self.needed)} are asked for."
            )
        return f"No leak found, by a membership attack that finds {tables}."

    def reach(self) -> list[str]:
        """For each kind of leak, the size from which on it is found."""
        lines = []
        for curve in self.curves:
            share = curve.found_from(self.needed)
            kind = curve.kind[:1].upper() + curve.kind[1:]
            if share is None:
                lines.append(
                    f"{kind}: found with {_share(self.needed)} power at no size that was tried."
                )
            else:
                lines.append(
                    f"{kind}: found with at least {_share(self.needed)} power from "
                    f"{_share(share)} of the records on; smaller leaks can go unseen."
                )
        return lines


def power(report: Report) -> Power:
    """The power of a report's self-test, by kind and size of the planted leak.

    Args:
        report: results named `self_test_power`, whose group is a size and a kind, such as
            `1 % near copies`; other groups are left out. The policy is taken from the provenance.
    """
    policy = report.provenance.get("policy")
    settings = policy if isinstance(policy, Mapping) else {}
    return Power(
        curves=curves(report.results),
        leak=_number(settings.get("leak"), LEAK),
        needed=_number(settings.get("power"), NEEDED),
    )


def curves(results: Iterable[Result]) -> tuple[Curve, ...]:
    """Power by size of leak, smallest first, one curve for each kind."""
    found: dict[str, list[Planted]] = {}
    for result in results:
        match = _PLANTED.fullmatch(result.group or "") if result.name == POWER else None
        if match is None:
            continue
        value, low, high = (finite(f) for f in (result.value, result.ci_low, result.ci_high))
        point = Planted(float(match[1]) / 100, value, low, high, result.n)
        found.setdefault(match[2], []).append(point)
    return tuple(Curve(kind, tuple(sorted(points))) for kind, points in sorted(found.items()))


def _number(setting: object, default: float) -> float:
    good = isinstance(setting, (int, float)) and 0 < setting <= 1
    return float(setting) if good else default  # type: ignore[arg-type]


def _share(figure: float) -> str:
    text = f"{100 * figure:.3g} %" if figure < 0.1 else Scale(True, 0).text(figure)
    return text.replace(" ", _TOGETHER)


def _range(point: Planted) -> str:
    if point.low is None or point.high is None:
        return ""
    low, high = (Scale(True, 0).text(f, unit=False) for f in (point.low, point.high))
    return f" ({low} to {high}{_TOGETHER}%)"
