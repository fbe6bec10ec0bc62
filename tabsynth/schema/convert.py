"""Schemas to and from the files of other tools: plain Data Package and SDV metadata."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from tabsynth.errors import SchemaError
from tabsynth.schema.files import dump_schema, parse_schema, parse_text
from tabsynth.schema.model import TableSchema
from tabsynth.schema.sdv_metadata import from_sdv, to_sdv

__all__ = ["convert", "from_any", "from_data_package", "from_sdv", "to_data_package", "to_sdv"]

Format = Literal["tabsynth", "sdv", "datapackage"]

_PROFILE: Final = "https://datapackage.org/profiles/2.0/datapackage.json"
_WITHHELD_TYPES: Final = ("object", "array", "list", "geojson", "geopoint", "duration")


def convert(
    source: str | Mapping[str, Any],
    *,
    to: Format,
    table: str | None = None,
    where: str = "schema",
    as_json: bool = False,
) -> str:
    """A schema in another tool's form, as the text of a file.

    Args:
        source: the text (JSON or YAML) or content of our schema, a Data Package, a plain Table
            Schema, or SDV metadata; which it is shows in its keys.
        to: `tabsynth` gives YAML unless `as_json`, `sdv` and `datapackage` give JSON. What is lost
            is written at `to_sdv` and `to_data_package`.
        table: which table, where the source holds several.
        where: how messages name the source.
        as_json: whether our own schema is wanted as JSON too.

    Raises:
        SchemaError: the source is none of these, or cannot be expressed.
    """
    schema = from_any(source, table=table, where=where)
    if to == "tabsynth":
        return dump_schema(schema, as_json=as_json)
    other = to_sdv(schema) if to == "sdv" else to_data_package(schema, name=table or "table")
    return json.dumps(other, indent=2, ensure_ascii=False) + "\n"


def kind_of_file(path: Path) -> Format:
    """What form a file of that name is expected to hold."""
    if path.suffix.lower() != ".json":
        return "tabsynth"
    return "datapackage" if "package" in path.name.lower() else "sdv"


def from_any(
    source: str | Mapping[str, Any], *, table: str | None = None, where: str = "schema"
) -> TableSchema:
    """A table schema from any of the forms that `convert` reads.

    Args:
        source: see `convert`.
        table: see `convert`.
        where: see `convert`.

    Raises:
        SchemaError: the source is none of these forms, or is malformed.
    """
    if isinstance(source, str):
        source = parse_text(source, where, as_json=source.lstrip("\ufeff \t\r\n").startswith("{"))
    if "METADATA_SPEC_VERSION" in source or "columns" in source or "tables" in source:
        return from_sdv(source, table=table, where=where)
    return from_data_package(source, resource=table, where=where)


def from_data_package(
    descriptor: Mapping[str, Any], *, resource: str | None = None, where: str = "Data Package"
) -> TableSchema:
    """A table schema from a Data Package, one of its resources, or a bare Table Schema.

    Types that tabsynth lacks are brought to the nearest it has, and said so in the notes: `year` to
    integer, `yearmonth` to date, `any` to string; structured types become withheld text. Exclusive
    bounds of integers become inclusive ones. Our own `tabsynth` keys are kept.

    Args:
        descriptor: the content of datapackage.json, or of a table schema file.
        resource: name of the resource, where there are several.
        where: how messages name the descriptor.

    Raises:
        SchemaError: no such resource, a schema that stands in another file, or a malformed one.
    """
    body = _schema_of(descriptor, resource, where)
    fields = body.get("fields")
    if not isinstance(fields, (list, tuple)):
        return parse_schema(body, where)
    notes: list[str] = []
    fitted = [_fitted(f, notes) if isinstance(f, Mapping) else f for f in fields]
    extension = body.get("tabsynth", {})
    earlier = extension.get("notes", []) if isinstance(extension, Mapping) else None
    if notes and isinstance(earlier, (list, tuple)):
        body = {**body, "tabsynth": {**extension, "notes": [*earlier, *notes]}}
    return parse_schema({**body, "fields": fitted}, where)


def to_data_package(schema: TableSchema, *, name: str) -> dict[str, Any]:
    """A plain Data Package v2 with one resource, for any tool that reads the standard.

    Lost, as the standard has no place for them: roles, generators, withheld texts, decimals, time
    zones. Facts that were read from private records (bounds, categories, required) are left out,
    as nothing in a plain descriptor could mark them as such.

    Args:
        schema: the table's schema.
        name: of the package and its resource; its table is expected at `<name>.csv`.
    """
    slug = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-") or "table"
    table = schema.declared.descriptor()
    table.pop("tabsynth", None)
    for described in table["fields"]:
        described.pop("tabsynth", None)
    resource = {"name": slug, "type": "table", "path": f"{slug}.csv", "schema": table}
    return {"$schema": _PROFILE, "name": slug, "resources": [resource]}


def _schema_of(
    descriptor: Mapping[str, Any], resource: str | None, where: str
) -> Mapping[str, Any]:
    if "fields" in descriptor:
        return descriptor
    resources = descriptor.get("resources", [descriptor] if "schema" in descriptor else [])
    resources = resources if isinstance(resources, (list, tuple)) else []
    listed = [r for r in resources if isinstance(r, Mapping)]
    chosen = [r for r in listed if resource is None or r.get("name") == resource]
    if len(chosen) != 1:
        names = ", ".join(str(r.get("name", "unnamed")) for r in listed)
        raise SchemaError(
            where,
            expected="one resource" if resource is None else f"one resource {resource!r}",
            got=f"{len(listed)} ({names})" if listed else "none",
            remedy="name one of them" if listed else "see schemas/examples for the form",
        )
    schema = chosen[0].get("schema")
    if not isinstance(schema, Mapping):
        raise SchemaError(
            where,
            expected="a resource with its schema inside",
            got="a schema in another file" if isinstance(schema, str) else "none",
            remedy="convert that file, or put its content under 'schema'",
        )
    return schema


def _fitted(field: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """The field with a type that tabsynth has."""
    kind, name = field.get("type"), field.get("name")
    body = {**field}
    if kind in _WITHHELD_TYPES:
        notes.append(f"column {name!r} is withheld: type {kind} is not modelled")
        constraints = field.get("constraints")
        required = isinstance(constraints, Mapping) and constraints.get("required") is True
        body = {k: body[k] for k in ("name", "title", "description", "missingValues") if k in body}
        body |= {"type": "string", "constraints": {"required": required}}
        return {**body, "tabsynth": {"free_text": "replace"}}
    if kind in ("year", "any"):
        body |= {"type": "integer" if kind == "year" else "string"}
        body.pop("format", None)
        notes.append(f"column {name!r} was of type {kind}")
    if kind == "yearmonth":
        body |= {"type": "date", "format": "%Y-%m"}
        notes.append(f"column {name!r} was of type {kind}")
    constraints = field.get("constraints")
    if body.get("type") == "integer" and isinstance(constraints, Mapping):
        body["constraints"] = _inclusive(constraints)
    return body


def _inclusive(constraints: Mapping[str, Any]) -> dict[str, Any]:
    body = dict(constraints)
    for exclusive, inclusive, step in (
        ("exclusiveMinimum", "minimum", 1),
        ("exclusiveMaximum", "maximum", -1),
    ):
        bounds = [str(body[key]) for key in (exclusive, inclusive) if key in body]
        if exclusive in body and all(re.fullmatch(r"[-+]?[0-9]{1,18}", text) for text in bounds):
            within = [int(bounds[0]) + step, *map(int, bounds[1:])]
            body[inclusive] = max(within) if step > 0 else min(within)
            del body[exclusive]
    return body
