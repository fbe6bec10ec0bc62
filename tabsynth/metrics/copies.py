"""Exact copies: synthetic records equal to a training record in every modelled column."""

from __future__ import annotations

import numpy as np

from tabsynth.comparison import Comparison
from tabsynth.intervals import Z95, Z99, newcombe, wilson
from tabsynth.learners import shared_codes
from tabsynth.matching import Keys, once, record_keys
from tabsynth.report.model import Result
from tabsynth.schema.generator import Sequence
from tabsynth.table import Table


def exact_copies(comparison: Comparison) -> list[Result]:
    """How many synthetic records equal a training record, and copies that no table may hold.

    Returns:
        `exact_copies`: share of synthetic records equal to some training record; the reference is
        the holdout's own share, since tables of few levels repeat themselves.
        `unique_copies`: share of synthetic records equal to a record that occurs once in train;
        the reference is the holdout's share. It fails when its 99 % interval lies above twice the
        reference's: a few persons copied many times.
        `withheld_copies`, for each column that should have been invented or withheld, sequences
        apart: of the values that occur once among all real ones, the share of training values that
        come out minus the share of holdout values that do. It fails when the lower end of its 99 %
        interval is above 0.
        All are blind to copies with a field changed.

    Privacy: reads all real records; not differentially private. A copy rate is no proof of safety.

    Source: Wilson (1927) and Newcombe (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<873.
    """
    tables = [comparison.train, comparison.holdout, comparison.synthetic]
    train, holdout, synthetic = record_keys([t.modelled for t in tables])
    results = [
        _share("exact_copies", synthetic, train, holdout, method="equal in every modelled column"),
        _unique(train, holdout, synthetic),
    ]
    for field in comparison.train.schema.fields:
        # the schema alone decides a sequence: where it meets real numbers, nothing is remembered
        if not field.is_modelled and not isinstance(field.tabsynth.generator, Sequence):
            # a missing value is nobody's
            values = [k[k >= 0] for k in shared_codes([t.column(field.name) for t in tables])]
            results.append(_withheld(field.name, *values))
    return results


def _share(name: str, synthetic: Keys, train: Keys, holdout: Keys, *, method: str) -> Result:
    known = np.isin(synthetic, train)
    low, high = wilson(int(known.sum()), len(known), Z95)
    return Result(
        name=name,
        family="privacy",
        value=float(known.mean()),
        ci_low=low,
        ci_high=high,
        reference=float(np.isin(holdout, train).mean()),
        unit="share",
        n=len(synthetic),
        method=f"{method}; Wilson interval",
        status="diagnostic",
    )


def _unique(train: Keys, holdout: Keys, synthetic: Keys) -> Result:
    single = once(train)
    result = _share(
        "unique_copies", synthetic, single, holdout, method="equal to a record once in train"
    )
    copied, met = (int(np.isin(t, single).sum()) for t in (synthetic, holdout))
    likely = 2 * wilson(met, len(holdout), Z99)[1]
    caught = wilson(copied, len(synthetic), Z99)[0] > likely
    return result.model_copy(update={"status": "fail" if caught else "ok"})


def _withheld(column: str, train: Keys, holdout: Keys, synthetic: Keys) -> Result:
    # a value that several people share may come out of anything; one that occurs once may not
    single = once(train, holdout)
    members = np.isin(train[np.isin(train, single)], synthetic)
    others = np.isin(holdout[np.isin(holdout, single)], synthetic)
    compared = bool(len(members)) and bool(len(others))
    low, high = newcombe(members, others, Z95) if compared else (None, None)
    caught = compared and newcombe(members, others, Z99)[0] > 0
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
        status="fail" if caught else "ok" if compared else "uninformative",
    )


def overlap(train: Table, holdout: Table) -> bool:
    """Whether most holdout records stand in train although most training records occur once."""
    keys, others = record_keys([train, holdout])
    single = once(keys)
    return bool(len(single) > len(keys) / 2 and np.isin(others, keys).mean() > 0.5)
