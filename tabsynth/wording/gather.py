"""Training texts made ready: cut into tokens, masked, with the records they stand beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.table import Table
from tabsynth.wording.contexts import Cells, Codes, cells_of, rows_of, shown
from tabsynth.wording.masking import Masked, Masker, mention
from tabsynth.wording.runs import FEWEST, Hashes, runs, shared
from tabsynth.wording.slots import Filler, personal_kinds

MAX_RECORDS: Final = 100_000
_LOOKED_AT: Final = 2_000
_SHORTEST: Final = 2
# how much oftener a text holds its own record's value than another record's
_LIFT: Final = 3.0
_SELDOM: Final = 0.01


@dataclass(frozen=True, eq=False)
class Gathered:
    """The texts of one column.

    Args:
        texts: masked, shape (records,); None where a record has none.
        units: whose record it is, shape (records,).
        cells: of the other columns.
        codes: each record's cell of each of them.
        masker: what masked the texts.
        filler: what fills their slots.
    """

    texts: tuple[Masked | None, ...]
    units: NDArray[np.int64]
    cells: tuple[Cells, ...]
    codes: tuple[Codes, ...]
    masker: Masker
    filler: Filler

    @cached_property
    def runs(self) -> Hashes:
        """Runs of words that enough records share, invented values left out of account; sorted."""
        there = [(t, u) for t, u in zip(self.texts, self.units, strict=True) if t is not None]
        counted = (runs(self.filler.counted(t.tokens, t.raw), whole=True) for t, _ in there)
        return shared(counted, np.array([u for _, u in there], np.int64))

    @property
    def personal(self) -> tuple[str, ...]:
        """Kinds of personal data that slots stand for."""
        return personal_kinds(t.tokens for t in self.texts if t is not None)


def gather(table: Table, field: FieldSchema, *, rng: np.random.Generator) -> Gathered:
    """The texts of a column, masked.

    Args:
        table: training records; of more than 100,000, so many at random.
        field: the column.
        rng: random numbers.

    Privacy: holds training records; not for files.
    """
    if table.num_rows > MAX_RECORDS:
        table = table.take(np.sort(rng.choice(table.num_rows, MAX_RECORDS, replace=False)))
    texts: list[str | None] = table.column(field.name).to_pylist()
    texts = [None if text is None or not text.strip() else text for text in texts]
    units = table.units
    masker = Masker(_mentioned(table, texts, rng), ordinary_words(texts, units))
    rows = rows_of(shown(table.data, table.schema, masker.columns), table.num_rows)
    masked = tuple(
        None if text is None else masker.mask(text, row)
        for text, row in zip(texts, rows, strict=True)
    )
    literal = {c for c in masker.columns if _is_learnt(table.schema, c)}
    there = [(t, u) for t, u in zip(masked, units, strict=True) if t is not None]
    filler = Filler.learn(
        [t for t, _ in there], np.array([u for _, u in there], np.int64),
        columns=masker.columns, literal=frozenset(literal),
    )  # fmt: skip
    cells = cells_of(table)
    codes = tuple(c.codes(table.data.column(c.column)) for c in cells)
    return Gathered(masked, units, cells, codes, masker, filler)


def _is_learnt(schema: TableSchema, column: str) -> bool:
    field = schema.field(column)
    return field.is_modelled and field.is_categorical


def _mentioned(
    table: Table, texts: Sequence[str | None], rng: np.random.Generator
) -> tuple[str, ...]:
    """The columns whose values the texts of the same record hold, much oftener than by chance."""
    held = [i for i, text in enumerate(texts) if text is not None]
    if not held:
        return ()
    picked = rng.permutation(held)[:_LOOKED_AT].tolist()
    others = [f.name for f in table.schema.emitted.fields
              if f.tabsynth.free_text is None and f.type != "boolean"]  # fmt: skip
    found = []
    for name, values in shown(table.data.take(picked), table.schema, others).items():
        own = _share(texts, picked, values)
        moved = _share(texts, picked, values[1:] + values[:1])
        if own > _SELDOM and own > _LIFT * moved:
            # longer values first: "Router X200" before "Router"
            longest = max(len(v) for v in values if v is not None)
            found.append((-longest, name))
    return tuple(name for _, name in sorted(found))


def _share(texts: Sequence[str | None], picked: list[int], values: Sequence[Any]) -> float:
    hits = [
        mention(value).search(texts[i] or "") is not None
        for i, value in zip(picked, values, strict=True)
        if value is not None and len(value) >= _SHORTEST
    ]
    return float(np.mean(hits)) if hits else 0.0


def ordinary_words(texts: Sequence[str | None], units: NDArray[np.int64]) -> frozenset[str]:
    """Words that enough records hold without a capital: a name is not among them."""
    by: dict[str, set[int]] = {}
    for text, unit in zip(texts, units.tolist(), strict=True):
        for word in {w for w in (text or "").split() if w.isalpha() and w == w.lower()}:
            held = by.setdefault(word, set())
            if len(held) < FEWEST:
                held.add(unit)
    return frozenset(word for word, held in by.items() if len(held) >= FEWEST)
