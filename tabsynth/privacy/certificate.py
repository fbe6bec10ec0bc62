"""The certificate of a private fit: what is promised, on what it rests, and what it leaves open.

It stands in the manifest of the model, of the run and in the report. It holds no number of records,
no hash of the source, no time and no figure of fit: all that it says follows from the schema, the
budget, the ledger and the releases that were paid for.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import groupby
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tabsynth import __version__
from tabsynth.privacy.budget import Budget
from tabsynth.privacy.domain import Domain
from tabsynth.privacy.ledger import RECORD, Reservation, SourceAccount, unit_words, upward
from tabsynth.privacy.spending import Charge
from tabsynth.schema.model import TableSchema

ACCOUNTING: Final = (
    "zero-concentrated differential privacy: the rho of all releases add up, and become epsilon at "
    "delta by Canonne, Kamath and Steinke (2020), proposition 12"
)
ARITHMETIC: Final = (
    "statistics and noise are whole numbers, drawn exactly from the operating system's entropy; "
    "floating point enters after a release, and in the accounting, where it is rounded against us"
)
RELATION: Final = "two tables are neighbours when one holds all records of one more unit"
PUBLIC_SCHEMA: Final = (
    "The schema was written from public knowledge, without looking at these records: the names and "
    "types of columns, whether values may be missing, and the domain of each column below."
)
LIBRARIES: Final = ("numpy", "scipy", "pyarrow")


@dataclass(frozen=True)
class Covered:
    """What a certificate is about, in the words that differ.

    Args:
        work: what was done.
        shows: whose contents are bounded, with its verb.
        chosen: what was chosen without looking at the records.
        beside: the limit that is its own.
    """

    work: str
    shows: str
    chosen: str
    beside: str


A_FIT: Final = Covered(
    work="fit",
    shows="the model and its tables show",
    chosen="The synthesizer, its parameters, epsilon and delta were chosen without looking at "
    "these records.",
    beside="A report that compares with the real records is not covered, nor is what it leads to.",
)
AN_EVALUATION: Final = Covered(
    work="evaluation",
    shows="this report shows",
    chosen="The synthetic table, the target, epsilon and delta were chosen without looking at "
    "these records, or by what the ledger counts.",
    beside="The synthetic table is taken as it is. What that table gives away of the records that "
    "it was made from is bounded by the fit that made it, or by nothing.",
)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StageSpend(_Part):
    """What one stage of a fit released.

    Args:
        stage: what it was for.
        mechanism: how noise was added.
        releases: how many times.
        sensitivity: how far one unit can move what is released; the largest of the stage.
        scale: the noise's parameter; the smallest of the stage.
        rho: what the stage cost.
        delta: what it spent of delta; 0 but for the discovery of categories.
    """

    stage: str
    mechanism: str
    releases: int = Field(ge=1)
    sensitivity: float
    scale: float
    rho: float = Field(ge=0)
    delta: float = Field(default=0.0, ge=0)


class Cumulative(_Part):
    """All that the ledger knows to have been spent on the source, this time included.

    Args:
        source: the declared id of the records.
        fits: how many, also those that failed; evaluations among them.
        epsilon: of all of them together.
        delta: at which that epsilon holds.
        rho: the sum.
        cap: the epsilon that the source's cap allows at that delta.
    """

    source: str
    fits: int = Field(ge=1)
    epsilon: float
    delta: float
    rho: float
    cap: float


class Certificate(_Part):
    """What a private fit promises.

    Args:
        certified: whether the noise was drawn so that the promise holds; without, there is none.
        epsilon: of the budget.
        delta: of the budget.
        rho: of the budget.
        unit: whose presence is hidden.
        relation: which tables are neighbours.
        stages: what was spent on what; less than the budget, or as much.
        cumulative: what was spent on the source in all.
        accounting: how costs add up.
        noise: the library that drew it, and its version.
        arithmetic: where whole numbers are used and where floating point is.
        libraries: versions of what the fit ran on.
        assumptions: what the promise takes to be public, word for word.
        discovered: columns whose domain was found under the budget, so that it is no assumption.
        limits: what it does not promise.
    """

    certified: bool
    epsilon: float = Field(gt=0)
    delta: float = Field(gt=0, lt=1)
    rho: float = Field(gt=0)
    unit: str
    relation: Literal["two tables are neighbours when one holds all records of one more unit"] = (
        RELATION
    )
    stages: tuple[StageSpend, ...]
    cumulative: Cumulative
    accounting: str = ACCOUNTING
    noise: str
    arithmetic: str = ARITHMETIC
    libraries: dict[str, str]
    assumptions: tuple[str, ...]
    discovered: tuple[str, ...] = ()
    limits: tuple[str, ...]

    @model_validator(mode="after")
    def _within_budget(self) -> Self:
        if sum(stage.rho for stage in self.stages) > self.rho * (1 + 1e-9):
            raise ValueError("expected stages that cost at most the budget")
        return self

    def describe(self) -> list[str]:
        """The certificate in sentences, for a person who was handed the model or its tables."""
        if not self.certified:
            return [f"NOT differentially private, for tests alone: {self.noise}.", *self.limits]
        total = self.cumulative
        spent = "; ".join(f"{s.stage}: {s.rho:.3g}" for s in self.stages)
        return [
            f"Differentially private: epsilon {self.epsilon:g} at delta {self.delta:g} "
            f"(rho {self.rho:.4g}), for {self.unit} more or less in the table.",
            f"Spent by this fit, in rho: {spent}. Noise: {self.noise}.",
            f"Spent in all on source {total.source!r}, this fit included: epsilon "
            f"{upward(total.epsilon)} at delta {total.delta:g}, of {total.cap:g}, in {total.fits} "
            f"{'fit' if total.fits == 1 else 'fits'}.",
            *self.limits,
        ]


def certificate(
    budget: Budget,
    reservation: Reservation,
    charges: Sequence[Charge],
    *,
    domain: Domain,
    discovered: Sequence[str] = (),
    schema: TableSchema,
    noise: str,
    certified: bool,
    covered: Covered = A_FIT,
) -> Certificate:
    """The certificate of a fit, or an evaluation, that ended well.

    Args:
        budget: what was granted.
        reservation: what the ledger charged for it.
        charges: what the fit's account was debited.
        domain: what is public about the columns.
        discovered: columns whose domain was not declared but found, and paid for.
        schema: of the table.
        noise: who drew the noise.
        certified: whether a promise may rest on it.
        covered: what it is about.
    """
    account = reservation.account
    return Certificate(
        certified=certified,
        epsilon=budget.epsilon,
        delta=budget.delta,
        rho=reservation.rho,
        unit=account.unit,
        stages=by_stage(charges),
        cumulative=cumulative(account),
        noise=noise,
        libraries={
            "tabsynth": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in LIBRARIES},
        },
        assumptions=(
            PUBLIC_SCHEMA,
            covered.chosen,
            *_unit_words(schema),
            *(w for n, w in zip(domain.names, domain.words(), strict=True) if n not in discovered),
        ),
        discovered=tuple(discovered),
        limits=limits(budget, account.unit, covered),
    )


def by_stage(charges: Sequence[Charge]) -> tuple[StageSpend, ...]:
    """Charges that follow each other in one stage, by one mechanism, as one."""
    found = []
    for (stage, mechanism), group in groupby(charges, lambda c: (c.stage, c.mechanism)):
        same = list(group)
        found.append(
            StageSpend(
                stage=stage,
                mechanism=mechanism,
                releases=len(same),
                sensitivity=max(c.sensitivity for c in same),
                scale=min(c.scale for c in same),
                rho=math.fsum(c.rho for c in same),
                delta=math.fsum(c.delta for c in same),
            )
        )
    return tuple(found)


def cumulative(account: SourceAccount) -> Cumulative:
    """What an account says was spent, for a certificate."""
    return Cumulative(
        source=account.source,
        fits=len(account.spends),
        epsilon=account.cumulative,
        delta=account.delta,
        rho=account.rho,
        cap=account.epsilon,
    )


def unit_of(schema: TableSchema) -> str:
    """Whose presence a fit hides, in words that name the same unit alike."""
    return unit_words(schema.tabsynth.privacy_unit)


def limits(budget: Budget, unit: str, covered: Covered = A_FIT) -> tuple[str, ...]:
    """What the bound means and does not mean, in plain language."""
    most = upward(math.exp(min(budget.epsilon, 700.0)))
    lines = [
        f"Whatever {covered.shows} would have been at most {most} times as likely, "
        f"or as unlikely, without {unit}, but for a chance of {budget.delta:g}.",
        "What is true of many people is learnt on purpose. It can tell something of a person "
        "whose records are not there.",
        "Fits and reports of the same records under another source id, with another ledger, or "
        "without a budget are not counted here.",
        f"The time and memory that the {covered.work} takes, and whether its file could be read, "
        "are not hidden.",
        covered.beside,
    ]
    if unit == RECORD:
        lines.insert(1, "A person with several records is protected less: one record is hidden.")
    return tuple(lines)


def _unit_words(schema: TableSchema) -> list[str]:
    name, bound = schema.tabsynth.privacy_unit, schema.tabsynth.max_records_per_unit
    if name is None:
        return ["Each record belongs to somebody else."]
    return [
        f"The column {name} says whose a record is; {bound} records of one {name} count, picked at "
        "random."
    ]
