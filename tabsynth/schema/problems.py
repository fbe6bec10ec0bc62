"""What is wrong with a schema, in one line and in the words of the schema's author."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tabsynth.errors import SchemaError
from tabsynth.schema.constraint import CONSTRAINT_KEYS
from tabsynth.schema.model import FieldExtension, TableExtension

_AS_TEXT: Final = "declare it as string with tabsynth.free_text: replace or drop"
_UNSUPPORTED_TYPES: Final = {
    "object": _AS_TEXT,
    "array": _AS_TEXT,
    "list": _AS_TEXT,
    "geojson": _AS_TEXT,
    "geopoint": "split it into two number columns, or declare it as string",
    "year": "declare it as integer",
    "yearmonth": "declare it as date with format: '%Y-%m'",
    "duration": "write it as a number of seconds, or declare it as string",
    "any": "declare one type, such as string",
}


def first_problem(
    problems: Iterable[Any], descriptor: Mapping[str, Any], where: str
) -> SchemaError:
    """The first problem as an error, and how many more places have one.

    Args:
        problems: from `ValidationError.errors()`, with inputs and contexts.
        descriptor: what was validated.
        where: how the message names its source.

    Returns:
        An error that holds keys, column names and kinds of values, but none of the values.
    """
    places: dict[tuple[str | int, ...], list[Any]] = {}
    for problem in problems:
        places.setdefault(_place(problem, descriptor), []).append(problem)
    for place in list(places):
        # Pydantic also calls `fields` too short when one of its members is wrong.
        inner = any(len(other) > len(place) and other[: len(place)] == place for other in places)
        if inner and places[place][0]["type"] == "too_short":
            del places[place]
    place, found = next(iter(places.items()))
    expected, got, remedy = _words(found[0])
    # The members of a union each report the same place.
    expected = " or ".join(dict.fromkeys([expected, *(_words(p)[0] for p in found[1:])]))
    column = _column(place, descriptor)
    if column is not None and place[2:] != ("name",):
        got += f" in column {column!r}"
    if len(places) > 1:
        got += f" (and {len(places) - 1} more, elsewhere)"
    dotted = ".".join(map(str, place))
    return SchemaError(
        f"{where}: {dotted}" if dotted else where, expected=expected, got=got, remedy=remedy
    )


def _place(problem: Any, descriptor: Mapping[str, Any]) -> tuple[str | int, ...]:
    """The problem's place among the keys of the descriptor, without pydantic's own steps."""
    place: list[str | int] = []
    node: Any = descriptor
    for position, step in enumerate(problem["loc"]):
        if (isinstance(node, (list, tuple)) and isinstance(step, int) and step < len(node)) or (
            isinstance(node, Mapping) and step in node
        ):
            node = node[step]
        elif not (problem["type"] == "missing" and position == len(problem["loc"]) - 1):
            continue
        place.append(step)
    return tuple(place)


def _column(place: tuple[str | int, ...], descriptor: Mapping[str, Any]) -> str | None:
    if len(place) < 2 or place[0] != "fields" or not isinstance(place[1], int):
        return None
    field = descriptor["fields"][place[1]]
    name = field.get("name") if isinstance(field, Mapping) else None
    return name if isinstance(name, str) else None


def _words(problem: Any) -> tuple[str, str, str]:
    """What was expected, what came and what to do, without the value itself."""
    kind, context = problem["type"], problem.get("ctx") or {}
    last = problem["loc"][-1] if problem["loc"] else ""
    came = problem["input"]
    if kind == "missing":
        return f"the key {last!r}", "none", "add it"
    if kind == "extra_forbidden":
        known = {**FieldExtension.model_fields, **TableExtension.model_fields, **CONSTRAINT_KEYS}
        close = difflib.get_close_matches(str(last), known, n=1)
        meant = f"write {close[0]!r}, or delete it" if close else "correct or delete it"
        return "a key of tabsynth's", f"the key {last!r}", meant
    if kind == "value_error":
        return _rule(str(context.get("error", "")))
    if isinstance(came, str) and last == "type" and came in _UNSUPPORTED_TYPES:
        got = f"{came}, which is not supported"
        return str(context["expected"]), got, _UNSUPPORTED_TYPES[came]
    if kind == "too_short" and last != "fields":
        return f"at least {context['min_length']} in the list", "fewer", "add what is missing"
    if kind == "too_short":
        return "at least one field", "none", "describe the columns under 'fields'"
    if kind in ("literal_error", "union_tag_invalid", "union_tag_not_found"):
        options = context.get("expected", context.get("expected_tags", "the key 'kind'"))
        return str(options), "something else", "choose one of these"
    return _plain(str(problem["msg"])), kind_of(came), "correct the schema"


def _rule(text: str) -> tuple[str, str, str]:
    """One of our own rules, written `expected X`, `expected X, got Y; remedy` or `Y; remedy`."""
    body, _, remedy = text.partition("; ")
    expected, _, got = body.removeprefix("expected ").partition(", got ")
    if not body.startswith("expected "):
        expected, got = "a schema without contradictions", f"one where {body}"
    return expected, got or "something else", remedy or "correct the schema"


def _plain(message: str) -> str:
    """A finding of pydantic's without its vocabulary, and without what it quotes."""
    message = re.sub(r", (?:got|unable|but|found) .*$", "", message)
    message = re.sub(r"^(?:Input|String|Keys) should (?:be |have )?", "", message)
    message = re.sub(r"^a valid (?:dictionary|instance).*$", "a mapping", message)
    words = {"a valid tuple": "a list", "strings": "texts as keys",
             "a valid string": "a text", "a valid integer": "an integer",
             "a valid number": "a number", "a valid boolean": "true or false"}  # fmt: skip
    return words.get(message, message.rstrip("."))


def kind_of(value: Any) -> str:
    """The kind of a parsed value in words, such as `a list`."""
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "true or false"),
        ((int, float), "a number"),
        (str, "a text"),
        ((list, tuple), "a list"),
        (Mapping, "a mapping"),
    )
    return next((words for kind, words in kinds if isinstance(value, kind)), "nothing")
