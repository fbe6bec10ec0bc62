"""The commands under `tabsynth schema`: propose, check and convert table schemas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tabsynth.commands.groups import Commands
from tabsynth.commands.options import Data, SchemaFile, read_schema, spare
from tabsynth.errors import DataError, TabsynthError, UsageError
from tabsynth.stores.place import Place

schema_app = typer.Typer(
    cls=Commands, help="Propose, check and convert table schemas.", no_args_is_help=True
)


@schema_app.command(name="infer")
def schema_infer(
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", readable=False, help="schema file to write")],
    constraints: Annotated[
        bool, typer.Option("--constraints", help="propose rules between columns as well")
    ] = False,
) -> None:
    """Propose a schema from records, marking the facts that were read from them."""
    from tabsynth import workflow
    from tabsynth.io.atomic import write_text
    from tabsynth.schema.files import dump_schema, is_json

    spare([out], data)
    as_json = is_json(out)
    schema = workflow.described(data, constraints=constraints)
    write_text(out, dump_schema(schema, as_json=as_json))
    for note in schema.tabsynth.notes:
        typer.echo(f"note: {note}")
    typer.echo(f"wrote {out}; read it before you rely on it")


@schema_app.command(name="check")
def schema_check(
    schema: Annotated[Path, typer.Argument(readable=False, help="schema file")],
    data: Annotated[
        Place | None,
        typer.Argument(parser=Place, metavar="DATA", help="table to check against it"),
    ] = None,
) -> None:
    """Validate a schema and, with data, list every violation by column."""
    from tabsynth.constraints.feasibility import check_feasible
    from tabsynth.constraints.training import violations as constraint_violations
    from tabsynth.schema.check import check
    from tabsynth.schema.files import load_schema
    from tabsynth.stores.tables import read_data
    from tabsynth.table import Table

    wanted = load_schema(schema)
    check_feasible(wanted)
    if data is None:
        typer.echo(f"{schema}: a valid schema of {len(wanted.fields)} columns")
        return
    records, violations = check(read_data(data), wanted)
    violations += constraint_violations(Table(wanted, records))
    for violation in violations:
        typer.echo(violation.sentence())
    if violations:
        raise _broken(data, len(violations))
    typer.echo(f"{data}: keeps the schema")


@schema_app.command(name="scan")
def schema_scan(data: Data, schema: SchemaFile = None) -> None:
    """Say what kinds of personal data the free texts of a table hold, and in how many of them.

    Kinds and counts, never values. What is found by its form or as a known name is counted; a text
    in which nothing is found may still be about somebody.
    """
    from tabsynth import workflow
    from tabsynth.wording.learn import personal_data

    table = workflow.read_table(data, read_schema(schema))
    found = personal_data(table)
    if not found:
        typer.echo(f"{data}: no column of free text")
    for column, kinds in found.items():
        said = ", ".join(f"{kind} in {n:,}" for kind, n in kinds.items()) or "nothing found"
        typer.echo(f"{column}: {table.num_rows:,} records; {said}")


@schema_app.command(name="convert")
def schema_convert(
    source: Annotated[
        Path,
        typer.Argument(metavar="IN", readable=False, help="schema, SDV metadata or Data Package"),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", readable=False, help="file to write")],
    to: Annotated[
        str, typer.Option(help="tabsynth, sdv or datapackage; by default OUT's name tells")
    ] = "auto",
    table: Annotated[str | None, typer.Option(help="which table, where IN holds several")] = None,
) -> None:
    """Convert between our schema, SDV metadata and a plain Data Package.

    Without --to, a .yaml file is our schema, a .json file with "package" in its name is a Data
    Package, and any other .json file is SDV metadata.
    """
    from tabsynth.io.atomic import write_text
    from tabsynth.schema.convert import convert, kind_of_file
    from tabsynth.schema.files import is_json, read_text

    spare([out], source)
    as_json = is_json(out)
    kind: Any = kind_of_file(out) if to == "auto" else to
    if kind not in ("tabsynth", "sdv", "datapackage"):
        raise UsageError(
            "--to",
            expected="tabsynth, sdv or datapackage",
            got=repr(to),
            remedy="name one of them",
        )
    text = read_text(source, source.name)
    write_text(out, convert(text, to=kind, table=table, where=source.name, as_json=as_json))
    typer.echo(f"wrote {out}")


def _broken(data: Place, kinds: int) -> TabsynthError:
    return DataError(
        str(data),
        expected="records that keep the schema",
        got=f"{kinds} {'kind' if kinds == 1 else 'kinds'} of violations",
        remedy="correct the data or the schema",
    )
