"""Exact copies: synthetic records equal to a training record in every modelled column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabsynth.comparison import Comparison
from tabsynth.intervals import Z95, Z99, newcombe, wilson
from tabsynth.learners import shared_codes
from tabsynth.report.model import Result
from tabsynth.schema.generator import Sequence
from tabsynth.table import Table

Keys = NDArray[np.int64]


def exact_copies(comparison: Comparison) -> list[Result]:
    """How many synthetic records equal a training record, and whether that is memory or chance.

    Returns:
        `exact_copies`: share of synthetic records equal to some training record; the reference is
        the holdout's own share, since tables of few levels repeat themselves.
        `copy_advantage`: of the records that occur once among all real ones and whose categories
        all come out, the share of training records that some synthetic record equals, minus the
        same for holdout records. It fails when the lower end of its 99 % interval is above 0.
        `unique_copies`: share of synthetic records equal to a record that occurs once in train;
        the reference is the holdout's share. It fails when its 99 % interval lies above twice the
        reference's: a few persons copied many times.
        `withheld_copies`: `copy_advantage` for the values of each column that should have been
        invented or withheld, sequences apart.
        All are blind to copies with a field changed.

    Privacy: reads all real records; not differentially private. A copy rate is no proof of safety.

    Source: Wilson (1927) and Newcombe (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<873.
    """
    tables = [comparison.train, comparison.holdout, comparison.synthetic]
    train, holdout, synthetic = _keys([t.modelled for t in tables])
    results = [
        _share("exact_copies", synthetic, train, holdout, method="equal in every modelled column"),
        _unique(train, holdout, synthetic),
        _advantage("copy_advantage", train, holdout, synthetic, among=_reachable(tables)),
    ]
    for field in comparison.train.schema.fields:
        # the schema alone decides a sequence: where it meets real numbers, nothing is remembered
        if not field.is_modelled and not isinstance(field.tabsynth.generator, Sequence):
            # a missing value is nobody's
            values = [k[k >= 0] for k in shared_codes([t.column(field.name) for t in tables])]
            results.append(_advantage("withheld_copies", *values, column=field.name))
    return results


def _reachable(tables: list[Table]) -> list[NDArray[np.bool_]]:
    """Which real records hold no category that the synthetic table lacks altogether.

    A category comes out when enough training records share it; that alone makes training records
    likelier to come out than holdout records, and is no memory of any one of them.
    """
    first, second = (np.ones(t.num_rows, bool) for t in tables[:2])
    for field in tables[0].schema.modelled_fields:
        if field.is_categorical:
            parts = shared_codes([t.column(field.name) for t in tables])
            first &= np.isin(parts[0], parts[2])
            second &= np.isin(parts[1], parts[2])
    return [first, second]


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
    records, times = np.unique(train, return_counts=True)
    once = records[times == 1]
    result = _share(
        "unique_copies", synthetic, once, holdout, method="equal to a record once in train"
    )
    copied, met = (int(np.isin(t, once).sum()) for t in (synthetic, holdout))
    likely = 2 * wilson(met, len(holdout), Z99)[1]
    caught = wilson(copied, len(synthetic), Z99)[0] > likely
    return result.model_copy(update={"status": "fail" if caught else "ok"})


def _advantage(
    name: str,
    train: Keys,
    holdout: Keys,
    synthetic: Keys,
    *,
    column: str | None = None,
    among: list[NDArray[np.bool_]] | None = None,
) -> Result:
    # a record that several people share comes out of any faithful method, and rather if training
    # saw more of them; only one that occurs once tells memory from likeness
    records, times = np.unique(np.concatenate([train, holdout]), return_counts=True)
    once = records[times == 1]
    if among is not None:
        train, holdout = train[among[0]], holdout[among[1]]
    members = np.isin(train[np.isin(train, once)], synthetic)
    others = np.isin(holdout[np.isin(holdout, once)], synthetic)
    compared = bool(len(members)) and bool(len(others))
    narrow = newcombe(members, others, Z95) if compared else (None, None)
    caught = compared and newcombe(members, others, Z99)[0] > 0
    what = "values" if column else "records"
    return Result(
        name=name,
        family="privacy",
        column=column,
        value=float(members.mean() - others.mean()) if compared else None,
        ci_low=narrow[0],
        ci_high=narrow[1],
        reference=0.0,
        unit="share",
        n=len(members) + len(others),
        method=f"unique training {what} replicated minus unique holdout {what}; Newcombe interval"
        if compared
        else f"needs {what} that occur once, in train and in holdout",
        status="fail" if caught else "ok" if compared else "uninformative",
    )


def overlap(train: Table, holdout: Table) -> bool:
    """Whether most holdout records stand in train although most training records occur once."""
    keys, others = _keys([train, holdout])
    once = np.unique(keys, return_counts=True)[1] == 1
    return bool(once.sum() > len(keys) / 2 and np.isin(others, keys).mean() > 0.5)


def _keys(tables: list[Table]) -> list[Keys]:
    """One number per record; equal numbers for equal records, over all tables."""
    sizes = [t.num_rows for t in tables]
    key = np.zeros(sum(sizes), np.int64)
    for name in tables[0].schema.names:
        codes = np.concatenate(shared_codes([t.column(name) for t in tables])) + 1
        combined = key * (int(codes.max(initial=0)) + 1) + codes
        # renumbering after each column keeps the product far from overflow
        key = np.unique(combined, return_inverse=True)[1].astype(np.int64)
    return np.split(key, np.cumsum(sizes)[:-1])
