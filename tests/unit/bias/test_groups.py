"""Groups are where people expect them, in any table of the schema."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabsynth.bias.groups import MAX_GROUPS, MISSING, OTHERS, Grouping, Strata, groupings
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tests.unit.bias.population import of_columns
from tests.zoo import ZOO, field


def labels(grouping: Grouping, table: Table) -> list[str]:
    return [grouping.labels[g] for g in grouping.codes(table)]


def test_values_are_groups_and_missing_is_one() -> None:
    table = of_columns(sex=["f", "m", None, "f"])
    (found,) = groupings(table, ["sex"])
    assert labels(found, table) == ["f", "m", MISSING, "f"]


def test_a_value_that_the_first_table_lacks_is_among_the_others() -> None:
    table = of_columns(sex=["f", "m"])
    (found,) = groupings(table, ["sex"])
    assert labels(found, of_columns(sex=["x", "m", None])) == [OTHERS, "m", OTHERS]


def test_a_table_beside_adds_its_groups() -> None:
    table, other = of_columns(sex=["f", "f"]), of_columns(sex=["m", "f"])
    (found,) = groupings(table, ["sex"], beside=[other])
    assert labels(found, other) == ["m", "f"]


def test_numbers_are_cut_at_rounded_quartiles() -> None:
    ages = list(range(20, 60)) * 10
    table = of_columns(age=ages)
    (found,) = groupings(table, ["age"])
    bands = found.labels[:-1]
    assert bands == ("up to 30", "over 30 to 40", "over 40 to 49", "over 49")
    assert labels(found, of_columns(age=[30, 31, 49, 50, 99])) == [
        bands[0], bands[1], bands[2], bands[3], bands[3],
    ]  # fmt: skip


def test_few_whole_numbers_are_groups_of_their_own() -> None:
    table = of_columns(member=[0, 1, 1, 0, 1])
    (found,) = groupings(table, ["member"])
    assert found.labels == ("0", "1", OTHERS)


def test_bands_of_days_are_written_as_days() -> None:
    days = [dt.date(1950, 1, 1) + dt.timedelta(days=97 * i) for i in range(200)]
    table = Table.checked(pa.table({"born": days}), TableSchema(fields=(field("born", "date"),)))
    (found,) = groupings(table, ["born"])
    assert len(found.labels) == 5
    assert found.labels[0].startswith("up to 19")
    counts = np.bincount(found.codes(table))
    assert counts.min() > 30


def test_an_edge_is_nobodys_exact_value() -> None:
    rng = np.random.default_rng(0)
    income = [float(v) for v in rng.lognormal(10, 1, 501)]
    (found,) = groupings(of_columns(income=income), ["income"])
    shown = {label.split()[-1] for label in found.labels[:-1]}
    assert not shown & {f"{v:.10g}" for v in income}


def test_intersections_of_two_and_three_columns() -> None:
    table = of_columns(a=["x", "y"] * 4, b=["p", "p", "q", "q"] * 2, c=["u"] * 4 + ["v"] * 4)
    found = groupings(table, ["a", "b", "c"])
    assert [g.name for g in found] == ["a", "b", "c", "a × b", "a × c", "b × c", "a × b × c"]
    assert labels(found[-1], table)[0] == "x, p, u"
    assert [g.name for g in groupings(table, ["a", "b", "a"])] == ["a", "b", "a × b"]


def test_beyond_forty_groups_the_rest_is_one() -> None:
    names = [f"g{i:03d}" for i in range(100) for _ in range(i + 1)]
    table = of_columns(g=names)
    (found,) = groupings(table, ["g"])
    assert MAX_GROUPS <= len(found.labels) <= MAX_GROUPS + 1
    assert "g099" in found.labels and "g010" not in found.labels
    # what is not among the 40 is one group, whatever it is called
    codes = found.codes(table)
    assert len(set(found.labels)) == len(found.labels) == len(np.unique(codes))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), min_size=1, max_size=40))
def test_records_share_a_group_of_two_columns_just_when_both_agree(
    pairs: list[tuple[str, str]],
) -> None:
    first, second = zip(*pairs, strict=True)
    table = of_columns(a=list(first), b=list(second))
    crossed = groupings(table, ["a", "b"])[-1]
    named = [", ".join(p) for p in pairs]
    assert labels(crossed, table) == named


def test_strata_are_equal_where_columns_agree() -> None:
    table = of_columns(a=["x", "y", "x", "x"], b=[1, 1, 2, 1])
    found = Strata.of([table], ("a", "b")).codes(table)
    assert found[0] == found[3]
    assert len(set(found.tolist())) == 3


@pytest.mark.parametrize("name", ZOO)
def test_every_column_of_the_zoo_can_be_protected(name: str) -> None:
    table = ZOO[name]().modelled
    for column in table.schema.names[:12]:
        (found,) = groupings(table, [column])
        codes = found.codes(table)
        assert codes.min() >= 0 and codes.max() < len(found.labels)
