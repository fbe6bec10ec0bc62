"""Keys that nobody had before: in the declared form, each once, none of them one of the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tabsynth.encoding.freeze import MIN_COUNT
from tabsynth.errors import DataError
from tabsynth.generators import generate, pattern_capacity
from tabsynth.schema.generator import Pattern, Sequence
from tabsynth.schema.model import Constraints, FieldExtension, FieldSchema
from tabsynth.schema.parse import as_texts, parse_texts, storage_type
from tabsynth.schema.recognise import fresh

_LARGEST: Final = 2**63 - 1
_DAY: Final = 86_400
_STEPS: Final = {"datetime": 1_000_000, "time": 1_000_000}
# ranges of a pattern's values that are tried for one without a value of the source
_TRIED: Final = 64


@dataclass(frozen=True)
class Fresh:
    """How the values of one column are made anew.

    Args:
        field: the column, with a generator where one makes its texts.
        start: place of the first value; of a number, the number itself.
        missing: share of records without a value, to two digits.
        clean: whether no value of the source can come.
    """

    field: FieldSchema
    start: int = 0
    missing: float = 0.0
    clean: bool = True

    @property
    def room(self) -> int | None:
        """How many records the column has values for; None where there is no limit."""
        if self.field.type == "boolean":
            return 2
        return None if self._listed is None else len(self._listed)

    @property
    def _listed(self) -> tuple[str | int, ...] | None:
        # the generator of such a field, where it has one, is a person's own
        return None if self.field.is_generated else self.field.domain

    def values(self, rows: int, rng: np.random.Generator) -> pa.Array:
        """Values of shape (rows,), in storage type.

        Raises:
            DataError: the form has fewer values than there are rows.
        """
        made = self._made(rows, rng).cast(storage_type(self.field))
        lost = rng.random(rows) < self.missing
        return pc.if_else(pa.array(lost), pa.scalar(None, made.type), made) if lost.any() else made

    def _made(self, rows: int, rng: np.random.Generator) -> pa.Array:
        field = self.field
        if field.is_generated:
            return generate(field, rows, start=self.start, rng=rng)
        if self.room is not None:
            values: list[Any] = list(self._listed or (False, True))
            chosen = pa.array(rng.permutation(len(values))[:rows])
            texts = pa.array([str(value) for value in values], pa.string())
            return (texts if field.type == "string" else parse_texts(texts, field)).take(chosen)
        return _numbers(field, self.start, rows)

    def state(self) -> dict[str, Any]:
        """JSON settings."""
        field = self.field.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return {"field": field, "start": self.start, "missing": self.missing, "clean": self.clean}

    @classmethod
    def restore(cls, settings: dict[str, Any]) -> Fresh:
        """What `state` describes; ValueError where it is something else."""
        field = FieldSchema.model_validate(settings["field"])
        start, missing = int(settings["start"]), float(settings["missing"])
        if not 0 <= missing <= 1 or abs(start) > _LARGEST:
            raise ValueError("expected a share and a whole number")
        return cls(field, start, missing, bool(settings["clean"]))


def fresh_values(field: FieldSchema, source: pa.Array) -> Fresh:
    """How to make values of a column of which none may come twice.

    Whole numbers go on above the largest of the source, from a number of two digits and zeros, or
    of a zero at least where there is little room; below the smallest where nothing is left above.
    Texts follow the declared pattern or generator, else the form that all of the source have.

    Args:
        field: the column.
        source: its values, as they are in the source.

    Privacy: of the values it keeps their common form, and a rounded bound; a share of missing ones
        only where 5 records lack one.
    """
    known = source.drop_null()
    lacking = source.null_count if source.null_count >= MIN_COUNT else 0
    missing = float(f"{lacking / max(len(source), 1):.2g}")
    field = field if field.is_generated or field.type != "string" else _formed(field, known)
    generator = field.tabsynth.generator
    if isinstance(generator, Sequence):
        return _beyond_texts(field, generator, known, missing)
    if isinstance(generator, Pattern):
        return _elsewhere(field, generator.pattern, known, missing)
    if field.is_generated or field.tabsynth.free_text is not None:
        return Fresh(field, 0, missing)
    if field.domain is not None or field.type == "boolean":
        return Fresh(field, 0, missing, clean=False)
    start, clean = _beyond(field, known)
    return Fresh(field, start, missing, clean)


def rounded_up(number: int, kept: int = 2) -> int:
    """The next number of two digits, or as many as are kept, and zeros above."""
    digits = int(10 ** max(len(str(abs(number))) - kept, 0))
    return (number // digits + 1) * digits


def _formed(field: FieldSchema, known: pa.Array) -> FieldSchema:
    """A text column with a generator of its own form."""
    if field.domain is not None:
        return field
    if field.constraints.pattern is not None:
        try:
            made: dict[str, Any] = {"kind": "pattern", "pattern": field.constraints.pattern}
            return _with_generator(field, made)
        except ValueError:
            pass
    return _with_generator(field, fresh(as_texts(known.unique())))


def _with_generator(field: FieldSchema, generator: dict[str, Any]) -> FieldSchema:
    extension = FieldExtension.model_validate({"generator": generator})
    return FieldSchema(name=field.name, type=field.type, constraints=Constraints(
        unique=field.constraints.unique), tabsynth=extension)  # fmt: skip


def _beyond_texts(field: FieldSchema, sequence: Sequence, known: pa.Array, missing: float) -> Fresh:
    """A sequence that goes on beyond the numbers that the source has after the same beginning."""
    texts: pa.Array = known if pa.types.is_integer(known.type) else known.cast(pa.string())
    if pa.types.is_string(texts.type):
        texts = texts.filter(pc.starts_with(texts, sequence.prefix))
        tails = pc.utf8_slice_codeunits(texts, len(sequence.prefix))
        texts = tails.filter(pc.match_substring_regex(tails, "^-?[0-9]{1,18}$")).cast(pa.int64())
    largest = pc.max(texts).as_py()
    if largest is None or largest < sequence.start:
        return Fresh(field, 0, missing)
    if field.type == "integer":
        start, clean = _beyond(field, texts)
        return Fresh(field, start - sequence.start, missing, clean)
    return Fresh(field, rounded_up(largest) - sequence.start, missing)


def _elsewhere(field: FieldSchema, pattern: str, known: pa.Array, missing: float) -> Fresh:
    """A range of a pattern's values in which, if there is one, the source has none."""
    wanted = max(4 * len(known), 1_000)
    room = pattern_capacity(pattern)
    rng = np.random.default_rng(0)
    for _ in range(_TRIED):
        start = int(rng.integers(0, min(max(room - wanted, 1), 2**62)))
        made = generate(field, min(wanted, room), start=start, rng=rng)
        if not pc.any(pc.is_in(made, value_set=known.cast(pa.string()))).as_py():
            return Fresh(field, start, missing)
    return Fresh(field, 0, missing, clean=False)


