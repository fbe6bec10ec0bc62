"""Membership inference: was this person in the training table?

Threat model: the attacker holds the synthetic table, a sample of the population that is not in it
(a quarter of the holdout), and the whole record of the person he asks about. He holds neither the
model nor the training table. He succeeds where he calls members members more often than people who
were never in the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.attacks.agreement import agreement, rare_part, surprise
from tabsynth.attacks.knowledge import of_so_many_people
from tabsynth.attacks.neighbours import Points, Space, nearest
from tabsynth.attacks.omnibus import PERMUTATIONS, TOP, Permutations, Suspects, top_weights
from tabsynth.attacks.rates import FALSE_ALARMS, epsilon_bound, share_found, untied
from tabsynth.attacks.self_test import SelfTest
from tabsynth.attacks.surroundings import NEIGHBOURS, SCORES, Surroundings
from tabsynth.comparison import Comparison, at_most, no_figure
from tabsynth.intervals import Z95, delong, wilson
from tabsynth.learners import features, learnable, one_thread
from tabsynth.report.model import Result
from tabsynth.table import Table

PAIRS: Final = 2_500_000_000
MAX_REFERENCE: Final = 20_000
MAX_TAUGHT: Final = 10_000
MIN_RECORDS: Final = 50

Floats = NDArray[np.float64]


def membership(comparison: Comparison) -> list[Result]:
    """The membership omnibus: six scores, many thresholds, one p-value; and what it could find.

    Returns:
        `membership_p`: how often members dealt out at random look as exposed as the real ones do,
        by the greatest standardised statistic over all scores, thresholds and strata.
        `membership_auc`, `membership_top`, `membership_tpr`: for each score, over all records and
        over the most isolated 5 %: AUC, excess share of members among the highest scores, and
        share of members found at 1 % false alarms.
        `membership_epsilon`: the differential-privacy parameter below which a method cannot have
        leaked so much, 0 when nothing was found.
        `self_test_power`: how often a leak planted in this very comparison has a p-value below
        0.01, by kind and size. No figure with fewer than 50 records on any side.

    Privacy: reads all real records; not differentially private. A large p-value is no proof.

    Source: Carlini et al. (2022), arXiv:2112.03570 (true positives at a low rate of false ones);
        Jagielski, Ullman and Oprea (2020), arXiv:2006.07709 (lower bounds of epsilon).
    """
    rng = comparison.rng("membership")
    sight = look(comparison, rng)
    if isinstance(sight, Result):
        return [sight]
    deals = Permutations(sight.suspects, rng)
    test = SelfTest(
        sight.around, sight.suspects, deals, places=sight.places, synthetic=sight.synthetic,
        sampled=sight.sampled,
    )  # fmt: skip
    results = [*exposed(sight, deals, comparison), *test.power_curve(comparison.rng("self_test"))]
    return [r.model_copy(update={"seed": comparison.seed}) for r in results]


def exposed(sight: Sight, deals: Permutations, comparison: Comparison) -> list[Result]:
    """All figures of the attack but its own power."""
    persons = sight.suspects.one_of_each_unit(comparison.rng("one_of_each_unit"))
    return [
        _p_value(sight.suspects, deals),
        *_figures(persons, comparison.rng("ties")),
        epsilon_bound(persons, comparison.rng("membership_epsilon")),
    ]


@dataclass(frozen=True)
class Sight:
    """All that the attacker sees, before anything is tested.

    Args:
        around: what he sees around each suspect.
        suspects: members and controls with their scores.
        places: where they lie.
        synthetic: where the synthetic records lie.
        sampled: share of the training records that are suspects.
    """

    around: Surroundings
    suspects: Suspects
    places: Points
    synthetic: Points
    sampled: float


def look(comparison: Comparison, rng: np.random.Generator) -> Sight | Result:
    """What the attacker sees; with fewer than 50 records on any side, why he cannot."""
    train, control, reference, synthetic = _parties(comparison)
    sides = (train, control, reference, synthetic)
    if min(t.num_rows for t in sides) < MIN_RECORDS:
        needed = (
            f"needs at least {MIN_RECORDS} training and synthetic records, and {4 * MIN_RECORDS} "
            "holdout records"
        )
        smallest = min(t.num_rows for t in sides)
        return no_figure("membership_p", "privacy", unit="p-value", n=smallest, method=needed)
    space = Space.of([synthetic, reference])
    everyone = space.points(train).followed_by(space.points(control))
    drawn = space.points(synthetic)
    people, names = [train, control], everyone.names
    weight = surprise(people, synthetic, reference, names)
    around = Surroundings(
        nearest(everyone, drawn, NEIGHBOURS)[0].astype(float),
        nearest(everyone, space.points(reference), NEIGHBOURS)[0].astype(float),
        _taken_for_synthetic(synthetic, reference, people, rng),
        weight,
        agreement(people, synthetic, names, weight=weight, rng=rng),
        rare_part(people, synthetic, names, weight=weight, rng=rng),
    )
    suspects = Suspects(
        scores=around.scores(),
        isolated=around.isolated,
        member=np.repeat([True, False], [train.num_rows, control.num_rows]),
        units=_units(train, control),
    )
    return Sight(
        around, suspects, everyone, drawn, sampled=train.num_rows / comparison.train.num_rows
    )


def _parties(comparison: Comparison) -> tuple[Table, Table, Table, Table]:
    """Members, controls, reference and synthetic records, as many as can be searched in time.

    Synthetic records are kept first: a leak in a record that is left out is not seen. Of the
    training records at least as many are searched as there are controls.
    """
    rng = comparison.rng("parties")
    synthetic = at_most(comparison.synthetic, PAIRS // 4_000, rng)
    suspects = PAIRS // max(synthetic.num_rows, 1)
    most = min(suspects // 2, MAX_REFERENCE)
    real = comparison.control, comparison.train
    beside = suspects - min(most, real[0].num_rows)
    control, train = of_so_many_people(real, (most, beside), rng)
    reference = at_most(comparison.auxiliary, MAX_REFERENCE, rng)
    return train, control, reference, synthetic


def _taken_for_synthetic(
    synthetic: Table, reference: Table, suspects: list[Table], rng: np.random.Generator
) -> Floats:
    """Log odds by which boosted trees take each suspect for synthetic rather than real."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    taught = [at_most(t, MAX_TAUGHT, rng).modelled for t in (synthetic, reference)]
    # codes of equally frequent categories follow their order: it must not tell members first
    people = pa.concat_tables([t.modelled.data for t in suspects])
    order = rng.permutation(people.num_rows)
    arrays, categorical = features([*taught, Table(taught[0].schema, people).take(order)])
    model: Any = HistGradientBoostingClassifier(categorical_features=categorical, random_state=0)
    label = np.repeat([1, 0], [len(a) for a in arrays[:2]])
    with one_thread():
        model.fit(learnable(np.concatenate(arrays[:2]), categorical), label)
        logit: Floats = np.empty(len(order))
        logit[order] = model.decision_function(arrays[2])
    return logit


