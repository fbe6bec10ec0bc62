"""Values of columns that are no keys, from what the schema declares of them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa

from tabsynth.generators import generate
from tabsynth.mock.values import absent, coded, from_lattice, lattice, positions_of, uuids
from tabsynth.schema.check import storage_type
from tabsynth.schema.generator import Personal
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.schema.parse import value_type
from tabsynth.schema.recognise import named_personal
from tabsynth.table import Table

# of a column that may be missing, this share is
MISSING: Final = 0.05
_WORDS: Final = (
    "amber", "basin", "cedar", "delta", "ember", "field", "grove", "haven", "inlet", "jade",
    "knoll", "lunar", "maple", "north", "ocean", "pearl", "quartz", "river", "stone", "timber",
    "upper", "vale", "willow", "yonder", "zephyr",
)  # fmt: skip


def drawn(schema: TableSchema, rows: int, rng: np.random.Generator) -> Table:
    """Records whose columns are independent, each within what is declared of it."""
    arrays = [column(field, rows, rng) for field in schema.fields]
    return Table(schema, pa.Table.from_arrays(arrays, names=list(schema.names)))


def column(field: FieldSchema, rows: int, rng: np.random.Generator) -> pa.Array:
    """Values of one column, in its storage type."""
    values = _values(field, rows, rng)
    if not field.declares("required"):
        values = absent(values, rng.random(rows) < MISSING)
    kind = storage_type(field)
    return values.dictionary_encode() if pa.types.is_dictionary(kind) else values.cast(kind)


def _values(field: FieldSchema, rows: int, rng: np.random.Generator) -> pa.Array:
    if (domain := field.domain or field.constraints.enum) is not None:
        kind = value_type(field)
        known = pa.array([str(value) for value in domain])
        known = known if pa.types.is_string(kind) else known.cast(kind)
        return known.take(pa.array(rng.integers(0, len(known), rows)))
    if field.type == "boolean":
        return pa.array(rng.random(rows) < 0.5)
    if field.type == "string":
        return _texts(field, rows, rng)
    low, high = lattice(field)
    return from_lattice(rng.integers(low, high, rows, endpoint=True), field)


def _texts(field: FieldSchema, rows: int, rng: np.random.Generator) -> pa.Array:
    if field.format == "uuid":
        return uuids(rng.integers(0, 2**31, rows), int(rng.integers(2**62)))
    positions = positions_of(field)
    if positions is not None:
        return coded(rng.integers(0, 2**31, rows), positions, int(rng.integers(2**62)))
    least, most = field.constraints.min_length or 0, field.constraints.max_length
    kind = {"email": "email", "uri": "url"}.get(field.format or "") or named_personal(field.name)
    if kind is not None and field.tabsynth.free_text is None:
        made = generate(_personal(field, kind), rows, start=0, rng=rng)
        return fitted(made, least, most)
    words = np.array(_WORDS)
    picked: Any = rng.integers(0, len(words), (rows, 2))
    texts = pa.array([f"{words[a]} {words[b]}" for a, b in picked.tolist()], pa.string())
    return fitted(texts, least, most)


def _personal(field: FieldSchema, kind: str) -> FieldSchema:
    ours = field.tabsynth.model_copy(
        update={"generator": Personal.model_validate({"kind": "personal", "what": kind})}
    )
    return FieldSchema(name=field.name, tabsynth=ours)


def fitted(texts: pa.Array, least: int, most: int | None) -> pa.Array:
    """Texts cut or filled to lengths that are allowed."""
    return pa.array(
        [None if t is None else t[:most].ljust(least, "x") for t in texts.to_pylist()], pa.string()
    )
