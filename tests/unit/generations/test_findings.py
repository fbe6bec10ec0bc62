from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from tabsynth.generations.findings import Study, find, smallest_real_share
from tabsynth.generations.journal import Outcome, Step
from tabsynth.generations.regimes import parse_regimes

REAL = {
    "variance_ratio_median": 1.1, "variance_ratio:age": 1.1, "rare_survival": 1.0, "tstr": 0.9,
    "c2st_auc": 0.5, "group_tv:sex=f": 0.02, "group_tv:sex=m": 0.02,
}  # fmt: skip


def study(figures: Callable[[str, int, int], dict[str, float]], regimes: str, **more: object):
    parsed = parse_regimes(regimes)
    outcomes = {
        Step(r.name, seed, g): Outcome(REAL | figures(r.name, seed, g))
        for r in parsed
        for seed in (0, 1, 2)
        for g in range(1, 9)
    }
    return Study(parsed, outcomes, dict.fromkeys((0, 1, 2), REAL), **more)


def test_half_lives_of_a_steady_decline() -> None:
    def decline(regime: str, seed: int, g: int) -> dict[str, float]:
        rate = 0.9 + 0.002 * seed if regime == "replace" else 1.0
        return {"variance_ratio_median": 1.1 * rate**g, "tstr": 0.5 + 0.4 * 0.8**g}

    floor, replace = find(study(decline, "replace"))
    half = replace.half_lives["variance_ratio_median"]
    assert half.generations == pytest.approx(math.log(2) / -math.log(0.902), rel=0.01)
    assert half.low < half.generations < half.high
    # of an AUC, what is beyond chance
    assert replace.half_lives["tstr"].generations == pytest.approx(math.log(2) / -math.log(0.8))
    assert floor.half_lives["variance_ratio_median"].generations is None
    # a ratio above 1 is as far as one below
    over = find(study(lambda r, s, g: {"variance_ratio_median": 1.1 / 0.9**g}, "replace"))[1]
    assert over.half_lives["variance_ratio_median"].generations == pytest.approx(6.58, abs=0.01)


def test_a_decline_that_may_be_chance_is_not_told() -> None:
    def noise(regime: str, seed: int, g: int) -> dict[str, float]:
        return {"variance_ratio_median": 1.1 * (1 - 0.01 * (seed - 0.5) * g)}

    assert find(study(noise, "replace"))[1].half_lives["variance_ratio_median"].generations is None


def test_what_leaves_the_tolerance_first() -> None:
    def figures(regime: str, seed: int, g: int) -> dict[str, float]:
        if regime == "bootstrap":
            return {}
        return {
            "rare_survival": 1 - 0.05 * g,
            "variance_ratio:age": 1.1 * (1 - 0.1 * g),
            "variance_ratio:pay": 3.0 * (1 - 0.1 * g),
            "group_tv:sex=f": 0.02 + 0.02 * g,
            "c2st_auc": 0.99,
        }

    floor, replace = find(study(figures, "replace"))
    assert (replace.figure.what, replace.figure.generation) == ("rare_survival", 5)
    # without a reference there is nothing to hold a column to
    assert (replace.column.what, replace.column.generation) == ("age", 3)
    assert (replace.group.what, replace.group.generation) == ("sex=f", 3)
    assert not replace.within
    assert floor.within and floor.column is None and floor.group is None
    assert find(study(figures, "replace"), tolerance=0.5)[1].within


@pytest.mark.parametrize(
    ("lost", "share"),
    [
        ({}, 0.0),
        ({"replace"}, 0.1),
        ({"replace", "mix:0.1"}, 0.5),
        # a smaller share that happens to do is not trusted where a larger one does not
        ({"replace", "mix:0.5"}, None),
        ({"accumulate"}, 0.0),
    ],
)
def test_the_smallest_share_of_real_records(lost: set[str], share: float | None) -> None:
    def figures(regime: str, seed: int, g: int) -> dict[str, float]:
        return {"rare_survival": 0.5} if regime in lost and g == 4 else {}

    findings = find(study(figures, "replace,mix:0.5,mix:0.1,accumulate"))
    assert smallest_real_share(findings) == share


def test_a_chain_that_ended_is_not_within() -> None:
    whole = study(lambda r, s, g: {}, "replace")
    ended = {**whole.outcomes, Step("replace", 1, 4): Outcome({}, "nothing left")}
    finding = find(Study(whole.regimes, ended, whole.references))[1]
    assert finding.ended == (4, "nothing left")
    assert not finding.within
    assert smallest_real_share([finding]) is None
