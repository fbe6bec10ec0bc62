from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabsynth.schema.expression import MOST_CHARACTERS, parse_expression


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a <= b", ("a", "b")),
        ("b - a >= 1 and not (c == 'x')", ("b", "a", "c")),
        ("1 < a < 5 or b in ('x', 'y')", ("a", "b")),
        ("`first name` is not null", ("first name",)),
        ("`a` == a and `a b`== `a b`", ("a", "a b")),
        ("größe == 'klein'", ("größe",)),
        ("город is null", ("город",)),
        ("'`no column`' == a", ("a",)),
        ("ok == true or false", ("ok",)),
        ("a %\n 2 == 0", ("a",)),
        ("-a < +b * 2.5 / 3", ("a", "b")),
        ("a not in [1, 2]", ("a",)),
        ("a == '#1' and `b # c` > 2", ("a", "b # c")),
        ("print > 1", ("print",)),
    ],
)
def test_the_columns_of_an_expression(text: str, columns: tuple[str, ...]) -> None:
    assert parse_expression(text).columns == columns


HOSTILE = [
    "__import__('os').system('true')", "a.b", "a.__class__", "(a).__class__.__bases__", "f(a)",
    "a[0]", "a[0] == 1", "[x for x in a]", "(x for x in a)", "{a: 1}", "{a}", "lambda: a",
    "a if b else c", "(a := 1)", "a ** 2", "2 ** 99999999", "a @ b", "a // b", "a | b", "a & b",
    "a ^ b", "~a", "a << 3", "a >> 3", "f'{a}'", "b'a' == a", "'a' 'b' == a and 1j", "1j == a",
    "...", "None", "a is None", "a is b", "a is not 1", "a == null", "null", "null is null",
    "a in b", "a in 'abc'", "a in ()", "a in (b, c)", "a in ((1, 2), 3)", "a < b in (1, 2)",
    "a is null is null", "*a", "yield a", "await a", "a; b", "a = 1", "import os", "", " ", "(",
    "a <", "a\\\nb", "'\\x41' == a", "a == '\x00'", "9223372036854775808 > a", "1e999 > a",
    "0x" + "f" * 40 + " > a", "a == " + "9" * 1500, "``== 1", "`a", "a # b", "a <> b", "@a",
    "exec('1')", "a > 1; b", "a\nb",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_what_the_language_does_not_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 300 + "a" + ")" * 300,
        "not " * 200 + "a",
        "-" * 500 + "a",
        " + ".join(["a"] * 400),
        " < ".join(["(a"] * 100) + ")" * 100,
        "a" + " or (a and" * 60 + " a" + ")" * 60,
        "a == " + "1" * MOST_CHARACTERS,
    ],
)
def test_what_is_too_long_or_too_deep_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected an expression"):
        parse_expression(text)


def test_a_word_that_stands_for_a_quoted_name_is_no_other_column() -> None:
    parsed = parse_expression("`x y` == __column_0__")
    assert parsed.columns == ("x y", "__column_0__")


@given(st.text(max_size=80))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parsed = parse_expression(text)
    except ValueError as error:
        assert str(error).startswith("expected")
        return
    allowed = (
        ast.Constant, ast.Name, ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Tuple,
        ast.List, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context,
    )  # fmt: skip
    assert all(isinstance(node, allowed) for node in ast.walk(parsed.tree))
