"""What a schema declares of records, as CHECK conditions that an engine understands.

A condition is written only where it says exactly what the schema says, so that no valid record is
refused; other rules are left to tabsynth. What was read from records is no rule.
"""

from __future__ import annotations

import ast
from itertools import combinations
from typing import Any, Final

from tabsynth.schema.constraint import (
    Combinations,
    Constraint,
    Exclusive,
    Expression,
    Increment,
    Inequality,
    OneHot,
    Total,
)
from tabsynth.schema.expression import Parsed, parse_expression
from tabsynth.schema.model import FieldSchema, TableSchema, to_storage
from tabsynth.stores.dialects import Engine, declared, is_mysql, literal, quoted
from tabsynth.stores.patterns import matches

# longer lists of values make a statement that nobody reads
MOST_VALUES: Final = 200
_COMPARISONS: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "=", ast.NotEq: "<>", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_OPERATORS: Final[dict[type[ast.operator], str]] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}


class _UnsayableError(Exception):
    """The engine has no condition of the same meaning."""


def column_checks(field: FieldSchema, engine: Engine) -> list[str]:
    """Conditions on one column; a missing value meets all of them."""
    name, rules, found = quoted(field.name, engine), field.constraints, []
    if field.type == "boolean" and engine == "sqlite":
        found.append(f"{name} IN (0, 1)")
    if _comparable(field, engine):
        for fact, sign in (("minimum", ">="), ("maximum", "<=")):
            bound = declared(field, fact)  # type: ignore[arg-type]
            if bound is not None:
                found.append(f"{name} {sign} {literal(bound, field, engine)}")
    values = _values(field)
    if values is not None and len(values) <= MOST_VALUES:
        found.append(f"{name} IN ({', '.join(literal(v, field, engine) for v in values)})")
    if field.type == "string":
        length = f"{'char_length' if is_mysql(engine) else 'length'}({name})"
        if rules.min_length:
            found.append(f"{length} >= {rules.min_length}")
        if rules.max_length is not None and engine != "postgresql":
            found.append(f"{length} <= {rules.max_length}")
        condition = rules.pattern and matches(name, rules.pattern, engine)
        if condition:
            found.append(condition)
    return found


def table_checks(table: TableSchema, engine: Engine) -> list[str]:
    """Conditions between columns, for the rules of the schema that the engine can keep."""
    found = []
    for constraint in table.tabsynth.constraints:
        if constraint.observed:
            continue
        try:
            condition = _condition(constraint, table, engine)
        except _UnsayableError:
            continue
        if condition is not None:
            found.append(condition)
    return found


def _values(field: FieldSchema) -> tuple[Any, ...] | None:
    """Declared categories."""
    return field.domain if field.declares("categories") else None


def _comparable(field: FieldSchema, engine: Engine) -> bool:
    """Whether the engine orders the column's values as we do."""
    if field.type in ("string", "boolean"):
        return False
    # instants are texts with an offset in SQLite, and shown in the session's zone by MySQL
    return not (field.tabsynth.timezone and (engine == "sqlite" or is_mysql(engine)))


def _condition(constraint: Constraint, table: TableSchema, engine: Engine) -> str | None:
    fields = [table.field(name) for name in constraint.involved]
    names = [quoted(name, engine) for name in constraint.involved]
    match constraint:
        case Inequality():
            _require(all(_comparable(f, engine) and _exact(f) for f in fields))
            _require(len({_scale(f) for f in fields}) == 1)
            sign = "<" if constraint.strict else "<="
            return " AND ".join(f"{a} {sign} {b}" for a, b in combinations(names, 2))
        case Combinations(allowed=allowed) if allowed and len(allowed) <= MOST_VALUES:
            return " OR ".join(_row(cells, fields, names, engine) for cells in allowed)
        case Increment(step=int() as step, offset=int() as offset) if fields[0].type == "integer":
            return f"({names[0]} - {_signed(offset)}) % {step} = 0"
        case OneHot():
            return _one_hot(fields, names)
        case Total():
            _require(all(f.type == "integer" for f in fields))
            return f"{names[0]} = {' + '.join(names[1:])}"
        case Exclusive():
            count = _count(f"{name} IS NOT NULL" for name in names)
            return f"{count} {'=' if constraint.required else '<='} 1"
        case Expression():
            parsed = parse_expression(constraint.expression)
            return _Translation(parsed, table, engine).truth(parsed.tree)
    return None


def _require(sayable: bool) -> None:
    if not sayable:
        raise _UnsayableError


def _exact(field: FieldSchema) -> bool:
    """Whether equal values are equal to the last digit in every engine."""
    return field.type != "number" or declared(field, "decimals") is not None


def _scale(field: FieldSchema) -> str:
    if field.type == "datetime":
        return "instant" if field.tabsynth.timezone else "datetime"
    return "number" if field.type == "integer" else field.type


