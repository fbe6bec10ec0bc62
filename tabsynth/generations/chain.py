"""Chains of generations: fit on real records, draw, fit on what was drawn, and so on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabsynth.errors import DataError, TabsynthError
from tabsynth.generations.figures import Yardstick
from tabsynth.generations.journal import Journal, Outcome, Step
from tabsynth.generations.regimes import FLOOR, Regime
from tabsynth.sampler import sample
from tabsynth.table import Table
from tabsynth.wording.learn import texts_withheld
from tabsynth.workflow import fit

# the first generation, which all regimes that fit have in common
FIRST = "first"

Say = Callable[[str], object]


@dataclass(frozen=True)
class Method:
    """What makes a generation from the one before.

    Args:
        synthesizer: a registered name.
        parameters: its hyper-parameters.
    """

    synthesizer: str
    parameters: Mapping[str, Any]

    def next(self, lesson: Table, records: int, *, step: Step) -> Table:
        """Fit and draw."""
        rng = np.random.default_rng([step.seed, step.generation, *step.regime.encode()])
        seed, drawn = (int(s) for s in rng.integers(0, 2**31, 2))
        # what is measured are the structured columns
        fitted = fit(
            texts_withheld(lesson), synthesizer=self.synthesizer,
            parameters=dict(self.parameters), seed=seed,
        )  # fmt: skip
        table = sample(fitted, records, seed=drawn, workers=1)
        return table.select(lesson.schema)


@dataclass(frozen=True)
class Chain:
    """One chain: a regime and a seed.

    Args:
        regime: what each generation learns from.
        yardstick: the real records, and those that judge.
        method: what makes a generation.
        generations: how many.
        journal: where finished ones are kept, and found.
        say: called with a line after each.
    """

    regime: Regime
    yardstick: Yardstick
    method: Method
    generations: int
    journal: Journal
    say: Say

    def run(self) -> list[tuple[Step, Outcome]]:
        """All generations in order; none after one of which no table could be made."""
        done: list[tuple[Step, Outcome]] = []
        tables: list[Table] = []
        for generation in range(1, self.generations + 1):
            step = self._step(generation)
            known = self.journal.outcome(step)
            if known is None or self.regime.name == FLOOR:
                known = self._make(step, tables, known)
            elif self._still_needed(generation) and known.ended is None:
                tables.append(self.journal.table(step, self.yardstick.train))
            else:
                tables.append(self.yardstick.train.take(np.empty(0, np.int64)))
            done.append((Step(self.regime.name, step.seed, generation), known))
            if known.ended is not None:
                break
        return done

    def first(self) -> Outcome:
        """The first generation alone."""
        step = self._step(1)
        known = self.journal.outcome(step)
        return self._make(step, [], None) if known is None else known

    def _step(self, generation: int) -> Step:
        shared = generation == 1 and self.regime.name != FLOOR
        return Step(FIRST if shared else self.regime.name, self.yardstick.seed, generation)

    def _still_needed(self, generation: int) -> bool:
        """Whether a generation that is not made yet learns from this one."""
        ahead = [self.journal.outcome(self._step(g)) for g in range(1, self.generations + 1)]
        missing = [g for g, found in enumerate(ahead, 1) if found is None]
        if not missing or any(found is not None and found.ended for found in ahead):
            return False
        return self.regime.kind == "accumulate" or generation == missing[0] - 1

    def _make(self, step: Step, tables: list[Table], known: Outcome | None) -> Outcome:
        real = self.yardstick.train
        rng = np.random.default_rng([step.seed, step.generation, *f"{step.regime} lesson".encode()])
        if self.regime.name == FLOOR:
            # drawn again rather than kept: it is made of real records
            tables.append(self.regime.lesson(real, tables or [real], rng))
            return known or self._measured(step, tables[-1], keep=False)
        lesson = self.regime.lesson(real, tables, rng) if tables else real
        try:
            table = self.method.next(lesson, real.num_rows, step=step)
        except TabsynthError as error:
            return self._ended(step, str(error), error)
        except Exception as error:
            # the message of an unforeseen error may hold a value of a record
            return self._ended(step, f"{type(error).__name__} in {self.method.synthesizer}", error)
        tables.append(table)
        outcome = self._measured(step, table, keep=step.generation < self.generations)
        before = step.generation - 1
        if self.regime.kind != "accumulate" and before > 1:
            self.journal.drop_table(self._step(before))
        return outcome

    def _measured(self, step: Step, table: Table, *, keep: bool) -> Outcome:
        outcome = Outcome(self.yardstick.measure(table))
        self.journal.keep(step, outcome, table if keep else None)
        named = "the first generation of all" if step.regime == FIRST else step.regime
        self.say(f"{named}, seed {step.seed}: generation {step.generation} of {self.generations}")
        return outcome

    def _ended(self, step: Step, why: str, error: Exception) -> Outcome:
        """A later generation may have too little left to learn from; that is a finding."""
        if step.generation == 1 and isinstance(error, TabsynthError):
            raise error
        if step.generation == 1:
            raise DataError(
                "data", expected="a first generation", got=why,
                remedy="choose another --synthesizer, or report this",
            ) from None  # fmt: skip
        outcome = Outcome({}, why)
        self.journal.keep(step, outcome)
        self.say(
            f"{step.regime}, seed {step.seed}: ends before generation {step.generation}: {why}"
        )
        return outcome
