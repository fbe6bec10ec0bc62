from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import jsonschema
import numpy as np
import pandas as pd
import pytest

import tabsynth as ts
from tabsynth import registry
from tabsynth.contest import dealt_out
from tabsynth.errors import DataError, UsageError
from tabsynth.schema.files import bundled
from tabsynth.table import Table


@dataclass(frozen=True)
class Broken:
    """Breaks on every table, with a message that holds a value."""

    name: ClassVar[str] = "broken"
    summary: ClassVar[str] = "breaks"

    def fit(self, data: Table, *, rng: Any) -> Any:
        raise ZeroDivisionError("secret")


@pytest.fixture(autouse=True)
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN["synthesizers"], "broken", f"{__name__}:Broken")
    monkeypatch.setitem(registry.BUILT_IN["synthesizers"], "huge", "tests.huge:Huge")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=250)
    return pd.DataFrame({"x": x, "group": np.where(x > 0, "up", "down")})


def test_one_report_of_several(frame: pd.DataFrame) -> None:
    said: list[str] = []
    names = ["independent", "gaussian_copula", "broken", "huge"]
    report = ts.compare(frame, names, target="group", seed=1, parameters={"min_count": "7"},
                        say=said.append)  # fmt: skip
    assert report.verdict == "inconclusive"
    assert report.is_comparison
    per = report.provenance["synthesizers"]
    assert list(per) == names
    for name in names[:2]:
        assert per[name]["verdict"] == "inconclusive"
        assert per[name]["parameters"] == {"min_count": 7}
        assert per[name]["fit_seconds"] > 0
        assert per[name]["peak_memory"] >= 0
    assert per["broken"]["error"] == "ZeroDivisionError, a bug in it"
    assert "fit a sample" in per["huge"]["error"]
    assert "secret" not in report.to_json() + "".join(said)
    # the copula knows how the columns go together
    far = [report.find("c2st_auc", synthesizer=n).value for n in names[:2]]
    assert far[1] < far[0]
    assert {r.synthesizer for r in report.results} == set(names[:2])
    schema = json.loads(bundled("report.json").read_text())
    jsonschema.validate(json.loads(report.to_json()), schema)
    assert ts.Report.model_validate_json(report.to_json()) == report
    # each is judged as it would be alone
    train, holdout = ts.split(frame, seed=1)
    model = ts.fit(train, synthesizer="independent", parameters={"min_count": 7}, seed=1)
    drawn = ts.sample(model, train.num_rows, seed=1)
    alone = ts.evaluate(train, holdout, drawn, model=model, target="group", seed=1)
    own = [r for r in report.results if r.synthesizer == "independent"]
    assert [r.model_copy(update={"synthesizer": None}) for r in own] == list(alone.results)


def test_a_public_comparison_holds_no_seed(frame: pd.DataFrame) -> None:
    report = ts.compare(frame, ["independent"], seed=918_273, audience="public")
    assert report.audience == "public"
    assert "918273" not in report.to_json()
    assert "command" not in report.provenance


def test_when_all_fail_nothing_is_reported(frame: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"got none \(broken: ZeroDivisionError"):
        ts.compare(frame, ["broken", "huge"], seed=1)


def test_parameters_go_to_those_that_have_them() -> None:
    names = ["trees", "gaussian_copula"]
    given = {"closeness": "0.5", "min_count": 6, "gaussian_copula.min_count": 9}
    assert dealt_out(names, given) == {
        "trees": {"closeness": "0.5", "min_count": 6},
        "gaussian_copula": {"min_count": 9},
    }


@pytest.mark.parametrize(
    ("names", "parameters"),
    [
        ([], {}),
        (["trees", "trees"], {}),
        (["auto"], {}),
        (["magic"], {}),
        (["trees"], {"speed": 1}),
        (["trees"], {"independent.min_count": 1}),
        (["trees"], {"trees.speed": 1}),
        (["trees"], {"closeness": "much"}),
    ],
)
def test_wrong_arguments_are_refused(names: list[str], parameters: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        dealt_out(names, parameters)
