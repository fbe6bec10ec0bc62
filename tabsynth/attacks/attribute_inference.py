"""Attribute inference: does the synthetic table tell a member's secret better than a stranger's?

Threat model: the attacker holds the synthetic table and knows all of a person's record but one
column; in a second variant, only the quasi-identifiers. He guesses the column, by the synthetic
records nearest to the person or by boosted trees learnt on the synthetic table. He succeeds with
the right category or, for a number, the right one of twenty groups of equal size.

What he gets right about people who were never in the training table is knowledge of the
population, and what the table is for. What he gets right more often about members is a leak.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.attacks.knowledge import Parties, columns_with, levels, parties, secrets
from tabsynth.attacks.neighbours import Space, nearest
from tabsynth.attacks.trials import MIN_ATTEMPTS, Trials, advantage
from tabsynth.comparison import Comparison, no_figure
from tabsynth.learners import features, one_thread
from tabsynth.report.model import Result

ATTEMPTS: Final = 5_000
SECRETS: Final = 6
NEIGHBOURS: Final = 5
TAUGHT: Final = 10_000
ROUNDS: Final = 30
CLASSES: Final = 20
MIN_TAUGHT: Final = 3
NOTHING: Final = -2
COVERAGES: Final = (0.01, 0.05, 0.10)

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Guesses:
    """What the attacker says of members and then controls, and how sure he is.

    Args:
        codes: the values guessed, -2 where he has nothing to say; shape (people,).
        certainty: larger is surer; shape (people,).
    """

    codes: Codes
    certainty: NDArray[np.float64]


def attribute_inference(comparison: Comparison) -> list[Result]:
    """Right guesses of each sensitive column about members, minus those about controls.

    Returns:
        `attribute_inference` for each column and each way of guessing: a difference of shares
        within -1 and 1, lower is better, 0 without a leak. Its baseline is that of an attacker who
        has the reference table instead of the synthetic one. The same over the 1, 5 and 10 % of
        members and of controls of whom the attacker is surest, as diagnostics, where these are at
        least 20 people. Where no column is declared sensitive, the target and up to five others at
        random.

    Privacy: reads all real records; not differentially private.

    Source: Giomi et al. (2023), doi:10.56553/popets-2023-0055 (inference judged against people
        who were not in train); Yeom et al. (2018), arXiv:1709.01604 (attribute advantage).
    """
    held = parties(comparison, "attribute_inference", most=ATTEMPTS)
    known = columns_with(held.schema, "quasi-identifier")
    names = list(held.schema.names)
    smallest = min(t.num_rows for t in (held.members, held.controls, held.synthetic))
    if len(names) < 2 or not smallest:
        needed = "needs two columns, training, control and synthetic records"
        n = held.members.num_rows + held.controls.num_rows
        return [no_figure("attribute_inference", "privacy", unit="share", n=n, method=needed)]
    rng = comparison.rng("attribute_inference ties")
    space = Space.of([held.synthetic, held.reference])
    results: list[Result] = []
    for name in secrets(comparison, most=SECRETS):
        others = [n for n in names if n != name]
        attack = _Attack(held, space, name)
        ways = {
            "nearest records, all other columns": (attack.by_neighbours, others),
            "boosted trees, all other columns": (attack.by_trees, others),
            "nearest records, quasi-identifiers": (
                attack.by_neighbours,
                [n for n in known if n != name],
            ),
        }
        for group, (way, seen) in ways.items():
            if seen:
                results += _figures(attack, group, (way(seen, 2), way(seen, 3)), rng)
    return [r.model_copy(update={"seed": comparison.seed}) for r in results]


class _Attack:
    """One column to be guessed."""

    def __init__(self, held: Parties, space: Space, column: str) -> None:
        self.held = held
        self.space = space
        self.column = column
        tables = [held.members, held.controls, held.synthetic, held.reference]
        self.codes = levels(tables, column, held=[held.synthetic, held.reference])
        # a missing value, -1, is no secret: nobody is asked for it
        self.truth = np.concatenate(self.codes[:2])

    def by_neighbours(self, seen: list[str], source: int) -> Guesses:
        """The value with most weight among the nearest records of the table at that position."""
        people = [self.held.members, self.held.controls]
        table = self.held.synthetic if source == 2 else self.held.reference
        rows = np.flatnonzero(self.codes[source] >= 0)
        if not len(rows):
            return _always(NOTHING, len(self.truth))
        first, second = (self.space.points(t).columns(seen) for t in people)
        among = self.space.points(table).columns(seen).take(rows)
        distances, places = nearest(first.followed_by(second), among, NEIGHBOURS)
        values = self.codes[source][rows][places]
        # an equal record outweighs all that are merely near
        weights = 1 / (distances.astype(float) + 1e-3)
        agree = values[:, :, None] == values[:, None, :]
        votes = np.einsum("nij,nj->ni", agree, weights)
        best = votes.argmax(axis=1)
        picked = np.arange(len(values))
        # surest where close records agree: that is where a copy would show
        certainty = 2 * votes[picked, best] - weights.sum(axis=1)
        return Guesses(values[picked, best], certainty)

    def by_trees(self, seen: list[str], source: int) -> Guesses:
        """The likeliest value by boosted trees learnt on the table at that position."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        members, controls, drawn, reference = self.held.seen_through(seen)
        arrays, categorical = features([drawn, reference, members, controls])
        size = len(arrays[source - 2])
        picked = np.linspace(0, size - 1, min(size, TAUGHT)).astype(np.int64)
        records, labels = arrays[source - 2][picked], self.codes[source][picked]
        values, times = np.unique(labels[labels >= 0], return_counts=True)
        common = values[times >= MIN_TAUGHT]
        common = common[np.argsort(-times[times >= MIN_TAUGHT], kind="stable")[:CLASSES]]
        taught = np.isin(labels, common)
        # the learner refuses a column that is missing throughout
        told = ~np.isnan(records[taught]).all(axis=0)
        if len(common) < 2 or not told.any():
            return _always(common[0] if len(common) else NOTHING, len(self.truth))
        model: Any = HistGradientBoostingClassifier(
            categorical_features=categorical[told],
            max_iter=ROUNDS,
            early_stopping=False,
            random_state=0,
        )
        with one_thread():
            model.fit(records[taught][:, told], labels[taught])
            chances = model.predict_proba(np.concatenate(arrays[2:])[:, told])
        return Guesses(model.classes_[chances.argmax(axis=1)], chances.max(axis=1))


