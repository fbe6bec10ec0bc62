"""Orders, sums and steps that all records keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.constraints.feasibility import ORDERED
from tabsynth.constraints.lattice import digits, read, scale
from tabsynth.schema.constraint import Increment, Inequality, Total
from tabsynth.schema.model import FieldSchema
from tabsynth.table import Table

# records looked at before all are
SCREENED: Final = 2_000
# records that would have to break an order if its columns were independent, and their share
SUPPORT: Final = 20
SHARE: Final = 0.01
MOST_ORDERS: Final = 20
MOST_PARTS: Final = 12
# sums of three columns that are not neighbours are tried in tables of up to so many numbers
MOST_FOR_TRIPLES: Final = 60
FEWEST_VALUES: Final = 12
# seconds: shorter steps of moments are those of the clock that wrote them
SHORTEST_STEP: Final = 900

Floats = NDArray[np.float64]
# positions of a total, of its parts, and of what is taken away
_Sum = tuple[int, tuple[int, ...], tuple[int, ...]]


def inequalities(table: Table) -> list[Inequality]:
    """Orders between columns of one kind, as chains, without what follows from others."""
    found: list[Inequality] = []
    fields = [f for f in table.schema.fields if f.type in ORDERED and f.domain is None]
    for kind in dict.fromkeys(map(scale, fields)):
        names = [f.name for f in fields if scale(f) == kind]
        if len(names) > 1:
            found += _orders(table, names)
    return sorted(found, key=lambda c: -len(c.columns))[:MOST_ORDERS]


def totals(table: Table) -> list[Total]:
    """Columns that are sums of others: of two, of three, of neighbours, or of two less a third."""
    fields = [f for f in table.schema.fields if f.type in ("integer", "number")]
    names = [f.name for f in fields if _is_summand(_floats(table, f.name))]
    if len(names) < 3:
        return []
    values = _complete([_floats(table, n) for n in names])
    # columns that agree in a random mix of their records agree in all of them
    mix = np.random.default_rng(0).normal(size=len(values[0]))
    sums = np.array([mix @ v for v in values])
    slack = 1e-9 * max(float(np.abs(mix) @ np.abs(v)) for v in values)
    found: dict[int, tuple[int, ...]] = {}
    for parts in _part_lists(len(names)):
        chosen = np.array(parts)
        totals_ = sums[chosen].sum(axis=1)
        for place, total in zip(*_near(totals_, sums, slack), strict=True):
            own = tuple(int(p) for p in chosen[place])
            if total not in own and total not in found:
                found[int(total)] = own
    plain = [(t, parts, ()) for t, parts in sorted(found.items())]
    less = sorted(_balances(sums, slack, plain)) if len(names) <= MOST_FOR_TRIPLES else []
    return [
        Total(total=names[t], parts=tuple(names[p] for p in parts),
              minus=tuple(names[p] for p in minus), observed=True)
        for t, parts, minus in (*plain, *less)
    ]  # fmt: skip


def increments(table: Table) -> list[Increment]:
    """Columns of whole units whose values lie a common step apart."""
    found = []
    for field in table.schema.fields:
        decimals = digits(field)
        if field.type not in ORDERED or field.domain is not None or decimals is None:
            continue
        units, missing = read(table, field.name, decimals)
        values = np.unique(units[~missing])
        if len(values) < FEWEST_VALUES:
            continue
        step = int(np.gcd.reduce(np.diff(values)))
        if step > 1 and _is_worth_it(field, step):
            found.append(_increment(field, step, int(values[0]) % step))
    return found


def _is_worth_it(field: FieldSchema, step: int) -> bool:
    return field.type not in ("datetime", "time") or step >= SHORTEST_STEP * 1_000_000


def _increment(field: FieldSchema, step: int, offset: int) -> Increment:
    if field.type in ("integer", "number"):
        unit = 10 ** (digits(field) or 0)
        size: float = step if unit == 1 else step / unit
        return Increment(
            column=field.name, step=size, offset=offset if unit == 1 else offset / unit,
            observed=True,
        )  # fmt: skip
    if field.type == "date":
        start = np.datetime64(0, "D") + offset
        return Increment(column=field.name, step=step, offset=str(start), observed=True)
    moment = np.datetime64(0, "us") + offset
    text = str(moment)
    written = text.partition("T")[2] if field.type == "time" else text
    if field.tabsynth.timezone:
        written += "+00:00"
    return Increment(
        column=field.name, step=step // 1_000_000 if step % 1_000_000 == 0 else step / 1e6,
        offset=written, observed=True,
    )  # fmt: skip


def _orders(table: Table, names: list[str]) -> list[Inequality]:
    columns = {n: _floats(table, n) for n in names}
    names = [n for n in names if _varies(columns[n], 3)]
    rows = _places(table.num_rows)
    sample = np.column_stack([columns[n][rows] for n in names]) if names else np.zeros((0, 0))
    after: dict[int, set[int]] = {}
    for i in range(len(names)):
        kept = np.flatnonzero(~(sample[:, [i]] > sample).any(axis=0))
        after[i] = {
            int(j) for j in kept if i != j and _is_order(columns[names[i]], columns[names[int(j)]])
        }
    return list(_chains(after, names))


def _is_order(low: Floats, high: Floats) -> bool:
    """Whether a column is at most another one in all records, and not by chance."""
    both = ~np.isnan(low) & ~np.isnan(high)
    low, high = low[both], high[both]
    if not len(low) or (low > high).any() or (low == high).all():
        return False
    # of independent columns, how many highs lie below each low
    share = float(np.mean(np.searchsorted(np.sort(high), low, side="left"))) / len(high)
    return share >= SHARE and share * len(low) >= SUPPORT


def _chains(after: dict[int, set[int]], names: list[str]) -> Iterator[Inequality]:
    """Orders as chains, each step once, leaving out steps that follow from two others.

    `<=` also where no two values are equal: that may be chance, and nothing comes out that the
    records do not show.
    """
    direct = {
        i: {j for j in ends if not any(j in after[k] for k in ends)} for i, ends in after.items()
    }
    while any(direct.values()):
        entered = set().union(*direct.values())
        starts = [i for i, ends in direct.items() if ends]
        chain = [next((i for i in starts if i not in entered), starts[0])]
        while direct[chain[-1]]:
            follow = min(direct[chain[-1]])
            direct[chain[-1]].remove(follow)
            chain.append(follow)
        yield Inequality(columns=tuple(names[i] for i in chain), observed=True)


def _part_lists(count: int) -> Iterator[list[tuple[int, ...]]]:
    """Positions of columns that may sum to another one, shorter lists first."""
    yield list(combinations(range(count), 2))
    if count <= MOST_FOR_TRIPLES:
        yield list(combinations(range(count), 3))
    for length in range(3, min(MOST_PARTS, count - 1) + 1):
        yield [tuple(range(i, i + length)) for i in range(count - length + 1)]


def _balances(sums: Floats, slack: float, plain: Sequence[_Sum]) -> Iterator[_Sum]:
    """Columns that two others less a third come to, but for what follows from other sums.

    Two pairs of columns have the same sum; the last column of the four is taken for the total, so
    that a running balance is told by what goes before it, and no total needs itself.
    """
    known = np.zeros((0, len(sums)))
    equal = [(i, (int(j),), ()) for i in range(len(sums))
             for j in np.flatnonzero(np.abs(sums - sums[i]) <= slack) if j > i]  # fmt: skip
    for one in (*equal, *plain):
        known = np.vstack([known, _vector(one, len(sums))])
    taken = {total for total, _, _ in plain}
    pairs = np.array(list(combinations(range(len(sums)), 2)))
    both = sums[pairs].sum(axis=1)
    order = np.argsort(both, kind="stable")
    alike = np.flatnonzero(np.diff(both[order]) <= slack)
    for place in alike:
        one, other = pairs[order[place]].tolist(), pairs[order[place + 1]].tolist()
        total = max(*one, *other)
        own, parts = (one, other) if total in one else (other, one)
        found = (total, tuple(parts), tuple(p for p in own if p != total))
        if total in taken or len({*one, *other}) < 4:
            continue
        wider = np.vstack([known, _vector(found, len(sums))])
        if np.linalg.matrix_rank(wider) > np.linalg.matrix_rank(known):
            known = wider
            taken.add(total)
            yield found


def _vector(told: _Sum, size: int) -> Floats:
    """A sum as numbers by which columns come to 0."""
    total, parts, minus = told
    found = np.zeros(size)
    found[list(parts)], found[list(minus)], found[total] = 1.0, -1.0, -1.0
    return found


def _near(values: Floats, wanted: Floats, slack: float) -> tuple[NDArray[np.intp], Floats]:
    """Positions of values, and of the wanted ones that they meet."""
    order = np.argsort(wanted)
    ordered = wanted[order]
    places, met = [], []
    for side in (0, -1):
        place = np.clip(np.searchsorted(ordered, values) + side, 0, len(ordered) - 1)
        hit = np.flatnonzero(np.abs(ordered[place] - values) <= slack)
        places.append(hit)
        met.append(order[place[hit]])
    return np.concatenate(places), np.concatenate(met)


def _floats(table: Table, name: str) -> Floats:
    values, missing = read(table, name, None if table.schema.field(name).type == "number" else 0)
    floats: Floats = np.where(missing, np.nan, values.astype(float))
    return floats


def _varies(values: Floats, fewest: int) -> bool:
    """Whether a column has at least so many values, and is not nearly always 0."""
    present = values[~np.isnan(values)]
    enough = np.count_nonzero(present) >= max(SUPPORT, SHARE * len(present))
    return bool(enough) and len(np.unique(present[: 10 * SCREENED])) >= fewest


def _is_summand(values: Floats) -> bool:
    """Whether a column varies, and is mostly there."""
    return bool(np.isnan(values).mean() <= 0.5) and _varies(values, 3)


def _complete(columns: list[Floats]) -> list[Floats]:
    """Some records that have all values; where they are few, others with 0 for missing."""
    table = np.column_stack(columns)
    whole = table[~np.isnan(table).any(axis=1)]
    chosen = whole if len(whole) >= SUPPORT else np.nan_to_num(table)
    return list(chosen[_places(len(chosen))].T)


def _places(rows: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, rows - 1, min(rows, SCREENED)).astype(np.intp))
