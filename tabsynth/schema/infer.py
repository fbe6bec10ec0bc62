"""Propose a schema from records.

Every fact read from records is listed in the field's `observed`: it is a proposal that binds
nothing until a person deletes its name there. Rare values and extremes never enter the schema.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.schema.columns import distinct, is_text, mask, read_values, weigh
from tabsynth.schema.detect import MOST_DECIMALS, detect
from tabsynth.schema.generator import UNIQUE_KINDS
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.schema.parse import as_texts
from tabsynth.schema.recognise import (
    coordinates,
    identifier,
    personal,
    repeated_codes,
    repeated_identifier,
)
from tabsynth.schema.rounding import outward

MOST_CATEGORIES: Final = 1_000
# degrees of latitude and longitude, with the room that rounding bounds outward takes
_FARTHEST: Final = (100, 200)
_LONG_TEXT: Final = 40
_MANY_WORDS: Final = 5
_MANY_TEXTS: Final = 50
_UNLINKED: Final = (
    "names persons or things that come back; its values are invented, and records of one are no "
    "longer linked"
)

_CODES: Final = (
    "most records have a code of their own, all of one form; codes are invented, and records that "
    "share one are no longer linked"
)
_OWN_TEXTS: Final = "most records have a text of their own; it is withheld as free text"
_AMOUNTS: Final = (
    "looks like numbers but is withheld as free text; declare decimalChar or groupChar, or remove "
    "units and currency signs"
)
_NUMBER_LIKE: Final = r"^[^\pL\d]*[A-Z$€£¥]{0,4} ?[-+]?\d[\d.,' ]*[^\pL\d]{0,4}[A-Za-z]{0,4}$"
_NUMBER: Final = r"[-+]?\d+(\.\d+)?"
_MOST: Final = 0.9


@dataclass(frozen=True)
class Column:
    """What is known of a column before its facts are proposed.

    Args:
        field: name, type, format and markers.
        values: of the field's value type; null is missing.
        weights: records behind each value; None where each value is one record.
        rows: how many records there are.
        order: categories in the order that a typed column declares, if it does.
        notes: what a person should look at.
    """

    field: FieldSchema
    values: pa.Array
    weights: NDArray[np.int64] | None
    rows: int
    order: tuple[str, ...] | None = None
    ordered: bool = False
    notes: tuple[str, ...] = ()

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which values are not missing."""
        return mask(self.values.is_valid())

    @property
    def counts(self) -> NDArray[np.int64]:
        """Records behind each value that is not missing."""
        weights = np.ones(len(self.values), np.int64) if self.weights is None else self.weights
        return weights[self.present]


def infer(raw: pa.Table, *, min_count: int = 5) -> TableSchema:
    """Propose a schema that the records keep.

    Args:
        raw: columns of texts as read from CSV, or typed columns, each name once.
        min_count: fewest records behind any category or bound that enters the schema.

    Returns:
        A schema under which `check` finds nothing, save infinities and values of typed columns
        that no type of ours holds.

    Privacy: reads every record; names of columns, types, formats, categories shared by at least
        `min_count` records, and the `min_count`-th smallest and largest values enter the schema.
    """
    fields, notes = [], []
    for name in raw.column_names:
        field, remarks = _infer_field(name, raw.column(name), min_count)
        fields.append(field)
        notes += [f"column {name!r}: {remark}" for remark in remarks]
    notes = _remarks_on(raw.column_names) + notes
    places = [pair for pair in coordinates(f.name for f in fields) if _on_earth(pair, fields)]
    notes += [f"columns {a!r} and {b!r}: taken for places, learnt together" for a, b in places]
    keys = [f.name for f in fields if f.tabsynth.role == "identifier" and f.constraints.unique]
    return TableSchema.model_validate(
        {
            "fields": fields,
            "primaryKey": keys[:1],
            "tabsynth": {
                "source": "inferred from records",
                "notes": notes,
                "constraints": [
                    {"kind": "place", "columns": pair, "observed": True} for pair in places
                ],
            },
        }
    )


def _remarks_on(names: Sequence[str]) -> list[str]:
    """Whether names of columns look like the values of a record: a file without a header."""
    numbers = [float(name) for name in names if re.fullmatch(_NUMBER, name)]
    # numbered columns and years count up
    counted = len(numbers) > 1 and numbers == [numbers[0] + i for i in range(len(numbers))]
    if not numbers or counted:
        return []
    return [
        f"{len(numbers)} of {len(names)} names of columns are numbers; if the table has no header, "
        "a record stands in its place, and will be shown: add one"
    ]


def _on_earth(pair: tuple[str, str], fields: Sequence[FieldSchema]) -> bool:
    """Whether two columns hold degrees with decimals, as latitudes and longitudes do."""
    for name, most in zip(pair, _FARTHEST, strict=True):
        field = next(f for f in fields if f.name == name)
        low, high = field.bounds
        if field.type != "number" or field.is_generated or low is None or high is None:
            return False
        if not -most <= low <= high <= most:
            return False
    return True


