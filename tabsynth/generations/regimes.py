"""What each generation learns from: earlier generations, real records, or both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pyarrow as pa

from tabsynth.errors import UsageError
from tabsynth.table import Table

FLOOR: Final = "bootstrap"
ASKED: Final = "replace,accumulate,mix:0.1,mix:0.25,mix:0.5"
_SHARE: Final = re.compile(r"mix:(0?\.[0-9]{1,6})\Z")


@dataclass(frozen=True)
class Regime:
    """A rule for what a generation learns from.

    Args:
        name: as it was given.
        kind: `replace`: the generation before it; `accumulate`: the real records and all
            generations before it; `mix`: the generation before it with real records among it;
            `bootstrap`: nothing is learnt, the generation before it is drawn from with replacement.
        real: share of real records that `mix` keeps; 0 for the others.
    """

    name: str
    kind: Literal["replace", "accumulate", "mix", "bootstrap"]
    real: float = 0.0

    def lesson(self, real: Table, earlier: Sequence[Table], rng: np.random.Generator) -> Table:
        """The records that the next generation learns from.

        Args:
            real: the real records.
            earlier: the generations so far, at least one; each has as many records as `real`.
            rng: which real records `mix` keeps, and which records are drawn again.
        """
        last = earlier[-1]
        if self.kind == "accumulate":
            return Table(real.schema, pa.concat_tables([real.data, *(t.data for t in earlier)]))
        if self.kind == "bootstrap":
            return last.take(rng.integers(0, last.num_rows, last.num_rows))
        if self.kind == "replace":
            return last
        # at least one record of each, or the regime would be another one
        kept = min(max(1, round(self.real * real.num_rows)), real.num_rows - 1)
        parts = [_some(real, kept, rng), _some(last, last.num_rows - kept, rng)]
        return Table(real.schema, pa.concat_tables([t.data for t in parts]))


BOOTSTRAP: Final = Regime(FLOOR, FLOOR)


def parse_regimes(text: str) -> tuple[Regime, ...]:
    """Regimes from their names, separated by commas, with the bootstrap before them.

    Raises:
        UsageError: one that is unknown or comes twice, a share that leaves nothing real or nothing
            synthetic, or none at all.
    """
    names = [name.strip() for name in text.split(",")]
    if len(set(names)) < len(names):
        raise _refusal("one that comes twice", "name each regime once")
    regimes = tuple(_parse(name) for name in names)
    shares = [r.real for r in regimes if r.kind == "mix"]
    if len(set(shares)) < len(shares):
        raise _refusal("one share of real records twice", "name each share once")
    return (BOOTSTRAP, *regimes)


def _parse(name: str) -> Regime:
    if name == "replace":
        return Regime(name, "replace")
    if name == "accumulate":
        return Regime(name, "accumulate")
    if name == FLOOR:
        raise _refusal(repr(name), f"leave it out: {FLOOR} is always among them")
    found = _SHARE.match(name)
    share = float(found[1]) if found else 0.0
    if share > 0:
        return Regime(name, "mix", share)
    if name.startswith("mix"):
        raise _refusal(
            repr(name),
            "give mix a share of real records between 0 and 1, such as mix:0.25 (mix:0 is replace; "
            "with mix:1 nothing synthetic would be learnt from)",
        )
    raise _refusal(repr(name), "write for example --regimes replace,accumulate,mix:0.25")


def _refusal(got: str, remedy: str) -> UsageError:
    return UsageError(
        "--regimes", expected="replace, accumulate or mix:SHARE, separated by commas", got=got,
        remedy=remedy,
    )  # fmt: skip


def _some(table: Table, records: int, rng: np.random.Generator) -> Table:
    return table.take(np.sort(rng.permutation(table.num_rows)[:records]))
