"""A report on real records under a privacy budget: its figures are private, and may be published.

    synthetic table, schema -> questions -> (budget reserved) -> intake -> PrivateTable -> answers
         -> Report with a Certificate -> (reservation committed)

One real table is asked about. No attack is tried and no verdict given: what an attacker finds in
single records is what a budget hides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pyarrow as pa

from tabsynth import __version__
from tabsynth.errors import DataError, UsageError
from tabsynth.manifests import Privacy
from tabsynth.noisy_questions import Cells, Trial, ask, chosen_pairs, learnt
from tabsynth.noisy_results import number, results
from tabsynth.privacy.certificate import AN_EVALUATION, certificate, unit_of
from tabsynth.privacy.domain import Domain
from tabsynth.privacy.intake import admit, record_codes, require_columns
from tabsynth.privacy.ledger import EVALUATION
from tabsynth.privacy.noise import NoiseSource, OpenDPNoise
from tabsynth.privacy.reading import raw_columns
from tabsynth.privacy.spending import Account
from tabsynth.private_fit import Spend, known_domain, settle
from tabsynth.refusals import check_target
from tabsynth.report.model import PRIVATE_EVALUATION, Report, Result
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table

if TYPE_CHECKING:
    from typing import TypeAlias

    import pandas as pd

    Records: TypeAlias = pa.Table | pd.DataFrame

Say = Callable[[str], object]
Which = Literal["train", "holdout"]

PUBLISHABLE: Final = (
    "The figures are differentially private: noise was added to every answer about real records, "
    "and they may be published with the certificate."
)
NO_ATTACK: Final = "No attack was tried, so nothing is said of what the synthetic table gives away."
AGAINST: Final[dict[Which, str]] = {
    "holdout": "Figures are against records that no fit saw.",
    "train": "Figures are against the records that were fitted: a table that copies them would "
    "look perfect.",
}
HIDDEN: Final = (
    "The noise of this budget hides every figure: nothing is known of how close the table is to "
    "the real records. A larger epsilon, or more records, would show it."
)
PARTLY_HIDDEN: Final = "The noise of this budget hides {hidden} of {all} figures."


def evaluate_private(
    real: Records,
    synthetic: Records,
    *,
    schema: TableSchema,
    spend: Spend,
    which: Which = "holdout",
    target: str | None = None,
    seed: int | None = None,
    noise: NoiseSource | None = None,
    say: Say = lambda _: None,
) -> Report:
    """Measure a synthetic table against real records, under a privacy budget.

    Args:
        real: the records, unchecked.
        synthetic: the synthetic records; taken to be public.
        schema: what both are; every modelled column declares its domain.
        spend: the budget, and the ledger that it is charged to.
        which: whether the real records are a `holdout` that no fit saw, or were fitted: `train`.
        target: column that a model learns to predict from synthetic records, for utility.
        seed: of what is drawn from public facts; by default 0. No noise comes from it.
        noise: for tests alone; by default OpenDP's, which nobody can foresee.
        say: called with a line before each step.

    Returns:
        A report that is `inconclusive`: it has no figures on leaks.

    Raises:
        PrivacyError: a column without a declared domain; a privacy unit that is not there.
        LedgerError: too little is left, or a ledger that cannot be used.
        DataError: a column of the schema that is not there; synthetic records that break the
            schema, or none.
        UsageError: a target that is not modelled, or domains to be found.

    Privacy: everything that is said of the real records, their number included, is differentially
        private with the budget's epsilon and delta.
    """
    schema, domain = known_domain(schema)
    check_target(target, schema)
    if spend.discover:
        raise UsageError("--discover", expected="columns with declared domains", got="one without",
                         remedy="declare them in the schema")  # fmt: skip
    cells = _in_cells(synthetic, schema, domain)
    rng = np.random.default_rng(seed or 0)
    pairs = chosen_pairs(cells, rng)
    trial = None if target is None else learnt(cells, domain.names.index(target), rng)
    raw = raw_columns(real, schema)
    require_columns(raw, schema.modelled_names, schema.tabsynth.privacy_unit)
    source = OpenDPNoise() if noise is None else noise
    budget = spend.budget(schema)
    if budget.caution:
        say(f"warning: {budget.caution}")
    say(f"privacy unit: {unit_of(schema)}")
    reserved = spend.book.reserve(spend.source_id, unit_of(schema), budget, what=EVALUATION)
    say(f"{spend.sentence('is')}, whatever becomes of the evaluation")
    say(f"asking about {len(domain.names)} columns and {len(pairs)} pairs")
    account = Account(reserved.rho)
    answers = ask(admit(raw, schema, account, domain=domain, noise=source), cells, pairs, trial)
    settle(spend, reserved, say)
    proof = certificate(
        budget, reserved, account.charges, domain=domain, schema=schema, noise=source.name,
        certified=source.certified, covered=AN_EVALUATION,
    )  # fmt: skip
    found = results(cells, pairs, trial, answers, seed=seed or 0)
    return Report(
        verdict="inconclusive",
        audience="public",
        reasons=_reasons(found, which, target, trial),
        results=tuple(found),
        provenance={
            "kind": PRIVATE_EVALUATION,
            "tabsynth": __version__,
            "real_table": which,
            "target": target,
            "columns": {"modelled": list(domain.names)},
            "noisy_real_records": _number_words(answers.records),
            "synthetic_records": cells.records,
            "evaluation_seed": seed or 0,
            "command": "tabsynth evaluate --private "
            f"--{which} DATA --synthetic DATA --schema SCHEMA -o DIR "
            + (f"--target {target} " if target else "")
            + f"--epsilon {spend.epsilon:g} --delta {spend.delta:g} --source-id {spend.source_id}",
            "privacy": Privacy.of(proof).model_dump(mode="json"),
        },
    )


def _in_cells(synthetic: Records, schema: TableSchema, domain: Domain) -> Cells:
    """The synthetic records in cells; what breaks the schema is refused, as nothing is hidden."""
    ours = schema.modelled
    rules = ours.tabsynth.model_copy(update={"constraints": ()})
    raw = raw_columns(synthetic, schema)
    require_columns(raw, domain.names, None)
    ours = ours.model_copy(update={"tabsynth": rules})
    table = Table.checked(raw.select(list(domain.names)), ours, where="synthetic")
    if table.num_rows == 0:
        raise DataError("synthetic", expected="records", got="none", remedy="give at least one")
    columns = zip(domain.codec.columns, domain.nullable, strict=True)
    return Cells.of(
        domain,
        [record_codes(table.data[c.field.name], c, ours, nullable=n) for c, n in columns],
    )


def _reasons(
    found: list[Result], which: Which, target: str | None, trial: Trial | None
) -> tuple[str, ...]:
    hidden = sum(r.value is None for r in found)
    told = HIDDEN if hidden == len(found) else PARTLY_HIDDEN.format(hidden=hidden, all=len(found))
    untold = target is not None and trial is None
    return (
        *((told,) if hidden else ()),
        PUBLISHABLE,
        AGAINST[which],
        NO_ATTACK,
        *((f"Nothing can be learnt of {target} from the synthetic table.",) if untold else ()),
    )


def _number_words(records: tuple[float, float]) -> str:
    known = number(records)
    if known is None:
        return "hidden by the noise"
    value, low, high = known
    return f"{value:,.0f}, 99 % interval {low:,.0f} to {high:,.0f}"
