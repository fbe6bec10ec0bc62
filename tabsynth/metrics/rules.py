"""Rules that nobody declared: columns that follow from another one in all real records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.comparison import Comparison
from tabsynth.intervals import Z95, wilson
from tabsynth.learners import shared_codes
from tabsynth.metrics.figure import Figure, Measure
from tabsynth.report.model import Result
from tabsynth.table import Table

HELD: Final = 0.999
SUPPORT: Final = 5
SCREENED: Final = 10_000
OFTEN: Final = 0.01
LISTED: Final = 40
EXAMPLES: Final = 2
EXAMPLE_LENGTH: Final = 40

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class _Dependency:
    """What a column's value is, given another's, in training records.

    Args:
        given: the column that decides.
        implied: the column that follows.
        expected: its code for each code of the given column; -1 where too few records have that.
    """

    given: int
    implied: int
    expected: Codes


def dependency_violations(comparison: Comparison) -> list[Result]:
    """How often synthetic records break a rule that real ones keep: one column decides another.

    A rule is found where, among the values that at least five real records have, the second column
    is the same in at least 99.9 % of the records with the same value of the first, where a guess
    without it would be wrong ten times as often, and where most records have such a value.

    Returns:
        The share of synthetic records that break each rule, of those whose first value training
        records have at least five times, and the mean over all rules; 0 is best. The reference is
        the holdout's share. The method shows up to two synthetic examples. Nothing without rules.

    Privacy: reads all real records; not differentially private. Examples are synthetic values.

    Source: Huhtala et al. (1999), doi:10.1093/comjnl/42.2.100, approximate dependencies (g3).
    """
    small = comparison.modelled
    tables = [small.train, small.holdout, small.synthetic, small.baseline, *small.draws]
    names = small.train.schema.names
    codes = _codes(tables)
    real = np.concatenate(codes[:2])
    picked = comparison.rng("dependencies").permutation(len(real))[:SCREENED]
    found = [
        _Dependency(a, b, _majority(codes[0][:, a], codes[0][:, b], int(real[:, a].max()) + 1))
        for a, b in _screen(real[picked])
        if _holds(real[:, a], real[:, b])
    ]
    parts = [(d, p) for d in found if (p := _part(d, codes, names)) is not None]
    if not parts:
        return []
    measure = Measure(
        "dependency_violations",
        "share",
        f"{len(parts)} rules that at least {100 * HELD:g} % of train and holdout keep; the values "
        "that go together are learnt from train",
        small.synthetic.num_rows,
        comparison.seed,
    )
    ordered = sorted(parts, key=lambda part: -part[1].value)[:LISTED]
    overall = measure.result(_mean([figure for _, figure in parts]))
    each = [
        measure.result(figure).model_copy(
            update={"method": _method(rule, codes[2], small.synthetic)}
        )
        for rule, figure in ordered
    ]
    return [_noticed(r) for r in (overall, *each)]


def _noticed(result: Result) -> Result:
    """A rule broken by clearly more than 1 % is worth a look, however close the baseline is."""
    often = (result.ci_low or 0.0) > (result.reference or 0.0) + OFTEN
    return result.model_copy(update={"status": "attention"}) if often else result


def _codes(tables: list[Table]) -> list[Codes]:
    """Equal numbers for equal values of a column, 0 for missing ones; shape (records, columns)."""
    columns = [shared_codes([t.column(n) for t in tables]) for n in tables[0].schema.names]
    return [
        np.column_stack([c[i] for c in columns]) + 1 if columns else np.zeros((t.num_rows, 0), int)
        for i, t in enumerate(tables)
    ]


def _screen(records: Codes) -> list[tuple[int, int]]:
    """Pairs of columns where records that agree in the first nearly all agree in the second.

    Neighbours in the order of the first column are compared, in all other columns at once.
    """
    candidates = []
    for a in range(records.shape[1]):
        ordered = records[np.argsort(records[:, a], kind="stable")]
        same = ordered[1:, a] == ordered[:-1, a]
        # with fewer neighbours than this, most values have no five records
        if same.sum() < len(records) / 4:
            continue
        differ = (ordered[1:] != ordered[:-1])[same].mean(axis=0)
        # a record that breaks the rule differs from two neighbours
        candidates += [(a, int(b)) for b in np.flatnonzero(differ <= 4 * (1 - HELD)) if b != a]
    return candidates


def _holds(given: Codes, implied: Codes) -> bool:
    """Whether the implied column follows from the given one, and is not nearly constant."""
    values, places, sizes = np.unique(given, return_inverse=True, return_counts=True)
    supported = sizes[places] >= SUPPORT
    if np.count_nonzero(sizes >= SUPPORT) < 2 or supported.mean() < 0.5:
        return False
    expected = _majority(places, implied, len(values))
    wrong = float(np.mean(expected[places[supported]] != implied[supported]))
    guess = float(1 - np.bincount(implied[supported]).max() / supported.sum())
    return wrong <= min(1 - HELD, guess / 10) and guess > 0


def _majority(given: Codes, implied: Codes, size: int) -> Codes:
    """The most frequent implied code for each given one; -1 for those with too few records."""
    width = int(implied.max(initial=0)) + 1
    pairs, counts = np.unique(given * width + implied, return_counts=True)
    order = np.argsort(counts, kind="stable")
    expected = np.full(size, -1, np.int64)
    # later entries overwrite earlier ones: the most frequent stays
    expected[pairs[order] // width] = pairs[order] % width
    expected[np.bincount(given, minlength=size) < SUPPORT] = -1
    return expected


def _broken(rule: _Dependency, records: Codes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which records break the rule, and which have a value it speaks of."""
    given = records[:, rule.given]
    # values that no real record has lie beyond the rule
    known = given < len(rule.expected)
    expected = np.where(known, rule.expected[np.where(known, given, 0)], -1)
    known = expected >= 0
    return known & (records[:, rule.implied] != expected), known


