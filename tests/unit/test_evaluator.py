"""How metrics and attacks are run."""

from __future__ import annotations

import warnings

import pytest

from tabsynth import registry
from tabsynth.comparison import Comparison
from tabsynth.evaluator import judge
from tabsynth.report.model import Result
from tests.zoo import constant


def careless(comparison: Comparison) -> list[Result]:
    """A metric that does to the filters what a learner does in another thread's midst."""
    warnings.resetwarnings()
    warnings.warn("no filter is there", UserWarning, stacklevel=2)
    return []


def test_warnings_are_neither_shown_nor_left_changed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"{__name__}:{careless.__name__}"
    measures = {"metrics": {"careless": place}, "attacks": {}}
    monkeypatch.setattr(registry, "BUILT_IN", {**registry.BUILT_IN, **measures})
    table = constant()
    before = list(warnings.filters), warnings.showwarning
    with warnings.catch_warnings():
        # pytest records what is shown; here it would go to standard error
        judge(Comparison(table, table, table))
        assert warnings.filters == before[0]
    assert (list(warnings.filters), warnings.showwarning) == before
    assert capsys.readouterr().err == ""
