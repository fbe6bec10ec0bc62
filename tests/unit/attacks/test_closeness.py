"""Distances to the nearest record are shown, and can neither pass nor fail."""

from __future__ import annotations

import pytest

from tabsynth.attacks.closeness import closeness
from tabsynth.report.model import Result
from tests.leaks import compared


def by_name(results: list[Result]) -> dict[str, Result]:
    return {r.name: r for r in results}


def test_another_draw_lies_as_near_to_train_as_to_people_never_seen() -> None:
    found = by_name(closeness(compared("null")))
    assert found["dcr_share"].value == pytest.approx(0.5, abs=0.05)
    assert found["dcr_share"].reference == 0.5
    for result in found.values():
        assert result.ci_low <= result.value <= result.ci_high
        assert result.ci_high - result.ci_low < 0.1
    assert found["nearest_ratio"].value == pytest.approx(found["nearest_ratio"].reference, abs=0.05)


def test_a_copy_lies_nearer_to_train() -> None:
    found = by_name(closeness(compared("bootstrap")))
    # only a part of train as large as the control table is compared
    assert found["dcr_share"].ci_low > 0.55
    assert found["nearest_ratio"].value == 0.0
    assert found["nearest_ratio"].ci_high < found["nearest_ratio"].reference


@pytest.mark.parametrize("kind", ["null", "bootstrap"])
def test_whatever_they_are_they_decide_nothing(kind: str) -> None:
    for result in closeness(compared(kind, rows=300)):
        assert result.status == "diagnostic"
        assert result.tolerance is None
        assert result.method.endswith("can neither pass nor fail")
