"""The commands under `tabsynth db`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tabsynth.commands.groups import Commands
from tabsynth.commands.options import (
    Delta,
    Epsilon,
    ForWhom,
    Junit,
    LedgerFile,
    OutDir,
    Param,
    PolicyFile,
    Seed,
    SourceId,
    Synthesizer,
    check_junit,
    finish,
    parameters,
    place_for_model,
    read_policy,
    refuse_budget_of_a_database,
    spare,
)
from tabsynth.errors import UsageError
from tabsynth.progress import Progress
from tabsynth.report_files import for_audience, save_report

if TYPE_CHECKING:
    from tabsynth.stores.protocol import Mode

db_app = typer.Typer(
    cls=Commands, help="Whole databases: their schemas and records.", no_args_is_help=True
)

Address = Annotated[
    str,
    typer.Argument(
        metavar="URL|DIR", help="a database URL, such as sqlite:///shop.db, or a folder of tables"
    ),
]

Package = Annotated[
    Path | None, typer.Option("--schema", readable=False, help="Data Package (.yaml or .json)")
]
Entity = Annotated[
    str | None,
    typer.Option(metavar="TABLE", help="the table of the people or things to protect"),
]
To = Annotated[str, typer.Option("--to", metavar="URL|DIR", help="database or folder to fill")]
Create = Annotated[bool, typer.Option("--create", help="make the tables (default)")]
Append = Annotated[bool, typer.Option("--append", help="add to tables that are there")]
Replace = Annotated[bool, typer.Option("--replace", help="put new tables in the place of old ones")]


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
    from tabsynth.schema.files import is_json
    from tabsynth.stores.address import open_store
    from tabsynth.stores.place import file_of

    spare([out], file_of(address))
    as_json = is_json(out)
    check_place(out)
    with open_store(address).snapshot() as store:
        schema = store.reflect()
        if infer:
            schema = completed(schema, read_tables(store, schema))
    write_text(out, dump_database_schema(schema, as_json=as_json))
    for name, table in schema.tables.items():
        for note in table.tabsynth.notes:
            typer.echo(f"note: table {name!r}: {note}")
    keys = sum(len(found) for found in schema.foreign_keys.values())
    typer.echo(f"wrote {out}: {len(schema.tables)} tables, {keys} foreign keys")


@db_app.command(name="fit")
def db_fit(
    context: typer.Context,
    address: Address,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            readable=False,
            help="model file to write; needed unless --dry-run is given",
        ),
    ] = None,
    schema: Package = None,
    entity: Entity = None,
    synthesizer: Synthesizer = "auto",
    param: Param = [],  # noqa: B006 - typer reads the default, nobody changes it
    seed: Seed = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only say what the fit would cost and do")
    ] = False,
    epsilon: Epsilon = None,
    delta: Delta = None,
    ledger: LedgerFile = None,
    source_id: SourceId = None,
) -> None:
    """Learn a model of a whole database: every table given its parents, and the keys between them.

    There is no privacy budget for databases yet: --epsilon is refused.
    """
    refuse_budget_of_a_database(epsilon=epsilon, delta=delta, ledger=ledger, source_id=source_id)
    from tabsynth import database_workflow as workflow
    from tabsynth.io.atomic import check_place
    from tabsynth.relations.preflight import check_synthesizer, plan_database
    from tabsynth.stores.address import open_store
    from tabsynth.stores.place import file_of

    progress, given = _progress(context), parameters(param)
    check_synthesizer(synthesizer, given)
    if not dry_run:
        out = place_for_model(out)
        spare([out], file_of(address), schema)
        check_place(out)
    database = workflow.read_database(open_store(address), _package(schema), say=progress.say)
    if dry_run or out is None:
        before = plan_database(database, synthesizer, given)
        for line in before.lines(database):
            typer.echo(line)
        before.require_room()
        return
    fitted = workflow.fit_database(
        database, synthesizer=synthesizer, parameters=given, entity=entity, seed=seed,
        say=progress.say,
    )  # fmt: skip
    fitted.save(out)
    typer.echo(f"wrote {out}")


@db_app.command(name="sample")
def db_sample(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(readable=False, help="model file of a database")],
    to: To,
    scale: Annotated[
        float, typer.Option(help="how many times as many records as in the source")
    ] = 1.0,
    seed: Seed = None,
    create: Create = False,
    append: Append = False,
    replace: Replace = False,
    ddl: Annotated[
        Path | None,
        typer.Option("--ddl", readable=False, help="where to write the SQL of the tables as well"),
    ] = None,
) -> None:
    """Draw a synthetic database from a model, and load it with its keys and rules on."""
    from tabsynth import database_workflow as workflow
    from tabsynth.io.atomic import check_place
    from tabsynth.relations.fitted import load_database_model
    from tabsynth.stores.address import open_store
    from tabsynth.stores.place import file_of

    progress = _progress(context)
    mode = _mode(create=create, append=append, replace=replace)
    outputs = [file for file in (ddl, file_of(to)) if file is not None]
    spare(outputs, model, option="--to")
    store, fitted = open_store(to), load_database_model(model)
    if ddl is not None:
        spare([ddl], file_of(to), option="--ddl")
        workflow.statements_for(store, fitted.schema)
        check_place(ddl)
    workflow.require_takes(store, fitted.schema, mode)
    progress.say("sampling")
    written = workflow.write_database(
        store, workflow.sample_database(fitted, scale, seed=seed), mode=mode, ddl_file=ddl,
        seed=seed, say=progress.say,
    )  # fmt: skip
    _say_written(written)
    if ddl is not None:
        typer.echo(f"wrote {ddl}")


@db_app.command(name="copy-safe")
def db_copy_safe(
    context: typer.Context,
    address: Address,
    to: To,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", readable=False, help="directory for the report and the model"),
    ] = None,
    schema: Package = None,
    entity: Entity = None,
    synthesizer: Synthesizer = "auto",
    param: Param = [],  # noqa: B006
    policy: PolicyFile = None,
    audience: ForWhom = "internal",
    junit: Junit = None,
    write_if: Annotated[
        Literal["passed", "not-failed", "always"],
        typer.Option("--write-if", help="the verdicts with which the copy is written"),
    ] = "not-failed",
    create: Create = False,
    replace: Replace = False,
    seed: Seed = None,
    epsilon: Epsilon = None,
    delta: Delta = None,
    ledger: LedgerFile = None,
    source_id: SourceId = None,
) -> None:
    """Fit, sample and evaluate a database in one: a private one in, a synthetic one out, judged.

    A fifth of the people, with all that hangs from them, is kept apart from the fit to judge the
    copy. A copy that fails is not written, unless --write-if says so.
    """
    refuse_budget_of_a_database(epsilon=epsilon, delta=delta, ledger=ledger, source_id=source_id)
    from tabsynth import copying
    from tabsynth.io.atomic import check_directory, check_place
    from tabsynth.stores.address import open_store
    from tabsynth.stores.place import file_of, shown

    progress = _progress(context)
    mode = _mode(create=create, append=False, replace=replace)
    files = [file_of(address), file_of(to)]
    if out is not None:
        spare([out / name for name in copying.RESULTS], *files, schema, policy)
        check_directory(out, copying.RESULTS)
    if junit is not None:
        spare([junit], *files, schema, policy, option="--junit")
        if out is None or junit.parent.resolve() != out.resolve():
            check_place(junit)
    copied = copying.copy_safe(
        open_store(address), open_store(to), schema=_package(schema), entity=entity,
        synthesizer=synthesizer, parameters=parameters(param), out=out,
        policy=read_policy(policy), audience=audience, mode=mode, write_if=write_if, seed=seed,
        say=progress.say,
    )  # fmt: skip
    if copied.written is None:
        typer.echo(f"nothing was written to {shown(to)}; --write-if says with which verdicts it is")
    else:
        _say_written(copied.written)
    typer.echo(f"judged by each of {copied.report.provenance['entity']}, with all of theirs")
    finish(copied.report, out, junit)


@db_app.command(name="mock")
def db_mock(
    schema: Annotated[Path, typer.Argument(readable=False, help="Data Package of the tables")],
    to: To,
    rows: Annotated[
        list[str],
        typer.Option(metavar="TABLE=N", help="records of a table; others follow by their keys"),
    ],
    model: Annotated[
        list[str],
        typer.Option(metavar="TABLE=MODEL", help="model file of one table, to draw its columns"),
    ] = [],  # noqa: B006
    seed: Annotated[int, typer.Option(min=0, help="same seed, same database")] = 0,
    create: Create = False,
    append: Append = False,
    replace: Replace = False,
    edge_cases: Annotated[
        bool,
        typer.Option("--edge-cases", help="add records at the edges of what the schema allows"),
    ] = False,
    edge_cases_file: Annotated[
        Path | None,
        typer.Option("--edge-cases-file", readable=False, help="what is special in these records"),
    ] = None,
) -> None:
    """Fill a test database from a schema alone: no record is read.

    A --model, of a specification (`tabsynth simulate`) or fitted, draws the columns of a table that
    are no keys and not invented.
    """
    from tabsynth.database_workflow import append_mock
    from tabsynth.io.atomic import check_place
    from tabsynth.mock.writing import parse_rows, write_mock
    from tabsynth.modelfile import load
    from tabsynth.schema.database import load_database_schema
    from tabsynth.stores.address import open_store
    from tabsynth.stores.place import is_url

    mode = _mode(create=create, append=append, replace=replace)
    place = edge_cases_file
    if place is None and edge_cases:
        place = Path("edge-cases.csv" if is_url(to) else f"{to.rstrip('/')}.edge-cases.csv")
    if place is not None:
        spare([place], schema, option="--edge-cases-file")
        check_place(place)
    asked, wanted = parse_rows(rows), load_database_schema(schema)
    files = parameters(model, option="--model", example="orders=orders.tabsynth")
    models = {table: load(path) for table, path in files.items()}
    store = open_store(to)
    if mode == "append" and place is None:
        written = append_mock(store, wanted, asked, seed=seed, models=models)
    else:
        written = write_mock(
            store, wanted, asked, seed=seed, edge_cases_file=place, models=models, mode=mode
        )
    _say_written(written)
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
    schema: Package = None,
    entity: Entity = None,
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
    from tabsynth.stores.address import open_store
    from tabsynth.stores.place import file_of

    progress = _progress(context)
    check_directory(out, workflow.REPORTS)
    files = [file_of(address) for address in (train, synthetic, holdout) if address]
    check_junit(junit, out, *files, schema, policy)
    accepted = read_policy(policy)
    declared = _package(schema)
    progress.say("reading")
    real = read_database(open_store(train), declared, say=progress.say)
    report = evaluate_database(
        real,
        Found.of(read_found(open_store(synthetic), real.schema), real.schema),
        holdout=read_database(open_store(holdout), real.schema) if holdout else None,
        entity=entity, policy=accepted, seed=seed, say=progress.say,
    )  # fmt: skip
    entities = real.schema.tables[report.provenance["entity"]]
    shown = for_audience(report, audience, entities)
    save_report(shown, out)
    finish(shown, out, junit)


def _progress(context: typer.Context) -> Progress:
    return Progress(quiet=bool(context.find_root().params.get("quiet")))


def _package(schema: Path | None) -> Any:
    """The Data Package in a file, None without one."""
    from tabsynth.schema.database import load_database_schema

    return None if schema is None else load_database_schema(schema)


def _mode(*, create: bool, append: bool, replace: bool) -> Mode:
    """What to do with tables that are there.

    Raises:
        UsageError: more than one thing is asked for.
    """
    if create + append + replace > 1:
        raise UsageError("--create", expected="one of --create, --append and --replace",
                         got="several", remedy="give one of them")  # fmt: skip
    return "append" if append else "replace" if replace else "create"


def _say_written(written: Any) -> None:
    for name, number in written.items():
        typer.echo(f"{name}: {number:,} records")
