"""The private line: raw records, a declared schema and a budget in; a model with a certificate out.

    file -> raw columns -> (budget reserved) -> intake -> PrivateTable -> PrivateSynthesizer.fit
         -> Fitted with a Certificate -> (reservation committed)

No `Table` is made of the records, as checking them would tell of them: what is refused here depends
on the schema, the options and the names of columns. What is refused before the budget is reserved
costs nothing; after it, the budget is spent, whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from tabsynth import __version__
from tabsynth.choice import AUTO, configure, parameters_to_keep, resolve_private
from tabsynth.constraints.plan import Plan
from tabsynth.errors import LedgerError, PrivacyError, UsageError, unknown
from tabsynth.modelfile import Fitted
from tabsynth.privacy.budget import DELTA, Budget
from tabsynth.privacy.certificate import certificate, unit_of
from tabsynth.privacy.discovery import discover_bounds, discover_categories
from tabsynth.privacy.domain import Domain
from tabsynth.privacy.intake import admit, require_columns
from tabsynth.privacy.journal import Checkpoint, Kept
from tabsynth.privacy.ledger import Ledger, Reservation, require_source_id
from tabsynth.privacy.noise import NoiseSource, OpenDPNoise, SeededNoise
from tabsynth.privacy.reading import raw_columns
from tabsynth.privacy.spending import Account
from tabsynth.progress import in_tenths
from tabsynth.refusals import require_generated_keys
from tabsynth.schema.files import dump_schema
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.margins import two_digits
from tabsynth.wording.learn import refuse_learnt_texts

if TYPE_CHECKING:
    from typing import TypeAlias

    import pandas as pd

    Records: TypeAlias = pa.Table | pd.DataFrame

Say = Callable[[str], object]

# shares of a budget that the discovery of domains takes
DISCOVERY_RHO: Final = 0.1
DISCOVERY_DELTA: Final = 0.5


@dataclass(frozen=True)
class Spend:
    """A privacy budget, and where it is accounted for.

    Args:
        epsilon: finite and above 0; smaller is more private.
        source_id: a name for the records, the same for every fit of them; written to outputs.
        delta: between 0 and 1, both excluded.
        ledger: the ledger file; by default the person's own.
        discover: columns whose categories or bounds nobody declared; they are found for a tenth of
            the budget, and where there are texts among them for half of delta.

    Raises:
        UsageError: values that are none of these.
    """

    epsilon: float
    source_id: str
    delta: float = DELTA
    ledger: str | Path | None = None
    discover: Sequence[str] = ()

    def __post_init__(self) -> None:
        require_source_id(self.source_id)
        Budget(self.epsilon, self.delta)

    def budget(self, schema: TableSchema) -> Budget:
        """Epsilon and delta, and the share of delta that discovering categories takes."""
        texts, _ = found_apart(schema, self.discover)
        return Budget(self.epsilon, self.delta, DISCOVERY_DELTA if texts else 0.0)

    @property
    def book(self) -> Ledger:
        """The ledger."""
        return Ledger.at(self.ledger)

    def sentence(self, verb: str) -> str:
        """Who is charged how much, and where; the verb says whether that is done already."""
        return (
            f"epsilon {self.epsilon:g} at delta {self.delta:g} {verb} charged to source "
            f"{self.source_id!r} in {self.book.path}"
        )


@dataclass(frozen=True)
class Prepared:
    """All that a private fit needs but records and a budget; follows from public facts.

    Args:
        name: of the synthesizer.
        maker: the synthesizer.
        schema: of the table.
        domain: what is publicly known about its columns; None where some of it is to be found.
        spend: the budget.
    """

    name: str
    maker: Any
    schema: TableSchema
    domain: Domain | None
    spend: Spend

    def lines(self) -> list[str]:
        """What a person should know before the budget is reserved; reads no record."""
        caution = self.spend.budget(self.schema).caution
        return [
            *(f"warning: {c}" for c in (caution, getattr(self.maker, "caution", None)) if c),
            f"synthesizer {self.name}, {len(self.schema.modelled_names)} columns",
            f"privacy unit: {unit_of(self.schema)}",
        ]


def prepare(
    schema: TableSchema | None,
    spend: Spend,
    synthesizer: str = AUTO,
    parameters: Mapping[str, Any] | None = None,
) -> Prepared:
    """Refuse what can be refused without a record, and decide what will be fitted.

    Args:
        schema: of the table.
        spend: the budget.
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
    schema, domain = known_domain(schema, spend.discover)
    require_generated_keys(schema)
    refuse_learnt_texts(schema)
    Plan.unlearnt(schema)
    if spend.discover:
        return Prepared(name, maker, schema, None, spend)
    check_size(maker, domain)
    return Prepared(name, maker, schema, domain, spend)