def _part(rule: _Dependency, codes: list[Codes], names: tuple[str, ...]) -> Figure | None:
    rates = []
    for records in codes[1:]:
        broken, known = _broken(rule, records)
        rates.append(float(broken.sum() / known.sum()) if known.any() else float("nan"))
    reference, value, baseline, *draws = rates
    broken, known = _broken(rule, codes[2])
    n = int(known.sum())
    if not n:
        return None
    low, high = wilson(int(broken.sum()), n, Z95)
    return Figure(
        value,
        max(value - low, high - value) / Z95,
        reference,
        baseline,
        f"{names[rule.given]} → {names[rule.implied]}",
        tuple(d for d in draws if np.isfinite(d)),
        n,
    )


def _mean(parts: list[Figure]) -> Figure:
    """The mean figure; errors are taken as if the rules were broken by the same records."""
    references = [p.reference for p in parts if p.reference is not None]
    baselines = [p.baseline for p in parts if p.baseline is not None]
    fewest = min(len(p.draws) for p in parts)
    return Figure(
        float(np.mean([p.value for p in parts])),
        float(np.mean([p.error for p in parts])),
        float(np.nanmean(references)) if np.isfinite(references).any() else None,
        float(np.nanmean(baselines)) if np.isfinite(baselines).any() else None,
        draws=tuple(float(np.mean([p.draws[i] for p in parts])) for i in range(fewest)),
    )


def _method(rule: _Dependency, records: Codes, synthetic: Table) -> str:
    """The rule in words, with synthetic examples of how it is broken."""
    names = synthetic.schema.names
    given, implied = names[rule.given], names[rule.implied]
    rows = np.flatnonzero(_broken(rule, records)[0])
    told = f"each {given} of five or more training records has its one {implied}"
    seen: list[str] = []
    for row in rows[:200]:
        pair = " with ".join(
            _shown(synthetic.column(n)[int(row)].as_py()) for n in (given, implied)
        )
        if pair not in seen:
            seen.append(pair)
        if len(seen) == EXAMPLES:
            break
    return f"{told}; synthetic records show {' and '.join(seen)}" if seen else told


def _shown(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= EXAMPLE_LENGTH else text[: EXAMPLE_LENGTH - 1] + "…"
