"""The table schema: a Data Package v2 Table Schema descriptor with our additions.

Everything of ours stands under one `tabsynth` key, of a field or of the table, so that other tools
still read the file. See https://datapackage.org/standard/table-schema/.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    ConfigDict,
    field_validator,
    model_validator,
)
from pydantic import (
    Field as Setting,
)

from tabsynth.schema.constraint import Constraint, require_known
from tabsynth.schema.generator import Generator, Sequence, Strict
from tabsynth.schema.pseudonym import LENGTH

FieldType = Literal["integer", "number", "boolean", "string", "date", "datetime", "time"]
Role = Literal["identifier", "quasi-identifier", "sensitive", "protected"]
ObservedFact = Literal["type", "categories", "minimum", "maximum", "required", "decimals"]
FreeText = Literal["replace", "drop", "template", "llm", "small-lm"]
TABLE_PROFILE = "https://datapackage.org/profiles/2.0/tableschema.json"
# the format of a whole number that is a place along a curve through a map (`constraints.curve`)
PLACE: Final = "place"
NUMERIC_TYPES = frozenset({"integer", "number", "date", "datetime", "time"})


class _Open(BaseModel):
    """The Data Package part: descriptive keys of other tools are kept as they are."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)


class FieldExtension(Strict):
    """What tabsynth adds to a field.

    Args:
        role: what the column is in a privacy or bias analysis.
        generator: values are invented, not modelled.
        free_text: values are not modelled; `replace` emits a placeholder, `drop` leaves it out.
            `template` writes new texts, from sentences that enough records share; `llm` has a
            language model that the user runs write them, told of synthetic records alone;
            `small-lm` trains a small one on the column.
        pseudonym: texts are read as pseudonyms and modelled so; the name of the environment
            variable that holds the key, see `tabsynth.schema.pseudonym`.
        decimals: digits after the point of a number; values are kept and emitted rounded to them.
        timezone: IANA name; the datetimes are instants shown in this zone.
        out_of_range: what reading does with a value outside minimum and maximum.
        cut_points: where a fit under differential privacy cuts the column into intervals,
            increasing and at least two; each interval holds its lower end, the last one both.
        other: the category that stands for every value outside the categories, under
            differential privacy.
        observed: facts in this field that were read from private records. They are proposals: a
            value beyond them is no violation, and they cannot be used under differential privacy
            until a person deletes their name from this list.
    """

    role: Role | None = None
    generator: Generator | None = None
    free_text: FreeText | None = None
    pseudonym: str | None = Setting(default=None, pattern="^[A-Za-z_][A-Za-z0-9_]{0,99}$")
    decimals: int | None = Setting(default=None, ge=0, le=15)
    timezone: str | None = None
    out_of_range: Literal["error", "clip", "missing"] = "error"
    cut_points: tuple[int | float | str, ...] | None = Setting(default=None, min_length=2)
    other: str | int | None = None
    observed: tuple[ObservedFact, ...] = ()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, zone: str | None) -> str | None:
        if zone is not None:
            try:
                ZoneInfo(zone)
            except (KeyError, ValueError, OSError) as error:
                raise ValueError("expected an IANA time zone such as Europe/Berlin") from error
        return zone

    @model_validator(mode="after")
    def _one_way_out(self) -> Self:
        ways = (self.generator, self.free_text, self.pseudonym)
        if sum(way is not None for way in ways) > 1:
            raise ValueError("expected one of generator, free_text and pseudonym")
        return self


class Constraints(_Open):
    """Data Package field constraints; bounds are inclusive and written as the data is."""

    required: bool = False
    unique: bool = False
    minimum: int | float | str | None = None
    maximum: int | float | str | None = None
    min_length: int | None = Setting(default=None, alias="minLength", ge=0)
    max_length: int | None = Setting(default=None, alias="maxLength", ge=0)
    pattern: str | None = None
    enum: tuple[str | int | float | bool, ...] | None = None

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"expected a regular expression ({error.msg})") from error
        return pattern

    @model_validator(mode="after")
    def _supported(self) -> Self:
        for name in ("exclusiveMinimum", "exclusiveMaximum", "jsonSchema"):
            if name in (self.model_extra or {}):
                raise ValueError(f"{name} is not supported; use minimum, maximum or pattern")
        return self


