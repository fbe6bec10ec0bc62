"""One trial: a table with a known leak, or none, before the attacks of the gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from tabsynth import registry
from tabsynth.attacks.membership import exposed, look
from tabsynth.attacks.omnibus import Permutations
from tabsynth.comparison import Comparison
from tabsynth.gate import Policy, held
from tabsynth.report.model import Result
from tabsynth.table import Table
from tests.canaries.leaks import LEAKS, NULLS
from tests.canaries.populations import three_samples

OTHERS: Final = tuple(n for n in registry.BUILT_IN["attacks"] if n != "membership")


@dataclass(frozen=True)
class Outcome:
    """What the attacks said.

    Args:
        p_value: of the membership omnibus.
        failed_by: figures that would fail the table, among those of the attacks that ran.
    """

    p_value: float
    failed_by: tuple[str, ...]


def planted(population: str, kind: str, share: float, *, rows: int, seed: int) -> Comparison:
    """A comparison whose synthetic table leaks in one way; train and synthetic have `rows` each."""
    make = NULLS[kind] if kind in NULLS else LEAKS[kind][0]
    rng = np.random.default_rng([seed, rows, *kind.encode()])
    train, holdout, others = three_samples(population, rows, rng)
    learnt = train
    if kind == "members against members":
        # whoever is compared was learnt from; so nobody is more exposed than another
        learnt = Table(train.schema, pa.concat_tables([train.data, holdout.data]))
    return Comparison(train, holdout, make(learnt, others, share, rng), seed=seed)


def attacked(comparison: Comparison, others: tuple[str, ...] = ()) -> Outcome:
    """The membership attack without its self-test, and other attacks, held to the policy."""
    rng = comparison.rng("membership")
    sight = look(comparison, rng)
    assert not isinstance(sight, Result)
    results = exposed(sight, Permutations(sight.suspects, rng), comparison)
    for name in others:
        results += registry.find("attacks", name)(comparison)
    p_value = next(r.value for r in results if r.name == "membership_p")
    assert p_value is not None
    failed = {r.name for r in results if held(r, Policy()).status == "fail"}
    return Outcome(p_value, tuple(sorted(failed)))
