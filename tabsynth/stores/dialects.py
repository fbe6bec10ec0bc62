"""Names, types and values as each database engine writes them in SQL."""

from __future__ import annotations

import datetime as dt
import math
from typing import Final, Literal

from tabsynth.schema.model import FieldSchema, ObservedFact

Engine = Literal["sqlite", "duckdb", "postgresql", "mysql", "mariadb"]
ENGINES: Final[tuple[Engine, ...]] = ("sqlite", "duckdb", "postgresql", "mysql", "mariadb")
# texts are equal where all their characters are, trailing spaces and capitals included
COLLATIONS: Final = {"mysql": "utf8mb4_0900_bin", "mariadb": "utf8mb4_nopad_bin"}
# characters of a text in an index of MySQL, where the schema gives no length
KEY_LENGTH: Final = 255
# digits of a decimal whose bounds nobody declared; DuckDB has no more
DIGITS: Final = 38
_WIDTHS: Final = (("SMALLINT", 15), ("INTEGER", 31))
_PLAIN: Final[dict[Engine, dict[str, str]]] = {
    "sqlite": {
        "number": "REAL", "boolean": "BOOLEAN", "string": "TEXT", "date": "DATE", "time": "TIME",
        "datetime": "TIMESTAMP", "instant": "TIMESTAMP",
    },
    "duckdb": {
        "number": "DOUBLE", "boolean": "BOOLEAN", "string": "VARCHAR", "date": "DATE",
        "time": "TIME", "datetime": "TIMESTAMP", "instant": "TIMESTAMP WITH TIME ZONE",
    },
    "postgresql": {
        "number": "double precision", "boolean": "boolean", "string": "text", "date": "date",
        "time": "time", "datetime": "timestamp", "instant": "timestamp with time zone",
    },
    "mysql": {
        "number": "DOUBLE", "boolean": "BOOLEAN", "string": "LONGTEXT", "date": "DATE",
        "time": "TIME(6)", "datetime": "DATETIME(6)", "instant": "TIMESTAMP(6)",
    },
}  # fmt: skip
_PLAIN["mariadb"] = _PLAIN["mysql"]
_EPOCH: Final = dt.datetime(1970, 1, 1)


def is_mysql(engine: Engine) -> bool:
    """Whether it is MySQL or its descendant."""
    return engine in ("mysql", "mariadb")


def quoted(name: str, engine: Engine) -> str:
    """A name, whatever it holds: reserved words, capitals and spaces included."""
    mark = "`" if is_mysql(engine) else '"'
    return mark + name.replace(mark, mark + mark) + mark


def text(value: str, engine: Engine) -> str:
    """A text as a literal."""
    if is_mysql(engine):
        value = value.replace("\\", "\\\\")
    return "'" + value.replace("'", "''") + "'"


def literal(value: int | float | str, field: FieldSchema, engine: Engine) -> str:
    """A value of a field as a literal.

    Args:
        value: a text, or a number on the field's storage scale (see `to_storage`).
        field: the column.
        engine: whose SQL.
    """
    if field.type == "string":
        return text(str(value), engine)
    if field.type == "boolean":
        return str(int(value)) if engine == "sqlite" else str(bool(value)).upper()
    if field.type == "number":
        return repr(float(value))
    if field.type == "integer":
        return str(value)
    if field.type == "date":
        word, moment = "DATE", str((_EPOCH + dt.timedelta(days=int(value))).date())
    else:
        at = _EPOCH + dt.timedelta(microseconds=int(value))
        word, moment = "TIMESTAMP", at.isoformat(sep=" ")
        if field.type == "time":
            word, moment = "TIME", at.time().isoformat()
        elif field.tabsynth.timezone:
            word, moment = "TIMESTAMPTZ", f"{moment}+00:00"
    return text(moment, engine) if engine == "sqlite" else f"{word} {text(moment, engine)}"


def column_type(field: FieldSchema, engine: Engine, *, keyed: bool) -> str:
    """The type of a column that holds every value its field declares.

    What was read from records does not narrow a type.

    Args:
        field: the column, or the one that it refers to.
        engine: whose type.
        keyed: whether it stands in a key; MySQL needs a length for texts that do.
    """
    plain = _PLAIN[engine]
    if field.type == "integer":
        return _integer_type(field, engine)
    if field.type == "number":
        decimals = declared(field, "decimals")
        return plain["number"] if decimals is None else f"NUMERIC({_digits(field)}, {decimals})"
    if field.type == "string":
        length = field.constraints.max_length
        if is_mysql(engine) and keyed:
            return f"VARCHAR({length or KEY_LENGTH})"
        if length and (not is_mysql(engine) or length <= KEY_LENGTH):
            return f"varchar({length})" if engine == "postgresql" else f"VARCHAR({length})"
        return plain["string"]
    return plain["instant" if field.tabsynth.timezone else field.type]


def declared(field: FieldSchema, fact: ObservedFact) -> int | float | None:
    """Decimals, or a bound on the storage scale, that a person declared; None where none did."""
    if not field.declares(fact):
        return None
    if fact == "decimals":
        return field.tabsynth.decimals
    return field.bounds[fact == "maximum"]


def _integer_type(field: FieldSchema, engine: Engine) -> str:
    low, high = declared(field, "minimum"), declared(field, "maximum")
    if engine == "sqlite":
        return "INTEGER"
    if low is not None and high is not None:
        for name, bits in _WIDTHS:
            if -(2**bits) <= low and high < 2**bits:
                return name.lower() if engine == "postgresql" else name
    return "bigint" if engine == "postgresql" else "BIGINT"


def _digits(field: FieldSchema) -> int:
    """Digits of a decimal, in front of the point and behind it."""
    low, high = declared(field, "minimum"), declared(field, "maximum")
    if low is None or high is None:
        return DIGITS
    largest = math.floor(max(abs(low), abs(high), 1))
    return min(len(str(largest)) + (field.tabsynth.decimals or 0), DIGITS)