class FieldSchema(_Open):
    """One column: its name, type, and what is allowed in it."""

    name: str = Setting(min_length=1)
    type: FieldType = "string"
    format: str | None = None
    title: str | None = None
    description: str | None = None
    constraints: Constraints = Constraints()
    categories: tuple[str | int, ...] | None = None
    categories_ordered: bool = Setting(default=False, alias="categoriesOrdered")
    missing_values: tuple[str, ...] | None = Setting(default=None, alias="missingValues")
    true_values: tuple[str, ...] = Setting(
        default=("true", "True", "TRUE", "1"), alias="trueValues"
    )
    false_values: tuple[str, ...] = Setting(
        default=("false", "False", "FALSE", "0"), alias="falseValues"
    )
    decimal_char: str = Setting(default=".", alias="decimalChar", min_length=1, max_length=1)
    group_char: str | None = Setting(default=None, alias="groupChar", min_length=1, max_length=1)
    tabsynth: FieldExtension = FieldExtension()

    @field_validator("categories", "missing_values", mode="before")
    @classmethod
    def _drop_labels(cls, values: Any) -> Any:
        """The standard also allows {"value": ..., "label": ...} objects."""
        if isinstance(values, (list, tuple)):
            return tuple(v.get("value") if isinstance(v, dict) else v for v in values)
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.categories is not None:
            if self.type not in ("string", "integer"):
                raise ValueError("categories are for string and integer fields")
            wanted = str if self.type == "string" else int
            if not all(isinstance(c, wanted) for c in self.categories):
                raise ValueError(f"expected every category to be of type {self.type}")
            if len(set(self.categories)) != len(self.categories):
                raise ValueError("expected each category once")
        if (self.model_extra or {}).get("bareNumber") is False:
            raise ValueError("bareNumber: false is not supported; clean the column first")
        self._check_extension()
        low, high = self.bounds
        if low is not None and high is not None and low > high:
            raise ValueError("expected minimum at most maximum")
        cuts = self.cuts
        if any(left >= right for left, right in pairwise(cuts)):
            raise ValueError("expected cut_points in increasing order")
        if cuts and ((low is not None and cuts[0] < low) or (high is not None and cuts[-1] > high)):
            raise ValueError("expected cut_points within minimum and maximum")
        return self

    def _check_extension(self) -> None:
        extension = self.tabsynth
        if extension.decimals is not None and self.type != "number":
            raise ValueError("decimals are for number fields")
        if extension.timezone is not None and self.type != "datetime":
            raise ValueError("timezone is for datetime fields")
        if extension.other is not None and extension.other not in (self.domain or ()):
            raise ValueError("expected other to be one of the categories")
        if extension.cut_points is not None and self.domain is not None:
            raise ValueError("expected either categories or cut_points, not both")
        if extension.free_text is not None and self.type != "string":
            raise ValueError("free_text is for string fields")
        if extension.pseudonym is not None:
            self._check_pseudonyms()
        if isinstance(extension.generator, Sequence):
            plain = not extension.generator.prefix and not extension.generator.width
            if self.type not in ("integer", "string") or (self.type == "integer" and not plain):
                raise ValueError("a sequence is for integers, or with prefix and width for strings")
        elif extension.generator is not None and self.type != "string":
            wanted = getattr(extension.generator, "what", extension.generator.kind)
            if not (wanted == "date_of_birth" and self.type == "date"):
                raise ValueError(f"generator {wanted} is for string fields")

    def _check_pseudonyms(self) -> None:
        rules = self.constraints
        if self.type != "string" or self.domain is not None or rules.pattern is not None:
            raise ValueError("pseudonyms are for string fields without categories and pattern")
        if (rules.max_length or LENGTH) < LENGTH or (rules.min_length or 0) > LENGTH:
            raise ValueError(f"expected lengths that take a pseudonym of {LENGTH} characters")

    @property
    def domain(self) -> tuple[str | int, ...] | None:
        """Declared or observed categories, whichever key of the standard they stand under."""
        if self.categories is not None:
            return self.categories
        if self.constraints.enum is not None and self.type in ("string", "integer"):
            return tuple(v for v in self.constraints.enum if isinstance(v, (str, int)))
        return None

    @property
    def is_generated(self) -> bool:
        """Values are invented, not modelled: identifiers and personal data."""
        return self.tabsynth.generator is not None

    @property
    def is_modelled(self) -> bool:
        """Whether synthesizers see this column."""
        return not self.is_generated and self.tabsynth.free_text is None

    @property
    def writes_text(self) -> bool:
        """Whether new texts are written for it, after what was learnt of the training records'."""
        return self.tabsynth.free_text not in (None, "replace", "drop")

    @property
    def is_categorical(self) -> bool:
        """Modelled without an order between neighbours: strings, booleans, declared categories."""
        return self.type in ("string", "boolean") or self.domain is not None

    @property
    def is_place(self) -> bool:
        """Whether the column stands for points of a map, in the order of a curve through it."""
        return self.type == "integer" and self.format == PLACE

    @property
    def bounds(self) -> tuple[int | float | None, int | float | None]:
        """Minimum and maximum on the storage scale (see `to_storage`)."""
        low, high = self.constraints.minimum, self.constraints.maximum
        return (
            None if low is None else to_storage(low, self),
            None if high is None else to_storage(high, self),
        )

    @property
    def cuts(self) -> tuple[int | float, ...]:
        """Cut points on the storage scale (see `to_storage`); none where there are none."""
        return tuple(to_storage(cut, self) for cut in self.tabsynth.cut_points or ())

    def declares(self, fact: ObservedFact) -> bool:
        """True when a person stated the fact; False when it is absent or read from records."""
        if fact in self.tabsynth.observed:
            return False
        present = {
            "type": True,
            "categories": self.domain is not None,
            "minimum": self.constraints.minimum is not None,
            "maximum": self.constraints.maximum is not None,
            "required": self.constraints.required,
            "decimals": self.tabsynth.decimals is not None,
        }
        return present[fact]

    @property
    def declared(self) -> Self:
        """The field without what was read from records, but for its type."""
        observed = set(self.tabsynth.observed)
        rules: dict[str, Any] = {f: None for f in ("minimum", "maximum") if f in observed}
        rules |= {"required": False} if "required" in observed else {}
        update: dict[str, Any] = {}
        if "categories" in observed:
            rules["enum"] = None
            update = {"categories": None, "categories_ordered": False}
        extension: dict[str, Any] = {"observed": tuple(observed & {"type"})}
        extension |= {"decimals": None} if "decimals" in observed else {}
        update["constraints"] = self.constraints.model_copy(update=rules)
        update["tabsynth"] = self.tabsynth.model_copy(update=extension)
        return self.model_copy(update=update)


