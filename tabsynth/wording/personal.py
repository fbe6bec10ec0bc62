"""Personal data inside a text, found by form and by lists of names. Nothing leaves the machine.

Why no library: presidio-analyzer 2.2 brings spaCy (250 MB), fetches a language model and, for
e-mail addresses, a list of domains when it is first used; scrubadub 2.0 needs nltk's corpora and is
as large; phonenumbers (48 MB) overlooks numbers written without the country's code unless it is
told the country. What is looked for here is found by patterns, checksums, and the names that come
with Faker, a dependency anyway. It is meant to find too much rather than too little: what is found
is replaced by invented values.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Set
from functools import cache
from importlib import import_module
from typing import Final, NamedTuple

_LOCALES: Final = ("en_US", "en_GB", "en_IN", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL")
_STREET: Final = (
    r"street|st|road|rd|avenue|ave|lane|ln|drive|dr|court|ct|boulevard|blvd|square|place|way|close"
)
_CAPITAL: Final = r"[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]+(?:['’-][A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]+){0,3}"
# in the order of trust: what an earlier one finds, a later one does not look at
_FORMS: Final = (
    ("url", re.compile(r"\bhttps?://[^\s<>\"']+[^\s<>\"'.,;:!?)]|\bwww\.[\w.-]+\.\w{2,}")),
    ("email", re.compile(
        r"(?<![\w.+%-])[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.[A-Za-z]{2,}"
    )),
    ("iban", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")),
    ("credit_card_number", re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])")),
    ("ipv4", re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")),
    ("ssn", re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")),
    ("phone_number", re.compile(
        r"(?<![\w.,-])(?:\+|\(?0)[\d()](?:[ ./()-]{0,2}\d){6,13}(?![\w-])"
    )),
    ("phone_number", re.compile(r"(?<![\w.-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])")),
    ("street_address", re.compile(
        rf"\b\d{{1,5}}[a-z]?(?: {_CAPITAL}){{1,3}} (?i:{_STREET})\b\.?"
        rf"|\b{_CAPITAL}(?:straße|strasse|weg|allee|gasse|platz) \d{{1,4}}[a-z]?\b"
    )),
)  # fmt: skip
# after these stands a name, whatever it is
_BEFORE: Final = re.compile(
    r"(?:\b(?:mr|mrs|ms|miss|dr|prof|herr|frau|dear|hi|hello|hey|hallo|liebe|lieber)\b\.?"
    r"|\b(?:my name is|i am|i'm|this is|ich bin|ich heiße|regards|sincerely|greetings|cheers"
    r"|thanks|thank you|best|grüßen|grüße|gruß)\b,?)\s+$",
    re.IGNORECASE,
)
_NAME: Final = re.compile(rf"\b{_CAPITAL}(?: [A-Z]\.)?(?: {_CAPITAL}){{0,3}}")
# capitalised without being anybody
_PLAIN: Final = frozenset({
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december", "monday", "tuesday", "wednesday", "thursday", "friday",
    "saturday", "sunday", "the", "there", "team", "support", "sir", "madam", "all", "everyone",
    "customer", "service", "please", "thanks", "thank", "hello", "hi", "dear", "not", "very",
    "still", "just", "also", "when", "what", "why", "how", "since", "after", "before", "my", "our",
    "your", "this", "that", "these", "those", "it", "we", "you", "they", "he", "she", "in", "on",
    "at", "for", "with", "from", "no", "yes", "and", "but", "or", "if", "to", "best", "kind",
    "regards", "mr", "mrs", "ms", "miss", "dr", "prof", "herr", "frau",
})  # fmt: skip
_END: Final = ".!?\n"
_DIGITS: Final = re.compile(r"\D")
_DAY: Final = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}(?!\d).*")
_GREATEST: Final = 255
_LOOK_BACK: Final = 40


class Span(NamedTuple):
    """A place in a text that holds personal data, and its kind, as `Personal.what` has it."""

    start: int
    end: int
    kind: str


def find(text: str, *, ordinary: Set[str] = frozenset()) -> list[Span]:
    """Personal data in a text, in its order, none overlapping another.

    Args:
        text: any.
        ordinary: words in lower case that are no names here, such as those that many records hold
            without a capital; a name that is one of them counts only after a form of address.
    """
    found: list[Span] = []
    for kind, form in _FORMS:
        for match in form.finditer(text):
            if _checked(kind, match.group()) and _free(found, match.start(), match.end()):
                found.append(Span(match.start(), match.end(), kind))
    found += [s for s in _names(text, ordinary) if _free(found, s.start, s.end)]
    return sorted(found)


def count(texts: Iterable[str | None], *, ordinary: Set[str] = frozenset()) -> dict[str, int]:
    """How many texts hold each kind of personal data; kinds that none holds are left out."""
    kinds = Counter(
        kind
        for text in texts
        if text is not None
        for kind in {span.kind for span in find(text, ordinary=ordinary)}
    )
    return dict(sorted(kinds.items()))


def _free(found: list[Span], start: int, end: int) -> bool:
    return all(end <= span.start or span.end <= start for span in found)


def _checked(kind: str, text: str) -> bool:
    if kind == "iban":
        return is_iban(text)
    if kind == "credit_card_number":
        return is_card(text)
    if kind == "ipv4":
        return all(int(part) <= _GREATEST for part in text.split("."))
    return kind != "phone_number" or not _DAY.fullmatch(text)


def is_iban(text: str) -> bool:
    """Whether the check digits are right (ISO 7064, remainder 1 by 97)."""
    packed = text.replace(" ", "")
    moved = packed[4:] + packed[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def is_card(text: str) -> bool:
    """Whether the check digit is right (Luhn's, ISO/IEC 7812-1)."""
    digits = [int(char) for char in _DIGITS.sub("", text)][::-1]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _names(text: str, ordinary: Set[str]) -> list[Span]:
    first, last = _listed()
    found = []
    for match in _NAME.finditer(text):
        start, parts = match.start(), match.group().split(" ")
        # a sentence may begin with a word that no name begins with: "Yesterday Anna called"
        while parts and not _may_begin(text, start, parts[0], ordinary):
            start += len(parts.pop(0)) + 1
        if parts and _addressed(text, match.start()) is None:
            # a surname follows, or nothing: "Anna Router" is Anna and a router
            kept = 1
            while kept < len(parts) and (parts[kept] in last or parts[kept] in first
                                         or parts[kept].endswith(".")):  # fmt: skip
                kept += 1
            parts = parts[:kept]
        if parts:
            kind = "name" if len(parts) > 1 else "first_name"
            found.append(Span(start, start + len(" ".join(parts)), kind))
    return found


def _addressed(text: str, start: int) -> re.Match[str] | None:
    """A form of address right before a place; no more is looked at than one may take."""
    return _BEFORE.search(text, max(0, start - _LOOK_BACK), start)


def _may_begin(text: str, start: int, word: str, ordinary: Set[str]) -> bool:
    """Whether a capitalised word that stands there begins a name."""
    first, lowered = _listed()[0], word.lower()
    if lowered in _PLAIN:
        return False
    if _addressed(text, start) is not None:
        return lowered not in ordinary or word in first
    if word not in first:
        return False
    before = text[max(0, start - _LOOK_BACK) : start].rstrip(" ")
    opens = not before or before[-1] in _END
    return not (opens and lowered in ordinary)


@cache
def _listed() -> tuple[frozenset[str], frozenset[str]]:
    """First and last names of several countries, as Faker lists them."""
    providers = [import_module(f"faker.providers.person.{each}").Provider for each in _LOCALES]
    first = frozenset(name for p in providers for name in p.first_names if len(name) > 2)
    return first, frozenset(name for p in providers for name in p.last_names)
