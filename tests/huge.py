"""A synthesizer that no machine has the memory for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from tabsynth.synthesizers.protocol import Cost, Size
from tabsynth.table import Table


@dataclass(frozen=True)
class Huge:
    """Asks for a million gigabytes, and must never be let in."""

    name: ClassVar[str] = "huge"
    summary: ClassVar[str] = "a fit that no machine has the memory for"

    def cost(self, size: Size) -> Cost:
        return Cost(seconds=10.0, memory=1e15)

    def fit(self, data: Table, *, rng: Any) -> Any:
        raise AssertionError("expected to be refused before the fit")