def known_domain(
    schema: TableSchema | None, discover: Sequence[str] = ()
) -> tuple[TableSchema, Domain]:
    """What a person declared in the schema, and what it makes publicly known; reads no record.

    Args:
        schema: of the table.
        discover: columns whose domain is to be found; it is that of a table without records.

    Raises:
        PrivacyError: no schema; a privacy unit without a bound.
        UndeclaredDomainError: naming every column that lacks a declared domain.
    """
    if schema is None:
        raise PrivacyError(
            "--schema", expected="a schema in which a person declared every column's domain",
            got="none", remedy="write one; `tabsynth schema infer` proposes one, whose facts count "
            "once you have checked that they are public and deleted their names from `observed`",
        )  # fmt: skip
    # no records, but every column: what is refused here follows from the schema
    nothing = pa.table({name: pa.array([], pa.string()) for name in schema.names})
    known = discovered(nothing, schema, Account(1.0, 0.5), discover, noise=SeededNoise(0))
    domain = Domain.declared(known)
    admit(nothing, known, Account(1.0), domain=domain)
    return schema.declared, domain


def check_size(maker: Any, domain: Domain) -> None:
    """Let a synthesizer refuse a domain that is too large for it."""
    if callable(getattr(maker, "check", None)):
        maker.check(domain)


