"""How a table's constraints are kept: the columns to learn instead, and what is drawn again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from tabsynth.constraints.feasibility import check_feasible
from tabsynth.constraints.lattice import Mask, all_given, outside
from tabsynth.constraints.rules import broken, truths
from tabsynth.constraints.transforms import Transform, transform
from tabsynth.errors import ConditionError, PrivacyError, SchemaError
from tabsynth.schema.check import storage_type
from tabsynth.schema.constraint import (
    Combinations,
    Constraint,
    Exclusive,
    Increment,
    Inequality,
    OneHot,
    Place,
    Total,
    Unique,
)
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.table import Table

# kinds with a transform, from those that records may keep by themselves to those they hardly will
_NEED: Final = (Inequality, OneHot, Increment, Place, Combinations, Total)
_APART: Final = "take it out: both columns are then learnt as any others"


@dataclass(frozen=True)
class Step:
    """One constraint that holds by construction.

    Args:
        source: the columns before; with those that the transform removes.
        target: the columns after, with those that it makes in their place.
    """

    source: TableSchema
    target: TableSchema
    how: Transform

    def forward(self, table: Table) -> Table:
        """Records that keep the constraint, with the columns to learn."""
        return _exchanged(table, self.target, self.how.encode(table))

    def back(self, table: Table) -> Table:
        """Records that keep the constraint, from any values of the columns that were learnt."""
        return _exchanged(table, self.source, self.how.decode(table))


@dataclass(frozen=True)
class Plan:
    """How the constraints of one schema are kept; follows from the schema alone.

    Args:
        schema: of the modelled columns, with their constraints.
        steps: constraints that hold by construction, in order of `forward`.
    """

    schema: TableSchema
    steps: tuple[Step, ...]

    @classmethod
    def of(cls, schema: TableSchema) -> Plan:
        """The plan for a table's schema.

        Raises:
            SchemaError: constraints that no table could be meant to keep.
        """
        check_feasible(schema)
        steps: list[Step] = []
        current = unconstrained(schema.modelled)
        taken = set(current.names)
        left = [c for c in merged(schema.tabsynth.constraints) if transform(c, current, taken)]
        while left:
            constraint = _next(left, current, taken)
            left.remove(constraint)
            how = _usable(constraint, current, taken, left)
            if how is not None:
                steps.append(Step(current, _with_made(current, how), how))
                current = steps[-1].target
                taken |= set(current.names)
        return cls(schema.modelled, tuple(steps))

    @classmethod
    def unlearnt(cls, schema: TableSchema) -> Plan:
        """The plan under which nothing about constraints is learnt: all are met by drawing again.

        Raises:
            SchemaError: constraints that no table could be meant to keep.
            PrivacyError: one that was read from records, or that cannot be kept so.
        """
        check_feasible(schema)
        for constraint in schema.tabsynth.constraints:
            unlisted = _unlisted(constraint)
            if not (constraint.observed or unlisted or isinstance(constraint, Total)):
                continue
            got, remedy = "a total, which drawn records hardly ever keep", "drop one of its columns"
            if isinstance(constraint, Place):
                got, remedy = "places that the records would have to tell", _APART
            elif unlisted:
                got, remedy = "combinations that the records would have to tell", "list them"
            if constraint.observed and not isinstance(constraint, Place):
                got, remedy = "one read from records", "take it out, or declare it yourself"
            raise PrivacyError(
                f"constraint `{constraint.words}`",
                expected="a declared rule that single records keep now and then",
                got=got, remedy=remedy,
            )  # fmt: skip
        return cls(schema.modelled, ())

    @classmethod
    def redrawn(cls, schema: TableSchema) -> Plan:
        """The plan where nothing is learnt, as there are no records: all is met by drawing again.

        Raises:
            SchemaError: constraints that no table could be meant to keep, or that only records
                could tell.
        """
        check_feasible(schema)
        for constraint in schema.tabsynth.constraints:
            if _unlisted(constraint):
                raise SchemaError(
                    f"constraint `{constraint.words}`", expected="a rule that is written out",
                    got="one that records would have to tell", remedy="list what is allowed",
                )  # fmt: skip
        return cls(schema.modelled, ())

    @property
    def learnt(self) -> TableSchema:
        """The columns that a synthesizer sees."""
        return self.steps[-1].target if self.steps else unconstrained(self.schema)

    @property
    def unique(self) -> tuple[Unique, ...]:
        """Constraints that all records keep together, not each by itself."""
        return tuple(c for c in self.schema.tabsynth.constraints if isinstance(c, Unique))

    @property
    def checked(self) -> tuple[Constraint, ...]:
        """Constraints that each drawn record is held to, also those kept by construction."""
        return tuple(c for c in self.schema.tabsynth.constraints if not isinstance(c, Unique))

    @property
    def bounded(self) -> tuple[str, ...]:
        """Columns that no model draws, whose own bounds are therefore to be looked at."""
        removed = {name for step in self.steps for name in step.how.removed}
        return tuple(name for name in self.schema.names if name in removed)

    def _builds_in(self, constraint: Constraint) -> bool:
        """Whether a constraint of the schema holds by construction, maybe as part of another."""
        return any(
            step.how.constraint == constraint
            or (
                isinstance(step.how.constraint, Combinations)
                and isinstance(constraint, Combinations)
                and constraint.allowed == step.how.constraint.allowed
                and set(constraint.columns) <= set(step.how.constraint.columns)
            )
            for step in self.steps
        )

    def describe(self) -> list[str]:
        """What is done for the constraints, in sentences."""
        kept: list[str] = []
        redrawn: list[str] = []
        apart: list[str] = []
        for constraint in self.schema.tabsynth.constraints:
            if self._builds_in(constraint):
                kept.append(constraint.words)
            else:
                (apart if isinstance(constraint, Place) else redrawn).append(constraint.words)
        said = (
            ("Kept by construction", kept),
            ("Kept by drawing again", redrawn),
            ("Learnt as columns of their own, as another rule needs one of them", apart),
        )
        return [f"{done}: {'; '.join(words)}." for done, words in said if words]

    def forward(self, table: Table) -> Table:
        """Records that keep all constraints, as a synthesizer learns them."""
        table = Table(unconstrained(self.schema), table.data)
        for step in self.steps:
            table = step.forward(table)
        return table

    def back(self, table: Table) -> Table:
        """Records as a model draws them, with the columns of the schema."""
        for step in reversed(self.steps):
            table = step.back(table)
        return Table(self.schema, table.data)

    def broken(self, table: Table) -> Mask:
        """Which drawn records must be drawn again; uniqueness is not looked at.

        What holds by construction is looked at as well: at the ends of 64 bits and of the calendar
        no later value is left.
        """
        found = np.zeros(table.num_rows, bool)
        for constraint in self.checked:
            found |= broken(constraint, table)
        for name in self.bounded:
            found |= outside(table, name)
        return found

    def conditions(self, given: Table) -> tuple[Table, Table]:
        """Conditions as the model takes them, and those that must be met by drawing again.

        Args:
            given: values of some of the schema's columns; a missing cell is free.

        Raises:
            ConditionError: conditions that break a constraint by themselves.
        """
        self._require_possible(given)
        left = list(given.schema.names)
        table = given
        for step in self.steps:
            table, left = _translated(step, table), [n for n in left if n not in step.how.removed]
        wanted = [name for name in given.schema.names if name not in left]
        fields = tuple(given.schema.field(name) for name in wanted)
        return table, _of_fields(fields, [given.column(n) for n in wanted], given.schema)

    def _require_possible(self, given: Table) -> None:
        for constraint in self.checked:
            if _contradicted(constraint, given, self.schema):
                names = [n for n in constraint.involved if n in given.schema.names]
                raise ConditionError(
                    f"given {', '.join(map(repr, names))}", expected=f"`{constraint.words}`",
                    got="conditions that break it", remedy="change the conditions",
                )  # fmt: skip


def unconstrained(schema: TableSchema) -> TableSchema:
    """The same columns without rules between them."""
    return schema.model_copy(
        update={"tabsynth": schema.tabsynth.model_copy(update={"constraints": ()})}
    )


def without_places(table: Table) -> tuple[Table, tuple[str, ...]]:
    """The table with two columns for each pair of coordinates, and sentences that say so."""
    ours = table.schema.tabsynth
    pairs = [c for c in ours.constraints if isinstance(c, Place)]
    others = tuple(c for c in ours.constraints if not isinstance(c, Place))
    notes = tuple(
        f"Learnt as two columns, as this synthesizer knows no places: {', '.join(c.columns)}."
        for c in pairs
    )
    ours = ours.model_copy(update={"constraints": others})
    return Table(table.schema.model_copy(update={"tabsynth": ours}), table.data), notes


def merged(constraints: Sequence[Constraint]) -> list[Constraint]:
    """The constraints, with known combinations that share a column taken together.

    Records that hold a known combination of all columns hold known ones of some.
    """
    found: list[Constraint] = []
    for constraint in constraints:
        whole = constraint
        if isinstance(whole, Combinations) and whole.allowed is None:
            for other in [c for c in found if _meet(c, whole)]:
                found.remove(other)
                columns = tuple(dict.fromkeys((*other.involved, *whole.involved)))
                whole = whole.model_copy(update={"columns": columns})
        found.append(whole)
    return found


def _meet(one: Constraint, other: Constraint) -> bool:
    free = isinstance(one, Combinations) and one.allowed is None
    return free and bool(set(one.involved) & set(other.involved))


def _next(left: Sequence[Constraint], schema: TableSchema, taken: Collection[str]) -> Constraint:
    """The first whose columns the others can do without, else the one that is redrawn best."""
    for constraint in left:
        if _usable(constraint, schema, taken, left) is not None:
            return constraint
    return min(left, key=_need)


def _need(constraint: Constraint) -> tuple[bool, int]:
    """How much a constraint needs its transform: how rarely records keep it by themselves."""
    return _unlisted(constraint), _NEED.index(type(constraint))


def _unlisted(constraint: Constraint) -> bool:
    """Whether it keeps to what the records hold, which nobody can check afterwards."""
    if isinstance(constraint, Place):
        return True
    return isinstance(constraint, Combinations) and constraint.allowed is None


def _usable(
    constraint: Constraint, schema: TableSchema, taken: Collection[str], left: Sequence[Constraint]
) -> Transform | None:
    """The transform of a constraint, where it removes no column that another one's needs."""
    how = transform(constraint, schema, taken)
    needed = {name for other in left if other is not constraint for name in other.involved}
    return None if how is None or set(how.removed) & needed else how


