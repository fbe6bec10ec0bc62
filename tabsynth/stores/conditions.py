"""SQL conditions of CHECKs as trees, as SQLite, DuckDB, PostgreSQL and MySQL write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"(?P<space>\s+|--[^\n]*|/\*.*?\*/)"
    r"|(?P<text>(?:\b[NE]|\b_[a-z0-9]+)?'(?:[^'\\]|''|\\.)*')"
    r"|(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)"
    r'|(?P<quoted>"(?:[^"]|"")+"|`(?:[^`]|``)+`|\[[^\W\d][\w ]*\])'
    r"|(?P<word>[^\W\d]\w*)"
    r"|(?P<sign>::|<=|>=|<>|!=|==|\|\||[-+*/%(),.<>=\[\]~;])",
    re.DOTALL,
)
_COMPARISONS: Final = {
    "=": "==", "==": "==", "<>": "!=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
}  # fmt: skip
# words that go on a type's name behind its first
_TYPE_WORDS: Final = ("varying", "precision", "without", "with", "time", "zone", "unsigned")
_TYPED_TEXTS: Final = ("date", "timestamp", "time")
_LENGTHS: Final = ("length", "char_length", "character_length", "len")
_MOST_DEPTH: Final = 40


@dataclass(frozen=True)
class Node:
    """A part of a condition.

    Args:
        kind: column, number, text, truth, null, or, and, not, compare, in, null_test, arithmetic,
            negative, length, json_valid.
        value: the column's name, the literal, or the operator.
        parts: what it is made of.
    """

    kind: str
    value: str = ""
    parts: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Token:
    """A word, sign or literal of SQL, and where it stands."""

    kind: str
    text: str
    start: int
    stop: int

    def says(self, *words: str) -> bool:
        """Whether it is one of these words or signs, not quoted."""
        return self.kind in ("word", "sign") and self.text.lower() in words


def tokens_of(sql: str) -> list[Token]:
    """The tokens of some SQL.

    Raises:
        ValueError: something that is none.
    """
    found, place = [], 0
    while place < len(sql):
        match = _TOKEN.match(sql, place)
        if match is None:
            raise ValueError("not understood")
        place = match.end()
        kind = str(match.lastgroup)
        if kind != "space":
            found.append(Token(kind, match[0], match.start(), match.end()))
    return found


def checks_in(ddl: str) -> Iterator[str]:
    """The conditions of the CHECKs in a CREATE TABLE statement."""
    try:
        tokens = tokens_of(ddl)
    except ValueError:
        return
    for place, token in enumerate(tokens[:-1]):
        if not token.says("check") or not tokens[place + 1].says("("):
            continue
        depth = 0
        for inner in tokens[place + 1 :]:
            depth += inner.says("(") - inner.says(")")
            if depth == 0:
                yield ddl[tokens[place + 1].stop : inner.start].strip()
                break


def parse_condition(sql: str) -> Node:
    """A condition as a tree.

    Raises:
        ValueError: it holds what is not understood.
    """
    reader = _Reader(tokens_of(sql))
    node = reader.either(0)
    if reader.place < len(reader.tokens):
        raise ValueError("not understood")
    return node


class _Reader:
    """Reads tokens one after the other, by recursive descent."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.place = 0

    def sees(self, *words: str) -> bool:
        return self.place < len(self.tokens) and self.tokens[self.place].says(*words)

    def takes(self, *words: str) -> str | None:
        if not self.sees(*words):
            return None
        self.place += 1
        return self.tokens[self.place - 1].text.lower()

    def needs(self, *words: str) -> str:
        found = self.takes(*words)
        if found is None:
            raise ValueError("not understood")
        return found

    def next(self) -> Token:
        if self.place >= len(self.tokens):
            raise ValueError("not understood")
        self.place += 1
        return self.tokens[self.place - 1]

    def either(self, depth: int) -> Node:
        if depth > _MOST_DEPTH:
            raise ValueError("not understood")
        parts = [self.both(depth)]
        while self.takes("or"):
            parts.append(self.both(depth))
        return parts[0] if len(parts) == 1 else Node("or", "or", tuple(parts))

    def both(self, depth: int) -> Node:
        parts = [self.negated(depth)]
        while self.takes("and"):
            parts.append(self.negated(depth))
        return parts[0] if len(parts) == 1 else Node("and", "and", tuple(parts))

    def negated(self, depth: int) -> Node:
        if depth > _MOST_DEPTH:
            raise ValueError("not understood")
        if self.takes("not"):
            return Node("not", "not", (self.negated(depth + 1),))
        return self.comparison(depth)

    def comparison(self, depth: int) -> Node:
        left = self.sum(depth)
        if self.takes("is"):
            negative = bool(self.takes("not"))
            self.needs("null")
            return Node("null_test", "is not null" if negative else "is null", (left,))
        negative = bool(self.takes("not"))
        if self.takes("between"):
            low = self.sum(depth)
            self.needs("and")
            high = self.sum(depth)
            ends = (Node("compare", ">=", (left, low)), Node("compare", "<=", (left, high)))
            return _unless(negative, Node("and", "and", ends))
        if self.takes("in"):
            self.needs("(")
            return _unless(negative, Node("in", "in", (left, *self.listed(")", depth))))
        if negative:
            raise ValueError("not understood")
        sign = self.takes(*_COMPARISONS)
        if sign is None:
            return left
        if sign == "=" and self.takes("any"):
            return Node("in", "in", (left, *self.any_of(depth)))
        return Node("compare", _COMPARISONS[sign], (left, self.sum(depth)))

    def any_of(self, depth: int) -> tuple[Node, ...]:
        """What PostgreSQL makes of IN: ANY ((ARRAY[...])::text[])."""
        opened = 0
        while self.takes("("):
            opened += 1
        self.needs("array")
        self.needs("[")
        members = self.listed("]", depth)
        for _ in range(opened):
            self.cast()
            self.needs(")")
        return members

    def listed(self, end: str, depth: int) -> tuple[Node, ...]:
        members = [self.sum(depth + 1)]
        while self.takes(","):
            members.append(self.sum(depth + 1))
        self.needs(end)
        return tuple(members)

    def sum(self, depth: int) -> Node:
        node = self.product(depth)
        while sign := self.takes("+", "-"):
            node = Node("arithmetic", sign, (node, self.product(depth)))
        return node

    def product(self, depth: int) -> Node:
        node = self.single(depth)
        while sign := self.takes("*", "%"):
            node = Node("arithmetic", sign, (node, self.single(depth)))
        return node

    def single(self, depth: int) -> Node:
        if depth > _MOST_DEPTH:
            raise ValueError("not understood")
        if self.takes("-"):
            inner = self.single(depth + 1)
            if inner.kind == "number":
                return Node("number", f"-{inner.value}")
            return Node("negative", "-", (inner,))
        self.takes("+")
        node = self.atom(depth)
        self.cast()
        return node

    def cast(self) -> None:
        """Pass over what PostgreSQL adds, such as ::character varying(20)[]."""
        while self.takes("::"):
            self.type()

    def type(self) -> None:
        self.next()
        while self.takes(*_TYPE_WORDS):
            pass
        if self.takes("("):
            while not self.takes(")"):
                self.next()
        if self.takes("["):
            self.needs("]")

    def atom(self, depth: int) -> Node:
        token = self.next()
        if token.says("("):
            node = self.either(depth + 1)
            self.needs(")")
            return node
        if token.kind == "number":
            return Node("number", token.text)
        if token.kind == "text":
            return Node("text", _unquoted(token.text))
        if token.kind not in ("word", "quoted"):
            raise ValueError("not understood")
        if token.kind == "word":
            word = token.text.lower()
            if word in ("true", "false"):
                return Node("truth", word)
            if word in _TYPED_TEXTS and self.place < len(self.tokens) and (
                self.tokens[self.place].kind == "text"
            ):  # fmt: skip
                return Node("text", _unquoted(self.next().text))
            if self.takes("("):
                return self.call(word, depth)
        name = _name(token)
        while self.takes("."):
            name = _name(self.next())
        return Node("column", name)

    def call(self, function: str, depth: int) -> Node:
        node = self.either(depth + 1)
        if function == "cast":
            self.needs("as")
            self.type()
            self.needs(")")
            return node
        self.needs(")")
        if function in _LENGTHS:
            return Node("length", "length", (node,))
        if function == "json_valid":
            return Node("json_valid", "json_valid", (node,))
        raise ValueError("not understood")


def _unless(negative: bool, node: Node) -> Node:
    return Node("not", "not", (node,)) if negative else node


def _name(token: Token) -> str:
    if token.kind == "quoted":
        mark = token.text[-1]
        return token.text[1:-1].replace(mark * 2, mark)
    if token.kind != "word":
        raise ValueError("not understood")
    return token.text


def _unquoted(text: str) -> str:
    if "\\" in text:
        raise ValueError("not understood")
    return text[text.index("'") + 1 : -1].replace("''", "'")
