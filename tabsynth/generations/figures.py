"""One generation against real records that no fit saw: what is kept, and what is gone.

The figures are those of an evaluation, on fewer records, since a study takes them a hundred times.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.attacks.neighbours import Space, nearest
from tabsynth.attacks.surroundings import AROUND, TINY
from tabsynth.comparison import Comparison, at_most
from tabsynth.intervals import delong
from tabsynth.learners import features, one_thread, shared_codes
from tabsynth.metrics.detection import told_apart
from tabsynth.metrics.group_fidelity import group_fidelity
from tabsynth.metrics.tails import FEWEST, RARE, TAILS
from tabsynth.metrics.utility import ClassJudge, NumberJudge
from tabsynth.metrics.variation import levels_of, pairwise_tv
from tabsynth.table import Table

# records a table, for each kind of figure
COUNTED: Final = 20_000
PAIRED: Final = 5_000
TOLD_APART: Final = 2_000
TAUGHT: Final = 10_000
TESTED: Final = 5_000
SUSPECTS: Final = 2_000
FEWEST_OF_CLASS: Final = 10
# between a figure's name and the column or group that it is of
OF: Final = ":"

Numbers = NDArray[np.float64]
Figures = dict[str, float]


@dataclass(frozen=True, eq=False)
class Yardstick:
    """What every generation of a chain is held to.

    Args:
        train: the real records of the first fit; modelled columns only.
        holdout: real records that no fit saw, of the same columns.
        target: column to predict, for what is learnt from a generation.
        protected: columns that name groups.
        seed: of every random draw, the same for all generations.
    """

    train: Table
    holdout: Table
    target: str | None = None
    protected: tuple[str, ...] = ()
    seed: int = 0

    def measure(self, synthetic: Table) -> Figures:
        """All figures of one generation, by name; those that cannot be taken are left out.

        Returns:
            `variance_ratio` and `entropy_ratio` by column, with their median and the column that is
            farthest from 1 (`_median`, `_worst`); `tail_mass`; `rare_survival`; `pairwise_score`;
            `c2st_auc`; `tstr` and `minority_recall` with a target; `group_tv` by group and of the
            worst group with protected columns; `membership_auc`.
        """
        parts = (
            self._variances, self._entropies, self._tails, self._rare, self._pairs, self._detection,
            self._utility, self._groups, self._membership,
        )  # fmt: skip
        with one_thread():
            found = [part(synthetic) for part in parts]
        return {k: float(v) for figures in found for k, v in figures.items() if np.isfinite(v)}

    @cached_property
    def reference(self) -> Figures:
        """The same for the real training records in the place of a generation.

        For membership it is chance: a table is the closest copy of itself that there is.
        """
        return {**self.measure(self.train), "membership_auc": 0.5}

    def _rng(self, name: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, *name.encode()])

    def _comparison(self, synthetic: Table, most: int) -> Comparison:
        rng = self._rng("records")
        train, holdout, drawn = (
            at_most(t, most, rng) for t in (self.train, self.holdout, synthetic)
        )
        return Comparison(train, holdout, drawn, protected=self.protected, seed=self.seed)

    def _variances(self, synthetic: Table) -> Figures:
        (drawn, real), categorical = features([synthetic, self.holdout])
        names = self.train.schema.names
        spread = [
            (names[j], _variance(drawn[:, j]), _variance(real[:, j]))
            for j in np.flatnonzero(~categorical)
        ]
        return _ratios("variance_ratio", [part for part in spread if part[2] > 0])

    def _entropies(self, synthetic: Table) -> Figures:
        rng = self._rng("entropy")
        tables = [at_most(t, COUNTED, rng) for t in (synthetic, self.holdout)]
        (drawn, real), sizes = levels_of(self.train, tables)
        found = [
            (name, _entropy(drawn[:, j], sizes[j]), _entropy(real[:, j], sizes[j]))
            for j, name in enumerate(self.train.schema.names)
        ]
        return _ratios("entropy_ratio", [part for part in found if part[2] > 0])

    def _tails(self, synthetic: Table) -> Figures:
        (train, drawn, real), categorical = features([self.train, synthetic, self.holdout])
        made = held = 0.0
        for j in np.flatnonzero(~categorical):
            if np.isnan(train[:, j]).all():
                continue
            low, high = np.nanquantile(train[:, j], TAILS)
            made, held = (
                mass + float(np.mean((a[:, j] < low) | (a[:, j] > high)))
                for mass, a in ((made, drawn), (held, real))
            )
        return {"tail_mass": made / held} if held else {}

    def _rare(self, synthetic: Table) -> Figures:
        survived: list[NDArray[np.bool_]] = []
        for field in self.train.schema.fields:
            if field.is_categorical:
                columns = [t.column(field.name) for t in (synthetic, self.holdout)]
                survived.append(_survival(shared_codes(columns)))
        every = np.concatenate([np.empty(0, bool), *survived])
        return {"rare_survival": float(every.mean())} if len(every) else {}

    def _pairs(self, synthetic: Table) -> Figures:
        found = pairwise_tv(self._comparison(synthetic, PAIRED))
        return {"pairwise_score": found[0].score} if found and found[0].score is not None else {}

    def _detection(self, synthetic: Table) -> Figures:
        rng = self._rng("detection")
        return {"c2st_auc": told_apart(synthetic, self.holdout, most=TOLD_APART, rng=rng)}

    def _utility(self, synthetic: Table) -> Figures:
        if self.target is None or len(self.train.schema.names) < 2:
            return {}
        rng = self._rng("utility")
        tables = [at_most(self.holdout, TESTED, rng), at_most(synthetic, TAUGHT, rng)]
        (test, taught), categorical = features(tables)
        column = self.train.schema.names.index(self.target)
        test, taught = (a[~np.isnan(a[:, column])] for a in (test, taught))
        truth, others = test[:, column], np.delete(categorical, column)
        asked = np.delete(test, column, 1)
        if not categorical[column]:
            number = NumberJudge()
            return {"tstr": number.quality(truth, number.learn(taught, column, others, asked))}
        classes, counts = np.unique(truth, return_counts=True)
        judge = ClassJudge(classes)
        guess = judge.learn(taught, column, others, asked)
        figures = {"tstr": judge.quality(truth, guess)}
        enough = counts >= FEWEST_OF_CLASS
        if enough.sum() > 1:
            rarest = int(np.argmin(np.where(enough, counts, len(truth) + 1)))
            own = guess[truth == classes[rarest]]
            # where nothing is learnt, no class is found
            found = (own.argmax(axis=1) == rarest) & (own.sum(axis=1) > 0)
            figures["minority_recall"] = float(np.mean(found))
        return figures

    def _groups(self, synthetic: Table) -> Figures:
        if not self.protected:
            return {}
        results = group_fidelity(self._comparison(synthetic, COUNTED))
        found = {f"{r.column}={r.group}": r.value for r in results if r.value is not None}
        if not found:
            return {}
        parts = {f"group_tv{OF}{label}": value for label, value in found.items()}
        return {"group_tv_worst": max(found.values()), **parts}

    def _membership(self, synthetic: Table) -> Figures:
        """How well distances tell the members of the first table from people never seen."""
        rng = self._rng("membership")
        whole = Comparison(self.train, self.holdout, synthetic, seed=self.seed)
        reference = at_most(whole.auxiliary, SUSPECTS, rng)
        control, members = (at_most(t, SUSPECTS, rng) for t in (whole.control, self.train))
        if min(t.num_rows for t in (reference, control, members, synthetic)) < 2:
            return {}
        space = Space.of([synthetic, reference])
        suspects = space.points(members).followed_by(space.points(control))
        near, around = (
            nearest(suspects, space.points(t), k)[0].astype(float).mean(axis=1)
            for t, k in ((synthetic, 1), (reference, AROUND))
        )
        # near for its surroundings, as one score of the attack in an evaluation has it
        score = -(near + TINY) / (around + TINY)
        size = members.num_rows
        return {"membership_auc": delong(score[:size], score[size:])[0]}


def name_of(figure: str) -> tuple[str, str | None]:
    """A figure's name, and the column or group that it is of; None for the whole table."""
    name, _, part = figure.partition(OF)
    return name, part or None


