"""The commands: options in, calls of the workflow, lines and exit codes out."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from tabsynth import __version__, registry
from tabsynth.errors import DataError, OutputError, PrivacyError, TabsynthError, UsageError
from tabsynth.progress import Progress

EXIT_BY_VERDICT = {"pass": 0, "fail": 1, "inconclusive": 3}
INTERRUPTED = 130
PIPE_CLOSED = 141


class Stopped(Exception):  # noqa: N818 - nothing is wrong
    """Ends a command with a code of ours, where typer would choose 1, which says `leak found`."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


class _Commands(typer.core.TyperGroup):
    """Takes interrupts and broken streams before typer does."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Stopped(INTERRUPTED) from None
        except OSError as error:
            # files name their own errors; so this one is about a stream
            if error.errno == errno.EPIPE:
                raise Stopped(PIPE_CLOSED) from None
            if error.errno == errno.ENOSPC:
                raise OutputError("standard output", expected="room for the results",
                                  got="a full disk", remedy="free space") from None  # fmt: skip
            raise


app = typer.Typer(
    name="tabsynth",
    cls=_Commands,
    help="Synthetic tables from private ones, with a truthful verdict attached.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
schema_app = typer.Typer(help="Propose, check and convert table schemas.", no_args_is_help=True)
app.add_typer(schema_app, name="schema")

# `readable=False` everywhere: else typer refuses a file with 2, where the contract says 4
Data = Annotated[
    Path, typer.Argument(readable=False, help="a .csv, .csv.gz, .parquet or .jsonl file")
]
OutDir = Annotated[
    Path, typer.Option("--out", "-o", readable=False, help="directory for the results")
]
SchemaFile = Annotated[
    Path | None, typer.Option("--schema", readable=False, help="schema (.yaml or .json)")
]
Synthesizer = Annotated[str, typer.Option(help="auto, or one of `tabsynth list synthesizers`")]
Param = Annotated[list[str], typer.Option(metavar="KEY=VALUE", help="a hyper-parameter")]
Seed = Annotated[int | None, typer.Option(min=0, help="same seed, same result")]
Rows = Annotated[int | None, typer.Option("-n", "--rows", help="how many synthetic records")]
Target = Annotated[str | None, typer.Option(help="column to predict, for the utility figure")]
Protected = Annotated[
    list[str], typer.Option(metavar="COL", help="a column whose groups are compared, for bias")
]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", readable=False, help="what the gate accepts (.yaml)")
]
Deep = Annotated[bool, typer.Option("--deep", help="attack with shadow fits too; takes minutes")]
Later = Annotated[str | None, typer.Option(hidden=True)]

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
    target: Target = None,
    protected: Protected = [],  # noqa: B006
    policy: PolicyFile = None,
    deep: Deep = False,
    seed: Seed = None,
    epsilon: Later = None,
    delta: Later = None,
    ledger: Later = None,
    source_id: Later = None,
) -> None:
    """Fit, sample and evaluate: a private table in; a synthetic one, a model and a report out."""
    _refuse_later(epsilon=epsilon, delta=delta, ledger=ledger, source_id=source_id)
    from tabsynth import workflow

    progress = Progress(quiet=_quiet)
    workflow.configure(workflow.resolve(synthesizer), _parameters(param))
    _spare([out / name for name in workflow.RESULTS], data, schema, policy)
    accepted = _policy(policy)
    table = _read(data, schema, progress)
    report = workflow.run(
        table, out, synthesizer=synthesizer, parameters=_parameters(param), n=rows,
        target=target, protected=protected, policy=accepted, deep=deep, seed=seed,
        say=progress.say,
    )  # fmt: skip
    _finish(report, out)


@app.command()
def fit(
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", readable=False, help="model file to write")],
    schema: SchemaFile = None,
    synthesizer: Synthesizer = "auto",
    param: Param = [],  # noqa: B006
    seed: Seed = None,
    epsilon: Later = None,
    delta: Later = None,
    ledger: Later = None,
    source_id: Later = None,
) -> None:
    """Learn a model of a private table."""
    _refuse_later(epsilon=epsilon, delta=delta, ledger=ledger, source_id=source_id)
    from tabsynth import workflow

    progress = Progress(quiet=_quiet)
    name = workflow.resolve(synthesizer)
    workflow.configure(name, _parameters(param))
    _spare([out], data, schema)
    table = _read(data, schema, progress)
    progress.say(f"fitting {name}")
    workflow.fit(table, synthesizer=name, parameters=_parameters(param), seed=seed).save(out)
    typer.echo(f"wrote {out}")


@app.command()
def sample(
    model: Annotated[Path, typer.Argument(readable=False, help="model file")],
    out: Annotated[Path, typer.Option("--out", "-o", readable=False, help="table to write")],
    rows: Rows = None,
    seed: Seed = None,
    given: Annotated[
        list[str], typer.Option(metavar="COL=VALUE", help="a condition every record meets")
    ] = [],  # noqa: B006
    given_file: Annotated[
        Path | None, typer.Option(readable=False, help="a table of conditions, one record each")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="threads")] = None,
) -> None:
    """Draw a synthetic table from a model."""
    from tabsynth import conditions, modelfile, sampler
    from tabsynth.io.read import read_raw

    if given and given_file:
        raise UsageError("--given", expected="--given or --given-file", got="both",
                         remedy="put all conditions into the file")  # fmt: skip
    _spare([out], model, given_file)
    fitted = modelfile.load(model)
    wanted = None
    if given:
        wanted = conditions.from_texts(given, fitted.schema)
    elif given_file:
        wanted = conditions.as_given(read_raw(given_file), fitted.schema)
    total = sampler.rows_to_draw(fitted, rows, wanted)
    with Progress(quiet=_quiet).count("sampling", total) as progress:
        sampler.sample_to(out, fitted, total, seed=seed, given=wanted, workers=workers,
                          progress=progress)  # fmt: skip
    typer.echo(f"wrote {total:,} records to {out}")


@app.command()
def evaluate(
    train: Annotated[Path, typer.Option(readable=False, help="real records that were fitted")],
    holdout: Annotated[Path, typer.Option(readable=False, help="real records that no fit saw")],
    synthetic: Annotated[Path, typer.Option(readable=False, help="the synthetic records")],
    out: OutDir,
    schema: SchemaFile = None,
    model: Annotated[
        Path | None,
        typer.Option(readable=False, help="what made it: intervals cover further draws of it"),
    ] = None,
    target: Target = None,
    protected: Protected = [],  # noqa: B006
    policy: PolicyFile = None,
    deep: Deep = False,
    deep_record: Annotated[
        list[int], typer.Option(metavar="N", help="a training record to attack, counted from 0")
    ] = [],  # noqa: B006
    seed: Seed = None,
) -> None:
    """Judge a synthetic table against real records."""
    from tabsynth import modelfile, workflow
    from tabsynth.io.read import read_raw

    progress = Progress(quiet=_quiet)
    accepted = _policy(policy)
    maker = modelfile.load(model) if model else None
    progress.say("reading")
    real = workflow.read_table(train, _schema(schema))
    report = workflow.evaluate(
        real, workflow.read_table(holdout, real.schema), read_raw(synthetic), model=maker,
        target=target, protected=protected, policy=accepted,
        deep=deep_record if deep or deep_record else None, seed=seed, say=progress.say,
    )  # fmt: skip
    workflow.save_report(report, out)
    _finish(report, out)


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
    strata: Annotated[
        list[str], typer.Option(metavar="COL", help="outcomes may rightly differ by this column")
    ] = [],  # noqa: B006
    favourable: Annotated[
        str | None, typer.Option(help="the favourable value, or the least favourable number")
    ] = None,
    schema: SchemaFile = None,
    seed: Seed = None,
) -> None:
    """Describe the bias of a real table: who is in it, and how outcomes differ between groups.

    An audit has no gate: it ends with 0 when the report is written.
    """
    from tabsynth import auditor, workflow
    from tabsynth.io.read import read_raw

    progress = Progress(quiet=_quiet)
    _spare([out / "report.html", out / "report.json"], data, schema, reference)
    table = _read(data, schema, progress)
    report = auditor.audit(
        table, protected=protected, target=target, strata=strata, favourable=favourable,
        reference=read_raw(reference) if reference else None, seed=seed or 0, say=progress.say,
    )  # fmt: skip
    workflow.save_report(report, out)
    for reason in report.reasons:
        typer.echo(reason)
    typer.echo(f"report: {out / 'report.html'}")


@app.command()
def inspect(
    model: Annotated[Path, typer.Argument(readable=False, help="model file")],
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Say what a model file holds."""
    from tabsynth import modelfile

    fitted = modelfile.load(model)
    if as_json:
        manifest = modelfile.read_manifest(model)
        body = {**manifest.model_dump(mode="json", by_alias=True), "holds": fitted.describe()}
        typer.echo(json.dumps(body, indent=2, ensure_ascii=False))
        return
    for line in fitted.describe():
        typer.echo(line)


