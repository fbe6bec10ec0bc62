"""Invented persons: name, e-mail, user name, city and postcode of one belong together."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.generators import generate, hashed
from tabsynth.schema.generator import Personal
from tabsynth.schema.model import FieldExtension, FieldSchema
from tabsynth.schema.recognise import named_personal, named_place

NAMES: Final = ("name", "first_name", "last_name", "email", "user_name")
PLACES: Final = ("city", "postcode", "country")
_POOL: Final = 512
# so many postcodes are dealt out to the towns of a locale
_CODES: Final = 4_096
# the longest of first and last names that Faker makes, two signs, a number and @example.org
LONGEST: Final = 64


@dataclass(frozen=True)
class Persons:
    """One person for each record of a table, a function of its place.

    A town has postcodes of its own, which begin alike and are in no other town of the locale. They
    are in the locale's form, and invented: no directory of real ones is read.

    Args:
        locale: of the names and towns.
        salt: of the table and the seed.
    """

    locale: str
    salt: int

    def column(self, kind: str, places: NDArray[np.int64], *, numbered: bool = False) -> pa.Array:
        """What the persons at some places are called, or where they live.

        Args:
            kind: one of `NAMES` or `PLACES`.
            places: of the records.
            numbered: whether e-mails and user names hold the place, so that no two are alike.

        Raises:
            SchemaError: the locale has no data of that kind.
        """
        look = hashed(places.astype(np.uint64) ^ np.uint64(self.salt))
        if kind in PLACES:
            return self._home(kind, hashed(look))
        high = look >> np.uint64(32)
        if kind == "first_name":
            return _picked(_pool(self.locale, kind), look)
        if kind == "last_name":
            return _picked(_pool(self.locale, kind), high)
        firsts, lasts = (_pool(self.locale, what) for what in ("first_name", "last_name"))
        if kind == "name":
            return pc.binary_join_element_wise(_picked(firsts, look), _picked(lasts, high), " ")
        words = [_picked(_plainly(firsts), look), _picked(_plainly(lasts), high)]
        if numbered:
            words.append(pa.array(places + 1).cast(pa.string()))
        users = pc.binary_join_element_wise(*words, ".")
        domain = "@example.org" if kind == "email" else ""
        return pc.binary_join_element_wise(users, domain, "")

    def _home(self, kind: str, look: NDArray[np.uint64]) -> pa.Array:
        if kind == "country":
            return pa.array([_country(self.locale)], pa.string()).take(
                pa.array(np.zeros(len(look), np.int32))
            )
        towns = _towns(self.locale)
        town = look % np.uint64(len(towns))
        if kind == "city":
            return _picked(tuple(city for city, _ in towns), town)
        sizes = np.array([len(codes) for _, codes in towns])
        first = np.cumsum(sizes) - sizes
        code = (look >> np.uint64(32)) % sizes.astype(np.uint64)[town]
        every = tuple(code for _, codes in towns for code in codes)
        return _picked(every, first.astype(np.uint64)[town] + code)


def belonging(fields: Sequence[FieldSchema]) -> dict[str, str]:
    """The columns of a table that speak of one person, and what each says, a kind of `Persons`.

    A country counts beside a city or a postcode alone: it is then the locale's own.

    Args:
        fields: of the table; see `personal_kind`.
    """
    found = {f.name: kind for f in fields if (kind := personal_kind(f)) is not None}
    at_home = {"city", "postcode"} & set(found.values())
    return {name: kind for name, kind in found.items() if kind != "country" or at_home}


def personal_kind(field: FieldSchema) -> str | None:
    """The kind that a column declares, or that its format or name says; else None."""
    generator = field.tabsynth.generator
    if isinstance(generator, Personal):
        kind: str | None = generator.what
    elif (
        generator is not None
        or field.type != "string"
        or field.tabsynth.free_text is not None
        or field.domain is not None
        or field.constraints.pattern is not None
    ):
        kind = None
    else:
        named = named_personal(field.name) or named_place(field.name)
        kind = "email" if field.format == "email" else named
    return kind if kind in (*NAMES, *PLACES) else None


def locale_of(fields: Sequence[FieldSchema]) -> str:
    """The locale that the first personal column declares."""
    declared = (f.tabsynth.generator for f in fields)
    return next((g.locale for g in declared if isinstance(g, Personal)), "en_US")


def _picked(pool: tuple[str, ...], numbers: NDArray[np.uint64]) -> pa.Array:
    places = (numbers % np.uint64(len(pool))).astype(np.int64)
    return pa.array(pool, pa.string()).take(pa.array(places))


@lru_cache(maxsize=64)
def _pool(locale: str, what: str, size: int = _POOL) -> tuple[str, ...]:
    ours = FieldExtension.model_validate(
        {"generator": {"kind": "personal", "what": what, "locale": locale}}
    )
    field = FieldSchema(name=what, tabsynth=ours)
    made = generate(field, size, start=0, rng=np.random.default_rng(0)).to_pylist()
    return tuple(dict.fromkeys(made))


@lru_cache(maxsize=16)
def _towns(locale: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Cities of a locale, each with postcodes that begin alike and that no other has."""
    cities, codes = _pool(locale, "city"), _pool(locale, "postcode", _CODES)
    kept = 0
    # as few signs at the beginning as tell so many towns apart
    while len({code[:kept] for code in codes}) < min(len(cities), len(codes)):
        kept += 1
    groups: dict[str, list[str]] = {}
    for code in codes:
        groups.setdefault(code[:kept], []).append(code)
    largest = sorted(groups.values(), key=len, reverse=True)
    return tuple((c, tuple(own)) for c, own in zip(cities, largest, strict=False))


@lru_cache(maxsize=64)
def _country(locale: str) -> str:
    """The country whose towns and postcodes a locale has, in English; else any."""
    from faker import Faker  # slow to import, and seldom needed

    faker: Any = Faker(locale)
    try:
        return str(faker.current_country())
    except (AttributeError, ValueError):
        return _pool(locale, "country")[0]


@lru_cache(maxsize=64)
def _plainly(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_plain(name) for name in names)


def _plain(name: str) -> str:
    """A name as it stands in an address: small letters of ASCII, syllables where none is left."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(c for c in letters if c.isalnum()) or _syllables(zlib.crc32(name.encode()))


def _syllables(number: int) -> str:
    made = ""
    for _ in range(3):
        number, consonant = divmod(number, 16)
        number, vowel = divmod(number, 5)
        made += "bdfghjklmnprstvz"[consonant] + "aeiou"[vowel]
    return made
