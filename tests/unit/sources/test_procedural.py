"""Specifications: what they draw, what conditions do to it, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from tabsynth.errors import ConditionError, DataError, SchemaError
from tabsynth.modelfile import Fitted
from tabsynth.sampler import sample
from tabsynth.schema.files import bundled
from tabsynth.simulated import simulate
from tabsynth.synthesizers.protocol import Conditional

RECORDS = 20_000


def made(*columns: dict[str, Any], **rest: Any) -> Fitted:
    return simulate({"source": "procedural", "columns": list(columns), **rest})


def column(name: str, kind: str, /, **rest: Any) -> dict[str, Any]:
    """A column; what belongs to its draw stands with an underscore."""
    own = {k[1:]: v for k, v in rest.items() if k.startswith("_")}
    return {"name": name, "draw": {"kind": kind, **own}} | {
        k: v for k, v in rest.items() if not k.startswith("_")
    }


def values(fitted: Fitted, name: str = "x", **given: Any) -> NDArray[Any]:
    drawn = sample(fitted, RECORDS, seed=0, given=given or None).column(name)
    return np.asarray(drawn.to_numpy(zero_copy_only=False))


CONTINUOUS = {
    "normal": ({"_mean": 3, "_sd": 2}, scipy.stats.norm(3, 2)),
    "lognormal": ({"_mu": 1, "_sigma": 0.5}, scipy.stats.lognorm(0.5, scale=np.e)),
    "exponential": ({"_mean": 4}, scipy.stats.expon(scale=4)),
    "gamma": ({"_shape": 2, "_scale": 3}, scipy.stats.gamma(2, scale=3)),
    "beta": ({"_alpha": 2, "_beta": 5}, scipy.stats.beta(2, 5)),
    "uniform": ({"_low": -1, "_high": 4}, scipy.stats.uniform(-1, 5)),
}
COUNTS = {
    "poisson": ({"_mean": 3}, scipy.stats.poisson(3)),
    "binomial": ({"_trials": 9, "_probability": 0.3}, scipy.stats.binom(9, 0.3)),
    "uniform": ({"_low": 1, "_high": 6}, scipy.stats.randint(1, 7)),
}


@pytest.mark.parametrize("kind", CONTINUOUS)
def test_numbers_follow_their_distribution(kind: str) -> None:
    own, wanted = CONTINUOUS[kind]
    drawn = values(made(column("x", kind, **own)))
    # fixed seed; a right distribution has p below 0.001 once in a thousand seeds
    assert scipy.stats.kstest(drawn, wanted.cdf).pvalue > 1e-3


@pytest.mark.parametrize("kind", COUNTS)
def test_counts_follow_their_distribution(kind: str) -> None:
    own, wanted = COUNTS[kind]
    drawn = values(made(column("x", kind, type="integer", **own)))
    seen, counts = np.unique(drawn, return_counts=True)
    np.testing.assert_allclose(counts / RECORDS, wanted.pmf(seen), atol=0.015)


@pytest.mark.parametrize("kind", CONTINUOUS)
def test_bounds_cut_a_distribution_without_a_heap(kind: str) -> None:
    own, free = CONTINUOUS[kind]
    low, high = (float(q) for q in free.ppf([0.2, 0.7]))
    drawn = values(made(column("x", kind, minimum=low, maximum=high, **own)))
    assert low <= drawn.min() < drawn.max() <= high
    assert scipy.stats.kstest(drawn, lambda x: (free.cdf(x) - 0.2) / 0.5).pvalue > 1e-3


def test_decimals_and_whole_numbers_are_kept() -> None:
    drawn = values(made(column("x", "normal", decimals=1, _mean=0, _sd=1)))
    np.testing.assert_allclose(drawn * 10, np.rint(drawn * 10), atol=1e-9)
    whole = values(made(column("x", "normal", type="integer", _mean=0, _sd=3)))
    assert whole.dtype.kind == "i"


def test_parameters_follow_other_columns_wherever_these_stand() -> None:
    fitted = made(
        column("y", "normal", _mean="2 * x + 1", _sd=0.1),
        column("z", "bernoulli", _probability={"by": "k", "values": {"a": 0.1}, "otherwise": 0.9}),
        column("x", "uniform", _low=0, _high=10),
        column("k", "categorical", _shares={"a": 1, "b": 3}),
    )
    assert fitted.schema.names == ("y", "z", "x", "k")
    drawn = sample(fitted, RECORDS, seed=1).to_pandas()
    assert np.abs(drawn.y - 2 * drawn.x - 1).max() < 0.6
    means = drawn.groupby("k", observed=True)["z"].mean()
    assert means["a"] == pytest.approx(0.1, abs=0.02)
    assert means["b"] == pytest.approx(0.9, abs=0.02)
    assert (drawn.k == "a").mean() == pytest.approx(0.25, abs=0.02)


def illness() -> Fitted:
    """Two causes of one sign; what the sign says of each can be worked out."""
    return made(
        column("ill", "bernoulli", _probability=0.1),
        column("cold", "bernoulli", _probability=0.3),
        column("sign", "categorical", _shares={
            "by": "ill",
            "values": {
                "true": {"yes": 0.9, "no": 0.1},
                "false": {"by": "cold", "values": {"true": {"yes": 0.5, "no": 0.5},
                                                   "false": {"yes": 0.02, "no": 0.98}}},
            },
        }),
        column("after", "bernoulli", _probability={"by": "ill", "values": {"true": 0.8},
                                                   "otherwise": 0.2}),
    )  # fmt: skip


def test_a_condition_on_a_child_moves_its_parents_as_bayes_says() -> None:
    fitted = illness()
    sign = 0.1 * 0.9 + 0.9 * (0.3 * 0.5 + 0.7 * 0.02)
    ill = 0.09 / sign
    drawn = sample(fitted, RECORDS, given={"sign": "yes"}, seed=0).to_pandas()
    # four standard errors of 20,000 records are 0.014
    assert drawn.ill.mean() == pytest.approx(ill, abs=0.03)
    assert drawn.cold.mean() == pytest.approx((0.027 + 0.9 * 0.15) / sign, abs=0.03)
    # what nobody asked about follows the parents as they are now
    assert drawn.after.mean() == pytest.approx(0.2 + 0.6 * ill, abs=0.03)
    model = fitted.model
    assert isinstance(model, Conditional)
    given = sample(fitted, 1, given={"sign": "yes"}, seed=0)
    given = given.select(given.schema.model_copy(update={"fields": (given.schema.field("sign"),)}))
    odds = model.odds(2000, given=given, rng=np.random.default_rng(0))
    assert odds.probability[0] == pytest.approx(sign, rel=0.15)
    assert np.isfinite(odds.effective[0])


def test_a_condition_on_a_number_moves_its_parent_as_bayes_says() -> None:
    fitted = made(column("x", "normal", _mean=0, _sd=1), column("y", "normal", _mean="x", _sd=1))
    drawn = values(fitted, y=2.0)
    assert drawn.mean() == pytest.approx(1, abs=0.06)
    assert drawn.std() == pytest.approx(np.sqrt(0.5), abs=0.06)


def test_roots_and_what_all_parents_are_given_for_are_exact() -> None:
    said: list[str] = []
    fitted = illness()
    for given in ({"ill": True}, {"ill": True, "cold": False, "sign": "yes"}):
        sample(fitted, 10, given=given, seed=0, say=said.append)
    assert all("met exactly" in line for line in said)
    sample(fitted, 10, given={"ill": True, "sign": "yes"}, seed=0, say=said.append)
    assert "effective sample size" in said[-1]


def test_what_is_not_recorded_is_decided_last() -> None:
    fitted = made(
        column("x", "normal", _mean=0, _sd=1, missing={"logistic": "3 * x"}),
        column("y", "normal", _mean="x", _sd=0.01),
    )
    drawn = sample(fitted, RECORDS, seed=0).to_pandas()
    gone = drawn.x.isna()
    assert gone.mean() == pytest.approx(0.5, abs=0.02)
    # y saw the value that nobody wrote down, and these were the high ones
    assert drawn.y[gone].mean() > 0.5
    assert drawn.y[~gone].mean() < -0.5
    assert sample(fitted, 500, given={"x": 1.0}, seed=0).column("x").null_count == 0


def test_a_recorded_value_says_something_of_what_hides_it() -> None:
    fitted = made(
        column("shy", "bernoulli", _probability=0.5),
        column("x", "normal", _mean=0, _sd=1,
               missing={"by": "shy", "values": {"true": 0.9, "false": 0.0}}),
    )  # fmt: skip
    drawn = values(fitted, "shy", x=0.0).astype(float)
    assert drawn.mean() == pytest.approx(0.1 / 1.1, abs=0.03)


def test_rules_are_kept_and_impossible_ones_refused() -> None:
    parts = (column("a", "uniform", _low=0, _high=1), column("b", "uniform", _low=0, _high=1))
    rule = {"kind": "inequality", "columns": ["a", "b"]}
    drawn = sample(made(*parts, constraints=[rule]), 500, seed=0).to_pandas()
    assert (drawn.a <= drawn.b).all()
    with pytest.raises(DataError):
        made(*parts, constraints=[{"kind": "expression", "expression": "a > 1.5"}])
    with pytest.raises(SchemaError, match="list what is allowed"):
        made(column("a", "bernoulli", _probability=0.5), column("b", "bernoulli", _probability=0.5),
             constraints=[{"kind": "combinations", "columns": ["a", "b"]}])  # fmt: skip


X = column("x", "normal", _mean=0, _sd=1)
REFUSED: dict[str, tuple[type[Exception], str, list[dict[str, Any]]]] = {
    "a circle": (SchemaError, "circle", [
        column("x", "normal", _mean="y", _sd=1), column("y", "normal", _mean="x", _sd=1)]),
    "a name twice": (SchemaError, "once", [X, X]),
    "an unknown column": (SchemaError, "no drawn column", [
        column("x", "normal", _mean="q", _sd=1)]),
    "an identifier as a parent": (SchemaError, "no drawn column", [
        {"name": "id", "generator": {"kind": "sequence"}},
        column("x", "normal", _mean="id", _sd=1)]),
    "code": (SchemaError, "expression", [column("x", "normal", _mean="__import__('os')", _sd=1)]),
    "an unknown distribution": (SchemaError, "x", [column("x", "zeta", _a=1)]),
    "an unknown key": (SchemaError, "unknown key", [{**X, "colour": 1}]),
    "a category without a value": (SchemaError, "no value for k 'b'", [
        column("k", "categorical", _shares={"a": 1, "b": 1}),
        column("x", "normal", _mean={"by": "k", "values": {"a": 1}}, _sd=1)]),
    "a category that never is": (SchemaError, "never is 'c'", [
        column("k", "categorical", _shares={"a": 1}),
        column("x", "normal", _mean={"by": "k", "values": {"a": 1, "c": 1}}, _sd=1)]),
    "an sd of 0": (DataError, "above 0", [column("x", "normal", _mean=0, _sd=0)]),
    "an sd below 0 now and then": (DataError, "records", [
        X, column("y", "normal", _mean=0, _sd="x")]),
    "a probability above 1": (DataError, "0 to 1", [column("x", "bernoulli", _probability=1.2)]),
    "shares of nothing": (DataError, "above 0", [column("x", "categorical", _shares={"a": 0})]),
    "bounds that hold nothing": (DataError, "bounds", [
        column("x", "uniform", minimum=5, _low=0, _high=1)]),
    "low above high": (DataError, "below high", [column("x", "uniform", _low=2, _high=1)]),
    "days in the wrong order": (SchemaError, "first at most last", [
        column("x", "dates", _first="2026-02-01", _last="2026-01-01")]),
    "no day": (SchemaError, "days", [column("x", "dates", _first="soon", _last="2026-01-01")]),
    "the wrong type": (SchemaError, "type", [
        column("x", "bernoulli", type="date", _probability=1)]),
    "a formula of the wrong type": (SchemaError, "type date", [
        X, column("d", "formula", type="date", _expression="x + 1")]),
    "texts to calculate with": (SchemaError, "numbers", [
        column("k", "categorical", _shares={"a": 1}), column("x", "normal", _mean="k + 1", _sd=1)]),
    "a number too large": (DataError, "column 'x'", [
        column("x", "lognormal", _mu=800, _sigma=1)]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused_when_the_model_is_made(case: str) -> None:
    error, words, columns = REFUSED[case]
    with pytest.raises(error) as caught:
        made(*columns)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_conditions_that_never_are_are_refused() -> None:
    fitted = made(
        column("k", "categorical", _shares={"a": 1, "b": 1}),
        column("x", "uniform", _low={"by": "k", "values": {"a": 0, "b": 5}},
               _high={"by": "k", "values": {"a": 1, "b": 6}}),
    )  # fmt: skip
    with pytest.raises(ConditionError, match="probability of 0"):
        sample(fitted, 10, given={"k": "a", "x": 5.5}, seed=0)
    assert set(sample(fitted, 10, given={"x": 5.5}, seed=0).column("k").to_pylist()) == {"b"}


def test_the_example_loads() -> None:
    assert simulate(bundled("examples/sources/clinic.yaml")).default_rows == 2000