def found_apart(schema: TableSchema, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Columns to be discovered: those whose categories are looked for, and those whose bounds are.

    Raises:
        UsageError: a name that is no modelled column.
        PrivacyError: a column of pseudonyms, which would be told as they are in the source.
    """
    for name in names:
        if name in schema.modelled_names and schema.field(name).tabsynth.pseudonym is not None:
            raise PrivacyError(
                f"--discover {name}", expected="a column without pseudonyms",
                got="one whose values are made pseudonyms when they are read without a budget",
                remedy="take the column out, or declare its categories without `pseudonym`",
            )  # fmt: skip
        if name not in schema.modelled_names:
            raise unknown("--discover", name, schema.modelled_names, remedy="name modelled columns")
    texts = [name for name in names if schema.field(name).type == "string"]
    return texts, [name for name in names if name not in texts]


def discovered(
    raw: pa.Table,
    schema: TableSchema,
    account: Account,
    columns: Sequence[str],
    *,
    noise: NoiseSource,
) -> TableSchema:
    """The schema with the domains of some columns found, for a tenth of an account.

    Raises:
        PrivacyError: a column whose domain is declared, or is none that can be found.
    """
    texts, others = found_apart(schema, columns)
    each = account.rho * DISCOVERY_RHO / max(1, bool(texts) + bool(others))
    if texts:
        schema = discover_categories(
            raw, schema, account, columns=texts, rho=each, delta=account.delta, noise=noise
        )
    if others:
        schema = discover_bounds(raw, schema, account, columns=others, rho=each, noise=noise)
    return schema


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

    A checkpoint is removed before this returns, so save the model at once; the commands `fit` and
    `run` keep it until their files are in place.

    Raises:
        PrivacyError: see `prepare`; a privacy unit that is not there.
        LedgerError: too little is left, or a ledger that cannot be used.
        DataError: a column of the schema that is not there.
        UsageError: an unknown synthesizer or parameter.

    Privacy: everything that is learnt, the number of records included, is differentially private
        with the budget's epsilon and delta; see `Fitted.certificate`. No seed reaches the fit.
    """
    prepared = prepare(schema, spend, synthesizer, parameters)
    with fitting(raw_columns(data, schema), prepared, noise=noise, say=say) as fitted:
        return fitted


@contextmanager
def fitting(
    raw: pa.Table, prepared: Prepared, *, noise: NoiseSource | None = None, say: Say
) -> Iterator[Fitted]:
    """Reserve, admit, fit; and commit once what is done with the model is done.

    A checkpoint is removed no sooner than that: where the model was not written, the fit goes on
    from it and makes the same model again, for nothing. See `fit_private`.
    """
    schema, spend, maker = prepared.schema, prepared.spend, prepared.maker
    source = OpenDPNoise() if noise is None else noise
    for line in prepared.lines():
        say(line)
    require_columns(raw, schema.modelled_names, schema.tabsynth.privacy_unit)
    budget = spend.budget(schema)
    kept = checkpoint_of(prepared)
    reserved = _reserved(prepared, budget, kept)
    say(f"{spend.sentence('is')}, whatever becomes of the fit")
    if kept is not None and kept.released:
        say(f"going on after {len(kept.released):,} answers")
    say(f"fitting {prepared.name}")
    tell = in_tenths(say, "{} % of the budget is spent")
    account = Account(reserved.rho, budget.discovery_delta, watch=tell)
    domain = prepared.domain
    if domain is None:
        schema = discovered(raw, schema, account, spend.discover, noise=source)
        domain = Domain.declared(schema)
        check_size(maker, domain)
    journal = None
    if kept is not None:
        journal = Kept(kept, lambda number: spend.book.announce(reserved, number))
    data = admit(raw, schema, account, domain=domain, noise=source, journal=journal)
    model = maker.fit(data, rng=np.random.default_rng(None if kept is None else kept.seed))
    yield Fitted(
        model=model,
        schema=schema,
        synthesizer=prepared.name,
        parameters=parameters_to_keep(maker),
        default_rows=max(1, two_digits(model.rows)),
        certificate=certificate(
            budget, reserved, account.charges, domain=domain, discovered=spend.discover,
            schema=schema, noise=source.name, certified=source.certified,
        ),
    )  # fmt: skip
    settle(spend, reserved, say)
    if kept is not None:
        kept.path.unlink(missing_ok=True)


def settle(spend: Spend, reserved: Reservation, say: Say) -> None:
    """Note in the ledger that what was paid for is there; the charge stands with or without it.

    A ledger that cannot be written now, busy or full, is told and no reason to fail: whoever tried
    again would pay again.
    """
    try:
        spend.book.commit(reserved)
    except LedgerError as error:
        say(
            "warning: the ledger does not note that this ended well: expected "
            f"{error.expected}, got {error.got}. Nothing is lost; the spend stays charged, and "
            "need not be paid again"
        )


def checkpoint_of(prepared: Prepared) -> Checkpoint | None:
    """The checkpoint that the parameters name, found or begun; None where they name none.

    What it must agree with is public. Whether the records are still the same is not looked at, as a
    digest of them would tell of them.

    Raises:
        UsageError: a checkpoint of something else, or one for a fit that finds domains first.
    """
    place = getattr(prepared.maker, "checkpoint", None)
    if place is None:
        return None
    if prepared.spend.discover:
        raise UsageError("--discover", expected="declared domains beside a checkpoint",
                         got="some to be found", remedy="leave one of them out")  # fmt: skip
    spend = prepared.spend
    key = {
        "synthesizer": prepared.name, "parameters": parameters_to_keep(prepared.maker),
        "schema": dump_schema(prepared.schema), "source": spend.source_id,
        "epsilon": spend.epsilon, "delta": spend.delta, "tabsynth": __version__,
    }  # fmt: skip
    return Checkpoint.at(Path(place), key)


def _reserved(prepared: Prepared, budget: Budget, kept: Checkpoint | None) -> Reservation:
    """The fit's reservation: a new one, or that of the fit that goes on."""
    spend, unit = prepared.spend, unit_of(prepared.schema)
    if kept is None:
        return spend.book.reserve(spend.source_id, unit, budget, what=prepared.name)
    try:
        return spend.book.resume(
            spend.source_id, unit, budget, what=prepared.name, fit=kept.fit,
            answers=len(kept.released),
        )  # fmt: skip
    except LedgerError:
        if kept.begun:
            kept.path.unlink(missing_ok=True)
        raise
