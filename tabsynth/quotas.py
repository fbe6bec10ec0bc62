"""Quotas: a table whose categories have the shares that were asked for, to the record."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.conditions import as_given
from tabsynth.errors import ConditionError, UsageError
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table

if TYPE_CHECKING:
    from typing import TypeAlias

    Shares: TypeAlias = Mapping[str, Mapping[Any, float] | Literal["equal"]]

EQUAL: Final = "equal"
TOLERANCE: Final = 1e-6


def shares_from_texts(
    balance: Sequence[str], shares: Sequence[str], schema: TableSchema
) -> dict[str, Mapping[Any, float] | Literal["equal"]]:
    """Target shares from `--balance COLUMN` and `--shares COLUMN=VALUE:SHARE,...` texts.

    A value that holds a comma stands in double quotes.

    Raises:
        UsageError: a text of another form, or a column that comes twice.
    """
    wanted: dict[str, Mapping[Any, float] | Literal["equal"]] = {}
    for name in balance:
        _require_new(name, wanted, "--balance")
        wanted[name] = EQUAL
    for text in shares:
        # the longest column name wins, since a name may itself hold an equals sign
        names = [n for n in schema.names if text.startswith(f"{n}=")]
        name = max(names, key=len) if names else text.partition("=")[0]
        _require_new(name, wanted, "--shares")
        targets: dict[str, float] = {}
        for part in next(csv.reader([text[len(name) + 1 :]]), []):
            value, colon, share = part.rpartition(":")
            if not colon or value in targets or not _is_number(share):
                raise _malformed()
            targets[value] = float(share)
        if not targets:
            raise _malformed()
        wanted[name] = targets
    return wanted


def with_quotas(
    given: Table | None,
    shares: Shares,
    n: int,
    *,
    schema: TableSchema,
    levels: Callable[[str], Sequence[Any]],
    rng: np.random.Generator,
) -> Table:
    """Conditions for n records under which every category gets its share, up to rounding.

    Numbers of records are rounded by largest remainders. Several columns are crossed evenly: each
    combination gets about the product of its shares. The order of records is random.

    Args:
        given: further conditions on other columns, one for all records or one for each.
        shares: by column, the share of each value, or `equal` for all values that occur.
        n: how many records.
        schema: the model's.
        levels: the values of a column that the model emits; empty where it has none.
        rng: shuffles the records.

    Raises:
        UsageError: shares that are negative or do not add up to 1, a column that is given too, or
            fewer records than values to balance.
        ConditionError: an unknown column, one without categories, or a value of another type.
    """
    columns = {}
    rows = np.arange(n)
    for name, wanted in shares.items():
        if given is not None and name in given.schema.names:
            raise UsageError("shares", expected="columns that are not given too",
                             got=f"{name!r} in both", remedy="name it once")  # fmt: skip
        targets = _targets(name, wanted, n, schema=schema, levels=levels)
        values = as_given(pa.table({name: pa.array(list(targets))}), schema)
        quotas = largest_remainder(np.array([*targets.values()], np.float64), n)
        # dealt evenly over what earlier columns hold, so that every combination gets its part
        dealt = np.empty(n, np.int64)
        dealt[rows] = interleaved(quotas)
        columns[name] = (values, dealt)
        rows = np.lexsort([place for _, place in columns.values()][::-1])
    shuffled = rng.permutation(n)
    parts = [t.take(place[shuffled]) for t, place in columns.values()]
    if given is not None:
        whole = given if given.num_rows == n else given.take(np.zeros(n, np.int64))
        parts.insert(0, whole)
    fields = tuple(f for part in parts for f in part.schema.fields)
    arrays = [part.data.column(f.name) for part in parts for f in part.schema.fields]
    merged = parts[0].schema.model_copy(update={"fields": fields})
    return Table(merged, pa.Table.from_arrays(arrays, names=[f.name for f in fields]))


def largest_remainder(shares: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Whole numbers that add up to n, each within 1 of its share of n.

    Args:
        shares: shape (values,), at least 0, adding up to 1.
        n: the total.
    """
    exact = shares / shares.sum() * n
    # a share of a tenth must not lose a record to the last bit of a float
    counts: NDArray[np.int64] = np.floor(exact + 1e-9).astype(np.int64)
    rest = np.argsort(counts - exact, kind="stable")[: n - int(counts.sum())]
    counts[rest] += 1
    return counts


def interleaved(quotas: NDArray[np.int64]) -> NDArray[np.int64]:
    """A sequence of values 0, 1, ... that each come as often as their quota, evenly spread."""
    value = np.repeat(np.arange(len(quotas)), quotas)
    turn = np.arange(len(value)) - np.repeat(np.cumsum(quotas) - quotas, quotas)
    order = np.argsort((turn + 0.5) / quotas[value], kind="stable")
    return value[order]


def _targets(
    name: str,
    wanted: Mapping[Any, float] | str,
    n: int,
    *,
    schema: TableSchema,
    levels: Callable[[str], Sequence[Any]],
) -> Mapping[Any, float]:
    if name not in schema.names:
        raise ConditionError(f"shares {name!r}", expected="a column of the model",
                             got="an unknown column",
                             remedy="see `tabsynth inspect MODEL` for the columns")  # fmt: skip
    if isinstance(wanted, str):
        found = levels(name) if wanted == EQUAL else ()
        if not found:
            raise ConditionError(
                f"balance {name!r}", expected="a column of categories",
                got="one of numbers, dates or invented values",
                remedy="choose another column, or give shares of values",
            )  # fmt: skip
        if n < len(found):
            raise UsageError(
                "--balance", expected=f"at least {len(found)} records, one per value",
                got=str(n), remedy="ask for more, or choose another column",
            )  # fmt: skip
        return dict.fromkeys(found, 1 / len(found))
    sizes = [float(s) for s in wanted.values()]
    if not sizes or not all(math.isfinite(s) and s >= 0 for s in sizes):
        raise UsageError("--shares", expected="shares from 0 to 1", got="another number",
                         remedy="write for example --shares sex=F:0.5,M:0.5")  # fmt: skip
    if abs(sum(sizes) - 1) > TOLERANCE:
        raise UsageError("--shares", expected=f"shares of {name!r} that add up to 1",
                         got=f"{sum(sizes):.6g}", remedy="correct the shares")  # fmt: skip
    return {value: s for value, s in zip(wanted, sizes, strict=True) if s > 0}


def _require_new(name: str, wanted: Mapping[str, Any], option: str) -> None:
    if name in wanted:
        raise UsageError(option, expected="each column once", got=f"{name!r} twice",
                         remedy="put all its shares into one option")  # fmt: skip


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _malformed() -> UsageError:
    return UsageError("--shares", expected="COLUMN=VALUE:SHARE,..., each value once",
                      got="something else",
                      remedy="write for example --shares sex=F:0.5,M:0.5")  # fmt: skip
