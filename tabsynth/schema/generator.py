"""How values of columns that are not modelled are invented: identifiers and personal data."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)
from pydantic import Field as Setting

from tabsynth.schema.pattern import parse_pattern

PersonalKind = Literal[
    "name", "first_name", "last_name", "email", "phone_number", "address", "street_address",
    "city", "postcode", "country", "company", "job", "user_name", "url", "ipv4", "iban",
    "credit_card_number", "ssn", "license_plate", "date_of_birth",
]  # fmt: skip

# the kinds whose invented values can be kept from coming twice
UNIQUE_KINDS: Final = ("email", "url", "user_name")


class Strict(BaseModel):
    """Our own part of the descriptor: an unknown key is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Generator(Strict):
    """A generator always names its kind, so that a descriptor without defaults can be read back."""

    @model_serializer(mode="wrap")
    def _with_kind(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"kind": getattr(self, "kind", None), **handler(self)}


class Sequence(_Generator):
    """Identifiers start, start + 1, ... with an optional text before and zero padding."""

    kind: Literal["sequence"] = "sequence"
    start: int = 1
    prefix: str = ""
    width: int = Setting(default=0, ge=0, le=40)


class Uuid(_Generator):
    """Random version-4 UUIDs."""

    kind: Literal["uuid"] = "uuid"


class Pattern(_Generator):
    r"""Unique strings of one form: literals, `\d`, `[A-Z0-9]` classes and `{n}` counts."""

    kind: Literal["pattern"] = "pattern"
    pattern: str

    @field_validator("pattern")
    @classmethod
    def _parses(cls, pattern: str) -> str:
        parse_pattern(pattern)
        return pattern


class Personal(_Generator):
    """Invented personal data of one kind in one locale, unrelated to any record."""

    kind: Literal["personal"] = "personal"
    what: PersonalKind
    locale: str = "en_US"

    @field_validator("locale")
    @classmethod
    def _known_locale(cls, locale: str) -> str:
        if locale == "en_US":
            return locale
        from faker.config import AVAILABLE_LOCALES  # slow to import, and seldom needed

        if locale not in AVAILABLE_LOCALES:
            raise ValueError("expected a locale that Faker knows, such as en_US or de_DE")
        return locale


Generator = Annotated[Sequence | Uuid | Pattern | Personal, Setting(discriminator="kind")]
