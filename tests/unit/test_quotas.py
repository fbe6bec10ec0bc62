from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabsynth.errors import ConditionError, UsageError
from tabsynth.modelfile import Fitted
from tabsynth.quotas import interleaved, largest_remainder, shares_from_texts
from tabsynth.sampler import sample
from tabsynth.schema.model import TableSchema
from tabsynth.workflow import fit
from tests.zoo import every_type, field, generated

SCHEMA = TableSchema(fields=(field("sex"), field("job"), field("a=b"), field("age", "integer")))


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(every_type(), synthesizer="independent", seed=0)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30), st.integers(1, 5000))
def test_quotas_add_up_and_are_within_one_record(parts: list[int], n: int) -> None:
    if not sum(parts):
        parts[0] = 1
    shares = np.array(parts) / sum(parts)
    counts = largest_remainder(shares, n)
    assert counts.sum() == n
    assert np.all(np.abs(counts - shares * n) < 1 + 1e-6)
    assert np.all(counts[shares == 0] == 0)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=6), st.data())
def test_every_stretch_of_a_dealt_sequence_has_its_part(
    quotas: list[int], data: st.DataObject
) -> None:
    if not sum(quotas):
        quotas[0] = 1
    dealt = interleaved(np.array(quotas))
    assert np.bincount(dealt, minlength=len(quotas)).tolist() == quotas
    first = data.draw(st.integers(0, len(dealt)))
    last = data.draw(st.integers(first, len(dealt)))
    counts = np.bincount(dealt[first:last], minlength=len(quotas))
    parts = np.array(quotas) * (last - first) / len(dealt)
    assert np.all(np.abs(counts - parts) < len(quotas) + 1)


def test_texts_of_shares() -> None:
    found = shares_from_texts(["job"], ["sex=F:0.5,M:0.5", 'a=b="x, y":0.25,p:q:0.75'], SCHEMA)
    assert found == {
        "job": "equal",
        "sex": {"F": 0.5, "M": 0.5},
        "a=b": {"x, y": 0.25, "p:q": 0.75},
    }


@pytest.mark.parametrize(
    ("balance", "shares"),
    [
        ([], ["sex"]), ([], ["sex="]), ([], ["sex=F"]), ([], ["sex=F:half"]), ([], [""]),
        ([], ["sex=F:0.5,F:0.5"]), (["sex"], ["sex=F:1"]), (["sex", "sex"], []),
    ],
)  # fmt: skip
def test_malformed_texts_are_usage_errors(balance: list[str], shares: list[str]) -> None:
    with pytest.raises(UsageError):
        shares_from_texts(balance, shares, SCHEMA)


def test_shares_are_exact_and_shuffled(fitted: Fitted) -> None:
    drawn = sample(fitted, 1001, seed=0, shares={"ok": {True: 0.1, False: 0.9}})
    values = drawn.column("ok").to_pylist()
    assert Counter(values) == {True: 100, False: 901}
    assert 0 < values[:100].count(True) < 30
    assert drawn.data.equals(
        sample(fitted, 1001, seed=0, shares={"ok": {True: 0.1, False: 0.9}}).data
    )
    other = sample(fitted, 1001, seed=1, shares={"ok": {True: 0.1, False: 0.9}})
    assert values != other.column("ok").to_pylist()


def test_balance_gives_every_value_that_occurs_as_many_records(fitted: Fitted) -> None:
    drawn = sample(fitted, 300, seed=0, shares={"größe": "equal"}).column("größe").to_pylist()
    assert Counter(drawn) == {"klein": 100, "mittel": 100, "groß": 100}
    # no record is left without a value, though a tenth of the real ones have none
    grades = Counter(
        sample(fitted, 10, seed=0, shares={"grade": "equal"}).column("grade").to_pylist()
    )
    assert sorted(grades.values()) == [2, 2, 3, 3]


def test_several_columns_are_crossed_evenly(fitted: Fitted) -> None:
    shares = {"größe": "equal", "ok": {True: 0.25, False: 0.75}, "grade": {1: 0.5, 2: 0.5}}
    drawn = sample(fitted, 240, seed=0, shares=shares)  # type: ignore[arg-type]
    cells = Counter(zip(*(drawn.column(c).to_pylist() for c in shares), strict=True))
    for (_, ok, _), count in cells.items():
        assert abs(count - 240 / 3 * (0.25 if ok else 0.75) / 2) <= 2
    assert Counter(drawn.column("ok").to_pylist()) == {True: 60, False: 180}


def test_quotas_do_not_depend_on_chunks_or_workers(
    fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sample(fitted, 200, seed=3, shares={"ok": "equal"}).column("ok").to_pylist()
    monkeypatch.setattr("tabsynth.sampler.CHUNK_ROWS", 32)
    for workers in (1, 3):
        parts = sample(fitted, 200, seed=3, shares={"ok": "equal"}, workers=workers)
        assert parts.column("ok").to_pylist() == whole


def test_quotas_go_with_conditions_on_other_columns(fitted: Fitted) -> None:
    drawn = sample(fitted, 20, seed=0, given={"grade": 2}, shares={"ok": "equal"})
    assert drawn.column("grade").to_pylist() == [2] * 20
    assert Counter(drawn.column("ok").to_pylist()) == {True: 10, False: 10}
    each = pa.table({"grade": [0, 1, 2, None]})
    drawn = sample(fitted, seed=0, given=each, shares={"ok": "equal"})
    assert drawn.column("grade").to_pylist()[:3] == [0, 1, 2]
    with pytest.raises(UsageError, match="not given too"):
        sample(fitted, 20, given={"ok": True}, shares={"ok": "equal"})


@pytest.mark.parametrize(
    ("shares", "error"),
    [
        ({"ok": {True: 0.5}}, UsageError),
        ({"ok": {True: 1.5, False: -0.5}}, UsageError),
        ({"ok": {True: float("nan"), False: 1.0}}, UsageError),
        ({"ok": {}}, UsageError),
        ({"größe": "equal", "nothing": "equal"}, ConditionError),
        ({"ratio": "equal"}, ConditionError),
        ({"ok": "halves"}, ConditionError),
        ({"größe": {"riesig": 1.0}}, ConditionError),
        ({"grade": {"many": 1.0}}, ConditionError),
    ],
)
def test_shares_that_cannot_be_met_are_refused(
    fitted: Fitted, shares: dict[str, dict[object, float]], error: type[Exception]
) -> None:
    with pytest.raises(error):
        sample(fitted, 10, shares=shares)


def test_fewer_records_than_values_are_refused(fitted: Fitted) -> None:
    with pytest.raises(UsageError, match="at least 3 records"):
        sample(fitted, 2, shares={"größe": "equal"})


def test_invented_columns_have_no_quotas() -> None:
    with pytest.raises(ConditionError, match="column of categories"):
        sample(fit(generated(), synthesizer="independent", seed=0), 50, shares={"id": "equal"})
