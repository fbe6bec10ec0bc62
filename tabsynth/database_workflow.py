"""A database along the straight line: read, fit, sample, write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tabsynth.choice import AUTO, parameters_to_keep
from tabsynth.database import Database
from tabsynth.entities import entity_table
from tabsynth.errors import UsageError
from tabsynth.facts import counted_by_owner
from tabsynth.io.atomic import atomic_path
from tabsynth.mock.records import Mock
from tabsynth.modelfile import Fitted
from tabsynth.relational.parting import part
from tabsynth.relations import learning
from tabsynth.relations.appending import beyond, keyed
from tabsynth.relations.bounding import bounded
from tabsynth.relations.fitted import FittedDatabase
from tabsynth.relations.preflight import plan_database
from tabsynth.schema.complete import complete
from tabsynth.schema.database import DatabaseSchema
from tabsynth.stores.address import open_store
from tabsynth.stores.ddl import ddl, emitted
from tabsynth.stores.folder import FolderStore
from tabsynth.stores.identity import engine_of
from tabsynth.stores.protocol import Mode, Source, Store
from tabsynth.stores.tables import read_whole
from tabsynth.synthesizers.margins import two_digits

Say = Callable[[str], object]


class _Undone(Exception):  # noqa: N818 - nothing is wrong
    """Ends a trial of writing."""


def read_database(
    store: Source | str | Path,
    schema: DatabaseSchema | None = None,
    *,
    say: Say = lambda _: None,
) -> Database:
    """All records of a store, checked.

    Args:
        store: a database URL or a folder of files, or one that is open.
        schema: what the tables are, taken as it is; by default what the store declares, completed
            by what the records show (marked as observed).
        say: called with a line before each table.

    Raises:
        DataError: a store that cannot be read, or records that break the schema or its keys.
        SchemaError: a Data Package that is malformed.

    Privacy: reads every record; what enters the schema is said at `tabsynth.schema.infer.infer`.
    """
    source: Source = _opened(store)
    with source.snapshot() as held:
        declared = held.reflect() if schema is None else schema
        raw = read_tables(held, declared, say=say)
    # the Data Package of a folder is a person's own, and without one all is inferred already
    if schema is None and not isinstance(source, FolderStore):
        declared = completed(declared, raw)
    return Database.checked(raw, declared, where=source.where)


def read_tables(
    store: Source, schema: DatabaseSchema, *, say: Say = lambda _: None
) -> dict[str, pa.Table]:
    """The records of every table of a schema as they are stored, unchecked."""
    raw = {}
    for name, table in schema.tables.items():
        say(f"reading {name}")
        raw[name] = read_whole(store, name, table)
    return raw


def read_found(store: Source, schema: DatabaseSchema) -> dict[str, pa.Table]:
    """What a store holds of the tables of a schema, with all their columns, whatever they are.

    Args:
        store: a database or a folder, perhaps without some of the tables or columns.
        schema: whose tables are looked for.

    Raises:
        DataError: a store that cannot be read at all.
    """
    with store.snapshot() as held:
        there = held.reflect().tables
        return {
            name: read_whole(held, name, there[name]) for name in schema.tables if name in there
        }


def completed(schema: DatabaseSchema, raw: Mapping[str, pa.Table]) -> DatabaseSchema:
    """A declared schema with what the records show where it says nothing, marked as observed.

    Where keys show whose records they are, a category or bound is that of 5 owners, not records.

    Args:
        schema: as a database declares it.
        raw: the records of every table.
    """
    tables = {}
    for name, table in schema.tables.items():
        foreign = {column for key in schema.foreign_keys[name] for column in key.fields}
        tables[name] = complete(table, raw[name], keys=foreign)
    return counted_by_owner(DatabaseSchema(tables, schema.paths, schema.name), raw)


def split_database(
    database: Database, *, entity: str | None = None, seed: int | None = None
) -> tuple[Database, Database]:
    """Entities to learn from (80 %) and a holdout of others that no fit may see, at random.

    Args:
        database: all records.
        entity: the table of the people or things to protect; see
            `tabsynth.entities.entity_table` for what is taken else.
        seed: deals them out; by default a fresh one.

    Returns:
        Two databases; every entity is in one of them, with all that hangs from it. See
        `tabsynth.relational.parting.part`.

    Raises:
        DataError: fewer than two entities.
        UsageError: an entity table that is not there or not clear.
    """
    sizes = {name: table.num_rows for name, table in database.tables.items()}
    named = entity_table(database.schema, sizes, entity)
    parts = part(database, named, rng=np.random.default_rng(seed))
    return parts.train, parts.holdout


def fit_database(
    database: Database,
    *,
    synthesizer: str = AUTO,
    parameters: Mapping[str, Any] | None = None,
    entity: str | None = None,
    seed: int | None = None,
    say: Say = lambda _: None,
) -> FittedDatabase:
    """Learn a model of a whole database.

    Args:
        database: the private records, as `read_database` gives them.
        synthesizer: a registered name, or `auto`; the same learns every table, given its parents.
        parameters: its hyper-parameters by name, values or texts.
        entity: the table of the people or things to protect, as for `split_database`.
            `max_records_per_unit` in the schemas bounds how many records of each are learnt from,
            picked at random; see `tabsynth.relations.bounding.bounded`.
        seed: the same seed gives the same model; by default a fresh one.
        say: called with lines on what the fit will cost and do, and before each table.

    Raises:
        DataError: nothing to learn, records that break a declared constraint, or a fit that needs
            more memory than is free.
        SchemaError: keys that lead round in a circle, constraints that contradict each other, or a
            bound in a table of which it is not clear whose the records are.
        UsageError: an unknown synthesizer, parameter or entity, or one that cannot learn relations.

    Privacy: not differentially private; see the synthesizer for what the model holds.
    """
    database = _bounded(database, entity, seed)
    before = plan_database(database, synthesizer, parameters)
    for line in before.lines(database):
        say(line)
    before.require_room()
    model = learning.fit_database(
        database, synthesizer=before.maker, rng=np.random.default_rng(seed), entity=entity, say=say
    )
    sizes = {n: table.num_rows for n, table in database.tables.items()}
    return FittedDatabase(
        model=model,
        parameters=parameters_to_keep(before.maker),
        default_rows={n: two_digits(size) if size else 0 for n, size in sizes.items()},
    )


def _bounded(database: Database, entity: str | None, seed: int | None) -> Database:
    if all(t.tabsynth.max_records_per_unit is None for t in database.schema.tables.values()):
        return database
    sizes = {name: table.num_rows for name, table in database.tables.items()}
    named = entity_table(database.schema, sizes, entity)
    key = [] if seed is None else [seed, *b"bounds"]
    return bounded(database, named, np.random.default_rng(key or None))


def sample_database(
    fitted: FittedDatabase, scale: float = 1.0, *, seed: int | None = None
) -> Database:
    """Draw a synthetic database.

    Args:
        fitted: what to draw from.
        scale: how many times as many records as there were in the source, about.
        seed: the same seed gives the same records; by default a fresh one.

    Raises:
        UsageError: a scale that is not above 0.
        DataError: keys that have too few values, or rules that hardly any drawn record keeps.
    """
    return fitted.model.sample(scale, rng=np.random.default_rng(seed))


def write_database(
    to: Store | str | Path,
    database: Database,
    *,
    mode: Mode = "create",
    ddl_file: str | Path | None = None,
    seed: int | None = None,
    say: Say = lambda _: None,
) -> dict[str, int]:
    """Write a synthetic database into a store: all of it, or nothing.

    Args:
        to: a database URL or a folder, or a store that is open.
        database: the records; its keys go on behind those that are there when it is appended.
        mode: `create` makes the tables and refuses what is there, `append` adds to tables of the
            same columns, `replace` puts new tables in the place of those that are there.
        ddl_file: where the statements that make the tables are written as well, in the SQL of the
            database that is written to.
        seed: of new keys that are drawn, when it is appended.
        say: called with a line before each table.

    Returns:
        Numbers of records by table.

    Raises:
        UsageError: statements for a folder.
        OutputError: the store does not take the records; nothing has changed there.
        DataError: keys that cannot go on behind those that are there.
    """
    store, schema = _opened(to), database.schema
    statements = None if ddl_file is None else statements_for(store, schema)
    data = {name: table.data for name, table in database.tables.items()}
    if mode == "append":
        require_takes(store, schema, mode)
        keys = {name: keyed(schema, name) for name in schema.tables}
        there = {name: read_whole(store, name, k) for name, k in keys.items() if k is not None}
        data = beyond(database, there, rng=np.random.default_rng(seed))
    with ExitStack() as stack:
        # the file appears after the database has it all
        if statements is not None:
            beside = stack.enter_context(atomic_path(ddl_file or ""))
            beside.write_text(statements, encoding="utf-8")
        writer = stack.enter_context(store.writing(schema, mode))
        for name in schema.parents_first:
            say(f"writing {name}")
            writer.write(name, data[name])
    return {name: data[name].num_rows for name in schema.tables}


def append_mock(
    to: Store | str | Path,
    schema: DatabaseSchema,
    rows: Mapping[str, int],
    *,
    seed: int = 0,
    models: Mapping[str, Fitted] | None = None,
    say: Say = lambda _: None,
) -> dict[str, int]:
    """Add invented records to tables that may have some; keys go on behind those that are there.

    All records are held in memory, since keys have to be compared.

    Args:
        to: a database URL or a folder, or a store that is open.
        schema: of the database.
        rows: numbers of records by table; see `tabsynth.mock.sizes.sizes` for the others.
        seed: the same seed gives the same records.
        models: see `tabsynth.mock.records.Mock.of`.
        say: called with a line before each table.

    Returns:
        Numbers of records by table.

    Raises:
        UsageError, SchemaError, DataError: see `tabsynth.mock.records.Mock.of`.
        DataError: keys that cannot go on behind those that are there.
        OutputError: tables that are not there or differ.
    """
    mock, wanted = Mock.of(schema, rows, seed=seed, models=models), emitted(schema)
    raw = {
        name: pa.concat_tables([mock.edge_records(name)[0], *mock.blocks(name)])
        for name in wanted.tables
    }
    return write_database(
        to, Database.checked(raw, wanted, where="test database"), mode="append", seed=seed, say=say
    )


def require_takes(store: Store, schema: DatabaseSchema, mode: Mode) -> None:
    """Refuse a store that would not take a database, before the work whose result it is for.

    Its tables are made, and undone at once.

    Raises:
        OutputError: tables that are there, are not there or differ, or a place that cannot be
            written.
        DataError: a database that cannot be reached.
    """
    try:
        with store.writing(schema, mode):
            raise _Undone
    except _Undone:
        return


def statements_for(store: Store, schema: DatabaseSchema) -> str:
    """The SQL that makes the tables of a schema in a store.

    Raises:
        UsageError: a folder, which has no SQL.
        SchemaError: names or keys that the engine cannot have.
    """
    engine = engine_of(store)
    if engine is None:
        raise UsageError("--ddl", expected="a database to write to", got="a folder",
                         remedy="leave it out, or write to a database URL")  # fmt: skip
    return ddl(schema, engine)


def _opened(store: Any) -> Any:
    return open_store(str(store)) if isinstance(store, (str, Path)) else store
