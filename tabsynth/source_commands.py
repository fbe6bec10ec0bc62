"""The command that makes a model from a specification."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tabsynth.options import spare

Specification = Annotated[
    Path, typer.Argument(metavar="SPEC", readable=False, help="what to draw (.yaml or .json)")
]
OutModel = Annotated[Path, typer.Option("--out", "-o", readable=False, help="model file to write")]


def register(app: typer.Typer) -> None:
    """Add the command to those of tabsynth."""
    app.command()(simulate)


def simulate(specification: Specification, out: OutModel) -> None:
    """Make a model from a specification, without any data."""
    from tabsynth import simulated

    spare([out], specification)
    fitted = simulated.simulate(specification)
    fitted.save(out)
    for line in fitted.describe():
        typer.echo(line)
    typer.echo(f"wrote {out}")
