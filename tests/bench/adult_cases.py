"""Synthetic tables of UCI Adult of which we know whether they leak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa

import tabsynth as ts
from tabsynth.modelfile import Fitted
from tabsynth.schema.files import load_schema
from tabsynth.table import Table
from tests.bench.record import ROOT, adult

COPIED = 0.01
USUAL, EQUAL, SHORT = (0.8, 0.2), (1 / 3, 1 / 3, 1 / 3), (0.8, 0.1, 0.1)


@dataclass(frozen=True)
class Case:
    """A synthetic table of which we know whether it leaks.

    Args:
        says: what it is, for readers.
        parts: shares of the records: train, holdout and, where there is one, people in neither.
        make: from train and those people, the synthetic records and the model behind them.
        truth: what the verdict must be, or must not be.
        reported: whether its report is committed.
        repeated: whether it is tried over other splits.
    """

    says: str
    parts: tuple[float, ...]
    make: Callable[[Table, Table, int], tuple[Table, Fitted | None]]
    truth: str
    reported: bool = True
    repeated: bool = True


@cache
def whole() -> Table:
    frame = pd.concat(adult(), ignore_index=True)
    return Table.from_pandas(frame, load_schema(ROOT / "schemas" / "examples" / "adult.yaml"))


def tables(case: Case, seed: int) -> tuple[Table, Table, Table]:
    """Train, holdout and people in neither by the case's shares; the last is empty with two."""
    everyone = whole()
    order = np.random.default_rng(seed).permutation(everyone.num_rows)
    ends = np.round(np.cumsum((0.0, *case.parts)) * len(order)).astype(int)
    rows = [order[a:b] for a, b in pairwise(ends)]
    parts = [everyone.take(r) for r in (*rows, order[:0])]
    return parts[0], parts[1], parts[2]


def _drawn(synthesizer: str, train: Table, seed: int) -> tuple[Table, Fitted]:
    model = ts.fit(train, synthesizer=synthesizer, seed=seed)
    return ts.sample(model, train.num_rows, seed=seed), model


def _copula(train: Table, others: Table, seed: int) -> tuple[Table, Fitted | None]:
    return _drawn("gaussian_copula", train, seed)


def _independent(train: Table, others: Table, seed: int) -> tuple[Table, Fitted | None]:
    return _drawn("independent", train, seed)


def _bootstrap(train: Table, others: Table, seed: int) -> tuple[Table, Fitted | None]:
    rng = np.random.default_rng([seed, 1])
    return train.take(rng.integers(0, train.num_rows, train.num_rows)), None


def _people(train: Table, others: Table, seed: int) -> tuple[Table, Fitted | None]:
    return others, None


def _copies(train: Table, others: Table, seed: int) -> tuple[Table, Fitted | None]:
    rng = np.random.default_rng([seed, 2])
    size = round(COPIED * others.num_rows)
    copies = train.take(rng.choice(train.num_rows, size, replace=False))
    rest = others.data.slice(size)
    both = pa.concat_tables([copies.data, rest]).unify_dictionaries()
    return Table(others.schema, both).take(rng.permutation(others.num_rows)), None


CASES = {
    "copula": Case("the Gaussian copula", USUAL, _copula, "no leak is known"),
    "independent": Case(
        "every column drawn on its own", USUAL, _independent, "must not fail", repeated=False
    ),
    "bootstrap": Case(
        "training records drawn with replacement", USUAL, _bootstrap, "must fail", repeated=False
    ),
    "people": Case("real people, neither in train nor in holdout", EQUAL, _people, "must not fail"),
    "copies": Case("the same people, 1 % copies of training records", EQUAL, _copies, "must fail"),
    "people-short": Case(
        "half of a 20 % holdout against the other half", SHORT, _people, "must not fail",
        reported=False,
    ),
    "copies-short": Case(
        "the same half, 1 % copies of training records", SHORT, _copies,
        "must not pass; so few copies of so many records are within chance", reported=False,
    ),
}  # fmt: skip
