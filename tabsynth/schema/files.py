"""Table schemas as files: reading, writing, and the JSON Schema that describes them."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from tabsynth.errors import OutputError, SchemaError
from tabsynth.schema.model import TableSchema
from tabsynth.schema.problems import first_problem, kind_of

_SUFFIXES: Final = (".yaml", ".yml", ".json")
_MAX_BYTES: Final = 64 << 20
_FLOW_WIDTH: Final = 72


def load_schema(path: str | Path) -> TableSchema:
    """Read a table schema from a file.

    Args:
        path: ends in .yaml, .yml or .json.

    Raises:
        SchemaError: the file cannot be read, or does not hold a table schema; the message says
            where in the file.
    """
    path = Path(path)
    where = path.name or str(path)
    if path.suffix.lower() not in _SUFFIXES:
        raise SchemaError(
            where,
            expected="a schema file ending in .yaml, .yml or .json",
            got="another kind of file",
            remedy="rename it, or make one with `tabsynth schema infer DATA -o schema.yaml`",
        )
    text = read_text(path, where)
    return parse_schema(parse_text(text, where, as_json=path.suffix.lower() == ".json"), where)


def parse_text(text: str, where: str, *, as_json: bool) -> dict[str, Any]:
    """The mapping that a JSON or YAML text holds, with plain values only.

    Numbers, true, false and null are read as in JSON; `no`, `on`, `2020-01-31` and `08:30` without
    quotes are texts, as a person writing a list of categories means them.

    Args:
        text: what the file holds.
        where: how messages name it.
        as_json: whether it is JSON; YAML otherwise.

    Raises:
        SchemaError: it cannot be parsed, repeats a key, uses YAML's anchors, or is no mapping.
    """
    language = "JSON" if as_json else "YAML"
    problem = None
    document: Any = None
    try:
        if as_json:
            document = json.loads(text, object_pairs_hook=_unique_pairs)
        else:
            # A subclass of SafeLoader: builds plain values only.
            document = yaml.load(text, Loader=_Loader)
        json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        problem = f"text that stops making sense at line {error.lineno}, column {error.colno}"
    except yaml.MarkedYAMLError as error:
        problem = _yaml_problem(error)
    except yaml.YAMLError:
        problem = "characters that YAML does not allow"
    except RecursionError:
        problem = "values nested too deeply"
    except UnicodeEncodeError:
        problem = "an escaped half of a character"
    except (TypeError, ValueError):
        problem = "values that JSON does not know, or a key twice in one mapping"
    if problem is not None:
        remedy = f"correct the {language} there"
        raise SchemaError(where, expected=f"valid {language}", got=problem, remedy=remedy)
    if not isinstance(document, dict):
        raise SchemaError(
            where,
            expected="a mapping with the key 'fields'",
            got="an empty file" if document is None else kind_of(document),
            remedy="see the examples in schemas/examples",
        )
    return document


def parse_schema(descriptor: Mapping[str, Any], where: str = "schema") -> TableSchema:
    """A table schema from its descriptor.

    Args:
        descriptor: a Data Package v2 Table Schema, with our `tabsynth` keys.
        where: how messages name its source.

    Raises:
        SchemaError: names the first problem and how many more there are.
    """
    foreign = {"resources": "a Data Package", "columns": "SDV metadata", "tables": "SDV metadata"}
    for key, kind in foreign.items():
        if "fields" not in descriptor and key in descriptor:
            raise SchemaError(
                where,
                expected="a table schema",
                got=kind,
                remedy="convert it first with `tabsynth schema convert`",
            )
    try:
        return TableSchema.model_validate(descriptor)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=True, include_input=True)
    except RecursionError:
        raise SchemaError(
            where, expected="a table schema", got="values nested too deeply", remedy="flatten them"
        ) from None
    raise first_problem(problems, descriptor, where)


def dump_schema(schema: TableSchema, *, as_json: bool = False) -> str:
    """The schema as YAML, or as JSON: keys in the order of the standard, defaults left out.

    Returns:
        Text from which `load_schema` makes an equal schema.
    """
    return dump(schema.descriptor(), as_json=as_json)


def dump(descriptor: Mapping[str, Any], *, as_json: bool) -> str:
    """A descriptor as text in its own order, which `parse_text` reads back."""
    if as_json:
        return json.dumps(descriptor, ensure_ascii=False, indent=2) + "\n"
    return dump_yaml(descriptor)


def is_json(path: Path) -> bool:
    """Whether a schema that is to be written is JSON by its name, and not YAML.

    Raises:
        OutputError: another ending, with which nobody could read it.
    """
    ending = path.suffix.lower()
    if ending not in _SUFFIXES:
        raise OutputError(
            str(path),
            expected="a name ending in .yaml, .yml or .json",
            got="another ending" if ending else "none",
            remedy="name it so, as in -o schema.yaml",
        )
    return ending == ".json"


def dump_yaml(descriptor: Mapping[str, Any]) -> str:
    """A descriptor as YAML in its own order, which `parse_text` reads back."""
    return yaml.dump(
        dict(descriptor), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a table schema file, as committed in `schemas/table-schema.json`."""
    schema = TableSchema.model_json_schema(by_alias=True)
    field = schema["$defs"]["FieldSchema"]["properties"]
    labelled = {
        "type": "object",
        "properties": {"value": {"type": ["string", "integer"]}, "label": {"type": "string"}},
        "required": ["value"],
    }
    for holder in (schema["properties"]["missingValues"], *_arrays(field, "missingValues")):
        holder["items"] = {"anyOf": [holder["items"], labelled]}
    for holder in _arrays(field, "categories"):
        holder["items"]["anyOf"].append(labelled)
    key = schema["properties"]["primaryKey"]
    key["anyOf"] = [{"type": "string"}, {"type": "array", "items": key.pop("items")}]
    del key["type"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def bundled(name: str) -> Path:
    """The path of a file that comes with the package, such as `examples/fair.yaml`.

    Args:
        name: relative to the folder `schemas`.

    Raises:
        FileNotFoundError: there is no such file.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "schemas", package.parent / "schemas"):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"expected a bundled file {name} in schemas/")


def _arrays(properties: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [option for option in properties[name]["anyOf"] if option.get("type") == "array"]


def read_text(path: Path, where: str) -> str:
    """The text of a schema file.

    Raises:
        SchemaError: it cannot be read, is larger than 64 MiB, or is not UTF-8.
    """
    try:
        if path.is_dir():
            raise SchemaError(
                where, expected="a schema file", got="a folder", remedy="name a file inside it"
            )
        with path.open("rb") as file:
            body = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        got, remedy = "no such file", "check the path"
    except PermissionError:
        got, remedy = "no permission to read it", "change its permissions"
    except (OSError, ValueError):
        got, remedy = "a path that cannot be read", "check the path"
    else:
        if len(body) > _MAX_BYTES:
            got, remedy = "a file of more than 64 MiB", "list fewer categories"
        else:
            try:
                return body.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                got, remedy = f"other bytes at offset {error.start}", "save it as UTF-8"
                raise SchemaError(where, expected="UTF-8 text", got=got, remedy=remedy) from None
    raise SchemaError(where, expected="a schema file", got=got, remedy=remedy)


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ValueError("a key twice in one mapping")
    return mapping


def _yaml_problem(error: yaml.MarkedYAMLError) -> str:
    what = error.problem if isinstance(error, _Refused) else "text that stops making sense"
    mark = error.problem_mark
    return f"{what} at line {mark.line + 1}, column {mark.column + 1}" if mark else str(what)


class _Refused(yaml.MarkedYAMLError):
    """Valid YAML that a schema does not need; the problem is in our own words."""


class _Loader(yaml.SafeLoader):
    """SafeLoader with JSON's plain scalars, without anchors, refusing a key twice."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.get_event()  # type: ignore[no-untyped-call]
            raise _Refused(problem="an anchor's alias", problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) < len(node.value):
            raise _Refused(problem="a key twice in one mapping", problem_mark=node.start_mark)
        return mapping


# Each is a part of what YAML 1.1 reads so; whatever PyYAML leaves unquoted is then read back alike.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool",
    re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"),
    list("tTfF"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?|\.inf)$|^\.nan$"),
    list("-+.0123456789"),
)


class _Dumper(yaml.SafeDumper):
    """SafeDumper that writes short lists of scalars on one line, and indents lists of mappings."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _represent_list(dumper: _Dumper, values: list[Any]) -> yaml.Node:
    plain = all(isinstance(v, (str, int, float)) for v in values)
    short = plain and sum(len(str(v)) + 2 for v in values) <= _FLOW_WIDTH
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=short)


def _represent_text(dumper: _Dumper, text: str) -> yaml.Node:
    # PyYAML folds these line breaks away unless they are escaped.
    style = '"' if any(sign in text for sign in "\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(str, _represent_text)
