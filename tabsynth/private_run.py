"""A run under a privacy budget: what may be handed on, and apart from it a report that may not."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from tabsynth import __version__
from tabsynth.choice import AUTO
from tabsynth.constraints.training import require_kept
from tabsynth.errors import DataError, UsageError
from tabsynth.gate import Policy
from tabsynth.io.atomic import atomic_files, check_directory
from tabsynth.io.write import open_writer
from tabsynth.manifests import Privacy, RunManifest
from tabsynth.modelfile import Fitted
from tabsynth.privacy.parting import part
from tabsynth.privacy.reading import raw_columns
from tabsynth.private_fit import Spend, fitting, prepare
from tabsynth.refusals import check_protected, check_strata, check_target
from tabsynth.report.html import render_html
from tabsynth.report.model import Audience, Report
from tabsynth.report_files import describe_run, for_audience, write_report
from tabsynth.rerun import by_method
from tabsynth.sampler import sample
from tabsynth.schema.files import dump_schema
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tabsynth.workflow import RESULTS, evaluate, fresh_seed

if TYPE_CHECKING:
    from typing import TypeAlias

    import pandas as pd

    Records: TypeAlias = pa.Table | pd.DataFrame

Say = Callable[[str], object]

PRIVATE_REPORTS: Final = ("private-report.html", "private-report.json")
NOT_PRIVATE: Final = (
    "This report compares with real records. So it, its verdict and what is decided by it are not "
    "differentially private, whatever the model is."
)
NOT_MEASURED: Final = (
    "Nothing was measured on real records: that would have cost more of the budget. So nothing is "
    "known of how close the table is to them; `tabsynth evaluate --private` measures some of it "
    "under a budget of its own, `--with-private-report` all of it, which is not private.",
)


@dataclass(frozen=True)
class PrivateReport:
    """What a report on real records compares; it is not differentially private.

    Args:
        target: column to predict, for utility and bias.
        protected: columns that name the groups to compare, for bias.
        strata: columns in which outcomes may rightly differ.
        policy: what the gate accepts; by default the documented one.
        audience: whom the report is written for.
    """

    target: str | None = None
    protected: Sequence[str] = ()
    strata: Sequence[str] = ()
    policy: Policy | None = None
    audience: Audience = "internal"

    def check(self, schema: TableSchema) -> None:
        """Refuse columns that are not modelled.

        Raises:
            UsageError: one is not.
        """
        check_target(self.target, schema)
        check_protected(self.protected, schema)
        check_strata(self.strata, self.protected, self.target, schema)


def run_private(
    data: Records,
    out: str | Path,
    *,
    schema: TableSchema,
    spend: Spend,
    synthesizer: str = AUTO,
    parameters: Mapping[str, Any] | None = None,
    n: int | None = None,
    private_report: PrivateReport | None = None,
    seed: int | None = None,
    say: Say = lambda _: None,
) -> Report:
    """Private records in; a synthetic table and a model under differential privacy out.

    Args:
        data: the records, unchecked.
        out: directory for the files of `workflow.RESULTS`; all of them appear, or none.
        schema: what the records are; every modelled column declares its domain.
        spend: the budget, and the ledger that it is charged to.
        synthesizer: a registered name with a private form, or `auto`.
        parameters: hyper-parameters by name, values or texts.
        n: synthetic records; by default as many as the model, from noisy counts, takes the records
            to be.
        private_report: asks for a fifth of the privacy units to be kept from the fit, and the table
            to be judged by them. That report, its verdict, and errors about it are not
            differentially private.
        seed: of the sample; by default a fresh one. It reaches nothing else.
        say: called with a line before each step.

    Returns:
        The private report where it was asked for; else one that measures nothing and is
        `inconclusive`.

    Raises:
        as `fit_private`; with a private report also DataError: records that break the schema.

    Privacy: see `fit_private`; the files of `PRIVATE_REPORTS` are not differentially private.
    """
    if n is not None and n < 1:
        raise UsageError("-n", expected="at least 1 record", got=str(n), remedy="ask for 1 or more")
    prepared = prepare(schema, spend, synthesizer, parameters)
    if private_report is not None:
        private_report.check(schema)
        if getattr(prepared.maker, "checkpoint", None) is not None:
            raise UsageError(
                "--with-private-report", expected="no checkpoint beside it", got="one",
                remedy="leave one of them out; the people kept from the fit would be others when "
                "it goes on",
            )  # fmt: skip
    seed = fresh_seed() if seed is None else seed
    raw = raw_columns(data, schema)
    parts = None if private_report is None else _parts(raw, schema)
    check_directory(out, [*RESULTS, *(() if parts is None else PRIVATE_REPORTS)])
    fit = fitting(raw if parts is None else parts[0], prepared, say=say)
    with fit as fitted, atomic_files(out) as folder:
        say("sampling")
        synthetic = sample(fitted, n, seed=seed)
        report = _bundle(folder, fitted, synthetic, seed=seed, n=n)
        if private_report is not None and parts is not None:
            train, holdout = (Table.checked(p, schema) for p in parts)
            full = evaluate(
                train, holdout, synthetic, model=fitted, target=private_report.target,
                protected=private_report.protected, strata=private_report.strata,
                policy=private_report.policy, seed=seed, say=say,
            )  # fmt: skip
            shown = for_audience(full, private_report.audience, schema)
            report = shown.model_copy(update={"reasons": (NOT_PRIVATE, *shown.reasons)})
            for name, text in zip(
                PRIVATE_REPORTS, (render_html(report), report.to_json()), strict=True
            ):
                (folder / name).write_text(text, encoding="utf-8")
    return report


def _parts(raw: pa.Table, schema: TableSchema) -> tuple[pa.Table, pa.Table]:
    """Records to fit and to keep apart; what cannot be judged is refused before any spend."""
    named = raw.select([name for name in raw.column_names if name in schema.names])
    require_kept(Table.checked(named, schema), where="data")
    train, holdout = part(named, schema)
    if not (train.num_rows and holdout.num_rows):
        raise DataError("data", expected="some dozens of privacy units, to keep a fifth apart",
                        got="too few", remedy="leave --with-private-report out")  # fmt: skip
    return train, holdout


def _bundle(folder: Path, fitted: Fitted, synthetic: Table, *, seed: int, n: int | None) -> Report:
    """Everything that may be handed on, into a folder; returns the report that measures nothing."""
    privacy = Privacy.of(fitted.certificate)
    made_by: dict[str, Any] = {
        "synthesizer": fitted.synthesizer,
        "parameters": fitted.parameters,
    }
    report = Report(
        verdict="inconclusive",
        audience="public",
        reasons=NOT_MEASURED,
        results=(),
        provenance={
            "tabsynth": __version__,
            **made_by,
            "seed": seed,
            "synthetic_records": synthetic.num_rows,
            "command": command(fitted, seed=seed, n=n),
            "privacy": privacy.model_dump(mode="json"),
        },
    )
    with open_writer(folder / "synthetic.parquet", synthetic.schema) as writer:
        writer.write(synthetic.data)
    fitted.save(folder / "model.tabsynth")
    (folder / "schema.yaml").write_text(dump_schema(fitted.schema), encoding="utf-8")
    write_report(report, folder)
    describe_run(report, fitted.schema, folder)
    manifest = RunManifest(
        **made_by, seed=seed, verdict=report.verdict, model=fitted.describe(), privacy=privacy
    )
    text = manifest.model_dump_json(indent=2) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    return report


def command(fitted: Fitted, *, seed: int, n: int | None) -> str:
    """What makes a run of the same kind, at the same price again."""
    found = fitted.certificate
    if found is None:
        raise ValueError("expected a model that was fitted under a privacy budget")
    parts = ["tabsynth run DATA --schema SCHEMA -o DIR"]
    parts += by_method(fitted.synthesizer, fitted.parameters)
    parts += [f"-n {n}"] if n else []
    parts += [f"--epsilon {found.epsilon:g} --delta {found.delta:g}"]
    parts += [f"--discover {shlex.quote(name)}" for name in found.discovered]
    parts += [f"--source-id {shlex.quote(found.cumulative.source)} --seed {seed}"]
    return " ".join(parts)
