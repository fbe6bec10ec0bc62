from __future__ import annotations

import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tabsynth.conditions import as_given, from_texts
from tabsynth.errors import ConditionError, DataError, UsageError
from tabsynth.modelfile import Fitted
from tabsynth.sampler import CHUNK_ROWS, draw, rows_to_draw, sample, sample_to
from tabsynth.workflow import fit
from tests.zoo import every_type, generated


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(every_type(), seed=0)


def test_default_size_is_about_the_training_table(fitted: Fitted) -> None:
    assert rows_to_draw(fitted, None, None) == 400
    assert sample(fitted, seed=0).num_rows == 400


@pytest.mark.parametrize("n", [0, -1])
def test_sizes_below_one_are_refused(fitted: Fitted, n: int) -> None:
    with pytest.raises(UsageError, match="at least 1 record"):
        sample(fitted, n)


def test_conditions_must_fit_the_size(fitted: Fitted) -> None:
    given = pa.table({"ok": [True, False]})
    with pytest.raises(ConditionError, match="1 or 5 conditions"):
        sample(fitted, 5, given=given)
    assert sample(fitted, 2, given=given, seed=0).num_rows == 2


def test_no_condition_is_no_condition_but_an_empty_table_is_a_mistake(fitted: Fitted) -> None:
    free = sample(fitted, 5, seed=0)
    assert sample(fitted, 5, seed=0, given={}).data.equals(free.data)
    with pytest.raises(ConditionError, match="at least one condition"):
        sample(fitted, given=pa.table({"ok": pa.array([], pa.bool_())}))


@pytest.mark.parametrize("value", ["\ud800", object(), 2**70])
def test_conditions_that_are_no_value_are_refused(fitted: Fitted, value: object) -> None:
    with pytest.raises(ConditionError, match="got another value"):
        sample(fitted, 2, given={"ok": value})


def test_conditions_are_checked_before_the_first_record(fitted: Fitted) -> None:
    with pytest.raises(ConditionError):
        draw(fitted, 10, seed=0, given={"nothing": 1}, workers=1)


def test_chunks_cross_their_border(fitted: Fitted) -> None:
    drawn = sample(fitted, CHUNK_ROWS + 10, seed=0)
    assert drawn.num_rows == CHUNK_ROWS + 10
    longer = sample(fitted, CHUNK_ROWS + 20, seed=0)
    assert longer.data.slice(0, CHUNK_ROWS).equals(drawn.data.slice(0, CHUNK_ROWS))


def test_conditions_cross_chunks(fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tabsynth.sampler.CHUNK_ROWS", 7)
    wanted = [i % 4 for i in range(30)]
    drawn = sample(fitted, given=pa.table({"grade": wanted}), seed=0, workers=2)
    assert drawn.column("grade").to_pylist() == wanted


def test_identifiers_run_on_over_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tabsynth.sampler.CHUNK_ROWS", 16)
    drawn = sample(fit(generated(), seed=0), 50, seed=0, workers=2)
    assert drawn.column("id").to_pylist() == list(range(1, 51))
    assert len(set(drawn.column("code").to_pylist())) == 50


def test_generated_columns_come_from_nowhere(fitted: Fitted) -> None:
    source = generated()
    drawn = sample(fit(source, seed=0), 200, seed=0)
    assert "remark" not in drawn.schema.names
    for name in ("id", "key", "name", "note"):
        assert not set(drawn.column(name).to_pylist()) & set(source.column(name).to_pylist())


def test_progress_counts_every_record(fitted: Fitted, tmp_path: Path) -> None:
    seen: list[int] = []
    out = tmp_path / "s.parquet"
    assert sample_to(out, fitted, 70_000, seed=0, progress=seen.append) == 70_000
    assert sum(seen) == 70_000
    assert pq.read_metadata(out).num_rows == 70_000


def test_a_failing_reader_stops_the_threads(fitted: Fitted) -> None:
    chunks = draw(fitted, 40 * CHUNK_ROWS, seed=0, given=None, workers=2)
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name.startswith("tabsynth-sample")]


def test_conditions_from_texts(fitted: Fitted) -> None:
    table = from_texts(["whole number=3", "ok=true"], fitted.schema)
    assert table.data.to_pydict() == {"whole number": [3], "ok": [True]}
    for wrong in (["ok"], ["ok=true", "ok=false"], ["ok="], ["whole number=three"], ["a=b=c"]):
        with pytest.raises(ConditionError):
            from_texts(wrong, fitted.schema)


def test_conditions_of_no_known_form_are_refused(fitted: Fitted) -> None:
    twice = pa.Table.from_arrays([pa.array([True])] * 2, names=["ok", "ok"])
    with pytest.raises(DataError, match="each column name once"):
        sample(fitted, 5, given=twice)
    with pytest.raises(ConditionError, match="a mapping"):
        sample(fitted, 5, given="ok=true")  # type: ignore[arg-type]


def test_conditions_from_frames_and_tables(fitted: Fitted) -> None:
    frame = every_type().to_pandas()[["ok", "born"]].head(3)
    table = as_given(frame, fitted.schema)
    assert table.num_rows == 3
    assert as_given(table, fitted.schema) is table
