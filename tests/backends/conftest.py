"""Tests of the reference packages, which need the extra `sdv`: `make test` runs them where it is.

It needs an older pandas than the rest is tested with, so it has an environment of its own; in the
other one these files are not collected.
"""

from __future__ import annotations

import dataclasses
from importlib.util import find_spec
from typing import Any, Final

import pytest

from tabsynth import registry
from tabsynth.modelfile import Fitted
from tabsynth.table import Table
from tabsynth.workflow import fit
from tests.e2e.conftest import tabsynth
from tests.zoo import every_type

if find_spec("sdv") is None:
    collect_ignore_glob = ["test_*.py"]

NAMES: Final = [name for name in registry.names("synthesizers") if ":" in name]
__all__ = ["tabsynth"]

WITH_RECORDS: Final = ("sdv:ctgan", "ctgan:ctgan")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `name` runs for every reference synthesizer."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", NAMES, scope="session")


def quick(name: str) -> dict[str, Any]:
    """Parameters with which a fit takes no time."""
    known = {f.name for f in dataclasses.fields(registry.synthesizer(name))}
    return {"epochs": 2} if "epochs" in known else {}


@pytest.fixture(scope="session")
def table() -> Table:
    """All types, a tenth of the cells missing."""
    return every_type()


@pytest.fixture(scope="session")
def fitted(name: str, table: Table) -> Fitted:
    """One model of that table."""
    return fit(table, synthesizer=name, parameters=quick(name), seed=0)
