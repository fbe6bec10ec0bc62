"""Models that are made from a specification: of columns, or of a simulator and what it is like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from tabsynth.constraints.plan import Plan, without_places
from tabsynth.errors import SchemaError, UsageError
from tabsynth.modelfile import Fitted
from tabsynth.schema.infer import infer
from tabsynth.schema.model import TableSchema
from tabsynth.sources.procedural import Procedural
from tabsynth.sources.reading import parse_as, read_body
from tabsynth.sources.simulation import Simulated, runner
from tabsynth.sources.simulators import Simulation
from tabsynth.sources.specification import Specification
from tabsynth.synthesizers.margins import two_digits
from tabsynth.table import Table

# records drawn before a model is handed out, so that what is wrong in it shows now
TRIED: Final = 1000

Say = Callable[[str], object]


def simulate(
    specification: Specification | Simulation | dict[str, Any] | str | Path,
    table: Table | None = None,
    *,
    schema: TableSchema | None = None,
    seed: int | None = None,
    say: Say = lambda _: None,
) -> Fitted:
    """A model from a specification: its file, or what would stand in it.

    Args:
        specification: of the kind `procedural` or `simulation`.
        table: real records, to whose aggregates a simulator's parameters are fitted; without
            them the parameters are as their priors have them.
        schema: what a simulator's tables are, where there is no `table`; inferred when left out.
        seed: of a simulator's fit; by default a fresh one.
        say: called with a line on how a fit gets on.

    Returns:
        A model like any other, for `sample`, `evaluate` and the rest.

    Raises:
        SchemaError: it is none, its columns depend on each other in a circle, or an expression or
            a constraint makes no sense.
        DataError: distributions with parameters that are none, constraints that hardly any record
            keeps, or a simulator that crashes, hangs, or writes another table.
        UsageError: a table or schema for what needs none, or a simulator that is not here.

    Privacy: with a table, not differentially private; reads aggregates of it.
    """
    read = _read(specification)
    if isinstance(read, Specification):
        if table is not None or schema is not None:
            raise UsageError(
                "--fit-to", expected="a specification with source: simulation",
                got="a procedural one, which needs no table and no schema", remedy="leave it out",
            )  # fmt: skip
        return _tried(_procedural(read))
    rng = np.random.default_rng(seed)
    return _tried(_unfitted(read, schema, rng) if table is None else _fit(read, table, rng, say))


def _read(
    specification: Specification | Simulation | dict[str, Any] | str | Path,
) -> Specification | Simulation:
    if isinstance(specification, (Specification, Simulation)):
        return specification
    body, where = (
        (specification, "specification")
        if isinstance(specification, dict)
        else read_body(specification)
    )
    if body.get("source") == "simulation":
        return parse_as(Simulation, body, where)
    if body.get("source") != "procedural":
        raise SchemaError(
            f"{where}: source", expected="procedural or simulation", got="something else",
            remedy="see docs/simulation.md",
        )  # fmt: skip
    return parse_as(Specification, body, where)


def _procedural(specification: Specification) -> Fitted:
    schema = specification.schema_of_table
    Plan.redrawn(schema)
    return Fitted(
        model=Procedural(specification).model(), schema=schema,
        synthesizer=Procedural.name, default_rows=specification.rows,
    )  # fmt: skip


def _unfitted(
    simulation: Simulation, schema: TableSchema | None, rng: np.random.Generator
) -> Fitted:
    maker = Simulated(simulation)
    if schema is None:
        schema = infer(maker.trial(TRIED, rng=rng))
    _require_plain(schema)
    return Fitted(
        model=maker.unfitted(schema, rng=rng), schema=schema, synthesizer=Simulated.name,
        default_rows=simulation.rows,
    )  # fmt: skip


def _fit(simulation: Simulation, table: Table, rng: np.random.Generator, say: Say) -> Fitted:
    runner(simulation)
    table, apart = without_places(table)
    _require_plain(table.schema)
    return Fitted(
        model=Simulated(simulation).fit(table.modelled, rng=rng, say=say), schema=table.schema,
        synthesizer=Simulated.name, default_rows=two_digits(table.num_rows), notes=apart,
    )  # fmt: skip


def _require_plain(schema: TableSchema) -> None:
    Plan.redrawn(schema)
    for field in schema.fields:
        if field.writes_text:
            raise SchemaError(
                f"column {field.name!r}", expected="free_text: replace or drop beside a simulator",
                got="a text that would have to be learnt", remedy="change the schema",
            )  # fmt: skip


def _tried(fitted: Fitted) -> Fitted:
    fitted.draw(min(TRIED, fitted.default_rows), rng=np.random.default_rng(0))
    return fitted
