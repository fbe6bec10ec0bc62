"""The baseline: every column drawn from its own margin, independent of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting

from tabsynth.encoding.codec import POOLED, Codec, Codes
from tabsynth.encoding.freeze import MIN_COUNT, freeze_table
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.costs import independent_cost
from tabsynth.synthesizers.margins import draw, margin, require_possible, require_shares
from tabsynth.synthesizers.odds import Odds, log_unrelated
from tabsynth.synthesizers.protocol import Cost, Model, ModelState, Size, Traits
from tabsynth.table import Table


@dataclass(frozen=True)
class Independent:
    """Margins only: right in every column, blind to how columns go together.

    Args:
        min_count: fewest records behind a category, frequent value or bin end.
    """

    name: ClassVar[str] = "independent"
    summary: ClassVar[str] = "each column on its own; the baseline that any method must beat"
    traits: ClassVar[Traits] = Traits(
        places=True, cost="a fraction of a second for 50,000 records, seconds for millions"
    )

    min_count: Annotated[int, Setting(ge=1)] = MIN_COUNT

    def cost(self, size: Size) -> Cost:
        """Time and memory of a fit."""
        return independent_cost(size)

    def fit(self, data: Table, *, rng: np.random.Generator) -> IndependentModel:
        """Count every column's cells.

        Args:
            data: records to learn from.
            rng: not used; counting needs no randomness.

        Raises:
            DataError: fewer than twice `min_count` records.

        Privacy: not differentially private; reads margins only.
        """
        codec, codes = freeze_table(data, min_count=self.min_count)
        k = self.min_count
        margins = [
            margin(code, c.cells, min_count=k) for code, c in zip(codes, codec.columns, strict=True)
        ]
        return IndependentModel(codec, tuple(margins))

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> Model:
        """The model whose `state` this is.

        Raises:
            ValueError: parts that do not fit together.
        """
        codec = Codec.restore(schema, state.settings["columns"], state.arrays)
        margins = [state.arrays[f"{i}.margin"] for i in range(len(codec.columns))]
        for share, column in zip(margins, codec.columns, strict=True):
            require_shares(share)
            if len(share) != column.cells:
                raise ValueError("expected a share for every cell")
        return IndependentModel(codec, tuple(margins))


@dataclass(frozen=True)
class IndependentModel:
    """Cells and their shares, column by column."""

    codec: Codec
    margins: tuple[NDArray[np.float64], ...]

    @property
    def schema(self) -> TableSchema:
        """The columns that `sample` returns."""
        return self.codec.schema

    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        """Draw n records; given columns are as given, the others from their margins."""
        fixed = {} if given is None else self.codec.encode_given(given)
        codes: list[Codes] = []
        for column, share in zip(self.codec.columns, self.margins, strict=True):
            drawn = draw(share, n, rng)
            wanted = fixed.get(column.field.name)
            if wanted is not None:
                require_possible(column.field.name, wanted, share)
                drawn = np.where(wanted == POOLED, drawn, wanted)
            codes.append(drawn)
        return self.codec.decode(codes, rng, given=given)

    def odds(self, n: int, *, given: Table, rng: np.random.Generator) -> Odds:
        """The exact probability of conditions; see `protocol.Conditional`."""
        wanted = {self.schema.names.index(x): k for x, k in self.codec.encode_given(given).items()}
        exact = log_unrelated(wanted, self.margins)
        return Odds(exact, exact, np.full(len(exact), np.inf))

    def levels(self, column: str) -> list[Any]:
        """The values of a categorical column that the model emits; none where it has numbers."""
        share = self.margins[self.schema.names.index(column)]
        return self.codec.levels(column, np.flatnonzero(share))

    def state(self) -> ModelState:
        """What a model file holds of it."""
        settings, arrays = self.codec.state()
        arrays |= {f"{i}.margin": share for i, share in enumerate(self.margins)}
        return ModelState({"columns": settings}, arrays)

    def describe(self) -> list[str]:
        """Sentences about what the model holds."""
        return [
            "One margin per column; nothing about how columns go together.",
            *self.codec.describe(),
        ]