def _contradicted(constraint: Constraint, given: Table, schema: TableSchema) -> bool:
    """Whether conditions break a constraint, whatever the columns hold that are free."""
    names = constraint.involved
    named = [name for name in names if name in given.schema.names]
    if not named:
        return False
    if isinstance(constraint, Exclusive):
        constraint = constraint.model_copy(update={"required": False})
    if isinstance(constraint, (Inequality, Exclusive)):
        # these pass over missing values
        fields = tuple(map(schema.field, names))
        columns = [
            given.column(f.name) if f.name in named else pa.nulls(given.num_rows, storage_type(f))
            for f in fields
        ]
        return bool(broken(constraint, _of_fields(fields, columns, schema)).any())
    if isinstance(constraint, OneHot):
        ones = np.sum([truths(given, name)[0] for name in named], axis=0)
        return bool((ones > 1).any())
    if len(named) < len(names):
        return False
    return bool((broken(constraint, given) & all_given(given, names)).any())


def _with_made(schema: TableSchema, how: Transform) -> TableSchema:
    """The schema with the made columns where the first removed one was."""
    fields: list[FieldSchema] = []
    placed = False
    for field in schema.fields:
        if field.name not in how.removed:
            fields.append(field)
        elif not placed:
            fields.extend(how.made)
            placed = True
    return _of(tuple(fields), schema)


