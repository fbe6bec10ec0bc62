"""What every synthesizer and model keeps to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tabsynth.privacy.private_table import PrivateTable
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.odds import Odds
from tabsynth.table import Table

# marks a hyper-parameter that says how a fit runs and not what comes of it
LAST: Final = {"of_the_run": True}


@dataclass(frozen=True)
class ModelState:
    """All that a model is: JSON-ready settings, named arrays, and the weights of a network.

    Args:
        settings: JSON values only.
        arrays: numeric or boolean arrays; none holds one entry per training record.
        weights: of a network, where the model is one; a model file keeps them as safetensors.
    """

    settings: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    weights: dict[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Size:
    """What the time and memory of a fit depend on.

    Args:
        records: how many.
        cells: per modelled column, about how many different cells (`encoding`) it will have.
    """

    records: int
    cells: tuple[int, ...]


@dataclass(frozen=True)
class Cost:
    """An estimate of one fit on the machine at hand.

    Args:
        seconds: wall time, on all cores.
        memory: bytes at the peak, beyond the table itself.
    """

    seconds: float
    memory: float


@dataclass(frozen=True)
class Traits:
    """What a person asks before choosing a synthesizer; a class variable `traits` of it.

    A synthesizer may also have a method `cost(size: Size) -> Cost`.

    Args:
        conditions: how `given` is met: exactly, by weighted draws, or not at all.
        keeps_records: whether its model may hold training records; `keeps_records` of the model
            says whether it does, and its method `stripped` leaves them out.
        guards_rare_values: whether values of fewer than 5 records never come out.
        places: whether it learns pairs of coordinates as places: drawn points are then those of
            cells that `encoding` made. To others they are two columns.
        extra: the optional dependency that it needs.
        cost: time and memory in a few words.
        types: the types of columns that it models, in a few words.
        categories: what it does with a column of very many categories.
    """

    conditions: Literal["exact", "weighted", "none"] = "exact"
    keeps_records: bool = False
    guards_rare_values: bool = True
    places: bool = False
    extra: str | None = None
    cost: str = "not measured"
    types: str = "all"
    categories: str = "each with a cell of its own"


@runtime_checkable
class Model(Protocol):
    """What a fit returns; frozen. It knows the modelled columns only."""

    @property
    def schema(self) -> TableSchema:
        """The columns that `sample` returns."""
        ...

    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        """Draw n records.

        Args:
            n: how many, at least 1.
            rng: the only source of randomness.
            given: conditions: some of the model's columns in n records, or in one for all n.
                A missing cell is free.

        Raises:
            ConditionError: a condition that the model cannot meet.
        """
        ...

    def state(self) -> ModelState:
        """What a model file holds of it."""
        ...

    def describe(self) -> list[str]:
        """Sentences about what the model holds, for `inspect`."""
        ...


@runtime_checkable
class Conditional(Protocol):
    """A model that is asked about conditions before it draws a record. Models may do without."""

    def odds(self, n: int, *, given: Table, rng: np.random.Generator) -> Odds:
        """How probable conditions are, and how many independent draws will stand behind a record.

        Args:
            n: how many records will be drawn.
            given: conditions as in `Model.sample`.
            rng: the only source of randomness; probabilities may be estimates.

        Raises:
            ConditionError: a column or value that the model does not know.
        """
        ...

    def levels(self, column: str) -> list[Any]:
        """The values of a categorical column that the model emits; none where it has numbers."""
        ...


@runtime_checkable
class Gradual(Protocol):
    """A synthesizer whose fit takes many passes and tells how it gets on. Others do without."""

    def fit_telling(
        self, data: Table, *, rng: np.random.Generator, say: Callable[[str], object]
    ) -> Model:
        """As `Synthesizer.fit`, with a line to `say` now and then."""
        ...


@runtime_checkable
class Synthesizer(Protocol):
    """Hyper-parameters only: a frozen dataclass whose `fit` returns a Model."""

    name: ClassVar[str]
    summary: ClassVar[str]

    def fit(self, data: Table, *, rng: np.random.Generator) -> Model:
        """Learn a model of the modelled columns of a table.

        Raises:
            DataError: a table from which nothing can be learnt.
        """
        ...

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> Model:
        """The model whose `state` this is.

        Raises:
            ValueError: parts that do not fit together.
        """
        ...


@runtime_checkable
class Contextual(Protocol):
    """A synthesizer that learns columns given others, without a model of these. Others do without.

    A database's child records are learnt so, given what is known of their parents.
    """

    def fit_in_context(
        self, data: Table, context: tuple[str, ...], *, rng: np.random.Generator
    ) -> Model:
        """Learn the columns that are not of the context.

        Args:
            data: records to learn from, context columns included.
            context: names of the columns that will always be given.
            rng: the only source of randomness.

        Returns:
            A model whose `sample` wants all columns of the context in `given`, and no others; it
            returns them as they came, and a missing value there is a value like any other.

        Raises:
            DataError: a table from which nothing can be learnt.
        """
        ...


@runtime_checkable
class PrivateModel(Model, Protocol):
    """What a private fit returns."""

    @property
    def rows(self) -> int:
        """About how many records were learnt from, at least 1; from noisy sums."""
        ...


@runtime_checkable
class PrivateSynthesizer(Protocol):
    """Hyper-parameters only: a frozen dataclass whose `fit` asks a PrivateTable.

    It may also have a method `check(domain: Domain) -> None`, asked before any budget is reserved,
    which refuses a domain that is too large for it.
    """

    name: ClassVar[str]
    summary: ClassVar[str]

    def fit(self, data: PrivateTable, *, rng: np.random.Generator) -> PrivateModel:
        """Learn a model from answers about a private table.

        Args:
            data: answers with noise, and debits what each answer costs.
            rng: for what follows the answers; no noise comes from it.

        Raises:
            BudgetError: nothing is left to spend.

        Privacy: everything learnt comes from the answers.
        """
        ...

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> PrivateModel:
        """The model whose `state` this is.

        Raises:
            ValueError: parts that do not fit together.
        """
        ...
