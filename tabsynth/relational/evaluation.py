"""A synthetic database judged by its entities, its relations and its tables, in one report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import pyarrow as pa

from tabsynth.comparison import Comparison
from tabsynth.database import Database
from tabsynth.entities import entity_table
from tabsynth.errors import DataError
from tabsynth.evaluator import judge
from tabsynth.gate import Policy, gate
from tabsynth.machine import versions
from tabsynth.metrics.copies import overlap
from tabsynth.relational.figures import relation_results
from tabsynth.relational.flatten import flatten, plan_entities
from tabsynth.relational.tables import table_results
from tabsynth.report.model import DATABASE, Report, Result
from tabsynth.schema.check import Violation, check
from tabsynth.schema.database import DatabaseSchema
from tabsynth.table import Table

NO_HOLDOUT: Final = (
    "There is no holdout, so no attack could be tried: what an attacker gets right about people "
    "who were never in the database is not known. Keep a part of them, with all that hangs from "
    "them, apart before the fit and give it as --holdout."
)

Say = Callable[[str], object]


@dataclass(frozen=True)
class Found:
    """A synthetic database as it was found, whatever is wrong with it.

    Args:
        database: its tables in the form of the schema; what could not be read is missing, and keys
            may lead nowhere.
        violations: where tables break their schemas.
    """

    database: Database
    violations: Mapping[str, tuple[Violation, ...]]

    @classmethod
    def of(cls, raw: Mapping[str, pa.Table], schema: DatabaseSchema) -> Self:
        """Parse what is there; a table that is not there has no records and lacks every column.

        Args:
            raw: columns as read, by table; tables beyond those of the schema are passed over.
            schema: what they should be.
        """
        tables, violations = {}, {}
        for name, table in schema.tables.items():
            data, broken = check(raw.get(name, pa.table({})), table)
            tables[name] = Table(table, data)
            violations[name] = broken
        return cls(Database(schema, tables), violations)


def evaluate_database(
    train: Database,
    synthetic: Found | Database,
    *,
    holdout: Database | None = None,
    entity: str | None = None,
    policy: Policy | None = None,
    seed: int | None = None,
    provenance: dict[str, Any] | None = None,
    say: Say = lambda _: None,
) -> Report:
    """Judge a synthetic database against real ones.

    Every entity becomes one record: its own columns and aggregates of all that hangs from it. The
    whole evaluation of a table, with its attacks and its gate, is made on these records.

    Args:
        train: real records that were fitted.
        synthetic: what was drawn; as `Found` where it may break the schema.
        holdout: real entities that no fit saw, with all that hangs from them.
        entity: the table of the entities; see `entity_table` for what is taken else.
        policy: what the gate accepts; by default the documented one.
        seed: of every random draw; by default 0.
        provenance: added to the report.
        say: called with a line before each step.

    Returns:
        The report. Without a holdout its verdict is `inconclusive`, or `fail` where the synthetic
        database breaks its schema.

    Raises:
        DataError: no entities in one of the databases, nothing to compare, or a holdout of
            training entities.
        UsageError: an entity table that is not there or not clear.

    Privacy: reads all real records; the report holds statistics of them and is not differentially
        private.
    """
    seed, policy = seed or 0, policy or Policy()
    if isinstance(synthetic, Database):
        raw = {name: held.data for name, held in synthetic.tables.items()}
        synthetic = Found.of(raw, train.schema)
    databases = {"train": train, "synthetic": synthetic.database}
    databases |= {} if holdout is None else {"holdout": holdout}
    sizes = {name: table.num_rows for name, table in train.tables.items()}
    table = entity_table(train.schema, sizes, entity)
    say(f"one record for each of {table}, with all that hangs from it")
    for name, database in databases.items():
        if name != "synthetic" and not database.tables[table].num_rows:
            raise DataError(f"{name}: table {table!r}", expected="records", got="none",
                            remedy="give at least one, or name another --entity")  # fmt: skip
    say("measuring relations")
    results = relation_results(train, synthetic.database, holdout, seed=seed)
    results += table_results(
        train, synthetic.database, holdout, synthetic.violations, entity=table, seed=seed, say=say
    )
    facts: dict[str, Any] = {
        "kind": DATABASE,
        "entity": table,
        "tables": {
            name: {side: d.tables[name].num_rows for side, d in databases.items()}
            for name in train.schema.tables
        },
        **(provenance or {}),
    }
    if holdout is None or not synthetic.database.tables[table].num_rows:
        return _without_attacks(results, facts, policy, seed, held=holdout is not None)
    plan = plan_entities(train, table)
    if not plan.schema.modelled_names:
        raise DataError(f"table {table!r}", expected="columns to compare, or children with some",
                        got="keys alone", remedy="name another --entity")  # fmt: skip
    flat = {name: flatten(database, plan) for name, database in databases.items()}
    if overlap(flat["train"], flat["holdout"]):
        raise DataError("holdout", expected="entities that are not in train",
                        got="mostly the same", remedy="keep some apart before the fit")  # fmt: skip
    comparison = Comparison(flat["train"], flat["holdout"], flat["synthetic"], seed=seed)
    return judge(
        comparison, policy=policy, beside=results, provenance=facts,
        progress=lambda step: say(f"measuring {step}"),
    )  # fmt: skip


def _without_attacks(
    results: list[Result], facts: dict[str, Any], policy: Policy, seed: int, *, held: bool
) -> Report:
    """The report where attacks could not be tried."""
    verdict, reasons = gate(results, [], policy)
    if verdict != "fail":
        verdict = "inconclusive"
        reasons = ["The synthetic database holds no entities." if held else NO_HOLDOUT]
    return Report(
        verdict=verdict,
        reasons=tuple(reasons),
        results=tuple(results),
        provenance={
            **versions(), "evaluation_seed": seed, "policy": policy.model_dump(), **facts,
        },
    )  # fmt: skip
