"""A model that was learnt under a budget, and about how many records it was learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.odds import Odds
from tabsynth.synthesizers.protocol import Conditional, Model, ModelState
from tabsynth.table import Table


class _Whole(Model, Conditional, Protocol):
    """A model that answers about conditions."""


@dataclass(frozen=True)
class CountedModel:
    """A model, and about how many records it was learnt from.

    Args:
        model: of a synthesizer without a budget, whose parts come from private measurements.
        rows: how many, from noisy sums, to two digits.
    """

    model: _Whole
    rows: int

    @property
    def schema(self) -> TableSchema:
        """The columns that `sample` returns."""
        return self.model.schema

    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        """Draw n records; see `protocol.Model`."""
        return self.model.sample(n, rng=rng, given=given)

    def odds(self, n: int, *, given: Table, rng: np.random.Generator) -> Odds:
        """The probability of conditions; see `protocol.Conditional`."""
        return self.model.odds(n, given=given, rng=rng)

    def levels(self, column: str) -> list[Any]:
        """The values of a categorical column that the model emits; none where it has numbers."""
        return self.model.levels(column)

    def state(self) -> ModelState:
        """What a model file holds of it."""
        state = self.model.state()
        return ModelState({**state.settings, "rows": self.rows}, state.arrays, state.weights)

    def describe(self) -> list[str]:
        """Sentences about what the model holds."""
        return self.model.describe()
