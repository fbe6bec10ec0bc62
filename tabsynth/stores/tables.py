"""One table: a file, or a table of a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from tabsynth.errors import DataError, UsageError
from tabsynth.io.read import read_raw
from tabsynth.io.write import TableWriter, open_writer
from tabsynth.schema.complete import complete
from tabsynth.schema.constraint import Unique
from tabsynth.schema.database import DatabaseSchema
from tabsynth.schema.infer import infer
from tabsynth.schema.keys import ForeignKey
from tabsynth.schema.model import FieldExtension, FieldSchema, TableSchema
from tabsynth.schema.recognise import repeated_identifier
from tabsynth.stores.place import Place, split_table
from tabsynth.stores.protocol import DatabaseWriter, Source, Store


def source_of(place: Place) -> tuple[Store, str]:
    """The database that a place is in, and the name of the table.

    Raises:
        UsageError: no table is named.
        DataError: an address that cannot be opened.
    """
    # the databases' packages take a while to load, and files need none of them
    from tabsynth.stores.address import open_store

    address, table = split_table(place.text)
    store = open_store(address)
    if table is None:
        raise UsageError(
            str(place), expected="one table", got="a whole database",
            remedy="name its table, as in sqlite:///shop.db#orders",
        )  # fmt: skip
    return store, table


def read_data(place: Place) -> pa.Table:
    """The records of a table as they are, unchecked.

    Raises:
        UsageError: a database without the name of a table.
        DataError: whatever cannot be read as a table, or one without records.
    """
    if not place.is_table:
        return read_raw(place.text)
    store, table = source_of(place)
    raw = read_whole(store, table, None)
    _require_records(raw, place)
    return raw


def read_described(place: Place) -> tuple[TableSchema, pa.Table]:
    """A table and what it is: as its database declares it and its records show, or as they show.

    Raises:
        UsageError: see `read_data`.
        DataError: see `read_data`.
    """
    if not place.is_table:
        raw = read_raw(place.text)
        return infer(raw), raw
    store, table = source_of(place)
    with store.snapshot() as held:
        schema = _declared(held, table)
        raw = read_whole(held, table, schema)
    _require_records(raw, place)
    completed = complete(_unlinked(schema, raw), raw)
    return _alone(completed), raw


def declared(place: Place) -> TableSchema:
    """A table of a database as it is declared there, alone; no record is read.

    Raises:
        UsageError: see `read_data`.
        DataError: a database that cannot be reached, or that has no such table.
    """
    store, table = source_of(place)
    return _alone(_declared(store, table))


@contextmanager
def writing_table(place: Place, schema: TableSchema) -> Iterator[TableWriter]:
    """Open a file, or a database for a new table, which is there whole when the block succeeds.

    Args:
        place: a file that is made or replaced, or a table that is not there yet.
        schema: of the table; columns that are left out of synthetic tables are left out, and so
            are keys to other tables.

    Raises:
        UsageError: a database without the name of a table.
        OutputError: a place that cannot be written, or a table that is there.
    """
    if not place.is_table:
        with open_writer(Path(place.text), schema.emitted) as writer:
            yield writer
        return
    store, name = source_of(place)
    alone = schema.model_copy(update={"foreign_keys": ()})
    with store.writing(DatabaseSchema({name: alone}, {}), "create") as database:
        yield _OneTable(database, name)


class _OneTable:
    """A database's writer as that of one of its tables."""

    def __init__(self, database: DatabaseWriter, name: str) -> None:
        self._database, self._name = database, name

    def write(self, data: pa.Table) -> None:
        self._database.write(self._name, data)


def read_whole(
    store: Source, table: str, schema: TableSchema | None, *, private: bool = False
) -> pa.Table:
    """The records of one table of a store, in memory.

    Args:
        store: where it is.
        table: its name.
        schema: see `Source.read`.
        private: see `Source.read`.

    Raises:
        DataError: see `Source.read`.
    """
    batches = list(store.read(table, schema, private=private))
    if batches:
        return pa.Table.from_batches(batches)
    names = store.reflect().tables[table].names if schema is None else schema.names
    return pa.table({name: pa.nulls(0) for name in names})


def _declared(store: Source, table: str) -> TableSchema:
    tables = store.reflect().tables
    if table not in tables:
        from tabsynth.stores.failures import gone

        raise gone(f"{store.where}: table {table!r}", "table")
    return tables[table]


def _unlinked(schema: TableSchema, raw: pa.Table) -> TableSchema:
    """The table with new values in keys that name persons or things, and not groups of records."""
    fields = {field.name: field for field in schema.fields}
    notes = list(schema.tabsynth.notes)
    for key in schema.foreign_keys:
        for name in ForeignKey.parse(key, child="").fields:
            field, values = fields[name], raw.column(name).drop_null()
            texts = values.unique().cast(pa.string())
            made = repeated_identifier("id", texts, records=len(values))
            if made is None or not field.is_modelled or field.type not in ("integer", "string"):
                continue
            extension = field.tabsynth.model_dump(exclude_defaults=True)
            extension |= {"role": "identifier", "generator": made}
            update = {"tabsynth": FieldExtension.model_validate(extension)}
            fields[name] = field.model_copy(update=update)
            notes.append(f"column {name!r}: names other records; its values are invented")
    ours = schema.tabsynth.model_copy(update={"notes": tuple(notes)})
    return schema.model_copy(update={"fields": tuple(fields.values()), "tabsynth": ours})


def _alone(schema: TableSchema) -> TableSchema:
    """A table whose keys can be kept without others: made anew, or drawn until they differ."""
    single = set(schema.primary_key if len(schema.primary_key) == 1 else ())
    fields = []
    for declared_field in schema.fields:
        field = declared_field
        unique = field.name in single or field.constraints.unique
        if unique and field.is_modelled and field.type in ("integer", "string"):
            prefix = {} if field.type == "integer" else {"prefix": "id-"}
            made = {"role": "identifier", "generator": {"kind": "sequence", **prefix}}
            own = field.model_dump(by_alias=True, exclude_defaults=True)
            own.pop("categories", None)
            own["tabsynth"] = {**own.get("tabsynth", {}), **made}
            field = FieldSchema.model_validate(own)
        fields.append(field)
    made_anew = {field.name for field in fields if not field.is_modelled}
    several = [key for key in (schema.primary_key, *schema.unique_keys) if len(key) > 1]
    drawn = [Unique(columns=key) for key in several if not made_anew & set(key)]
    ours = schema.tabsynth.model_copy(
        update={"constraints": (*schema.tabsynth.constraints, *drawn)}
    )
    kept = schema.primary_key if made_anew & set(schema.primary_key) else ()
    update = {"fields": tuple(fields), "primary_key": kept, "unique_keys": (),
              "foreign_keys": (), "tabsynth": ours}  # fmt: skip
    return TableSchema.model_validate(schema.model_copy(update=update).descriptor())


def _require_records(raw: pa.Table, place: Place) -> None:
    if not raw.num_rows:
        raise DataError(
            str(place), expected="at least one record", got="0 records", remedy="check the table"
        )