def _row(cells: Any, fields: list[FieldSchema], names: list[str], engine: Engine) -> str:
    parts = []
    for cell, field, name in zip(cells, fields, names, strict=True):
        if cell is None:
            parts.append(f"{name} IS NULL")
            continue
        _require(field.type in ("string", "integer", "boolean"))
        _require(isinstance(cell, {"string": str, "integer": int, "boolean": bool}[field.type]))
        # a comparison with a missing value is unknown, which a CHECK lets pass
        parts.append(f"{name} IS NOT NULL AND {name} = {literal(cell, field, engine)}")
    return f"({' AND '.join(parts)})"


def _one_hot(fields: list[FieldSchema], names: list[str]) -> str:
    _require(all(f.type in ("boolean", "integer") for f in fields))
    ones, zeros = (
        _count(
            (name if value else f"NOT {name}") if f.type == "boolean" else f"{name} = {value}"
            for f, name in zip(fields, names, strict=True)
        )
        for value in (1, 0)
    )
    absent = " AND ".join(f"{name} IS NULL" for name in names)
    return f"({absent}) OR ({ones} = 1 AND {zeros} = {len(names) - 1})"


def _count(conditions: Any) -> str:
    return "(" + " + ".join(f"CASE WHEN {c} THEN 1 ELSE 0 END" for c in conditions) + ")"


def _signed(number: int) -> str:
    return f"({number})" if number < 0 else str(number)


class _Translation:
    """An expression as SQL, in which unknown is unknown as well."""

    def __init__(self, parsed: Parsed, table: TableSchema, engine: Engine) -> None:
        self._parsed, self._table, self._engine = parsed, table, engine

    def truth(self, node: ast.expr) -> str:
        """A condition."""
        match node:
            case ast.BoolOp(op=op, values=parts):
                word = " AND " if isinstance(op, ast.And) else " OR "
                return "(" + word.join(map(self.truth, parts)) + ")"
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return f"NOT ({self.truth(operand)})"
            case ast.Name(id=word) if self._field(word).type == "boolean":
                return quoted(self._parsed.column(word), self._engine)
            case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot() as op]):
                negation = "NOT " if isinstance(op, ast.IsNot) else ""
                return f"{self._column(left)} IS {negation}NULL"
            case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as op],
                             comparators=[ast.Tuple() | ast.List() as listed]):  # fmt: skip
                negation = "NOT " if isinstance(op, ast.NotIn) else ""
                members = ", ".join(self._compared(m, left, ast.Eq()) for m in listed.elts)
                return f"{self._compared(left, left, ast.Eq())} {negation}IN ({members})"
            case ast.Compare(left=left, ops=signs, comparators=others):
                sides = [left, *others]
                pairs = [
                    f"{self._compared(a, b, sign)} {_COMPARISONS[type(sign)]} "
                    f"{self._compared(b, a, sign)}"
                    for sign, a, b in zip(signs, sides[:-1], others, strict=True)
                ]
                return "(" + " AND ".join(pairs) + ")"
        raise _UnsayableError

    def _field(self, word: str) -> FieldSchema:
        return self._table.field(self._parsed.column(word))

    def _column(self, node: ast.expr) -> str:
        _require(isinstance(node, ast.Name))
        return quoted(self._parsed.column(node.id), self._engine)  # type: ignore[attr-defined]

    def _compared(self, node: ast.expr, other: ast.expr, op: ast.cmpop) -> str:
        """One side of a comparison: a column, a literal beside one, or a sum of whole numbers."""
        match node:
            case ast.Name(id=word):
                field = self._field(word)
                same = isinstance(op, (ast.Eq, ast.NotEq)) and field.type in ("string", "boolean")
                _require(same or (_comparable(field, self._engine) and _exact(field)))
                if isinstance(other, ast.Name):
                    _require(_scale(self._field(other.id)) == _scale(field))
                return self._column(node)
            case ast.Constant(value=value) if isinstance(other, ast.Name):
                return self._literal(value, self._field(other.id))
        return self._whole(node)

    def _literal(self, value: Any, field: FieldSchema) -> str:
        if field.type in ("date", "datetime", "time"):
            _require(isinstance(value, str))
            return literal(to_storage(value, field), field, self._engine)
        wanted: Any = {"string": str, "boolean": bool}.get(field.type, (int, float))
        _require(isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool))
        return repr(value) if wanted == (int, float) else literal(value, field, self._engine)

    def _whole(self, node: ast.expr) -> str:
        """Arithmetic that is exact: sums and products of whole numbers."""
        match node:
            case ast.Constant(value=int() as value) if not isinstance(value, bool):
                return _signed(value)
            case ast.Name(id=word) if self._field(word).type == "integer":
                # wide enough that products do not overflow
                wide = {"postgresql": "numeric", "duckdb": "HUGEINT", "sqlite": "INTEGER"}
                kind = wide.get(self._engine, "DECIMAL(65)")
                return f"CAST({self._column(node)} AS {kind})"
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"(-{self._whole(operand)})"
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return f"({self._whole(left)} {_OPERATORS[type(op)]} {self._whole(right)})"
        raise _UnsayableError
