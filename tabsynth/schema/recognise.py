"""Columns that must be invented, not modelled: identifiers and personal data, by name and form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tabsynth.schema.pattern import pattern_capacity

FEWEST_RECORDS: Final = 20
_ROOM: Final = 100
_LATITUDES: Final = frozenset({"lat", "latitude"})
_LONGITUDES: Final = frozenset({"lon", "lng", "long", "longitude"})
_SPECIAL: Final = frozenset("|*+?().^$[]{}\\")
_UUID: Final = r"^(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$"
_ID_WORDS: Final = frozenset(
    {"id", "ids", "key", "no", "nr", "number", "index", "uuid", "guid", "identifier", "rowid", "pk"}
)
_MOMENT_WORDS: Final = frozenset({"year", "month", "day", "date", "time", "age", "period"})
# named so, it is personal unless its values are few
_NAMES: Final = {
    "first name": "first_name", "given name": "first_name", "forename": "first_name",
    "firstname": "first_name", "fname": "first_name", "last name": "last_name",
    "family name": "last_name", "surname": "last_name", "lastname": "last_name",
    "lname": "last_name", "user name": "user_name", "username": "user_name", "login": "user_name",
    "email": "email", "e mail": "email", "mail": "email", "email address": "email",
    "phone": "phone_number", "phone number": "phone_number", "telephone": "phone_number",
    "telephone number": "phone_number", "mobile": "phone_number", "mobile number": "phone_number",
    "cell phone": "phone_number", "fax": "phone_number", "tel": "phone_number",
    "address": "address", "home address": "address", "postal address": "address",
    "street": "street_address", "street address": "street_address",
    "address line 1": "street_address",
    "iban": "iban", "credit card": "credit_card_number", "credit card number": "credit_card_number",
    "card number": "credit_card_number", "ssn": "ssn", "social security number": "ssn",
    "ip": "ipv4", "ip address": "ipv4", "ipv4": "ipv4", "url": "url", "website": "url",
    "homepage": "url", "vorname": "first_name", "nachname": "last_name",
    "familienname": "last_name", "prenom": "first_name", "prénom": "first_name",
    "nom de famille": "last_name", "apellido": "last_name", "apellidos": "last_name",
    "telefon": "phone_number", "telefonnummer": "phone_number", "mobil": "phone_number",
    "straße": "street_address", "strasse": "street_address", "anschrift": "address",
    "adresse": "address", "license plate": "license_plate", "licence plate": "license_plate",
}  # fmt: skip
# named so, it is personal only where most records have a value of their own
_LOOSE_NAMES: Final = {
    "name": "name", "full name": "name", "fullname": "name", "person": "name",
    "person name": "name",
    "customer": "name", "customer name": "name", "patient": "name", "patient name": "name",
    "client name": "name", "employee name": "name", "contact": "name", "contact name": "name",
    "city": "city", "town": "city", "postcode": "postcode", "post code": "postcode",
    "postal code": "postcode", "zip": "postcode", "zip code": "postcode", "zipcode": "postcode",
    "plz": "postcode", "country": "country", "company": "company", "company name": "company",
    "employer": "company",
}  # fmt: skip
_NUMERIC_KINDS: Final = frozenset({"phone_number", "credit_card_number", "ssn"})
_SHAPES: Final = {
    "email": (r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$",),
    "url": (r"^https?://\S+$",),
    "ipv4": (r"^([0-9]{1,3}\.){3}[0-9]{1,3}$",),
    "iban": (r"^[A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4}){2,7}( ?[A-Z0-9]{1,4})?$", "^([^0-9]*[0-9]){8}"),
    "phone_number": (
        r"^(\+|\([0-9]{2,5}\)|[0-9]{2,5}[ .-][0-9]{2,5}[ .-])[0-9 .()-]+$",
        r"^([^0-9]*[0-9]){9,15}$",
    ),
}
_CODE: Final = r"^[A-Za-z]{0,6}[-_./ ]?[0-9]{2,}$"
# letters first, and nothing that an amount or its unit would have
_CODE_OF_ONE_FORM: Final = r"^[A-Za-z][A-Za-z0-9]*([-_/:#][A-Za-z0-9]+)*$"
_SPOKEN: Final = r"^\pL[\pL.'’-]*,?( \pL[\pL.'’-]*)+$"
_SHARE: Final = 0.9
# fewer records to a value than this, and the value stands for a person or thing, not for a group
_FEW_EACH: Final = 20


def words(name: str) -> str:
    """A column's name as lower-case words: `firstName` and `First_Name` are `first name`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return " ".join(re.findall(r"[^\W_]+", spaced.lower()))


