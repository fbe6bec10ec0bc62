"""The manifests that tabsynth writes, as data: of a model file, and of a run."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tabsynth.privacy.certificate import Certificate
from tabsynth.report.model import Verdict

MODEL_FORMAT: Final = "tabsynth-model"
MODEL_FORMAT_VERSION: Final = 2
# of a model without texts, which versions from before these can read as well
PLAIN_FORMAT_VERSION: Final = 1
DATABASE_FORMAT: Final = "tabsynth-database-model"
DATABASE_FORMAT_VERSION: Final = 1
MAX_ROWS: Final = 10**15


class Member(BaseModel):
    """One file inside a model file."""

    model_config = ConfigDict(frozen=True, strict=True)

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Privacy(BaseModel):
    """What may be claimed about a model.

    Args:
        differentially_private: whether it was fitted under a privacy budget, with noise on which
            a promise may rest.
        training_records: whether it holds training records, or parts of each of them.
        certificate: of a fit under a privacy budget.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    differentially_private: bool = False
    training_records: bool = False
    certificate: Certificate | None = None

    @model_validator(mode="after")
    def _no_claim_without_a_certificate(self) -> Self:
        certified = self.certificate is not None and self.certificate.certified
        if self.differentially_private != certified:
            raise ValueError("expected a certificate behind the claim of differential privacy")
        return self

    @classmethod
    def of(cls, certificate: Certificate | None, *, training_records: bool = False) -> Self:
        """What may be claimed on the strength of a certificate, or without one."""
        return cls(
            differentially_private=certificate is not None and certificate.certified,
            training_records=training_records,
            certificate=certificate,
        )


class ModelManifest(BaseModel):
    """`manifest.json` inside a model file.

    Args:
        format: what kind of archive this is.
        format_version: rises when an older version could no longer read the file.
        tabsynth_version: what wrote it.
        libraries: versions that the model was fitted with.
        synthesizer: registered name of what fitted it.
        parameters: its hyper-parameters.
        default_rows: size of the training table to two digits.
        notes: sentences about how columns were treated.
        privacy: what may be claimed.
        table_schema: the table schema's descriptor, under the key `schema`.
        members: every other file in the archive.
    """

    model_config = ConfigDict(frozen=True, strict=True, populate_by_name=True)

    format: Literal["tabsynth-model"] = MODEL_FORMAT
    format_version: Annotated[int, Field(ge=1, le=MODEL_FORMAT_VERSION)] = MODEL_FORMAT_VERSION
    tabsynth_version: str
    libraries: dict[str, str]
    synthesizer: str
    parameters: dict[str, Any]
    default_rows: int = Field(ge=1, lt=MAX_ROWS)
    notes: list[str] = []
    privacy: Privacy = Privacy()
    table_schema: dict[str, Any] = Field(alias="schema")
    members: dict[str, Member]


class DatabaseManifest(BaseModel):
    """`manifest.json` inside the model file of a database.

    Args:
        format: what kind of archive this is.
        format_version: rises when an older version could no longer read the file.
        tabsynth_version: what wrote it.
        libraries: versions that the model was fitted with.
        synthesizer: registered name of what fitted every table.
        parameters: its hyper-parameters.
        default_rows: size of each training table to two digits.
        notes: sentences about how columns were treated.
        privacy: what may be claimed.
        package: the Data Package of the tables and their keys, without files.
        members: every other file in the archive.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    format: Literal["tabsynth-database-model"] = DATABASE_FORMAT
    format_version: Annotated[int, Field(ge=1, le=DATABASE_FORMAT_VERSION)] = (
        DATABASE_FORMAT_VERSION
    )
    tabsynth_version: str
    libraries: dict[str, str]
    synthesizer: str
    parameters: dict[str, Any]
    default_rows: dict[str, Annotated[int, Field(ge=0, lt=MAX_ROWS)]]
    notes: list[str] = []
    privacy: Privacy = Privacy()
    package: dict[str, Any]
    members: dict[str, Member]


class RunManifest(BaseModel):
    """`manifest.json` beside the results of a run.

    Args:
        synthesizer: registered name of what was fitted.
        parameters: its hyper-parameters.
        choice: why `auto` picked it, where it did.
        seed: of split, fit, sample and evaluation; under a privacy budget, of the sample alone.
        verdict: of the report.
        model: what the model holds, in sentences.
        privacy: what may be claimed about the model.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    synthesizer: str
    parameters: dict[str, Any]
    choice: str | None = None
    seed: int
    verdict: Verdict
    model: list[str]
    privacy: Privacy = Privacy()
