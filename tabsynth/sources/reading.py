"""Specifications as files, and what is wrong in one, in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from tabsynth.errors import SchemaError
from tabsynth.schema.files import parse_text, read_text

Kind = TypeVar("Kind", bound=BaseModel)

# what pydantic says, as a person would
_OURS: Final = {
    "Input should be ": "", "a valid dictionary": "a mapping", "a valid tuple": "a list",
    "a valid string": "a text",
}  # fmt: skip
EXAMPLE: Final = "schemas/examples/sources/clinic.yaml"


def read_body(path: str | Path) -> tuple[dict[str, Any], str]:
    """What a YAML or JSON file holds, and how messages name it.

    Raises:
        SchemaError: it cannot be read, or holds no mapping.
    """
    path = Path(path)
    where = path.name or str(path)
    as_json = path.suffix.lower() == ".json"
    return parse_text(read_text(path, where), where, as_json=as_json), where


def parse_as(kind: type[Kind], body: Any, where: str) -> Kind:
    """A specification from plain values.

    Raises:
        SchemaError: it is none of that kind; names the first problem.
    """
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise _first_problem(error, body, where) from None


def _first_problem(error: ValidationError, body: Any, where: str) -> SchemaError:
    """What is wrong, in one line, without the value that is."""
    first = error.errors(include_input=False, include_url=False)[0]
    steps: list[str] = []
    for step in first["loc"]:
        # pydantic's own steps, such as the kind of a draw, are not in the file
        inside = isinstance(body, (list, dict)) and step in (
            body if isinstance(body, dict) else range(len(body))
        )
        if inside or first["type"] == "missing":
            steps.append(str(step))
        body = body[step] if inside else body
    place = ".".join(steps)
    said = first["msg"].removeprefix("Value error, ").removeprefix("expected ")
    expected, _, remedy = said.partition("; ")
    for theirs, ours in _OURS.items():
        expected = expected.replace(theirs, ours)
    expected, _, got = expected.partition(", got ")
    got = got or "something else"
    if first["type"] == "missing":
        expected, got = "a key of this name", "none"
    elif first["type"] == "extra_forbidden":
        expected, got = "a key that is known here", "an unknown key"
    elif first["type"] == "union_tag_invalid":
        expected = f"kind to be one of {first['ctx']['expected_tags']}".replace("'", "")
        got = "another one"
    return SchemaError(
        f"{where}: {place}" if place else where, expected=expected, got=got,
        remedy=remedy or f"see docs/simulation.md and {EXAMPLE}",
    )  # fmt: skip
