"""The commands about training data: what helps a model that learns from it, and what harms."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from tabsynth.commands.options import (
    Data,
    Holdout,
    Later,
    OutDir,
    Param,
    Protected,
    SchemaFile,
    Seed,
    Synthesizer,
    Synthetic,
    Target,
    Train,
    parameters,
    read_table,
    refuse_budget,
    required,
    spare,
)
from tabsynth.progress import Progress
from tabsynth.stores.place import Place


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(augment)
    app.command()(mix)
    app.command()(collapse)
    app.command()(curate)


def augment(
    context: typer.Context,
    data: Data,
    target: Annotated[str, typer.Option(help="column whose rare classes get more records")],
    out: OutDir,
    rare: Annotated[str | None, typer.Option(metavar="VALUE", help="the rare class")] = None,
    balance: Annotated[
        bool, typer.Option("--balance", help="all classes of fewer records than the largest")
    ] = False,
    rows: Annotated[
        int | None, typer.Option("--rows", "-n", min=1, help="new records in all")
    ] = None,
    schema: SchemaFile = None,
    synthesizer: Synthesizer = "auto",
    param: Param = [],  # noqa: B006
    seed: Seed = None,
    epsilon: Later = None,
    delta: Later = None,
    ledger: Later = None,
    source_id: Later = None,
) -> None:
    """Make more records of rare classes, and see whether a model finds these better then.

    It has no gate: it ends with 0 when the report and the larger table are written.
    """
    refuse_budget(epsilon=epsilon, delta=delta, ledger=ledger, source_id=source_id)
    from tabsynth import augmenting, choice
    from tabsynth.errors import UsageError
    from tabsynth.io.atomic import check_directory

    if (rare is None) != balance:
        raise UsageError("--rare", expected="either --rare VALUE or --balance",
                         got="both" if balance else "neither",
                         remedy="give one of them")  # fmt: skip
    progress = _progress(context)
    given = parameters(param)
    choice.configure(choice.resolve(synthesizer, given), given)
    spare([out / name for name in augmenting.RESULTS], data, schema)
    check_directory(out, augmenting.RESULTS)
    report = augmenting.augment(
        read_table(data, schema, progress), out, target=target, rare=rare, rows=rows,
        synthesizer=synthesizer, parameters=given, seed=seed or 0, say=progress.say,
    )  # fmt: skip
    for reason in report.reasons[1:]:
        typer.echo(reason)
    typer.echo(f"report: {out / 'report.html'}")


def mix(
    context: typer.Context,
    real: Annotated[
        Place, typer.Option(parser=Place, metavar="DATA", help="real records to learn from")
    ],
    synthetic: Synthetic,
    target: Annotated[str, typer.Option(help="column to predict")],
    out: OutDir,
    holdout: Holdout = None,
    schema: SchemaFile = None,
    repeats: Annotated[int, typer.Option(help="splits, or bootstrap draws with --holdout")] = 12,
    source: Annotated[
        Literal["synthetic", "simulated"],
        typer.Option(help="what the mixed table calls the synthetic records"),
    ] = "synthetic",
    generation: Annotated[
        int | None, typer.Option(help="fits between them and real records, for a column of it")
    ] = None,
    seed: Seed = None,
) -> None:
    """See how many synthetic records beside real ones help to predict a column.

    It has no gate: it ends with 0 when the report and the mixed table are written.
    """
    from tabsynth import mixing, workflow
    from tabsynth.io.atomic import check_directory
    from tabsynth.stores.tables import read_data

    progress = _progress(context)
    spare([out / name for name in mixing.RESULTS], real, synthetic, holdout, schema)
    check_directory(out, mixing.RESULTS)
    table = read_table(real, schema, progress)
    report = mixing.mix(
        table, read_data(synthetic), out, target=target, repeats=repeats, source=source,
        generation=generation, seed=seed or 0,
        holdout=workflow.read_table(holdout, table.schema) if holdout else None, say=progress.say,
    )  # fmt: skip
    for reason in report.reasons[1:]:
        typer.echo(reason)
    typer.echo(f"report: {out / 'report.html'}")


def collapse(
    context: typer.Context,
    data: Data,
    out: OutDir,
    generations: Annotated[int, typer.Option(help="how many, one learning from another")] = 8,
    seeds: Annotated[int, typer.Option(help="chains of each regime")] = 3,
    regimes: Annotated[
        str,
        typer.Option(
            metavar="R,R", help="what generations learn from: replace, accumulate, mix:SHARE_REAL"
        ),
    ] = "replace,accumulate,mix:0.1,mix:0.25,mix:0.5",
    records: Annotated[int, typer.Option(help="the most real records to learn from")] = 20_000,
    tolerance: Annotated[float, typer.Option(help="how much of a figure may be lost")] = 0.2,
    schema: SchemaFile = None,
    synthesizer: Synthesizer = "auto",
    param: Param = [],  # noqa: B006
    target: Target = None,
    protected: Protected = [],  # noqa: B006
    seed: Seed = None,
    epsilon: Later = None,
    delta: Later = None,
    ledger: Later = None,
    source_id: Later = None,
) -> None:
    """See what becomes of a table when synthesizers learn from what synthesizers drew.

    It has no gate: it ends with 0 when the report is written. Stopped half-way, the same command
    goes on where it was.
    """
    refuse_budget(epsilon=epsilon, delta=delta, ledger=ledger, source_id=source_id)
    from tabsynth import choice
    from tabsynth.generations.study import RESULTS, Plan
    from tabsynth.generations.study import collapse as study
    from tabsynth.io.atomic import check_directory

    progress = _progress(context)
    wanted = Plan(regimes, generations, seeds, records, tolerance, seed or 0)
    wanted.check()
    given = parameters(param)
    choice.configure(choice.resolve(synthesizer, given), given)
    spare([out / name for name in RESULTS], data, schema)
    check_directory(out, RESULTS)
    report = study(
        read_table(data, schema, progress), out, plan=wanted, synthesizer=synthesizer,
        parameters=given, target=target, protected=protected, say=progress.say,
    )  # fmt: skip
    for reason in report.reasons[1:]:
        typer.echo(reason)
    typer.echo(f"report: {out / 'report.html'}")


def curate(
    context: typer.Context,
    synthetic: Annotated[
        Place, typer.Argument(parser=Place, metavar="SYNTHETIC", help="the synthetic records")
    ],
    out: OutDir,
    train: Train = None,
    holdout: Holdout = None,
    schema: SchemaFile = None,
    target: Target = None,
    protected: Protected = [],  # noqa: B006
    seed: Seed = None,
) -> None:
    """Leave out synthetic records that break rules, repeat, copy a person or look synthetic.

    It has no gate: it ends with 0 when the report, the table and the reasons are written.
    """
    from tabsynth import workflow
    from tabsynth.curation import study
    from tabsynth.io.atomic import check_directory
    from tabsynth.stores.tables import read_data

    progress = _progress(context)
    learnt, apart = required("--train", train), required("--holdout", holdout)
    spare([out / name for name in study.RESULTS], synthetic, learnt, apart, schema)
    check_directory(out, study.RESULTS)
    table = read_table(learnt, schema, progress)
    report = study.curate(
        read_data(synthetic), out, train=table,
        holdout=workflow.read_table(apart, table.schema), target=target, protected=protected,
        certified=study.certificate_beside(synthetic.file), seed=seed or 0, say=progress.say,
    )  # fmt: skip
    for reason in report.reasons[1:]:
        typer.echo(reason)
    typer.echo(f"report: {out / 'report.html'}")


def _progress(context: Any) -> Progress:
    return Progress(quiet=bool(context.find_root().params.get("quiet")))
