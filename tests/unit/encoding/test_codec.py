from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabsynth.encoding.analysis import analyze, merge, merged
from tabsynth.encoding.codec import POOLED, Codec
from tabsynth.encoding.freeze import freeze
from tabsynth.errors import DataError
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tests.zoo import ZOO, every_type, field


@pytest.mark.parametrize("animal", sorted(ZOO))
def test_atoms_and_categories_round_trip_exactly(animal: str) -> None:
    """With every value allowed a cell, decode gives back exactly what encode was given."""
    table = ZOO[animal]().modelled
    codec = freeze(analyze(table), min_count=1)
    decoded = codec.decode(codec.encode(table), np.random.default_rng(0))
    assert decoded.schema == table.schema
    for f in table.schema.fields:
        column = codec.column(f.name)
        exact = np.all(getattr(column, "atom", True))
        assert exact or table.num_rows > 2000
        if exact:
            assert decoded.data[f.name].to_pylist() == table.data[f.name].to_pylist()


def test_partitions_merge_to_the_whole() -> None:
    table = every_type()
    parts = [table.take(np.arange(i, table.num_rows, 3)) for i in range(3)]
    whole = freeze(analyze(table))
    again = freeze(merged(map(analyze, parts)))
    assert codec_bytes(whole) == codec_bytes(again)
    swapped = merge(analyze(parts[2]), merge(analyze(parts[1]), analyze(parts[0])))
    assert codec_bytes(freeze(swapped)) == codec_bytes(whole)


def test_merging_other_schemas_is_refused() -> None:
    other = Table.checked(pa.table({"a": [1]}), TableSchema(fields=(field("a", "integer"),)))
    with pytest.raises(ValueError, match="one schema"):
        merge(analyze(every_type()), analyze(other))


def codec_bytes(codec: Codec) -> list[bytes]:
    settings_, arrays = codec.state()
    return [repr(settings_).encode(), *(arrays[k].tobytes() for k in sorted(arrays))]


def numbers(values: list[float] | list[int], kind: str, **settings_: object) -> Table:
    schema = TableSchema(fields=(field("x", kind, **settings_),))
    return Table.checked(pa.table({"x": values}), schema)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(1 - 2**62, 2**62 - 1), min_size=10, max_size=300),
    st.integers(1, 5),
)
def test_whole_numbers_stay_within_the_kth_extremes(values: list[int], k: int) -> None:
    table = numbers(values, "integer")
    codec = freeze(analyze(table), min_count=k)
    codes = codec.encode(table)
    kept = codes[0] != POOLED
    decoded = codec.decode([c[kept] for c in codes], np.random.default_rng(0))
    drawn = decoded.column("x").drop_null().to_pylist()
    ordered = sorted(values)
    assert all(ordered[k - 1] <= d <= ordered[-k] for d in drawn)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.floats(-1e12, 1e12, allow_nan=False), min_size=10, max_size=300),
    st.integers(1, 5),
)
def test_numbers_stay_within_the_kth_extremes(values: list[float], k: int) -> None:
    table = numbers(values, "number")
    codec = freeze(analyze(table), min_count=k)
    codes = codec.encode(table)
    kept = codes[0] != POOLED
    drawn = codec.decode([c[kept] for c in codes], np.random.default_rng(0)).column("x").to_pylist()
    ordered = sorted(values)
    assert all(ordered[k - 1] <= d <= ordered[-k] for d in drawn)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-500, 500), min_size=12, max_size=400), st.integers(1, 6))
def test_every_cell_stands_for_enough_records(values: list[int], k: int) -> None:
    table = numbers(values, "integer")
    codec = freeze(analyze(table), min_count=k)
    codes = codec.encode(table)[0]
    counts = np.bincount(codes[codes != POOLED], minlength=codec.columns[0].cells)[:-1]
    assert (counts >= k).all()


def test_a_spike_stays_a_spike() -> None:
    rng = np.random.default_rng(0)
    values = np.where(rng.random(10_000) < 0.9, 0.0, rng.lognormal(8, 1, 10_000))
    table = numbers(values.tolist(), "number")
    codec = freeze(analyze(table))
    drawn = codec.decode(codec.encode(table), rng).column("x").to_numpy()
    assert (drawn == 0).sum() == (values == 0).sum()


def test_decimals_and_steps_are_kept() -> None:
    rng = np.random.default_rng(0)
    price = numbers(np.round(rng.lognormal(3, 1, 3000), 2).tolist(), "number",
                    tabsynth={"decimals": 2})  # fmt: skip
    codec = freeze(analyze(price))
    drawn = codec.decode(codec.encode(price), rng).column("x").to_numpy()
    np.testing.assert_array_equal(drawn, np.round(drawn, 2))
    hundreds = numbers((rng.integers(0, 10_000, 3000) * 100 + 50).tolist(), "integer")
    codec = freeze(analyze(hundreds))
    drawn = codec.decode(codec.encode(hundreds), rng).column("x").to_numpy()
    assert set(np.unique(drawn % 100)) == {50}


