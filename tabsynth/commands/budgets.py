"""What `fit`, `run` and `evaluate` do under a privacy budget, and `tabsynth ledger`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tabsynth.commands.groups import Commands
from tabsynth.commands.options import (
    check_junit,
    declared_schema,
    place_for_model,
    read_policy,
    say_kept,
    spare,
    spend_of,
)
from tabsynth.errors import UsageError
from tabsynth.io.atomic import check_directory, check_place
from tabsynth.progress import Progress
from tabsynth.report.model import Report
from tabsynth.report_files import save_report
from tabsynth.stores.place import Place

if TYPE_CHECKING:
    from tabsynth.privacy.ledger import Ledger, SourceAccount
    from tabsynth.private_fit import Spend

ledger_app = typer.Typer(
    cls=Commands, help="What has been spent on which records.", no_args_is_help=True
)

LedgerPlace = Annotated[
    Path | None,
    typer.Option("--ledger", readable=False, help="the ledger file; by default in your own data"),
]


def fit(
    data: Place,
    out: Path | None,
    *,
    spend: Spend,
    schema: Path | None,
    synthesizer: str,
    given: Mapping[str, str],
    strip: bool,
    dry_run: bool,
    progress: Progress,
) -> None:
    """Learn a model under a privacy budget; what can be refused is, before it costs anything."""
    from tabsynth import private_fit
    from tabsynth.privacy.reading import raw_columns, read_private

    declared = declared_schema(schema, data)
    prepared = private_fit.prepare(declared, spend, synthesizer, given)
    if dry_run:
        for line in (*prepared.lines(), spend.sentence("would be")):
            typer.echo(line)
        return
    out = place_for_model(out)
    spare([out], data, schema, spend.book.path, spend.book.witness)
    check_place(out)
    progress.say(f"reading {data}")
    raw = raw_columns(read_private(data, declared), declared)
    with private_fit.fitting(raw, prepared, say=progress.say) as fitted:
        fitted.save(out, strip=strip)
    say_kept(fitted, strip=strip, progress=progress)
    typer.echo(f"wrote {out}")


def run(
    data: Place,
    out: Path,
    *,
    spend: Spend,
    schema: Path | None,
    synthesizer: str,
    given: Mapping[str, str],
    rows: int | None,
    report: Mapping[str, Any],
    policy: Path | None,
    deep: bool,
    junit: Path | None,
    seed: int | None,
    with_private_report: bool,
    progress: Progress,
) -> Report:
    """Fit and sample under a privacy budget; judge by real records where that is asked for.

    `report` is what a report on real records compares, but for its policy, as of `PrivateReport`.
    """
    from tabsynth import private_fit, private_run, workflow
    from tabsynth.privacy.reading import read_private

    if deep:
        raise UsageError("--deep", expected="a run without a privacy budget", got="--epsilon",
                         remedy="leave it out; each of its fits would cost as much")  # fmt: skip
    declared = declared_schema(schema, data)
    private_fit.prepare(declared, spend, synthesizer, given)
    results = [*workflow.RESULTS, *(private_run.PRIVATE_REPORTS if with_private_report else ())]
    spare([out / name for name in results], data, schema, policy, spend.book.path)
    check_directory(out, results)
    check_junit(junit, out, data, schema, policy)
    accepted = read_policy(policy)
    judged = private_run.PrivateReport(**report, policy=accepted)
    judged.check(declared)
    if not with_private_report and any([report["target"], report["protected"], policy]):
        progress.say("note: what a report compares matters with --with-private-report alone")
    progress.say(f"reading {data}")
    return private_run.run_private(
        read_private(data, declared), out, schema=declared, spend=spend, synthesizer=synthesizer,
        parameters=given, n=rows, private_report=judged if with_private_report else None,
        seed=seed, say=progress.say,
    )  # fmt: skip


def evaluate(
    synthetic: Place,
    out: Path,
    *,
    train: Place | None,
    holdout: Place | None,
    schema: Path | None,
    target: str | None,
    junit: Path | None,
    seed: int | None,
    beside: Mapping[str, Any],
    progress: Progress,
    epsilon: float | None,
    delta: float | None,
    ledger: Path | None,
    source_id: str | None,
) -> Report:
    """Answer a few questions about one real table under a privacy budget.

    `beside` are options of the other kind of evaluation, which is not private.
    """
    from tabsynth import private_evaluation, workflow
    from tabsynth.privacy.reading import read_private
    from tabsynth.private_fit import known_domain
    from tabsynth.stores.tables import read_data

    for option, value in beside.items():
        if value:
            raise UsageError(option, expected="an evaluation without --private", got="--private",
                             remedy="leave one of them out")  # fmt: skip
    spend = spend_of("auto", epsilon=epsilon, delta=delta, ledger=ledger, source_id=source_id,
                     discover=[])  # fmt: skip
    if spend is None:
        raise UsageError("--private", expected="--epsilon beside it", got="none",
                         remedy="say how much of the budget may be spent")  # fmt: skip
    data = train if holdout is None else holdout
    if data is None or (train is not None and holdout is not None):
        raise UsageError(
            "--private", expected="one real table, of --holdout and --train",
            got="none" if data is None else "both",
            remedy="name --holdout where records were kept from the fit, else --train",
        )  # fmt: skip
    spare([out / name for name in workflow.REPORTS], data, synthetic, schema, spend.book.path)
    check_directory(out, workflow.REPORTS)
    check_junit(junit, out, data, synthetic, schema)
    declared = declared_schema(schema, data)
    known_domain(declared)
    progress.say("reading")
    report = private_evaluation.evaluate_private(
        read_private(data, declared), read_data(synthetic), schema=declared, spend=spend,
        which="train" if holdout is None else "holdout", target=target, seed=seed,
        say=progress.say,
    )  # fmt: skip
    save_report(report, out)
    return report


@ledger_app.command(name="show")
def ledger_show(
    ledger: LedgerPlace = None,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Show what has been spent on each source of records, and by which fits."""
    book = _book(ledger)
    accounts = book.accounts()
    if as_json:
        found = {"ledger": str(book.path), "sources": [_as_json(a) for a in accounts]}
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    typer.echo(f"ledger {book.path}")
    for account in accounts:
        typer.echo(account.sentence())
        for spend in account.spends:
            typer.echo(f"  {spend.sentence()}")
    if not accounts:
        typer.echo("nothing was spent")


