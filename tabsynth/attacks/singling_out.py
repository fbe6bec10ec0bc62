"""Singling out: does the synthetic table show conditions that one training record alone meets?

Threat model: the attacker holds the synthetic table and a sample of the population, and knows
nothing about anybody. He looks for conditions, such as "aged 31 to 33, in that town, earning
that much", which one synthetic record and no record of his sample meets, and bets that exactly one
person in the training table meets them. Rare conditions often hold for one person by chance; so he
succeeds only as far as he singles out members more often than as many people never in the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.attacks.knowledge import Parties, parties
from tabsynth.attacks.trials import MIN_ATTEMPTS, Trials, advantage, nothing_to_try
from tabsynth.comparison import Comparison
from tabsynth.learners import numbers, shared_codes
from tabsynth.report.model import Result

MOST: Final = 200_000
PREDICATES: Final = 1_000
CANDIDATES: Final = 40_000
HALF_WIDTH: Final = 0.001

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Condition:
    """Bounds on one column, both inclusive, on the scale of its codes."""

    column: int
    low: int
    high: int


Predicate = tuple[Condition, ...]


@dataclass(frozen=True)
class _Coded:
    """The tables as whole numbers, one array of shape (records,) per column.

    Args:
        synthetic: codes of the synthetic records; numbers keep their order, missing is -1.
        reference: of the attacker's sample.
        real: of members and then controls.
        ordered: which columns are numbers.
        scale: for each column of numbers, the number that each code stands for.
    """

    synthetic: list[Codes]
    reference: list[Codes]
    real: list[Codes]
    ordered: list[bool]
    scale: list[NDArray[np.float64]]


def singling_out(comparison: Comparison) -> list[Result]:
    """Conditions that single out a member, minus those that single out a person never in train.

    Returns:
        `singling_out` for conditions on one column (extremes, and values that one synthetic record
        has, those far from others first) and on 2 to 4 columns around a random synthetic record
        (the category, or one in a thousand of the synthetic records on either side of the number;
        those first that would be least likely if columns were independent); at most 1,000 of each,
        and one for each person singled out.
        Of the conditions, the share that one member and no control meets, minus the share that one
        control and no member meets times members per control. Within -1 and 1 but for noise, lower
        is better, 0 without a leak.

    Privacy: reads all real records; not differentially private.

    Source: Cohen and Nissim (2020), doi:10.1073/pnas.1914598117 (predicate singling out); Giomi et
        al. (2023), doi:10.56553/popets-2023-0055 (predicates from synthetic records); comparing
        tables of different size by who alone meets a condition in both together is ours.
    """
    rng = comparison.rng("singling_out")
    held = parties(comparison, "singling_out", most=MOST, held=MOST)
    coded = _coded(held)
    sizes = held.members.num_rows, held.controls.num_rows
    several = _several_columns(coded, rng)
    variants = {"one column": _single_columns(coded, rng), "2 to 4 columns": several}
    return [
        _result(group, predicates, coded, sizes, seed=comparison.seed)
        for group, predicates in variants.items()
    ]


def _result(
    group: str, predicates: list[Predicate], coded: _Coded, sizes: tuple[int, int], *, seed: int
) -> Result:
    met = [_matches(p, coded.real) for p in predicates]
    # a record is who it is in both tables together: without a leak, members and controls are
    # equally likely to be the only one, person for person
    alone = np.array([m[0] if len(m) == 1 else -1 for m in met], np.int64)
    first = np.zeros(len(alone), bool)
    first[np.unique(alone, return_index=True)[1]] = True
    # somebody singled out twice is one success, or the interval would be too narrow
    alone = alone[first | (alone < 0)]
    trials = Trials(
        "singling_out",
        members=(alone >= 0) & (alone < sizes[0]),
        controls=alone >= sizes[0],
        scale=sizes[0] / max(sizes[1], 1),
        either=True,
        method="share of conditions, met by one synthetic and no reference record, that one record "
        "of members and controls together meets; controls counted in proportion",
        group=group,
    )
    if len(alone) < MIN_ATTEMPTS <= min(*sizes, len(coded.synthetic[0])):
        return nothing_to_try(trials, f"at least {MIN_ATTEMPTS} conditions that one record meets")
    return advantage(trials, seed=seed)


def _coded(held: Parties) -> _Coded:
    tables = [held.members, held.controls, held.synthetic, held.reference]
    columns, scales = [], []
    for field in held.schema.fields:
        parts = [t.column(field.name) for t in tables]
        if field.is_categorical:
            columns.append(shared_codes(parts))
            scales.append(np.empty(0))
        else:
            values = [numbers(p) for p in parts]
            together = np.concatenate(values)
            scales.append(np.unique(together[~np.isnan(together)]))
            columns.append([_places(v, scales[-1]) for v in values])
    return _Coded(
        synthetic=[c[2] for c in columns],
        reference=[c[3] for c in columns],
        real=[np.concatenate(c[:2]) for c in columns],
        ordered=[not f.is_categorical for f in held.schema.fields],
        scale=scales,
    )


def _places(values: NDArray[np.float64], distinct: NDArray[np.float64]) -> Codes:
    """Places of numbers among all distinct ones, -1 for missing."""
    return np.where(np.isnan(values), -1, np.searchsorted(distinct, values)).astype(np.int64)


def _single_columns(coded: _Coded, rng: np.random.Generator) -> list[Predicate]:
    """Extremes, and values that one synthetic record has; the most isolated of every column."""
    found: list[tuple[int, Predicate]] = []
    for j, codes in enumerate(coded.synthetic):
        values, times = np.unique(codes[codes >= 0], return_counts=True)
        single = rng.permutation(np.flatnonzero(times == 1))
        if coded.ordered[j]:
            # where values lie close, another person's is met by chance
            gaps = np.diff(coded.scale[j][values], prepend=-np.inf, append=np.inf)
            single = single[np.argsort(-np.minimum(gaps[:-1], gaps[1:])[single], kind="stable")]
        conditions = [_single_value(values, i, j, coded.ordered[j]) for i in single[:PREDICATES]]
        rare = [c for c in conditions if not len(_matches((c,), coded.reference))]
        found += [(place, (c,)) for place, c in enumerate(rare)]
    return [predicate for _, predicate in sorted(found, key=lambda f: f[0])[:PREDICATES]]


def _single_value(values: Codes, place: int, column: int, ordered: bool) -> Condition:
    low = high = int(values[place])
    # whoever lies beyond an extreme meets the condition too
    if ordered and place == 0:
        low = 0
    elif ordered and place == len(values) - 1:
        high = int(np.iinfo(np.int64).max)
    return Condition(column, low, high)


def _several_columns(coded: _Coded, rng: np.random.Generator) -> list[Predicate]:
    """Conditions on 2 to 4 columns around random synthetic records, one per record."""
    records = len(coded.synthetic[0])
    sorted_codes = [np.sort(codes) for codes in coded.synthetic]
    weights = np.array([_entropy(codes) for codes in sorted_codes])
    columns = int(np.count_nonzero(weights))
    if columns < 2:
        return []
    found: list[tuple[float, Predicate]] = []
    for row in rng.permutation(records)[:CANDIDATES]:
        size = min(int(rng.integers(2, 5)), columns)
        chosen = rng.choice(len(weights), size, replace=False, p=weights / weights.sum())
        predicate = tuple(
            _around(int(j), int(coded.synthetic[j][row]), coded.ordered[j], sorted_codes[j])
            for j in chosen
        )
        if len(_matches(predicate, coded.reference)):
            continue
        if len(_matches(predicate, coded.synthetic)) == 1:
            found.append((_if_independent(predicate, sorted_codes), predicate))
    return [predicate for _, predicate in sorted(found, key=lambda f: f[0])[:PREDICATES]]


def _entropy(codes: Codes) -> float:
    """How finely a column tells records apart: minus the log of the chance that two agree."""
    shares = np.unique(codes, return_counts=True)[1] / max(len(codes), 1)
    return float(max(-np.log(np.sum(shares**2)), 0.0)) if len(shares) else 0.0


def _if_independent(predicate: Predicate, sorted_codes: list[Codes]) -> float:
    """Share of records that would meet the conditions if the columns were independent."""
    share = 1.0
    for condition in predicate:
        values = sorted_codes[condition.column]
        first = np.searchsorted(values, condition.low, side="left")
        last = np.searchsorted(values, condition.high, side="right")
        share *= float(last - first) / len(values)
    return share


def _around(column: int, code: int, ordered: bool, values: Codes) -> Condition:
    if not ordered or code < 0:
        return Condition(column, int(code), int(code))
    width = int(HALF_WIDTH * len(values))
    first = int(np.searchsorted(values, code, side="left")) - width
    last = int(np.searchsorted(values, code, side="right")) - 1 + width
    low, high = values[max(first, 0)], values[min(last, len(values) - 1)]
    return Condition(column, max(int(low), 0), int(high))


def _matches(predicate: Predicate, columns: list[Codes]) -> NDArray[np.int64]:
    """Positions of the records that meet all conditions."""
    first, *others = predicate
    codes = columns[first.column]
    rows = np.flatnonzero((codes >= first.low) & (codes <= first.high))
    for condition in others:
        codes = columns[condition.column][rows]
        rows = rows[(codes >= condition.low) & (codes <= condition.high)]
    return rows
