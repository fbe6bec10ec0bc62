"""Records from a simulator of the user's own, with parameters fitted to aggregates of a table.

A model file holds the simulator's name, the posterior draws, and nothing that could be run. Who
draws from it must have the simulator: as an installed entry point, or declared in a file of their
own that the environment variable TABSYNTH_SIMULATOR names.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
import pyarrow as pa

from tabsynth import registry
from tabsynth.constraints.plan import unconstrained
from tabsynth.errors import DataError, UsageError
from tabsynth.schema.model import TableSchema
from tabsynth.sources.aggregates import Aggregates
from tabsynth.sources.approximate import Floats, Posterior, posterior
from tabsynth.sources.priors import Choice, Value, given, words
from tabsynth.sources.reading import parse_as, read_body
from tabsynth.sources.rejection import asked, met
from tabsynth.sources.running import Command, EntryPoint, Runner
from tabsynth.sources.simulators import Simulation
from tabsynth.synthesizers.odds import Odds
from tabsynth.synthesizers.protocol import ModelState, Traits
from tabsynth.table import Table

DECLARED: Final = "TABSYNTH_SIMULATOR"
# a sample rests on so many posterior draws, a run of the simulator each
RUNS: Final = 8
# runs for records that are still lacking
TRIES: Final = 20
_LIKELY: Final = 0.01
_SEEDS: Final = 2**31

Say = Callable[[str], object]


@dataclass(frozen=True)
class Simulated:
    """A simulator.

    Args:
        simulation: as its user declares it.
    """

    name: ClassVar[str] = "simulation"
    summary: ClassVar[str] = "a simulator of your own, fitted to aggregates of a table"
    traits: ClassVar[Traits] = Traits(
        conditions="weighted", guards_rare_values=False, cost="as many runs as it is told to make"
    )

    simulation: Simulation

    def trial(self, n: int, *, rng: np.random.Generator) -> pa.Table:
        """Records under one draw from the priors, unchecked, to see what they are."""
        priors = self.simulation.parameters
        values = {name: given(p, float(p.drawn(1, rng)[0])) for name, p in priors.items()}
        return runner(self.simulation).run(values, n, int(rng.integers(0, _SEEDS)))

    def unfitted(self, schema: TableSchema, *, rng: np.random.Generator) -> SimulationModel:
        """The model before any record is looked at: parameters as the priors have them."""
        priors = self.simulation.parameters
        draws = np.column_stack([prior.drawn(200, rng) for prior in priors.values()])
        return SimulationModel(
            _columns(schema), self.simulation.without_command, draws,
            runner=runner(self.simulation),
        )  # fmt: skip

    def fit(
        self, data: Table, *, rng: np.random.Generator, say: Say = lambda _: None
    ) -> SimulationModel:
        """Fit the parameters to aggregates of a table.

        Args:
            data: the real records.
            rng: the only source of randomness.
            say: called with a line now and then.

        Raises:
            DataError: a table without records, or a simulator that crashes, hangs or writes
                another table.

        Privacy: not differentially private; reads aggregates, see `Aggregates`.
        """
        if data.num_rows == 0:
            raise DataError("data", expected="records", got="none", remedy="give some")
        aggregates, asked_for = Aggregates.of(data), self.simulation
        priors, runs = asked_for.parameters, asked_for.simulations
        drawn = np.column_stack([prior.drawn(runs, rng) for prior in priors.values()])
        rows, seeds = min(asked_for.records, data.num_rows), rng.integers(0, _SEEDS, runs)
        simulator, figures = _Simulator(runner(asked_for), asked_for, data.schema), []
        for run in range(runs):
            table = simulator.records(drawn[run], rows, int(seeds[run]))
            figures.append(aggregates.taken(table))
            if (run + 1) % max(runs // 10, 1) == 0:
                say(f"simulated {run + 1:,} of {runs:,}")
        found = posterior(
            priors, drawn, np.array(figures), aggregates.taken(data),
            accept=asked_for.accept, rng=rng,
        )  # fmt: skip
        return SimulationModel(
            _columns(data.schema), asked_for.without_command, found.draws,
            tuple(_told(asked_for, found, aggregates.names, rows)), runner=simulator.runner,
        )  # fmt: skip

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> SimulationModel:
        """The model whose `state` this is; nothing is run.

        Raises:
            ValueError: parts that do not fit together.
        """
        simulation = parse_as(Simulation, state.settings["specification"], "model")
        draws = np.asarray(state.arrays["draws"], float)
        fitted = state.settings["fitted"]
        if simulation.command is not None:
            raise ValueError("expected no command in a model")
        if tuple(state.settings["columns"]) != schema.names:
            raise ValueError("expected the schema that the model was fitted with")
        if draws.ndim != 2 or not len(draws) or draws.shape[1] != len(simulation.parameters):
            raise ValueError("expected a number for every parameter")
        for place, prior in enumerate(simulation.parameters.values()):
            most = len(prior.values) - 1 if isinstance(prior, Choice) else np.inf
            least = 0 if isinstance(prior, Choice) else -np.inf
            inside = (draws[:, place] >= least) & (draws[:, place] <= most)
            if not (np.isfinite(draws[:, place]) & inside).all():
                raise ValueError("expected draws that the priors allow")
        if not all(isinstance(line, str) for line in fitted):
            raise ValueError("expected sentences")
        return SimulationModel(schema, simulation, draws, tuple(fitted))


@dataclass(frozen=True)
class SimulationModel:
    """Posterior draws of a simulator's parameters, and the simulator's name.

    Args:
        schema: the columns that `sample` returns.
        simulation: without a command.
        draws: shape (draws, parameters).
        fitted: sentences about the fit; none where nothing was fitted.
        runner: of whoever made the model; a model from a file has none.
    """

    source: ClassVar[str] = "simulated"

    schema: TableSchema
    simulation: Simulation
    draws: Floats
    fitted: tuple[str, ...] = ()
    runner: Runner | None = field(default=None, compare=False, repr=False)

    @property
    def reads_records(self) -> bool:
        """Whether aggregates of records are behind it."""
        return bool(self.fitted)

    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        """Draw n records: runs under several posterior draws, in a random order.

        Raises:
            ConditionError: a condition that no simulated record meets.
            DataError: a simulator that crashes, hangs, or writes too few records.
            UsageError: the simulator is not here.
        """
        simulator = self._simulator
        if given is None or not given.schema.names:
            return self._records(simulator, n, rng)
        if given.num_rows == 1 and n != 1:
            given = given.take(np.zeros(n, np.intp))
        return met(given, self.schema, lambda rows: self._records(simulator, rows, rng), rng)

    def odds(self, n: int, *, given: Table, rng: np.random.Generator) -> Odds:
        """How probable conditions are; see `protocol.Conditional`."""
        simulator = self._simulator
        return asked(given, self.schema, n, lambda rows: self._records(simulator, rows, rng))

    def levels(self, column: str) -> list[Any]:
        """The values of a categorical column that the schema names; none where it has numbers."""
        known = self.schema.field(column)
        if known.type == "boolean":
            return [False, True]
        return list(known.domain or ())

    def state(self) -> ModelState:
        """What a model file holds of it: no command, and no record."""
        body = self.simulation.model_dump(mode="json", exclude_none=True)
        settings = {"specification": body, "columns": list(self.schema.names)}
        return ModelState({**settings, "fitted": list(self.fitted)}, {"draws": self.draws})

    def describe(self) -> list[str]:
        """Sentences about what the model holds."""
        simulation = self.simulation
        lines = [] if simulation.title is None else [f"{simulation.title.rstrip('.')}."]
        lines.append(
            f"Records of the simulator {simulation.simulator!r}, which the model names and does "
            "not hold."
        )
        if not self.fitted:
            told = (f"{name}: {words(prior)}" for name, prior in simulation.parameters.items())
            lines.append(f"Not fitted; parameters as their priors have them. {'; '.join(told)}.")
        return [*lines, *self.fitted]

    @property
    def _simulator(self) -> _Simulator:
        run = declared_runner(self.simulation) if self.runner is None else self.runner
        return _Simulator(run, self.simulation, self.schema)

    def _records(self, simulator: _Simulator, n: int, rng: np.random.Generator) -> Table:
        runs = min(RUNS, n)
        some = self.draws[rng.integers(0, len(self.draws), runs)]
        sizes = np.full(runs, n // runs) + (np.arange(runs) < n % runs)
        seeds = rng.integers(0, _SEEDS, runs)
        tables = [
            simulator.records(draw, int(rows), int(seed)).data
            for draw, rows, seed in zip(some, sizes, seeds, strict=True)
        ]
        whole = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
        return Table(self.schema, whole.take(pa.array(rng.permutation(n))))


@dataclass(frozen=True)
class _Simulator:
    """A simulator whose tables are checked.

    Args:
        runner: runs it.
        simulation: its declaration.
        schema: what its tables must be.
    """

    runner: Runner
    simulation: Simulation
    schema: TableSchema

    def records(self, draw: Floats, rows: int, seed: int) -> Table:
        """So many records under these parameters; it is asked again for those that are lacking."""
        parameters = self._given(draw)
        columns, parts, left = _columns(self.schema), [], rows
        for attempt in range(TRIES):
            raw = self.runner.run(parameters, left, (seed + attempt) % _SEEDS)
            kept = [name for name in raw.column_names if name not in _beside(self.schema)]
            where = f"simulator {self.simulation.simulator!r}"
            part = Table.checked(raw.select(kept), columns, where=where)
            parts.append(part.data.slice(0, left))
            left -= len(parts[-1])
            if not left:
                whole = pa.concat_tables(parts).unify_dictionaries()
                return Table(columns, whole)
        raise DataError(
            f"simulator {self.simulation.simulator!r}", expected=f"{rows:,} records",
            got=f"{rows - left:,} in {TRIES} runs",
            remedy="let it write as many as it is asked for",
        )  # fmt: skip

    def _given(self, draw: Floats) -> Mapping[str, Value]:
        priors = self.simulation.parameters
        pairs = zip(priors.items(), draw, strict=True)
        return {name: given(prior, float(value)) for (name, prior), value in pairs}


def runner(simulation: Simulation) -> Runner:
    """What runs a simulator that its user declared.

    Raises:
        UsageError: it has no command, and no entry point has its name.
    """
    if simulation.command is not None:
        return Command(simulation.simulator, simulation.command, simulation.time_limit)
    if simulation.simulator not in registry.names("simulators"):
        raise UsageError(
            f"simulator {simulation.simulator!r}",
            expected="an installed entry point of the group tabsynth.simulators, or a command",
            got="neither", remedy=f"install it, or name a specification with its command in "
            f"{DECLARED}; see docs/simulation.md",
        )  # fmt: skip
    return EntryPoint(simulation.simulator, simulation.time_limit)


def declared_runner(simulation: Simulation) -> Runner:
    """What runs the simulator that a model names: what the person at the keyboard declares.

    Raises:
        SchemaError: the file that they name is no specification.
        UsageError: it is of another simulator, or there is nothing of that name.
    """
    path = os.environ.get(DECLARED)
    if not path:
        return runner(simulation)
    own = parse_as(Simulation, *read_body(path))
    if own.simulator != simulation.simulator:
        raise UsageError(
            DECLARED, expected=f"a specification of the simulator {simulation.simulator!r}",
            got="one of another", remedy="name the right file",
        )  # fmt: skip
    # what a model file says is filled into a command; so it must be what its user allows
    if own.parameters != simulation.parameters:
        raise UsageError(
            DECLARED, expected="the parameters and priors of the model", got="others",
            remedy="use the specification that the model was made with",
        )  # fmt: skip
    return runner(own)


def _columns(schema: TableSchema) -> TableSchema:
    return unconstrained(schema.modelled)


def _beside(schema: TableSchema) -> set[str]:
    """Columns that are invented or left out, which a simulator may write all the same."""
    return {field.name for field in schema.fields if not field.is_modelled}


def _told(simulation: Simulation, found: Posterior, names: list[str], rows: int) -> list[str]:
    """Sentences about a fit."""
    lines = [
        f"Parameters fitted to {len(names)} aggregates of the table by approximate Bayesian "
        f"computation, {simulation.simulations:,} runs of {rows:,} records.",
    ]
    for place, (name, prior) in enumerate(simulation.parameters.items()):
        draws, p = found.draws[:, place], found.calibration[name]
        if isinstance(prior, Choice):
            shares = np.bincount(draws.astype(int), minlength=len(prior.values)) / len(draws)
            shown = ", ".join(f"{v} {s:.0%}" for v, s in zip(prior.values, shares, strict=True))
        else:
            low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95])
            shown = f"{middle:.4g}, 90 % between {low:.4g} and {high:.4g}"
        lines.append(f"{name}: {shown}; prior {words(prior)}; calibration p {p:.2g}.")
    off = [n for n, p in found.calibration.items() if p < _LIKELY / len(found.calibration)]
    if off:
        lines.append(
            "Warning: simulation-based calibration fails for "
            f"{', '.join(off)}: intervals are too narrow, too wide or off; make more runs."
        )
    if found.beyond.any():
        some = [name for name, far in zip(names, found.beyond, strict=True) if far]
        lines.append(
            f"Warning: {len(some)} of {len(names)} aggregates of the table lie outside those of "
            f"all runs: {', '.join(some[:5])}{', ...' if len(some) > 5 else ''}; the simulator "
            "with these priors does not make such tables."
        )
    return lines
