"""A trained network as a model: cells, margins, conditions, state."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from tabsynth.encoding.codec import Codec, Codes
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers import network_draws
from tabsynth.synthesizers.margins import require_possible
from tabsynth.synthesizers.network_columns import Layout
from tabsynth.synthesizers.network_conditions import Given
from tabsynth.synthesizers.network_draws import Balance
from tabsynth.synthesizers.networks import Decoder, Generator, Network, pool_of
from tabsynth.synthesizers.odds import Odds
from tabsynth.synthesizers.protocol import ModelState
from tabsynth.table import Table

Kind = Literal["generator", "decoder"]


@dataclass(frozen=True)
class NetworkModel:
    """A network that draws options and places, and what turns them into records.

    Args:
        codec: cells of every column.
        kind: of network.
        network: its weights.
        balance: what brings its margins to those of the records.
        told: sentences about how it was trained.
    """

    codec: Codec
    kind: Kind
    network: Network
    balance: Balance
    told: tuple[str, ...]

    @classmethod
    def of(
        cls, codec: Codec, kind: Kind, network: Generator | Decoder, *, rng: np.random.Generator,
        told: tuple[str, ...] = (),
    ) -> NetworkModel:  # fmt: skip
        """The model of a trained network, its margins balanced."""
        balance = Balance.of(network.layout, network.outputs(pool_of(network.layout), rng))
        return cls(codec, kind, network, balance, told)

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState, kind: Kind) -> NetworkModel:
        """The model whose `state` this is.

        Raises:
            ValueError: parts that do not fit together.
        """
        settings = state.settings
        codec = Codec.restore(schema, settings["columns"], state.arrays)
        layout = Layout.restore([c.cells for c in codec.columns], state.arrays)
        network = (Generator if kind == "generator" else Decoder)(layout, dict(state.weights))
        if any(w.dtype != np.float32 or not np.isfinite(w).all() for w in state.weights.values()):
            raise ValueError("expected weights that are 32-bit numbers")
        if any(type(line) is not str for line in settings["told"]):
            raise ValueError("expected sentences")
        # shapes that do not fit together show in a first draw
        network.outputs(2, np.random.default_rng(0))
        balance = Balance.restore(layout, state.arrays)
        return cls(codec, kind, network, balance, tuple(settings["told"]))

    @property
    def schema(self) -> TableSchema:
        """The columns that `sample` returns."""
        return self.codec.schema

    @property
    def layout(self) -> Layout:
        """How the network sees the columns."""
        return self.network.layout

    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        """Draw n records; conditions are met by weighted draws."""
        if given is None or not given.schema.names:
            return self.codec.decode(self.free(n, rng), rng)
        wanted = {j: np.broadcast_to(k, n) for j, k in self._wanted(given).items()}
        return self.codec.decode(self._given.draw(n, wanted, rng), rng, given=given)

    def free(self, n: int, rng: np.random.Generator) -> list[Codes]:
        """Cells of n records, per column of shape (n,)."""
        found: list[Codes] = [np.empty(n, np.int64) for _ in self.layout.columns]
        for some in network_draws.batches(n):
            size = some.stop - some.start
            drawn = network_draws.say(self.balance, self.network, size, rng)
            cells = network_draws.cells(self.layout, drawn, rng)
            for column, part in zip(found, cells, strict=True):
                column[some] = part
        return found

    def odds(self, n: int, *, given: Table, rng: np.random.Generator) -> Odds:
        """How probable conditions are, and how many independent draws will stand behind a record.

        See `protocol.Conditional`; probabilities of several columns are estimates.
        """
        return self._given.ask(self._wanted(given), n if given.num_rows == 1 else 1, rng)

    def levels(self, column: str) -> list[Any]:
        """The values of a categorical column that the model emits; none where it has numbers."""
        share = self.layout.columns[self.schema.names.index(column)].margin
        return self.codec.levels(column, np.flatnonzero(share))

    @cached_property
    def _given(self) -> Given:
        return Given(self.balance, self.network)

    def _wanted(self, given: Table) -> dict[int, Codes]:
        wanted = {}
        for name, codes in self.codec.encode_given(given).items():
            j = self.schema.names.index(name)
            require_possible(name, codes, self.layout.columns[j].margin)
            wanted[j] = codes
        return wanted

    def state(self) -> ModelState:
        """What a model file holds of it."""
        columns, arrays = self.codec.state()
        arrays |= self.layout.state() | self.balance.state(self.layout)
        settings = {"columns": columns, "told": list(self.told)}
        return ModelState(settings, arrays, dict(self.network.weights))

    def describe(self) -> list[str]:
        """Sentences about what the model holds."""
        numbers = sum(w.size for w in self.network.weights.values())
        pooled = [
            c.field.name for c, one in zip(self.codec.columns, self.layout.columns, strict=True)
            if not c.ordered and one.options < np.count_nonzero(one.margin)
        ]  # fmt: skip
        lines = [f"A {self.kind} of {numbers:,} weights, and one margin per column.", *self.told]
        if pooled:
            lines.append(f"Rare categories are drawn within groups by their shares: "
                         f"{', '.join(pooled)}.")  # fmt: skip
        return [*lines, *self.codec.describe()]
