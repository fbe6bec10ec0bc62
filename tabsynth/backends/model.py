"""A fitted model of a reference package under our protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from tabsynth.backends import frames
from tabsynth.backends.engines import RECORDS, Engine, Kind
from tabsynth.backends.matching import check_possible, draw_given
from tabsynth.backends.packages import contained, installed, require_versions, tell_licence
from tabsynth.errors import DataError
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.protocol import ModelState
from tabsynth.table import Table

FEWEST = 10


@dataclass(frozen=True)
class ReferenceModel:
    """What a reference package has learnt, as plain state, and its object rebuilt from that.

    The object that was fitted is given up at once: what draws is always what a file would give.

    Args:
        kind: which synthesizer.
        schema: the columns that `sample` returns.
        plain: all of it.
        learnt: what every column held.
        engine: draws; None where no column had a value.
    """

    kind: Kind
    schema: TableSchema
    plain: ModelState
    learnt: tuple[frames.Learnt, ...]
    engine: Engine | None = field(compare=False, repr=False)

    @classmethod
    def fit(
        cls, kind: Kind, data: Table, parameters: dict[str, Any], rng: np.random.Generator
    ) -> Self:
        """Let the package learn from a table.

        Raises:
            DataError: fewer than 10 records, or a table that the package refuses.
        """
        if data.num_rows < FEWEST:
            raise DataError(
                "data", expected=f"at least {FEWEST} records", got=str(data.num_rows),
                remedy="give more records",
            )  # fmt: skip
        tell_licence()
        learnt = frames.learn(data)
        settings: dict[str, Any] = {
            "columns": frames.to_settings(learnt), "parameters": parameters,
            "packages": installed(), "engine": None,
        }  # fmt: skip
        arrays: dict[str, Any] = {}
        frame = frames.to_frame(data, learnt)
        if len(frame.columns):
            metadata = frames.to_metadata(data.schema, learnt)
            with contained(rng):
                try:
                    engine = Engine.fit(kind, frame, metadata, parameters)
                except Exception as error:
                    # their words may quote a value
                    raise DataError(
                        "data", expected=f"a table that {kind} can fit",
                        got=f"one at which it stopped ({type(error).__name__})",
                        remedy="change its parameters or choose another synthesizer",
                    ) from None  # fmt: skip
            settings["engine"], arrays = engine.take_apart()
        return cls.restore(kind, data.schema, ModelState(settings, arrays))

    @classmethod
    def restore(cls, kind: Kind, schema: TableSchema, state: ModelState) -> Self:
        """The model whose `state` this is.

        Raises:
            ValueError: parts that do not fit together.
            ModelFileError: the packages are not here, or of other versions.
        """
        settings = state.settings
        require_versions(settings["packages"])
        learnt = frames.from_settings(settings["columns"], schema)
        engine = None
        if settings["engine"] is not None:
            metadata = frames.to_metadata(schema, learnt)
            parts = (settings["engine"], state.arrays)
            # building a network draws its first weights from the global state
            with contained(np.random.default_rng(0)):
                engine = Engine.put_together(kind, metadata, settings["parameters"], parts)
        return cls(kind, schema, state, learnt, engine)

    @property
    def keeps_records(self) -> bool:
        """Whether it holds the categories of every training record."""
        return RECORDS in self.plain.arrays

    def stripped(self) -> ReferenceModel:
        """The same model without training records; it draws the same."""
        arrays = {name: array for name, array in self.plain.arrays.items() if name != RECORDS}
        plain = ModelState(self.plain.settings, arrays)
        return ReferenceModel(self.kind, self.schema, plain, self.learnt, self.engine)

    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        """Draw n records; conditions are met by choice among many that are drawn.

        Raises:
            ConditionError: a condition that hardly any drawn record meets.
        """
        if given is None or not given.schema.names:
            return self._draw(n, rng)
        check_possible(given, self.schema, self.learnt)
        return draw_given(lambda rows: self._draw(rows, rng), n, given, rng)

    def _draw(self, n: int, rng: np.random.Generator) -> Table:
        frame = None
        if self.engine is not None:
            with contained(rng) as seed:
                frame = self.engine.draw(n, seed)
            present = [
                name
                for name, known in zip(self.schema.names, self.learnt, strict=True)
                if not known.is_empty
            ]
            frame.columns = present
            if self.kind == "ctgan:ctgan":
                frame = self._within(frame)
        return frames.from_frame(frame, n, self.schema, self.learnt)

    def _within(self, frame: Any) -> Any:
        """Numbers inside what was seen, as sdv does by itself."""
        for name, known in zip(self.schema.names, self.learnt, strict=True):
            if known.low is not None:
                frame[name] = frame[name].clip(known.low, known.high)
        return frame

    def state(self) -> ModelState:
        """What a model file holds of it."""
        return self.plain

    def describe(self) -> list[str]:
        """Sentences about what the model holds."""
        packages = ", ".join(f"{k} {v}" for k, v in self.plain.settings["packages"].items())
        lines = [
            f"A model of {self.kind}, fitted and drawn by the package's own code ({packages})."
        ]
        if self.keeps_records:
            lines.append(
                "Warning: holds training records, namely the categories of each of them; keep it "
                "as closely as the table. `tabsynth fit --strip` leaves them out."
            )
        lines.append(
            "Warning: holds and may emit values of single records: rare categories, smallest and "
            "largest numbers. It also holds exact shares, which tell the number of records."
        )
        return [*lines, f"Columns: {', '.join(self.schema.names)}."]
