"""What an expression says of each record: three-valued, over whole columns, without `eval`."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.constraints.lattice import Mask, read, scale
from tabsynth.errors import SchemaError
from tabsynth.schema.check import storage_type
from tabsynth.schema.expression import Parsed, parse_expression
from tabsynth.schema.model import FieldSchema, TableSchema, to_storage
from tabsynth.table import Table

# numbers that agree to so many digits are equal: 0.1 + 0.2 is 0.3
CLOSE: Final = 1e-9
# no two moments lie further apart
FAR: Final = 2.0**60
_PER_UNIT: Final = {"date": 1, "datetime": 1_000_000, "instant": 1_000_000, "time": 1_000_000}
_WORDS: Final = {"truth": "a truth value", "text": "a text", "number": "a number"}


@dataclass(frozen=True)
class Value:
    """A column of an expression: its kind, its values, and which of them are known.

    Args:
        kind: number, text, truth, date, datetime, instant or time.
        values: an array of numbers or truth values; an Arrow array for texts.
        known: shape (records,), False for missing.
        field: the column that moments come from, which reads the texts they are compared with.
        literal: the text that stands in the expression.
    """

    kind: str
    values: Any
    known: Mask
    field: FieldSchema | None = None
    literal: str | None = None


def breaks(expression: str, table: Table) -> Mask:
    """Which records make an expression false; where it is unknown, it holds.

    Raises:
        SchemaError: the expression compares or adds what does not go together.
    """
    found = calculated(expression, table)
    if found.kind != "truth":
        raise _fault(expression, "an expression that is true or false", _words(found))
    false: Mask = found.known & ~np.asarray(found.values, bool)
    return false


def calculated(expression: str, table: Table) -> Value:
    """What an expression is for each record.

    Raises:
        SchemaError: it compares or adds what does not go together.
    """
    parsed = parse_expression(expression)
    return _Evaluation(parsed, table, expression).value(parsed.tree)


def check_expression(expression: str, schema: TableSchema) -> None:
    """Refuse an expression that compares or adds what does not go together.

    Raises:
        SchemaError: it does.
    """
    columns = {f.name: pa.nulls(1, storage_type(f)) for f in schema.fields}
    breaks(expression, Table(schema, pa.table(columns)))


@dataclass(frozen=True)
class _Evaluation:
    parsed: Parsed
    table: Table
    text: str

    def value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=constant):
                return self._constant(constant)
            case ast.Name(id=word):
                return self._column(self.parsed.column(word))
            case ast.BoolOp(op=op, values=parts):
                return self._joined([self._truth(p) for p in parts], isinstance(op, ast.And))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self._truth(operand)
                return Value("truth", ~inner.values, inner.known)
            case ast.UnaryOp(op=op, operand=operand):
                inner = self._number(self.value(operand))
                sign = -1 if isinstance(op, ast.USub) else 1
                return Value("number", sign * inner.values, inner.known)
            case ast.BinOp(left=left, op=op, right=right):
                # what overflows is unknown
                with np.errstate(all="ignore"):
                    return self._arithmetic(self.value(left), op, self.value(right))
            case ast.Compare():
                return self._comparison(node)
        raise AssertionError("the parser lets nothing else through")

    @property
    def _rows(self) -> int:
        return self.table.num_rows

    def _constant(self, constant: Any) -> Value:
        known = np.ones(self._rows, bool)
        if isinstance(constant, str):
            texts = pa.array([constant]).take(pa.array(np.zeros(self._rows, np.int64)))
            return Value("text", texts, known, literal=constant)
        kind = "truth" if isinstance(constant, bool) else "number"
        return Value(kind, np.full(self._rows, constant), known)

    def _column(self, name: str) -> Value:
        field, column = self.table.schema.field(name), self.table.column(name)
        known = column.is_valid().to_numpy(zero_copy_only=False)
        if field.type == "string":
            return Value("text", column.cast(pa.string()), known)
        if field.type == "boolean":
            truths = column.fill_null(False).to_numpy(zero_copy_only=False)
            return Value("truth", truths, known)
        values, _ = read(self.table, name, None if field.type == "number" else 0)
        return Value(scale(field), values, known, field=field)

    def _truth(self, node: ast.expr) -> Value:
        found = self.value(node)
        if found.kind != "truth":
            raise _fault(self.text, "true or false beside and, or, not", _words(found))
        return found

    def _number(self, found: Value) -> Value:
        if found.kind != "number":
            raise _fault(self.text, "numbers to calculate with", _words(found))
        return found

    def _joined(self, parts: list[Value], every: bool) -> Value:
        """Kleene's and/or: one false part decides an `and`, even beside unknown ones."""
        deciding = [p.known & (p.values != every) for p in parts]
        decided = np.logical_or.reduce(deciding)
        known = decided | np.logical_and.reduce([p.known for p in parts])
        return Value("truth", ~decided if every else decided, known)

    def _arithmetic(self, left: Value, op: ast.operator, right: Value) -> Value:
        known = left.known & right.known
        if left.kind in _PER_UNIT and isinstance(op, (ast.Add, ast.Sub)):
            unit = _PER_UNIT[left.kind]
            if right.kind == left.kind and isinstance(op, ast.Sub):
                return Value("number", (left.values - right.values) / unit, known)
            sign = unit if isinstance(op, ast.Add) else -unit
            shift = np.clip(np.rint(self._number(right).values * float(sign)), -FAR, FAR)
            moved = left.values + shift.astype(np.int64)
            return Value(left.kind, moved, known, field=left.field)
        first, second = self._number(left).values, self._number(right).values
        if isinstance(op, (ast.Add, ast.Sub, ast.Mult)):
            apply: Any = {ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply}[type(op)]
            result = apply(first.astype(float), second.astype(float))
        else:
            known = known & (second != 0)
            divisor = np.where(second == 0, 1, second)
            result = first % divisor if isinstance(op, ast.Mod) else first / divisor
        return Value("number", result, known & np.isfinite(result))

    def _comparison(self, node: ast.Compare) -> Value:
        op, left = node.ops[0], self.value(node.left)
        if isinstance(op, (ast.Is, ast.IsNot)):
            wanted = ~left.known if isinstance(op, ast.Is) else left.known
            return Value("truth", wanted, np.ones(self._rows, bool))
        if isinstance(op, (ast.In, ast.NotIn)):
            listed: Any = node.comparators[0]
            equal = [self._compared(left, ast.Eq(), self.value(m)) for m in listed.elts]
            found = self._joined(equal, every=False)
            truths = found.values if isinstance(op, ast.In) else ~found.values
            return Value("truth", truths, found.known)
        parts = []
        for op, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.value(comparator)
            parts.append(self._compared(left, op, right))
            left = right
        return self._joined(parts, every=True)

    def _compared(self, left: Value, op: ast.cmpop, right: Value) -> Value:
        left, right = self._as_moment(left, right), self._as_moment(right, left)
        known = left.known & right.known
        if left.kind != right.kind:
            raise _fault(self.text, f"{_words(left)} beside {_words(left)}", _words(right))
        if left.kind == "truth" and not isinstance(op, (ast.Eq, ast.NotEq)):
            raise _fault(self.text, "== or != between truth values", "another comparison")
        if left.kind == "text":
            equal = _plain(pc.equal(left.values, right.values))
            less = _plain(pc.less(left.values, right.values))
        else:
            equal, less = _ordered(left.values, right.values)
        truths = {
            ast.Eq: equal, ast.NotEq: ~equal, ast.Lt: less & ~equal, ast.LtE: less | equal,
            ast.Gt: ~less & ~equal, ast.GtE: ~less | equal,
        }[type(op)]  # fmt: skip
        return Value("truth", truths, known)

    def _as_moment(self, value: Value, other: Value) -> Value:
        """A text of the expression beside a column of moments is one."""
        if value.literal is None or other.kind not in _PER_UNIT or other.field is None:
            return value
        try:
            moment = to_storage(value.literal, other.field)
        except ValueError:
            raise _fault(self.text, f"{_words(other)} as the schema writes it", "a text") from None
        return Value(other.kind, np.full(self._rows, moment), value.known)


def _ordered(left: NDArray[Any], right: NDArray[Any]) -> tuple[Mask, Mask]:
    if left.dtype.kind in "ib" and right.dtype.kind in "ib":
        return left == right, left < right
    size = np.maximum(np.maximum(np.abs(left), np.abs(right)), 1e-300)
    return np.abs(left - right) <= CLOSE * size, left < right


def _plain(truths: pa.Array) -> Mask:
    return np.asarray(truths.fill_null(False).to_numpy(zero_copy_only=False), bool)


def _words(value: Value) -> str:
    return _WORDS.get(value.kind, f"a value of type {value.kind}")


def _fault(text: str, expected: str, got: str) -> SchemaError:
    return SchemaError(
        f"constraint `{text}`", expected=expected, got=got, remedy="correct the expression"
    )