class TableExtension(Strict):
    """What tabsynth adds to a table.

    Args:
        source: where the table comes from, in words.
        notes: what a person should know who reads the schema.
        privacy_unit: the column that names the person (or household, or firm) a record belongs to;
            without one, every record is somebody else's. Splits keep a unit's records together.
        max_records_per_unit: under differential privacy, and in fits of databases, so many records
            of a privacy unit are used, picked at random; noise grows with it.
        constraints: rules between columns that every record keeps.
    """

    source: str | None = None
    notes: tuple[str, ...] = ()
    privacy_unit: str | None = None
    max_records_per_unit: int | None = Setting(default=None, ge=1, le=1_000_000)
    constraints: tuple[Constraint, ...] = ()


class TableSchema(_Open):
    """A table: its fields in order, missing-value markers and keys."""

    profile: str = Setting(default=TABLE_PROFILE, alias="$schema")
    fields: tuple[FieldSchema, ...] = Setting(min_length=1)
    missing_values: tuple[str, ...] = Setting(default=("",), alias="missingValues")
    primary_key: tuple[str, ...] = Setting(default=(), alias="primaryKey")
    unique_keys: tuple[tuple[str, ...], ...] = Setting(default=(), alias="uniqueKeys")
    foreign_keys: tuple[dict[str, Any], ...] = Setting(default=(), alias="foreignKeys")
    tabsynth: TableExtension = TableExtension()

    @field_validator("primary_key", mode="before")
    @classmethod
    def _one_or_many(cls, key: Any) -> Any:
        return (key,) if isinstance(key, str) else key

    @field_validator("missing_values", mode="before")
    @classmethod
    def _drop_labels(cls, values: Any) -> Any:
        if isinstance(values, (list, tuple)):
            return tuple(v.get("value") if isinstance(v, dict) else v for v in values)
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = self.names
        if len(set(names)) != len(names):
            raise ValueError("expected each field name once")
        for key in self.primary_key:
            if key not in names:
                raise ValueError(f"primaryKey names {key!r}, which is not a field")
        for key in (name for unique in self.unique_keys for name in unique):
            if key not in names:
                raise ValueError(f"uniqueKeys names {key!r}, which is not a field")
        unit = self.tabsynth.privacy_unit
        if unit is not None and unit not in names:
            raise ValueError(f"privacy_unit names {unit!r}, which is not a field")
        if unit is not None and self.field(unit).tabsynth.free_text == "drop":
            raise ValueError(f"privacy_unit names {unit!r}, which is dropped; give it a generator")
        require_known(self.tabsynth.constraints, self.names, self.modelled_names)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(f.name for f in self.fields)

    def field(self, name: str) -> FieldSchema:
        """The field of that name; KeyError when there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    @property
    def modelled_fields(self) -> tuple[FieldSchema, ...]:
        """The columns that synthesizers see."""
        return tuple(f for f in self.fields if f.is_modelled)

    @property
    def modelled_names(self) -> tuple[str, ...]:
        """Names of the columns that synthesizers see."""
        return tuple(f.name for f in self.modelled_fields)

    @property
    def modelled(self) -> TableSchema:
        """The same schema with the modelled columns only."""
        fields = self.modelled_fields
        names = {f.name for f in fields}
        key = self.primary_key if set(self.primary_key) <= names else ()
        unique_keys = tuple(key for key in self.unique_keys if set(key) <= names)
        unit = self.tabsynth.privacy_unit
        ours = self.tabsynth.model_copy(update={"privacy_unit": unit if unit in names else None})
        return self.model_copy(update={"fields": fields, "primary_key": key,
                                       "unique_keys": unique_keys, "tabsynth": ours})  # fmt: skip

    @property
    def declared(self) -> TableSchema:
        """The same schema without facts that were read from records, but for types."""
        return self.model_copy(update={"fields": tuple(f.declared for f in self.fields)})

    @property
    def emitted(self) -> TableSchema:
        """The same schema without the columns that are dropped from synthetic tables."""
        fields = tuple(f for f in self.fields if f.tabsynth.free_text != "drop")
        return self.model_copy(update={"fields": fields})

    def markers(self, field: FieldSchema) -> tuple[str, ...]:
        """Texts that stand for a missing value in that column."""
        return self.missing_values if field.missing_values is None else field.missing_values

    def descriptor(self) -> dict[str, Any]:
        """The JSON-ready descriptor, defaults left out."""
        body = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        fields = [
            {"name": field.name, "type": field.type, **described}
            for field, described in zip(self.fields, body["fields"], strict=True)
        ]
        rest = {key: value for key, value in body.items() if key not in ("$schema", "fields")}
        return {"$schema": self.profile, "fields": fields, **rest}


def to_storage(value: int | float | str, field: FieldSchema) -> int | float:
    """A bound as written in a schema, on the scale the column is stored in.

    Args:
        value: a number, or a date, datetime or time in ISO form or in the field's format.
        field: the column.

    Returns:
        integer: the integer; number: a float; date: days since 1970-01-01; datetime: microseconds
        since 1970-01-01T00:00 (UTC when the field has a time zone); time: microseconds since
        midnight.

    Raises:
        ValueError: the text is not a value of the field's type.
    """
    if field.type in ("integer", "number"):
        try:
            number = Decimal(str(value))
        except InvalidOperation as error:
            raise ValueError("expected bounds to be numbers") from error
        if not number.is_finite():
            raise ValueError("expected bounds to be finite")
        return int(number) if field.type == "integer" else float(number)
    if field.type not in NUMERIC_TYPES:
        raise ValueError(f"minimum and maximum are not for {field.type} fields")
    try:
        return _moment_to_storage(str(value), field)
    except ValueError as error:
        raise ValueError(f"expected bounds to be of type {field.type}") from error


def _moment_to_storage(text: str, field: FieldSchema) -> int:
    explicit = None if field.format in (None, "default", "any") else field.format
    if field.type == "time":
        read = dt.datetime.strptime(text, explicit).time if explicit else None
        parsed = read() if read else dt.time.fromisoformat(text)
        return _microseconds(
            dt.timedelta(
                hours=parsed.hour, minutes=parsed.minute,
                seconds=parsed.second, microseconds=parsed.microsecond,
            )
        )  # fmt: skip
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        if explicit is None:
            raise
        moment = dt.datetime.strptime(text, explicit)
    if field.type == "date":
        return (moment.date() - dt.date(1970, 1, 1)).days
    zone = ZoneInfo(field.tabsynth.timezone) if field.tabsynth.timezone else None
    if zone is None:
        return _microseconds(moment.replace(tzinfo=None) - dt.datetime(1970, 1, 1))
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return _microseconds(aware - dt.datetime(1970, 1, 1, tzinfo=dt.UTC))


def _microseconds(delta: dt.timedelta) -> int:
    return delta // dt.timedelta(microseconds=1)
