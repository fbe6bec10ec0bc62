"""CHECKs as facts of columns and as constraints between them."""

from __future__ import annotations

import datetime as dt
import keyword
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from tabsynth.schema.constraint import Expression
from tabsynth.schema.model import FieldSchema, to_storage
from tabsynth.stores.conditions import Node, parse_condition
from tabsynth.stores.types import WITHHELD

_FLIPPED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_ORDERED: Final = ("integer", "number", "date", "datetime", "time")
_SHOWN: Final = 200


def with_checks(
    columns: Sequence[Mapping[str, Any]], checks: Sequence[str], keys: Collection[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[str]]:
    """Columns and constraints that say what the CHECKs of a table say.

    Args:
        columns: field descriptors.
        checks: SQL conditions, each of which every record meets or leaves unknown.
        keys: columns that name records, which no constraint between columns can be about.

    Returns:
        The columns with their further facts; constraints; and a note for each CHECK, or part of
        one, that could be made neither.
    """
    rules = _Rules({str(c["name"]): dict(c) for c in columns}, frozenset(keys))
    for sql in checks:
        shown = " ".join(sql.split())
        shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
        try:
            parts = _conjuncts(parse_condition(sql))
            for part in parts:
                rules.take(part)
        except ValueError:
            rules.notes.append(f"check {shown}: kept by the database alone")
    return list(rules.columns.values()), rules.constraints, rules.notes


def _conjuncts(node: Node) -> list[Node]:
    if node.kind == "and":
        return [inner for part in node.parts for inner in _conjuncts(part)]
    return [node]


class _Rules:
    """The columns of a table, and the constraints that were found so far."""

    def __init__(self, columns: dict[str, dict[str, Any]], keys: frozenset[str]) -> None:
        self.columns = columns
        self.keys = keys
        self.constraints: list[dict[str, Any]] = []
        self.notes: list[str] = []

    def take(self, node: Node) -> None:
        """Keep one condition.

        Raises:
            ValueError: it is beyond what a schema says.
        """
        members = _members(node)
        match node:
            case _ if members is not None and self._listed(*members):
                return
            case Node("null_test", "is not null", (Node("column") as column,)):
                self._limit(self._column(column), required=True)
                return
            case Node("json_valid", parts=(Node("column") as column,)):
                found = self._column(column)
                found.update(WITHHELD | {"databaseType": "JSON"})
                return
            case Node("compare", sign, (left, right)):
                literals = ("number", "text")
                if left.kind in literals:
                    left, right, sign = right, left, _FLIPPED[sign]
                if left.kind == "column" and right.kind in literals:
                    if self._bounded(self._column(left), sign, right.value, right.kind):
                        return
                elif left.kind == "length" and right.kind == "number":
                    self._length(left.parts[0], sign, int(right.value))
                    return
                elif left.kind == right.kind == "column" and self._ordered(left, sign, right):
                    return
        self._expressed(node)

    def _column(self, node: Node) -> dict[str, Any]:
        if node.kind != "column":
            raise ValueError("not understood")
        if node.value in self.columns:
            return self.columns[node.value]
        alike = [n for n in self.columns if n.casefold() == node.value.casefold()]
        if len(alike) != 1:
            raise ValueError("not understood")
        return self.columns[alike[0]]

    def _limit(self, column: dict[str, Any], **limits: Any) -> None:
        changed = {**column, "constraints": {**column.get("constraints", {}), **limits}}
        FieldSchema.model_validate(changed)
        column["constraints"] = changed["constraints"]

    def _listed(self, node: Node, members: tuple[Node, ...]) -> bool:
        """Categories of a column, where the list is of its type."""
        column = self._column(node)
        wanted = {"string": "text", "integer": "number"}.get(str(column["type"]))
        if column["name"] in self.keys or any(m.kind != wanted for m in members):
            return False
        if not _is_modelled(column):
            return False
        values = [m.value if wanted == "text" else int(m.value) for m in members]
        known = column.get("categories")
        kept = list(dict.fromkeys(v for v in values if known is None or v in known))
        if not kept:
            return False
        column["categories"] = kept
        return True

    def _bounded(self, column: dict[str, Any], sign: str, text: str, kind: str) -> bool:
        """A minimum or maximum; False where only an expression says it."""
        number = column["type"] in ("integer", "number")
        if number != (kind == "number") or column["type"] not in _ORDERED:
            return False
        if sign in ("==", "!="):
            return False
        side = "minimum" if sign in (">", ">=") else "maximum"
        bound = _closed(column, text, 0 if "=" in sign else 1 if side == "minimum" else -1)
        if bound is None:
            return False
        field = FieldSchema.model_validate({k: v for k, v in column.items() if k != "constraints"})
        earlier = column.get("constraints", {}).get(side)
        if earlier is not None:
            pair = (to_storage(earlier, field), to_storage(bound, field))
            tighter = max(pair) if side == "minimum" else min(pair)
            bound = earlier if tighter == pair[0] else bound
        self._limit(column, **{side: bound})
        return True

    def _length(self, node: Node, sign: str, size: int) -> None:
        column = self._column(node)
        if column["type"] != "string" or sign == "!=":
            raise ValueError("not understood")
        limits = column.get("constraints", {})
        if sign in ("<", "<=", "=="):
            most = size - (sign == "<")
            self._limit(column, maxLength=min(most, limits.get("maxLength", most)))
        if sign in (">", ">=", "=="):
            least = size + (sign == ">")
            self._limit(column, minLength=max(least, limits.get("minLength", least)))

    def _ordered(self, left: Node, sign: str, right: Node) -> bool:
        """An inequality between two columns of one type."""
        if sign not in ("<", "<=", ">", ">="):
            return False
        if sign in (">", ">="):
            left, right, sign = right, left, _FLIPPED[sign]
        pair = [self._modelled(left), self._modelled(right)]
        if pair[0]["type"] != pair[1]["type"] or pair[0]["type"] not in _ORDERED:
            raise ValueError("not understood")
        names = [column["name"] for column in pair]
        strict = {"strict": True} if sign == "<" else {}
        self.constraints.append({"kind": "inequality", "columns": names, **strict})
        return True

    def _modelled(self, node: Node) -> dict[str, Any]:
        """A column that a constraint may be about."""
        column = self._column(node)
        if column["name"] in self.keys or not _is_modelled(column):
            raise ValueError("a key")
        return column

    def _expressed(self, node: Node) -> None:
        text, kind = self._text(node)
        if kind != "truth":
            raise ValueError("no condition")
        found = Expression(expression=text)
        if not found.involved:
            raise ValueError("no column")
        self.constraints.append({"kind": "expression", "expression": text})

    def _text(self, node: Node) -> tuple[str, str]:
        """A part as the language of expressions writes it, and what it is."""
        match node:
            case Node("number", value):
                return value, "number"
            case Node("text", value):
                if "'" in value and '"' in value:
                    raise ValueError("quotes")
                return (f'"{value}"' if "'" in value else f"'{value}'"), "text"
            case Node("column"):
                column = self._modelled(node)
                kinds = {"integer": "number", "number": "number", "string": "text"}
                name = str(column["name"])
                plain = re.fullmatch(r"[A-Za-z_]\w*", name) and not _is_reserved(name)
                written = name if plain else f"`{name}`"
                return written, kinds.get(str(column["type"]), str(column["type"]))
            case Node("or" | "and", sign, parts):
                return f" {sign} ".join(f"({self._truth(p)})" for p in parts), "truth"
            case Node("not", _, (inner,)):
                return f"not ({self._truth(inner)})", "truth"
            case Node("null_test", test, (inner,)):
                return f"{self._text(inner)[0]} {test}", "truth"
            case Node("compare", sign, (left, right)):
                (a, kind), (b, other) = self._text(left), self._text(right)
                ordered = sign not in ("==", "!=")
                if kind != other or kind in ("truth", "boolean") or (ordered and kind == "text"):
                    raise ValueError("of different types")
                return f"{a} {sign} {b}", "truth"
            case Node("in", _, (left, *members)):
                (a, kind), listed = self._text(left), [self._text(m) for m in members]
                literal = all(m.kind in ("number", "text") for m in members)
                if not literal or any(k != kind for _, k in listed):
                    raise ValueError("of different types")
                comma = "," if len(listed) == 1 else ""
                return f"{a} in ({', '.join(t for t, _ in listed)}{comma})", "truth"
            case Node("arithmetic", sign, (left, right)):
                (a, kind), (b, other) = self._text(left), self._text(right)
                if kind != "number" or other != "number":
                    raise ValueError("of different types")
                return f"({a} {sign} {b})", "number"
            case Node("negative", _, (inner,)):
                a, kind = self._text(inner)
                if kind != "number":
                    raise ValueError("of different types")
                return f"-({a})", "number"
        raise ValueError("not understood")

    def _truth(self, node: Node) -> str:
        text, kind = self._text(node)
        if kind != "truth":
            raise ValueError("no condition")
        return text


def _members(node: Node) -> tuple[Node, tuple[Node, ...]] | None:
    """The column and the literals of `IN`, of `=`, and of several `=` that are joined by OR."""
    match node:
        case Node("in", _, (Node("column") as column, *members)):
            return column, tuple(members)
        case Node("compare", "==", (Node("column") as column, Node("text" | "number") as member)):
            return column, (member,)
        case Node("or", _, parts):
            found = [_members(part) for part in parts]
            known = [pair for pair in found if pair is not None]
            if len(known) < len(found) or len({column for column, _ in known}) > 1:
                return None
            return known[0][0], tuple(m for _, members in known for m in members)
    return None


def _closed(column: Mapping[str, Any], text: str, step: int) -> int | float | str | None:
    """A bound that is reached: the literal, or its neighbour on the column's lattice."""
    kind = column["type"]
    if kind == "integer":
        value = float(text)
        if value != int(value):
            return None
        return int(value) + step
    if kind == "number":
        decimals = column.get("tabsynth", {}).get("decimals")
        if step and decimals is None:
            return None
        moved = float(text) + step * 10.0 ** -(decimals or 0)
        return round(moved, decimals) if step else float(text)
    if not step or kind != "date":
        return None if step else text
    return (dt.date.fromisoformat(text) + dt.timedelta(step)).isoformat()


def _is_modelled(column: Mapping[str, Any]) -> bool:
    return FieldSchema.model_validate(column).is_modelled


def _is_reserved(name: str) -> bool:
    return name.lower() in ("and", "or", "not", "in", "is", "null", "true", "false", "none") or (
        name in keyword.kwlist
    )
