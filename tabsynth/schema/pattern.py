r"""The pattern language of identifiers: strings of one fixed length.

A pattern is a row of literals, `\d` (digits), `\w` (ASCII letters, digits, underscore) and classes
such as `[A-Z0-9]`, each optionally repeated by a count `{n}`. It is a subset of regular
expressions, so a pattern can also be matched by any of their engines.
"""

from __future__ import annotations

import math
import re
import string
from functools import lru_cache
from typing import Final

_MAX_LENGTH: Final = 200
_MAX_CLASS: Final = 1_000
_SETS: Final = {
    "d": string.digits,
    "w": string.digits + string.ascii_uppercase + "_" + string.ascii_lowercase,
}
_SPECIAL: Final = frozenset("|*+?().^$[]{}")


@lru_cache(maxsize=256)
def parse_pattern(pattern: str) -> tuple[str, ...]:
    """The characters that each position of a pattern allows.

    Args:
        pattern: see the module.

    Returns:
        One text per position, its distinct allowed characters in order; a literal has one.

    Raises:
        ValueError: the pattern is empty, too long, or uses anything but the language above.
    """
    positions: list[str] = []
    at = 0
    while at < len(pattern):
        allowed, at = _one_position(pattern, at)
        count, at = _count(pattern, at)
        if len(positions) + count > _MAX_LENGTH:
            raise ValueError(f"expected a pattern of at most {_MAX_LENGTH} characters")
        positions += [allowed] * count
    if not positions:
        raise ValueError("expected a pattern, got an empty text")
    return tuple(positions)


def pattern_capacity(pattern: str) -> int:
    """How many different strings a pattern has.

    Raises:
        ValueError: the pattern cannot be used.
    """
    return math.prod(len(allowed) for allowed in parse_pattern(pattern))


def _one_position(pattern: str, at: int) -> tuple[str, int]:
    char = pattern[at]
    if char == "\\":
        return _escaped(pattern, at + 1)
    if char == "[":
        return _class(pattern, at + 1)
    if char in _SPECIAL:
        raise ValueError(
            f"expected literals, \\d, \\w, classes and counts {{n}}, got {char!r}; "
            f"write \\{char} for the character itself"
        )
    return _plain(char), at + 1


def _plain(char: str) -> str:
    if not char.isprintable():
        raise ValueError("expected printable characters in a pattern")
    return char


def _escaped(pattern: str, at: int) -> tuple[str, int]:
    if at >= len(pattern):
        raise ValueError("expected a character after the last backslash of the pattern")
    char = pattern[at]
    if char in _SETS:
        return _SETS[char], at + 1
    if char.isalnum():
        raise ValueError(f"expected \\d, \\w or an escaped sign, got \\{char}; use a class")
    return _plain(char), at + 1


def _class(pattern: str, at: int) -> tuple[str, int]:
    """A class whose opening bracket stands before `at`."""
    if pattern.startswith("^", at):
        raise ValueError("expected a class of allowed characters, got [^...]; list those allowed")
    allowed: dict[str, None] = {}
    while True:
        if at >= len(pattern):
            raise ValueError("expected ']' after a class of the pattern")
        if pattern[at] == "]":
            break
        first, at = _class_item(pattern, at)
        is_range = pattern.startswith("-", at) and not pattern.startswith("-]", at)
        last = first
        if is_range and at + 1 < len(pattern):
            last, at = _class_item(pattern, at + 1)
            if len(first) > 1 or len(last) > 1 or first > last:
                raise ValueError("expected the ranges of a class from a lower to a higher one")
            if ord(last) - ord(first) >= _MAX_CLASS:
                raise ValueError(f"expected at most {_MAX_CLASS} characters in a class")
            first = "".join(map(chr, range(ord(first), ord(last) + 1)))
        allowed.update(dict.fromkeys(map(_plain, first)))
    if not allowed:
        raise ValueError("expected characters in a class of the pattern")
    if len(allowed) > _MAX_CLASS:
        raise ValueError(f"expected at most {_MAX_CLASS} characters in a class")
    return "".join(allowed), at + 1


def _class_item(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at] == "\\":
        return _escaped(pattern, at + 1)
    if pattern[at] == "[":
        raise ValueError("expected \\[ for a bracket inside a class")
    return pattern[at], at + 1


def _count(pattern: str, at: int) -> tuple[int, int]:
    if not pattern.startswith("{", at):
        return 1, at
    found = re.compile(r"\{([0-9]{1,4})\}").match(pattern, at)
    if found is None or int(found[1]) == 0:
        raise ValueError("expected a count such as {4}, got another form; ranges are not supported")
    return int(found[1]), found.end()
