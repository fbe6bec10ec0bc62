"""The commands: options in, calls of the workflow, lines and exit codes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tabsynth import __version__, registry
from tabsynth.commands import budgets, specifications, training
from tabsynth.commands.databases import db_app
from tabsynth.commands.groups import Commands
from tabsynth.commands.options import (
    Data,
    Deep,
    Delta,
    Discover,
    Epsilon,
    ForWhom,
    Holdout,
    Junit,
    Later,
    LedgerFile,
    OutDir,
    OutTable,
    Param,
    PolicyFile,
    Private,
    PrivateReport,
    Protected,
    Rows,
    SchemaFile,
    Seed,
    SourceId,
    Strata,
    Strip,
    Synthesizer,
    Synthetic,
    Target,
    Text,
    Train,
    check_junit,
    finish,
    parameters,
    place_for_model,
    read_policy,
    read_schema,
    read_table,
    refuse_alone,
    refuse_budget,
    required,
    say_kept,
    spare,
    spend_of,
)
from tabsynth.commands.schemas import schema_app
from tabsynth.errors import UsageError, unknown
from tabsynth.io.atomic import check_directory
from tabsynth.progress import Progress
from tabsynth.report_files import for_audience, save_report

app = typer.Typer(
    name="tabsynth",
    cls=Commands,
    help="Synthetic tables from private ones, with a truthful verdict attached.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(schema_app, name="schema")
app.add_typer(db_app, name="db")
app.add_typer(budgets.ledger_app, name="ledger")

_quiet = False


def _version(show: bool) -> None:
    if show:
        typer.echo(f"tabsynth {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="show the version")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress on stderr")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """--quiet and --debug may stand anywhere in a command."""
    global _quiet  # noqa: PLW0603 - one process runs one command
    _quiet = quiet


@app.command()
def demo(out: OutDir = Path("tabsynth-demo")) -> None:
    """Run the whole line on a real survey table that comes with a dependency."""
    from tabsynth.demo import demo as run_demo

    progress = Progress(quiet=_quiet)
    report = run_demo(out, say=progress.say)
    typer.echo(f"verdict: {report.verdict}")
    for reason in report.reasons:
        typer.echo(f"  {reason}")
    for path in sorted(out.iterdir()):
        typer.echo(f"wrote {path}")
    typer.echo(f"open {out / 'report.html'} in a browser")


@app.command()
def run(
    data: Data,
    out: OutDir,
    schema: SchemaFile = None,
    synthesizer: Synthesizer = "auto",
    param: Param = [],  # noqa: B006 - typer reads the default, nobody changes it
    rows: Rows = None,
    text: Text = [],  # noqa: B006
    target: Target = None,
    protected: Protected = [],  # noqa: B006
    strata: Strata = [],  # noqa: B006
    policy: PolicyFile = None,
    deep: Deep = False,
    audience: ForWhom = "internal",
    junit: Junit = None,
    seed: Seed = None,
    epsilon: Epsilon = None,
    delta: Delta = None,
    ledger: LedgerFile = None,
    source_id: SourceId = None,
    discover: Discover = [],  # noqa: B006
    with_private_report: PrivateReport = False,
) -> None:
    """Fit, sample and evaluate: a private table in; a synthetic one, a model and a report out.

    With --epsilon the table and the model are differentially private, and nothing is measured on
    real records unless --with-private-report asks for it.
    """
    spend = spend_of(synthesizer, epsilon=epsilon, delta=delta, ledger=ledger,
                     source_id=source_id, discover=discover, text=text)  # fmt: skip
    if spend is not None:
        report = budgets.run(
            data, out, spend=spend, schema=schema, synthesizer=synthesizer,
            given=parameters(param), rows=rows, policy=policy, deep=deep, junit=junit, seed=seed,
            report={"target": target, "protected": protected, "strata": strata,
                    "audience": audience},
            with_private_report=with_private_report, progress=Progress(quiet=_quiet),
        )  # fmt: skip
        return finish(report, out, junit, private=with_private_report)
    if with_private_report:
        raise UsageError("--with-private-report", expected="--epsilon beside it", got="none",
                         remedy="leave it out; without a budget every report is one")  # fmt: skip
    from tabsynth import choice, workflow
    from tabsynth.wording.learn import require_endpoint

    progress = Progress(quiet=_quiet)
    choice.configure(choice.resolve(synthesizer, parameters(param)), parameters(param))
    spare([out / name for name in workflow.RESULTS], data, schema, policy)
    check_directory(out, workflow.RESULTS)
    check_junit(junit, out, data, schema, policy)
    accepted = read_policy(policy)
    table = read_table(data, schema, progress, text)
    require_endpoint(table.schema)
    report = workflow.run(
        table, out, synthesizer=synthesizer, parameters=parameters(param), n=rows,
        target=target, protected=protected, strata=strata, policy=accepted, deep=deep,
        audience=audience, seed=seed, say=progress.say,
    )  # fmt: skip
    return finish(for_audience(report, audience, table.schema), out, junit)


@app.command()
def fit(
    data: Data,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            readable=False,
            help="model file to write; needed unless --dry-run is given",
        ),
    ] = None,
    schema: SchemaFile = None,
    synthesizer: Synthesizer = "auto",
    param: Param = [],  # noqa: B006
    text: Text = [],  # noqa: B006
    seed: Seed = None,
    strip: Strip = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only say what the fit would cost and do")
    ] = False,
    epsilon: Epsilon = None,
    delta: Delta = None,
    ledger: LedgerFile = None,
    source_id: SourceId = None,
    discover: Discover = [],  # noqa: B006
) -> None:
    """Learn a model of a private table; with --epsilon, under differential privacy."""
    progress, given = Progress(quiet=_quiet), parameters(param)
    spend = spend_of(synthesizer, epsilon=epsilon, delta=delta, ledger=ledger,
                     source_id=source_id, discover=discover, text=text)  # fmt: skip
    if spend is not None:
        budgets.fit(
            data, out, spend=spend, schema=schema, synthesizer=synthesizer, given=given,
            strip=strip, dry_run=dry_run, progress=progress,
        )  # fmt: skip
        return
    from tabsynth import choice, workflow

    choice.configure(choice.resolve(synthesizer, given), given)
    if dry_run:
        table = read_table(data, schema, progress, text)
        _, before = workflow.plan(table, synthesizer, given)
        for line in before.lines(table):
            typer.echo(line)
        before.require_room()
        return
    out = place_for_model(out)
    spare([out], data, schema)
    table = read_table(data, schema, progress, text)
    fitted = workflow.fit(
        table, synthesizer=synthesizer, parameters=given, seed=seed, say=progress.say
    )
    fitted.save(out, strip=strip)
    say_kept(fitted, strip=strip, progress=progress)
    typer.echo(f"wrote {out}")


@app.command()
def sample(
    model: Annotated[Path, typer.Argument(readable=False, help="model file")],
    out: OutTable,
    rows: Rows = None,
    seed: Seed = None,
    given: Annotated[
        list[str], typer.Option(metavar="COL=VALUE ...", help="a condition every record meets")
    ] = [],  # noqa: B006
    given_file: Annotated[
        Path | None, typer.Option(readable=False, help="a table of conditions, one record each")
    ] = None,
    balance: Annotated[
        list[str], typer.Option(metavar="COL ...", help="every value of it in as many records")
    ] = [],  # noqa: B006
    shares: Annotated[
        list[str], typer.Option(metavar="COL=VALUE:SHARE,...", help="values in these shares")
    ] = [],  # noqa: B006
    workers: Annotated[int | None, typer.Option(min=1, help="threads")] = None,
) -> None:
    """Draw a synthetic table from a model."""
    from tabsynth import conditions, modelfile, quotas, sampler
    from tabsynth.io.read import read_raw

    if given and given_file:
        raise UsageError("--given", expected="--given or --given-file", got="both",
                         remedy="put all conditions into the file")  # fmt: skip
    spare([out], model, given_file)
    fitted = modelfile.load(model)
    wanted = None
    if given:
        wanted = conditions.from_texts(given, fitted.schema)
    elif given_file:
        wanted = conditions.as_given(read_raw(given_file), fitted.schema)
    targets = quotas.shares_from_texts(balance, shares, fitted.schema)
    total = sampler.rows_to_draw(fitted, rows, wanted)
    lines = Progress(quiet=_quiet)
    with lines.count("sampling", total) as progress:
        sampler.sample_to(out, fitted, total, seed=seed, given=wanted, shares=targets,
                          workers=workers, progress=progress, say=lines.say)  # fmt: skip
    typer.echo(f"wrote {total:,} records to {out}")


@app.command()
def evaluate(
    synthetic: Synthetic,
    out: OutDir,
    train: Train = None,
    holdout: Holdout = None,
    schema: SchemaFile = None,
    model: Annotated[
        Path | None,
        typer.Option(readable=False, help="what made it: intervals cover further draws of it"),
    ] = None,
    target: Target = None,
    protected: Protected = [],  # noqa: B006
    strata: Strata = [],  # noqa: B006
    policy: PolicyFile = None,
    deep: Deep = False,
    deep_record: Annotated[
        list[int], typer.Option(metavar="N", help="a training record to attack, counted from 0")
    ] = [],  # noqa: B006
    audience: ForWhom = "internal",
    junit: Junit = None,
    seed: Seed = None,
    private: Private = False,
    epsilon: Epsilon = None,
    delta: Delta = None,
    ledger: LedgerFile = None,
    source_id: SourceId = None,
) -> None:
    """Judge a synthetic table against real records; with --private, under a privacy budget."""
    from tabsynth import modelfile, workflow
    from tabsynth.stores.tables import read_data

    progress = Progress(quiet=_quiet)
    if private:
        beside = {"--model": model, "--protected": protected, "--strata": strata,
                  "--policy": policy, "--deep": deep, "--deep-record": deep_record}  # fmt: skip
        report = budgets.evaluate(
            synthetic, out, train=train, holdout=holdout, schema=schema, target=target,
            junit=junit, seed=seed, beside=beside, progress=progress, epsilon=epsilon,
            delta=delta, ledger=ledger, source_id=source_id,
        )  # fmt: skip
        return finish(report, out, junit)
    refuse_alone({"--epsilon": epsilon, "--delta": delta, "--ledger": ledger,
                  "--source-id": source_id}, "--private")  # fmt: skip
    trained, apart = required("--train", train), required("--holdout", holdout)
    check_directory(out, workflow.REPORTS)
    check_junit(junit, out, train, holdout, synthetic, schema, model, policy)
    accepted = read_policy(policy)
    maker = modelfile.load(model) if model else None
    progress.say("reading")
    real = workflow.read_table(trained, read_schema(schema))
    report = workflow.evaluate(
        real, workflow.read_table(apart, real.schema), read_data(synthetic), model=maker,
        target=target, protected=protected, strata=strata, policy=accepted,
        deep=deep_record if deep or deep_record else None, seed=seed, say=progress.say,
    )  # fmt: skip
    shown = for_audience(report, audience, real.schema)
    save_report(shown, out)
    return finish(shown, out, junit)


@app.command()
def compare(
    data: Data,
    synthesizers: Annotated[
        str, typer.Option(metavar="NAME,NAME,...", help="which, as `tabsynth list` names them")
    ],
    out: OutDir,
    schema: SchemaFile = None,
    param: Annotated[
        list[str],
        typer.Option(
            metavar="KEY=VALUE ...",
            help="a hyper-parameter of all that have it; SYNTHESIZER.KEY=VALUE for one alone",
        ),
    ] = [],  # noqa: B006
    target: Target = None,
    protected: Protected = [],  # noqa: B006
    strata: Strata = [],  # noqa: B006
    policy: PolicyFile = None,
    deep: Deep = False,
    audience: ForWhom = "internal",
    seed: Seed = None,
    epsilon: Later = None,
    delta: Later = None,
    ledger: Later = None,
    source_id: Later = None,
) -> None:
    """Fit several synthesizers to the same records, judge them alike, and write one report.

    A comparison has no gate: it ends with 0 when the report is written.
    """
    refuse_budget(epsilon=epsilon, delta=delta, ledger=ledger, source_id=source_id)
    from tabsynth import contest

    progress = Progress(quiet=_quiet)
    names = [name.strip() for name in synthesizers.split(",")]
    contest.dealt_out(names, parameters(param))
    spare([out / "report.html", out / "report.json"], data, schema, policy)
    accepted = read_policy(policy)
    table = read_table(data, schema, progress)
    report = contest.compare(
        table, names, parameters=parameters(param), target=target, protected=protected,
        strata=strata, policy=accepted, deep=deep, audience=audience, seed=seed, say=progress.say,
    )  # fmt: skip
    save_report(report, out)
    for reason in report.reasons[1:]:
        typer.echo(reason)
    typer.echo(f"report: {out / 'report.html'}")


@app.command()
def audit(
    data: Data,
    out: OutDir,
    protected: Protected,
    target: Annotated[str, typer.Option(help="the outcome")],
    reference: Annotated[
        Path | None,
        typer.Option(readable=False, help="a population: protected columns and share or count"),
    ] = None,
    strata: Strata = [],  # noqa: B006
    favourable: Annotated[
        str | None, typer.Option(help="the favourable value, or the least favourable number")
    ] = None,
    schema: SchemaFile = None,
    audience: ForWhom = "internal",
    seed: Seed = None,
) -> None:
    """Describe the bias of a real table: who is in it, and how outcomes differ between groups.

    An audit has no gate: it ends with 0 when the report is written.
    """
    from tabsynth import auditor, workflow
    from tabsynth.io.read import read_raw

    progress = Progress(quiet=_quiet)
    spare([out / name for name in workflow.REPORTS], data, schema, reference)
    check_directory(out, workflow.REPORTS)
    table = read_table(data, schema, progress)
    report = auditor.audit(
        table, protected=protected, target=target, strata=strata, favourable=favourable,
        reference=read_raw(reference) if reference else None, seed=seed or 0, say=progress.say,
    )  # fmt: skip
    save_report(for_audience(report, audience, table.schema), out)
    for reason in report.reasons:
        typer.echo(reason)
    typer.echo(f"report: {out / 'report.html'}")


training.register(app)
specifications.register(app)


@app.command()
def inspect(
    model: Annotated[Path, typer.Argument(readable=False, help="model file")],
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Say what a model file holds, of a table or of a database."""
    from tabsynth.archive import read_archive
    from tabsynth.relations.fitted import open_model

    fitted = open_model(model)
    if as_json:
        manifest = read_archive(model)[0]
        body = {**manifest.model_dump(mode="json", by_alias=True), "holds": fitted.describe()}
        typer.echo(json.dumps(body, indent=2, ensure_ascii=False))
        return
    for line in fitted.describe():
        typer.echo(line)


@app.command(name="list")
def list_names(
    kind: Annotated[
        str, typer.Argument(metavar="synthesizers|sources|simulators|metrics|attacks|constraints")
    ],
) -> None:
    """List what is registered, plugins included."""
    kinds = [name for name in registry.BUILT_IN if name != "private_synthesizers"]
    if kind not in kinds:
        raise unknown("list", kind, kinds, remedy="name one of them")
    from tabsynth.choice import listed, listed_names

    if kind == "synthesizers":
        for name in listed_names():
            typer.echo(listed(name))
        return
    for name in registry.names(kind):
        typer.echo(f"{name:20} {registry.summary(kind, name)}")
    if not registry.names(kind):
        Progress(quiet=_quiet).say(f"no {kind} in this version")