@ledger_app.command(name="verify")
def ledger_verify(ledger: LedgerPlace = None) -> None:
    """Check that no entry was changed or taken out, and that no old copy was put back."""
    book = _book(ledger)
    typer.echo(f"verified: {book.path}, {book.entries()} entries, each chained to the one before")


@ledger_app.command(name="cap")
def ledger_cap(
    source_id: Annotated[str, typer.Option(help="name of the records")],
    epsilon: Annotated[float, typer.Option(help="most that may be spent on them in all")],
    delta: Annotated[float, typer.Option(help="at which that epsilon holds")] = 1e-6,
    unit: Annotated[
        str | None,
        typer.Option(metavar="COL", help="privacy unit of a new source; records, if left out"),
    ] = None,
    ledger: LedgerPlace = None,
) -> None:
    """Declare what may be spent on a source of records in all; opens its account if it has none."""
    from tabsynth.privacy.budget import Budget
    from tabsynth.privacy.ledger import unit_words

    Budget(epsilon, delta)
    words = None if unit is None else unit_words(unit)
    account = _book(ledger).cap(source_id, words, epsilon=epsilon, delta=delta)
    typer.echo(account.sentence())


def _book(path: Path | None) -> Ledger:
    from tabsynth.privacy.ledger import Ledger

    return Ledger.at(path)


def _as_json(account: SourceAccount) -> dict[str, Any]:
    return {
        "source_id": account.source,
        "unit": account.unit,
        "cap": {"epsilon": account.epsilon, "delta": account.delta, "rho": account.cap},
        "spent": {
            # none where discoveries have used up the delta of a cap that was lowered
            "epsilon": account.cumulative if math.isfinite(account.cumulative) else None,
            "delta": account.delta, "rho": account.rho,
        },
        "fits": [
            {
                "fit": s.fit, "day": s.day, "synthesizer": s.what, "epsilon": s.epsilon,
                "delta": s.delta, "rho": s.rho, "committed": s.committed,
            }
            for s in account.spends
        ],
    }  # fmt: skip
