"""Columns of one table, drawn given others: by a synthesizer that learns so, or by any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth import registry
from tabsynth.encoding.freeze import MIN_COUNT
from tabsynth.schema.check import storage_type
from tabsynth.schema.files import parse_schema
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.protocol import Contextual, Model, ModelState, Synthesizer
from tabsynth.table import Table


@dataclass(frozen=True)
class Columns:
    """A model of some columns within a context.

    Args:
        model: draws all columns, those of the context as they were given.
        context: names of those that are given.
        ends: by numeric column of the context, its first and last level in the fit.
        known: by categorical column of the context, the levels that can be given; none where all
            can.
    """

    model: Model
    context: tuple[str, ...]
    ends: Mapping[str, tuple[int, int]]
    known: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        data: Table,
        context: tuple[str, ...],
        *,
        synthesizer: Synthesizer,
        rng: np.random.Generator,
    ) -> Columns:
        """Learn the columns that are not of the context.

        A synthesizer that is not `Contextual` learns all columns together; what is given then
        stands in `given` when records are drawn.

        Args:
            data: records to learn from, context and all.
            context: columns that will be given.
            synthesizer: how.
            rng: the only source of randomness.

        Raises:
            DataError: records from which nothing can be learnt.
        """
        ends = {}
        for name in context:
            if data.schema.field(name).domain is None:
                found = pc.min_max(data.column(name)).as_py()
                ends[name] = (int(found["min"]), int(found["max"]))
        if context and isinstance(synthesizer, Contextual):
            return cls(synthesizer.fit_in_context(data, context, rng=rng), context, ends)
        known = {n: _frequent(data.column(n)) for n in context if n not in ends}
        return cls(synthesizer.fit(data, rng=rng), context, ends, known)

    def draw(self, rows: int, given: Table | None, *, rng: np.random.Generator) -> Table:
        """Records, one for each of the context.

        Args:
            rows: how many.
            given: the context of each; None where there is none.
            rng: the only source of randomness.
        """
        if rows == 0:
            columns = [pa.array([], storage_type(f)) for f in self.model.schema.fields]
            names = list(self.model.schema.names)
            return Table(self.model.schema, pa.Table.from_arrays(columns, names=names))
        if not self.context or given is None:
            return self.model.sample(rows, rng=rng)
        return self.model.sample(rows, rng=rng, given=self._within(given))

    def _within(self, given: Table) -> Table:
        """The context with levels that the fit did not see moved to the nearest, or left open."""
        arrays = []
        for own in given.schema.fields:
            column = given.column(own.name)
            if own.name in self.ends:
                low, high = self.ends[own.name]
                column = pa.array(np.clip(column.to_numpy(zero_copy_only=False), low, high))
            elif own.name in self.known:
                levels = pa.array(self.known[own.name], column.type)
                unknown = pc.invert(pc.is_in(column, value_set=levels))
                column = pc.if_else(unknown, pa.scalar(None, column.type), column)
            arrays.append(column)
        return Table(given.schema, pa.Table.from_arrays(arrays, names=list(given.schema.names)))

    def state(self) -> ModelState:
        """All that it is."""
        own = self.model.state()
        settings = {
            "schema": self.model.schema.descriptor(),
            "context": list(self.context),
            "ends": {name: list(ends) for name, ends in self.ends.items()},
            "known": {name: list(levels) for name, levels in self.known.items()},
            "model": own.settings,
        }
        return ModelState(settings, own.arrays, own.weights)

    @classmethod
    def restore(
        cls,
        settings: Mapping[str, Any],
        arrays: dict[str, NDArray[Any]],
        weights: dict[str, NDArray[Any]],
        *,
        synthesizer: str,
    ) -> Columns:
        """The columns that `state` describes.

        Raises:
            ValueError: parts that do not fit together.
        """
        kind = registry.synthesizer(synthesizer)
        schema: TableSchema = parse_schema(settings["schema"])
        model = kind.restore(schema, ModelState(settings["model"], arrays, weights))
        context = tuple(map(str, settings["context"]))
        if not set(context) < set(schema.names):
            raise ValueError("expected a context of columns of the model")
        ends = {name: (int(low), int(high)) for name, (low, high) in settings["ends"].items()}
        if not set(ends) <= set(context):
            raise ValueError("expected ends of columns of the context")
        known = {name: tuple(map(int, levels)) for name, levels in settings["known"].items()}
        if not set(known) <= set(context):
            raise ValueError("expected levels of columns of the context")
        return cls(model, context, ends, known)


def _frequent(levels: pa.Array) -> tuple[int, ...]:
    """Those that enough records have to have a cell."""
    number = np.bincount(levels.to_numpy(zero_copy_only=False))
    return tuple(np.flatnonzero(number >= MIN_COUNT).tolist())
