"""Options that commands share, and what is done with them before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tabsynth.errors import PrivacyError, UsageError
from tabsynth.progress import Progress

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
Strata = Annotated[
    list[str], typer.Option(metavar="COL", help="outcomes may rightly differ by this column")
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
Later = Annotated[str | None, typer.Option(hidden=True)]


def read_table(data: Path, schema: Path | None, progress: Progress) -> Any:
    """A table, saying what a proposed schema takes its columns for."""
    from tabsynth import workflow
    from tabsynth.io.read import file_format

    file_format(data)  # a URL may hold a password; so it is refused before it is shown
    progress.say(f"reading {data}")
    table = workflow.read_table(data, read_schema(schema))
    for note in table.schema.tabsynth.notes if schema is None else ():
        progress.say(f"note: {note}")
    return table


def spare(outputs: list[Path], *inputs: Path | None, option: str = "-o") -> None:
    """Refuse to write over what is read."""
    for source in inputs:
        if source is not None and any(_same(out, source) for out in outputs):
            raise UsageError(
                option,
                expected="another place than the input",
                got=f"{source}, which would be overwritten",
                remedy="choose another place",
            )


def check_junit(junit: Path | None, out: Path, *inputs: Path | None) -> None:
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


def read_schema(path: Path | None) -> Any:
    """The schema in a file, None without one."""
    from tabsynth.schema.files import load_schema

    return None if path is None else load_schema(path)


def read_policy(path: Path | None) -> Any:
    """The policy in a file, None without one."""
    from tabsynth.gate import load_policy

    return None if path is None else load_policy(path)


def parameters(pairs: list[str]) -> dict[str, str]:
    """Hyper-parameters from their texts.

    Raises:
        UsageError: one that is no KEY=VALUE, or a key that comes twice.
    """
    parsed = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or key in parsed:
            raise UsageError("--param", expected="KEY=VALUE, each key once", got="something else",
                             remedy="write for example --param min_count=10")  # fmt: skip
        parsed[key] = value
    return parsed


def say_kept(fitted: Any, *, strip: bool, progress: Progress) -> None:
    """Say that a model file holds training records, or that there were none to leave out."""
    if strip and not fitted.keeps_records:
        progress.say("note: --strip changes nothing: a model of this kind holds no training record")
    elif fitted.keeps_records and not strip:
        progress.say("warning: the model file holds training records; --strip leaves them out")


def refuse_later(**options: Any) -> None:
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
