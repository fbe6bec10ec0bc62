"""Options that commands share, and what is done with them before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from tabsynth.errors import PrivacyError, UsageError
from tabsynth.progress import Progress
from tabsynth.stores.place import Place

# `readable=False` everywhere: else typer refuses a file with 2, where the contract says 4
Data = Annotated[
    Place,
    typer.Argument(
        parser=Place,
        metavar="DATA",
        help="a .csv, .csv.gz, .parquet or .jsonl file, or a table of a database, such as "
        "sqlite:///shop.db#orders",
    ),
]
OutTable = Annotated[
    Place,
    typer.Option(
        "--out",
        "-o",
        parser=Place,
        metavar="OUT",
        help="a .csv, .csv.gz, .parquet or .jsonl file, or a new table of a database, such as "
        "sqlite:///shop.db#orders",
    ),
]
OutDir = Annotated[
    Path, typer.Option("--out", "-o", readable=False, help="directory for the results")
]
SchemaFile = Annotated[
    Path | None, typer.Option("--schema", readable=False, help="schema (.yaml or .json)")
]
Synthesizer = Annotated[str, typer.Option(help="auto, or one of `tabsynth list synthesizers`")]
Param = Annotated[list[str], typer.Option(metavar="KEY=VALUE ...", help="a hyper-parameter")]
Seed = Annotated[int | None, typer.Option(min=0, help="same seed, same result")]
Rows = Annotated[int | None, typer.Option("-n", "--rows", help="how many synthetic records")]
Target = Annotated[str | None, typer.Option(help="column to predict, for the utility figure")]
Protected = Annotated[
    list[str], typer.Option(metavar="COL ...", help="a column whose groups are compared, for bias")
]
Strata = Annotated[
    list[str], typer.Option(metavar="COL ...", help="outcomes may rightly differ by this column")
]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", readable=False, help="what the gate accepts (.yaml)")
]
Deep = Annotated[bool, typer.Option("--deep", help="attack with shadow fits too; takes minutes")]
ForWhom = Annotated[
    Literal["internal", "public"],
    typer.Option("--audience", help="public leaves out what only insiders may see"),
]
Junit = Annotated[
    Path | None, typer.Option("--junit", readable=False, help="verdict as JUnit XML, for CI")
]
Strip = Annotated[
    bool, typer.Option("--strip", help="leave training records out of the model file")
]
Text = Annotated[
    list[str],
    typer.Option(
        "--text", metavar="COL=METHOD",
        help="a text column: drop, replace (a placeholder), template, small-lm or llm (new texts)",
    ),
]  # fmt: skip
Epsilon = Annotated[
    float | None,
    typer.Option(help="fit under differential privacy with this bound; needs --source-id"),
]
Delta = Annotated[
    float | None, typer.Option(help="chance for which the bound may not hold; 1e-06 unless given")
]
LedgerFile = Annotated[
    Path | None,
    typer.Option(
        "--ledger", readable=False, help="where spends are counted; by default in your own data"
    ),
]
SourceId = Annotated[
    str | None, typer.Option(help="name of the records, the same in every fit of them")
]
Discover = Annotated[
    list[str],
    typer.Option(
        metavar="COL ...", help="a column whose categories or bounds a part of the budget finds"
    ),
]
PrivateReport = Annotated[
    bool,
    typer.Option(
        "--with-private-report",
        help="under --epsilon, judge the table by real records as well, which is not private",
    ),
]
Train = Annotated[
    Place | None, typer.Option(parser=Place, metavar="DATA", help="real records that were fitted")
]
Holdout = Annotated[
    Place | None, typer.Option(parser=Place, metavar="DATA", help="real records that no fit saw")
]
Synthetic = Annotated[
    Place, typer.Option(parser=Place, metavar="DATA", help="the synthetic records")
]
Private = Annotated[
    bool,
    typer.Option(
        "--private",
        help="few figures, differentially private, against --holdout or --train alone; needs "
        "--epsilon and --source-id",
    ),
]
EXIT_BY_VERDICT: Final = {"pass": 0, "fail": 1, "inconclusive": 3}
Later = Annotated[str | None, typer.Option(hidden=True)]


def read_table(
    data: Place, schema: Path | None, progress: Progress, texts: list[str] | None = None
) -> Any:
    """A table, saying what a proposed schema takes its columns for.

    Args:
        data: where it is.
        schema: file that says what it is.
        progress: where notes go.
        texts: COL=METHOD for columns that are to be taken for free text.
    """
    from tabsynth import workflow
    from tabsynth.wording.learn import as_texts

    methods = parameters(texts or [], option="--text", example="note=template")

    progress.say(f"reading {data}")
    table = workflow.read_table(data, read_schema(schema))
    for note in table.schema.tabsynth.notes if schema is None else ():
        progress.say(f"note: {note}")
    return as_texts(table, methods) if methods else table


def spare(
    outputs: Sequence[Path | Place], *inputs: Path | Place | None, option: str = "-o"
) -> None:
    """Refuse to write over what is read."""
    written = [out.file if isinstance(out, Place) else out for out in outputs]
    for given in inputs:
        source = given.file if isinstance(given, Place) else given
        if source is not None and any(_same(out, source) for out in written if out is not None):
            raise UsageError(
                option,
                expected="another place than the input",
                got=f"{source}, which would be overwritten",
                remedy="choose another place",
            )


def check_junit(junit: Path | None, out: Path, *inputs: Path | Place | None) -> None:
    """Refuse a JUnit file that cannot be written, or would take the place of what is read."""
    from tabsynth.io.atomic import check_place

    if junit is None:
        return
    spare([junit], *inputs, option="--junit")
    # the directory for the results may still be to come
    if junit.parent.resolve() != out.resolve():
        check_place(junit)


def _same(out: Path, source: Path) -> bool:
    try:
        return out.samefile(source)
    except (OSError, ValueError):
        # one of them is not there or cannot be; whoever opens it will say so
        return False


def place_for_model(out: Path | None) -> Path:
    """Where a fitted model goes.

    Raises:
        UsageError: nowhere.
    """
    if out is None:
        raise UsageError("-o", expected="a place for the model", got="none",
                         remedy="name a file, or ask for --dry-run")  # fmt: skip
    return out


def required(option: str, value: Place | None) -> Place:
    """A table that a command cannot do without.

    Raises:
        UsageError: it was not named.
    """
    if value is None:
        raise UsageError(option, expected="a table", got="none", remedy="name one")
    return value


def read_schema(path: Path | None) -> Any:
    """The schema in a file, None without one."""
    from tabsynth.schema.files import load_schema

    return None if path is None else load_schema(path)


def declared_schema(path: Path | None, data: Place) -> Any:
    """The schema in a file, else what a database declares of its table; no record is read."""
    if path is not None or not data.is_table:
        return read_schema(path)
    from tabsynth.stores.tables import declared

    return declared(data)


def read_policy(path: Path | None) -> Any:
    """The policy in a file, None without one."""
    from tabsynth.gate import load_policy

    return None if path is None else load_policy(path)


def parameters(
    pairs: list[str], *, option: str = "--param", example: str = "min_count=10"
) -> dict[str, str]:
    """Hyper-parameters, or settings of another option, from their texts.

    Raises:
        UsageError: one that is no KEY=VALUE, or a key that comes twice.
    """
    parsed = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or key in parsed:
            raise UsageError(option, expected="KEY=VALUE, each key once", got="something else",
                             remedy=f"write for example {option} {example}")  # fmt: skip
        parsed[key] = value
    return parsed


def say_kept(fitted: Any, *, strip: bool, progress: Progress) -> None:
    """Say that a model file holds training records, or that there were none to leave out."""
    if strip and not fitted.keeps_records:
        progress.say("note: --strip changes nothing: a model of this kind holds no training record")
    elif fitted.keeps_records and not strip:
        progress.say("warning: the model file holds training records; --strip leaves them out")


def refuse_budget_of_a_database(**options: Any) -> None:
    """Refuse options of a privacy budget where a whole database is learnt.

    Raises:
        PrivacyError: `epsilon` is among them.
        UsageError: another one is.
    """
    if options.pop("epsilon") is not None:
        raise PrivacyError(
            "--epsilon",
            expected="one table, of which each person has a known number of records",
            got="a database, where what tables hold of one person counts together, and noise for "
            "that is not implemented",
            remedy="fit single tables, as in `tabsynth fit URL#table --epsilon 1`, or leave it out",
        )
    named = {"--" + name.replace("_", "-"): value for name, value in options.items()}
    refuse_alone(named, "--epsilon")


def spend_of(
    synthesizer: str,
    *,
    epsilon: float | None,
    delta: float | None,
    ledger: Path | None,
    source_id: str | None,
    discover: list[str],
    text: Sequence[str] = (),
) -> Any:
    """The budget that the options grant; None where they ask for none.

    Raises:
        UsageError: options of a budget without one, or a budget that is none.
        PrivacyError: a budget for a synthesizer that has no private form.
    """
    if epsilon is None:
        named = {"--delta": delta, "--ledger": ledger, "--source-id": source_id,
                 "--discover": discover or None}  # fmt: skip
        refuse_alone(named, "--epsilon")
        return None
    from tabsynth.choice import resolve_private

    if text:
        raise UsageError("--text", expected="no --epsilon beside it", got="both",
                         remedy="declare free_text: replace or drop in the schema")  # fmt: skip
    from tabsynth.privacy.budget import DELTA
    from tabsynth.private_fit import Spend

    resolve_private(synthesizer)
    if source_id is None:
        raise UsageError(
            "--epsilon", expected="--source-id beside it", got="none",
            remedy="name the records, as in --source-id clinic-2026, and the same in every fit of "
            "them, so that all that is learnt from them is counted together",
        )  # fmt: skip
    return Spend(epsilon, source_id, DELTA if delta is None else delta, ledger, tuple(discover))


def refuse_alone(named: Mapping[str, Any], beside: str) -> None:
    """Refuse options that mean nothing without another one.

    Raises:
        UsageError: one of them was given.
    """
    for option, value in named.items():
        if value is not None:
            raise UsageError(option, expected=f"{beside} beside it", got="none",
                             remedy=f"give {beside}, or leave it out")  # fmt: skip


def refuse_budget(**options: Any) -> None:
    """Refuse options of a privacy budget where a command reads real records without one.

    Raises:
        PrivacyError: `epsilon` is among them.
        UsageError: another one is.
    """
    for name, value in options.items():
        if not value:
            continue
        option = "--" + name.replace("_", "-")
        if name == "epsilon":
            raise PrivacyError(
                option,
                expected="a command that can keep to a privacy budget",
                got="a comparison, which judges every table by real records",
                remedy="use `tabsynth run` with --epsilon, once for each synthesizer",
            )
        raise UsageError(
            option,
            expected="a command that takes a privacy budget",
            got="one that does not",
            remedy="leave it out",
        )


def finish(report: Any, out: Path | None, junit: Path | None, *, private: bool = False) -> None:
    """Say the verdict and its reasons, and end the command with its code."""
    from tabsynth.io.atomic import write_text
    from tabsynth.report.junit import junit_xml

    if junit is not None:
        write_text(junit, junit_xml(report))
    typer.echo(f"verdict: {report.verdict}")
    for reason in report.reasons:
        typer.echo(f"  {reason}")
    if out is not None:
        typer.echo(f"report: {out / ('private-report.html' if private else 'report.html')}")
    raise typer.Exit(EXIT_BY_VERDICT[report.verdict])
