"""The chain of trees as a whole."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tabsynth import Table, fit, infer_schema, load_model, sample
from tabsynth.errors import ConditionError, ModelFileError, UsageError
from tabsynth.modelfile import Fitted
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.synthesizers.protocol import ModelState
from tabsynth.synthesizers.trees import Trees


def table(records: int = 4000, seed: int = 0) -> Table:
    """x drives y and the text; `same` is x under another name; `coarse` follows from x."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 40, records)
    y = np.round(x + rng.normal(0, 2, records), 1)
    word = np.where(x + rng.normal(0, 4, records) > 20, "high", "low")
    raw = pa.table(
        {"x": x, "y": y, "word": word, "same": 3 * x + 1, "coarse": [f"c{v // 10}" for v in x]}
    )
    return Table.checked(raw, infer_schema(raw))


def fitted(**parameters: object) -> Fitted:
    return fit(table(), synthesizer="trees", parameters=parameters, seed=0)


def test_dependence_between_kinds_of_columns_is_kept() -> None:
    drawn = sample(fitted(), 4000, seed=1).to_pandas()
    real = table().to_pandas()
    assert abs(drawn["x"].corr(drawn["y"]) - real["x"].corr(real["y"])) < 0.01
    for frame in (drawn, real):
        frame["up"] = frame["x"] > 20
    gap = drawn.groupby("up")["word"].apply(lambda w: (w == "high").mean()) - real.groupby("up")[
        "word"
    ].apply(lambda w: (w == "high").mean())
    # 2,000 records a side: four standard errors and what large leaves smear
    assert gap.abs().max() < 0.06


def test_a_column_that_another_fixes_is_kept_exactly() -> None:
    model = fitted()
    drawn = sample(model, 20_000, seed=1).to_pandas()
    assert (drawn["same"] == 3 * drawn["x"] + 1).all()
    assert (drawn["coarse"] == "c" + (drawn["x"] // 10).astype(str)).all()
    assert any("Fixed by an earlier column" in line for line in model.describe())


def test_closeness_is_the_size_of_leaves() -> None:
    sizes = [Trees(closeness=c).leaf for c in (0.0, 0.5, 1.0)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 5
    # no smaller than the records that any figure rests on
    assert Trees(closeness=1.0, min_count=12).leaf == 12

    def moved(closeness: float) -> float:
        arrays = fitted(closeness=closeness).model.state().arrays
        return sum(np.abs(a.astype(float)).sum() for key, a in arrays.items() if "value" in key)

    far, near = moved(0.0), moved(1.0)
    assert far < near


@pytest.mark.parametrize(
    "parameters", [{"closeness": 1.1}, {"closeness": -0.1}, {"rounds": -1}, {"max_records": 1}]
)
def test_parameters_out_of_range_are_refused(parameters: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        fitted(**parameters)


def test_trees_on_a_sample_say_so() -> None:
    model = fitted(max_records=500)
    assert any("sample" in line for line in model.describe())
    assert not any("sample of the records" in line for line in fitted().describe())


def test_the_same_seed_gives_the_same_model_however_many_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = fitted().model.state()
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    second = fitted().model.state()
    assert first.settings == second.settings
    for key, array in first.arrays.items():
        np.testing.assert_array_equal(array, second.arrays[key], err_msg=key)


def test_a_model_survives_its_file(tmp_path: object) -> None:
    model = fitted()
    path = f"{tmp_path}/m.tabsynth"
    model.save(path)
    back = load_model(path)
    first, second = (sample(m, 500, seed=3).data.to_pydict() for m in (model, back))
    assert first == second


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("0.bins", lambda a: a[:-1]),
        ("0.bins", lambda a: a.astype(np.int64)),
        ("0.live", lambda a: a[::-1]),
        ("0.live", lambda a: a + 10_000),
        ("1.0.first", lambda a: a[::-1]),
        ("1.0.feature", lambda a: a + 30),
        ("1.0.choice", lambda a: a * 0),
        ("1.0.group", lambda a: a + 1),
        ("1.0.value", lambda a: a[:, ::-1][:, 1:]),
        ("1.0.ranks", lambda a: np.zeros((7, 128), np.uint8)),
        ("3.table", lambda a: a + 1000),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(key: str, change: object) -> None:
    model = fitted().model
    state = model.state()
    assert key in state.arrays
    arrays = {**state.arrays, key: change(state.arrays[key])}  # type: ignore[operator]
    with pytest.raises((ValueError, ModelFileError)):
        Trees.restore(model.schema, ModelState(state.settings, arrays))


def test_columns_of_a_context_are_given_and_never_drawn() -> None:
    rng = np.random.default_rng(0)
    group = rng.integers(0, 4, 2000)
    data = {"group": group, "size": group * 10 + rng.integers(0, 5, 2000)}
    fields = tuple(FieldSchema(name=name, type="integer") for name in data)
    whole = Table.checked(pa.table(data), TableSchema(fields=fields))
    model = Trees().fit_in_context(whole, ("group",), rng=np.random.default_rng(1))
    restored = Trees.restore(model.schema, model.state())
    asked = whole.select(TableSchema(fields=fields[:1])).take(np.arange(500))
    drawn = restored.sample(500, rng=np.random.default_rng(2), given=asked)
    assert drawn.column("group").equals(asked.column("group"))
    apart = drawn.column("size").to_numpy() - 10 * group[:500]
    assert np.mean((apart >= 0) & (apart < 5)) > 0.85
    assert [link.column for link in model.links] == [1]
    with pytest.raises(ConditionError, match="all columns of the context"):
        model.sample(5, rng=rng)
    with pytest.raises(ConditionError, match="all columns of the context"):
        model.sample(500, rng=rng, given=drawn)
