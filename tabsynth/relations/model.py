"""A model of a whole database: drawn table by table, parents before children."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabsynth.database import Database
from tabsynth.errors import UsageError
from tabsynth.relations.drawing import draw_table
from tabsynth.relations.drawn import Drawn
from tabsynth.relations.table_model import TableModel, restore_table
from tabsynth.schema.database import DatabaseSchema
from tabsynth.synthesizers.protocol import ModelState


@dataclass(frozen=True)
class DatabaseModel:
    """What `fit_database` learnt.

    Args:
        schema: of the database.
        synthesizer: name of what learnt the tables.
        tables: by name, parents before children.
    """

    schema: DatabaseSchema
    synthesizer: str
    tables: Mapping[str, TableModel]

    def sample(self, scale: float = 1.0, *, rng: np.random.Generator) -> Database:
        """Draw a database.

        Args:
            scale: how many times as many root records as in the source; children follow.
            rng: the only source of randomness.

        Raises:
            UsageError: a scale that is not above 0.
            DataError: keys that have fewer values than records are asked for, or constraints that
                hardly any drawn record keeps.
        """
        if not (scale > 0 and np.isfinite(scale)):
            raise UsageError(
                "--scale", expected="a number above 0", got=f"{scale:g}", remedy="write 2.0, say"
            )
        drawn: dict[str, Drawn] = {}
        salt = int(rng.integers(2**63))
        generators = dict(zip(sorted(self.tables), rng.spawn(len(self.tables)), strict=True))
        for name, table in self.tables.items():
            drawn[name] = draw_table(
                table, self.schema, drawn, scale=scale, salt=salt, rng=generators[name]
            )
        raw = {name: drawn[name].table(self.schema.tables[name]) for name in self.schema.tables}
        return Database.checked(raw, self.schema, where="synthetic database")

    def describe(self) -> list[str]:
        """What the model holds, in sentences."""
        return [line for table in self.tables.values() for line in table.describe(self.schema)]

    def state(self) -> ModelState:
        """All that the model is, but for the schema."""
        settings: dict[str, Any] = {"synthesizer": self.synthesizer, "tables": []}
        arrays: dict[str, NDArray[Any]] = {}
        weights: dict[str, NDArray[Any]] = {}
        for place, (name, table) in enumerate(self.tables.items()):
            own = table.state()
            settings["tables"].append({"name": name, **own.settings})
            arrays |= {f"{place}.{key}": array for key, array in own.arrays.items()}
            weights |= {f"{place}.{key}": array for key, array in own.weights.items()}
        return ModelState(settings, arrays, weights)

    @classmethod
    def restore(cls, schema: DatabaseSchema, state: ModelState) -> DatabaseModel:
        """The model whose `state` this is.

        Raises:
            ValueError: parts that do not fit together, or not with the schema.
        """
        settings = state.settings
        if [table["name"] for table in settings["tables"]] != list(schema.parents_first):
            raise ValueError("expected the tables of the schema, parents before children")
        synthesizer = str(settings["synthesizer"])
        tables = {}
        for place, table in enumerate(settings["tables"]):
            prefix = f"{place}."
            arrays, weights = (
                {n.removeprefix(prefix): a for n, a in held.items() if n.startswith(prefix)}
                for held in (state.arrays, state.weights)
            )
            own = ModelState(table, arrays, weights)
            name = str(table["name"])
            tables[name] = restore_table(name, schema, own)
        return cls(schema, synthesizer, tables)
