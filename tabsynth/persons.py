"""Invented persons: name, e-mail and user name of one record belong together."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.generators import generate, hashed
from tabsynth.schema.generator import Personal
from tabsynth.schema.model import FieldExtension, FieldSchema
from tabsynth.schema.recognise import named_personal

KINDS: Final = ("name", "first_name", "last_name", "email", "user_name")
_POOL: Final = 512
# the longest of first and last names that Faker makes, two signs, a number and @example.org
LONGEST: Final = 64


@dataclass(frozen=True)
class Persons:
    """One person for each record of a table, a function of its place.

    Args:
        locale: of the names.
        salt: of the table and the seed.
    """

    locale: str
    salt: int

    def column(self, kind: str, places: NDArray[np.int64], *, numbered: bool = False) -> pa.Array:
        """What the persons at some places are called.

        Args:
            kind: one of `KINDS`.
            places: of the records.
            numbered: whether e-mails and user names hold the place, so that no two are alike.
        """
        look = hashed(places.astype(np.uint64) ^ np.uint64(self.salt))
        firsts, lasts = (_pool(self.locale, what) for what in ("first_name", "last_name"))
        first = [firsts[i] for i in (look % np.uint64(len(firsts))).tolist()]
        last = [lasts[i] for i in ((look >> np.uint64(32)) % np.uint64(len(lasts))).tolist()]
        if kind == "first_name":
            return pa.array(first, pa.string())
        if kind == "last_name":
            return pa.array(last, pa.string())
        if kind == "name":
            return pa.array([f"{a} {b}" for a, b in zip(first, last, strict=True)], pa.string())
        ends = [f".{place + 1}" if numbered else "" for place in places.tolist()]
        users = [f"{_plain(a)}.{_plain(b)}{c}" for a, b, c in zip(first, last, ends, strict=True)]
        domain = "@example.org" if kind == "email" else ""
        return pa.array([user + domain for user in users], pa.string())


def personal_kind(field: FieldSchema) -> str | None:
    """The kind of `KINDS` that a column declares, or that its format or name says; else None."""
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
        kind = "email" if field.format == "email" else named_personal(field.name)
    return kind if kind in KINDS else None


def locale_of(fields: tuple[FieldSchema, ...]) -> str:
    """The locale that the first personal column declares."""
    declared = (f.tabsynth.generator for f in fields)
    return next((g.locale for g in declared if isinstance(g, Personal)), "en_US")


@lru_cache(maxsize=64)
def _pool(locale: str, what: str) -> tuple[str, ...]:
    ours = FieldExtension.model_validate(
        {"generator": {"kind": "personal", "what": what, "locale": locale}}
    )
    field = FieldSchema(name=what, tabsynth=ours)
    made = generate(field, _POOL, start=0, rng=np.random.default_rng(0)).to_pylist()
    return tuple(dict.fromkeys(made))


@lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    """A name as it stands in an address: small letters of ASCII, `x` where none is left."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(c for c in letters if c.isalnum()) or "x"
