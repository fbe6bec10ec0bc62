"""Replicated uniques: do the records of single persons come out of the synthetic table?

Threat model: the attacker holds the synthetic table and looks up a person whose record (or whose
quasi-identifiers) he knows. He succeeds when a record that only one real person has stands in the
synthetic table. That happens by chance too, to people who were never in the training table; only
what happens more often to members is a leak.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabsynth.attacks.knowledge import columns_with, seen_through, some_of_each_unit
from tabsynth.attacks.trials import MIN_ATTEMPTS, Trials, advantage, nothing_to_try
from tabsynth.comparison import Comparison
from tabsynth.learners import shared_codes
from tabsynth.matching import of_one_person, record_keys
from tabsynth.report.model import Result
from tabsynth.table import Table


def replicated_uniques(comparison: Comparison) -> list[Result]:
    """Unique training records that the synthetic table repeats, minus the same for controls.

    Returns:
        `replicated_uniques` over whole records and, where the schema declares them, over the
        quasi-identifiers: a difference of shares within -1 and 1, lower is better, 0 without a
        leak. A copy with one field changed is not seen.

    Privacy: reads all real records; not differentially private.

    Source: Raab, Nowok and Dibben (2024), arXiv:2406.16826, for replicated uniques; comparing them
        with records never seen is ours.
    """
    schema = comparison.train.schema
    keys = columns_with(schema, "quasi-identifier")
    variants = [("whole records", list(schema.modelled_names)), ("quasi-identifiers", keys)]
    return [_trials(comparison, group, names) for group, names in variants if names]


def _trials(comparison: Comparison, group: str, names: list[str]) -> Result:
    real = [comparison.train, comparison.control, comparison.auxiliary]
    tables = [seen_through(t, names) for t in (*real, comparison.synthetic)]
    train, control, reference, synthetic = record_keys(tables)
    # a person may have the same in several records
    single = of_one_person([train, control, reference], [t.units for t in real])
    rng = comparison.rng("replicated_uniques")
    members, controls = (
        np.isin(keys[rows[np.isin(keys[rows], single) & reachable[rows]]], synthetic)
        for rows, keys, reachable in zip(
            # a person with several records counts once
            [some_of_each_unit(t, t.num_rows, rng) for t in real[:2]],
            (train, control),
            _reachable(tables),
            strict=True,
        )
    )
    trials = Trials(
        "replicated_uniques",
        members,
        controls,
        method="share of records that one real person has and the synthetic table repeats, among "
        "those whose categories all come out",
        group=group,
    )
    if len(members) < MIN_ATTEMPTS <= min(t.num_rows for t in real):
        return nothing_to_try(trials, f"at least {MIN_ATTEMPTS} persons whose record is unique")
    return advantage(trials)


def _reachable(tables: list[Table]) -> list[NDArray[np.bool_]]:
    """Which training and control records hold no category that the synthetic table lacks.

    A category comes out when enough training records share it; that alone makes training records
    likelier to come out than others, and is no memory of any one of them.
    """
    found = [np.ones(t.num_rows, bool) for t in tables[:2]]
    for field in tables[0].schema.fields:
        if field.is_categorical:
            codes = shared_codes([t.column(field.name) for t in tables])
            found = [f & np.isin(own, codes[-1]) for f, own in zip(found, codes, strict=False)]
    return found
