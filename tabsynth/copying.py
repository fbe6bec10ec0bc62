"""A safe copy of a database in one go: fit a part, draw, judge by the rest, and only then write."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from tabsynth.choice import AUTO
from tabsynth.database_workflow import (
    fit_database,
    read_database,
    require_takes,
    sample_database,
    write_database,
)
from tabsynth.entities import entity_table
from tabsynth.gate import Policy
from tabsynth.io.atomic import atomic_files
from tabsynth.relational.evaluation import evaluate_database
from tabsynth.relational.parting import part
from tabsynth.relations.fitted import FittedDatabase
from tabsynth.relations.preflight import check_synthesizer, plan_database
from tabsynth.relations.regrowing import regrown
from tabsynth.report.model import Audience, Report
from tabsynth.report_files import for_audience, write_report
from tabsynth.rerun import by_method
from tabsynth.schema.database import DatabaseSchema
from tabsynth.stores.address import open_store
from tabsynth.stores.identity import require_another
from tabsynth.stores.protocol import Mode, Store
from tabsynth.synthesizers.margins import two_digits
from tabsynth.workflow import REPORTS, fresh_seed

MODEL: Final = "model.tabsynth"
RESULTS: Final = (*REPORTS, MODEL)

# which verdicts let a copy be written
WriteIf = Literal["passed", "not-failed", "always"]
_WRITTEN: Final[dict[WriteIf, tuple[str, ...]]] = {
    "passed": ("pass",), "not-failed": ("pass", "inconclusive"),
    "always": ("pass", "inconclusive", "fail"),
}  # fmt: skip

Say = Callable[[str], object]


@dataclass(frozen=True)
class Copied:
    """What came of it.

    Args:
        report: on the copy.
        written: numbers of records by table; None where nothing was written.
    """

    report: Report
    written: Mapping[str, int] | None


def copy_safe(
    source: Store | str | Path,
    to: Store | str | Path,
    *,
    schema: DatabaseSchema | None = None,
    entity: str | None = None,
    synthesizer: str = AUTO,
    parameters: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    policy: Policy | None = None,
    audience: Audience = "internal",
    mode: Mode = "create",
    write_if: WriteIf = "not-failed",
    seed: int | None = None,
    say: Say = lambda _: None,
) -> Copied:
    """Copy a database as a synthetic one of about the same size, judged before it is written.

    80 % of the entities, each with all that hangs from it, are learnt; the others are what attacks
    and figures compare with. What is judged is what is written.

    Args:
        source: a database URL or a folder of files; it is only read.
        to: where to; another one than the source.
        schema: what the tables are; by default what is declared, completed from the records.
        entity: the table of the people or things to protect; see `entity_table`.
        synthesizer: a registered name, or `auto`.
        parameters: hyper-parameters by name, values or texts.
        out: a directory for `RESULTS`; they appear when all is done, or not at all.
        policy: what the gate accepts; by default the documented one.
        audience: whom the report is written for.
        mode: `create` refuses tables that are there, `replace` takes their place.
        write_if: the verdicts with which the copy is written: `passed` alone, `not-failed`
            (passed and inconclusive), or `always`.
        seed: of split, fit, sample and evaluation; by default a fresh one.
        say: called with a line before each step.

    Raises:
        DataError, SchemaError: a source that cannot be read or learnt from.
        OutputError: a target that is the source, or does not take the tables.
        UsageError: a synthesizer, parameter or entity that is not there.

    Privacy: reads all records. The report holds statistics of them, the model what `describe` says.
    """
    seed = fresh_seed() if seed is None else seed
    read, target = _opened(source), _opened(to)
    require_another(read, target)
    check_synthesizer(synthesizer, parameters or {})
    database = read_database(read, schema, say=say)
    plan_database(database, synthesizer, parameters)
    require_takes(target, database.schema, mode)
    sizes = {name: table.num_rows for name, table in database.tables.items()}
    table = entity_table(database.schema, sizes, entity)
    parts = part(database, table, rng=np.random.default_rng([seed, *b"parts"]))
    for note in parts.notes:
        say(f"note: {note}")
    fitted = fit_database(
        parts.train,
        synthesizer=synthesizer,
        parameters=parameters,
        entity=table,
        seed=seed,
        say=say,
    )
    fitted = dataclasses.replace(
        fitted,
        model=regrown(fitted.model, parts.share, parts.whole),
        default_rows={name: two_digits(size) if size else 0 for name, size in sizes.items()},
    )
    say("sampling")
    synthetic = sample_database(fitted, seed=seed)
    report = evaluate_database(
        parts.train, synthetic, holdout=parts.holdout, entity=table, policy=policy,
        seed=seed, say=say,
        provenance={"synthesizer": fitted.synthesizer, "parameters": fitted.parameters,
                    "seed": seed, "command": _again(fitted, table, seed)},
    )  # fmt: skip
    written = None
    with ExitStack() as stack:
        if out is not None:
            folder = stack.enter_context(atomic_files(out))
            write_report(for_audience(report, audience, database.schema.tables[table]), folder)
            fitted.save(folder / MODEL)
        if report.verdict in _WRITTEN[write_if]:
            written = write_database(target, synthetic, mode=mode, say=say)
    return Copied(report, written)


def _again(fitted: FittedDatabase, entity: str, seed: int) -> str:
    """What makes the same copy again; names of databases stand for themselves."""
    parts = ["tabsynth db copy-safe SOURCE --to TARGET -o DIR"]
    parts += [f"--entity {shlex.quote(entity)}"]
    parts += by_method(fitted.synthesizer, fitted.parameters)
    return " ".join([*parts, f"--seed {seed}"])


def _opened(store: Store | str | Path) -> Store:
    return open_store(str(store)) if isinstance(store, (str, Path)) else store
