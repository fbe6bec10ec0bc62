"""What is favourable, unasked and asked."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.bias.outcome import favourable_outcome
from tabsynth.errors import UsageError
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tests.unit.bias.population import of_columns
from tests.zoo import ZOO, field


@pytest.mark.parametrize(
    ("values", "words", "flags"),
    [
        ([True, False, None, True], "y is true", [1, 0, np.nan, 1]),
        (["no", "no", "yes"], "y is yes", [0, 0, 1]),
        (["a", "b", "b", "c"], "y is b", [0, 1, 1, 0]),
        ([1.0, 2.0, 3.0, 10.0], "y above its median", [0, 0, 1, 1]),
        ([0, 1, 1, 1], "y is the larger of its two values", [0, 1, 1, 1]),
        ([1, 2, 9, 9, 9], "y at its largest", [0, 0, 1, 1, 1]),
    ],
)
def test_unasked(values: list[object], words: str, flags: list[float]) -> None:
    table = of_columns(y=values)
    found = favourable_outcome([table], "y")
    assert found is not None
    assert (found.words, found.stated) == (words, False)
    np.testing.assert_array_equal(found.of(table), np.array(flags, float))


def test_the_last_of_ordered_categories_is_favourable() -> None:
    schema = TableSchema(fields=(field("y", categories=("hi", "lo"), categoriesOrdered=True),))
    table = Table.checked(pa.table({"y": ["hi", "lo", "lo"]}), schema)
    found = favourable_outcome([table], "y")
    assert found is not None and found.value == "lo"


@pytest.mark.parametrize(
    ("values", "asked", "flags"),
    [
        (["a", "b", None], "a", [1, 0, np.nan]),
        ([True, False], "False", [0, 1]),
        ([0, 1, 1], "0", [1, 0, 0]),
        ([1.0, 2.5, 4.0], "2.5", [0, 1, 1]),
    ],
)
def test_asked(values: list[object], asked: str, flags: list[float]) -> None:
    table = of_columns(y=values)
    found = favourable_outcome([table], "y", asked)
    assert found is not None and found.stated
    np.testing.assert_array_equal(found.of(table), np.array(flags, float))


@pytest.mark.parametrize(
    ("values", "asked"),
    [(["secret", "other"], "c"), ([1.0, 2.0, 3.0], "much"), ([1.0, 2.0, 3.0], "nan")],
)
def test_an_unknown_favourable_value_is_refused_without_a_value_of_a_record(
    values: list[object], asked: str
) -> None:
    with pytest.raises(UsageError, match="--favourable: expected") as refusal:
        favourable_outcome([of_columns(y=values)], "y", asked)
    assert "secret" not in str(refusal.value)


def test_one_value_is_no_outcome() -> None:
    assert favourable_outcome([of_columns(y=["a", "a", None])], "y") is None


@pytest.mark.parametrize("name", ZOO)
def test_every_column_of_the_zoo_has_one_or_none(name: str) -> None:
    table = ZOO[name]().modelled
    for column in table.schema.names[:12]:
        found = favourable_outcome([table], column)
        if found is not None:
            flags = found.of(table)
            assert 0 < np.nanmean(flags) < 1
