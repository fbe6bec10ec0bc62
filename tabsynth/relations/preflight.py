"""Before a database is learnt: by which synthesizer, and what it will cost on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tabsynth.choice import AUTO, Choice, choose, configure, cost, resolve, traits
from tabsynth.constraints.plan import Plan
from tabsynth.constraints.training import require_kept
from tabsynth.database import Database
from tabsynth.errors import DataError, UsageError
from tabsynth.hard_columns import hard_columns
from tabsynth.machine import available_memory
from tabsynth.preflight import Preflight, size_of
from tabsynth.relations.views import FEWEST
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.protocol import Size
from tabsynth.table import Table


@dataclass(frozen=True)
class DatabasePreflight:
    """What is known before a fit.

    Args:
        maker: the synthesizer with its parameters.
        choice: which one it is, and why `auto` picked it.
        tables: by name, what a fit of the table with the columns of its parents needs; tables of
            keys alone, and with too few records to learn from, are not listed.
    """

    maker: Any
    choice: Choice
    tables: Mapping[str, Preflight]

    def lines(self, database: Database) -> list[str]:
        """What to tell the person who holds the database, before the fit.

        Privacy: counts to two digits, of private columns; not for files.
        """
        why = f": {self.choice.why}" if self.choice.why else ""
        lines = [f"synthesizer {self.choice.name}{why}"] if why else []
        for name, table in database.tables.items():
            if table.num_rows < FEWEST:
                lines.append(f"{name}: too few records to learn from")
                continue
            if name not in self.tables:
                lines.append(f"{name}: no columns to learn")
                continue
            lines.append(f"{name}: {self.tables[name].estimate()}")
            own = _own(table, database.schema, name)
            found = [] if own is None else hard_columns(own, traits(self.choice.name))
            lines += [f"{name}: {line}" for line in found]
        return lines

    def require_room(self) -> None:
        """Refuse a fit that the system would end half-way.

        Raises:
            DataError: a table needs more memory than is free.
        """
        for name, before in self.tables.items():
            try:
                before.require_room()
            except DataError as error:
                raise DataError(f"table {name!r}", expected=error.expected, got=error.got,
                                remedy=error.remedy) from None  # fmt: skip


def plan_database(
    database: Database, synthesizer: str = AUTO, parameters: Mapping[str, Any] | None = None
) -> DatabasePreflight:
    """The synthesizer that a fit would use for all tables, and what is known before the fit.

    Args:
        database: the private records.
        synthesizer: a registered name, or `auto`.
        parameters: hyper-parameters by name, values or texts.

    Raises:
        UsageError: an unknown synthesizer or parameter, or one that cannot learn relations.
        SchemaError: keys that lead round in a circle, or constraints that contradict each other.
        DataError: nothing to learn, or records that break a declared constraint.
    """
    given = parameters or {}
    check_synthesizer(synthesizer, given)
    order = database.schema.parents_first
    for name in order:
        Plan.of(database.tables[name].schema)
        require_kept(database.tables[name], where=f"table {name!r}")
    sizes = _sizes(database)
    if not sizes:
        raise DataError("database", expected="records with columns to learn",
                        got="keys alone, or no records", remedy="check the tables")  # fmt: skip
    largest = max(sizes.values(), key=lambda size: size.records * len(size.cells))
    free = available_memory()
    chosen = choose(largest, free=free, parameters=given) if synthesizer == AUTO else None
    choice = chosen or Choice(resolve(synthesizer, given))
    maker = configure(choice.name, given)
    tables = {n: Preflight(choice, size, free, cost(maker, size)) for n, size in sizes.items()}
    return DatabasePreflight(maker, choice, tables)


def check_synthesizer(synthesizer: str, parameters: Mapping[str, Any]) -> None:
    """Refuse a synthesizer that cannot learn a database, before any record is read.

    Raises:
        UsageError: an unknown synthesizer or parameter, one that cannot draw children for the
            parents that they are given, or one that keeps training records.
        PrivacyError: one that works under a privacy budget alone.
    """
    name = resolve(synthesizer, parameters)
    configure(name, parameters)
    known = traits(name)
    if known is not None and (known.conditions == "none" or known.keeps_records):
        raise UsageError(
            f"--synthesizer {name}",
            expected="one that draws records for given parents, and keeps no training record",
            got="one that does not", remedy="use trees or gaussian_copula",
        )  # fmt: skip


def _sizes(database: Database) -> dict[str, Size]:
    """Of each table with the columns of its nearest parents, on which its own depend."""
    own = {}
    for name, table in database.tables.items():
        alone = _own(table, database.schema, name)
        if alone is not None and table.num_rows >= FEWEST:
            own[name] = size_of(alone)
    sizes = {}
    for name, size in own.items():
        parents = {k.parent for k in database.schema.foreign_keys[name]} - {name}
        given = tuple(cell for p in sorted(parents) if p in own for cell in own[p].cells)
        sizes[name] = Size(size.records, (*size.cells, *given))
    return sizes


def _own(table: Table, schema: DatabaseSchema, name: str) -> Table | None:
    """The columns that say something of a record and name none; None where there are none."""
    keys = schema.key_columns(name)
    fields = [f for f in table.schema.modelled_fields if f.name not in keys]
    return table.select(TableSchema(fields=tuple(fields))) if fields else None
