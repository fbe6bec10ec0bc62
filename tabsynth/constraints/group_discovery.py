"""Combinations, groups of flags, exclusive columns and keys that all records keep."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations as pairs
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.constraints.combining import encoded
from tabsynth.constraints.lattice import Mask, read
from tabsynth.constraints.rules import truths
from tabsynth.schema.constraint import Combinations, Exclusive, OneHot, Unique
from tabsynth.table import Table

MOST_VALUES: Final = 1_000
# records behind a value that a rule may rest on, and their share of all
SHARED: Final = 5
MOSTLY: Final = 0.9
# records, or pairs of them, that would have to break a rule if its columns were independent
SUPPORT: Final = 20
MOST_KEYS: Final = 3
# records looked at before all are
SCREENED: Final = 1_000

Codes = NDArray[np.int64]


def combinations(table: Table) -> list[Combinations]:
    """Each column that decides others, with all that it decides."""
    coded = {f.name: _codes(table, f.name) for f in table.schema.fields if f.type != "number"}
    few = {n: c for n, c in coded.items() if 2 <= int(c.max()) + 1 <= MOST_VALUES}
    names = list(few)
    if not names:
        return []
    sample = np.column_stack([few[n][:SCREENED] for n in names])
    decides = {
        a: [names[j] for j in _candidates(sample, i) if _decides(few[a], few[names[j]])]
        for i, a in enumerate(names)
        if _is_shared(few[a])
    }
    free, found = set(names), []
    # of columns that decide each other, the first stands for all
    for name in sorted(decides, key=lambda n: -len(decides[n])):
        others = [b for b in decides[name] if b in free]
        if name in free and others:
            group = [n for n in names if n == name or n in others]
            free -= set(group)
            found.append(Combinations(columns=tuple(group), observed=True))
    return found


def one_hot(table: Table) -> list[OneHot]:
    """Neighbouring columns of 0 and 1 of which exactly one is 1."""
    names, flags = [], []
    for field in table.schema.fields:
        if field.type in ("boolean", "integer", "number"):
            one, zero = truths(table, field.name)
            missing = table.column(field.name).is_null().to_numpy(zero_copy_only=False)
            if (one | zero | missing).all() and one.any() and not one.all():
                names.append(field.name)
                flags.append((one, missing))
    found: list[OneHot] = []
    start = 0
    while start < len(names):
        end = _run(flags, start)
        if end is None:
            start += 1
            continue
        found.append(OneHot(columns=tuple(names[start:end]), observed=True))
        start = end
    return found


def exclusive(table: Table) -> list[Exclusive]:
    """Groups of columns of which at most one has a value."""
    rows = table.num_rows
    there = {
        name: table.column(name).is_valid().to_numpy(zero_copy_only=False)
        for name in table.schema.names
    }
    names = [n for n, p in there.items() if SUPPORT <= p.sum() <= rows - SUPPORT]
    if len(names) < 2:
        return []
    presence = np.column_stack([there[n] for n in names]).astype(np.float32)
    together = presence.T @ presence
    counts = np.diag(together)
    apart = (together == 0) & (np.outer(counts, counts) / rows >= SUPPORT)
    found, left = [], list(range(len(names)))
    while left:
        group = [left.pop(0)]
        for other in list(left):
            if apart[other, group].all():
                group.append(other)
                left.remove(other)
        if len(group) > 1:
            whole = bool(presence[:, group].any(axis=1).all())
            columns = tuple(names[i] for i in group)
            found.append(Exclusive(columns=columns, required=whole, observed=True))
    return found


def unique(table: Table) -> list[Unique]:
    """Single columns or pairs that tell all records apart, where chance would not."""
    rows = table.num_rows
    coded = {
        f.name: _codes(table, f.name)
        for f in table.schema.fields
        if f.type != "number" and table.column(f.name).null_count == 0
    }
    # pairs of records that agree, as a share of all pairs
    alike = {n: _alike(c) for n, c in coded.items()}
    found = [n for n, c in coded.items() if int(c.max()) + 1 == rows and _is_dense(table, n)]
    keys = [Unique(columns=(name,), observed=True) for name in found]
    every = rows * (rows - 1) / 2
    for a, b in pairs([n for n in coded if int(coded[n].max()) + 1 < rows], 2):
        sizes = (int(coded[a].max()) + 1) * (int(coded[b].max()) + 1)
        if len(keys) >= MOST_KEYS:
            break
        if sizes >= rows and alike[a] * alike[b] * every >= SUPPORT:
            both = coded[a] * (int(coded[b].max()) + 1) + coded[b]
            if _all_differ(both[:SCREENED]) and _all_differ(both):
                keys.append(Unique(columns=(a, b), observed=True))
    return keys[:MOST_KEYS]


def _codes(table: Table, name: str) -> Codes:
    """A number per record, equal for equal values; missing is a value."""
    column = encoded(table.column(name))
    codes = column.indices.fill_null(len(column.dictionary)).to_numpy(zero_copy_only=False)
    numbers: Codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    return numbers


def _is_shared(given: Codes) -> bool:
    """Whether most records have a value that some others have too."""
    sizes = np.bincount(given)
    shared = sizes[sizes >= SHARED]
    return len(shared) >= 3 and bool(shared.sum() >= MOSTLY * len(given))


def _candidates(sample: Codes, given: int) -> list[int]:
    """Columns that agree in records that agree in the given one; neighbours in its order tell."""
    ordered = sample[np.argsort(sample[:, given], kind="stable")]
    same = ordered[1:, given] == ordered[:-1, given]
    differ = ((ordered[1:] != ordered[:-1]) & same[:, None]).any(axis=0)
    return [int(j) for j in np.flatnonzero(~differ) if j != given]


def _decides(given: Codes, implied: Codes) -> bool:
    """Whether one column follows from the other in all records, and not by chance."""
    pairs_ = np.unique(given * (int(implied.max()) + 1) + implied)
    if len(pairs_) > int(given.max()) + 1:
        return False
    guess = 1 - np.bincount(implied).max() / len(implied)
    return bool(guess * len(implied) >= SUPPORT)


def _run(flags: Sequence[tuple[Mask, Mask]], start: int) -> int | None:
    """Where the group of flags that starts there ends; None when none does."""
    taken, missing = flags[start]
    for end in range(start + 1, len(flags)):
        one, absent = flags[end]
        if (taken & one).any() or (absent != missing).any():
            return None
        taken = taken | one
        if (taken | missing).all():
            return end + 1
    return None


def _alike(codes: Codes) -> float:
    """The share of pairs of records that have the same value."""
    counts = np.bincount(codes).astype(float)
    return float(np.sum(counts * (counts - 1)) / (len(codes) * (len(codes) - 1)))


def _is_dense(table: Table, name: str) -> bool:
    """Whether values drawn at random from the column's span would repeat each other."""
    field = table.schema.field(name)
    if field.type not in ("integer", "date"):
        return False
    values, _ = read(table, name, 0)
    span = float(values.max()) - float(values.min()) + 1
    return table.num_rows * (table.num_rows - 1) / 2 / span >= SUPPORT


def _all_differ(codes: Codes) -> bool:
    return len(np.unique(codes)) == len(codes)