@app.command(name="list")
def list_names(
    kind: Annotated[str, typer.Argument(metavar="synthesizers|metrics|attacks")],
) -> None:
    """List what is registered, plugins included."""
    if kind not in registry.BUILT_IN:
        raise UsageError("list", expected="synthesizers, metrics or attacks", got=repr(kind),
                         remedy="name one of them")  # fmt: skip
    for name in registry.names(kind):
        typer.echo(f"{name:20} {registry.summary(kind, name)}")
    if not registry.names(kind):
        Progress(quiet=_quiet).say(f"no {kind} in this version")


@schema_app.command(name="infer")
def schema_infer(
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", readable=False, help="schema file to write")],
) -> None:
    """Propose a schema from records, marking the facts that were read from them."""
    from tabsynth import workflow
    from tabsynth.io.atomic import write_text
    from tabsynth.io.read import read_raw
    from tabsynth.schema.files import dump_schema

    _spare([out], data)
    schema = workflow.infer_schema(read_raw(data))
    write_text(out, dump_schema(schema))
    for note in schema.tabsynth.notes:
        typer.echo(f"note: {note}")
    typer.echo(f"wrote {out}; read it before you rely on it")


@schema_app.command(name="check")
def schema_check(
    schema: Annotated[Path, typer.Argument(readable=False, help="schema file")],
    data: Annotated[
        Path | None, typer.Argument(readable=False, help="table to check against it")
    ] = None,
) -> None:
    """Validate a schema and, with data, list every violation by column."""
    from tabsynth.io.read import read_raw
    from tabsynth.schema.check import check
    from tabsynth.schema.files import load_schema

    wanted = load_schema(schema)
    if data is None:
        typer.echo(f"{schema}: a valid schema of {len(wanted.fields)} columns")
        return
    _, violations = check(read_raw(data), wanted)
    for violation in violations:
        typer.echo(violation.sentence())
    if violations:
        raise _broken(data, len(violations))
    typer.echo(f"{data}: keeps the schema")


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
    from tabsynth.schema.files import read_text

    _spare([out], source)
    kind: Any = kind_of_file(out) if to == "auto" else to
    if kind not in ("tabsynth", "sdv", "datapackage"):
        raise UsageError(
            "--to",
            expected="tabsynth, sdv or datapackage",
            got=repr(to),
            remedy="name one of them",
        )
    write_text(
        out, convert(read_text(source, source.name), to=kind, table=table, where=source.name)
    )
    typer.echo(f"wrote {out}")


