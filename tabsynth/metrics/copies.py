"""Exact copies: synthetic records equal to a training record in every modelled column."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.comparison import Comparison
from tabsynth.intervals import Z95, Z99, newcombe, wilson
from tabsynth.learners import shared_codes
from tabsynth.matching import Keys, of_one_person, once, record_keys, record_sums
from tabsynth.report.model import Result, Status
from tabsynth.schema.generator import Sequence
from tabsynth.table import Table

Flags = NDArray[np.bool_]

# of the holdout's persons who may be in train; more would make leaks look like chance
MOST_SHARED: Final = 0.01
# kinds of records that two tables do not have equally often by chance
MANY_KINDS: Final = 20


def exact_copies(comparison: Comparison) -> list[Result]:
    """How many synthetic records equal a training record, and copies that no table may hold.

    Returns:
        `exact_copies`: share of synthetic records equal to some training record; the reference is
        the holdout's own share, since tables of few levels repeat themselves.
        `unique_copies`: share of synthetic records equal to a record that occurs once in train (or
        in records of one person alone); the reference is the holdout's share. It fails when its
        99 % interval lies above twice the reference's: a few persons copied many times.
        `near_copies`: the same for records that agree with such a one in all fields but one at
        most; fails alike.
        `withheld_copies`, for each column that should have been invented or withheld, sequences
        apart: of the values that occur once among all real ones (or with one person alone, who
        then counts once), the share of training values that come out minus the share of holdout
        values that do. It fails when the lower end of its 99 % interval is above 0.
        All are blind to copies with two fields changed, or with noise on their numbers.

    Privacy: reads all real records; not differentially private. A copy rate is no proof of safety.

    Source: Wilson (1927) and Newcombe (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<873.
    """
    tables = [comparison.train, comparison.holdout, comparison.synthetic]
    modelled = [t.modelled for t in tables]
    train, holdout, synthetic = record_keys(modelled)
    owners = [t.units for t in tables[:2]]
    people = len(np.unique(owners[1]))
    single = of_one_person([train], owners[:1])
    results = [
        _share("exact_copies", np.isin(synthetic, train), np.isin(holdout, train)),
        _of_single("unique_copies", np.isin(synthetic, single), np.isin(holdout, single), people),
    ]
    if len(modelled[0].schema.names) > 1:
        near = _near(modelled, np.isin(train, single), comparison.rng("near_copies"))
        results.append(_of_single("near_copies", *near, people))
    for field in comparison.train.schema.fields:
        # the schema alone decides a sequence: where it meets real numbers, nothing is remembered
        if not field.is_modelled and not isinstance(field.tabsynth.generator, Sequence):
            codes = shared_codes([t.column(field.name) for t in tables])
            results.append(_withheld(field.name, codes, owners))
    return results


METHODS: Final = {
    "exact_copies": "equal in every modelled column",
    "unique_copies": "equal to a record once in train",
    "near_copies": "equal to a record once in train, but for one field at most",
}


def _share(name: str, copied: Flags, met: Flags) -> Result:
    low, high = wilson(int(copied.sum()), len(copied), Z95)
    return Result(
        name=name,
        family="privacy",
        value=float(copied.mean()),
        ci_low=low,
        ci_high=high,
        reference=float(met.mean()),
        unit="share",
        n=len(copied),
        method=f"{METHODS[name]}; Wilson interval",
        status="diagnostic",
    )


def _of_single(name: str, copied: Flags, met: Flags, people: int) -> Result:
    """Copies of persons who stand alone in train; twice as many as by chance are too many."""
    # records of one person are alike: what chance does is known from people
    likely = 2 * wilson(met.mean() * people, people, Z99)[1]
    caught = wilson(int(copied.sum()), len(copied), Z99)[0] > likely
    status: Status = "fail" if caught else "ok"
    return _share(name, copied, met).model_copy(update={"status": status})


def _near(tables: list[Table], single: Flags, rng: np.random.Generator) -> tuple[Flags, Flags]:
    """Which synthetic and which holdout records nearly equal a training record that is alone."""
    train, *others = record_sums([tables[0], tables[2], tables[1]], rng)
    train = train[single]
    near = [np.zeros(len(t), bool) for t in others]
    for j in range(train.shape[1]):
        known = _without(train, j)
        near = [n | np.isin(_without(t, j), known) for n, t in zip(near, others, strict=True)]
    return near[0], near[1]


def _without(numbers: NDArray[np.uint64], column: int) -> NDArray[np.uint64]:
    rest: NDArray[np.uint64] = numbers.sum(axis=1) - numbers[:, column]
    return rest


def _withheld(column: str, codes: list[Keys], owners: list[Keys]) -> Result:
    # a missing value is nobody's
    values = [own[own >= 0] for own in codes]
    people = [own[code >= 0] for own, code in zip(owners, codes, strict=False)]
    # a value that several people share may come out of anything; one person's own may not
    single = of_one_person(values[:2], people)
    members, others = (
        _anything_out(own[np.isin(own, single)], whose[np.isin(own, single)], values[2])
        for own, whose in zip(values, people, strict=False)
    )
    compared = bool(len(members)) and bool(len(others))
    low, high = newcombe(members, others, Z95) if compared else (None, None)
    caught = compared and newcombe(members, others, Z99)[0] > 0
    # what comes out and cannot be told from chance is in doubt; where nothing does, nothing is
    none: Status = "uninformative" if members.any() else "diagnostic"
    return Result(
        name="withheld_copies",
        family="privacy",
        column=column,
        value=float(members.mean() - others.mean()) if compared else None,
        ci_low=low,
        ci_high=high,
        reference=0.0,
        unit="share",
        n=len(members) + len(others),
        method="unique training values replicated minus unique holdout values; Newcombe interval"
        if compared
        else "needs values that occur once, in train and in holdout",
        status="fail" if caught else "ok" if compared else none,
    )


def _anything_out(values: Keys, people: Keys, emitted: Keys) -> Flags:
    """For each person whether one of their values is emitted."""
    whose = np.unique(people, return_inverse=True)[1]
    times: Flags = np.bincount(whose, np.isin(values, emitted)) > 0
    return times


def overlap(train: Table, holdout: Table) -> bool:
    """Whether the holdout is made of training records.

    So it is where most of it stands in train although most training records occur once; where both
    have the same records equally often, of at least 20 kinds; and where more than one in a hundred
    of its privacy units are in train.
    """
    if _shared_persons(train, holdout) > MOST_SHARED:
        return True
    keys, others = record_keys([train, holdout])
    kinds = len(np.unique(keys)) >= MANY_KINDS
    if kinds and np.array_equal(np.sort(keys), np.sort(others)):
        return True
    single = once(keys)
    return bool(len(single) > len(keys) / 2 and np.isin(others, keys).mean() > 0.5)


def _shared_persons(train: Table, holdout: Table) -> float:
    """Share of the holdout's privacy units that are in train; 0 where the schema names none."""
    unit = train.schema.tabsynth.privacy_unit
    if unit is None or not {unit} <= {*train.schema.names} & {*holdout.schema.names}:
        return 0.0
    first, second = (np.unique(c) for c in shared_codes([train.column(unit), holdout.column(unit)]))
    # a record without a unit stands alone
    known = second[second >= 0]
    return float(np.isin(known, first).mean()) if len(known) else 0.0
