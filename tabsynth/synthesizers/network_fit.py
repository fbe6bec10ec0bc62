"""From a table to a trained network: what `ctgan` and `tvae` have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tabsynth.encoding.freeze import freeze_table
from tabsynth.synthesizers.network_columns import Layout, Records, prepare
from tabsynth.synthesizers.network_model import Kind, NetworkModel
from tabsynth.synthesizers.training import Learner, Say, Training, apart, key_of
from tabsynth.table import Table


@dataclass(frozen=True)
class Recipe:
    """How a network is fitted.

    Args:
        kind: of network.
        make: the learner of a layout, records and a seed.
        shape: of the networks; a checkpoint of another one is refused.
        epochs: at most so many.
        min_count: fewest records behind a category, frequent value or bin end.
        checkpoint: where the state after each epoch is kept until the end; None for nowhere.
    """

    kind: Kind
    make: Callable[[Layout, Records, int], Learner]
    shape: object
    epochs: int
    min_count: int
    checkpoint: str | None

    def fit(self, data: Table, rng: np.random.Generator, say: Say) -> NetworkModel:
        """Train on a table; see the synthesizers' `fit`.

        Raises:
            DataError: fewer than twice `min_count` records.
            UsageError: a checkpoint of something else.
        """
        codec, codes = freeze_table(data, min_count=self.min_count)
        # an order that follows from the records, so that the table's leaves no trace
        order = np.lexsort(tuple(codes))
        codes = [k[order] for k in codes]
        place = None if self.checkpoint is None else Path(self.checkpoint)
        key = key_of(codes, (self.kind, self.min_count, self.shape))
        training = Training(self.kind, self.epochs, place, key, say)
        seed = training.seed(int(rng.integers(2**62)))
        layout, records = prepare(
            codec, codes, min_count=self.min_count, rng=np.random.default_rng([seed, 3])
        )
        learnt, held = apart(records, np.random.default_rng([seed, 4]))
        return training.run(self.make(layout, learnt, seed), codec, held, seed)
