"""The commands under `tabsynth db`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tabsynth.options import (
    ForWhom,
    Junit,
    OutDir,
    PolicyFile,
    Seed,
    check_junit,
    finish,
    read_policy,
    spare,
)
from tabsynth.progress import Progress

db_app = typer.Typer(help="Whole databases: their schemas and records.", no_args_is_help=True)

Address = Annotated[
    str,
    typer.Argument(
        metavar="URL|DIR", help="a database URL, such as sqlite:///shop.db, or a folder of tables"
    ),
]


@db_app.command(name="schema")
def db_schema(
    address: Address,
    out: Annotated[Path, typer.Option("--out", "-o", readable=False, help="Data Package to write")],
    infer: Annotated[
        bool,
        typer.Option(
            "--infer", help="read the records as well, for what the database does not declare"
        ),
    ] = False,
) -> None:
    """Write down the tables, types, keys and rules that a database declares.

    No record is read, unless it is a folder without a Data Package or --infer is given. What was
    read from records is marked in the file.
    """
    from tabsynth.database_workflow import completed, read_tables
    from tabsynth.io.atomic import check_place, write_text
    from tabsynth.schema.database import dump_database_schema
    from tabsynth.stores.address import open_store
    from tabsynth.stores.place import file_of

    spare([out], file_of(address))
    check_place(out)
    with open_store(address).snapshot() as store:
        schema = store.reflect()
        if infer:
            schema = completed(schema, read_tables(store, schema))
    write_text(out, dump_database_schema(schema, as_json=out.suffix.lower() == ".json"))
    for name, table in schema.tables.items():
        for note in table.tabsynth.notes:
            typer.echo(f"note: table {name!r}: {note}")
    keys = sum(len(found) for found in schema.foreign_keys.values())
    typer.echo(f"wrote {out}: {len(schema.tables)} tables, {keys} foreign keys")


@db_app.command(name="mock")
def db_mock(
    schema: Annotated[Path, typer.Argument(readable=False, help="Data Package of the tables")],
    to: Annotated[str, typer.Option("--to", metavar="URL|DIR", help="database or folder to fill")],
    rows: Annotated[
        list[str],
        typer.Option(metavar="TABLE=N", help="records of a table; others follow by their keys"),
    ],
    seed: Annotated[int, typer.Option(min=0, help="same seed, same database")] = 0,
    create: Annotated[bool, typer.Option("--create", help="make the tables (default)")] = False,
    append: Annotated[bool, typer.Option("--append", help="add to tables that are there")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="put new tables in the place of old ones")
    ] = False,
    edge_cases: Annotated[
        bool,
        typer.Option("--edge-cases", help="add records at the edges of what the schema allows"),
    ] = False,
    edge_cases_file: Annotated[
        Path | None,
        typer.Option("--edge-cases-file", readable=False, help="what is special in these records"),
    ] = None,
) -> None:
    """Fill a test database from a schema alone: no record is read."""
    from tabsynth.errors import UsageError
    from tabsynth.io.atomic import check_place
    from tabsynth.mock.writing import parse_rows, write_mock
    from tabsynth.schema.database import load_database_schema
    from tabsynth.stores.address import open_store
    from tabsynth.stores.place import is_url

    if create + append + replace > 1:
        raise UsageError("--create", expected="one of --create, --append and --replace",
                         got="several", remedy="give one of them")  # fmt: skip
    place = edge_cases_file
    if place is None and edge_cases:
        place = Path("edge-cases.csv" if is_url(to) else f"{to.rstrip('/')}.edge-cases.csv")
    if place is not None:
        spare([place], schema, option="--edge-cases-file")
        check_place(place)
    asked, wanted = parse_rows(rows), load_database_schema(schema)
    store = open_store(to)
    written = write_mock(
        store, wanted, asked, seed=seed, edge_cases_file=place,
        mode="append" if append else "replace" if replace else "create",
    )  # fmt: skip
    for name, number in written.items():
        typer.echo(f"{name}: {number:,} records")
    if place is not None:
        typer.echo(f"wrote {place}: what is special in single records")


@db_app.command(name="evaluate")
def db_evaluate(
    context: typer.Context,
    train: Annotated[
        str, typer.Option(metavar="URL|DIR", help="the real database that was fitted")
    ],
    synthetic: Annotated[str, typer.Option(metavar="URL|DIR", help="the synthetic database")],
    out: OutDir,
    holdout: Annotated[
        str | None,
        typer.Option(metavar="URL|DIR", help="real people, with all of theirs, that no fit saw"),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option("--schema", readable=False, help="Data Package (.yaml or .json)"),
    ] = None,
    entity: Annotated[
        str | None,
        typer.Option(metavar="TABLE", help="the table of the people or things to protect"),
    ] = None,
    policy: PolicyFile = None,
    audience: ForWhom = "internal",
    junit: Junit = None,
    seed: Seed = None,
) -> None:
    """Judge a synthetic database against real ones: entities, relations, and tables.

    Attacks are made on entities, each with all that hangs from it; they need a --holdout.
    """
    from tabsynth import workflow
    from tabsynth.database_workflow import read_database, read_found
    from tabsynth.io.atomic import check_directory
    from tabsynth.relational.evaluation import Found, evaluate_database
    from tabsynth.schema.database import load_database_schema
    from tabsynth.stores.address import open_store
    from tabsynth.stores.place import file_of

    progress = Progress(quiet=bool(context.find_root().params.get("quiet")))
    check_directory(out, workflow.REPORTS)
    files = [file_of(address) for address in (train, synthetic, holdout) if address]
    check_junit(junit, out, *files, schema, policy)
    accepted = read_policy(policy)
    declared = None if schema is None else load_database_schema(schema)
    progress.say("reading")
    real = read_database(open_store(train), declared, say=progress.say)
    report = evaluate_database(
        real,
        Found.of(read_found(open_store(synthetic), real.schema), real.schema),
        holdout=read_database(open_store(holdout), real.schema) if holdout else None,
        entity=entity, policy=accepted, seed=seed, say=progress.say,
    )  # fmt: skip
    entities = real.schema.tables[report.provenance["entity"]]
    shown = workflow.for_audience(report, audience, entities)
    workflow.save_report(shown, out)
    finish(shown, out, junit)
