"""What a certificate says, and that it says nothing of records."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tabsynth.manifests import Privacy
from tabsynth.privacy.budget import Budget
from tabsynth.privacy.certificate import Certificate, by_stage, certificate, unit_of
from tabsynth.privacy.domain import Domain
from tabsynth.privacy.ledger import RECORD, FitSpend, Reservation, SourceAccount, upward
from tabsynth.privacy.spending import Charge
from tabsynth.schema.generator import Sequence
from tabsynth.schema.model import TableSchema
from tests.zoo import field

BUDGET = Budget(1.0, 1e-6)
CHARGES = [
    Charge("columns", "discrete Gaussian", 2.0, 30.0, BUDGET.rho / 4),
    Charge("tree", "exponential mechanism", 1.0, 9.0, BUDGET.rho / 8),
    Charge("tree", "exponential mechanism", 3.0, 8.0, BUDGET.rho / 8),
    Charge("pairs", "discrete Gaussian", 2.0, 20.0, BUDGET.rho / 2),
]
SCHEMA = TableSchema.model_validate({
    "fields": [
        field("who", tabsynth={"generator": Sequence(prefix="p")}),
        field("age", "integer", constraints={"minimum": 0, "maximum": 9}),
        field("ward", categories=("a", "b")),
    ],
    "tabsynth": {"privacy_unit": "who", "max_records_per_unit": 3},
})  # fmt: skip
DOMAIN = Domain.declared(SCHEMA)


def made(*, certified: bool = True, spends: int = 2, unit: str = RECORD) -> Certificate:
    charged = FitSpend("ab", "2026-01-01", "mst", 1.0, 1e-6, BUDGET.rho)
    account = SourceAccount("survey", unit, 10.0, 1e-6, (charged,) * spends)
    return certificate(
        BUDGET, Reservation("ab", BUDGET.rho, account), CHARGES, domain=DOMAIN,
        discovered=["ward"], schema=SCHEMA, noise="opendp 0.16.0", certified=certified,
    )  # fmt: skip


def test_stages_add_up_to_what_was_charged() -> None:
    stages = by_stage(CHARGES)
    assert [(s.stage, s.releases) for s in stages] == [("columns", 1), ("tree", 2), ("pairs", 1)]
    assert stages[1].sensitivity == 3.0
    assert stages[1].scale == 8.0
    assert sum(s.rho for s in stages) == pytest.approx(BUDGET.rho)


def test_stages_beyond_the_budget_are_no_certificate() -> None:
    body = made().model_dump()
    body["stages"][0]["rho"] += BUDGET.rho
    with pytest.raises(ValidationError, match="at most the budget"):
        Certificate.model_validate(body)


def test_the_cumulative_spend_is_that_of_all_fits() -> None:
    one, two = made(spends=1).cumulative, made(spends=2).cumulative
    assert (one.fits, two.fits) == (1, 2)
    assert one.epsilon <= 1.0 < two.epsilon < 2.0


def test_sentences_tell_the_bound_the_source_and_the_limits() -> None:
    told = " ".join(made().describe())
    for words in ("epsilon 1 at delta 1e-06", "source 'survey'", "in 2 fits", "2.72 times",
                  "A person with several records is protected less"):  # fmt: skip
        assert words in told
    assert "protected less" not in " ".join(made(unit="all records of one who").describe())


def test_foreseeable_noise_voids_it_everywhere() -> None:
    void = made(certified=False)
    assert void.describe()[0].startswith("NOT differentially private")
    assert "epsilon 1" not in " ".join(void.describe())
    assert Privacy.of(void).differentially_private is False
    with pytest.raises(ValidationError, match="behind the claim"):
        Privacy(differentially_private=True, certificate=void)
    with pytest.raises(ValidationError, match="behind the claim"):
        Privacy(differentially_private=True)
    assert Privacy.of(made()).differentially_private is True


def test_assumptions_name_the_domain_and_the_unit() -> None:
    assumptions = made().assumptions
    assert "age lies from 0 to 9, asked about in 10 values; may be missing" in assumptions
    assert any("3 records of one who count" in line for line in assumptions)


def test_what_was_found_is_no_assumption() -> None:
    assert made().discovered == ("ward",)
    assert not any(line.startswith("ward") for line in made().assumptions)


def test_units_are_named_alike() -> None:
    assert unit_of(SCHEMA) == "all records of one who"
    assert unit_of(TableSchema(fields=(field("a"),))) == RECORD


def test_it_survives_a_file() -> None:
    assert Certificate.model_validate_json(made().model_dump_json()) == made()


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (1.0, "1"), (1.8064, "1.81"), (0.9999999999999998, "1"),
                         (2.001, "2.01"), (123.4, "124"), (1e-5, "1e-05")]
)  # fmt: skip
def test_what_is_shown_is_never_below_what_was_spent(value: float, shown: str) -> None:
    assert upward(value) == shown
