"""The private line: raw records, a declared schema and a budget in; a model with a certificate out.

    file -> raw columns -> (budget reserved) -> intake -> PrivateTable -> PrivateSynthesizer.fit
         -> Fitted with a Certificate -> (reservation committed)

No `Table` is made of the records, as checking them would tell of them: what is refused here depends
on the schema, the options and the names of columns. What is refused before the budget is reserved
costs nothing; after it, the budget is spent, whatever happens.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from tabsynth import __version__
from tabsynth.choice import AUTO, configure, resolve_private
from tabsynth.constraints.plan import Plan
from tabsynth.constraints.training import require_kept
from tabsynth.errors import DataError, PrivacyError, UsageError
from tabsynth.gate import Policy
from tabsynth.io.atomic import atomic_files
from tabsynth.io.write import open_writer
from tabsynth.manifests import Privacy, RunManifest
from tabsynth.modelfile import Fitted
from tabsynth.privacy.budget import DELTA, Budget
from tabsynth.privacy.certificate import certificate, unit_of
from tabsynth.privacy.domain import Domain
from tabsynth.privacy.intake import admit
from tabsynth.privacy.ledger import Ledger, require_source_id
from tabsynth.privacy.noise import NoiseSource, OpenDPNoise
from tabsynth.privacy.parting import part
from tabsynth.privacy.spending import Account
from tabsynth.refusals import check_protected, check_strata, check_target, require_generated_keys
from tabsynth.report.html import render_html
from tabsynth.report.model import Audience, Report
from tabsynth.sampler import sample
from tabsynth.schema.files import dump_schema
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.margins import two_digits
from tabsynth.table import Table
from tabsynth.workflow import (
    describe_run,
    evaluate,
    for_audience,
    fresh_seed,
    raw_table,
    write_report,
)

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
    "Nothing was measured on real records: that would not be differentially private. So nothing is "
    "known of how close the table is to them; `--with-private-report` measures it.",
)


@dataclass(frozen=True)
class Spend:
    """A privacy budget, and where it is accounted for.

    Args:
        epsilon: finite and above 0; smaller is more private.
        source_id: a name for the records, the same for every fit of them; written to outputs.
        delta: between 0 and 1, both excluded.
        ledger: the ledger file; by default the person's own.

    Raises:
        UsageError: values that are none of these.
    """

    epsilon: float
    source_id: str
    delta: float = DELTA
    ledger: str | Path | None = None

    def __post_init__(self) -> None:
        require_source_id(self.source_id)
        Budget(self.epsilon, self.delta)

    @property
    def budget(self) -> Budget:
        """Epsilon and delta alone."""
        return Budget(self.epsilon, self.delta)

    @property
    def book(self) -> Ledger:
        """The ledger."""
        return Ledger.at(self.ledger)


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


@dataclass(frozen=True)
class Prepared:
    """All that a private fit needs but records and a budget; follows from public facts.

    Args:
        name: of the synthesizer.
        maker: the synthesizer.
        schema: of the table.
        domain: what is publicly known about its columns.
    """

    name: str
    maker: Any
    schema: TableSchema
    domain: Domain

    def lines(self, spend: Spend) -> list[str]:
        """What a person should know before the budget is spent.

        Privacy: reads the ledger, no record.
        """
        caution = spend.budget.caution
        book = spend.book
        return [
            *([f"warning: {caution}"] if caution else []),
            f"synthesizer {self.name}, {len(self.domain.names)} columns",
            f"privacy unit: {unit_of(self.schema)}",
            f"epsilon {spend.epsilon:g} at delta {spend.delta:g} will be charged to source "
            f"{spend.source_id!r} in {book.path}, whatever becomes of the fit",
        ]


def prepare(
    schema: TableSchema | None,
    synthesizer: str = AUTO,
    parameters: Mapping[str, Any] | None = None,
) -> Prepared:
    """Refuse what can be refused without a record, and decide what will be fitted.

    Args:
        schema: of the table.
        synthesizer: a registered name with a private form, or `auto`.
        parameters: hyper-parameters by name, values or texts.

    Raises:
        PrivacyError: no schema; a synthesizer without a private form; a constraint that the records
            would have to tell; a domain that is too large for the synthesizer.
        UndeclaredDomainError: naming every column that lacks a declared domain.
        SchemaError: constraints that contradict each other or the columns, or a modelled key.
        UsageError: an unknown synthesizer or parameter.
    """
    name = resolve_private(synthesizer)
    maker = configure(name, parameters or {}, private=True)
    if schema is None:
        raise PrivacyError(
            "--schema", expected="a schema in which a person declared every column's domain",
            got="none", remedy="write one; `tabsynth schema infer` proposes one, whose facts count "
            "once you have checked that they are public and deleted their names from `observed`",
        )  # fmt: skip
    domain = Domain.declared(schema)
    # no records, but every column: what else is refused follows from the schema
    nothing = pa.table({name: pa.array([], pa.string()) for name in schema.names})
    admit(nothing, schema, Account(1.0), domain=domain)
    require_generated_keys(schema)
    Plan.unlearnt(schema)
    if callable(getattr(maker, "check", None)):
        maker.check(domain)
    return Prepared(name, maker, schema, domain)


def fit_private(
    data: Records,
    *,
    schema: TableSchema,
    spend: Spend,
    synthesizer: str = AUTO,
    parameters: Mapping[str, Any] | None = None,
    noise: NoiseSource | None = None,
    say: Say = lambda _: None,
) -> Fitted:
    """Learn a model of private records under differential privacy.

    Args:
        data: the records, unchecked.
        schema: what they are; every modelled column declares its domain.
        spend: the budget, and the ledger that it is charged to.
        synthesizer: a registered name with a private form, or `auto`.
        parameters: hyper-parameters by name, values or texts.
        noise: for tests alone; by default OpenDP's, which nobody can foresee.
        say: called with a line before each step.

    Raises:
        PrivacyError: see `prepare`; a privacy unit that is not there.
        LedgerError: too little is left, or a ledger that cannot be used.
        DataError: a column of the schema that is not there.
        UsageError: an unknown synthesizer or parameter.

    Privacy: everything that is learnt, the number of records included, is differentially private
        with the budget's epsilon and delta; see `Fitted.certificate`. No seed reaches the fit.
    """
    prepared = prepare(schema, synthesizer, parameters)
    return _fit(raw_table(data), prepared, spend, noise=noise, say=say)


def _fit(
    raw: pa.Table, prepared: Prepared, spend: Spend, *, noise: NoiseSource | None, say: Say
) -> Fitted:
    """Reserve, admit, fit, commit."""
    schema, source = prepared.schema, OpenDPNoise() if noise is None else noise
    for line in prepared.lines(spend):
        say(line)
    # refuses columns that are not there; no answer is paid for yet
    admit(raw.slice(0, 0), schema, Account(spend.budget.rho), domain=prepared.domain, noise=source)
    reserved = spend.book.reserve(
        spend.source_id, unit_of(schema), epsilon=spend.epsilon, delta=spend.delta,
        what=prepared.name,
    )  # fmt: skip
    say(f"fitting {prepared.name}")
    account = Account(reserved.rho)
    data = admit(raw, schema, account, domain=prepared.domain, noise=source)
    model = prepared.maker.fit(data, rng=np.random.default_rng())
    spend.book.commit(reserved)
    return Fitted(
        model=model,
        schema=schema,
        synthesizer=prepared.name,
        parameters=dataclasses.asdict(prepared.maker),
        default_rows=max(1, two_digits(model.rows)),
        certificate=certificate(
            spend.budget, reserved, account.charges, domain_words=prepared.domain.words(),
            schema=schema, noise=source.name, certified=source.certified,
        ),
    )  # fmt: skip


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
    prepared = prepare(schema, synthesizer, parameters)
    if private_report is not None:
        private_report.check(schema)
    seed = fresh_seed() if seed is None else seed
    raw = raw_table(data)
    parts = None if private_report is None else _parts(raw, schema)
    with atomic_files(out) as folder:
        fitted = _fit(raw if parts is None else parts[0], prepared, spend, noise=None, say=say)
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
            report = _said_private(shown, fitted)
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


def _said_private(report: Report, fitted: Fitted) -> Report:
    """The report with the words that it is not covered by the model's certificate, beside that."""
    privacy = Privacy.of(fitted.certificate).model_dump(mode="json")
    provenance = {**report.provenance, "privacy": privacy}
    reasons = (NOT_PRIVATE, *report.reasons)
    return report.model_copy(update={"reasons": reasons, "provenance": provenance})


def command(fitted: Fitted, *, seed: int, n: int | None) -> str:
    """What makes a run of the same kind, at the same price again."""
    found = fitted.certificate
    if found is None:
        raise ValueError("expected a model that was fitted under a privacy budget")
    parts = ["tabsynth run DATA --schema SCHEMA -o DIR", f"--synthesizer {fitted.synthesizer}"]
    parts += [f"--param {shlex.quote(f'{k}={v}')}" for k, v in fitted.parameters.items()]
    parts += [f"-n {n}"] if n else []
    parts += [f"--epsilon {found.epsilon:g} --delta {found.delta:g}"]
    parts += [f"--source-id {shlex.quote(found.cumulative.source)} --seed {seed}"]
    return " ".join(parts)
