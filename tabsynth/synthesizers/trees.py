"""A chain of trees: each column is drawn from boosted trees grown on the columns before it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting

from tabsynth.encoding.codec import POOLED, Codec, Codes, NumericCodec
from tabsynth.encoding.freeze import MIN_COUNT, freeze_table
from tabsynth.entities import few_of_each
from tabsynth.errors import ConditionError
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.costs import trees_cost
from tabsynth.synthesizers.links import Effort, Link, fixed_columns, learn, restore_link
from tabsynth.synthesizers.odds import Odds
from tabsynth.synthesizers.ordering import behind_their_sources, order_of_columns
from tabsynth.synthesizers.particles import Chain
from tabsynth.synthesizers.predictors import bins_of_cells, coarse
from tabsynth.synthesizers.protocol import Cost, Model, ModelState, Size, Traits
from tabsynth.synthesizers.stages import MAX_CLASSES
from tabsynth.table import Table

SMALLEST_LEAF: Final = 5
LARGEST_LEAF: Final = 200
TRIED: Final = 16_384
# nobody counts with more records than that share of persons has at most
MOST_PERSONS: Final = 0.95


@dataclass(frozen=True)
class Trees:
    """Every column from trees on the columns before it, in coarse steps and then finer ones.

    Args:
        closeness: from 0 to 1. Trees with larger leaves (0) keep further away from the training
            records, those with smaller leaves (1) are more faithful.
        rounds: most trees per step, each of which corrects those before it.
        min_count: fewest records, and persons, behind a category, frequent value, bin end or leaf.
        max_records: beyond that many, the trees are grown on so many records picked at random;
            margins are learnt from all.
        max_predictors: for each column, that many of the columns before it that go with it most.
    """

    name: ClassVar[str] = "trees"
    summary: ClassVar[str] = "a chain of boosted trees; most faithful, within seconds"
    traits: ClassVar[Traits] = Traits(
        places=True,
        conditions="weighted",
        cost="seconds for 50,000 records, minutes for millions",
        categories="coded hierarchically",
    )

    closeness: Annotated[float, Setting(ge=0, le=1)] = 0.5
    rounds: Annotated[int, Setting(ge=0, le=1000)] = 60
    min_count: Annotated[int, Setting(ge=1)] = MIN_COUNT
    max_records: Annotated[int, Setting(ge=100)] = 500_000
    max_predictors: Annotated[int, Setting(ge=1)] = 24

    @property
    def leaf(self) -> int:
        """Fewest records that fill a leaf."""
        spread = LARGEST_LEAF / SMALLEST_LEAF
        return max(self.min_count, int(SMALLEST_LEAF * spread ** (1.0 - self.closeness)))

    def cost(self, size: Size) -> Cost:
        """Time and memory of a fit."""
        return trees_cost(size, rounds=self.rounds, max_records=self.max_records,
                          max_predictors=self.max_predictors)  # fmt: skip

    def fit(self, data: Table, *, rng: np.random.Generator) -> TreesModel:
        """Learn the order of columns and the trees.

        Args:
            data: records to learn from.
            rng: deals out records to trees.

        Raises:
            DataError: fewer than twice `min_count` records.

        Privacy: not differentially private; the model holds margins, and log-odds of classes in
            leaves that rest on at least `leaf` records, of `min_count` persons.

        Source: chains of trees, Reiter (2005), Using CART to generate partially synthetic public
            use microdata; see `growing.grow` for the trees.
        """
        return self._fit(data, (), rng)

    def fit_in_context(
        self, data: Table, context: tuple[str, ...], *, rng: np.random.Generator
    ) -> TreesModel:
        """Learn the columns that are not of the context, given those that are; see `Contextual`.

        Raises:
            DataError: as `fit`.
        """
        return self._fit(data, tuple(map(data.schema.names.index, context)), rng)

    def _fit(self, data: Table, context: tuple[int, ...], rng: np.random.Generator) -> TreesModel:
        codec, codes = freeze_table(data, min_count=self.min_count)
        person, sequence = data.owners, _sequence(codes, rng)
        if person is not None and len(np.unique(person)) == len(person):
            person = None
        counts = [_counts(k, c.cells, self.min_count)
                  for k, c in zip(codes, codec.columns, strict=True)]  # fmt: skip
        found = fixed_columns(codes, counts, person=person, fewest=self.min_count)
        fixed = {j: how for j, how in found.items() if j not in context}
        if person is not None:
            sequence = sequence[_bounded(person[sequence], self.leaf // self.min_count, rng)]
        sampled = len(sequence) > self.max_records
        if sampled:
            sequence = sequence[np.sort(rng.choice(len(sequence), self.max_records, replace=False))]
        codes = [code[sequence] for code in codes]
        person = None if person is None else person[sequence]
        ordered = [c.ordered for c in codec.columns]
        bins = [bins_of_cells(n, ordered=o) for n, o in zip(counts, ordered, strict=True)]
        classes = [coarse(b, k, MAX_CLASSES) for b, k in zip(bins, codes, strict=True)]
        order = order_of_columns(classes, [c.cells for c in codec.columns], rng)
        order = [*context, *(j for j in order if j not in context)]
        order = behind_their_sources(order, {j: source for j, (source, _) in fixed.items()})
        effort = Effort(self.max_predictors, self.rounds, self.leaf, self.min_count)
        links = learn(order, codes, bins, counts=counts, ordered=ordered, fixed=fixed, rng=rng,
                      effort=effort, context=len(context), person=person)  # fmt: skip
        return TreesModel(codec, tuple(bins), tuple(links), sampled, context)

    @classmethod
    def restore(cls, schema: TableSchema, state: ModelState) -> Model:
        """The model whose `state` this is.

        Raises:
            ValueError: parts that do not fit together.
        """
        codec = Codec.restore(schema, state.settings["columns"], state.arrays)
        cells = [c.cells for c in codec.columns]
        bins = [state.arrays[f"{j}.bins"] for j in range(len(cells))]
        if any(b.dtype != np.uint8 or b.shape != (n,) for b, n in zip(bins, cells, strict=True)):
            raise ValueError("expected a bin for every cell")
        context = tuple(int(j) for j in state.settings.get("context", ()))
        links: list[Link] = []
        for settings in state.settings["links"]:
            before = [*context, *(link.column for link in links)]
            links.append(restore_link(settings, state.arrays, cells, before))
        if sorted([*context, *(link.column for link in links)]) != list(range(len(cells))):
            raise ValueError("expected each column once")
        sampled = bool(state.settings["sampled"])
        return TreesModel(codec, tuple(bins), tuple(links), sampled, context)


@dataclass(frozen=True)
class TreesModel:
    """Columns in the order in which they are drawn, each with its trees.

    Args:
        codec: cells of every column.
        bins: per column, the bin of each cell where it predicts others.
        links: one per column, in drawing order; none for those of the context.
        sampled: whether the trees rest on a sample of the records.
        context: columns that are always given and never drawn.
    """

    codec: Codec
    bins: tuple[NDArray[np.uint8], ...]
    links: tuple[Link, ...]
    sampled: bool
    context: tuple[int, ...] = ()

    @property
    def schema(self) -> TableSchema:
        """The columns that `sample` returns."""
        return self.codec.schema

    def sample(self, n: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        """Draw n records; conditions on columns that are drawn first are exact, others weighted."""
        if self.context:
            drawn = self._free(n, rng, self._told(n, given))
        elif given is None or not given.schema.names:
            drawn = self._free(n, rng)
        else:
            wanted = {j: np.broadcast_to(k, n) for j, k in self._wanted(given).items()}
            drawn = self._chain.draw_given(n, wanted, rng)
        return self.codec.decode(drawn, rng, given=given)

    def odds(self, n: int, *, given: Table, rng: np.random.Generator) -> Odds:
        """How probable conditions are, and how many independent draws will stand behind a record.

        Args:
            n: how many records will be drawn.
            given: conditions, one for all records or one for each.
            rng: the only source of randomness; probabilities are estimates.

        Raises:
            ConditionError: a value that the model never emits.
        """
        return self._chain.ask(self._wanted(given), n if given.num_rows == 1 else 1, rng)

    def levels(self, column: str) -> list[Any]:
        """The values of a categorical column that the model emits."""
        place = self.schema.names.index(column)
        emitted = next(link.live for link in self.links if link.column == place)
        return self.codec.levels(column, emitted)

    def _told(self, n: int, given: Table | None) -> dict[int, Codes]:
        """Cells of the context; a value without one counts as missing, as it did in the fit."""
        names = [self.schema.names[j] for j in self.context]
        if given is None or set(given.schema.names) != set(names):
            raise ConditionError(
                "given", expected=f"all columns of the context ({', '.join(names)}) and no others",
                got="others", remedy="give a value, or a missing one, for each of them",
            )  # fmt: skip
        told = {}
        for j, name in zip(self.context, names, strict=True):
            codec, column = self.codec.columns[j], given.data.column(name)
            near = codec.nearest(column) if isinstance(codec, NumericCodec) else None
            code = codec.encode(column) if near is None else near
            told[j] = np.broadcast_to(np.where(code == POOLED, codec.missing_cell, code), n)
        return told

    def _free(
        self, n: int, rng: np.random.Generator, told: dict[int, Codes] | None = None
    ) -> list[Codes]:
        drawn: list[Codes] = [np.empty(0, np.int64)] * len(self.codec.columns)
        seen: dict[int, NDArray[np.uint8]] = {}
        for column, cells in (told or {}).items():
            drawn[column], seen[column] = cells, self.bins[column][cells]
        for link in self.links:
            drawn[link.column] = link.draw(n, drawn, seen, rng)
            seen[link.column] = self.bins[link.column][drawn[link.column]]
        return drawn

    @cached_property
    def _chain(self) -> Chain:
        # a cell that a free draw misses counts half a record, unless it is never drawn
        drawn = self._free(TRIED, np.random.default_rng(0))
        shares = [np.zeros(c.cells) for c in self.codec.columns]
        for link in self.links:
            counts = np.bincount(drawn[link.column], minlength=len(shares[link.column]))
            shares[link.column][link.live] = np.maximum(counts[link.live], 0.5) / TRIED
        return Chain(self.links, self.bins, shares)

    def _wanted(self, given: Table) -> dict[int, Codes]:
        names = self.schema.names
        return {names.index(x): k for x, k in self.codec.encode_given(given).items()}

    def state(self) -> ModelState:
        """What a model file holds of it."""
        columns, arrays = self.codec.state()
        arrays |= {f"{j}.bins": b for j, b in enumerate(self.bins)}
        links: list[dict[str, Any]] = []
        for link in self.links:
            described, own = link.state()
            links.append(described)
            arrays |= own
        settings: dict[str, Any] = {"columns": columns, "links": links, "sampled": self.sampled}
        if self.context:
            settings["context"] = list(self.context)
        return ModelState(settings, arrays)

    def describe(self) -> list[str]:
        """Sentences about what the model holds."""
        names = self.schema.names
        order = ", ".join(names[link.column] for link in self.links)
        copied = [names[link.column] for link in self.links if link.source is not None]
        lines = [f"Columns are drawn in this order, each from trees on those before it: {order}."]
        if copied:
            lines.append(f"Fixed by an earlier column, and kept so: {', '.join(copied)}.")
        if self.sampled:
            lines.append("The trees were grown on a random sample of the records.")
        return [*lines, *self.codec.describe()]


def _sequence(codes: list[Codes], rng: np.random.Generator) -> NDArray[np.intp]:
    """An order of the records that follows from their codes, so that the table's leaves no trace.

    Each code adds a random number of 64 bits of its own; records are sorted by their sums.
    """
    total = np.zeros(len(codes[0]), np.uint64)
    for code in codes:
        # POOLED is -1, so it takes the last
        number = rng.integers(0, 2**64, int(code.max(initial=0)) + 2, dtype=np.uint64)
        total += number[code]
    return np.argsort(total)


def _bounded(person: NDArray[np.int64], few: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Records from which trees may learn, in their order: of nobody more than of most others.

    A person of very many records would fill leaves alone, and come out whole.

    Args:
        person: shape (records,), whose each is.
        few: so many records of a person always count.
        rng: picks the records of those who have more.
    """
    counts = np.unique(person, return_counts=True)[1]
    most = max(few, int(np.quantile(counts, MOST_PERSONS, method="lower")), 1)
    if counts.max() <= most:
        return np.arange(len(person))
    return few_of_each(person, most, rng.random(len(person)))


def _counts(codes: Codes, cells: int, min_count: int) -> NDArray[np.int64]:
    counts = np.bincount(codes[codes >= 0], minlength=cells)
    if counts[-1] < min_count:
        counts[-1] = 0
    if not counts.any():
        counts[-1] = 1
    return counts
