"""The policy of the gate, and how it turns figures into a verdict."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

LEAK_SHARES: Final = (0.001, 0.005, 0.01, 0.05)


class Policy(BaseModel):
    """What the gate accepts; the defaults are those of the documentation.

    Args:
        significance: the membership attack fails the table when its p-value is below this.
        tpr: largest accepted share of members found at 1 % false alarms.
        tpr_isolated: the same among the 5 % most isolated records.
        advantage: largest accepted success of any other attack on members beyond controls.
        leak: the share of synthetic records that are near copies of training records, one field
            redrawn, which the attack must be able to find for a pass.
        power: with which probability it must find it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    significance: float = Field(default=0.01, gt=0, le=0.05)
    tpr: float = Field(default=0.03, ge=0.01, le=1)
    tpr_isolated: float = Field(default=0.10, ge=0.01, le=1)
    advantage: float = Field(default=0.05, ge=0, le=1)
    leak: float = 0.01
    power: float = Field(default=0.9, ge=0.5, le=1)

    @field_validator("leak")
    @classmethod
    def _planted(cls, leak: float) -> float:
        if leak not in LEAK_SHARES:
            raise ValueError(f"expected one of {', '.join(map(str, LEAK_SHARES))}")
        return leak
