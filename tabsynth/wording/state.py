"""What a model of a text column is, and what of it goes into a model file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class TextState:
    """Settings as JSON values, arrays of plain numbers, and weights of a network."""

    settings: dict[str, Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    weights: dict[str, NDArray[np.float32]] = field(default_factory=dict)


class TextModel(Protocol):
    """A model of one text column, given the record's other columns."""

    @property
    def method(self) -> str:
        """How the text is made, as `free_text` names it."""

    def write(self, rows: pa.Table, *, start: int, rng: np.random.Generator) -> pa.Array:
        """A text for each record of a chunk.

        Args:
            rows: the other columns, in their storage types.
            start: the place of the chunk's first record in the whole table.
            rng: the chunk's random numbers.

        Returns:
            Strings, null where a record has no text.
        """

    def state(self) -> TextState:
        """What goes into the model file."""

    def describe(self) -> list[str]:
        """What the model holds, in sentences, free of records."""
