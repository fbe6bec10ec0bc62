"""Alpha-precision and beta-recall: whether each table's records lie where the other's do."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.comparison import Comparison, dealt, no_figure
from tabsynth.learners import features, one_thread
from tabsynth.metrics.detection import indicators
from tabsynth.metrics.figure import Figure, Measure
from tabsynth.report.model import Result

MAX_SIDE: Final = 5000
MIN_SIDE: Final = 50
LEVELS: Final = np.linspace(0, 1, 30)
GROUPS: Final = 20

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


def alpha_precision_beta_recall(comparison: Comparison) -> list[Result]:
    """Whether synthetic records lie among real ones, and whether real ones are covered.

    Returns:
        `alpha_precision`: 1 where, for every alpha, a share alpha of the synthetic records lies
        within the ball that holds a share alpha of the holdout. `beta_recall`: 1 where, for every
        beta, a share beta of the holdout has a synthetic record of the innermost share beta closer
        than its nearest holdout record; a table of real records gets about a half. Within 0 and
        1, higher is better. Diagnostics, to be set beside published tables: one ball is a poor
        picture of a table. No figure with fewer than 50 records on a side.

    Privacy: reads holdout and training records; not differentially private.

    Source: Alaa, van Breugel, Saveliev and van der Schaar (2022), arXiv:2102.08921, without their
        learnt embedding: on normal scores of numbers and indicators of categories.
    """
    small = comparison.modelled
    tables = [small.holdout, small.synthetic, small.reference, small.baseline, *small.draws]
    fewest = min(t.num_rows for t in tables)
    names = ("alpha_precision", "beta_recall")
    if fewest < MIN_SIDE:
        needed = f"needs at least {MIN_SIDE} records of each table"
        found = [no_figure(n, "fidelity", unit="index", n=fewest, method=needed) for n in names]
        update = {"better": "higher", "status": "diagnostic"}
        return [f.model_copy(update=update) for f in found]
    rng = comparison.rng("alpha_precision")
    arrays, categorical = features(tables)
    size = min(MAX_SIDE, fewest)
    orders = [rng.permutation(len(a))[:size] for a in arrays]
    picked = [a[order] for a, order in zip(arrays, orders, strict=True)]
    points = indicators(np.concatenate(picked), categorical).astype(np.float64)
    real, *others = np.split(points, len(picked))
    with one_thread():
        precision = [within_real_ball(real, other) for other in others]
        recall = [covered_by(real, other) for other in others]
    results = []
    for name, flags, of in zip(names, (precision, recall), (1, 0), strict=True):
        measure = Measure(
            name,
            "index",
            f"{size:,} records against as many of the holdout, scaled columns without an "
            f"embedding; jackknife over {GROUPS} groups",
            size,
            comparison.seed,
            better="higher",
            diagnostic=True,
        )
        value, reference, baseline, *draws = (agreement(f.mean(axis=0)) for f in flags)
        groups = dealt(tables[of].units[orders[of]], GROUPS, rng)
        figure = Figure(value, _error(flags[0], groups), reference, baseline, draws=tuple(draws))
        results.append(measure.result(figure))
    return results


def within_real_ball(real: Numbers, synthetic: Numbers) -> Flags:
    """Which synthetic points lie within the ball of each share of the real ones.

    Args:
        real: shape (records, coordinates).
        synthetic: shape (others, coordinates).

    Returns:
        Shape (others, levels): the mean over records is P_alpha of the paper's equation 4.
    """
    centre = real.mean(axis=0)
    radii = np.quantile(np.linalg.norm(real - centre, axis=1), LEVELS)
    flags: Flags = np.linalg.norm(synthetic - centre, axis=1)[:, None] <= radii
    return flags


def covered_by(real: Numbers, synthetic: Numbers) -> Flags:
    """Which real points have a synthetic one of each innermost share closer than any real one.

    Args:
        real: shape (records, coordinates).
        synthetic: shape (others, coordinates).

    Returns:
        Shape (records, levels): the mean over records is R_beta of the paper's equation 5, with
        the nearest real neighbour. The innermost share is one of the synthetic points that are
        nearest to real ones, as in the authors' code; the paper's equation has all of them.
    """
    from sklearn.neighbors import NearestNeighbors

    own = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(real).kneighbors(real)[0][:, 1]
    away, nearest = (
        NearestNeighbors(n_neighbors=1, algorithm="brute").fit(synthetic).kneighbors(real)
    )
    inner = np.linalg.norm(synthetic - synthetic.mean(axis=0), axis=1)
    inner = inner[nearest[:, 0]]
    close = away[:, 0] <= own
    flags: Flags = close[:, None] & (inner[:, None] <= np.quantile(inner, LEVELS))
    return flags


def agreement(curve: Numbers) -> float:
    """One minus twice the area between a curve and the diagonal, at least 0.

    Source: Alaa et al. (2022), equation 8, the integral being a sum as in their code.
    """
    step = LEVELS[1] - LEVELS[0]
    return max(0.0, 1 - 2 * float(np.sum(np.abs(curve - LEVELS)) * step))


def _error(flags: Flags, groups: NDArray[np.int64]) -> float:
    left_out = [agreement(flags[groups != g].mean(axis=0)) for g in range(GROUPS)]
    return float(np.sqrt((GROUPS - 1) * np.var(left_out)))
