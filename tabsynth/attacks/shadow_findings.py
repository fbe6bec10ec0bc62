"""The figures of shadow fits: a p-value, and AUCs with intervals for kinds and for people."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.attacks.likelihood_ratio import PERMUTATIONS, Evidence, area_interval
from tabsynth.report.model import Result

RARE_ALARMS: Final = (
    "so few fits cannot show success at rare false alarms, so no such figure is given"
)

Floats = NDArray[np.float64]
_auc = partial(Result, family="privacy", reference=0.5, unit="AUC", status="diagnostic")


def findings(
    evidence: Evidence, kinds: tuple[str, ...], *, setting: str, rng: np.random.Generator
) -> list[Result]:
    """What the evidence about all targets amounts to.

    Args:
        evidence: of every target.
        kinds: why each was chosen; shape (targets,).
        setting: how the fits were made, in words.
        rng: of permutations and resamples.

    Returns:
        `deep_p`, `deep_auc`, `deep_best_auc` and `deep_target_auc`, see `shadow.shadow`.
    """
    areas, chance = evidence.areas(), evidence.areas_by_chance(rng)
    members = {kind: np.flatnonzero(np.array(kinds) == kind) for kind in dict.fromkeys(kinds)}
    return [
        _p_value(areas, chance, [*members.values(), np.arange(len(kinds))], setting),
        *_means(evidence, members, setting, rng),
        _best(areas, chance, setting),
        *_each(evidence, members, setting),
    ]


def _p_value(areas: Floats, chance: Floats, parts: list[NDArray[np.int64]], setting: str) -> Result:
    means = np.column_stack([chance[:, part].mean(axis=1) for part in parts])
    null = np.column_stack([chance, means])
    found = np.concatenate([areas, [areas[part].mean() for part in parts]])
    spread = null.std(axis=0)
    # where nothing varies, nothing is learnt
    spread[spread == 0] = np.inf
    greatest = ((null - 0.5) / spread).max(axis=1)
    reached = np.count_nonzero(greatest >= ((found - 0.5) / spread).max() - 1e-9)
    return Result(
        name="deep_p",
        family="privacy",
        value=(1 + reached) / (1 + len(null)),
        reference=0.5,
        better="higher",
        unit="p-value",
        n=len(areas),
        method=f"{setting}; {PERMUTATIONS} random deals of in and out; the greatest standardised "
        "AUC over the targets, the kinds of target and all",
    )


def _means(
    evidence: Evidence,
    members: dict[str, NDArray[np.int64]],
    setting: str,
    rng: np.random.Generator,
) -> list[Result]:
    areas, resampled = evidence.areas(), evidence.resampled(rng)
    draws = np.arange(len(resampled))[:, None]
    # targets are drawn again as well as fits; the fits are shared by all
    again = {
        kind: resampled[draws, rng.choice(rows, (len(resampled), len(rows)))]
        for kind, rows in members.items()
    }
    everyone: list[tuple[str | None, Floats, Floats]] = [
        (None, areas, np.concatenate(list(again.values()), axis=1)),
        *((kind, areas[rows], again[kind]) for kind, rows in members.items()),
    ]
    results = []
    for group, own, drawn in everyone:
        low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
        value = float(own.mean())
        results.append(
            _auc(
                name="deep_auc",
                group=group,
                value=value,
                n=len(own),
                ci_low=min(float(low), value),
                ci_high=max(float(high), value),
                method=f"{setting}; mean over {len(own)} targets; bootstrap over targets and fits; "
                f"{RARE_ALARMS}",
            )
        )
    return results


def _best(areas: Floats, chance: Floats, setting: str) -> Result:
    # chance alone varies most at 0.5, so its band holds anywhere
    band = float(np.quantile(np.abs(chance - 0.5).max(axis=1), 0.95))
    value = float(areas.max())
    return _auc(
        name="deep_best_auc",
        value=value,
        ci_low=max(value - band, 0.0),
        ci_high=min(value + band, 1.0),
        n=len(areas),
        method=f"{setting}; the greatest of {len(areas)} targets; the interval covers all at once, "
        f"by {PERMUTATIONS} random deals of in and out",
    )


def _each(evidence: Evidence, members: dict[str, NDArray[np.int64]], setting: str) -> list[Result]:
    areas = evidence.areas()
    half = evidence.inside.shape[1] // 2
    results = []
    for kind, rows in members.items():
        for place, row in enumerate(rows, 1):
            low, high = area_interval(float(areas[row]), half, half)
            results.append(
                _auc(
                    name="deep_target_auc",
                    group=f"{kind} {place}",
                    value=float(areas[row]),
                    ci_low=low,
                    ci_high=high,
                    n=2 * half,
                    method=f"{setting}; likelihood ratio learnt from the other fits; score "
                    "interval by Newcombe",
                )
            )
    return results
