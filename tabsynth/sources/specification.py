"""What a procedural source is: columns, how each is drawn, and rules, as a person writes them."""

from __future__ import annotations

import re
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from typing import Any, Literal, Self

from pydantic import Field as Setting
from pydantic import model_validator

from tabsynth.schema.constraint import Constraint
from tabsynth.schema.expression import parse_expression
from tabsynth.schema.generator import Generator, Strict
from tabsynth.schema.model import (
    Constraints,
    FieldExtension,
    FieldSchema,
    FieldType,
    Role,
    TableExtension,
    TableSchema,
)
from tabsynth.sources.draws import Bernoulli, Categorical, Draw, Formula
from tabsynth.sources.parameters import Parameter, involved, lookups
from tabsynth.sources.reading import parse_as


class Column(Strict):
    """One column: what it is, and how its values come about.

    Args:
        name: of the column.
        draw: its distribution, or a formula.
        generator: in place of `draw`, for identifiers and personal data, as in a table schema.
        type: by default what the distribution draws.
        minimum: smallest value; the distribution is cut there, without a heap at the bound.
        maximum: largest value; likewise.
        decimals: digits after the point.
        missing: share of values that are not recorded; may depend on any column, also this one.
            Other columns see the value that was drawn, recorded or not.
        role: see the table schema.
        title: for people.
        description: for people.
    """

    name: str = Setting(min_length=1)
    draw: Draw | None = None
    generator: Generator | None = None
    type: FieldType | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    decimals: int | None = Setting(default=None, ge=0, le=15)
    missing: Parameter = 0.0
    role: Role | None = None
    title: str | None = None
    description: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.draw is None) == (self.generator is None):
            raise ValueError("expected either draw or generator")
        if self.draw is not None and self.kind not in self.draw.types:
            raise ValueError(
                f"expected the type {' or '.join(self.draw.types)} for a {self.draw.kind} column"
            )
        bounded = self.minimum is not None or self.maximum is not None
        if bounded and (self.generator is not None or self.kind not in ("integer", "number")):
            raise ValueError("minimum and maximum are for numbers that are drawn")
        if bounded and isinstance(self.draw, Categorical):
            raise ValueError("minimum and maximum are not for categories; leave some out")
        whole = isinstance(self.draw, Categorical) and self.kind == "integer"
        texts = self.draw.categories if isinstance(self.draw, Categorical) else ()
        if whole and not all(re.fullmatch("-?[0-9]{1,18}", text) for text in texts):
            raise ValueError("expected whole numbers as categories of an integer column")
        if self.generator is not None and self.missing != 0:
            raise ValueError("expected no missing share for a generator")
        return self

    @property
    def kind(self) -> FieldType:
        """The type, written or not."""
        if self.type is not None:
            return self.type
        return "string" if self.draw is None else self.draw.types[0]

    @property
    def parents(self) -> set[str]:
        """Names of the columns that its draw depends on."""
        if self.draw is None:
            return set()
        if isinstance(self.draw, Formula):
            return set(parse_expression(self.draw.expression).columns)
        return set().union(*(involved(p) for p in self.draw.parameters.values()))

    @property
    def hidden_by(self) -> set[str]:
        """Names of the columns that decide whether a value is recorded."""
        return involved(self.missing)

    @cached_property
    def field(self) -> FieldSchema:
        """The column in the table's schema."""
        complete = self.missing == 0 and not isinstance(self.draw, Formula)
        categories = self.draw.categories if isinstance(self.draw, Categorical) else None
        whole = self.kind == "integer" and categories is not None
        return FieldSchema(
            name=self.name,
            type=self.kind,
            title=self.title,
            description=self.description,
            constraints=Constraints(required=complete, minimum=self.minimum, maximum=self.maximum),
            categories=tuple(map(int, categories)) if whole and categories else categories,
            tabsynth=FieldExtension(
                role=self.role, generator=self.generator, decimals=self.decimals
            ),
        )


class Specification(Strict):
    """A procedural source.

    Args:
        source: says what this file is.
        title: for people.
        rows: how many records `sample` draws unasked.
        columns: in the table's order; each may depend on any others, so long as no circle arises.
        constraints: rules of the table's schema, which every record keeps.
    """

    source: Literal["procedural"]
    title: str | None = None
    rows: int = Setting(default=1000, ge=1, lt=1 << 40)
    columns: tuple[Column, ...] = Setting(min_length=1)
    constraints: tuple[Constraint, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [c.name for c in self.columns]
        if len(set(names)) != len(names):
            raise ValueError("expected each column name once")
        drawn = {c.name: c for c in self.columns if c.draw is not None}
        if not drawn:
            raise ValueError("expected at least one column that is drawn")
        for column in drawn.values():
            for name in sorted(column.parents | column.hidden_by):
                if name not in drawn:
                    raise ValueError(
                        f"column {column.name!r} depends on {name!r}, which is no drawn column"
                    )
            self._require_covered(column, drawn)
        try:
            tuple(self._graph.static_order())
        except CycleError as error:
            circle = " -> ".join(map(repr, error.args[1]))
            raise ValueError(f"expected no circle, but these depend on each other: {circle}") from (
                None
            )
        _ = self.schema_of_table
        return self

    def _require_covered(self, column: Column, drawn: dict[str, Column]) -> None:
        """A table by category says something for each category."""
        parameters = (*(column.draw.parameters.values() if column.draw else ()), column.missing)
        for table in chain.from_iterable(map(lookups, parameters)):
            draw = drawn[table.by].draw
            if isinstance(draw, Categorical):
                known = draw.categories
            elif isinstance(draw, Bernoulli):
                known = ("false", "true")
            else:
                raise ValueError(f"column {column.name!r}: {table.by!r} has no categories")
            unknown = sorted(set(table.values) - set(known))
            if unknown:
                raise ValueError(f"column {column.name!r}: {table.by!r} never is {unknown[0]!r}")
            lacking = [k for k in known if k not in table.values]
            if lacking and table.otherwise is None:
                raise ValueError(
                    f"column {column.name!r}: no value for {table.by} {lacking[0]!r}; give one, or "
                    "`otherwise`"
                )

    @property
    def _graph(self) -> TopologicalSorter[str]:
        return TopologicalSorter({c.name: sorted(c.parents) for c in self.columns if c.draw})

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Names of the drawn columns, each after those that it depends on."""
        return tuple(self._graph.static_order())

    @cached_property
    def drawn(self) -> dict[str, Column]:
        """The drawn columns by name."""
        return {c.name: c for c in self.columns if c.draw is not None}

    @cached_property
    def schema_of_table(self) -> TableSchema:
        """The schema of the tables that it makes."""
        return TableSchema(
            fields=tuple(c.field for c in self.columns),
            tabsynth=TableExtension(constraints=self.constraints),
        )


def parse_specification(body: Any, where: str = "specification") -> Specification:
    """A procedural source from plain values.

    Raises:
        SchemaError: it is none; names the first problem.
    """
    return parse_as(Specification, body, where)
