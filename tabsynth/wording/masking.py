"""Texts with what varies taken out: personal data, values of the record's own columns, numbers.

A masked text is a list of tokens, each a word, a mark or a slot, with the white space before it. A
slot stands for a value that is filled in anew for each synthetic record:

⟦name⟧           personal data of that kind
⟦own:2⟧          the value of the third of the mentioned columns in the same record; `own:2:lower`
                 is the same in lower case
⟦date:%Y-%m-%d⟧  a day written in that form
⟦as:ORD-9999⟧    a number or code of that shape
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from tabsynth.wording.personal import find

OPEN: Final = "⟦"
CLOSE: Final = "⟧"
OWN: Final = "own:"
LOWER: Final = ":lower"
DATE: Final = "date:"
SHAPE: Final = "as:"
# in shapes: a digit, a capital, another letter
DIGIT: Final = "9"
CAPITAL: Final = "¤"
SMALL: Final = "¢"
# what stood in a slot's place follows its name until the text is cut into tokens
_CUT: Final = "\x1f"
_DATES: Final = {
    form: re.compile(rf"(?<![\w/.-]){pattern}(?![\w/]|[.-]\w)")
    for form, pattern in {
        "%Y-%m-%d": r"\d{4}-\d{2}-\d{2}", "%d.%m.%Y": r"\d{1,2}\.\d{1,2}\.\d{4}",
        "%m/%d/%Y": r"\d{1,2}/\d{1,2}/\d{4}", "%d %B %Y": r"\d{1,2} [A-Z][a-z]{2,8} \d{4}",
        "%B %d, %Y": r"[A-Z][a-z]{2,8} \d{1,2}, \d{4}",
    }.items()
}  # fmt: skip
_SLOT: Final = re.compile(rf"({OPEN}[^{CLOSE}]*{CLOSE})")
_TOKEN: Final = re.compile(rf"(\s*)({OPEN}[^{CLOSE}]*{CLOSE}|[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]|_)")
_CODE: Final = re.compile(r"(?<!\w)(?=[^\s\d]{0,40}\d)[^\W_]+(?:[-./:,#_][^\W_]+)*(?!\w)")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_FEW_LETTERS: Final = 4
_SHORTEST: Final = 2
_ENDS: Final = (".", "!", "?")
# "Dear Ms ⟦name⟧," and the like
_SALUTATION: Final = 5

Tokens = tuple[str, ...]


class Masked(NamedTuple):
    """A masked text.

    Args:
        tokens: its words, marks and slots.
        raw: what stands in the text itself at each of them, without white space.
    """

    tokens: Tokens
    raw: tuple[str, ...]


@dataclass(frozen=True)
class Masker:
    """Takes out of texts what varies.

    Args:
        columns: whose values the texts mention; an own slot gives a place in this list.
        ordinary: words in lower case that many records hold, and so no names.
    """

    columns: tuple[str, ...] = ()
    ordinary: Set[str] = frozenset()

    def mask(self, text: str, row: Mapping[str, str | None]) -> Masked:
        """The tokens of a text.

        Args:
            text: as it stands in the record.
            row: the record's other values, as texts.
        """
        for own, other in ((OPEN, "["), (CLOSE, "]"), (_CUT, " ")):
            text = text.replace(own, other)
        text = text.strip()
        for place, name in enumerate(self.columns):
            value = row[name]
            if value is not None and len(value) >= _SHORTEST:
                text = _outside(text, partial(_own, value=value, place=place))
        for form, pattern in _DATES.items():
            text = _outside(text, partial(pattern.sub, _dated(form)))
        text = _outside(text, self._personal)
        return cut(_outside(text, partial(_CODE.sub, _shaped)))

    def _personal(self, part: str) -> str:
        for span in reversed(find(part, ordinary=self.ordinary)):
            raw = part[span.start : span.end]
            part = part[: span.start] + _slot(span.kind, raw) + part[span.end :]
        return part


def mention(value: str) -> re.Pattern[str]:
    """What finds a value in a text, in whatever case it is written."""
    return re.compile(rf"(?<![\w@.-]){re.escape(value)}(?![\w@]|[.-]\w)", re.IGNORECASE)


def cut(text: str) -> Masked:
    """The tokens of a text whose slots are marked."""
    parts, raws = [], []
    for space, body in _TOKEN.findall(text):
        name, _, raw = body.partition(_CUT)
        parts.append(("\n" if "\n" in space else " " if space else "")
                     + (name + CLOSE if raw else body))  # fmt: skip
        raws.append(raw[:-1] if raw else body)
    return Masked(tuple(parts), tuple(raws))


def joined(parts: Sequence[str]) -> str:
    """Tokens as a text."""
    return "".join(parts).strip()


def slot(token: str) -> str | None:
    """What a token is a slot for; None where it is a word or mark."""
    body = token.lstrip()
    return body[1:-1] if body.startswith(OPEN) else None


def sentences(text: Tokens) -> list[slice]:
    """Where a text's sentences stand: cut behind full stops, a salutation, and before new lines."""
    found: list[slice] = []
    start = 0
    for place in range(1, len(text)):
        before = text[place - 1].lstrip()
        ends = before in _ENDS or (before == "," and place <= _SALUTATION)
        ends &= text[place][:1].isspace()
        if ends or text[place].startswith("\n"):
            found.append(slice(start, place))
            start = place
    return [*found, slice(start, len(text))] if text else found


def shape(code: str) -> str:
    """The form of a number or code: its digits, and its letters where these are many.

    Few letters are kept, as in `ORD-9999` or `99h`: they say what the number is.
    """
    runs = _LETTERS.findall(code)
    kept = len(runs) <= _SHORTEST and all(len(run) <= _FEW_LETTERS for run in runs)
    return "".join(
        DIGIT if char.isdigit()
        else char if kept or not char.isalpha()
        else CAPITAL if char.isupper() else SMALL
        for char in code
    )  # fmt: skip


def _outside(text: str, change: Callable[[str], str]) -> str:
    """The text with a change made to what stands in no slot."""
    return "".join(p if p.startswith(OPEN) else change(p) for p in _SLOT.split(text))


def _slot(name: str, raw: str) -> str:
    return f"{OPEN}{name}{_CUT}{raw}{CLOSE}"


def _own(part: str, value: str, place: int) -> str:
    def named(found: re.Match[str]) -> str:
        raw = found.group()
        lower = LOWER if raw != value and raw == raw.lower() else ""
        return _slot(f"{OWN}{place}{lower}", raw)

    return mention(value).sub(named, part)


def _dated(form: str) -> Callable[[re.Match[str]], str]:
    def named(found: re.Match[str]) -> str:
        try:
            dt.datetime.strptime(found.group(), form)
        except ValueError:
            return found.group()
        return _slot(f"{DATE}{form}", found.group())

    return named


def _shaped(found: re.Match[str]) -> str:
    return _slot(f"{SHAPE}{shape(found.group())}", found.group())
