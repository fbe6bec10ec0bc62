"""Records from a specification alone: columns drawn along the graph of what depends on what."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from tabsynth.constraints.plan import unconstrained
from tabsynth.errors import ConditionError
from tabsynth.schema.model import TableSchema
from tabsynth.sources.draws import Bernoulli, Categorical
from tabsynth.sources.graph import Graph
from tabsynth.sources.specification import Specification, parse_specification
from tabsynth.sources.weighing import asked, drawn_given
from tabsynth.synthesizers.odds import Odds
from tabsynth.synthesizers.protocol import ModelState, Traits
from tabsynth.table import Table


@dataclass(frozen=True)
class Procedural:
    """A source that needs no data.

    Args:
        specification: what a person wrote.
    """

    name: ClassVar[str] = "procedural"
    summary: ClassVar[str] = "from a specification alone: distributions, dependencies, rules"
    traits: ClassVar[Traits] = Traits(
        conditions="weighted", guards_rare_values=False, cost="nothing is fitted"
    )

    specification: Specification

    def model(self) -> ProceduralModel:
        """The model that the specification describes."""
        return ProceduralModel(self.specification)

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> ProceduralModel:
        """The model whose `state` this is.

        Raises:
            ValueError: parts that do not fit together.
        """
        model = ProceduralModel(parse_specification(state.settings["specification"]))
        if model.schema != schema:
            raise ValueError("expected the schema that the specification makes")
        return model


@dataclass(frozen=True)
class ProceduralModel:
    """A specification, ready to draw from."""

    reads_records: ClassVar[bool] = False
    source: ClassVar[str] = "simulated"

    specification: Specification

    @cached_property
    def schema(self) -> TableSchema:
        """The columns that `sample` returns."""
        return unconstrained(self.specification.schema_of_table.modelled)

    @cached_property
    def _graph(self) -> Graph:
        return Graph(self.specification)

    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        """Draw n records; see `protocol.Model`.

        Raises:
            ConditionError: a condition that the model cannot meet.
            DataError: parameters that are none for some record.
        """
        if given is None or not self._require_known(given).schema.names:
            columns, _ = self._graph.grown({}, self._graph.order, n, rng=rng)
            return self._recorded(columns, None, rng)
        if given.num_rows == 1 and n != 1:
            given = given.take(np.zeros(n, np.intp))
        return self._recorded(drawn_given(self._graph, given, rng), given, rng)

    def odds(self, n: int, *, given: Table, rng: np.random.Generator) -> Odds:
        """How probable conditions are; see `protocol.Conditional`."""
        return asked(self._graph, self._require_known(given), n, rng)

    def levels(self, column: str) -> list[Any]:
        """The values of a categorical column that the model emits; none where it has numbers."""
        draw = self.specification.drawn[column].draw
        if isinstance(draw, Bernoulli):
            return [False, True]
        return list(self.schema.field(column).domain or ()) if isinstance(draw, Categorical) else []

    def state(self) -> ModelState:
        """What a model file holds of it."""
        body = self.specification.model_dump(mode="json", exclude_none=True)
        return ModelState({"specification": body}, {})

    def describe(self) -> list[str]:
        """Sentences about what the model holds."""
        spec = self.specification
        lines = [] if spec.title is None else [f"{spec.title.rstrip('.')}."]
        lines.append(f"Made from a specification of {len(spec.drawn)} columns; nothing was learnt.")
        for name in spec.order:
            column = spec.drawn[name]
            kind = column.draw.kind if column.draw else ""
            upon = f" given {', '.join(sorted(column.parents))}" if column.parents else ""
            lines.append(f"{name}: {kind}{upon}.")
        return lines

    def _recorded(
        self, columns: dict[str, pa.Array], given: Table | None, rng: np.random.Generator
    ) -> Table:
        """The records as they are seen: without what nobody recorded."""
        arrays = []
        for field in self.schema.fields:
            values = columns[field.name]
            share = self._graph.hidden(field.name, columns)
            if share is not None:
                gone = rng.random(len(values)) < share
                if given is not None and field.name in given.schema.names:
                    gone &= given.column(field.name).is_null().to_numpy(zero_copy_only=False)
                kept = np.flatnonzero(~gone)
                places = np.full(len(values), -1)
                places[kept] = kept
                values = values.take(pa.array(places, mask=gone))
            arrays.append(values)
        return Table(self.schema, pa.Table.from_arrays(arrays, names=list(self.schema.names)))

    def _require_known(self, given: Table) -> Table:
        for name in given.schema.names:
            if name not in self.schema.names:
                raise ConditionError(
                    f"given {name!r}", expected="a column that the model draws",
                    got="another column", remedy="leave the condition out",
                )  # fmt: skip
        return given
