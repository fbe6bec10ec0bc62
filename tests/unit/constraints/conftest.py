from __future__ import annotations

import pytest

from tabsynth import registry
from tests.constrained import RULES


@pytest.fixture(autouse=True)
def rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "BUILT_IN", {**registry.BUILT_IN, "constraints": RULES})