def _of(fields: tuple[FieldSchema, ...], schema: TableSchema) -> TableSchema:
    names = {f.name for f in fields}
    unit = schema.tabsynth.privacy_unit
    ours = schema.tabsynth.model_copy(update={"privacy_unit": unit if unit in names else None})
    key = schema.primary_key if set(schema.primary_key) <= names else ()
    unique = tuple(key for key in schema.unique_keys if set(key) <= names)
    return schema.model_copy(
        update={"fields": fields, "primary_key": key, "unique_keys": unique, "tabsynth": ours}
    )


def _of_fields(
    fields: tuple[FieldSchema, ...], columns: list[pa.Array], schema: TableSchema
) -> Table:
    names = [f.name for f in fields]
    return Table(_of(fields, schema), pa.Table.from_arrays(columns, names=names))


def _exchanged(table: Table, schema: TableSchema, columns: dict[str, pa.Array]) -> Table:
    arrays = [
        columns[f.name].cast(storage_type(f)) if f.name in columns else table.column(f.name)
        for f in schema.fields
    ]
    return Table(schema, pa.Table.from_arrays(arrays, names=list(schema.names)))


def _translated(step: Step, given: Table) -> Table:
    """Conditions with those on removed columns told by the columns that were made, if they can."""
    removed = step.how.removed
    named: Collection[str] = given.schema.names
    if not set(removed) & set(named):
        return given
    nothing = {
        f.name: pa.nulls(given.num_rows, storage_type(f))
        for f in step.source.fields if f.name not in named
    }  # fmt: skip
    filled = _exchanged(given, step.source, nothing)
    settled = step.how.settled(filled)
    rows = np.flatnonzero(settled)
    made: dict[str, pa.Array] = {}
    if len(rows):
        place = np.full(given.num_rows, -1)
        place[rows] = np.arange(len(rows))
        at = pa.array(place, mask=~settled)
        made = {n: column.take(at) for n, column in step.how.encode(filled.take(rows)).items()}
    kept = [f for f in given.schema.fields if f.name not in removed]
    columns = [given.column(f.name) for f in kept]
    fields = (*kept, *(f for f in step.how.made if f.name in made))
    columns += [made[f.name].cast(storage_type(f)) for f in step.how.made if f.name in made]
    return _of_fields(fields, columns, given.schema)