def _always(code: int, people: int) -> Guesses:
    return Guesses(np.full(people, code), np.zeros(people))


def _figures(
    attack: _Attack, group: str, guesses: tuple[Guesses, Guesses], rng: np.random.Generator
) -> list[Result]:
    """Of all people asked about, and of those the attacker is surest of."""
    asked = np.flatnonzero(attack.truth >= 0)
    members = len(attack.codes[0])
    drawn, known = guesses
    results = []
    for coverage in (1.0, *COVERAGES):
        right = [
            guess.codes[rows] == attack.truth[rows]
            for guess, side in (
                (drawn, asked[asked < members]),
                (drawn, asked[asked >= members]),
                (known, asked[asked < members]),
            )
            for rows in [_surest(guess, side, coverage, rng)]
        ]
        trials = Trials(
            "attribute_inference",
            members=right[0],
            controls=right[1],
            baseline=right[2],
            column=attack.column,
            group=group if coverage == 1 else f"{group}, surest {100 * coverage:g} %",
            method="share of right guesses (for numbers: of twenty groups the right one) about up "
            f"to {ATTEMPTS:,} members and as many controls",
            gated=coverage == 1,
        )
        # a hundredth of few people is nobody to draw conclusions from
        if coverage == 1 or min(len(r) for r in right[:2]) >= MIN_ATTEMPTS:
            results.append(advantage(trials))
    return results


def _surest(
    guess: Guesses, rows: NDArray[np.int64], coverage: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """The people of whom the attacker is surest, ties at random."""
    order = np.lexsort((rng.random(len(rows)), -guess.certainty[rows]))
    return rows[order[: int(np.ceil(coverage * len(rows)))]]
