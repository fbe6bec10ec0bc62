"""What every registered synthesizer does under conditions: against the data and its free draws."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from tabsynth import registry
from tabsynth.errors import ConditionError
from tabsynth.modelfile import Fitted
from tabsynth.sampler import sample
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.protocol import Conditional
from tabsynth.table import Table
from tests.quick import fit, fit_well
from tests.zoo import every_type, field

NAMES = [name for name in registry.names("synthesizers") if ":" not in name]
ROWS = 8000

pytestmark = pytest.mark.parametrize("name", NAMES)


def three() -> Table:
    """A latent normal pulls three columns along: what any of the models but one can learn."""
    rng = np.random.default_rng(5)
    z = rng.multivariate_normal([0, 0, 0], 0.7 + 0.3 * np.eye(3), ROWS)
    columns = {
        "score": np.round(50 + 10 * z[:, 0]).astype(int),
        "group": np.where(z[:, 1] > 0.3, "upper", "lower"),
        "late": np.where(z[:, 2] > 1.3, "yes", "no"),
    }
    fields = (field("score", "integer"), field("group"), field("late"))
    return Table.checked(pa.table(columns), TableSchema(fields=fields))


@pytest.fixture(scope="module")
def models() -> dict[str, Fitted]:
    return {}


@pytest.fixture
def fitted(name: str, models: dict[str, Fitted]) -> Fitted:
    if name not in models:
        models[name] = fit_well(three(), synthesizer=name, seed=0)
    return models[name]


def test_conditions_on_the_last_column_shape_the_earlier_ones(name: str, fitted: Fitted) -> None:
    """Against the real records with that value; 4 standard errors, false alarm 1 in 4,000."""
    real = three().data.to_pandas()
    met = real if name == "independent" else real[real["late"] == "yes"]
    drawn = sample(fitted, 3000, seed=0, given={"late": "yes"}).data.to_pandas()
    assert set(drawn["late"]) == {"yes"}
    error = np.sqrt(met["score"].var() * (1 / len(met) + 1 / 1500))
    assert abs(drawn["score"].mean() - met["score"].mean()) < 4 * error + 0.5
    upper, wanted = (float((t["group"] == "upper").mean()) for t in (drawn, met))
    assert (
        abs(upper - wanted) < 4 * np.sqrt(wanted * (1 - wanted) * (1 / len(met) + 1 / 1500)) + 0.01
    )


def test_conditional_draws_agree_with_free_draws_that_meet_them(name: str, fitted: Fitted) -> None:
    """Two samples of scores, Kolmogorov-Smirnov; false alarm below 1 in 1,000 per synthesizer."""
    free = sample(fitted, 60_000, seed=1).data.to_pandas()
    met = free[(free["late"] == "yes") & (free["group"] == "lower")]["score"].to_numpy()
    given = {"late": "yes", "group": "lower"}
    drawn = sample(fitted, 2000, seed=1, given=given).column("score").to_numpy()
    # weighted draws share particles, which makes them worth fewer
    assert stats.ks_2samp(met, drawn[::2]).pvalue > 1e-3


def test_odds_are_the_shares_of_free_draws(name: str, fitted: Fitted) -> None:
    """4 standard errors of a share in 60,000 records, and 10 % for the estimate itself."""
    model = fitted.model
    assert isinstance(model, Conditional)
    free = sample(fitted, 60_000, seed=2).data.to_pandas()
    given = {"late": ["yes", "no", "yes", None], "group": ["upper", "upper", "lower", "lower"]}
    schema = TableSchema(fields=(field("late"), field("group")))
    odds = model.odds(4, given=Table.checked(pa.table(given), schema), rng=np.random.default_rng(0))
    for late, group, found in zip(*given.values(), odds.probability, strict=True):
        met = (free["group"] == group) & ((free["late"] == late) | (late is None))
        share = float(met.mean())
        assert abs(found - share) < 4 * np.sqrt(share / 60_000) + 0.1 * share
    assert not odds.hopeless.any()


def test_mixed_conditions_are_met_record_by_record(name: str) -> None:
    table = every_type()
    fitted = fit(table, synthesizer=name, seed=0)
    rng = np.random.default_rng(0)
    known = {
        n: pa.array(table.column(n).to_pylist(), mask=rng.random(table.num_rows) < 0.5)
        for n in ("whole number", "größe", "born", "price", "ok")
    }
    drawn = sample(fitted, seed=0, given=pa.table(known))
    for n, column in known.items():
        values = drawn.column(n).to_pylist()
        wanted = column.to_pylist()
        assert all(w is None or w == v for w, v in zip(wanted, values, strict=True))
        free = [v for w, v in zip(wanted, values, strict=True) if w is None]
        assert len({v for v in free if v is not None}) > 1


def test_conditions_do_not_depend_on_workers(
    name: str, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tabsynth.sampler.CHUNK_ROWS", 64)
    given = three().data.slice(0, 300).select(["group", "late"])
    one = sample(fitted, given=given, seed=2, workers=1)
    assert one.data.equals(sample(fitted, given=given, seed=2, workers=3).data)


def test_a_number_near_by_counts_as_the_nearest_and_comes_out_as_given(
    name: str, fitted: Fitted
) -> None:
    ends = three().column("score").to_numpy()
    beyond = int(ends.max() + 3)
    drawn = sample(fitted, 300, seed=0, given={"score": beyond})
    assert drawn.column("score").to_pylist() == [beyond] * 300
    if name != "independent":
        assert np.mean([g == "upper" for g in drawn.column("group").to_pylist()]) > 0.8
    with pytest.raises(ConditionError, match="far outside"):
        sample(fitted, 5, given={"score": int(ends.max() + 3 * np.ptp(ends))})


def test_how_conditions_are_met_is_said_before_the_first_record(name: str, fitted: Fitted) -> None:
    said: list[str] = []
    sample(fitted, 50, seed=0, given={"late": "yes"}, say=said.append)
    assert len(said) == 1
    assert "estimated probability 0.0" in said[0] or "estimated probability 0.1" in said[0]
    assert ("effective sample size" in said[0]) == (name in ("trees", "ctgan", "tvae"))


def test_balanced_records_are_drawn_under_their_value(name: str, fitted: Fitted) -> None:
    drawn = sample(fitted, 600, seed=0, shares={"late": "equal"}).data.to_pandas()
    assert dict(drawn["late"].value_counts()) == {"yes": 300, "no": 300}
    scores = drawn.groupby("late", observed=True)["score"].mean()
    if name != "independent":
        assert scores["yes"] > scores["no"] + 8


def test_conditions_that_contradict_are_refused_before_any_record(name: str) -> None:
    """x and y go together closely; the independent columns know nothing of it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=4000)
    raw = pa.table(
        {"x": x, "other": rng.choice(["u", "v"], 4000), "y": x + 0.05 * rng.normal(size=4000)}
    )
    schema = TableSchema(fields=(field("x", "number"), field("other"), field("y", "number")))
    fitted = fit_well(Table.checked(raw, schema), synthesizer=name, seed=0)
    given = {"x": [0.5, 2.0, None], "y": [0.5, -2.0, 1.0]}
    if name == "independent":
        assert sample(fitted, given=pa.table(given), seed=0).num_rows == 3
        return
    with pytest.raises(
        ConditionError, match=r"estimated probability of .* in 1 of 3 conditions \(record 2\)"
    ):
        sample(fitted, given=pa.table(given), seed=0)
    with pytest.raises(
        ConditionError, match="'x', 'y': expected values that the model draws together"
    ):
        sample(fitted, 10, given={"x": 2.0, "y": -2.0})
