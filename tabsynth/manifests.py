"""The manifests that tabsynth writes, as data: of a model file, and of a run."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from tabsynth.report.model import Verdict

MODEL_FORMAT: Final = "tabsynth-model"
MODEL_FORMAT_VERSION: Final = 1
MAX_ROWS: Final = 10**15


class Member(BaseModel):
    """One file inside a model file."""

    model_config = ConfigDict(frozen=True, strict=True)

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Privacy(BaseModel):
    """What may be claimed about a model.

    Args:
        differentially_private: whether it was fitted under a privacy budget.
        training_records: whether it holds training records, or parts of each of them.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    differentially_private: Literal[False] = False
    training_records: bool = False


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


class RunManifest(BaseModel):
    """`manifest.json` beside the results of a run.

    Args:
        synthesizer: registered name of what was fitted.
        parameters: its hyper-parameters.
        choice: why `auto` picked it, where it did.
        seed: of split, fit, sample and evaluation.
        verdict: of the report.
        model: what the model holds, in sentences.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    synthesizer: str
    parameters: dict[str, Any]
    choice: str | None = None
    seed: int
    verdict: Verdict
    model: list[str]
