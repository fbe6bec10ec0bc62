"""Model files of the reference packages are opened with suspicion, as all are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tabsynth.backends.plain import Flattened, Rebuilt
from tabsynth.errors import ModelFileError
from tabsynth.modelfile import Fitted, load, save
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.protocol import ModelState
from tabsynth.table import Table
from tabsynth.workflow import fit
from tests.backends.conftest import quick


class Forged:
    """A model whose state is whatever a forger wants."""

    def __init__(self, schema: TableSchema, state: ModelState) -> None:
        self.schema, self._state = schema, state

    def state(self) -> ModelState:
        return self._state

    def describe(self) -> list[str]:
        return []


def forge(fitted: Fitted, path: Path, change: Callable[[Any, Any], None]) -> None:
    state = fitted.model.state()
    settings, arrays = json.loads(json.dumps(state.settings)), dict(state.arrays)
    change(settings, arrays)
    model: Any = Forged(fitted.model.schema, ModelState(settings, arrays))
    save(Fitted(model, fitted.schema, fitted.synthesizer, fitted.parameters), path)


def other_module(settings: Any, arrays: Any) -> None:
    settings["engine"]["copula"]["dict"][0][1][0]["dict"][-1][1] = "subprocess.Popen"


def other_class(settings: Any, arrays: Any) -> None:
    settings["engine"]["objects"][0]["class"] = "Popen"


def own_class(settings: Any, arrays: Any) -> None:
    settings["engine"]["objects"][0]["attributes"]["__class__"] = "x"


def shadow(settings: Any, arrays: Any) -> None:
    settings["engine"]["objects"][0]["attributes"]["reverse_transform"] = "x"


def small(settings: Any, arrays: Any) -> None:
    arrays["correlation"] = np.eye(2)


def no_columns(settings: Any, arrays: Any) -> None:
    settings["columns"] = []


@pytest.fixture(scope="module")
def copula(table: Table) -> Fitted:
    return fit(table, synthesizer="sdv:gaussian_copula", seed=0)


@pytest.mark.parametrize(
    "change", [other_module, other_class, own_class, shadow, small, no_columns]
)
def test_forged_parts_are_refused(
    change: Callable[[Any, Any], None], copula: Fitted, tmp_path: Path
) -> None:
    forge(copula, tmp_path / "m.tabsynth", change)
    with pytest.raises(ModelFileError):
        load(tmp_path / "m.tabsynth")


def test_weights_of_other_shapes_are_refused(table: Table, tmp_path: Path) -> None:
    fitted = fit(table, synthesizer="sdv:tvae", parameters=quick("sdv:tvae"), seed=0)
    for change in (
        lambda _, arrays: arrays.update({"weights.sigma": np.zeros(1)}),
        lambda _, arrays: arrays.pop("weights.sigma"),
    ):
        forge(fitted, tmp_path / "m.tabsynth", change)
        with pytest.raises(ModelFileError):
            load(tmp_path / "m.tabsynth")


def test_other_versions_are_refused(copula: Fitted, tmp_path: Path) -> None:
    def older(settings: Any, arrays: Any) -> None:
        settings["packages"]["sdv"] = "1.0.0"

    forge(copula, tmp_path / "m.tabsynth", older)
    with pytest.raises(ModelFileError, match=r"sdv 1\.0\.0.*other versions"):
        load(tmp_path / "m.tabsynth")


def test_the_forger_makes_good_files(copula: Fitted, tmp_path: Path) -> None:
    forge(copula, tmp_path / "m.tabsynth", lambda settings, arrays: None)
    assert load(tmp_path / "m.tabsynth").describe() == copula.describe()


def test_plain_values_come_back() -> None:
    flat = Flattened({"dtype": np.dtype})
    shared = {"a": (1, 2.5, float("inf")), None: [True, "x", np.float64(3)], "n": np.arange(3)}
    plain = json.loads(json.dumps(flat.value(shared), allow_nan=False))
    back = Rebuilt({}, flat.arrays, flat.objects).value(plain)
    assert back["a"] == (1, 2.5, float("inf"))
    assert back[None] == [True, "x", 3.0]
    assert back["n"].tolist() == [0, 1, 2]
    with pytest.raises(TypeError, match="a Path"):
        flat.value([type("Path", (), {})()])
    with pytest.raises(ValueError, match="known form"):
        Rebuilt({}, {}, []).value({"reduce": []})
