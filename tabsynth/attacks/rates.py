"""True positives at few false ones, and the epsilon that they refute."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from tabsynth.attacks.omnibus import Suspects
from tabsynth.intervals import clopper_pearson
from tabsynth.report.model import Result

FALSE_ALARMS: Final = 0.01
CANDIDATES: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)

Floats = NDArray[np.float64]


def share_found(members: Floats, controls: Floats) -> tuple[float, float, float]:
    """Share of members above the score that 1 % of controls exceed, and its 95 % interval.

    The score that 1 % of the population exceed is itself only known within two order statistics of
    the controls; the interval allows for that and for the members who are looked at.

    Args:
        members: scores, no two of them equal, higher for a likelier member; shape (n,).
        controls: the same, shape (m,).

    Returns:
        The share, and the ends of an interval of at least 95 %: 97.5 % for the threshold and
        97.5 % for the share. With few controls the lower end is 0.

    Source: Hahn and Meeker (1991), Statistical Intervals, 5.2; Clopper and Pearson (1934).
    """
    m, n = len(controls), len(members)
    ordered = np.sort(controls)[::-1]
    # how many controls may lie above the true threshold
    fewest, most = (int(binom.ppf(q, m, FALSE_ALARMS)) for q in (0.0125, 0.9875))
    strict = int(np.sum(members > ordered[fewest - 1])) if fewest > 0 else 0
    loose = int(np.sum(members > ordered[most])) if most < m else n
    low = clopper_pearson(strict, n, level=0.975)[0] if fewest > 0 else 0.0
    high = clopper_pearson(loose, n, level=0.975)[1]
    value = float(np.mean(members > ordered[int(FALSE_ALARMS * m)]))
    return value, min(low, value), max(high, value)


def untied(scores: Floats, order: NDArray[np.int64]) -> Floats:
    """Ranks of scores, 1 for the lowest; those that tie are ranked by `order`."""
    ranks = np.empty(len(scores))
    ranks[np.lexsort((order, scores))] = np.arange(1, len(scores) + 1)
    return ranks


def epsilon_bound(suspects: Suspects, rng: np.random.Generator) -> Result:
    """A lower bound of the epsilon (with delta 0) that a method with this leak could have had.

    Score and threshold are chosen on one half of the persons and measured on the other.

    Returns:
        The bound, 0 when nothing was found; it holds with 95 % confidence.

    Source: Jagielski, Ullman and Oprea (2020), arXiv:2006.07709.
    """
    half = (rng.permutation(int(suspects.units.max()) + 1) % 2)[suspects.units] == 0
    known = half & ~suspects.member
    rules = [
        (j, float(threshold))
        for j, score in enumerate(suspects.scores.T)
        for threshold in (
            np.quantile(score[known], 1 - np.array(CANDIDATES)) if known.any() else ()
        )
    ]
    chosen = max(rules, key=lambda rule: _log_ratio(suspects, half, rule), default=None)
    # of few persons all controls may be in the other half: nothing is found then
    bound = -np.inf if chosen is None else _log_ratio(suspects, ~half, chosen)
    return Result(
        name="membership_epsilon",
        family="privacy",
        value=max(0.0, bound),
        reference=0.0,
        unit="epsilon",
        n=int((~half).sum()),
        method="lower bound at 95 % confidence; threshold chosen on one half, measured on the "
        "other, Clopper-Pearson; it refutes any smaller claim with delta 0",
        status="diagnostic",
    )


def _log_ratio(suspects: Suspects, among: NDArray[np.bool_], rule: tuple[int, float]) -> float:
    accused = suspects.scores[:, rule[0]] > rule[1]
    members, controls = accused[among & suspects.member], accused[among & ~suspects.member]
    if not len(members) or not len(controls):
        return -np.inf
    hits = clopper_pearson(int(members.sum()), len(members))[0]
    alarms = clopper_pearson(int(controls.sum()), len(controls))[1]
    spared = clopper_pearson(int((~controls).sum()), len(controls))[0]
    missed = clopper_pearson(int((~members).sum()), len(members))[1]
    with np.errstate(divide="ignore"):
        return float(max(np.log(hits / alarms), np.log(spared / missed)))
