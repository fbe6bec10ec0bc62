"""The records of one table of a database behind SQLAlchemy, in batches."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tabsynth.schema.columns import without_markers
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.schema.parse import parse_texts
from tabsynth.stores.types import from_sqlalchemy, read_type
from tabsynth.stores.values import BATCH, BYTES, column_of


def batches(
    connection: sa.Connection,
    table: str,
    columns: Mapping[str, sa.types.TypeEngine[Any]],
    where: str,
    *,
    schema: TableSchema | None = None,
    private: bool = False,
) -> Iterator[pa.RecordBatch]:
    """All records of a table; the server keeps those that were not asked for yet.

    Args:
        connection: on which nothing else is read meanwhile.
        table: its name.
        columns: types by name of those that are wanted, in order.
        where: how messages name the table.
        schema: what they are read for.
        private: see `Source.read`.
    """
    dialect = connection.dialect.name
    fields = {
        name: _read_alone(name, kind, dialect, schema) if private else _declared(name, kind)
        for name, kind in columns.items()
    }
    kinds = {name: _arrow_type(field, dialect) for name, field in fields.items()}
    wanted = [_selected(name, kind, dialect, private=private) for name, kind in columns.items()]
    source = sa.table(sa.quoted_name(table, quote=True))
    codec = _codec(connection) if private else ""
    if dialect == "sqlite" and private:
        driver: Any = connection.connection.dbapi_connection
        driver.text_factory = lambda content: content.decode(errors="replace")
    elif dialect == "sqlite":
        kinds |= dict.fromkeys(_mixed(connection, source, kinds), pa.string())
    found = connection.execution_options(stream_results=True, max_row_buffer=BATCH).execute(
        sa.select(*wanted).select_from(source)
    )
    layout = pa.schema(list(kinds.items()))
    with found:
        for rows in found.partitions(BATCH):
            arrays = [
                _parsed(_texts(values, codec), field, schema if dialect == "sqlite" else None)
                if private
                else column_of(values, kinds[name], f"{where}: column {name!r}")
                for (name, field), values in zip(
                    fields.items(), zip(*rows, strict=True), strict=True
                )
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=layout)


def _declared(name: str, kind: sa.types.TypeEngine[Any]) -> FieldSchema:
    return FieldSchema.model_validate({"name": name, **from_sqlalchemy(kind)})


def _read_alone(
    name: str, kind: sa.types.TypeEngine[Any], dialect: str, schema: TableSchema | None
) -> FieldSchema:
    """What the texts of a column's values are read as."""
    declared = _declared(name, kind)
    wanted = declared if schema is None else schema.field(name)
    # of texts, no two persons become one
    if schema is not None and name == schema.tabsynth.privacy_unit:
        return FieldSchema(name=name)
    if dialect == "sqlite":
        # its types bind no value, but of numbers it takes texts that look like one
        numeric = {declared.type, wanted.type} <= {"integer", "number"}
        return FieldSchema(name=name, type=wanted.type if numeric else "string")
    match kind:
        case sa.Integer() if wanted.type == "number":
            # beyond 64 bits, a number outside its bounds is still one
            return FieldSchema(name=name, type="number")
        # truths and numbers
        case mysql.TINYINT() | mysql.BIT() if wanted.type != "boolean":
            return FieldSchema(name=name, type="integer")
        case mysql.TIMESTAMP() if wanted.tabsynth.timezone is None:
            return FieldSchema(name=name, type="datetime")
    return declared


def _parsed(texts: pa.Array, field: FieldSchema, schema: TableSchema | None) -> pa.Array:
    """Texts of a database as values; texts among numbers of SQLite as the schema writes them."""
    values = parse_texts(texts, field)
    if schema is None or field.type == "string":
        return values
    wanted = schema.field(field.name)
    strays = parse_texts(without_markers(texts, schema.markers(wanted)), wanted)
    return pc.coalesce(values, strays)


def _codec(connection: sa.Connection) -> str:
    """Python's name of the encoding that `_bytes_of` leaves texts in."""
    if connection.dialect.name != "postgresql":
        return "utf-8"
    encoding = str(connection.scalar(sa.select(sa.func.getdatabaseencoding())))
    name = encoding.replace("WIN", "cp").replace("KOI8", "koi8_")
    try:
        return codecs.lookup(name).name
    except LookupError:
        # SQL_ASCII, which is any bytes, and the two that Python has not
        return "utf-8"


def _texts(values: Sequence[Any], codec: str) -> pa.Array:
    texts = [v.decode(codec, "replace") if isinstance(v, bytes) else v for v in values]
    return pa.array(texts, pa.string())


def _arrow_type(field: FieldSchema, dialect: str) -> pa.DataType:
    if dialect == "sqlite":
        # it has neither moments nor truths: texts and numbers stand for them
        if field.type in ("date", "datetime", "time"):
            return pa.string()
        if field.type == "boolean":
            return pa.int64()
    return read_type(field)


def _column(name: str) -> sa.ColumnClause[Any]:
    # without a type, since a type's own reader would quote a value that it cannot read
    return sa.column(sa.quoted_name(name, quote=True))


def _selected(
    name: str, kind: sa.types.TypeEngine[Any], dialect: str, *, private: bool
) -> sa.ColumnElement[Any]:
    column: sa.ColumnElement[Any] = _column(name)
    if isinstance(kind, sa.LargeBinary):
        return sa.case((column.is_not(None), sa.literal_column(f"'{BYTES}'"))).label(name)
    if isinstance(kind, mysql.BIT) and (private or kind.length not in (None, 1)):
        column = sa.cast(column, mysql.INTEGER(unsigned=True))
    opaque = from_sqlalchemy(kind)["type"] == "string" and not isinstance(kind, sa.String)
    if private:
        return _bytes_of(column, dialect).label(name)
    if opaque and dialect != "sqlite":
        return sa.cast(column, sa.Text).label(name)
    return column


def _bytes_of(column: sa.ColumnElement[Any], dialect: str) -> sa.ColumnElement[Any]:
    """Values as texts that no driver decodes, nor PostgreSQL converts: both fail on some."""
    if dialect == "sqlite":
        return sa.cast(column, sa.Text)
    if dialect == "postgresql":
        return sa.func.convert_to(sa.cast(column, sa.Text), sa.func.getdatabaseencoding())
    return sa.cast(sa.cast(column, mysql.CHAR(charset="utf8mb4")), sa.LargeBinary)


def _mixed(
    connection: sa.Connection, source: sa.TableClause, kinds: Mapping[str, pa.DataType]
) -> list[str]:
    """Number columns of an SQLite table in which something else stands as well."""
    allowed = {pa.int64(): ("integer", "null"), pa.float64(): ("integer", "real", "null")}
    asked = [name for name, kind in kinds.items() if kind in allowed]
    if not asked:
        return []
    strays = [
        sa.func.max(sa.func.typeof(_column(name)).not_in(allowed[kinds[name]])) for name in asked
    ]
    row = connection.execute(sa.select(*strays).select_from(source)).one()
    return [name for name, stray in zip(asked, row, strict=True) if stray]
