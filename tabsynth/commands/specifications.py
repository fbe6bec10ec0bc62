"""The command that makes a model from a specification."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tabsynth.commands.options import SchemaFile, Seed, read_schema, read_table, spare
from tabsynth.stores.place import Place

Specification = Annotated[
    Path, typer.Argument(metavar="SPEC", readable=False, help="what to draw (.yaml or .json)")
]
OutModel = Annotated[Path, typer.Option("--out", "-o", readable=False, help="model file to write")]


FitTo = Annotated[
    Place | None,
    typer.Option(
        "--fit-to",
        parser=Place,
        metavar="DATA",
        help="real records, to whose aggregates a simulator's parameters are fitted",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to those of tabsynth."""
    app.command()(simulate)


def simulate(
    context: typer.Context,
    specification: Specification,
    out: OutModel,
    fit_to: FitTo = None,
    schema: SchemaFile = None,
    seed: Seed = None,
) -> None:
    """Make a model from a specification: of columns, without any data, or of a simulator.

    A specification of a simulator may name a command, which is run. With --fit-to its parameters
    are fitted to aggregates of a table.
    """
    from tabsynth import simulated
    from tabsynth.progress import Progress

    progress = Progress(quiet=bool(context.find_root().params.get("quiet")))
    spare([out], specification, fit_to, schema)
    table = None if fit_to is None else read_table(fit_to, schema, progress)
    fitted = simulated.simulate(
        specification, table, schema=None if table is not None else read_schema(schema),
        seed=seed, say=progress.say,
    )  # fmt: skip
    fitted.save(out)
    for line in fitted.describe():
        typer.echo(line)
    typer.echo(f"wrote {out}")
