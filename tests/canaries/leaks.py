"""Synthetic tables that leak in known ways and amounts, and such as do not leak at all.

Every maker is handed the training records, other people of the same population, the size of the
leak as a share of the synthetic records, and a generator. What does not leak is made of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from tabsynth.learners import features, numbers, shared_codes
from tabsynth.table import Table

Rows = NDArray[np.int64]
Maker = Callable[[Table, Table, float, np.random.Generator], Table]
NOISE = 0.01
PARTIAL = 3
EPSILON = 0.1


def another_split(train: Table, others: Table, share: float, rng: np.random.Generator) -> Table:
    """Real records of other people."""
    return others


def independent_columns(
    train: Table, others: Table, share: float, rng: np.random.Generator
) -> Table:
    """Every column of other people, shuffled on its own."""
    shuffled = [c.take(pa.array(rng.permutation(len(c)))) for c in others.data.columns]
    return Table(others.schema, pa.table(shuffled, names=others.data.column_names))


def strongly_private(train: Table, others: Table, share: float, rng: np.random.Generator) -> Table:
    """Each column drawn on its own from noisy counts of the training records' values or tenths.

    Laplace noise, its epsilon being 0.1 for all columns together; numbers are drawn evenly within
    the tenths of other people, who stand for public knowledge of the domain. With an epsilon of
    1.2 the omnibus rejects a little more often than by chance (68 of 1,000 times at 0.05).
    """
    scale = len(train.schema.names) / EPSILON
    columns = [_noisy_column(train, others, name, scale, rng) for name in train.schema.names]
    return Table(train.schema, pa.table(columns, names=list(train.schema.names)))


def overfitted_on_others(
    train: Table, others: Table, share: float, rng: np.random.Generator
) -> Table:
    """The overfitted generator, fitted to other people: members are as strange to it as anybody."""
    return overfitted(others, train, 1.0, rng)


def bootstrap_of_all(train: Table, others: Table, share: float, rng: np.random.Generator) -> Table:
    """Real people drawn with replacement; `train` must be all whom the comparison then splits."""
    return train.take(rng.integers(0, train.num_rows, others.num_rows))


def exact(train: Table, others: Table, share: float, rng: np.random.Generator) -> Table:
    """Training records, unchanged."""
    return _mixed(train.take(_some(train, share, rng)), others)


def noisy(train: Table, others: Table, share: float, rng: np.random.Generator) -> Table:
    """Training records whose numbers are moved by 1 % of their spread."""
    copies = train.take(_some(train, share, rng))
    for name in train.schema.names:
        if _is_number(train, name):
            spread = NOISE * np.nanstd(numbers(train.column(name)))
            values = numbers(copies.column(name)) + rng.normal(0, spread, copies.num_rows)
            copies = _with(copies, name, _as_column(values, copies.column(name)))
    return _mixed(copies, others)


def one_field_changed(train: Table, others: Table, share: float, rng: np.random.Generator) -> Table:
    """Training records with one field of somebody else."""
    return _mixed(_changed(train, others, 1, _some(train, share, rng), rng), others)


def two_fields_changed(
    train: Table, others: Table, share: float, rng: np.random.Generator
) -> Table:
    """Training records with two fields of somebody else."""
    return _mixed(_changed(train, others, 2, _some(train, share, rng), rng), others)


def outliers(train: Table, others: Table, share: float, rng: np.random.Generator) -> Table:
    """The training records with the rarest values, unchanged."""
    size = round(share * others.num_rows)
    return _mixed(train.take(np.argsort(-_rarity(train), kind="stable")[:size]), others)


def bootstrap(train: Table, others: Table, share: float, rng: np.random.Generator) -> Table:
    """Training records drawn with replacement."""
    drawn = rng.integers(0, train.num_rows, round(share * others.num_rows))
    return _mixed(train.take(drawn), others)


def interpolated(train: Table, others: Table, share: float, rng: np.random.Generator) -> Table:
    """Points between a training record and one of its five nearest, as SMOTE makes them."""
    from tabsynth.attacks.neighbours import Space, nearest

    points = Space.of([train]).points(train)
    first = rng.choice(train.num_rows, round(share * others.num_rows), replace=share > 1)
    around = nearest(points.take(first), points, 6)[1][:, 1:]
    second = around[np.arange(len(first)), rng.integers(0, around.shape[1], len(first))]
    along = rng.random(len(first))
    made = train.take(first)
    for name in train.schema.names:
        column = train.column(name)
        if _is_number(train, name):
            a, b = numbers(column)[first], numbers(column)[second]
            value = np.where(np.isnan(b), a, a + along * (b - a))
            made = _with(made, name, _as_column(value, column))
        else:
            chosen = np.where(rng.random(len(first)) < 0.5, first, second)
            made = _with(made, name, column.take(pa.array(chosen)))
    return _mixed(made, others)


def three_telling_columns(
    train: Table, others: Table, share: float, rng: np.random.Generator
) -> Table:
    """The three columns of most distinct values jointly, all others from somebody else."""
    distinct = {n: len(pc.unique(train.column(n))) for n in train.schema.names}
    names = sorted(distinct, key=lambda n: -distinct[n])[:PARTIAL]
    return _partly(train, others, names, _some(train, share, rng))


def three_random_columns(
    train: Table, others: Table, share: float, rng: np.random.Generator
) -> Table:
    """Three columns, whichever, jointly from a training record, all others from somebody else."""
    names = [str(n) for n in rng.choice(train.schema.names, PARTIAL, replace=False)]
    return _partly(train, others, names, _some(train, share, rng))


def secret(train: Table, others: Table, share: float, rng: np.random.Generator) -> Table:
    """The first sensitive value as it stands in a training record, all else of somebody else."""
    kept = [f.name for f in train.schema.fields if f.tabsynth.role == "sensitive"]
    return _partly(train, others, kept[:1], _some(train, share, rng))


def overfitted(train: Table, others: Table, share: float, rng: np.random.Generator) -> Table:
    """A chain of trees: every column drawn from the leaf that the columns before it lead to.

    Args:
        train: records to fit.
        others: records in the place of what is not drawn.
        share: one over the smallest size of a leaf.
        rng: of the draws.
    """
    (coded,), _ = features([train])
    coded = np.nan_to_num(coded, nan=-1)
    rows = rng.integers(0, train.num_rows, others.num_rows)
    made, columns = coded[rows], [train.column(train.schema.names[0]).take(pa.array(rows))]
    for j in range(1, coded.shape[1]):
        tree = DecisionTreeRegressor(min_samples_leaf=round(1 / share), random_state=0)
        tree.fit(coded[:, :j], coded[:, j])
        rows = _donors(tree.apply(coded[:, :j]), tree.apply(made[:, :j]), rng)
        made[:, j] = coded[rows, j]
        columns.append(train.column(train.schema.names[j]).take(pa.array(rows)))
    return Table(train.schema, pa.table(columns, names=list(train.schema.names)))


NULLS: dict[str, Maker] = {
    "another split": another_split,
    "independent columns": independent_columns,
    "strongly private": strongly_private,
    "overfitted to others": overfitted_on_others,
    "members against members": bootstrap_of_all,
}
LEAKS: dict[str, tuple[Maker, Sequence[float]]] = {
    "exact copies": (exact, (0.001, 0.005, 0.01, 0.05)),
    "copies with noise": (noisy, (0.001, 0.005, 0.01, 0.05)),
    "copies, one field changed": (one_field_changed, (0.001, 0.005, 0.01, 0.05)),
    "copies, two fields changed": (two_fields_changed, (0.001, 0.005, 0.01, 0.05)),
    "only outliers copied": (outliers, (0.001, 0.005, 0.01, 0.05)),
    "bootstrap": (bootstrap, (0.01, 0.05, 0.2, 1.0)),
    "interpolation": (interpolated, (0.01, 0.05, 0.2, 1.0)),
    "three telling columns": (three_telling_columns, (0.01, 0.05, 0.2, 1.0)),
    "three columns at random": (three_random_columns, (0.01, 0.05, 0.2, 1.0)),
    "one secret value": (secret, (0.01, 0.05, 0.2, 1.0)),
    "overfitted generator": (overfitted, (0.02, 0.05, 0.2, 1.0)),
}


def _some(train: Table, share: float, rng: np.random.Generator) -> Rows:
    rows: Rows = rng.choice(train.num_rows, round(share * train.num_rows), replace=False)
    return rows


def _mixed(copies: Table, others: Table) -> Table:
    """The copies, and other people up to the size of the synthetic table."""
    rest = others.data.slice(0, others.num_rows - copies.num_rows)
    return Table(others.schema, pa.concat_tables([copies.data, rest]).unify_dictionaries())


def _changed(
    train: Table, others: Table, fields: int, rows: Rows, rng: np.random.Generator
) -> Table:
    copies = train.take(rows)
    names = train.schema.names
    left = np.argsort(rng.random((len(rows), len(names))), axis=1)[:, :fields]
    donors = rng.integers(0, others.num_rows, len(rows))
    for j, name in enumerate(names):
        both = pa.chunked_array([copies.column(name), others.column(name)]).combine_chunks()
        own = np.arange(len(rows))
        chosen = np.where((left == j).any(axis=1), len(rows) + donors, own)
        copies = _with(copies, name, both.take(pa.array(chosen)))
    return copies


def _partly(train: Table, others: Table, names: Sequence[str], rows: Rows) -> Table:
    """Other people, of whom some bear columns of training records."""
    bearers = Table(others.schema, others.data.slice(0, len(rows)))
    for name in names:
        bearers = _with(bearers, name, train.column(name).take(pa.array(rows)))
    rest = others.data.slice(len(rows))
    return Table(others.schema, pa.concat_tables([bearers.data, rest]).unify_dictionaries())


def _rarity(table: Table) -> NDArray[np.float64]:
    """Sum over columns of minus the logarithm of the share of the value, or of its fiftieth."""
    total = np.zeros(table.num_rows)
    for name in table.schema.names:
        column = table.column(name)
        if _is_number(table, name):
            values = np.nan_to_num(numbers(column))
            # far from the middle, by ranks
            below = np.searchsorted(np.sort(values), values) / len(values)
            total += -np.log(np.minimum(below, 1 - below) + 1 / len(values))
        else:
            (codes,) = shared_codes([column])
            counts = np.bincount(codes + 1)
            total += -np.log(counts[codes + 1] / len(codes))
    return total


def _noisy_column(
    train: Table, others: Table, name: str, scale: float, rng: np.random.Generator
) -> pa.Array:
    rows = train.num_rows
    if _is_number(train, name):
        public = numbers(others.column(name))
        cuts = np.quantile(public[~np.isnan(public)], np.linspace(0, 1, 11))
        seen = numbers(train.column(name))
        counts = np.histogram(seen[~np.isnan(seen)], np.unique(cuts))[0]
        cell = rng.choice(len(counts), rows, p=_noisy_shares(counts, scale, rng))
        ends = np.unique(cuts)
        values = ends[cell] + rng.random(rows) * (ends[cell + 1] - ends[cell])
        return _as_column(values, train.column(name))
    codes, public_codes = shared_codes([train.column(name), others.column(name)])
    counts = np.bincount(codes + 1, minlength=int(public_codes.max(initial=0)) + 2)
    known = np.unique(public_codes + 1)
    drawn = known[rng.choice(len(known), rows, p=_noisy_shares(counts[known], scale, rng))]
    first = {int(c): i for i, c in reversed(list(enumerate(public_codes + 1)))}
    return others.column(name).take(pa.array([first[int(c)] for c in drawn]))


def _noisy_shares(
    counts: NDArray[np.int64], scale: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    noised = np.maximum(counts + rng.laplace(0, scale, len(counts)), 0) + 1e-9
    shares: NDArray[np.float64] = noised / noised.sum()
    return shares


def _donors(leaves: NDArray[np.int64], asked: NDArray[np.int64], rng: np.random.Generator) -> Rows:
    """For each leaf asked for, a random record that lies in it."""
    order = np.argsort(leaves, kind="stable")
    first = np.searchsorted(leaves[order], asked, side="left")
    last = np.searchsorted(leaves[order], asked, side="right")
    rows: Rows = order[first + (rng.random(len(asked)) * (last - first)).astype(np.int64)]
    return rows


def _is_number(table: Table, name: str) -> bool:
    return not table.schema.field(name).is_categorical


def _as_column(values: NDArray[np.float64], like: pa.Array) -> pa.Array:
    """Numbers in the type of a column; whole numbers and days are rounded, money to cents."""
    gone = np.isnan(values)
    if pa.types.is_floating(like.type):
        cents = bool(np.all(np.round(numbers(like), 2)[~np.isnan(numbers(like))]
                            == numbers(like)[~np.isnan(numbers(like))]))  # fmt: skip
        return pa.array(np.round(values, 2) if cents else values, like.type, mask=gone)
    whole = np.nan_to_num(values).round().astype(np.int64)
    if pa.types.is_date32(like.type):
        return pa.array(whole.astype(np.int32), pa.int32(), mask=gone).cast(like.type)
    return pa.array(whole, pa.int64(), mask=gone).cast(like.type)


def _with(table: Table, name: str, column: pa.Array) -> Table:
    place = table.data.column_names.index(name)
    return Table(table.schema, table.data.set_column(place, name, column))