def coordinates(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of columns whose names say latitude and longitude of the same thing.

    `pickup_latitude` goes with `pickup_longitude`, and `lat` with `lng`.
    """
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for name in names:
        said = words(name).split()
        for kind, known in (("lat", _LATITUDES), ("lon", _LONGITUDES)):
            here = [word for word in said if word in known]
            if len(here) == 1:
                rest = tuple(word for word in said if word not in known)
                found.setdefault(rest, {}).setdefault(kind, name)
    return [(pair["lat"], pair["lon"]) for pair in found.values() if len(pair) == 2]


def personal(name: str, texts: pa.Array, *, records: int, numeric: bool) -> str | None:
    """The kind of personal data in a column, or None.

    Args:
        name: the column.
        texts: its distinct texts, none missing, shape (N,).
        records: how many records have a value.
        numeric: whether the texts are numbers.
    """
    said = words(name)
    own = len(texts) > records / 2
    kind = _NAMES.get(said)
    if kind is not None and (own or len(texts) > FEWEST_RECORDS):
        return kind if not numeric or kind in _NUMERIC_KINDS else None
    if numeric:
        return None
    if own and said in _LOOSE_NAMES:
        # `P-00017` in a column named patient is a code, not a name
        coded = _LOOSE_NAMES[said] != "postcode" and _mostly(texts, _CODE)
        return None if coded else _LOOSE_NAMES[said]
    # persons come back in visits and orders: their full names are told by their form
    if _LOOSE_NAMES.get(said) == "name" and len(texts) > FEWEST_RECORDS and _mostly(texts, _SPOKEN):
        return "name"
    if said.split()[-1:] and said.split()[-1] in _ID_WORDS:
        return None
    if own or len(texts) > FEWEST_RECORDS:
        for shape, patterns in _SHAPES.items():
            if all(_mostly(texts, pattern) for pattern in patterns):
                return shape
    return None


def identifier(name: str, texts: pa.Array, values: pa.Array) -> dict[str, Any] | None:
    """The generator for a column whose every record has a value of its own, or None.

    Args:
        name: the column.
        texts: one text per record, all different, shape (records,).
        values: the same as integers or texts.
    """
    if len(texts) and _share(texts, _UUID) == 1.0:
        return {"kind": "uuid"}
    if len(texts) < FEWEST_RECORDS:
        return None
    said = words(name).split()
    named = bool(said) and said[-1] in _ID_WORDS
    if pa.types.is_integer(values.type):
        return _sequence(values, named=named, moment=bool(_MOMENT_WORDS & set(said)))
    return (
        _numbered(texts)
        or _form(texts)
        or ({"kind": "sequence", "prefix": "id-"} if named else None)
    )


def named_personal(name: str) -> str | None:
    """The kind of personal data that a column's name alone says, or None."""
    return _NAMES.get(words(name))


def named_place(name: str) -> str | None:
    """City, postcode or country where a column's name alone says so, or None."""
    kind = _LOOSE_NAMES.get(words(name))
    return kind if kind in ("city", "postcode", "country") else None


def fresh(texts: pa.Array) -> dict[str, Any]:
    """The generator of new values for a column of which no value may come twice.

    Args:
        texts: its distinct texts, none missing, shape (N,).
    """
    if len(texts) and _share(texts, "^[0-9]{1,18}$") == 1.0:
        return {"kind": "sequence", "start": _beyond(pc.max(texts.cast(pa.int64())).as_py())}
    return (len(texts) and _form(texts)) or {"kind": "sequence", "prefix": "id-"}


def repeated_identifier(name: str, texts: pa.Array, *, records: int) -> dict[str, Any] | None:
    """The generator for a column that names persons or things which come back, or None.

    Args:
        name: the column; only a name that says so makes it one.
        texts: its distinct texts, none missing, shape (N,).
        records: how many records have a value.
    """
    said = words(name).split()
    if not said or said[-1] not in _ID_WORDS or _MOMENT_WORDS & set(said):
        return None
    if len(texts) < FEWEST_RECORDS or records > _FEW_EACH * len(texts):
        return None
    return fresh(texts)


def repeated_codes(texts: pa.Array) -> dict[str, Any] | None:
    """The generator for codes of one form, such as ORD-104233, that may come back, or None.

    Args:
        texts: distinct texts, none missing, shape (N,), of a column that has many.
    """
    if not len(texts) or _share(texts, _CODE_OF_ONE_FORM) < 1.0:
        return None
    return _form(texts)


def _beyond(largest: int) -> int:
    """The next power of ten: no invented number is one of the real ones."""
    return int(10 ** min(len(str(max(largest, 0))), 18))


def _mostly(texts: pa.Array, pattern: str) -> bool:
    """Whether 90 % of the texts match; a first thousand rules most columns out."""
    return all(_share(part, pattern) >= _SHARE for part in (texts.slice(0, 1_000), texts))


def _share(texts: pa.Array, pattern: str) -> float:
    matching = pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0
    return float(matching) / max(len(texts), 1)


def _sequence(values: pa.Array, *, named: bool, moment: bool) -> dict[str, Any] | None:
    ends = pc.min_max(values).as_py()
    consecutive = ends["max"] - ends["min"] + 1 == len(values)
    if not named and (moment or not consecutive):
        return None
    return {"kind": "sequence", "start": _beyond(ends["max"])}


def _numbered(texts: pa.Array) -> dict[str, Any] | None:
    """A common beginning and consecutive numbers, such as P001, P002, ..."""
    ends = pc.min_max(texts).as_py()
    first, last = ends["min"], ends["max"]
    shared = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    prefix = re.sub(r"[0-9]+$", "", first[: shared or len(first)])
    tails = pc.utf8_slice_codeunits(texts, len(prefix))
    if _share(tails, "^[0-9]{1,18}$") < 1.0:
        return None
    numbers = tails.cast(pa.int64())
    bounds = pc.min_max(numbers).as_py()
    if bounds["max"] - bounds["min"] + 1 != len(texts):
        return None
    lengths = pc.min_max(pc.utf8_length(tails)).as_py()
    padded = lengths["min"] == lengths["max"]
    if not padded and _share(tails, "^(0|[1-9][0-9]*)$") < 1.0:
        return None
    return {"kind": "sequence", "prefix": prefix, "width": lengths["max"] if padded else 0}


def _form(texts: pa.Array) -> dict[str, Any] | None:
    """A pattern of the form that all texts share, such as [A-Z]{2}-[0-9]{4}."""
    lengths = pc.min_max(pc.utf8_length(texts)).as_py()
    size = lengths["max"]
    if lengths["min"] != size or not 0 < size <= 40 or _share(texts, "^[ -~]+$") < 1.0:
        return None
    letters = np.array(texts.to_pylist(), dtype=f"S{size}").view("S1").reshape(len(texts), size)
    places = ["".join(c.decode() for c in np.unique(column)) for column in letters.T]
    for keep_letters in (True, False):
        classes = [_class(seen, keep=keep_letters) for seen in places]
        pattern = _counted([c for c in classes if c is not None])
        if None in classes or not any(c in pattern for c in (r"\d", "0-9]")):
            return None
        if pattern_capacity(pattern) >= _ROOM * len(texts):
            return {"kind": "pattern", "pattern": pattern}
    return None


def _class(seen: str, *, keep: bool) -> str | None:
    """The class of the characters at one place; None when separators vary."""
    if seen.isdigit():
        return r"\d"
    if len(seen) == 1 and (keep or not seen.isalpha()):
        return f"\\{seen}" if seen in _SPECIAL else seen
    if not seen.isalnum():
        return None
    sets = {"A-Z": str.isupper, "a-z": str.islower, "0-9": str.isdigit}
    return f"[{''.join(text for text, test in sets.items() if any(map(test, seen)))}]"


def _counted(classes: list[str]) -> str:
    runs = ((text, len(list(run))) for text, run in groupby(classes))
    return "".join(text + (f"{{{count}}}" if count > 1 else "") for text, count in runs)
