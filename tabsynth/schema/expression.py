"""The language of `expression` constraints, read by a strict list of what it may hold.

Columns by name (in backticks where the name is not one word), numbers, texts, true and false;
`+ - * / %`, comparisons (also chained), `in (...)`, `is null`, `is not null`, and, or, not. The
text is parsed by Python's own parser and never run; see `tabsynth.constraints.evaluation`.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MOST_CHARACTERS: Final = 2_000
MOST_DEPTH: Final = 40
NULL: Final = "null"
_TRUTHS: Final = {"true": True, "false": False}
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"|`([^`]+)`")
_OPERATORS: Final = (
    ast.And, ast.Or, ast.Not, ast.USub, ast.UAdd, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod,
    ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot,
)  # fmt: skip


@dataclass(frozen=True)
class Parsed:
    """An expression that holds nothing but what the language allows.

    Args:
        tree: Python's syntax tree of it.
        quoted: column names by the word that stands for them in the tree.
    """

    tree: ast.expr
    quoted: dict[str, str]

    def column(self, word: str) -> str:
        """The column that a word of the tree names."""
        return self.quoted.get(word, word)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, each once, in the order of their first appearance."""
        words = (n for n in ast.walk(self.tree) if isinstance(n, ast.Name) and n.id != NULL)
        ordered = sorted(words, key=lambda n: (n.lineno, n.col_offset))
        return tuple(dict.fromkeys(self.column(n.id) for n in ordered))


@lru_cache(maxsize=256)
def parse_expression(text: str) -> Parsed:
    """An expression as a checked tree.

    Raises:
        ValueError: it is longer, deeper or holds more than the language allows.
    """
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"expected an expression of at most {MOST_CHARACTERS} characters")
    if "\\" in text:
        raise ValueError("expected an expression without backslashes")
    if "#" in _QUOTED.sub("", text):
        raise ValueError("expected an expression without comments; write such names in backticks")
    quoted: dict[str, str] = {}

    def word(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]
        stands = f"__column_{len(quoted)}__"
        while stands in text:
            stands += "_"
        quoted[stands] = found[1]
        return f" {stands} "

    plain = " ".join(_QUOTED.sub(word, text).split("\n")).strip()
    try:
        with warnings.catch_warnings():
            # the parser warns of what the check below refuses or understands
            warnings.simplefilter("ignore")
            tree = ast.parse(plain, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError(
            "expected an expression such as `a <= b or c is null`, got another text; "
            "write names that are not one word in backticks"
        ) from None
    _check(tree, MOST_DEPTH)
    return Parsed(_Truths().visit(tree), quoted)


class _Truths(ast.NodeTransformer):
    """Writes `true` and `false` as the constants that they are."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in _TRUTHS:
            return node
        return ast.copy_location(ast.Constant(_TRUTHS[node.id]), node)


def _check(node: ast.AST, depth: int) -> None:
    """Refuse every kind of node that is not listed here."""
    if depth == 0:
        raise ValueError(f"expected an expression of at most {MOST_DEPTH} levels")
    operators: list[ast.AST]
    match node:
        case ast.Constant(value=bool() | str()):
            return
        case ast.Constant(value=int() | float() as number):
            if abs(number) >= 2**63 or math.isnan(number):
                raise ValueError("expected numbers of 64 bits in an expression")
            return
        case ast.Name(id=name):
            if name == NULL:
                raise ValueError("expected null only after `is` or `is not` in an expression")
            return
        case ast.BoolOp(op=op, values=parts):
            inner, operators = list(parts), [op]
        case ast.UnaryOp(op=op, operand=operand):
            inner, operators = [operand], [op]
        case ast.BinOp(left=left, op=op, right=right):
            inner, operators = [left, right], [op]
        case ast.Compare():
            _check_comparison(node, depth)
            return
        case _:
            raise ValueError(
                "expected columns, numbers, texts, + - * / %, comparisons, in, is null, and, or "
                "and not in an expression"
            )
    _check_operators(operators)
    for part in inner:
        _check(part, depth - 1)


def _check_operators(operators: Sequence[ast.AST]) -> None:
    if not all(isinstance(op, _OPERATORS) for op in operators):
        raise ValueError("expected no operators in an expression but + - * / %")


def _check_comparison(node: ast.Compare, depth: int) -> None:
    _check_operators(node.ops)
    _check(node.left, depth - 1)
    for op, right in zip(node.ops, node.comparators, strict=True):
        if isinstance(op, (ast.Is, ast.IsNot)):
            is_null = isinstance(right, ast.Name) and right.id == NULL
            if not is_null or len(node.ops) > 1:
                raise ValueError("expected `is null` or `is not null` in an expression")
        elif isinstance(op, (ast.In, ast.NotIn)):
            listed = right.elts if isinstance(right, (ast.Tuple, ast.List)) else []
            if not listed or len(node.ops) > 1:
                raise ValueError("expected a list such as ('a', 'b') after `in` in an expression")
            if not all(isinstance(member, ast.Constant) for member in listed):
                raise ValueError("expected texts or numbers in the list after `in`")
            for member in listed:
                _check(member, depth - 1)
        else:
            _check(right, depth - 1)
