"""Figures under published names are those of the library or the paper they are named after."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from tabsynth.comparison import Comparison
from tabsynth.metrics.propensity import _main_effects, _propensity, null_pmse, pmse, s_pmse
from tabsynth.metrics.published import shape_error, trend_error
from tabsynth.metrics.support import (
    LEVELS,
    agreement,
    alpha_precision_beta_recall,
    covered_by,
    within_real_ball,
)
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tests.golden.published_figures import FIGURES, SDTYPES, cases, people
from tests.golden.published_points import FIGURES as POINTS
from tests.golden.published_points import clouds
from tests.golden.published_propensity import COLUMNS, tables
from tests.golden.published_propensity import FIGURES as PROPENSITIES
from tests.zoo import field

KINDS = {"numerical": "number", "datetime": "date", "categorical": "string", "boolean": "boolean"}
SCHEMA = TableSchema(fields=tuple(field(n, KINDS[kind]) for n, kind in SDTYPES.items()))
AUTHORS = json.loads(POINTS.read_text(encoding="utf-8"))
SYNTHGAUGE = json.loads(PROPENSITIES.read_text(encoding="utf-8"))
SDMETRICS = json.loads(FIGURES.read_text(encoding="utf-8"))


def table(frame: pd.DataFrame) -> Table:
    return Table.from_pandas(frame.assign(joined=frame["joined"].dt.date), SCHEMA)


@pytest.mark.parametrize("case", list(cases()))
def test_shape_and_trend_error_are_those_of_sdmetrics(case: str) -> None:
    real, synthetic = (table(frame) for frame in cases()[case])
    comparison = Comparison(real, real, synthetic)
    expected = SDMETRICS[case]
    shapes = {r.column: r.value for r in shape_error(comparison)}
    assert shapes.pop(None) == pytest.approx(expected["shape_error"], abs=1e-9)
    assert shapes == pytest.approx(expected["columns"], abs=1e-9)
    trends = {r.column: r.value for r in trend_error(comparison) if r.name == "trend_error"}
    assert trends.pop(None) == pytest.approx(expected["trend_error"], abs=1e-9)
    assert trends == pytest.approx(expected["pairs"], abs=1e-9)
    (strong,) = [r for r in trend_error(comparison) if r.name == "trend_error_associated"]
    assert strong.value == pytest.approx(expected["trend_error_associated"], abs=1e-9)


def test_published_figures_are_diagnostics() -> None:
    comparison = Comparison(*(table(people(300, s)) for s in (1, 2, 3)))
    for measure in (shape_error, trend_error, s_pmse, alpha_precision_beta_recall):
        assert {r.status for r in measure(comparison)} == {"diagnostic"}


def test_alpha_precision_and_beta_recall_follow_the_paper() -> None:
    """Alaa et al. (2022), equations 4, 5 and 8, point by point."""
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(60, 3)), rng.normal(0.7, 0.8, size=(70, 3))

    def distance(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.sqrt(sum((a - b) ** 2 for a, b in zip(x, y, strict=True))))

    precision, recall = [], []
    for level in LEVELS:
        radius = np.quantile([distance(x, real.mean(axis=0)) for x in real], level)
        inside = [distance(x, real.mean(axis=0)) <= radius for x in synthetic]
        precision.append(sum(inside) / len(synthetic))
        centre = synthetic.mean(axis=0)
        met = [min(synthetic, key=lambda y, x=x: distance(x, y)) for x in real]
        reach = np.quantile([distance(y, centre) for y in met], level)
        hits = 0
        for i, x in enumerate(real):
            own = min(distance(x, y) for j, y in enumerate(real) if j != i)
            nearest = min(synthetic, key=lambda y, x=x: distance(x, y))
            hits += distance(nearest, x) <= own and distance(nearest, centre) <= reach
        recall.append(hits / len(real))
    for flags, curve in (
        (within_real_ball(real, synthetic), precision),
        (covered_by(real, synthetic), recall),
    ):
        assert flags.mean(axis=0) == pytest.approx(curve)
        # equation 8: one minus twice the area between curve and diagonal
        area = np.trapezoid(np.abs(np.array(curve) - LEVELS), LEVELS)
        assert agreement(np.array(curve)) == pytest.approx(1 - 2 * area, abs=0.03)


@pytest.mark.parametrize("case", list(clouds()))
def test_alpha_precision_and_beta_recall_are_those_of_their_authors_code(case: str) -> None:
    real, synthetic = (points.astype(np.float64) for points in clouds()[case])
    expected = AUTHORS[case]
    precision = within_real_ball(real, synthetic).mean(axis=0)
    recall = covered_by(real, synthetic).mean(axis=0)
    # a point on the edge of a ball may fall on either side in single precision
    assert precision == pytest.approx(expected["precision"], abs=1.01 / len(synthetic))
    assert recall == pytest.approx(expected["recall"], abs=1.01 / len(real))
    assert agreement(precision) == pytest.approx(max(0, expected["alpha_precision"]), abs=1e-3)
    assert agreement(recall) == pytest.approx(max(0, expected["beta_recall"]), abs=1e-3)


def test_alpha_precision_and_beta_recall_of_known_tables() -> None:
    rng = np.random.default_rng(1)
    real, alike = rng.normal(size=(2, 2000, 4))
    far, middle = alike + 50, alike * 0.01

    def figures(synthetic: np.ndarray) -> tuple[float, float]:
        return (
            agreement(within_real_ball(real, synthetic).mean(axis=0)),
            agreement(covered_by(real, synthetic).mean(axis=0)),
        )

    assert figures(alike) == pytest.approx((1, 0.5), abs=0.06)
    assert figures(real) == pytest.approx((1, 1), abs=0.02)
    assert figures(far)[0] < 0.02
    assert figures(far)[1] < 0.02
    # all in the middle: among real records, but far too much so, and covering none at the edge
    assert figures(middle)[0] < 0.1
    assert figures(middle)[1] < 0.1


@pytest.mark.parametrize("case", list(cases()))
def test_pmse_of_single_numbers_is_that_of_synthgauge(case: str) -> None:
    for name in COLUMNS:
        real, synthetic = (t.to_numpy() for t in tables(*cases()[case], name))
        label = np.repeat([0.0, 1.0], [len(real), len(synthetic)])
        inputs = _main_effects(np.concatenate([real, synthetic]), np.array([False]))
        found = pmse(_propensity(inputs, label), float(label.mean()))
        assert found == pytest.approx(SYNTHGAUGE[case][name], rel=1e-3)


def test_pmse_over_its_null_is_one_for_another_sample_and_larger_for_a_shift() -> None:
    ratios = [
        s_pmse(Comparison(*(table(people(1200, 3 * s + i)) for i in range(3))))[0].value
        for s in range(20)
    ]
    # a chi squared of about 22 degrees over its mean: standard deviation 0.3 each
    assert np.mean(ratios) == pytest.approx(1, abs=0.25)
    shifted = Comparison(
        table(people(1200, 1)), table(people(1200, 2)), table(people(1200, 3, shift=0.4))
    )
    assert s_pmse(shifted)[0].value > 5


def test_pmse_is_that_of_a_plain_logistic_regression() -> None:
    rng = np.random.default_rng(0)
    schema = TableSchema(fields=(field("x", "number"), field("y", "number")))

    def draw(rows: int, shift: float) -> pd.DataFrame:
        return pd.DataFrame({"x": rng.normal(shift, 1, rows), "y": rng.normal(size=rows)})

    holdout, synthetic = draw(400, 0), draw(600, 0.3)
    tables = [Table.from_pandas(f, schema) for f in (holdout, holdout, synthetic)]
    together = pd.concat([synthetic, holdout]).to_numpy()
    label = np.repeat([1, 0], [600, 400])
    model = LogisticRegression(C=1e9, tol=1e-8).fit(together, label)
    expected = pmse(model.predict_proba(together)[:, 1], 0.6) / (2 * 0.4 * 0.6 / 1000)
    assert s_pmse(Comparison(*tables))[0].value == pytest.approx(expected, rel=1e-3)


def test_the_null_of_the_pmse_is_that_of_the_paper() -> None:
    """Snoke et al. (2018), section 3: records that were synthesised, k - 1 effects, no relation."""
    # k = 11, N = 2000 halves: 10 * 0.25 * 0.5 / 2000
    assert null_pmse(11, 0.5, 2000, other_sample=False) == pytest.approx(10 * 0.125 / 2000)
    assert null_pmse(11, 0.5, 2000, other_sample=True) == pytest.approx(10 * 0.25 / 2000)