def _ratios(name: str, parts: list[tuple[str, float, float]]) -> Figures:
    """Synthetic over real for each column, their median, and the one that is farthest from 1."""
    if not parts:
        return {}
    ratios = np.array([made / held for _, made, held in parts])
    # a ratio of 0 is farther from 1 than any other
    with np.errstate(divide="ignore"):
        worst = ratios[np.argmax(np.abs(np.log(ratios)))]
    each = {f"{name}{OF}{column}": r for (column, _, _), r in zip(parts, ratios, strict=True)}
    return {f"{name}_median": float(np.median(ratios)), f"{name}_worst": float(worst), **each}


def _variance(values: Numbers) -> float:
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return 0.0
    # squares of huge values overflow
    scale = max(float(np.abs(known).max()), 1.0)
    return float(np.var(known / scale)) * scale**2 if scale < 1e150 else float("nan")


def _entropy(levels: NDArray[Any], size: int) -> float:
    shares = np.bincount(levels, minlength=size) / max(len(levels), 1)
    return float(-np.sum(shares[shares > 0] * np.log(shares[shares > 0])))


def _survival(codes: list[NDArray[np.int64]]) -> NDArray[np.bool_]:
    """Which rare categories of the second table the first one has at all."""
    size = 1 + max(int(c.max(initial=-1)) for c in codes)
    drawn, real = (np.bincount(c[c >= 0], minlength=size) for c in codes)
    rare = (real >= FEWEST) & (real <= RARE * max(len(codes[1]), 1))
    found: NDArray[np.bool_] = drawn[rare] > 0
    return found
