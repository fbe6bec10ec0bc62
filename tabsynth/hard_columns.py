"""Columns that are not simply learnt: which they are, and what is done about them, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tabsynth.encoding.freeze import MIN_COUNT
from tabsynth.schema.constraint import Place
from tabsynth.schema.model import FieldSchema
from tabsynth.synthesizers.margins import two_digits
from tabsynth.synthesizers.protocol import Traits
from tabsynth.table import Table

MANY: Final = 200
RARE_SHARE: Final = 0.01
LINES: Final = 8
NAMES: Final = 5


def hard_columns(table: Table, traits: Traits | None) -> list[str]:
    """What will be done about hard columns, a line each or a line for several of a kind.

    Args:
        table: training records.
        traits: of the synthesizer that will learn them.

    Privacy: counts of categories to two digits; for the person who holds the table.
    """
    fields = table.schema.fields
    alone: list[str] = []
    empty, constant = [], []
    for field in table.schema.modelled_fields:
        column = table.data.column(field.name)
        if column.null_count == len(column):
            empty.append(field)
        elif _is_constant(column):
            constant.append(field)
        elif field.is_categorical:
            alone += _categories(field, column, traits or Traits())
    more = len(alone) - LINES
    kinds = (
        ([f for f in fields if f.tabsynth.free_text == "drop"], "free text, left out"),
        ([f for f in fields if f.tabsynth.free_text == "replace"],
         "free text, replaced by a placeholder"),
        ([f for f in fields if f.tabsynth.free_text == "template"],
         "new texts are written, from sentences that enough records share"),
        ([f for f in fields if f.tabsynth.free_text == "small-lm"],
         "new texts are written, by a small language model; minutes for 10,000 texts"),
        ([f for f in fields if f.tabsynth.free_text == "llm"],
         "an endpoint writes new texts when records are drawn; only drafts are learnt"),
        ([f for f in fields if f.is_generated], "invented anew, not learnt"),
        (constant, "one value only, kept"),
        (empty, "no values, stays empty"),
    )  # fmt: skip
    joint = traits is not None and traits.places
    together = (
        f"learnt together, as places that at least {MIN_COUNT} records share"
        if joint else "learnt as two columns; points may lie where none of the records do"
    )  # fmt: skip
    pairs = [c.columns for c in table.schema.tabsynth.constraints if isinstance(c, Place)]
    return [
        *(f"{_named(list(map(table.schema.field, pair)))}: {together}" for pair in pairs),
        *alone[:LINES],
        *([f"{more:,} more columns of many or rare categories, treated alike"] if more > 0 else []),
        *(f"{_named(of_kind)}: {done}" for of_kind, done in kinds if of_kind),
    ]


def _categories(field: FieldSchema, column: pa.ChunkedArray, traits: Traits) -> Iterator[str]:
    counts = pc.value_counts(column.drop_null()).field("counts").to_numpy(zero_copy_only=False)
    public = field.declares("categories")
    kept = len(field.domain or ()) if public else int(np.count_nonzero(counts >= MIN_COUNT))
    if kept >= MANY:
        yield f"`{field.name}`: {two_digits(kept):,} categories, {traits.categories}"
    rare = float(counts[counts < MIN_COUNT].sum()) / max(int(counts.sum()), 1)
    if not public and rare >= RARE_SHARE:
        yield (
            f"`{field.name}`: {100 * rare:.2g} % of the values are shared by fewer than "
            f"{MIN_COUNT} records each, and will not be drawn"
        )


def _is_constant(column: pa.ChunkedArray) -> bool:
    if column.null_count:
        return False
    first = column.slice(0, 1).combine_chunks()
    if pa.types.is_dictionary(column.type):
        return len(pc.unique(column)) == 1
    return bool(pc.all(pc.equal(column, first[0])).as_py())


def _named(fields: Sequence[FieldSchema]) -> str:
    names = ", ".join(f"`{f.name}`" for f in fields[:NAMES])
    more = len(fields) - NAMES
    return f"{names} and {more:,} more" if more > 0 else names