def _refuse_later(**options: Any) -> None:
    """Refuse options of later work; never ignore one."""
    for name, value in options.items():
        if not value:
            continue
        option = "--" + name.replace("_", "-")
        if name == "epsilon":
            raise PrivacyError(
                option,
                expected="a synthesizer with a differentially private form",
                got="a version that has none",
                remedy="leave it out; nothing in this version is differentially private",
            )
        raise UsageError(
            option,
            expected="an option of this version",
            got="one of later work",
            remedy="leave it out",
        )


def _read(data: Path, schema: Path | None, progress: Progress) -> Any:
    """A table, saying what a proposed schema takes its columns for."""
    from tabsynth import workflow
    from tabsynth.io.read import file_format

    file_format(data)  # a URL may hold a password; so it is refused before it is shown
    progress.say(f"reading {data}")
    table = workflow.read_table(data, _schema(schema))
    for note in table.schema.tabsynth.notes if schema is None else ():
        progress.say(f"note: {note}")
    return table


def _spare(outputs: list[Path], *inputs: Path | None) -> None:
    """Refuse to write over what is read."""
    for source in inputs:
        if source is not None and any(_same(out, source) for out in outputs):
            raise UsageError(
                "-o",
                expected="another place than the input",
                got=f"{source}, which would be overwritten",
                remedy="choose another place",
            )


def _same(out: Path, source: Path) -> bool:
    try:
        return out.samefile(source)
    except (OSError, ValueError):
        # one of them is not there or cannot be; whoever opens it will say so
        return False


def _schema(path: Path | None) -> Any:
    from tabsynth.schema.files import load_schema

    return None if path is None else load_schema(path)


def _policy(path: Path | None) -> Any:
    from tabsynth.gate import load_policy

    return None if path is None else load_policy(path)


def _parameters(pairs: list[str]) -> dict[str, str]:
    parsed = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or key in parsed:
            raise UsageError("--param", expected="KEY=VALUE, each key once", got="something else",
                             remedy="write for example --param min_count=10")  # fmt: skip
        parsed[key] = value
    return parsed


def _broken(data: Path, kinds: int) -> TabsynthError:
    return DataError(
        str(data),
        expected="records that keep the schema",
        got=f"{kinds} {'kind' if kinds == 1 else 'kinds'} of violations",
        remedy="correct the data or the schema",
    )


def _finish(report: Any, out: Path) -> None:
    typer.echo(f"verdict: {report.verdict}")
    for reason in report.reasons:
        typer.echo(f"  {reason}")
    typer.echo(f"report: {out / 'report.html'}")
    raise typer.Exit(EXIT_BY_VERDICT[report.verdict])
