"""Types of database columns as field descriptors, and the Arrow types their values are read as."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from tabsynth.schema.model import FieldSchema

# a decimal without decimals of at most so many digits is an integer of 64 bits
INTEGER_DIGITS: Final = 18
MOST_DECIMALS: Final = 15
WITHHELD: Final = {"type": "string", "tabsynth": {"free_text": "replace"}}


def from_sqlalchemy(kind: sa.types.TypeEngine[Any]) -> dict[str, Any]:
    """The field descriptor of a column of that type, without its name.

    Types that tabsynth has no columns of (JSON, arrays, bytes, intervals, geometry) are withheld
    texts. A column without a type gets one when its records are looked at.
    """
    return _described(kind) | {"databaseType": _name(kind)}


def _name(kind: sa.types.TypeEngine[Any]) -> str:
    try:
        return str(kind)
    except sa.exc.SQLAlchemyError:
        return kind.__class__.__name__


def _described(kind: sa.types.TypeEngine[Any]) -> dict[str, Any]:
    match kind:
        case mysql.BIT() if kind.length in (None, 1):
            return {"type": "boolean"}
        case sa.Boolean():
            return {"type": "boolean"}
        case mysql.TINYINT() if kind.display_width == 1:
            return {"type": "boolean"}
        case sa.Integer() | mysql.YEAR():
            return {"type": "integer"}
        case sa.Float():
            return {"type": "number"}
        case sa.Numeric():
            return decimal(kind.precision, kind.scale)
        case mysql.TIMESTAMP():
            return {"type": "datetime", "tabsynth": {"timezone": "UTC"}}
        case sa.DateTime():
            return moment(zoned=bool(kind.timezone))
        case sa.Date():
            return {"type": "date"}
        case sa.Time() if not kind.timezone:
            return {"type": "time"}
        case sa.Enum():
            return {"type": "string", "categories": list(kind.enums)}
        case sa.Uuid():
            return {"type": "string", "format": "uuid", "tabsynth": {"generator": {"kind": "uuid"}}}
        case sa.String():
            return text(kind.length)
        case postgresql.INET() | postgresql.CIDR() | postgresql.MACADDR() | mysql.SET():
            return {"type": "string"}
        case _:
            return WITHHELD


def decimal(precision: int | None, scale: int | None) -> dict[str, Any]:
    """A decimal of so many digits, of which `scale` stand behind the point."""
    if precision is not None and not scale and precision <= INTEGER_DIGITS:
        return {"type": "integer"}
    if scale is None or not 0 <= scale <= MOST_DECIMALS:
        return {"type": "number"}
    return {"type": "number", "tabsynth": {"decimals": scale}}


def moment(*, zoned: bool) -> dict[str, Any]:
    """A date with a time; with a zone it is an instant, shown in UTC."""
    return {"type": "datetime", **({"tabsynth": {"timezone": "UTC"}} if zoned else {})}


def text(length: int | None) -> dict[str, Any]:
    """A text of at most so many characters."""
    return {"type": "string", **({"constraints": {"maxLength": length}} if length else {})}


def read_type(field: FieldSchema) -> pa.DataType:
    """The Arrow type that values of a declared column are read as."""
    return {
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "datetime": pa.timestamp("us", tz=field.tabsynth.timezone),
        "time": pa.time64("us"),
        "string": pa.string(),
    }[field.type]
