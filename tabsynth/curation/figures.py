"""Fidelity, diversity, bias and privacy of a synthetic table, before and after it was filtered."""

from __future__ import annotations

import numpy as np

from tabsynth.attacks.membership import exposed, look
from tabsynth.attacks.omnibus import Permutations
from tabsynth.comparison import Comparison
from tabsynth.evaluator import no_warnings
from tabsynth.learners import one_thread, shared_codes
from tabsynth.metrics.bias import group_shares
from tabsynth.metrics.copies import exact_copies
from tabsynth.metrics.detection import c2st_auc
from tabsynth.metrics.support import alpha_precision_beta_recall
from tabsynth.report.model import Result
from tabsynth.table import Table


def measure(comparison: Comparison) -> list[Result]:
    """All figures of one table; none of them decides anything.

    Privacy: reads all real records; not differentially private.
    """
    with no_warnings(), one_thread():
        found = [
            *c2st_auc(comparison), *alpha_precision_beta_recall(comparison), *diversity(comparison),
            *group_shares(comparison), *exact_copies(comparison),
        ]  # fmt: skip
        sight = look(comparison, comparison.rng("membership"))
        if isinstance(sight, Result):
            found.append(sight)
        else:
            deals = Permutations(sight.suspects, comparison.rng("deals"))
            found += exposed(sight, deals, comparison)
    return [r.model_copy(update={"status": "diagnostic"}) for r in found]


def diversity(comparison: Comparison) -> list[Result]:
    """Entropy of each category's column over the holdout's, and categories of it that occur."""
    results = []
    synthetic, holdout, train = (
        t.modelled for t in (comparison.synthetic, comparison.holdout, comparison.reference)
    )
    for field in synthetic.schema.fields:
        if not field.is_categorical:
            continue
        drawn, real, known = shared_codes(
            [t.column(field.name) for t in (synthetic, holdout, train)]
        )
        held = _entropy(real)
        shared = {"family": "fidelity", "column": field.name, "better": "higher", "unit": "ratio",
                  "n": len(drawn)}  # fmt: skip
        if held > 0:
            results.append(Result.model_validate({
                **shared, "name": "entropy_ratio", "value": _entropy(drawn) / held,
                "reference": _entropy(known) / held, "method": "over the holdout's",
            }))  # fmt: skip
        there = np.unique(real[real >= 0])
        if len(there):
            results.append(Result.model_validate({
                **shared, "name": "categories_kept", "unit": "share",
                "value": float(np.isin(there, drawn).mean()),
                "reference": float(np.isin(there, known).mean()),
                "method": "of the holdout's categories",
            }))  # fmt: skip
    return results


def with_synthetic(comparison: Comparison, synthetic: Table) -> Comparison:
    """The same real records, beside another synthetic table."""
    return Comparison(
        comparison.train, comparison.holdout, synthetic, seed=comparison.seed,
        protected=comparison.protected, target=comparison.target,
    )  # fmt: skip


def _entropy(codes: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float:
    share = np.unique(codes, return_counts=True)[1] / max(1, len(codes))
    return float(-(share * np.log(share)).sum())
