"""Measures by group agree with fairlearn's MetricFrame, and redrawn ones with redrawn records."""

from __future__ import annotations

import numpy as np
import pytest
from fairlearn.metrics import (
    MetricFrame,
    count,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from sklearn.metrics import precision_score, roc_auc_score

from tabsynth.bias.quality import MEASURES, quality

NAMES = list(MEASURES)


def scene(rows: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    codes = rng.integers(0, 3, rows)
    truth = (rng.random(rows) < 0.3 + 0.1 * codes).astype(float)
    # ties too
    guess = np.round(np.clip(0.45 * truth + rng.random(rows) * 0.7, 0, 1), 2)
    return codes, truth, guess


def test_by_group_the_figures_are_fairlearns() -> None:
    codes, truth, guess = scene()
    found = quality(codes, 3, truth, guess, weights=np.ones((1, len(codes))))
    decided = (guess >= 0.5).astype(float)
    oracle = MetricFrame(
        metrics={
            "selection_rate": selection_rate,
            "tpr": true_positive_rate,
            "fpr": false_positive_rate,
            "ppv": precision_score,
            "count": count,
        },
        y_true=truth,
        y_pred=decided,
        sensitive_features=codes,
    )
    for name in ("selection_rate", "tpr", "fpr", "ppv"):
        ours = found.values[:, NAMES.index(name)]
        np.testing.assert_allclose(ours, oracle.by_group[name])
        assert np.ptp(ours) == pytest.approx(oracle.difference()[name])
        assert ours.min() / ours.max() == pytest.approx(oracle.ratio()[name])
    np.testing.assert_array_equal(found.counts[:, 0], oracle.by_group["count"])
    ranking = MetricFrame(
        metrics=roc_auc_score, y_true=truth, y_pred=guess, sensitive_features=codes
    )
    np.testing.assert_allclose(found.values[:, NAMES.index("auc")], ranking.by_group)
    offset = MetricFrame(
        metrics=lambda y, p: float(np.mean(p - y)),
        y_true=truth, y_pred=guess, sensitive_features=codes,
    )  # fmt: skip
    np.testing.assert_allclose(found.values[:, NAMES.index("calibration")], offset.by_group)


def test_counts_are_the_records_a_figure_rests_on() -> None:
    codes, truth, guess = scene()
    found = quality(codes, 3, truth, guess, weights=np.ones((1, len(codes))))
    own = codes == 1
    positives, negatives = int(truth[own].sum()), int((1 - truth[own]).sum())
    expected = [own.sum(), positives, negatives, (guess[own] >= 0.5).sum(),
                min(positives, negatives), own.sum()]  # fmt: skip
    assert found.counts[1].tolist() == expected


def test_redrawn_figures_are_those_of_redrawn_records() -> None:
    codes, truth, guess = scene()
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(codes), len(codes))
    weights = np.bincount(rows, minlength=len(codes)).astype(float)[None]
    redrawn = quality(codes, 3, truth, guess, weights=weights).drawn[0]
    again = quality(codes[rows], 3, truth[rows], guess[rows], weights=weights).values
    exact = [i for i, n in enumerate(NAMES) if n != "auc"]
    np.testing.assert_allclose(redrawn[:, exact], again[:, exact])
    # the AUC is linear in the records, so close only
    np.testing.assert_allclose(redrawn, again, atol=0.01)


def test_groups_without_records_or_outcomes_have_no_figure() -> None:
    codes = np.array([0, 0, 2])
    found = quality(codes, 3, np.array([0.0, 0.0, 1.0]), np.full(3, 0.2), weights=np.ones((2, 3)))
    assert np.isnan(found.values[1]).all()
    assert found.values[0, NAMES.index("fpr")] == 0
    for name in ("tpr", "ppv", "auc"):
        assert np.isnan(found.values[0, NAMES.index(name)])