def _units(train: Table, control: Table) -> NDArray[np.int64]:
    """Numbers from 0 for the privacy units of both; nobody is in both tables."""
    first = np.unique(train.units, return_inverse=True)[1]
    second = np.unique(control.units, return_inverse=True)[1]
    return np.concatenate([first, second + first.max() + 1])


def _p_value(suspects: Suspects, deals: Permutations) -> Result:
    return Result(
        name="membership_p",
        family="privacy",
        value=deals.p_value(deals.observed),
        reference=0.5,
        better="higher",
        unit="p-value",
        n=len(suspects.member),
        method=f"{PERMUTATIONS} random deals of members and controls; the greatest standardised "
        f"statistic of {len(SCORES)} scores at the top 0.5, 1, 2, 10 % and by rank, over all and "
        "isolated records",
    )


def _figures(suspects: Suspects, rng: np.random.Generator) -> list[Result]:
    """What each score achieves, over all records and over the isolated ones."""
    # an attacker who must choose among equals tosses a coin
    order = rng.permutation(len(suspects.member))
    results = []
    for among, where in ((np.ones(len(suspects.member), bool), ""),
                         (suspects.isolated, ", isolated")):  # fmt: skip
        member = suspects.member[among]
        if min(member.sum(), (~member).sum()) < 2:
            continue
        for score, name in zip(suspects.scores[among].T, SCORES, strict=True):
            results += _of_score(untied(score, order[among]), member, f"{name}{where}")
    return results


def _of_score(score: Floats, member: NDArray[np.bool_], group: str) -> list[Result]:
    area, variance = delong(score[member], score[~member])
    margin = Z95 * float(np.sqrt(variance))
    found, low, high = share_found(score[member], score[~member])
    shared: dict[str, Any] = {"family": "privacy", "group": group, "n": len(member)}
    return [
        Result(
            name="membership_tpr", value=found, ci_low=low, ci_high=high, reference=FALSE_ALARMS,
            unit="share", **shared,
            method=f"share of members found when {100 * FALSE_ALARMS:g} % of the controls are "
            "accused; interval by order statistics of the controls and Clopper-Pearson",
        ),
        Result(
            name="membership_auc", value=area, ci_low=max(0.0, area - margin),
            ci_high=min(1.0, area + margin), reference=0.5, unit="AUC", **shared,
            method="members against controls; DeLong interval", status="diagnostic",
        ),
        *(_among_top(score, member, share, shared) for share in TOP),
    ]  # fmt: skip


def _among_top(
    score: Floats, member: NDArray[np.bool_], share: float, shared: dict[str, Any]
) -> Result:
    weights = top_weights(score, share)
    taken = max(float(weights.sum()), 1.0)
    value = float(weights[member].sum()) / taken
    low, high = wilson(round(value * taken), round(taken), Z95)
    return Result(
        name="membership_top", value=value, ci_low=min(low, value), ci_high=max(high, value),
        reference=float(member.mean()), unit="share",
        **{**shared, "group": f"top {100 * share:g} %, {shared['group']}"},
        method="members among the highest scores; Wilson interval", status="diagnostic",
    )  # fmt: skip
