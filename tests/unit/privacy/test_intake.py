"""Raw records to codes: each on its own, clipped, and never an error about a value."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.errors import DataError, PrivacyError, UndeclaredDomainError
from tabsynth.privacy.domain import Domain
from tabsynth.privacy.intake import admit, kept_records, record_codes, units_of
from tabsynth.privacy.spending import Account
from tabsynth.schema.model import FieldSchema, TableExtension, TableSchema
from tests.zoo import field


def codes(values: list[object] | pa.Array, one: FieldSchema) -> list[int]:
    made = Domain.declared(TableSchema(fields=(one,), missing_values=("", "?")))
    array = values if isinstance(values, pa.Array) else pa.array(values)
    return record_codes(
        pa.chunked_array([array]), made.codec.columns[0], made.schema, nullable=made.nullable[0]
    ).tolist()


BOUNDS = {"minimum": 0, "maximum": 9}
MUST = {"required": True}


def test_numbers_outside_are_clipped() -> None:
    column = field("x", "integer", constraints=BOUNDS)
    texts = ["3", "-7", "99", "", "?", None, "word", "1e400", "9" * 30]
    assert codes(texts, column) == [3, 0, 9, 10, 10, 10, 10, 10, 10]
    assert codes([3, -7, 2**62, None], column) == [3, 0, 9, 10]
    assert codes([3.0, 3.5, float("nan"), float("inf")], column) == [3, 10, 10, 10]


def test_numbers_outside_may_be_missing_and_broken_ones_have_a_cell() -> None:
    gone = field("x", "integer", constraints=BOUNDS, tabsynth={"out_of_range": "missing"})
    assert codes(["3", "-7", "99"], gone) == [3, 10, 10]
    always = field("x", "integer", constraints={**BOUNDS, **MUST})
    assert codes(["3", "-7", "99", "word", None], always) == [3, 0, 9, 0, 0]
    both = field(
        "x", "integer", constraints={**BOUNDS, **MUST}, tabsynth={"out_of_range": "missing"}
    )
    assert codes(["3", "-7", "99"], both) == [3, 0, 9]


def test_unknown_categories_go_to_other_else_missing_else_the_first() -> None:
    values = ["b", "a", "z", None, ""]
    assert codes(values, field("x", categories=("a", "b"))) == [1, 0, 2, 2, 2]
    assert codes(values, field("x", categories=("a", "b"), constraints=MUST)) == [1, 0, 0, 0, 0]
    other = {"other": "o"}
    listed = ("a", "b", "o")
    assert codes(values, field("x", categories=listed, tabsynth=other)) == [1, 0, 2, 3, 3]
    required = field("x", categories=listed, tabsynth=other, constraints=MUST)
    assert codes(values, required) == [1, 0, 2, 2, 2]
    whole = field("x", "integer", categories=(1, 2, 0), tabsynth={"other": 0})
    assert codes(["2", "1", "word", "7", None], whole) == [1, 0, 2, 2, 3]


def test_a_code_is_the_one_the_codec_gives() -> None:
    rng = np.random.default_rng(0)
    column = field("x", "number", constraints={"minimum": -3, "maximum": 3})
    codec = Domain.declared(TableSchema(fields=(column,))).codec.columns[0]
    values = pa.array(rng.uniform(-3, 3, 500))
    assert codes(values, column) == codec.encode(pa.chunked_array([values])).tolist()


def test_moments_and_booleans_are_read_and_clipped() -> None:
    days = field("x", "date", constraints={"minimum": "2020-01-01", "maximum": "2020-01-10"})
    assert codes(["2020-01-03", "1999-01-01", "2020-02-30", "2055-01-01"], days) == [2, 0, 10, 9]
    clock = field("x", "time", tabsynth={"cut_points": ("00:00:00", "12:00:00", "18:00:00")})
    assert codes(["11:59:59", "12:00:00", "23:00:00"], clock) == [0, 1, 1]
    assert codes([True, False, None], field("x", "boolean")) == [1, 0, 2]
    assert codes(["true", "0", "maybe"], field("x", "boolean", constraints=MUST)) == [1, 0, 0]


UNIT = TableExtension(privacy_unit="who", max_records_per_unit=2)
OWNED = TableSchema(
    fields=(
        field("who", tabsynth={"generator": {"kind": "uuid"}}),
        field("x", "integer", constraints={**BOUNDS, **MUST}),
    ),
    tabsynth=UNIT,
)


def test_at_most_so_many_records_of_a_unit_are_kept() -> None:
    who = ["a"] * 5 + ["b"] * 2 + ["c"] + [None, "", None]
    kept = kept_records(pa.chunked_array([pa.array(who)]), OWNED, 2)
    owners = [who[place] for place in kept]
    assert owners == ["a", "a", "b", "b", "c"]
    none = kept_records(pa.chunked_array([pa.array([], pa.string())]), OWNED, 2)
    assert none.tolist() == []


@pytest.mark.parametrize(
    ("kind", "spelled"),
    [
        ("integer", ["7", "07", " 7", "7.0", "+7"]),
        ("number", ["7", "7.00", "7e0", "70e-1"]),
        ("date", ["2020-01-02", " 2020-01-02"]),
        ("string", ["7", "7"]),
    ],
)
def test_two_spellings_of_a_unit_are_one_unit(kind: str, spelled: list[str]) -> None:
    # taken for several, one person would have more records than the noise hides
    schema = OWNED.model_copy(update={"fields": (field("who", kind), OWNED.fields[1])})
    column = pa.chunked_array([pa.array([*spelled, "8", "nobody", "Nobody", "", None])])
    of = units_of(column, schema).tolist()
    assert len(set(of[: len(spelled)])) == 1
    assert len(set(of[:-2])) == 4
    assert of[-2:] == [-1, -1]
    assert len(kept_records(column, schema, 1)) == 4


def test_units_of_any_type_are_told_apart() -> None:
    for column in (
        pa.array([7, 7, 8, None], pa.int64()),
        pa.array([7.0, 7.0, 8.5, float("nan")]),
        pa.array(["7", "7", "x", None]).dictionary_encode(),
    ):
        of = units_of(pa.chunked_array([column]), OWNED)
        assert of[0] == of[1] != of[2]
        assert of[3] == -1
    assert units_of(pa.chunked_array([pa.array([[1], [1]])]), OWNED).tolist() == [-1, -1]


def test_each_record_of_a_unit_is_as_likely_to_be_kept() -> None:
    who = pa.chunked_array([pa.array(["a"] * 4 + ["b"])])
    hits = np.zeros(5)
    for _ in range(400):
        hits[kept_records(who, OWNED, 2)] += 1
    assert hits[4] == 400
    # six standard deviations of a binomial of 400 and 1/2
    assert (np.abs(hits[:4] - 200) < 60).all()


def test_a_unit_needs_its_column_and_its_bound() -> None:
    table = pa.table({"x": [1, 2]})
    with pytest.raises(PrivacyError, match="the privacy unit's column 'who'"):
        admit(table, OWNED, Account(1.0))
    for ours in ({"privacy_unit": "who"}, {"max_records_per_unit": 3}):
        schema = OWNED.model_copy(update={"tabsynth": TableExtension(**ours)})
        with pytest.raises(PrivacyError, match="together, or neither"):
            admit(table, schema, Account(1.0))


def test_the_unit_bound_is_paid_for_in_noise() -> None:
    table = pa.table({"who": ["a", "a", "a", "b"], "x": ["1", "1", "1", "2"]})
    (one,) = admit(table, OWNED, Account(1.0)).marginals([(0,)], rho=0.5, stage="s")
    assert one.sigma == pytest.approx(2.0)


def test_columns_that_are_absent_or_undeclared_are_refused_before_records_are_read() -> None:
    schema = TableSchema(fields=(field("x", "integer", constraints=BOUNDS), field("y", "boolean")))
    with pytest.raises(DataError, match="no 'y'"):
        admit(pa.table({"x": [1]}), schema, Account(1.0))
    with pytest.raises(UndeclaredDomainError):
        admit(pa.table({"x": [1]}), TableSchema(fields=(field("x"),)), Account(1.0))


def test_an_empty_table_of_any_types_is_admitted() -> None:
    schema = TableSchema(fields=(field("x", "integer", constraints=BOUNDS), field("y", "boolean")))
    for kind in (pa.string(), pa.null(), pa.float64(), pa.dictionary(pa.int8(), pa.string())):
        raw = pa.table({"x": pa.array([], kind), "y": pa.array([], kind)})
        table = admit(raw, schema, Account(1.0))
        assert table.marginals([(0, 1)], rho=0.5, stage="s")[0].counts.shape == (11, 3)