def test_a_lone_value_does_not_stand_in_the_step() -> None:
    """Beside a constant 0, the step of a lattice through both would be the other value."""
    for lone in ([1_234_567], [1_234_567, 7_654_321], list(range(1_000_003, 9_000_027, 1_000_003))):
        table = numbers([0] * 500 + lone, "integer")
        codec = freeze(analyze(table))
        assert codec.state()[0] == [{"offset": 0, "step": 1, "pooled": round(len(lone) / 500, 2)}]
        assert codec.encode(table)[0].tolist() == [0] * 500 + [POOLED] * len(lone)


def test_values_off_the_lattice_are_not_rounded_to_an_atom() -> None:
    table = numbers([0, 100, 200] * 50 + [150], "integer")
    codec = freeze(analyze(table))
    assert codec.state()[0][0]["step"] == 100
    assert codec.encode(table)[0].tolist() == [0, 1, 2] * 50 + [POOLED]


@pytest.mark.parametrize("rare", range(10, 30))
def test_few_rare_numbers_are_never_given_away(rare: int) -> None:
    """Just enough records for one interval: its ends are no record's value, nor what it emits."""
    rng = np.random.default_rng(rare)
    lone = np.sort(rng.choice(10**9, rare, replace=False))
    table = numbers([0] * 500 + lone.tolist(), "integer")
    codec = freeze(analyze(table))
    held = np.concatenate([codec.columns[0].low, codec.columns[0].high])
    assert not np.isin(held, lone).any()
    drawn = codec.decode([np.repeat(codec.encode(table)[0], 20)], rng).column("x").to_numpy()
    assert not np.isin(drawn, lone).any()
    assert drawn[drawn != 0].min() >= lone[4] and drawn.max() <= lone[-5]


@pytest.mark.parametrize("kind", ["integer", "number"])
def test_an_interval_is_not_one_value_of_too_few_records(kind: str) -> None:
    table = numbers([0] * 500 + [11, 22, 33] * 4, kind)
    assert np.unique(freeze(analyze(table)).encode(table)[0]).tolist() == [POOLED, 0]
    neighbours = numbers([0] * 500 + list(range(31, 41)), "integer")
    codec = freeze(analyze(neighbours)).columns[0]
    assert (codec.low.tolist(), codec.high.tolist()) == ([0, 35], [0, 36])
    with pytest.raises(DataError, match="seen in 5 records"):
        freeze(analyze(numbers([11, 22, 33] * 4, kind, constraints={"required": True})))


def test_negative_zero_is_zero() -> None:
    table = numbers([0.0, -0.0] * 20, "number")
    codec = freeze(analyze(table))
    assert codec.columns[0].cells == 2
    assert (codec.encode(table)[0] == 0).all()


def test_a_required_column_of_rare_categories_is_refused() -> None:
    schema = TableSchema(fields=(field("name", constraints={"required": True}),))
    table = Table.checked(pa.table({"name": [f"n{i}" for i in range(50)]}), schema)
    with pytest.raises(DataError, match="only rarer ones"):
        freeze(analyze(table))


def test_hundred_thousand_categories_need_no_dense_matrix() -> None:
    names = [f"c{i}" for i in range(100_000)]
    schema = TableSchema(fields=(field("c", categories=tuple(names)),))
    table = Table.checked(pa.table({"c": names}), schema)
    codec = freeze(analyze(table))
    codes = codec.encode(table)[0]
    assert codes.nbytes <= 4 * 100_000
    assert codec.decode([codes], np.random.default_rng(0)).data["c"].to_pylist() == names


def test_unseen_values_are_pooled_and_missing_ones_have_a_cell() -> None:
    table = numbers([1, 2, 3] * 10, "integer")
    codec = freeze(analyze(table))
    other = numbers([2, 9, None], "integer")
    assert codec.encode(other)[0].tolist() == [1, POOLED, 3]


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.integers(-300, 300), min_size=12, max_size=300),
    st.lists(st.integers(-2000, 2000), min_size=1, max_size=20),
    st.integers(1, 5),
)
def test_a_condition_takes_the_nearest_cell(values: list[int], asked: list[int], k: int) -> None:
    codec = freeze(analyze(numbers(values, "integer")), min_count=k).columns[0]
    if not len(codec.low):
        return
    column = pa.chunked_array([pa.array(asked)])
    found = codec.nearest(column)
    first, last = int(codec.low.min()), int(codec.high.max())
    scale = [v * codec.step + codec.offset for v in (first, last)]
    for value, code in zip(asked, found.tolist(), strict=True):
        unit = (value - codec.offset) // codec.step
        gaps = np.maximum(np.maximum(codec.low - unit, unit - codec.high), 0)
        reach = 0.5 * (last - first)
        if code == POOLED:
            assert unit < first - reach or unit > last + reach
        else:
            assert gaps[code] == gaps.min()
            assert scale[0] - 0.5 * (scale[1] - scale[0]) - codec.step <= value
    assert codec.nearest(pa.chunked_array([pa.array([None], pa.int64())]))[0] == codec.missing_cell
