"""A small private synthesizer, so that the private line can be tested apart from the real ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tabsynth import registry
from tabsynth.privacy.domain import Domain
from tabsynth.privacy.private_table import PrivateTable
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.independent import Independent, IndependentModel
from tabsynth.synthesizers.protocol import ModelState

NAME = "noisy_margins"
ROOT = str(Path(__file__).resolve().parents[1])
# what a process of its own runs first to know it; a dependency brings a package `tests` of its own
REGISTER = (
    f"import sys; sys.path.insert(0, {ROOT!r}); "
    "from tabsynth import choice, registry; choice.PRIVATE = 'noisy_margins'; "
    "registry.BUILT_IN['private_synthesizers']['noisy_margins'] = "
    "'tests.private_margins:NoisyMargins'"
)


@dataclass(frozen=True)
class NoisyMargins:
    """Noisy counts of every column, each by itself.

    Args:
        share: of the budget that is spent.
        most: fine cells that a column may have.
    """

    name: ClassVar[str] = NAME
    summary: ClassVar[str] = "for tests: each column by itself"

    share: float = 1.0
    most: int = 1_000_000

    def check(self, domain: Domain) -> None:
        from tabsynth.errors import PrivacyError

        if max(domain.fine_sizes) > self.most:
            raise PrivacyError("schema", expected=f"at most {self.most} cells in a column",
                               got="more", remedy="set cut_points")  # fmt: skip

    def fit(self, data: PrivateTable, *, rng: np.random.Generator) -> NoisyMarginsModel:
        columns = [(i,) for i in range(len(data.domain.names))]
        rho = data.remaining * self.share
        released = data.marginals(columns, rho=rho, stage="columns")
        codec = data.domain.codec
        shares = []
        for column, measured in zip(codec.columns, released, strict=True):
            counts = np.zeros(column.cells)
            counts[: len(measured.counts)] = np.maximum(measured.counts, 0)
            counts[0] += not counts.any()
            shares.append(counts / counts.sum())
        rows = np.mean([m.counts.sum() for m in released])
        return NoisyMarginsModel(codec, tuple(shares), max(1, int(rows)))

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> NoisyMarginsModel:
        plain: Any = Independent.restore(schema, state)
        return NoisyMarginsModel(plain.codec, plain.margins)


@dataclass(frozen=True)
class NoisyMarginsModel(IndependentModel):
    rows: int = 1


def register(patch: Any) -> None:
    """Let the registry know it for the time of a test."""
    known = registry.BUILT_IN["private_synthesizers"]
    patch.setitem(known, NAME, "tests.private_margins:NoisyMargins")
    patch.setattr("tabsynth.choice.PRIVATE", NAME)
