"""What is put into slots: invented persons, the record's own values, days, numbers and codes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from tabsynth.generators import generate
from tabsynth.schema.generator import Personal, PersonalKind
from tabsynth.schema.model import FieldExtension, FieldSchema
from tabsynth.wording.masking import (
    CAPITAL,
    DATE,
    DIGIT,
    LOWER,
    OWN,
    SHAPE,
    SMALL,
    Masked,
    Tokens,
    slot,
)
from tabsynth.wording.runs import FEWEST, words

# shorter numbers are met by chance so often that none is invented where some are known
_VARIABLE: Final = 4
_YEAR: Final = 2024
_FIRST, _LAST = "first_name", "last_name"
_UPPER: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Values = dict[str, float]


@dataclass(frozen=True)
class Filler:
    """Fills slots.

    Args:
        columns: that own slots give places in.
        literal: those of them whose values are learnt and not invented: they count as words.
        values: for a slot between two words, the values that enough records have there, with their
            shares; what is missing from 1 is invented.
        years: of days that texts name, in enough records.
    """

    columns: tuple[str, ...]
    literal: frozenset[str]
    values: dict[str, Values]
    years: tuple[int, ...] = ()

    @classmethod
    def learn(
        cls,
        texts: Sequence[Masked],
        units: NDArray[np.int64],
        *,
        columns: tuple[str, ...],
        literal: frozenset[str],
    ) -> Filler:
        """From the numbers that stand in masked texts.

        Privacy: keeps a value only where at least `FEWEST` privacy units have it.
        """
        seen: dict[str, dict[str, set[int]]] = {}
        total: dict[str, int] = {}
        years: dict[int, set[int]] = {}
        for text, unit in zip(texts, units.tolist(), strict=True):
            for place, token in enumerate(text.tokens):
                name = slot(token)
                if name is not None and name.startswith(SHAPE):
                    key = _key(text.tokens, place)
                    seen.setdefault(key, {}).setdefault(text.raw[place], set()).add(unit)
                    total[key] = total.get(key, 0) + 1
                elif name is not None and name.startswith(DATE):
                    day = dt.datetime.strptime(text.raw[place], name.removeprefix(DATE))
                    years.setdefault(day.year, set()).add(unit)
        values = {}
        for key, held in sorted(seen.items()):
            kept = {raw: len(by) for raw, by in sorted(held.items()) if len(by) >= FEWEST}
            if kept:
                whole = total[key] if _variable(key) >= _VARIABLE else 0
                values[key] = _shares(kept, whole)
        return cls(columns, literal, values,
                   tuple(sorted(y for y, by in years.items() if len(by) >= FEWEST)))  # fmt: skip

    def counted(self, text: Sequence[str], raw: Sequence[str], *, start: int = 0) -> list[str]:
        """The words of a text, with the name of its slot in the place of each invented value.

        Args:
            text: masked tokens.
            raw: what stands at each token from `start` on.
            start: the first token whose words are wanted.
        """
        found: list[str] = []
        for place, value in enumerate(raw, start):
            name = slot(text[place])
            known = (
                name is None
                or (name.startswith(OWN) and self._column(name) in self.literal)
                or (name.startswith(SHAPE) and value in self.values.get(_key(text, place), ()))
            )
            found += words(value) if known else [text[place].strip()]
        return found

    def fill(
        self, text: Sequence[str], row: Mapping[str, str | None],
        person: Mapping[str, str | None], *, rng: np.random.Generator, start: int = 0,
        end: int | None = None,
    ) -> list[str] | None:  # fmt: skip
        """What stands at each token of a text from one on, without white space.

        Args:
            text: masked tokens.
            row: the record's other values; None is returned where one that the text mentions is
                missing.
            person: the personal data that belongs to the record, by kind.
            rng: random numbers.
            start: the place of the first token that is to be filled.
            end: the place behind the last one; by default the text's end.
        """
        found: list[str] = []
        for place in range(start, len(text) if end is None else end):
            token = text[place]
            name = slot(token)
            value: str | None
            if name is None:
                value = token.lstrip()
            elif name.startswith(OWN):
                value = row[self._column(name)]
                if value is not None and name.endswith(LOWER):
                    value = value.lower()
            elif name.startswith(DATE):
                value = self._day(name.removeprefix(DATE), rng)
            elif name.startswith(SHAPE):
                value = self._number(_key(text, place), name.removeprefix(SHAPE), rng)
            else:
                value = person[name]
            if value is None:
                return None
            found.append(value)
        return found

    def _column(self, name: str) -> str:
        return self.columns[int(name.removeprefix(OWN).removesuffix(LOWER))]

    def _day(self, form: str, rng: np.random.Generator) -> str:
        year = int(rng.choice(self.years)) if self.years else _YEAR
        day = dt.date(year, 1, 1) + dt.timedelta(days=int(rng.integers(365)))
        return day.strftime(form)

    def _number(self, key: str, form: str, rng: np.random.Generator) -> str:
        known = self.values.get(key, {})
        chance = float(rng.random())
        for value, share in known.items():
            chance -= share
            if chance < 0:
                return value
        return _invented(form, rng)

    def state(self) -> dict[str, Any]:
        """Plain values for the model file."""
        return {
            "columns": list(self.columns), "literal": sorted(self.literal),
            "values": self.values, "years": list(self.years),
        }  # fmt: skip

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Filler:
        """The same from the model file."""
        values = {
            str(key): {str(value): float(share) for value, share in known.items()}
            for key, known in state["values"].items()
        }
        return cls(tuple(map(str, state["columns"])), frozenset(map(str, state["literal"])),
                   values, tuple(map(int, state["years"])))  # fmt: skip


def personal_kinds(texts: Iterable[Tokens]) -> tuple[str, ...]:
    """The kinds of personal data that slots of these texts stand for, sorted."""
    kinds = {slot(token) or "" for text in texts for token in text}
    return tuple(sorted(kinds & set(get_args(PersonalKind))))


def persons(
    kinds: Sequence[str], rows: int, *, start: int, rng: np.random.Generator
) -> dict[str, list[str]]:
    """Invented personal data for each record of a chunk, by kind.

    First name and name of one record are those of one person.
    """
    wanted = {k for k in kinds if k not in ("name", _FIRST)}
    if "name" in kinds or _FIRST in kinds:
        wanted |= {_FIRST, _LAST}
    made = {kind: _pool(kind, rows, start, rng) for kind in sorted(wanted)}
    if _FIRST in made:
        both = zip(made[_FIRST], made[_LAST], strict=True)
        made["name"] = [f"{first} {last}" for first, last in both]
    return made


def _pool(kind: str, rows: int, start: int, rng: np.random.Generator) -> list[str]:
    generator = Personal.model_validate({"what": kind})
    field = FieldSchema(name=kind, tabsynth=FieldExtension(generator=generator))
    made: list[str] = generate(field, rows, start=start, rng=rng).to_pylist()
    return made


def _key(text: Sequence[str], place: int) -> str:
    """A slot with the words beside it: what a number counts is told by these."""
    before = text[place - 1].strip().lower() if place else ""
    after = text[place + 1].strip().lower() if place + 1 < len(text) else ""
    return f"{before} {text[place].strip()} {after}"


def _variable(key: str) -> int:
    return sum(key.count(mark) for mark in (DIGIT, CAPITAL, SMALL))


def _shares(counts: Mapping[str, int], total: int) -> Values:
    whole = max(total, sum(counts.values()))
    return {value: round(count / whole, 4) for value, count in counts.items()}


def _invented(form: str, rng: np.random.Generator) -> str:
    made = []
    for place, mark in enumerate(form):
        if mark == DIGIT:
            made.append(str(rng.integers(1 if place == 0 and len(form) > 1 else 0, 10)))
        elif mark in (CAPITAL, SMALL):
            letter = _UPPER[int(rng.integers(26))]
            made.append(letter if mark == CAPITAL else letter.lower())
        else:
            made.append(mark)
    return "".join(made)
