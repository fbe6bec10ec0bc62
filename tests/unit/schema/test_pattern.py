from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabsynth.schema.pattern import parse_pattern, pattern_capacity


@pytest.mark.parametrize(
    ("pattern", "positions"),
    [
        ("AB", ("A", "B")),
        (r"\d", ("0123456789",)),
        (r"[A-C]{2}-\d", ("ABC", "ABC", "-", "0123456789")),
        (r"[a-cx-z_]", ("abcxyz_",)),
        (r"[a-]", ("a-",)),
        (r"[-a]", ("-a",)),
        (r"[\]\[\-\\]", ("][-\\",)),
        (r"[\da]", ("0123456789a",)),
        (r"[aab]", ("ab",)),
        (r"\.\/\+", (".", "/", "+")),
        ("ä€ ", ("ä", "€", " ")),
        ("a{3}b", ("a", "a", "a", "b")),
    ],
)
def test_positions(pattern: str, positions: tuple[str, ...]) -> None:
    assert parse_pattern(pattern) == positions


def test_word_characters_are_ascii() -> None:
    (allowed,) = parse_pattern(r"\w")
    assert len(allowed) == 63
    assert all(re.fullmatch(r"\w", char, re.ASCII) for char in allowed)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "empty"),
        ("a|b", "got '|'"),
        ("a*", "got '*'"),
        ("a+", r"write \+ for the character itself"),
        ("a?", "got '?'"),
        ("(a)", "got '('"),
        (".", "got '.'"),
        ("^a", "got '^'"),
        ("a$", "got '$'"),
        ("a]", "got ']'"),
        ("a}", "got '}'"),
        ("{3}", "got '{'"),
        ("a{2,3}", "such as {4}"),
        ("a{}", "such as {4}"),
        ("a{0}", "such as {4}"),
        ("a{99999}", "such as {4}"),
        ("a{2}{3}", "got '{'"),
        ("a{201}", "at most 200"),
        (r"\s", r"got \s"),
        (r"\1", r"got \1"),
        ("a\\", "last backslash"),
        ("[a\\", "last backslash"),
        ("[", "expected ']'"),
        ("[ab", "expected ']'"),
        ("[a-", "expected ']'"),
        ("[]", "expected characters"),
        ("[^a]", "got [^...]"),
        ("[z-a]", "lower to a higher"),
        (r"[\d-z]", "lower to a higher"),
        ("[[:alpha:]]", "bracket inside a class"),
        ("[一-龥]", "at most 1000"),
        ("a\n", "printable"),
        ("[\t]", "printable"),
        ("\0", "printable"),
    ],
)
def test_what_is_not_in_the_language(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_pattern(pattern)


@given(st.text(max_size=30))
def test_any_text_is_a_pattern_or_a_clear_error(text: str) -> None:
    try:
        positions = parse_pattern(text)
    except ValueError as error:
        assert str(error).startswith("expected ")
    else:
        assert all(positions)


@given(st.text(alphabet="ab01-[]\\d{}2", max_size=12))
def test_it_is_a_subset_of_regular_expressions(text: str) -> None:
    try:
        positions = parse_pattern(text)
    except ValueError:
        return
    first = "".join(allowed[0] for allowed in positions)
    last = "".join(allowed[-1] for allowed in positions)
    assert re.fullmatch(text, first)
    assert re.fullmatch(text, last)


def test_capacity_is_exact() -> None:
    assert pattern_capacity(r"[A-Z]{2}\d{3}-x") == 26**2 * 1000
    assert pattern_capacity(r"\w{40}") == 63**40
