from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from tabsynth import registry
from tabsynth.choice import PATIENCE, PREFERRED, choose, cost, listed, taking, traits
from tabsynth.errors import UsageError
from tabsynth.synthesizers.protocol import Size

SMALL = Size(1_000, (10,) * 8)
# so many records that trees, which grow on a sample, are still over in minutes
LONG = Size(50_000_000, (100,) * 15)


def test_trees_are_the_usual_choice() -> None:
    found = choose(SMALL, free=10**10)
    assert found.name == "trees"
    assert found.why and "most faithful" in found.why
    assert choose(SMALL, free=None) == found


def test_memory_that_is_not_there_rules_trees_out() -> None:
    needs = {n: cost(registry.synthesizer(n)(), SMALL) for n in PREFERRED}
    assert needs["gaussian_copula"].memory < needs["trees"].memory
    found = choose(SMALL, free=(needs["gaussian_copula"].memory + needs["trees"].memory) / 2)
    assert found.name == "gaussian_copula"
    assert found.why == "trees would not fit in memory"


def test_patience_ends() -> None:
    wide = Size(500_000, (100,) * 3_000)
    assert cost(registry.synthesizer("trees")(), wide).seconds > PATIENCE
    found = choose(wide, free=None)
    assert found.name == "gaussian_copula"
    assert "trees would take more than 10 minutes" in found.why


def test_the_least_demanding_is_named_where_nothing_fits() -> None:
    found = choose(LONG, free=1.0)
    assert found.name == "gaussian_copula"
    assert "gaussian_copula would not fit in memory" in found.why


def test_parameters_narrow_the_choice() -> None:
    assert list(taking(["min_count"])) == list(PREFERRED)
    assert list(taking(["closeness"])) == ["trees"]
    with pytest.raises(UsageError, match=r"expected one of .*, got 'speed'; name the synth"):
        taking(["min_count", "speed"])


def test_every_built_in_says_what_to_know() -> None:
    for name in (*PREFERRED, "independent"):
        assert traits(name) is not None
        line = listed(name)
        assert line.split()[0] == name
        assert registry.summary("synthesizers", name) in line
        assert "\n" not in line


@dataclass(frozen=True)
class Plain:
    """A plugin's synthesizer that says nothing of itself."""

    name: ClassVar[str] = "plain"
    summary: ClassVar[str] = "a plugin's"


def test_a_plugin_may_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN["synthesizers"], "plain", f"{__name__}:Plain")
    assert traits("plain") is None
    assert cost(Plain(), SMALL) is None
    assert listed("plain").endswith("[types, conditions, privacy and cost: not said]")