def _infer_field(
    name: str, raw: pa.ChunkedArray, min_count: int
) -> tuple[FieldSchema, tuple[str, ...]]:
    column = _from_texts(name, raw) if is_text(raw.type) else _from_types(name, raw)
    facts, notes = propose(column, min_count)
    return _completed(column, facts), notes


def propose(column: Column, min_count: int = 5) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What a column's values say of it: part of a field descriptor, and what to look at.

    Args:
        column: its values, of the type of its field.
        min_count: see `infer`.
    """
    if not column.present.any():
        return {}, (*column.notes, "has no values")
    notes = column.notes
    if pc.count_distinct(column.values, mode="only_valid").as_py() == 1:
        notes += ("is constant",)
    found = _invented(column) or _withheld(column, min_count)
    if found is None:
        return _modelled_facts(column, min_count), notes
    facts, remarks = found
    return facts, notes + remarks


def _completed(column: Column, facts: dict[str, Any]) -> FieldSchema:
    """The field with its facts, and the list of those that were read from records."""
    descriptor = column.field.model_dump(by_alias=True, exclude_defaults=True)
    constraints = facts.pop("constraints", {})
    if column.rows and column.counts.sum() == column.rows:
        constraints["required"] = True
    extension = descriptor.pop("tabsynth", {}) | facts.pop("tabsynth", {})
    seen = {"type": True, "decimals": "decimals" in extension}
    seen |= {"categories": "categories" in facts}
    seen |= {fact: fact in constraints for fact in ("minimum", "maximum", "required")}
    extension["observed"] = [fact for fact, observed in seen.items() if observed]
    if constraints:
        facts["constraints"] = constraints
    return FieldSchema.model_validate(descriptor | facts | {"tabsynth": extension})


def _from_texts(name: str, raw: pa.ChunkedArray) -> Column:
    texts, codes = distinct(raw)
    found = detect(name, texts)
    order, ordered = None, False
    if pa.types.is_dictionary(raw.type) and found.field.type == "string" and raw.num_chunks:
        order = tuple(raw.unify_dictionaries().chunk(0).dictionary.cast(pa.string()).to_pylist())
        ordered = bool(raw.type.ordered)
    notes = (found.note,) if found.note else ()
    weights = weigh(texts, codes)
    return Column(found.field, found.values, weights, len(raw), order, ordered, notes)


def _from_types(name: str, raw: pa.ChunkedArray) -> Column:
    kind = raw.type.value_type if pa.types.is_dictionary(raw.type) else raw.type
    field = FieldSchema.model_validate({"name": name, **_type_settings(kind)})
    read = read_values(raw, field, ())
    if field.type == "integer" and read.broken.any():
        field = FieldSchema(name=name)
        read = read_values(raw, field, ())
    decimals = decimals_of(read.values) if field.type == "number" else None
    if decimals is not None and field.tabsynth.decimals is None:
        extension = field.tabsynth.model_copy(update={"decimals": decimals})
        field = field.model_copy(update={"tabsynth": extension})
    return Column(field, read.values, read.weights, len(raw))


def _type_settings(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_boolean(kind):
        return {"type": "boolean"}
    if pa.types.is_integer(kind):
        return {"type": "integer"}
    if pa.types.is_floating(kind):
        return {"type": "number"}
    if pa.types.is_decimal(kind):
        scaled = 0 <= kind.scale <= 15
        return {"type": "number", "tabsynth": {"decimals": kind.scale} if scaled else {}}
    if pa.types.is_date(kind):
        return {"type": "date"}
    if pa.types.is_time(kind):
        return {"type": "time"}
    if pa.types.is_timestamp(kind):
        zone = {"timezone": _known_zone(kind.tz)} if kind.tz else {}
        return {"type": "datetime", "tabsynth": zone}
    return {"type": "string"}


def _known_zone(zone: str) -> str:
    """The zone itself, or UTC for one that is only an offset: the instants stay the same."""
    try:
        return ZoneInfo(zone).key
    except (KeyError, ValueError, OSError):
        return "UTC"


def decimals_of(values: pa.Array) -> int | None:
    """Fewest decimals that lose nothing of any value; None when there are too many."""
    floats = values.drop_null().to_numpy(zero_copy_only=False)
    for decimals in range(MOST_DECIMALS + 1):
        scaled = floats * 10.0**decimals
        if not (np.abs(scaled) < 2.0**53).all():
            return None
        if (np.rint(scaled) / 10.0**decimals == floats).all():
            return decimals if len(floats) else None
    return None


def _invented(column: Column) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """Facts of a column of personal data or identifiers."""
    if column.field.type not in ("string", "integer"):
        return None
    values = column.values.drop_null()
    texts, records = as_texts(values), int(column.counts.sum())
    if texts is None:
        return None
    if column.weights is None:
        texts = texts.unique()
    numeric = column.field.type == "integer"
    everyone = records == column.rows == pc.count_distinct(values).as_py()
    generator = identifier(column.field.name, texts, values) if everyone else None
    what = personal(column.field.name, texts, records=records, numeric=numeric)
    if what is not None and (generator is None or generator["kind"] != "uuid"):
        facts: dict[str, Any] = {"generator": {"kind": "personal", "what": what}}
        keep = {"constraints": {"unique": True}} if everyone and what in UNIQUE_KINDS else {}
        return {"type": "string", "tabsynth": facts} | keep, ("taken for personal data",)
    if generator is None:
        repeated = repeated_identifier(column.field.name, texts, records=records)
        if repeated is None:
            return None
        facts = {"role": "identifier", "generator": repeated}
        return {"tabsynth": facts}, (_UNLINKED,)
    return {
        "constraints": {"unique": True},
        "tabsynth": {"role": "identifier", "generator": generator},
    }, ()


def _withheld(column: Column, min_count: int) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """Facts of a column of free text or of codes, or of texts too rare to model."""
    if column.field.type != "string":
        return None
    present, counts = column.values.filter(pa.array(column.present)), column.counts
    records, different = counts.sum(), pc.count_distinct(present).as_py()
    facts = {"tabsynth": {"free_text": "replace"}}
    if different > records / 2:
        lengths = pc.utf8_length(present).to_numpy(zero_copy_only=False)
        spaces = pc.count_substring(present, " ").to_numpy(zero_copy_only=False)
        long = np.average(lengths, weights=counts) > _LONG_TEXT
        wordy = np.average(spaces, weights=counts) + 1 > _MANY_WORDS
        if long or wordy:
            return facts, ()
        if different > _MANY_TEXTS:
            if (codes := repeated_codes(present.unique())) is not None:
                return {"tabsynth": {"role": "identifier", "generator": codes}}, (_CODES,)
            like = mask(pc.match_substring_regex(present, _NUMBER_LIKE)).mean()
            return facts, (_AMOUNTS if like > _MOST else _OWN_TEXTS,)
    if not (_weights_by_value(present, counts)[1] >= min_count).any():
        return facts, (f"no text is shared by {min_count} records; it is withheld as free text",)
    return None


def _weights_by_value(
    values: pa.Array, counts: NDArray[np.int64]
) -> tuple[pa.Array, NDArray[np.int64]]:
    """Different values and the records behind each; typed columns repeat theirs."""
    encoded = values.dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    totals = np.zeros(len(encoded.dictionary), np.int64)
    np.add.at(totals, codes, counts)
    return encoded.dictionary, totals


def _modelled_facts(column: Column, min_count: int) -> dict[str, Any]:
    if column.field.type == "boolean":
        return {}
    if column.field.type == "string":
        return _category_facts(column, min_count)
    bounds = _robust_ends(column, min_count)
    if bounds is None:
        return {}
    low, high = bounds
    low, high = outward(low, up=False), outward(high, up=True)
    return {"constraints": {"minimum": _written(low), "maximum": _written(high)}}


def _category_facts(column: Column, min_count: int) -> dict[str, Any]:
    present = column.values.filter(pa.array(column.present))
    values, totals = _weights_by_value(present, column.counts)
    frequent = set(values.filter(pa.array(totals >= min_count)).to_pylist())
    if not 0 < len(frequent) <= MOST_CATEGORIES:
        return {}
    listed: Iterable[str] = sorted(frequent)
    if column.order is not None:
        listed = [category for category in dict.fromkeys(column.order) if category in frequent]
    facts: dict[str, Any] = {"categories": list(listed)}
    return facts | ({"categoriesOrdered": True} if column.ordered else {})


def _robust_ends(column: Column, min_count: int) -> tuple[Any, Any] | None:
    """The `min_count`-th smallest and largest value; each is some record's own."""
    counts = column.counts
    total = int(counts.sum())
    if total < 2 * min_count:
        return None
    present = column.values.drop_null()
    if column.field.tabsynth.decimals is not None:
        present = pc.round(present, ndigits=column.field.tabsynth.decimals)
    if pa.types.is_timestamp(present.type) and present.type.tz:
        present = present.cast(pa.timestamp("us", tz="UTC"))
    order = pc.sort_indices(present)
    running = np.cumsum(counts[order.to_numpy()])
    ends = np.searchsorted(running, [min_count, total - min_count + 1])
    low, high = (present[int(order[int(end)].as_py())] for end in ends)
    return low.as_py(), high.as_py()


def _written(bound: Any) -> int | float | str:
    return bound.isoformat() if isinstance(bound, (dt.date, dt.time)) else bound