def _beyond(field: FieldSchema, known: pa.Array) -> tuple[int, bool]:
    """The first of numbers beyond those of the source, and whether they are beyond them."""
    units = _units(field, known)
    if not len(units):
        return 1, True
    low, high = _limits(field)
    smallest, largest = int(units.min()), int(units.max())
    # room for as many again as there are; where there is little, with fewer zeros, but for one
    for kept in range(2, max(len(str(abs(largest))), 3)):
        start = rounded_up(largest, kept)
        if start + 2 * len(units) <= high:
            return start, True
    below = max(low, (smallest // 100 - max(len(units), 100)) * 100)
    return (below, True) if smallest - below >= 2 * len(units) else (max(low, -_LARGEST), False)


def _units(field: FieldSchema, known: pa.Array) -> NDArray[np.int64]:
    if pa.types.is_date32(known.type):
        known = known.cast(pa.int32())
    if field.type == "number":
        scaled = known.to_numpy(zero_copy_only=False) * 10.0 ** (field.tabsynth.decimals or 0)
        known = pa.array(np.ceil(np.clip(scaled, -(2.0**52), 2.0**52)))
    units = known.cast(pa.int64()).to_numpy(zero_copy_only=False) // _STEPS.get(field.type, 1)
    found: NDArray[np.int64] = np.asarray(units, np.int64)
    return found


def _limits(field: FieldSchema) -> tuple[int, int]:
    least, most = field.bounds
    low, high = (0, _DAY - 1) if field.type == "time" else (-_LARGEST, _LARGEST)
    scale = 10.0 ** (field.tabsynth.decimals or 0) if field.type == "number" else 1
    scale /= _STEPS.get(field.type, 1)
    if least is not None and field.declares("minimum"):
        low = max(low, int(least * scale))
    if most is not None and field.declares("maximum"):
        high = min(high, int(most * scale))
    return low, high


def _numbers(field: FieldSchema, start: int, rows: int) -> pa.Array:
    low, high = _limits(field)
    if start + rows - 1 > high:
        # more records than the source had room for: any that are within the bounds
        start = low if low > -_LARGEST else high - rows + 1
        if start < low or start + rows - 1 > high:
            raise DataError(
                f"column {field.name!r}", expected=f"at most {high - low + 1:,} records",
                got=f"{rows:,}", remedy="ask for fewer records, or widen the column's bounds",
            )  # fmt: skip
    units = np.arange(start, start + rows, dtype=np.int64)
    if field.type == "number":
        return pa.array(units / 10.0 ** (field.tabsynth.decimals or 0))
    if field.type == "date":
        return pa.array(units.astype(np.int32)).cast(pa.date32())
    return pa.array(units * _STEPS.get(field.type, 1)).cast(storage_type(field))
