"""SDV metadata, by its documented form; nothing of SDV is needed to read or write it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Sequence as Listing
from typing import Any, Final, get_args

from tabsynth.errors import SchemaError
from tabsynth.schema.files import parse_schema
from tabsynth.schema.generator import Pattern, Personal, PersonalKind, Sequence, Uuid
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.schema.pattern import parse_pattern

SOURCE: Final = "converted from SDV metadata"
_VERSIONS: Final = ("SINGLE_TABLE_V1", "MULTI_TABLE_V1", "V1", "V2")
_ISO: Final = {
    "date": "%Y-%m-%d",
    "time": "%H:%M:%S",
    "datetime": "%Y-%m-%dT%H:%M:%S",
}
_PERSONAL: Final = {**{kind: kind for kind in get_args(PersonalKind)}, "ipv4_address": "ipv4"}
_DATE_DIRECTIVES: Final = frozenset("YymdbBjUWaAGVuxc")
_TIME_DIRECTIVES: Final = frozenset("HIMSfpXc")
# What an identifier without a declared form gets; SDV must be told that it is a text.
_ANY_KEY: Final = "[A-Za-z0-9]{12}"


def from_sdv(
    metadata: Mapping[str, Any], *, table: str | None = None, where: str = "SDV metadata"
) -> TableSchema:
    """A table schema from SDV metadata of one table.

    Personal data of a kind that tabsynth cannot invent, and unknown columns that are marked as
    personal, become withheld text. Ranges that SDV's detection read from records (spec V2) are left
    out; the order of categories is kept, marked as observed.

    Args:
        metadata: the content of the JSON file, spec SINGLE_TABLE_V1, V1 or V2.
        table: which table, where there are several.
        where: how messages name the metadata.

    Raises:
        SchemaError: the metadata is malformed, holds several tables, or has an identifier whose
            regular expression is not of one fixed length.
    """
    version = metadata.get("METADATA_SPEC_VERSION", "V1")
    if not isinstance(version, str) or version not in _VERSIONS:
        raise SchemaError(
            where,
            expected=f"METADATA_SPEC_VERSION to be one of {', '.join(_VERSIONS)}",
            got="another version",
            remedy="save the metadata with SDV 1 or 2",
        )
    body = _one_table(metadata, table, where)
    columns = body.get("columns")
    if not isinstance(columns, Mapping) or not columns:
        raise SchemaError(
            where, expected="a mapping 'columns'", got="none", remedy="add the table's columns"
        )
    notes: list[str] = []
    fields = [_field(name, column, notes, where) for name, column in columns.items()]
    key = _names(body.get("primary_key"))
    unique = [k for k in _names(body.get("alternate_keys")) if isinstance(k, str)]
    for field in fields:
        if [field["name"]] == key or field["name"] in unique:
            field["constraints"] = {"unique": True}
    left_out = {"sequence_key", "sequence_index", "column_relationships"} & set(body)
    notes += [f"{name} of the SDV metadata is left out" for name in sorted(left_out)]
    descriptor = {"fields": fields, "primaryKey": key, "tabsynth": {"source": SOURCE}}
    if notes:
        descriptor["tabsynth"] = {"source": SOURCE, "notes": notes}
    return parse_schema(descriptor, where)


def to_sdv(schema: TableSchema) -> dict[str, Any]:
    """SDV metadata of one table, spec SINGLE_TABLE_V1, which SDV 1 and 2 read.

    Kept: names, types, formats, keys, order of declared categories, patterns of identifiers, kinds
    of personal data. Lost, as SDV has no place for them: bounds, unordered categories, decimals,
    time zones (only that there is one), locales, roles, missing-value markers, starts and padding
    of sequences, and keys over columns that are neither identifiers, personal data, texts nor
    integers.
    """
    columns = {f.name: _column(f, is_key=f.name in schema.primary_key) for f in schema.fields}
    metadata: dict[str, Any] = {"METADATA_SPEC_VERSION": "SINGLE_TABLE_V1", "columns": columns}
    key = [name for name in schema.primary_key if _may_be_key(columns[name])]
    if key and len(key) == len(schema.primary_key):
        metadata["primary_key"] = key[0] if len(key) == 1 else key
    alternate = [
        f.name
        for f in schema.fields
        if f.constraints.unique and [f.name] != key and _may_be_key(columns[f.name])
    ]
    return {**metadata, "alternate_keys": alternate} if alternate else metadata


def _one_table(metadata: Mapping[str, Any], table: str | None, where: str) -> Mapping[str, Any]:
    tables = metadata.get("tables")
    if tables is None and table is None:
        return metadata
    if not isinstance(tables, Mapping):
        tables = {}
    chosen = next(iter(tables), None) if table is None and len(tables) == 1 else table
    body = tables.get(chosen)
    if not isinstance(body, Mapping):
        listed = ", ".join(map(str, tables)) or "no table"
        raise SchemaError(
            where,
            expected="one table" if table is None else f"a table {table!r}",
            got=f"{len(tables)} tables ({listed})" if len(tables) > 1 else listed,
            remedy="name one of them" if tables else "add the table",
        )
    return body


def _names(key: Any) -> list[Any]:
    if isinstance(key, str):
        return [key]
    return list(key) if isinstance(key, (list, tuple)) else []


def _field(name: str, column: Any, notes: list[str], where: str) -> dict[str, Any]:
    place = f"{where}: column {name!r}"
    kind = column.get("sdtype") if isinstance(column, Mapping) else None
    if not isinstance(kind, str):
        raise SchemaError(place, expected="an sdtype", got="none", remedy="add it")
    body: dict[str, Any]
    match kind:
        case "numerical":
            body = _numerical(column)
        case "categorical" | "ordinal":
            body = _categorical(column, ordinal=kind == "ordinal")
        case "boolean":
            body = {"type": "boolean"}
        case "datetime":
            body = _moment(column.get("datetime_format"))
        case "id":
            body = _identifier(column.get("regex_format"), place)
        case _ if not column.get("pii", True):
            body = {"type": "string"}
        case "uuid4":
            body = {"tabsynth": {"role": "identifier", "generator": {"kind": "uuid"}}}
        case _ if kind in _PERSONAL:
            generator = {"kind": "personal", "what": _PERSONAL[kind]}
            body = {"tabsynth": {"generator": generator}}
            body["type"] = "date" if kind == "date_of_birth" else "string"
        case _:
            notes.append(f"column {name!r} is withheld: sdtype {kind} cannot be invented")
            body = {"tabsynth": {"free_text": "replace"}}
    return {"name": name, **body}


def _numerical(column: Mapping[str, Any]) -> dict[str, Any]:
    places = column.get("decimal_places")
    representation = str(column.get("computer_representation", ""))
    if representation.startswith(("Int", "UInt")) or (not representation and places == 0):
        return {"type": "integer"}
    if isinstance(places, int) and 0 < places <= 6:
        return {"type": "number", "tabsynth": {"decimals": places, "observed": ["decimals"]}}
    return {"type": "number"}


def _categorical(column: Mapping[str, Any], *, ordinal: bool) -> dict[str, Any]:
    order = column.get("order", column.get("range_values"))
    values = [v for v in order if v is not None] if isinstance(order, (list, tuple)) else []
    if values and all(isinstance(v, bool) for v in values):
        return {"type": "boolean"}
    numbers = bool(values) and all(isinstance(v, int) and not isinstance(v, bool) for v in values)
    is_integer = numbers or column.get("order_by") == "numerical_value"
    body: dict[str, Any] = {"type": "integer" if is_integer else "string"}
    if "order" in column or ordinal:
        if numbers or (values and all(isinstance(v, str) for v in values)):
            body |= {"categories": values, "categoriesOrdered": True}
        if "order" not in column and "categories" in body:
            body["tabsynth"] = {"observed": ["categories"]}
    return body


def _moment(form: Any) -> dict[str, Any]:
    if not isinstance(form, str):
        return {"type": "datetime"}
    directives = set(re.findall(r"%[-#]?([A-Za-z])", form.replace("%%", "")))
    has_date, has_time = directives & _DATE_DIRECTIVES, directives & _TIME_DIRECTIVES
    kind = "datetime" if has_date and has_time else "time" if has_time else "date"
    body: dict[str, Any] = {"type": kind}
    if kind == "datetime" and "z" in directives:
        body["tabsynth"] = {"timezone": "UTC"}
    plain = _ISO[kind] + ("%z" if "tabsynth" in body else "")
    return body if form == plain else {**body, "format": form}


def _identifier(regex: Any, place: str) -> dict[str, Any]:
    if not isinstance(regex, str):
        generator: dict[str, Any] = {"kind": "sequence"}
        kind = "integer"
    else:
        kind = "string"
        prefix = _counted_prefix(regex)
        if prefix is not None:
            generator = {"kind": "sequence", "prefix": prefix}
        else:
            pattern = regex.removeprefix("^")
            pattern = pattern if pattern.endswith("\\$") else pattern.removesuffix("$")
            try:
                parse_pattern(pattern)
            except ValueError:
                raise SchemaError(
                    place,
                    expected="a regex_format of literals, \\d, \\w, classes and counts {n}",
                    got="another form",
                    remedy="give it one fixed length, or delete it to number the identifiers",
                ) from None
            generator = {"kind": "pattern", "pattern": pattern}
    return {"type": kind, "tabsynth": {"role": "identifier", "generator": generator}}


def _counted_prefix(regex: str) -> str | None:
    r"""The literal text before a final `\d+`: a sequence of texts."""
    for digits in (r"\d+", "[0-9]+"):
        if regex.endswith(digits):
            before = regex.removesuffix(digits)
            if not before:
                return ""
            try:
                positions = parse_pattern(before)
            except ValueError:
                return None
            return "".join(positions) if all(len(p) == 1 for p in positions) else None
    return None


def _column(field: FieldSchema, *, is_key: bool) -> dict[str, Any]:
    match field.tabsynth.generator:
        case Sequence(prefix=prefix):
            if field.type == "integer":
                return {"sdtype": "id"}
            return {"sdtype": "id", "regex_format": f"{_escaped(prefix)}\\d+"}
        case Uuid():
            return {"sdtype": "uuid4", "pii": True}
        case Pattern(pattern=pattern):
            return {"sdtype": "id", "regex_format": pattern}
        case Personal(what=what):
            return {"sdtype": what, "pii": True}
    if field.tabsynth.free_text is not None:
        return {"sdtype": "unknown", "pii": True}
    if is_key and field.type == "integer":
        return {"sdtype": "id"}
    if is_key and field.type == "string":
        return {"sdtype": "id", "regex_format": _ANY_KEY}
    return _modelled(field)


def _modelled(field: FieldSchema) -> dict[str, Any]:
    # Categories that were read from records are not handed on: nothing there could mark them.
    listed: Listing[str | int] = field.domain or () if field.declares("categories") else ()
    if field.type == "string" or field.domain is not None:
        if listed and field.categories_ordered:
            return {"sdtype": "categorical", "order": list(listed)}
        by_number = {"order_by": "numerical_value"} if field.type == "integer" else {}
        return {"sdtype": "categorical", **by_number}
    if field.type in _ISO:
        explicit = None if field.format in ("default", "any") else field.format
        zone = "%z" if field.tabsynth.timezone else ""
        return {"sdtype": "datetime", "datetime_format": explicit or _ISO[field.type] + zone}
    if field.type == "boolean":
        return {"sdtype": "boolean"}
    return {
        "sdtype": "numerical",
        "computer_representation": "Int64" if field.type == "integer" else "Float",
    }


def _may_be_key(column: Mapping[str, Any]) -> bool:
    return column["sdtype"] == "id" or (bool(column.get("pii")) and column["sdtype"] != "unknown")


def _escaped(text: str) -> str:
    return "".join(char if char.isalnum() or char == " " else f"\\{char}" for char in text)
